//! `Flights`: the calls of actions that are under way in one run.
//!
//! At most one for each step. A call that panics or takes too long ends with an outcome like any
//! other: one bad step must not take the run, or a thousand other runs, with it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::{Id, JoinSet};

use super::Driver;
use crate::action::{ActionCall, Performer};
use crate::engine::{Command, Engine};
use crate::run::{Call, ErrorKind, Outcome, Retry, StepError};
use crate::store::Store;
use crate::types::{Busy, Clock, RunId, StepId, Timestamp, format_duration};

pub(super) struct Flights {
    run: RunId,
    directory: PathBuf,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    performer: Arc<dyn Performer>,
    tasks: JoinSet<(Outcome, Busy)>,
    steps: HashMap<Id, Command>,
}

impl Flights {
    pub(super) fn new(driver: &Driver, run: &RunId, engine: &Engine) -> Self {
        Self {
            run: run.clone(),
            directory: PathBuf::from(&engine.state().header.directory),
            store: Arc::clone(&driver.store),
            clock: Arc::clone(&driver.clock),
            performer: Arc::clone(&driver.performer),
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
        // In virtual time nothing takes time, so calls can as well come one after the other: then
        // the same run tells the same story each time.
        let most = if self.clock.is_virtual() { 1 } else { usize::MAX };
        for command in engine.commands() {
            if self.steps.values().any(|under_way| under_way.step == command.step) {
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

    /// The next call that ends; none when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<(StepId, Outcome, Busy)> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, (outcome, busy))) => {
                let command = self.steps.remove(&id)?;
                Some((command.step, outcome, busy))
            }
            Err(error) => {
                let command = self.steps.remove(&error.id())?;
                let message = format!("the action `{}` broke off; this is a defect", command.uses);
                let error = StepError::new(ErrorKind::Internal, message);
                let outcome = broken_off(&command.call, error, Retry::Never);
                Some((command.step, outcome, self.clock.busy()))
            }
        }
    }

    fn start(&mut self, command: Command) {
        let (store, performer) = (Arc::clone(&self.store), Arc::clone(&self.performer));
        let (run, directory) = (self.run.clone(), self.directory.clone());
        let busy = self.clock.busy();
        let flown = command.clone();
        let handle = self
            .tasks
            .spawn(async move { (carry_out(store, performer, run, directory, flown).await, busy) });
        self.steps.insert(handle.id(), command);
    }
}

/// Performs one command to its end, whatever happens in it.
pub(super) async fn carry_out(
    store: Arc<dyn Store>,
    performer: Arc<dyn Performer>,
    run: RunId,
    directory: PathBuf,
    command: Command,
) -> Outcome {
    // Ids of other runs are never candidates. They are read here, as late as possible.
    let owned_by_others = match &command.call {
        Call::Prepare { .. } | Call::Reconcile(_) | Call::Adopt(..) => {
            match store.certificate_owners().await {
                Ok(owners) => owners
                    .into_iter()
                    .filter(|(_, owner)| *owner != run)
                    .map(|(certificate, _)| certificate)
                    .collect(),
                Err(error) => {
                    return Outcome::Failed {
                        error: StepError::new(ErrorKind::File, error.to_string()),
                        retry: Retry::Never,
                    };
                }
            }
        }
        Call::Perform | Call::Send(_) => Default::default(),
    };
    let call = ActionCall {
        run,
        step: command.step.clone(),
        uses: command.uses.clone(),
        call: command.call.clone(),
        parameters: command.parameters,
        directory,
        owned_by_others,
    };
    match tokio::time::timeout(command.timeout, performer.perform(call)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let message = format!("no outcome after {}", format_duration(command.timeout));
            let error = StepError::new(ErrorKind::Timeout, message);
            broken_off(&command.call, error, Retry::Later { after: None })
        }
    }
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
