//! `NeededSecrets`: the secrets that steps read when their turn comes, looked for before the first
//! request is sent. One that is missed after the order was paid for would be missed too late.
//!
//! The keys of connections are not among them: they are read when the connections are made. What is
//! found here is dropped at once; the step reads it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::Mutex;

use super::error::CliError;
use crate::engine::{Engine, Prospect, StepPreview};
use crate::plan::{
    NamedSecret, OnFailure, Partly, Plan, SecretSource, Step, find_signature, may_name_secrets,
    named_secrets,
};
use crate::secrets::{SecretError, read_secret};
use crate::types::StepId;

/// Who stands for programs, other servers and passphrases, and so needs no secrets of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Imitated {
    /// Nobody: all of them are real.
    Nothing,
    /// The sandbox gives the passphrases; programs and servers are real.
    Passphrases,
    /// The sandbox, for all of them.
    Everything,
}

impl Imitated {
    pub(super) fn of(sandbox: bool, really_act: bool) -> Self {
        match (sandbox, really_act) {
            (false, _) => Self::Nothing,
            (true, true) => Self::Passphrases,
            (true, false) => Self::Everything,
        }
    }
}

/// So many of those who need one secret are named.
const MOST_NAMED: usize = 3;

/// A secret that a step will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NeededSecret {
    step: StepId,
    secret: NamedSecret,
    /// Why the run may begin without it, when it may.
    excuse: Option<&'static str>,
}

/// The secrets that a new run of the plan may need.
pub(super) fn of_new_run(
    plan: &Plan,
    steps: &[StepPreview],
    imitated: Imitated,
) -> Vec<NeededSecret> {
    if imitated == Imitated::Everything {
        return Vec::new();
    }
    let may_run = |prospect: &Prospect| matches!(prospect, Prospect::Runs | Prospect::Perhaps);
    let steps = steps.iter().filter(|step| may_run(&step.prospect));
    needed(plan, steps.map(|step| (step.id.clone(), step.parameters.clone())), imitated)
}

/// The secrets that a recorded run may still need when it follows `plan` from here on.
pub(super) fn of_recorded_run(
    engine: &Engine,
    plan: &Plan,
    imitated: Imitated,
) -> Vec<NeededSecret> {
    if imitated == Imitated::Everything || !may_name_secrets(plan) {
        return Vec::new();
    }
    let ahead = |step: &Step| Some((step.id.clone(), engine.parameters_ahead(step)?));
    needed(plan, plan.steps.values().filter_map(ahead), imitated)
}

fn needed(
    plan: &Plan,
    steps: impl Iterator<Item = (StepId, IndexMap<String, Partly>)>,
    imitated: Imitated,
) -> Vec<NeededSecret> {
    let of_step = |(id, parameters): (StepId, IndexMap<String, Partly>)| {
        let step = plan.steps.get(&id)?;
        let signature = find_signature(&step.uses)?;
        if imitated == Imitated::Passphrases && signature.installs.is_some() {
            return None;
        }
        let secrets = named_secrets(signature, &parameters).into_iter();
        let needed = secrets.map(|secret| NeededSecret {
            step: id.clone(),
            excuse: excuse(plan, step, &secret.source),
            secret,
        });
        Some(needed.collect::<Vec<_>>())
    };
    steps.filter_map(of_step).flatten().collect()
}

/// Why a secret that is not there now may do no harm.
fn excuse(plan: &Plan, step: &Step, source: &SecretSource) -> Option<&'static str> {
    if step.on_failure == OnFailure::Continue {
        return Some("the plan goes on without that step");
    }
    let comes_of_a_program = || {
        plan.graph().is_ok_and(|graph| {
            let is_program =
                |id: &StepId| plan.steps.get(id).is_some_and(|before| before.uses == "command.run");
            graph.ancestors(&step.id).iter().any(is_program)
        })
    };
    match source {
        SecretSource::Env(_) | SecretSource::Credential(_) => None,
        SecretSource::File(_) | SecretSource::Command(_) => {
            comes_of_a_program().then_some("a program that runs before it may bring it")
        }
    }
}

/// Looks for secrets, for each of them once.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretSearch {
    seen: Arc<Mutex<BTreeMap<String, Result<(), SecretError>>>>,
}

/// What was not found: why, and who needs it.
#[derive(Debug, Default)]
pub(super) struct MissingSecrets {
    /// Without these a run must not begin.
    needed: BTreeMap<String, BTreeSet<String>>,
    /// Without these it may.
    excused: BTreeMap<String, BTreeSet<String>>,
    /// Whether one of them is a variable, which can be exported.
    variable: bool,
}

impl SecretSearch {
    /// Looks for all of `needed`. A command that prints a secret is run only `with_commands`: a
    /// person may have to unlock something for it.
    pub(super) async fn look(
        &self,
        needed: &[NeededSecret],
        with_commands: bool,
    ) -> MissingSecrets {
        let mut missing = MissingSecrets::default();
        for NeededSecret { step, secret, excuse } in needed {
            if matches!(secret.source, SecretSource::Command(_)) && !with_commands {
                continue;
            }
            let Err(error) = self.find(&secret.source).await else { continue };
            missing.variable |= matches!(error, SecretError::NotSet { .. });
            let mut by = format!("step `{step}` (`{}`)", secret.at);
            let lacking = match excuse {
                Some(excuse) => {
                    by.push_str(&format!("; {excuse}"));
                    &mut missing.excused
                }
                None => &mut missing.needed,
            };
            lacking.entry(error.to_string()).or_default().insert(by);
        }
        missing
    }

    async fn find(&self, source: &SecretSource) -> Result<(), SecretError> {
        let key = format!("{source:?}");
        let mut seen = self.seen.lock().await;
        if let Some(found) = seen.get(&key) {
            return found.clone();
        }
        let found = read_secret(source).await.map(drop);
        seen.insert(key, found.clone());
        found
    }
}

impl MissingSecrets {
    /// Adds what another run lacks.
    pub(super) fn add(&mut self, other: Self) {
        let merge = |mine: &mut BTreeMap<String, BTreeSet<String>>, others| {
            for (reason, by) in others {
                mine.entry(reason).or_default().extend(by);
            }
        };
        merge(&mut self.needed, other.needed);
        merge(&mut self.excused, other.excused);
        self.variable |= other.variable;
    }

    /// What is lacking though nothing can do without it, as fragments.
    pub(super) fn needed(&self) -> impl Iterator<Item = String> {
        self.needed.iter().map(fragment)
    }

    /// What is lacking and may be, as fragments.
    pub(super) fn excused(&self) -> impl Iterator<Item = String> {
        self.excused.iter().map(fragment)
    }

    /// What a preview says of it.
    pub(super) fn warnings(&self) -> Vec<String> {
        let needed = self.needed().map(|line| format!("{line}; `run` would not begin"));
        needed.chain(self.excused()).collect()
    }

    /// The error with which a run does not begin, when something is lacking.
    pub(super) fn refusal(&self) -> Option<CliError> {
        let lines: Vec<String> = self.needed().collect();
        let message = match lines.as_slice() {
            [] => return None,
            [line] => line.clone(),
            lines => format!("{} secrets are not there: {}", lines.len(), lines.join("; ")),
        };
        let error = CliError::usage(message)
            .hint("secrets are looked for before anything is sent; nothing was");
        Some(match self.variable {
            true => error.hint("export the variable, or try the plan without secrets: `--sandbox`"),
            false => error,
        })
    }
}

/// Why a secret is not there, and the first of those who need it.
fn fragment((reason, by): (&String, &BTreeSet<String>)) -> String {
    let mut shown: Vec<&str> = by.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = format!("{} more", by.len().saturating_sub(MOST_NAMED));
    if by.len() > MOST_NAMED {
        shown.push(&more);
    }
    format!("{reason}; needed by {}", shown.join(", "))
}
