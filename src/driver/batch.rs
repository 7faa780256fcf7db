//! A batch: many runs driven together in one process.
//!
//! Each run is a task of its own. One that fails, or breaks off, stops no other; results come in the
//! order of the inventory. Which runs there are, and whose targets are locked, is decided before.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use super::stop::StopSignal;
use super::waves::{FailureLimit, WaveSize, waves};
use super::{DriveError, Driver};
use crate::engine::Engine;
use crate::plan::Plan;
use crate::run::{PauseReason, RunHeader, RunPhase, RunResult, RunState, StopReason};
use crate::store::{BatchMember, BatchRequest, NewBatch, StoredPlan, TargetLock};
use crate::types::{BatchId, Busy, RunId, Timestamp};

/// A target of a batch, with the run that is to get its certificate.
#[derive(Debug)]
pub struct BatchTarget {
    /// The run.
    pub member: Member,
    /// The target's lock; given back as soon as the run stands still.
    pub lock: Option<TargetLock>,
}

/// A run of a batch, before the batch is recorded.
#[derive(Debug)]
pub enum Member {
    /// A run that begins with the batch.
    New {
        /// Its id.
        run: RunId,
        /// Its plan; runs of one plan share it.
        plan: Arc<Plan>,
        /// The same plan as it is stored.
        stored: Arc<StoredPlan>,
        /// What the run is.
        header: Box<RunHeader>,
    },
    /// A run that is taken up again.
    Existing(RunId),
}

/// A run of a recorded batch, ready to be driven.
#[derive(Debug)]
pub struct BatchRun {
    run: RunId,
    /// None while the run has still to be read.
    engine: Option<Box<Engine>>,
    hold: Hold,
}

/// Brings the lock of a target as soon as whoever works on it is done; or the reason why the run
/// must not go on any more.
pub type Turn = Pin<Box<dyn Future<Output = Result<TargetLock, String>> + Send>>;

/// Whether the target of a run is ours.
enum Hold {
    Ours(Option<TargetLock>),
    Later(Turn),
}

impl fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(lock) => formatter.debug_tuple("Ours").field(lock).finish(),
            Self::Later(_) => formatter.write_str("Later"),
        }
    }
}

impl BatchRun {
    /// An earlier run that goes on in a batch; the batch is recorded with it.
    pub fn ours(run: RunId, lock: TargetLock) -> Self {
        Self { run, engine: None, hold: Hold::Ours(Some(lock)) }
    }

    /// The same for a run whose target another program works on: it waits for its turn, and keeps
    /// nobody else from going on meanwhile.
    pub fn waiting(run: RunId, turn: Turn) -> Self {
        Self { run, engine: None, hold: Hold::Later(turn) }
    }
}

/// How a batch is driven.
#[derive(Debug, Clone, Default)]
pub struct BatchSettings {
    /// How many runs begin together; all, when it is empty. A wave is over when each of its runs
    /// stands still.
    pub waves: Vec<WaveSize>,
    /// After more failed runs than this no other begins, and those that have not ordered stop where
    /// they are. Without it, a wave of which nothing came is the last one.
    pub max_failures: Option<FailureLimit>,
    /// Name and version of the program, for runs that are taken up again.
    pub program: String,
}

/// What became of a batch.
#[derive(Debug)]
pub struct BatchReport<T> {
    /// What became of each run, in the order of the inventory.
    pub ends: Vec<RunEnd<T>>,
}

/// What became of a run.
#[derive(Debug)]
pub enum RunEnd<T> {
    /// It stands still, or has ended; what was made of its state.
    Standstill(T),
    /// It was not begun, or not taken up again; why.
    NotBegun(StopReason),
    /// When its turn came, it must not go on any more; the reason.
    Refused(String),
    /// It could not be driven on. What was recorded stands.
    Broken(DriveError),
}

impl Driver {
    /// Records a batch and its new runs, all of it or nothing.
    pub async fn start_batch(
        &self,
        batch: BatchId,
        program: &str,
        request: BatchRequest,
        targets: Vec<BatchTarget>,
    ) -> Result<Vec<BatchRun>, DriveError> {
        let now = self.clock.now();
        let mut plans: HashMap<(String, u32), Arc<StoredPlan>> = HashMap::new();
        let (mut runs, mut members) = (Vec::new(), Vec::new());
        for BatchTarget { member, lock } in targets {
            let (run, engine) = match member {
                Member::Existing(run) => {
                    members.push(BatchMember::Existing(run.clone()));
                    (run, None)
                }
                Member::New { run, plan, stored, header } => {
                    plans.entry((stored.digest.clone(), stored.semantics)).or_insert(stored);
                    let (engine, started) =
                        Engine::start(run.clone(), plan, *header, self.settings, now)?;
                    let started = Box::new(started);
                    members.push(BatchMember::New { run: run.clone(), started });
                    (run, Some(Box::new(engine)))
                }
            };
            runs.push(BatchRun { run, engine, hold: Hold::Ours(lock) });
        }
        let plans = plans.into_values().map(Arc::unwrap_or_clone).collect();
        let new = NewBatch {
            id: batch,
            at: now,
            program: program.to_owned(),
            request,
            plans,
            members: members.clone(),
        };
        self.store.create_batch(new).await.map_err(DriveError::Load)?;
        for member in &members {
            if let BatchMember::New { run, started } = member {
                (self.observer)(run, started);
            }
        }
        Ok(runs)
    }

    /// Drives all runs until each has ended, parks, is in doubt, or `stop` turns true.
    ///
    /// `digest` makes of each run's state, and of the time when it was begun or taken up again, what
    /// the caller wants to keep: the state of ten thousand runs is large.
    pub async fn drive_batch<T, D>(
        &self,
        runs: Vec<BatchRun>,
        settings: &BatchSettings,
        stop: watch::Receiver<bool>,
        digest: D,
    ) -> BatchReport<T>
    where
        T: Send + 'static,
        D: Fn(&RunId, &RunState, Timestamp) -> T + Send + Sync + 'static,
    {
        let runs = runs.into_iter().map(|run| (self, run)).collect();
        drive_together(runs, settings, stop, digest).await
    }

    /// One run of a batch, to its standstill.
    async fn drive_member(
        &self,
        run: &RunId,
        engine: Option<Box<Engine>>,
        program: &str,
        stop: StopSignal,
        busy: Busy,
    ) -> Result<Engine, DriveError> {
        let engine = match engine {
            Some(engine) => *engine,
            None => {
                let mut engine = self.load(run).await?;
                let over = [RunPhase::Finished(RunResult::Succeeded), RunPhase::Cancelled];
                if over.contains(&engine.state().phase) {
                    return Ok(engine);
                }
                self.resume(run, &mut engine, program).await?;
                engine
            }
        };
        self.drive_busy(run, engine, stop, busy).await
    }
}

/// The same as [`Driver::drive_batch`] for runs of several worlds, each with the driver of its own:
/// waves and limits count over all of them.
pub async fn drive_together<T, D>(
    runs: Vec<(&Driver, BatchRun)>,
    settings: &BatchSettings,
    stop: watch::Receiver<bool>,
    digest: D,
) -> BatchReport<T>
where
    T: Send + 'static,
    D: Fn(&RunId, &RunState, Timestamp) -> T + Send + Sync + 'static,
{
    let total = runs.len();
    let held_back = watch::Sender::new(None);
    let mut crowd = Crowd {
        settings,
        total,
        digest: Arc::new(digest),
        stop: StopSignal::in_batch(stop, held_back.subscribe()),
        held_back,
        tasks: JoinSet::new(),
        under_way: HashMap::new(),
        ends: std::iter::repeat_with(|| None).take(total).collect(),
        failed: 0,
        came_through: 0,
    };
    let mut runs: Vec<Option<(&Driver, BatchRun)>> = runs.into_iter().map(Some).collect();
    let mut over = None;
    for wave in waves(total, &settings.waves) {
        over = over.or_else(|| crowd.stop.now(false));
        if over.is_some() {
            break;
        }
        crowd.came_through = 0;
        crowd.begin(wave, &mut runs);
        crowd.settle().await;
        let is_last = settings.max_failures.is_none() && crowd.came_through == 0;
        over = is_last.then_some(StopReason::FailedWave);
    }
    let mut ends = crowd.ends;
    if let Some(reason) = over.or_else(|| crowd.stop.now(false)) {
        leave(&mut runs, &mut ends, reason).await;
    }
    let missing = || RunEnd::NotBegun(over.unwrap_or(StopReason::Signal));
    BatchReport { ends: ends.into_iter().map(|end| end.unwrap_or_else(missing)).collect() }
}

/// Records of the new runs that were never begun why that is so. What an earlier run says of itself
/// stays as it is.
async fn leave<T>(
    runs: &mut [Option<(&Driver, BatchRun)>],
    ends: &mut [Option<RunEnd<T>>],
    reason: StopReason,
) {
    let left = runs.iter_mut().zip(ends).filter_map(|(run, end)| Some((run.take()?, end)));
    let recorded = left.map(|((driver, BatchRun { run, engine, hold }), end)| async move {
        // Nobody else works on it before that is recorded.
        let _hold = hold;
        *end = Some(RunEnd::NotBegun(reason));
        if let Some(mut engine) = engine {
            let decided = engine.interrupt(reason);
            let now = driver.clock.now();
            if let Err(error) = driver.record(&run, &mut engine, decided, now).await {
                *end = Some(RunEnd::Broken(error));
            }
        }
    });
    futures_util::future::join_all(recorded).await;
}

/// The runs of a batch that are under way, and what became of the others.
struct Crowd<'a, T, D> {
    settings: &'a BatchSettings,
    total: usize,
    digest: Arc<D>,
    /// What its runs listen to.
    stop: StopSignal,
    /// Set by too many failures.
    held_back: watch::Sender<Option<StopReason>>,
    tasks: JoinSet<(RunEnd<T>, Fortune)>,
    under_way: HashMap<Id, (usize, RunId)>,
    ends: Vec<Option<RunEnd<T>>>,
    failed: usize,
    /// How many runs of this wave neither failed nor are in doubt.
    came_through: usize,
}

/// What the end of a run means for those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fortune {
    Good,
    InDoubt,
    Failed,
}

impl Fortune {
    fn of(phase: RunPhase) -> Self {
        match phase {
            RunPhase::Finished(RunResult::Failed) => Self::Failed,
            RunPhase::Paused(PauseReason::InDoubt) => Self::InDoubt,
            _ => Self::Good,
        }
    }
}

impl<T, D> Crowd<'_, T, D>
where
    T: Send + 'static,
    D: Fn(&RunId, &RunState, Timestamp) -> T + Send + Sync + 'static,
{
    fn begin(&mut self, wave: Range<usize>, runs: &mut [Option<(&Driver, BatchRun)>]) {
        let begun = runs.get(wave.clone()).into_iter().flatten().flatten();
        let mut drivers: Vec<&Driver> = begun.map(|(driver, _)| *driver).collect();
        drivers.dedup_by(|one, other| std::ptr::eq(*one, *other));
        // A virtual clock must not move on before all of them have begun.
        let _busy: Vec<Busy> = drivers.iter().map(|driver| driver.clock.busy()).collect();
        for index in wave {
            let Some((driver, BatchRun { run, engine, hold })) =
                runs.get_mut(index).and_then(Option::take)
            else {
                continue;
            };
            let (driver, mut stop) = (driver.clone(), self.stop.clone());
            let (digest, program) = (Arc::clone(&self.digest), self.settings.program.clone());
            let id = run.clone();
            // Whoever waits for another program keeps no virtual clock from moving.
            let busy = matches!(hold, Hold::Ours(_)).then(|| driver.clock.busy());
            let task = self.tasks.spawn(async move {
                let _lock = match hold {
                    Hold::Ours(lock) => lock,
                    Hold::Later(turn) => tokio::select! {
                        turn = turn => match turn {
                            Ok(lock) => Some(lock),
                            Err(reason) => return (RunEnd::Refused(reason), Fortune::Failed),
                        },
                        reason = stop.wait(false) => {
                            return (RunEnd::NotBegun(reason), Fortune::Good);
                        }
                    },
                };
                let busy = busy.unwrap_or_else(|| driver.clock.busy());
                let began_at = driver.clock.now();
                match driver.drive_member(&id, engine, &program, stop, busy).await {
                    Ok(engine) => {
                        let state = engine.state();
                        let fortune = Fortune::of(state.phase);
                        (RunEnd::Standstill(digest(&id, state, began_at)), fortune)
                    }
                    Err(error) => (RunEnd::Broken(error), Fortune::Failed),
                }
            });
            self.under_way.insert(task.id(), (index, run));
        }
    }

    /// Waits until every run that was begun stands still.
    async fn settle(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.take_in(ended);
        }
    }

    fn take_in(&mut self, ended: Result<(Id, (RunEnd<T>, Fortune)), tokio::task::JoinError>) {
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let Some((index, run)) = self.under_way.remove(&id) else { return };
        let (end, fortune) = match ended {
            Ok((_, ended)) => ended,
            Err(_) => (RunEnd::Broken(DriveError::Defect { run }), Fortune::Failed),
        };
        match fortune {
            Fortune::Good => self.came_through += 1,
            Fortune::InDoubt => {}
            Fortune::Failed => self.failed += 1,
        }
        if let Some(slot) = self.ends.get_mut(index) {
            *slot = Some(end);
        }
        if self.too_many_failures() {
            self.held_back.send_replace(Some(StopReason::TooManyFailures));
        }
    }

    fn too_many_failures(&self) -> bool {
        let limit = self.settings.max_failures;
        limit.is_some_and(|limit| limit.is_exceeded(self.failed, self.total))
    }
}
