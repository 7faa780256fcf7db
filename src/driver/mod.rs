//! `Driver`: the loop that owns a run. It stores what the engine decides, then does it.
//!
//! Each turn: decide, store, apply, start what is due, wait for one thing. While state changes
//! nothing else happens; the calls of actions run beside the loop and come back as outcomes. The
//! loop never acts on state that is not stored, and never waits for anything but its own select.

mod answers;
mod batch;
mod cancel;
mod flight;
mod names;
mod shared;
mod slots;
mod stop;
#[cfg(test)]
mod tests;
mod waves;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::action::Performer;
use crate::engine::{Engine, EngineError, EngineSettings};
use crate::plan::Plan;
use crate::run::{
    ErrorKind, Event, EventKind, Outcome, Retry, RunHeader, RunPhase, StepError, StopReason,
};
use crate::store::{LockError, NewRun, Store, StoreError, StoredPlan};
use crate::types::{Busy, CertificateId, Clock, RunId, StepId, Timestamp, Work};
pub use batch::{
    BatchReport, BatchRun, BatchSettings, BatchTarget, Member, RunEnd, Turn, drive_together,
};
pub use cancel::cancel;
use flight::{Flights, Happened};
pub use names::NameLocks;
pub use shared::{Allowance, Shared};
use stop::StopSignal;
pub use waves::{FailureLimit, ShareError, WaveSize, waves};

/// How soon an order is tried again whose names another run is ordering.
const NAMES_PAUSE: Duration = Duration::from_secs(15);

/// Called with each event once it is stored.
pub type Observer = Arc<dyn Fn(&RunId, &Event) + Send + Sync>;

/// Everything that a run needs from outside.
#[derive(Clone)]
pub struct Driver {
    /// Where runs are kept.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who performs actions.
    pub performer: Arc<dyn Performer>,
    /// Who is told.
    pub observer: Observer,
    /// The engine's own times.
    pub settings: EngineSettings,
    /// What the run has in common with others; nothing by default.
    pub shared: Arc<Shared>,
}

/// Why a run could not be driven on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The engine met something that cannot be.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What happened could not be stored. Nothing further was done.
    #[error("what happened could not be stored: {source}{}", display_unsaved(certificate_id.as_ref(), step.as_ref()))]
    Store {
        /// Why.
        source: StoreError,
        /// The step that it was about.
        step: Option<StepId>,
        /// A certificate id that is recorded nowhere else.
        certificate_id: Option<CertificateId>,
    },
    /// The stored plan cannot be read.
    #[error("the plan stored with run `{run}` cannot be read: {reason}")]
    Plan {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The run could not be read.
    #[error(transparent)]
    Load(StoreError),
    /// What keeps other programs from the same names and targets is gone. Nothing further was done.
    #[error("the locks cannot be used any more: {0}; another program may work on the same target")]
    Locks(#[from] LockError),
    /// The loop itself broke off; a fault of this program.
    #[error("driving run `{run}` broke off; this is a defect, and `resume` goes on")]
    Defect {
        /// The run.
        run: RunId,
    },
}

fn display_unsaved(certificate: Option<&CertificateId>, step: Option<&StepId>) -> String {
    match (certificate, step) {
        (Some(id), _) => format!(" (certificate `{id}` was ordered; note its id)"),
        (None, Some(step)) => format!(" (step `{step}`)"),
        (None, None) => String::new(),
    }
}

/// What a run does once something is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It goes on: what follows by itself is recorded in the same write.
    GoOn,
    /// Nothing new begins.
    Stand,
}

fn nothing_in_doubt() -> StepError {
    StepError::new(ErrorKind::Conflict, "no order of this run is in doubt")
}

impl Driver {
    /// Creates a run in the store.
    pub async fn start(
        &self,
        run: RunId,
        plan: Arc<Plan>,
        stored: StoredPlan,
        header: RunHeader,
    ) -> Result<Engine, DriveError> {
        let now = self.clock.now();
        let (engine, event) = Engine::start(run.clone(), plan, header, self.settings, now)?;
        let new = NewRun { id: run.clone(), plan: stored, events: vec![event.clone()] };
        self.store.create_run(new).await.map_err(DriveError::Load)?;
        (self.observer)(&run, &event);
        Ok(engine)
    }

    /// Reads a run from the store, as its events left it.
    pub async fn load(&self, run: &RunId) -> Result<Engine, DriveError> {
        let stored = self.store.load_run(run).await.map_err(DriveError::Load)?;
        let plan = self
            .shared
            .plan(&stored.plan)
            .map_err(|reason| DriveError::Plan { run: run.clone(), reason })?;
        Ok(Engine::load(run.clone(), plan, &stored.events, self.settings)?)
    }

    /// Takes a loaded run up again; `program` is recorded.
    pub async fn resume(
        &self,
        run: &RunId,
        engine: &mut Engine,
        program: &str,
    ) -> Result<(), DriveError> {
        let now = self.clock.now();
        let decided = engine.resume(program, now);
        self.record(run, engine, decided, now).await
    }

    /// Drives a run until it ends, parks, is in doubt, or `stop` turns true.
    ///
    /// After `stop`, calls under way are waited for and their outcomes stored; nothing new begins.
    pub async fn drive(
        &self,
        run: &RunId,
        engine: Engine,
        stop: watch::Receiver<bool>,
    ) -> Result<Engine, DriveError> {
        self.drive_busy(run, engine, StopSignal::of(stop), self.clock.busy()).await
    }

    async fn drive_busy(
        &self,
        run: &RunId,
        mut engine: Engine,
        mut stop: StopSignal,
        busy: Busy,
    ) -> Result<Engine, DriveError> {
        let mut flights = Flights::new(self, run, &engine);
        match self.turn(run, &mut engine, &mut stop, &mut flights, busy).await {
            Ok(()) => Ok(engine),
            Err(error) => Err(flights.last_words(error).await),
        }
    }

    async fn turn(
        &self,
        run: &RunId,
        engine: &mut Engine,
        stop: &mut StopSignal,
        flights: &mut Flights,
        busy: Busy,
    ) -> Result<(), DriveError> {
        let mut busy = Some(busy);
        let mut stopping = stop.now(engine.state().may_have_ordered());
        loop {
            if stopping.is_none() {
                self.advance(run, engine).await?;
            }
            flights.give_names_back(engine);
            if flights.is_empty() && engine.state().phase != RunPhase::Running {
                return Ok(());
            }
            let mut wake = None;
            if let Some(reason) = stopping {
                if flights.is_empty() {
                    let decided = engine.interrupt(reason);
                    self.record(run, engine, decided, self.clock.now()).await?;
                    return Ok(());
                }
            } else {
                wake = flights
                    .start_due(engine, self.clock.now())
                    .into_iter()
                    .chain(engine.next_retry())
                    .min();
                flights.check_locks()?;
                let refused = flights.take_refused();
                if !refused.is_empty() {
                    for (step, outcome) in refused {
                        self.take_in(run, engine, &step, outcome, Then::GoOn).await?;
                    }
                    continue;
                }
            }

            // From here on only the calls under way keep a virtual clock from moving.
            busy.take();
            let has_ordered = engine.state().may_have_ordered();
            tokio::select! {
                Some(happened) = flights.happens() => match happened {
                    Happened::Told(mark) => busy = Some(mark),
                    Happened::Ended(step, outcome, work) => {
                        busy = Some(work.end());
                        // An intent that nobody is going to send must not look like one that was
                        // sent; and what was called back before it was sent is no attempt that
                        // failed. But that an order was not sent is worth knowing.
                        let prepared = matches!(*outcome, Outcome::Prepared { .. });
                        if let (None, Outcome::Prepared { intent }) = (stopping, &*outcome) {
                            stopping = stop.now(has_ordered).or_else(|| {
                                let may_order = self.shared.may_order(run, &step, intent);
                                (!may_order).then_some(StopReason::OrderLimit)
                            });
                            if stopping.is_some() {
                                flights.release();
                            }
                        }
                        let idle = prepared || (work.was_turned_away() && !engine.is_sent(&step));
                        if stopping.is_none() || !idle {
                            let goes_on = stopping.is_none();
                            let then = if goes_on { Then::GoOn } else { Then::Stand };
                            self.take_in(run, engine, &step, *outcome, then).await?;
                        }
                    }
                },
                mark = self.clock.sleep_until(wake.unwrap_or_default()), if wake.is_some() => {
                    busy = Some(mark);
                }
                reason = stop.wait(has_ordered), if stopping.is_none() => {
                    busy = Some(self.clock.busy());
                    stopping = Some(reason);
                    flights.release();
                }
            }
        }
    }

    /// Records what follows from the outcome of a call.
    async fn take_in(
        &self,
        run: &RunId,
        engine: &mut Engine,
        step: &StepId,
        outcome: Outcome,
        then: Then,
    ) -> Result<(), DriveError> {
        let now = self.clock.now();
        let decided = engine.finished(step, outcome, now)?;
        match self.record_then(run, engine, decided, now, then).await {
            // Another run was faster with an order for the same names. Nothing was sent.
            Err(DriveError::Store {
                source: busy @ StoreError::NamesBeingOrdered { .. }, ..
            }) => {
                let error = StepError::new(ErrorKind::Conflict, busy.to_string());
                let retry = Retry::Later { after: Some(NAMES_PAUSE) };
                let decided = engine.finished(step, Outcome::Failed { error, retry }, now)?;
                self.record(run, engine, decided, now).await
            }
            // Nothing was sent, and no later attempt would be let: a person has to look.
            Err(DriveError::Store {
                source:
                    refused @ (StoreError::OrderForgotten(_) | StoreError::OrderedMeanwhile { .. }),
                ..
            }) => {
                let message = match &refused {
                    StoreError::OrderedMeanwhile { owner, .. } => format!(
                        "{refused}; `certplan show {owner}` says what became of it, and `certplan \
                         cancel {run}` ends this one, which has ordered nothing"
                    ),
                    _ => format!("{refused}; `certplan doctor` says what can be done"),
                };
                let error = StepError::new(ErrorKind::Conflict, message);
                let outcome = Outcome::Failed { error, retry: Retry::Never };
                let decided = engine.finished(step, outcome, now)?;
                self.record(run, engine, decided, now).await
            }
            result => result,
        }
    }

    /// Records everything that follows from the state by itself.
    async fn advance(&self, run: &RunId, engine: &mut Engine) -> Result<(), DriveError> {
        let now = self.clock.now();
        let decided = engine.advance(now);
        self.record_then(run, engine, decided, now, Then::GoOn).await
    }

    /// Lets a run that stands still follow another plan from here on.
    ///
    /// Whoever calls has seen to it that [`Engine::obstacles`] knows none.
    pub async fn replace_plan(
        &self,
        run: &RunId,
        engine: &mut Engine,
        stored: StoredPlan,
        replaced: EventKind,
    ) -> Result<Engine, DriveError> {
        self.store.keep_plan(stored).await.map_err(DriveError::Load)?;
        self.record(run, engine, vec![replaced], self.clock.now()).await?;
        self.load(run).await
    }

    /// Settles an order in doubt: it became the certificate that a person names.
    ///
    /// Returns why not, when that certificate cannot be the one. The run stands still afterwards.
    pub async fn adopt(
        &self,
        run: &RunId,
        engine: &mut Engine,
        certificate: CertificateId,
        program: &str,
    ) -> Result<Result<(), StepError>, DriveError> {
        let Some(command) = engine.adoption(certificate) else {
            return Ok(Err(nothing_in_doubt()));
        };
        let step = command.step.clone();
        let directory = engine.state().header.directory.clone().into();
        let work = Work::begin(Arc::clone(&self.clock), None);
        let keys = flight::keys(engine.state());
        match flight::carry_out(self, run.clone(), directory, keys, Arc::new(command), &work).await
        {
            Outcome::Failed { error, .. } => Ok(Err(error)),
            outcome => {
                let now = self.clock.now();
                let decided = engine.adopted(&step, outcome, program, now)?;
                self.record(run, engine, decided, now).await.map(Ok)
            }
        }
    }

    /// Settles an order in doubt: a person says that it never came to be. A resumed run orders anew.
    pub async fn disown(
        &self,
        run: &RunId,
        engine: &mut Engine,
        program: &str,
    ) -> Result<Result<(), StepError>, DriveError> {
        match engine.disowned(program) {
            None => Ok(Err(nothing_in_doubt())),
            Some(decided) => self.record(run, engine, decided, self.clock.now()).await.map(Ok),
        }
    }

    /// Stores what was decided at `now`, then applies it, then tells.
    async fn record(
        &self,
        run: &RunId,
        engine: &mut Engine,
        decided: Vec<EventKind>,
        now: Timestamp,
    ) -> Result<(), DriveError> {
        self.record_then(run, engine, decided, now, Then::Stand).await
    }

    async fn record_then(
        &self,
        run: &RunId,
        engine: &mut Engine,
        decided: Vec<EventKind>,
        now: Timestamp,
        then: Then,
    ) -> Result<(), DriveError> {
        if decided.is_empty() {
            return Ok(());
        }
        let mut events = engine.number(decided, now);
        // What is stored is there for good, so it must make sense before.
        let foreseen = match then {
            Then::GoOn => engine.foresee_all(&mut events, now)?,
            Then::Stand => engine.foresee(&events)?,
        };
        self.store.append(run, events.clone()).await.map_err(|source| DriveError::Store {
            source,
            step: events.iter().find_map(|event| event.kind.step().cloned()),
            certificate_id: events.iter().find_map(|event| match &event.kind {
                EventKind::CertificateBound { certificate_id, .. } => Some(certificate_id.clone()),
                _ => None,
            }),
        })?;
        engine.enter(foreseen);
        for event in &events {
            (self.observer)(run, event);
        }
        Ok(())
    }
}
