//! `Play`: one performance of a case: a fresh world, a run to its last standstill, perhaps one death
//! of the program on the way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::kill::{Kill, Moment};
use super::mortal_store::MortalStore;
use super::result::{KillFailure, Problem, Recording};
use super::world::World;
use crate::driver::{DriveError, Driver};
use crate::engine::{EngineSettings, SEMANTICS};
use crate::pki::Fingerprint;
use crate::run::{Event, EventKind, PlanReference, RunHeader, RunPhase, RunState};
use crate::store::{MemoryStore, Store, StoredPlan};
use crate::trial::{Case, Found, TestFile};
use crate::types::{Clock, RunId, format_duration};

/// Real time that one performance may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is recorded as the program.
const PROGRAM: &str = "certplan test";

/// The same run in every performance.
const RUN: u64 = 0x7e57;

/// A case that can be performed again and again.
pub(super) struct Play<'c> {
    tests: &'c TestFile,
    pub(super) case: &'c Case,
    folder: &'c Path,
    stored: StoredPlan,
}

/// What came of a performance.
pub(super) struct Played {
    /// Each time that the run stood still.
    pub(super) standstills: Vec<Standstill>,
    /// Why it was not played to its end.
    pub(super) problem: Option<Problem>,
    /// Whether the program died on the way.
    pub(super) died: bool,
    pub(super) recording: Recording,
    /// The numbers of events after which the program could have died.
    ends: Vec<u32>,
}

/// The world at a moment at which the run stands still.
pub(super) struct Standstill {
    pub(super) found: Found,
    /// How many private keys there are.
    pub(super) keys: usize,
}

/// How a session of the program ended.
enum Session {
    Over,
    Died,
}

impl<'c> Play<'c> {
    pub(super) fn new(tests: &'c TestFile, case: &'c Case, folder: &'c Path) -> Self {
        let text = tests.plan_source.text();
        let stored = StoredPlan {
            digest: Fingerprint::of(text.as_bytes()).to_string(),
            semantics: SEMANTICS,
            text: text.to_owned(),
            // A plan is plain data; should it not be, no run can be taken up again, which shows.
            compiled: serde_json::to_string(tests.plan.as_ref()).unwrap_or_default(),
        };
        Self { tests, case, folder, stored }
    }

    /// Performs the case. Fails when there is no world to do it in.
    pub(super) async fn perform(&self, kill: Option<Kill>) -> Result<Played, Problem> {
        let world = World::new(self.case, self.folder).await?;
        let memory = Arc::new(MemoryStore::default());
        let store = Arc::new(MortalStore::new(Arc::clone(&memory), kill));
        let stage = Stage { play: self, world, memory, store, run: RunId::from_random(RUN) };
        let mut standstills = Vec::new();
        let acts = stage.acts(&mut standstills);
        let ended = tokio::time::timeout(PATIENCE, acts).await;
        let (died, problem) = match ended {
            Ok(Ok(died)) => (died, None),
            Ok(Err(problem)) => (false, Some(problem)),
            Err(_) => (false, Some(Problem::Stuck(format_duration(PATIENCE)))),
        };
        let events = stage.events().await.unwrap_or_default();
        let requests = stage.world.sandbox.controls().requests();
        let ends = stage.store.ends();
        let recording = Recording { events, requests };
        Ok(Played { standstills, problem, died, recording, ends })
    }

    fn header(&self, world: &World) -> RunHeader {
        let plan = &self.tests.plan;
        let target = self.case.inputs.get("common_name").and_then(Value::as_str);
        RunHeader {
            plan: PlanReference {
                name: plan.name.clone(),
                file: self.tests.plan_source.name().to_owned(),
                digest: self.stored.digest.clone(),
            },
            target: target.unwrap_or(&plan.name).to_owned(),
            inputs: self.case.inputs.clone(),
            steps: plan.steps.keys().cloned().collect(),
            endpoints: BTreeMap::new(),
            sandbox: true,
            directory: world.directory().display().to_string(),
            semantics: SEMANTICS,
            program: PROGRAM.to_owned(),
            earlier_runs: Vec::new(),
            orders_known: None,
        }
    }
}

/// One performance under way.
struct Stage<'p> {
    play: &'p Play<'p>,
    world: World,
    memory: Arc<MemoryStore>,
    store: Arc<MortalStore>,
    run: RunId,
}

impl Stage<'_> {
    /// Plays from standstill to standstill; says whether the program died on the way.
    async fn acts(&self, standstills: &mut Vec<Standstill>) -> Result<bool, Problem> {
        let mortal = self.driver(Arc::clone(&self.store) as Arc<dyn Store>);
        let immortal = self.driver(Arc::clone(&self.memory) as Arc<dyn Store>);
        let mut died = false;
        for act in 0..=self.play.case.then.len() {
            let driver = if died { &immortal } else { &mortal };
            if let Some(previous) = act.checked_sub(1) {
                let act = &self.play.case.then[previous];
                self.wait(act.after).await?;
                self.world.outside.turn_to(&act.imitate);
            }
            let is_first = act == 0;
            let before = self.events().await?.len();
            let session = async {
                if is_first { self.start(driver).await } else { self.resume(driver).await }
            };
            if matches!(self.live(session, died).await?, Session::Died) {
                died = true;
                self.revive(&immortal, before).await?;
            }
            standstills.push(self.standstill().await?);
        }
        Ok(died)
    }

    /// A new program finds what the dead one has left, which began with so many events.
    async fn revive(&self, driver: &Driver, before: usize) -> Result<(), Problem> {
        let session = async {
            let events = self.events().await.unwrap_or_default();
            match RunState::fold(&events).ok() {
                // It died before anything was stored: for the next program there is no run.
                None => self.start(driver).await,
                // It died before it had taken the run up, or in the middle.
                Some(state) if events.len() == before || state.phase == RunPhase::Running => {
                    self.resume(driver).await
                }
                // It stood still already.
                Some(_) => Ok(()),
            }
        };
        self.live(session, true).await.map(drop)
    }

    /// A session of the program, to its end or its death; `is_safe` when it cannot die any more.
    async fn live(
        &self,
        session: impl Future<Output = Result<(), DriveError>>,
        is_safe: bool,
    ) -> Result<Session, Problem> {
        tokio::select! {
            biased;
            ended = session => match (ended, self.world.outside.missing()) {
                (Ok(()), None) => Ok(Session::Over),
                (Ok(()), Some((step, uses))) => Err(Problem::NotImitated { step, uses }),
                (Err(error), _) => Err(Problem::Drive(error.to_string())),
            },
            () = self.store.death(), if !is_safe => Ok(Session::Died),
            () = self.world.bounded.exceeded() => {
                Err(Problem::Limit(format_duration(self.play.case.limit)))
            }
        }
    }

    async fn start(&self, driver: &Driver) -> Result<(), DriveError> {
        let header = self.play.header(&self.world);
        let (plan, stored) = (Arc::clone(&self.play.tests.plan), self.play.stored.clone());
        let engine = driver.start(self.run.clone(), plan, stored, header).await?;
        self.drive(driver, engine).await
    }

    async fn resume(&self, driver: &Driver) -> Result<(), DriveError> {
        let mut engine = driver.load(&self.run).await?;
        driver.resume(&self.run, &mut engine, PROGRAM).await?;
        self.drive(driver, engine).await
    }

    async fn drive(
        &self,
        driver: &Driver,
        engine: crate::engine::Engine,
    ) -> Result<(), DriveError> {
        // Nobody asks it to stop; the sender must outlive the session.
        let (_stop, asked) = watch::channel(false);
        driver.drive(&self.run, engine, asked).await.map(drop)
    }

    fn driver(&self, store: Arc<dyn Store>) -> Driver {
        Driver {
            store,
            clock: Arc::new(self.world.bounded.clone()),
            performer: Arc::new(self.world.actions()),
            observer: Arc::new(|_, _| {}),
            settings: EngineSettings::default(),
            shared: Arc::default(),
        }
    }

    /// Lets time pass while the run stands still.
    async fn wait(&self, duration: Duration) -> Result<(), Problem> {
        let until = self.world.clock.now().checked_add(duration);
        let until = until.map_err(|error| Problem::World(format!("no such time: {error}")))?;
        self.world.clock.advance_to(until);
        let controls = self.world.sandbox.controls();
        controls.catch_up().await.map_err(|error| Problem::World(error.to_string()))
    }

    async fn standstill(&self) -> Result<Standstill, Problem> {
        let events = self.events().await?;
        let state = RunState::fold(&events).map_err(|error| Problem::Drive(error.to_string()))?;
        let controls = self.world.sandbox.controls();
        // So that what came due by now shows in the orders, too.
        controls.catch_up().await.map_err(|error| Problem::World(error.to_string()))?;
        let certificate = certificate_id(&state).and_then(|id| self.world.certificate(&id));
        let found = Found {
            orders: self.world.orders(),
            requests: controls.requests(),
            files: self.world.files(),
            records: self.world.records(),
            certificate,
            state,
        };
        Ok(Standstill { found, keys: self.world.keys() })
    }

    /// The events of the run, without the texts that differ from play to play; none before it
    /// began.
    async fn events(&self) -> Result<Vec<Event>, Problem> {
        let Ok(run) = self.memory.load_run(&self.run).await else { return Ok(Vec::new()) };
        let private = self.world.private_texts();
        let plain = |event: &Event| -> serde_json::Result<Event> {
            serde_json::from_value(without(&private, serde_json::to_value(event)?))
        };
        let events: serde_json::Result<Vec<Event>> = run.events.iter().map(plain).collect();
        events.map_err(|error| Problem::Drive(format!("an event cannot be read back: {error}")))
    }
}

/// The certificate that the run is about: the one that it owns, or the last one that a step read.
fn certificate_id(state: &RunState) -> Option<String> {
    let of_step = || {
        let outputs = state.steps.keys().filter_map(|step| state.output(step));
        let mut ids = outputs.filter_map(|output| output.get("certificate_id")?.as_str());
        ids.next_back().map(str::to_owned)
    };
    state.certificate_id.as_ref().map(ToString::to_string).or_else(of_step)
}

/// The value with every private text in it replaced.
fn without(private: &[(String, &'static str)], value: Value) -> Value {
    let plain = |text: String| {
        private.iter().fold(text, |text, (from, to)| {
            if text.contains(from.as_str()) { text.replace(from.as_str(), to) } else { text }
        })
    };
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(items) => items.into_iter().map(|item| without(private, item)).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (name, without(private, value))).collect()
        }
        other => other,
    }
}

impl Played {
    /// Every kill that a run must survive without a trace.
    ///
    /// Once a step has failed, parked or fallen in doubt, a resumption is a new attempt, which may
    /// end better: there the kills of a stretch end, unless it comes to a good end all the same.
    pub(super) fn kills(&self) -> Vec<Kill> {
        let last = self.recording.events.len();
        let mut kills = Vec::new();
        for (index, end) in self.ends.iter().enumerate() {
            if usize::try_from(*end).is_ok_and(|end| end >= last) || self.is_settled(*end) {
                continue;
            }
            kills.push(Kill { event: *end, moment: Moment::AtOnce });
            // What was about to fail or park is tried anew as well.
            if self.ends.get(index + 1).is_some_and(|next| !self.is_settled(*next)) {
                kills.push(Kill { event: *end, moment: Moment::BeforeTheNext });
            }
        }
        kills
    }

    /// The kills after events of these numbers; events that the run does not have are failures.
    pub(super) fn kills_at(&self, events: &[u32]) -> (Vec<Kill>, Vec<KillFailure>) {
        let (mut kills, mut failures) = (Vec::new(), Vec::new());
        let last = self.ends.last().copied().unwrap_or_default();
        for event in events {
            // Events of one call are stored together, so nobody can die between them.
            match self.ends.iter().find(|end| *end >= event && **end < last) {
                Some(end) => {
                    kills.push(Kill { event: *end, moment: Moment::AtOnce });
                    kills.push(Kill { event: *end, moment: Moment::BeforeTheNext });
                }
                None => failures.push(KillFailure {
                    kill: Kill { event: *event, moment: Moment::AtOnce },
                    what: format!("the run has {last} events, and ends with the last"),
                    recording: None,
                }),
            }
        }
        kills.dedup();
        (kills, failures)
    }

    /// Whether, after so many events, a step of this stretch has failed, parked or fallen in doubt,
    /// and the stretch does not come to a good end.
    fn is_settled(&self, end: u32) -> bool {
        let mut settled = false;
        for event in &self.recording.events {
            match &event.kind {
                EventKind::RunResumed { .. } if event.sequence <= end => settled = false,
                EventKind::StepFailed { .. }
                | EventKind::StepParked { .. }
                | EventKind::StepInDoubt { .. }
                    if event.sequence <= end =>
                {
                    settled = true;
                }
                EventKind::RunPaused { .. } | EventKind::RunFinished { .. }
                    if event.sequence > end =>
                {
                    let good = matches!(
                        event.kind,
                        EventKind::RunFinished { result: crate::run::RunResult::Succeeded }
                    );
                    return settled && !good;
                }
                _ => {}
            }
        }
        settled
    }
}
