//! `Flights`: the calls of actions that are under way in one run.
//!
//! At most one for each step. A call that panics or takes too long ends with an outcome like any
//! other: one bad step must not take the run, or a thousand other runs, with it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::task::{Id, JoinSet};

use super::shared::TurnedAway;
use super::{DriveError, Driver};
use crate::action::ActionCall;
use crate::engine::{Command, Engine};
use crate::plan::Share;
use crate::run::{Call, ErrorKind, Outcome, Retry, RunPhase, RunResult, RunState, StepError};
use crate::store::{Store, StoreError};
use crate::types::{CertificateId, RunId, StepId, Timestamp, Work, format_duration};

pub(super) struct Flights {
    driver: Driver,
    run: RunId,
    directory: PathBuf,
    keys: Vec<(String, PathBuf)>,
    tasks: JoinSet<Outcome>,
    steps: HashMap<Id, (Command, Work)>,
}

impl Flights {
    pub(super) fn new(driver: &Driver, run: &RunId, engine: &Engine) -> Self {
        Self {
            driver: driver.clone(),
            run: run.clone(),
            directory: PathBuf::from(&engine.state().header.directory),
            keys: Vec::new(),
            tasks: JoinSet::new(),
            steps: HashMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Starts every command whose time has come; returns when the next one is due.
    pub(super) fn start_due(&mut self, engine: &Engine, now: Timestamp) -> Option<Timestamp> {
        let mut next_due = None;
        self.keys = keys(engine.state());
        // In virtual time nothing takes time, so calls can as well come one after the other: then
        // the same run tells the same story each time.
        let most = if self.driver.clock.is_virtual() { 1 } else { usize::MAX };
        for command in engine.commands() {
            if self.steps.values().any(|(under_way, _)| under_way.step == command.step) {
                continue;
            }
            if command.not_before > now {
                next_due = [next_due, Some(command.not_before)].into_iter().flatten().min();
                continue;
            }
            if self.steps.len() < most {
                self.start(command);
            }
        }
        next_due
    }

    /// Calls back what waits for its turn to be sent. What was sent is waited for.
    pub(super) fn release(&self) {
        self.steps.values().for_each(|(_, work)| work.release());
    }

    /// The next call that ends, and its work; none when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<(StepId, Outcome, Work)> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, outcome)) => {
                let (command, work) = self.steps.remove(&id)?;
                Some((command.step, outcome, work))
            }
            Err(error) => {
                let (command, work) = self.steps.remove(&error.id())?;
                let message = format!("the action `{}` broke off; this is a defect", command.uses);
                let error = StepError::new(ErrorKind::Internal, message);
                let outcome = broken_off(&command.call, error, Retry::Never);
                Some((command.step, outcome, work))
            }
        }
    }

    /// When nothing can be stored any more: waits for what is under way, so that an id that comes
    /// back is at least said.
    pub(super) async fn last_words(&mut self, mut error: DriveError) -> DriveError {
        while let Some((_, outcome, _)) = self.next().await {
            if let (
                Outcome::Succeeded { certificate: Some(bound), .. },
                DriveError::Store { certificate_id: said @ None, .. },
            ) = (outcome, &mut error)
            {
                *said = Some(bound.certificate_id);
            }
        }
        error
    }

    fn start(&mut self, command: Command) {
        let driver = self.driver.clone();
        let (run, directory) = (self.run.clone(), self.directory.clone());
        let work = Work::begin(Arc::clone(&self.driver.clock), command.deadline);
        let (flown, keys, done) = (command.clone(), self.keys.clone(), work.clone());
        let handle = self
            .tasks
            .spawn(async move { carry_out(&driver, run, directory, keys, flown, &done).await });
        self.steps.insert(handle.id(), (command, work));
    }
}

/// Performs one command to its end as `work`, whatever happens in it.
pub(super) async fn carry_out(
    driver: &Driver,
    run: RunId,
    directory: PathBuf,
    keys: Vec<(String, PathBuf)>,
    command: Command,
    work: &Work,
) -> Outcome {
    let others = match others(driver.store.as_ref(), &run, &command).await {
        Ok(others) => others,
        Err(error) => {
            let error = StepError::new(ErrorKind::File, error.to_string());
            return Outcome::Failed { error, retry: Retry::Never };
        }
    };
    let call = ActionCall {
        run,
        step: command.step.clone(),
        uses: command.uses.clone(),
        call: command.call.clone(),
        parameters: command.parameters.clone(),
        directory,
        owned_by_others: others.certificates,
        unfinished_runs: others.unfinished,
        keys,
    };
    let perform = async {
        match driver.shared.slot().await {
            Ok(_slot) => driver.performer.perform(call).await,
            Err(TurnedAway) => {
                let message = "the program was asked to stop before it began";
                let error = StepError::new(ErrorKind::Interrupted, message);
                Outcome::Failed { error, retry: Retry::Later { after: None } }
            }
        }
    };
    let answer = async {
        match (driver.shared.answers(), command.share, &command.call) {
            (Some(answers), Share::Batch, Call::Perform) => {
                answers.get(&command.uses, &command.parameters, perform).await
            }
            _ => perform.await,
        }
    };
    match work.within(command.timeout, answer).await {
        Some(outcome) => outcome,
        None => {
            let message = format!("no outcome after {}", format_duration(command.timeout));
            let error = StepError::new(ErrorKind::Timeout, message);
            broken_off(&command.call, error, Retry::Later { after: None })
        }
    }
}

/// What a call has to know of other runs. Read as late as possible, since they live on.
#[derive(Default)]
struct Others {
    certificates: BTreeSet<CertificateId>,
    unfinished: BTreeSet<RunId>,
}

async fn others(store: &dyn Store, run: &RunId, command: &Command) -> Result<Others, StoreError> {
    let mut others = Others::default();
    match &command.call {
        // A certificate of another run is never what became of an order of this one.
        Call::Prepare { earlier: Some(_), .. } | Call::Reconcile(_) | Call::Adopt(..) => {
            let owners = store.certificate_owners().await?.into_iter();
            others.certificates =
                owners.filter(|(_, owner)| owner != run).map(|(id, _)| id).collect();
        }
        // A record of a run that still needs it is not stale.
        Call::Perform if command.uses == "regfish.put_records" => {
            let runs = store.list_runs().await?.into_iter();
            let ended = [
                RunPhase::Finished(RunResult::Succeeded),
                RunPhase::Finished(RunResult::Failed),
                RunPhase::Cancelled,
            ]
            .map(RunPhase::name);
            others.unfinished = runs
                .filter(|other| other.id != *run && !ended.contains(&other.phase.as_str()))
                .map(|other| other.id)
                .collect();
        }
        Call::Perform | Call::Prepare { earlier: None, .. } | Call::Send(_) => {}
    }
    Ok(others)
}

/// The keys that steps of the run have made, by what their outputs say.
pub(super) fn keys(state: &RunState) -> Vec<(String, PathBuf)> {
    let outputs = state.steps.keys().filter_map(|step| state.output(step));
    let key = |output: &Map<String, Value>| {
        let fingerprint = output.get("public_key_sha256")?.as_str()?.to_owned();
        Some((fingerprint, PathBuf::from(output.get("key_file")?.as_str()?)))
    };
    outputs.filter_map(key).collect()
}

/// What it means that a call ended without an outcome of its own.
fn broken_off(call: &Call, error: StepError, retry: Retry) -> Outcome {
    match call {
        Call::Send(_) => Outcome::Unknown { error },
        Call::Perform | Call::Prepare { .. } | Call::Reconcile(_) | Call::Adopt(..) => {
            Outcome::Failed { error, retry }
        }
    }
}
