//! `Asker`: performs the reads of a preview, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::budget::Budgets;
use super::error::CliError;
use super::{PROGRAM, connections};
use crate::action::preview::{may_be_asked, requests};
use crate::action::{ActionCall, Actions, Performer};
use crate::api::budget::Windows;
use crate::api::http::BaseUrl;
use crate::engine::{Answer, Prospect, StepPreview};
use crate::plan::{Partly, Plan, Step};
use crate::run::{Call, Outcome};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::types::{Clock, RunId, StepId, SystemClock, format_duration};

/// Performs the reads of a preview, in the real world or in a sandbox that nobody keeps.
pub(super) struct Asker {
    actions: Actions,
    directory: PathBuf,
    sandbox: Option<Sandbox>,
    /// What was answered, by the question: what is equal is asked once.
    answered: HashMap<String, Answer>,
    /// The requests that were sent for it.
    sent: u32,
}

impl Asker {
    pub(super) async fn new(
        plan: &Plan,
        url: Option<&BaseUrl>,
        here: &Path,
        budgets: &Budgets<'_>,
    ) -> Result<Self, CliError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (regfish, sandbox) = match url {
            Some(url) => {
                let (url, clock) = (url.clone(), Arc::clone(&clock));
                (connections::regfish(plan, url, clock, budgets).await?, None)
            }
            None => {
                let options = SandboxOptions::embedded(Arc::clone(&clock));
                let key = options.api_key.clone();
                let sandbox = Sandbox::start(options).await?;
                let url = BaseUrl::parse(&sandbox.base_url())
                    .map_err(|error| CliError::failure(error.to_string()))?;
                let budget = budgets.embedded(Windows::regfish(), &url, Arc::clone(&clock));
                (connections::client(url, key, Arc::clone(&clock), budget)?, Some(sandbox))
            }
        };
        // No step that is asked here makes a key; were one to try, it would find no folder.
        let actions = Actions {
            regfish: Some(regfish),
            resolver: None,
            outside: None,
            // What DigiCert says of an order is the step's own business, not a preview's.
            digicert: None,
            clock,
            key_directory: PathBuf::new(),
            passphrase: None,
            desk: None,
        };
        let directory = here.to_owned();
        Ok(Self { actions, directory, sandbox, answered: HashMap::new(), sent: 0 })
    }

    /// Asks what may be asked, until an answer makes nothing more known; `evaluate` gives the steps
    /// as the answers so far make them. Returns the steps that were asked.
    pub(super) async fn ask_all(
        &mut self,
        plan: &Plan,
        answers: &mut BTreeMap<StepId, Answer>,
        evaluate: impl Fn(&BTreeMap<StepId, Answer>) -> Result<Vec<StepPreview>, CliError>,
    ) -> Result<BTreeSet<StepId>, CliError> {
        let mut asked = BTreeSet::new();
        loop {
            let next = evaluate(answers)?.into_iter().find_map(|preview| {
                let step = plan.steps.get(&preview.id)?;
                let due = preview.prospect == Prospect::Runs
                    && may_be_asked(&step.uses, &preview.parameters);
                due.then_some((step, preview))
            });
            let Some((step, preview)) = next else { return Ok(asked) };
            let question = question(step, &preview);
            let answer = match self.answered.get(&question) {
                Some(answer) => answer.clone(),
                None => {
                    let requests = requests(&step.uses, &preview.parameters).len();
                    self.sent += u32::try_from(requests).unwrap_or(u32::MAX);
                    let answer = self.ask(step, &preview).await;
                    self.answered.insert(question, answer.clone());
                    answer
                }
            };
            asked.insert(step.id.clone());
            answers.insert(step.id.clone(), answer);
        }
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    async fn ask(&self, step: &Step, preview: &StepPreview) -> Answer {
        let known = |(name, value): (&String, &Partly)| {
            value.known().map(|value| (name.clone(), value.clone()))
        };
        let call = ActionCall {
            run: RunId::from_random(0),
            step: step.id.clone(),
            uses: step.uses.clone(),
            call: Call::Perform,
            parameters: Arc::new(preview.parameters.iter().filter_map(known).collect()),
            directory: self.directory.clone(),
            owned_by_others: BTreeSet::new(),
            unfinished_runs: Arc::default(),
            keys: Vec::new(),
            order: None,
        };
        let answer = tokio::time::timeout(step.timeout, self.actions.perform(call));
        match answer.await {
            Ok(Outcome::Succeeded { output, .. }) => Answer::Output(output),
            Ok(Outcome::Failed { error, .. }) => Answer::Failed(error.message),
            Ok(_) => Answer::Failed(format!("{PROGRAM} cannot preview `{}`", step.uses)),
            Err(_) => Answer::Failed(format!("no answer within {}", format_duration(step.timeout))),
        }
    }

    pub(super) async fn end(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

/// What a step asks, as text: equal texts are one question.
pub(super) fn question(step: &Step, preview: &StepPreview) -> String {
    let parameters: Map<String, Value> =
        preview.parameters.iter().map(|(name, value)| (name.clone(), value.shown())).collect();
    format!("{} {}", step.uses, Value::Object(parameters))
}
