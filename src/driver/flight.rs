//! `Flights`: the calls of actions that are under way in one run.
//!
//! At most one for each step. A call that panics or takes too long ends with an outcome like any
//! other: one bad step must not take the run, or a thousand other runs, with it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};
use tokio::task::{Id, JoinError, JoinSet};

use super::names::{HeldNames, Place, Refused, Taken};
use super::shared::TurnedAway;
use super::slots::Haste;
use super::{DriveError, Driver};
use crate::action::{ActionCall, Waiting};
use crate::engine::{Command, Engine};
use crate::plan::{Share, Step};
use crate::run::{Call, ErrorKind, Outcome, Retry, RunPhase, RunState, StepError, StepState};
use crate::store::{LockError, StoreError};
use crate::types::{Busy, CertificateId, RunId, StepId, Timestamp, Work, format_duration};

pub(super) struct Flights {
    driver: Driver,
    run: RunId,
    directory: PathBuf,
    tasks: JoinSet<Outcome>,
    steps: HashMap<Id, (Arc<Command>, Work)>,
    /// Steps that are told when it is time to look.
    waits: FuturesUnordered<Wait>,
    waiting: BTreeSet<StepId>,
    woken: BTreeSet<StepId>,
    /// The validation names that the run holds.
    names: Option<HeldNames>,
    place: Option<Place>,
    refused: Vec<(StepId, Outcome)>,
    /// Why names cannot be locked at all.
    unusable: Option<LockError>,
}

/// Something that a run waited for.
pub(super) enum Happened {
    /// A call has ended.
    Ended(StepId, Box<Outcome>, Work),
    /// It is time for a step to look, or to try again.
    Told(Busy),
}

/// How soon a validation name is tried again that another process holds.
const NAME_PAUSE: Duration = Duration::from_secs(15);

type Wait = Pin<Box<dyn Future<Output = (StepId, Option<Busy>)> + Send>>;

impl Flights {
    pub(super) fn new(driver: &Driver, run: &RunId, engine: &Engine) -> Self {
        Self {
            driver: driver.clone(),
            run: run.clone(),
            directory: PathBuf::from(&engine.state().header.directory),
            tasks: JoinSet::new(),
            steps: HashMap::new(),
            waits: FuturesUnordered::new(),
            waiting: BTreeSet::new(),
            woken: BTreeSet::new(),
            names: None,
            place: None,
            refused: Vec::new(),
            unusable: None,
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
        let most = if self.driver.clock.is_virtual() { 1 } else { usize::MAX };
        let known = |step: &StepId| {
            self.waiting.contains(step)
                || self.steps.values().any(|(under_way, _)| under_way.step == *step)
        };
        for command in engine.commands_but(known) {
            let woken = self.woken.remove(&command.step);
            if !woken && self.wait(&command, now) {
                continue;
            }
            if !woken && command.not_before > now {
                next_due = [next_due, Some(command.not_before)].into_iter().flatten().min();
                continue;
            }
            if self.steps.len() >= most {
                if woken {
                    self.woken.insert(command.step);
                }
            } else if self.hold_names(engine, &command) {
                self.start(engine, command);
            }
        }
        next_due
    }

    /// Calls back what waits for its turn to be sent. What was sent is waited for.
    pub(super) fn release(&self) {
        self.steps.values().for_each(|(_, work)| work.release());
    }

    /// Takes the names at which the command puts records. False when another run has one of them;
    /// that is the command's outcome then.
    fn hold_names(&mut self, engine: &Engine, command: &Command) -> bool {
        let Some(locks) = self.driver.shared.names() else { return true };
        let names = validation_names(command);
        if names.is_empty() {
            return true;
        }
        let sandbox = engine.state().header.sandbox;
        // The new ones stand before the old ones are given back, so nobody comes in between.
        match locks.take(&self.run, names, sandbox, &self.driver.clock) {
            Ok(held) => {
                if let Some(old) = self.names.replace(held) {
                    old.hand_over();
                }
                self.place = None;
                true
            }
            Err(Refused::Unusable(error)) => {
                self.unusable = Some(error);
                false
            }
            Err(Refused::Taken(Taken { message, place })) => {
                if let Some(old) = self.names.take() {
                    old.hand_over();
                }
                if let Some((place, free)) = place {
                    let step = command.step.clone();
                    self.place = Some(place);
                    self.waits.push(Box::pin(async move { (step, free.await.ok()) }));
                }
                let outcome = Outcome::Busy { message, after: NAME_PAUSE };
                self.refused.push((command.step.clone(), outcome));
                false
            }
        }
    }

    /// Fails when names could not be locked for a reason that no wait mends.
    pub(super) fn check_locks(&mut self) -> Result<(), LockError> {
        self.unusable.take().map_or(Ok(()), Err)
    }

    /// The commands that were not begun, and why.
    pub(super) fn take_refused(&mut self) -> Vec<(StepId, Outcome)> {
        std::mem::take(&mut self.refused)
    }

    /// Gives the validation names back as soon as the run needs them no more.
    pub(super) fn give_names_back(&mut self, engine: &Engine) {
        if self.names.is_some() && !still_proves(engine) {
            self.names = None;
        }
    }

    /// Whether somebody tells when it is time for the step to look.
    fn wait(&mut self, command: &Command, now: Timestamp) -> bool {
        let (Some(poll), Call::Perform) = (&command.poll, &command.call) else { return false };
        let waiting = Waiting {
            uses: command.uses.clone(),
            parameters: command.parameters.clone(),
            every: poll.pause(now),
            until: command.deadline,
        };
        let Some(told) = self.driver.performer.wait(&waiting) else { return false };
        let step = command.step.clone();
        self.waiting.insert(step.clone());
        self.waits.push(Box::pin(async move { (step, told.await.ok()) }));
        true
    }

    /// What happens next; none when nothing is under way and nobody waits to be told.
    pub(super) async fn happens(&mut self) -> Option<Happened> {
        if self.waits.is_empty() {
            return self
                .next()
                .await
                .map(|(step, outcome, work)| Happened::Ended(step, Box::new(outcome), work));
        }
        let (step, mark) = tokio::select! {
            Some(told) = self.waits.next() => told,
            Some(ended) = self.tasks.join_next_with_id() => {
                let (step, outcome, work) = self.ended(ended)?;
                return Some(Happened::Ended(step, Box::new(outcome), work));
            }
        };
        self.waiting.remove(&step);
        self.woken.insert(step);
        Some(Happened::Told(mark.unwrap_or_else(|| self.driver.clock.busy())))
    }

    /// The next call that ends, and its work; none when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<(StepId, Outcome, Work)> {
        let ended = self.tasks.join_next_with_id().await?;
        self.ended(ended)
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Outcome), JoinError>,
    ) -> Option<(StepId, Outcome, Work)> {
        match ended {
            Ok((id, outcome)) => {
                let (command, work) = self.steps.remove(&id)?;
                Some((command.step.clone(), outcome, work))
            }
            Err(error) => {
                let (command, work) = self.steps.remove(&error.id())?;
                let message = format!("the action `{}` broke off; this is a defect", command.uses);
                let error = StepError::new(ErrorKind::Internal, message);
                let outcome = broken_off(&command.call, error, Retry::Never);
                Some((command.step.clone(), outcome, work))
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

    fn start(&mut self, engine: &Engine, command: Command) {
        let driver = self.driver.clone();
        let (run, directory) = (self.run.clone(), self.directory.clone());
        let work = Work::begin(Arc::clone(&self.driver.clock), command.deadline);
        let command = Arc::new(command);
        let (flown, done) = (Arc::clone(&command), work.clone());
        let keys = keys(engine.state());
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
    command: Arc<Command>,
    work: &Work,
) -> Outcome {
    let others = match others(driver, &run, &command).await {
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
        order: command.order.clone(),
    };
    let haste = match &call.call {
        Call::Send(_) | Call::Reconcile(_) | Call::Adopt(..) => Haste::First,
        Call::Perform | Call::Prepare { .. } => Haste::InTurn,
    };
    // On the heap, each of the two: they are moved into one another and then along with the task,
    // and a thousand runs have them at the same time.
    let perform = Box::pin(async {
        match driver.shared.slot(haste).await {
            Ok(_slot) => driver.performer.perform(call).await,
            Err(TurnedAway) => {
                let message = "the program was asked to stop before it began";
                let error = StepError::new(ErrorKind::Interrupted, message);
                Outcome::Failed { error, retry: Retry::Later { after: None } }
            }
        }
    });
    let answer = Box::pin(async {
        match (driver.shared.answers(), command.share, &command.call) {
            (Some(answers), Share::Batch, Call::Perform) => {
                answers.get(&command.uses, &command.parameters, perform).await
            }
            _ => perform.await,
        }
    });
    match work.within(command.timeout, answer).await {
        Some(outcome) => outcome,
        None => {
            let message = format!("no outcome after {}", format_duration(command.timeout));
            let error = StepError::new(ErrorKind::Timeout, message);
            broken_off(&command.call, error, Retry::Later { after: None })
        }
    }
}

/// The names at which a command puts validation records.
fn validation_names(command: &Command) -> BTreeSet<String> {
    if command.uses != "regfish.put_records" || command.call != Call::Perform {
        return BTreeSet::new();
    }
    let records = command.parameters.get("records").and_then(Value::as_array);
    let names = records.into_iter().flatten().filter_map(|record| record.get("name")?.as_str());
    names.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

/// Whether the run still needs its validation names: until its order is issued, has failed or is
/// parked, and its records are deleted, where the plan deletes them. Without a step that waits for
/// the certificate, until the run stands still.
fn still_proves(engine: &Engine) -> bool {
    if engine.state().phase != RunPhase::Running {
        return false;
    }
    let is_open = |state: &StepState| state.is_active() || matches!(state, StepState::Pending);
    let open = |step: &Step| {
        engine.state().steps.get(&step.id).is_some_and(|record| is_open(&record.state))
    };
    let steps = || engine.plan().steps.values();
    let mut waits = steps().filter(|step| step.uses == "regfish.wait_issued").peekable();
    // Whoever has the name next would find the record in its place.
    let mut cleans_up = steps().filter(|step| step.uses == "regfish.delete_records");
    waits.peek().is_none() || waits.any(open) || cleans_up.any(open)
}

/// What a call has to know of other runs. Read as late as possible, since they live on.
#[derive(Default)]
struct Others {
    certificates: BTreeSet<CertificateId>,
    unfinished: Arc<BTreeSet<RunId>>,
}

async fn others(driver: &Driver, run: &RunId, command: &Command) -> Result<Others, StoreError> {
    let store = driver.store.as_ref();
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
            others.unfinished = driver.shared.unfinished(store, driver.clock.now()).await?;
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
