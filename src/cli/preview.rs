//! `certplan preview`: what a run would do, and nothing done.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::arguments::{OutputFormat, PreviewArguments};
use super::batch::preview_inventory;
use super::budget::Budgets;
use super::connections::{self, DIGICERT, DIGICERT_PATH, Settings};
use super::console::Console;
use super::earlier::{NewRun, Verdict, weigh};
use super::endpoints::Endpoints;
use super::error::CliError;
use super::exit::ExitCode;
use super::foresight::doubts;
use super::graph::costs_money;
use super::inputs;
use super::needed_secrets::{self, Imitated, SecretSearch};
use super::plan_file::load_plan;
use super::preview_asker::Asker;
use super::preview_summary::{Foreseen, World, summary};
use super::run::refuse_targets;
use super::state_directory::{StateDirectory, working_directory};
use crate::action::preview::{Fact, Term, facts, refusal, requests, term};
use crate::api::http::{BaseUrl, Method};
use crate::engine::{Answer, Prospect, StepPreview, preview_with_refusals as evaluate};
use crate::plan::{OnTimeout, Partly, Plan, Step, find_signature};
use crate::report::preview::{
    Count, EarlierEffect, EarlierView, PreviewStepView, PreviewView, ProspectView, RequestCount,
    RequestView,
};
use crate::types::{RunId, StepId, Timestamp, format_duration};

/// Where an embedded sandbox answers is known only once it runs.
const SANDBOX_URL: &str = "http://‹sandbox›";

pub(super) async fn preview(
    arguments: PreviewArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    if !arguments.batch.inventory.is_empty() {
        return preview_inventory(arguments, console).await;
    }
    let Some(plan) = &arguments.plan else {
        return Err(CliError::usage("neither a plan nor an inventory is named"));
    };
    refuse_targets(arguments.again.as_deref())?;
    let loaded = load_plan(plan, console)?;
    let plan = Arc::clone(&loaded.plan);
    let settings = Settings::parse(&arguments.settings.set)?;
    let inputs = inputs::inputs(&plan, &arguments.inputs)?;
    let target = inputs::target(&plan, arguments.target.clone(), &inputs);
    let endpoints = if arguments.sandbox {
        Endpoints::default()
    } else {
        Endpoints::new(&plan, &inputs, &target, &settings)?
    };
    let here = working_directory()?;
    let state = StateDirectory::find(&arguments.state)?;
    let keys = state.keys();
    let keys = keys.strip_prefix(&here).map_or_else(|_| keys.clone(), Path::to_owned);

    let subject = Subject { plan: &plan, inputs: &inputs, target: &target };
    let mut answers = BTreeMap::new();
    let mut asked = 0;
    if arguments.online && connections::needs(&plan, "regfish") {
        let budgets = Budgets::new(&state, &settings, console)?;
        let mut asker = Asker::new(&plan, endpoints.regfish.as_ref(), &here, &budgets).await?;
        asker.ask_all(&plan, &mut answers, |answers| subject.evaluate(answers)).await?;
        asked = asker.sent();
        asker.end().await;
    }
    let addresses = Addresses::new(&endpoints, arguments.sandbox);
    let steps = subject.evaluate(&answers)?;
    let mut view = view(&subject, &steps, &addresses, arguments.sandbox, asked, &keys);
    let imitated = Imitated::of(arguments.sandbox, false);
    let needed = needed_secrets::of_new_run(&plan, &steps, imitated);
    let mut warnings = doubts(&plan, &steps);
    warnings.extend(SecretSearch::default().look(&needed, false).await.warnings());
    view.warn(warnings);
    let new = NewRun {
        plan: &plan,
        digest: &loaded.stored.digest,
        target: &target,
        inputs: &inputs,
        sandbox: arguments.sandbox,
    };
    let refused = match state.open_for_looking()? {
        Some(store) => {
            let now = Timestamp::now();
            let again = arguments.again.is_some();
            let weighed = weigh(store.as_ref(), &new, &state, again, now).await?;
            view.warn(weighed.open.iter().map(under_way).collect());
            view.heed(earlier(weighed.verdict))
        }
        None => false,
    };
    match arguments.output.output {
        OutputFormat::Json => console.json(&view)?,
        OutputFormat::Text => {
            for line in view.lines(console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(match verdict(&steps, &answers) {
        ExitCode::Success if refused => ExitCode::Usage,
        verdict => verdict,
    })
}

/// That a new order would be placed beside one whose end is open.
fn under_way(run: &RunId) -> String {
    format!(
        "the order of run {run} is still under way, and stays so beside the new one; `run` asks first"
    )
}

/// What earlier runs make of a new one, as it is shown.
fn earlier(verdict: Verdict) -> Option<EarlierView> {
    let view = |effect, message, hints| Some(EarlierView { effect, message, hints });
    match verdict {
        Verdict::Begins => None,
        Verdict::Noted(note) => view(EarlierEffect::Noted, note, Vec::new()),
        Verdict::NothingToDo { run, .. } => {
            let message = format!("run `{run}` got this certificate already");
            view(EarlierEffect::NothingToDo, message, Vec::new())
        }
        Verdict::Refused(error) => view(EarlierEffect::Refused, error.message, error.hints),
    }
}

/// A step that must fail makes the preview fail: by the plan and its inputs, or by an answer.
fn verdict(steps: &[StepPreview], answers: &BTreeMap<StepId, Answer>) -> ExitCode {
    let fails = |step: &&StepPreview| matches!(step.prospect, Prospect::Fails(_));
    let by_answer = |step: &StepPreview| matches!(answers.get(&step.id), Some(Answer::Failed(_)));
    let failing: Vec<&StepPreview> = steps.iter().filter(fails).collect();
    match failing.as_slice() {
        [] => ExitCode::Success,
        failing if failing.iter().all(|step| by_answer(step)) => ExitCode::Failed,
        _ => ExitCode::Usage,
    }
}

/// Where requests would go.
struct Addresses {
    regfish: Option<String>,
    digicert: Option<String>,
}

impl Addresses {
    fn new(endpoints: &Endpoints, sandbox: bool) -> Self {
        if sandbox {
            return Self {
                regfish: Some(SANDBOX_URL.to_owned()),
                digicert: Some(format!("{SANDBOX_URL}{DIGICERT_PATH}")),
            };
        }
        let text = |url: &Option<BaseUrl>| url.as_ref().map(BaseUrl::to_string);
        Self { regfish: text(&endpoints.regfish), digicert: text(&endpoints.digicert) }
    }

    /// The address of the service that an action talks to.
    fn of(&self, uses: &str) -> &str {
        let service = find_signature(uses).and_then(|action| action.connection);
        let address = if service == Some(DIGICERT.name) { &self.digicert } else { &self.regfish };
        address.as_deref().unwrap_or_default()
    }

    /// The one that a plan is about: where it orders, if it does.
    fn main(&self) -> Option<String> {
        self.regfish.clone().or_else(|| self.digicert.clone())
    }
}

/// What is previewed.
struct Subject<'a> {
    plan: &'a Plan,
    inputs: &'a Map<String, Value>,
    target: &'a str,
}

impl Subject<'_> {
    fn evaluate(&self, answers: &BTreeMap<StepId, Answer>) -> Result<Vec<StepPreview>, CliError> {
        evaluate(self.plan, self.inputs, self.target, answers, Timestamp::now(), refusal)
            .map_err(|error| CliError::usage(error.to_string()))
    }
}

fn view(
    subject: &Subject<'_>,
    previews: &[StepPreview],
    addresses: &Addresses,
    sandbox: bool,
    sent: u32,
    keys: &Path,
) -> PreviewView {
    let plan = subject.plan;
    let endpoint = addresses.main();
    let now = Timestamp::now();
    let term = |step: &Step, preview: &StepPreview| term(&step.uses, &preview.parameters, now);
    let steps: Vec<PreviewStepView> = previews
        .iter()
        .filter_map(|preview| {
            let step = plan.steps.get(&preview.id)?;
            Some(step_view(step, preview, term(step, preview).as_ref(), addresses))
        })
        .collect();
    let certain = |step: &&PreviewStepView| {
        matches!(step.prospect, ProspectView::Runs | ProspectView::Answered)
    };
    let possible =
        |step: &&PreviewStepView| certain(step) || step.prospect == ProspectView::Perhaps;
    let count = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
    let orders = Count {
        at_least: count(steps.iter().filter(certain).filter(|step| step.paid).count()),
        at_most: count(steps.iter().filter(possible).filter(|step| step.paid).count()),
    };
    let sum = |counts: fn(&RequestView) -> bool| -> u32 {
        let requests = steps.iter().filter(certain).flat_map(|step| &step.requests);
        requests.filter(|request| counts(request)).map(|request| request.at_least).sum()
    };
    let requests = RequestCount {
        at_least: sum(|_| true),
        at_least_writes: sum(|request| request.method != Method::Get.to_string()),
        sent,
    };
    let foreseen: Vec<Foreseen<'_>> = previews
        .iter()
        .filter_map(|preview| {
            let step = plan.steps.get(&preview.id)?;
            let fact = facts(&step.uses, &preview.parameters)?;
            let term = term(step, preview);
            Some(Foreseen { step, prospect: &preview.prospect, fact, term })
        })
        .collect();
    let fails = |preview: &&StepPreview| matches!(preview.prospect, Prospect::Fails(_));
    let failing: Vec<&Step> =
        previews.iter().filter(fails).filter_map(|preview| plan.steps.get(&preview.id)).collect();
    let world = match &endpoint {
        _ if sandbox => World::Sandbox,
        Some(endpoint) => World::Real(endpoint),
        None => World::Nobody,
    };
    let summary = summary(&foreseen, &failing, orders, requests, world, keys);
    PreviewView {
        plan: plan.name.clone(),
        target: subject.target.to_owned(),
        summary,
        endpoint,
        sandbox,
        orders,
        requests,
        earlier: None,
        steps,
    }
}

fn step_view(
    step: &Step,
    preview: &StepPreview,
    term: Option<&Term>,
    addresses: &Addresses,
) -> PreviewStepView {
    let base = addresses.of(&step.uses);
    let would_run =
        matches!(preview.prospect, Prospect::Runs | Prospect::Perhaps | Prospect::Answered(_));
    let planned = match term {
        _ if !would_run => Vec::new(),
        Some(term) => requests(&step.uses, &term.applied(&preview.parameters)),
        None => requests(&step.uses, &preview.parameters),
    };
    let requests = planned.into_iter().map(|request| RequestView {
        method: request.method.to_string(),
        url: format!("{base}{}", request.path),
        body: request.body,
        at_least: request.at_least,
        note: request.note,
    });
    let (prospect, reason) = match &preview.prospect {
        Prospect::Runs => (ProspectView::Runs, None),
        Prospect::Perhaps => (ProspectView::Perhaps, step.when.clone()),
        Prospect::Skipped => (ProspectView::Skipped, step.when.clone()),
        Prospect::Answered(_) => (ProspectView::Answered, None),
        Prospect::Fails(reason) => (ProspectView::Fails, Some(reason.clone())),
        Prospect::Blocked(by) => (ProspectView::Blocked, Some(by.to_string())),
    };
    let mut unknown: Vec<String> = Vec::new();
    for expression in preview.parameters.values().flat_map(|value| value.unknown()) {
        if !unknown.iter().any(|known| known == expression) {
            unknown.push(expression.to_owned());
        }
    }
    PreviewStepView {
        step: step.id.to_string(),
        action: step.uses.clone(),
        prospect,
        reason,
        paid: costs_money(&step.uses),
        requests: requests.collect(),
        notes: if would_run { notes(step, preview, term) } else { Vec::new() },
        parameters: preview
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.shown()))
            .collect::<Map<String, Value>>()
            .into(),
        unknown,
        output: match &preview.prospect {
            Prospect::Answered(output) => Some(Value::Object(output.clone())),
            _ => None,
        },
    }
}

/// How a step waits, and what it does beside requests.
fn notes(step: &Step, preview: &StepPreview, term: Option<&Term>) -> Vec<String> {
    let mut notes: Vec<String> = term.map(told).into_iter().collect();
    if step.finally {
        notes.push("runs at the end of the run, whether it succeeded or failed".to_owned());
    }
    match facts(&step.uses, &preview.parameters) {
        Some(Fact::Key { kind, former }) => notes.push(match former {
            Some(file) => format!("uses the key in {file} ({kind}) again, for a new request"),
            None => format!("makes a private key ({kind}) and a certificate request"),
        }),
        Some(Fact::Deed(deed)) => notes.push(deed),
        Some(Fact::Files { directory, formats }) => {
            notes.push(format!("writes the certificate, its issuers and the key into {directory}"));
            if !formats.is_empty() {
                notes.push(format!("writes {} with them", formats.join(", ")));
            }
        }
        _ => {}
    }
    if let Some(poll) = &step.poll
        && !looks_once(step, preview)
    {
        let end = match poll.on_timeout {
            OnTimeout::Park => "then the run is parked",
            OnTimeout::Fail => "then the step fails",
        };
        notes.push(format!(
            "looks {} for at most {}, {end}",
            poll.pace(),
            format_duration(poll.timeout)
        ));
    }
    notes
}

/// Whether a step that could wait was told not to.
fn looks_once(step: &Step, preview: &StepPreview) -> bool {
    let until = preview.parameters.get("until").and_then(Partly::known);
    match step.uses.as_str() {
        "http.request" => !preview.parameters.contains_key("until"),
        _ => until.is_some_and(|until| until == "answered"),
    }
}

/// What is done about the term that is asked for.
fn told(term: &Term) -> String {
    let Term { days, from } = term;
    format!("orders {days} days: the plan asks for {from}, and no more are allowed")
}
