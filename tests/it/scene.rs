//! `Scene`: one run, driven inside of the test on a virtual clock against a sandbox, that can be
//! made to crash at any event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certplan::action::Actions;
use certplan::api::budget::{Budget, BudgetSettings, Windows};
use certplan::api::digicert::DigicertClient;
use certplan::api::http::{BaseUrl, Connection, Gate, OpenGate, Timeouts};
use certplan::api::regfish::RegfishClient;
use certplan::dns::Resolver;
use certplan::document::SourceFile;
use certplan::driver::{DriveError, Driver};
use certplan::engine::{Engine, EngineSettings, SEMANTICS};
use certplan::plan::{GivenValue, Plan, parse_plan, resolve_inputs};
use certplan::run::{
    Event, EventKind, PlanReference, RunHeader, RunPhase, RunResult, RunState, StepError, StepState,
};
use certplan::sandbox::{OrderSnapshot, Sandbox, SandboxOptions};
use certplan::store::{
    BatchSummary, MemoryStore, NewBatch, NewRun, RecordedOrder, RunSummary, Store, StoreError,
    StoreFuture, StoredPlan, StoredRun,
};
use certplan::types::{BatchId, CertificateId, Clock, RunId, StepId, Timestamp, VirtualClock};
use serde_json::Value;
use tokio::sync::watch;

use crate::event_schema;
use crate::harness::{COMMON_NAME, shipped_plan};

/// When the program dies.
pub(crate) enum Crash {
    /// Never.
    Never,
    /// So many events are stored; of what is done because of them, nothing is.
    Before(usize),
    /// So many events are stored; what is done because of them is done, and nobody records it.
    After(usize),
    /// Right after an event like this was stored.
    At(fn(&EventKind) -> bool),
}

/// A store whose program dies at a chosen moment.
struct CrashingStore {
    inner: Arc<dyn Store>,
    crash: Crash,
    stored: Mutex<usize>,
}

impl CrashingStore {
    /// How many of these events are still stored, and whether the program dies then.
    fn admit(&self, events: &[Event]) -> (usize, bool) {
        let mut stored = self.stored.lock().unwrap();
        let (admitted, dies) = match self.crash {
            Crash::Never => (events.len(), false),
            Crash::Before(limit) => {
                let left = limit.saturating_sub(*stored);
                (left.min(events.len()), left <= events.len())
            }
            Crash::After(limit) => {
                let left = limit.saturating_sub(*stored);
                (left.min(events.len()), left < events.len())
            }
            Crash::At(chosen) => (events.len(), events.iter().any(|event| chosen(&event.kind))),
        };
        *stored += admitted;
        (admitted, dies)
    }
}

impl Store for CrashingStore {
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()> {
        let (_, dies) = self.admit(&run.events);
        Box::pin(async move {
            self.inner.create_run(run).await?;
            if dies { Err(StoreError::Closed) } else { Ok(()) }
        })
    }

    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()> {
        self.inner.keep_plan(plan)
    }

    fn append(&self, run: &RunId, mut events: Vec<Event>) -> StoreFuture<'_, ()> {
        let (admitted, dies) = self.admit(&events);
        events.truncate(admitted);
        let run = run.clone();
        Box::pin(async move {
            if !events.is_empty() {
                self.inner.append(&run, events).await?;
            }
            if dies { Err(StoreError::Closed) } else { Ok(()) }
        })
    }

    fn load_run(&self, run: &RunId) -> StoreFuture<'_, StoredRun> {
        self.inner.load_run(run)
    }

    fn list_runs(&self) -> StoreFuture<'_, Vec<RunSummary>> {
        self.inner.list_runs()
    }

    fn newest_order(&self) -> StoreFuture<'_, u64> {
        self.inner.newest_order()
    }

    fn orders(&self) -> StoreFuture<'_, Vec<RecordedOrder>> {
        self.inner.orders()
    }

    fn certificate_owners(&self) -> StoreFuture<'_, BTreeMap<CertificateId, RunId>> {
        self.inner.certificate_owners()
    }

    fn create_batch(&self, batch: NewBatch) -> StoreFuture<'_, ()> {
        self.inner.create_batch(batch)
    }

    fn list_batches(&self) -> StoreFuture<'_, Vec<BatchSummary>> {
        self.inner.list_batches()
    }

    fn batch_runs(&self, batch: &BatchId) -> StoreFuture<'_, Vec<RunId>> {
        self.inner.batch_runs(batch)
    }
}

/// What a run acts on. Making a client takes longer than a whole run, so it is made once.
struct World {
    sandbox: Sandbox,
    clock: VirtualClock,
    client: RegfishClient,
    digicert: DigicertClient,
}

/// A run and its world.
pub(crate) struct Scene {
    world: Arc<World>,
    /// The requests before it began.
    requests_before: usize,
    common_name: String,
    run: RunId,
    store: Arc<dyn Store>,
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
    stored: StoredPlan,
    inputs: Vec<(String, GivenValue)>,
    /// Nobody asks these runs to stop; the sender must outlive them.
    stop: watch::Sender<bool>,
}

fn clock() -> VirtualClock {
    VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap())
}

/// The text of a plan that ships.
pub(crate) fn shipped_text(name: &str) -> String {
    std::fs::read_to_string(shipped_plan(name)).unwrap()
}

impl Scene {
    /// A scene with a plan that ships, in a world as it is.
    pub(crate) async fn of(plan: &str) -> Self {
        Self::with(&shipped_text(plan), |_| {}).await
    }

    /// A scene with a plan that ships, whose program waits a second for an answer and no longer.
    pub(crate) async fn impatient(plan: &str) -> Self {
        let timeouts = Timeouts { total: Duration::from_secs(1), ..Timeouts::default() };
        Self::made(&shipped_text(plan), |_| {}, timeouts, Arc::new(OpenGate)).await
    }

    /// A scene with a plan that ships, whose requests pass a budget as those of the program do.
    pub(crate) async fn budgeted(plan: &str) -> Self {
        Self::budgeted_with(&shipped_text(plan)).await
    }

    /// The same with the text of a plan.
    pub(crate) async fn budgeted_with(text: &str) -> Self {
        let clock = clock();
        let settings = BudgetSettings { windows: Windows::regfish(), ..BudgetSettings::default() };
        let budget = Budget::new(settings, Arc::new(clock.clone()), Arc::new(|| 0.5));
        Self::on(clock, text, |_| {}, Timeouts::default(), Arc::new(budget)).await
    }

    /// A scene with a plan, in a world that is adjusted before it starts.
    pub(crate) async fn with(plan: &str, adjust: impl FnOnce(&mut SandboxOptions)) -> Self {
        Self::made(plan, adjust, Timeouts::default(), Arc::new(OpenGate)).await
    }

    async fn made(
        plan: &str,
        adjust: impl FnOnce(&mut SandboxOptions),
        timeouts: Timeouts,
        gate: Arc<dyn Gate>,
    ) -> Self {
        Self::on(clock(), plan, adjust, timeouts, gate).await
    }

    async fn on(
        clock: VirtualClock,
        plan: &str,
        adjust: impl FnOnce(&mut SandboxOptions),
        timeouts: Timeouts,
        gate: Arc<dyn Gate>,
    ) -> Self {
        let mut options = SandboxOptions::embedded(Arc::new(clock.clone()));
        adjust(&mut options);
        let source = SourceFile::new("plan.yaml", plan);
        let plan = match parse_plan(&source) {
            Ok((plan, _)) => plan,
            Err(wrong) => panic!("{}", wrong.render(false)),
        };
        let (key, digicert_key) = (options.api_key.clone(), options.digicert_key.clone());
        let sandbox = Sandbox::start(options).await.unwrap();
        let base_url = BaseUrl::parse(&sandbox.base_url()).unwrap();
        let digicert = DigicertClient::new(Connection {
            clock: Arc::new(clock.clone()),
            timeouts,
            gate: Arc::clone(&gate),
            ..Connection::digicert(
                BaseUrl::parse(&format!("{base_url}/services/v2")).unwrap(),
                digicert_key,
            )
        })
        .unwrap();
        let connection = Connection {
            clock: Arc::new(clock.clone()),
            timeouts,
            gate,
            ..Connection::regfish(base_url, key)
        };
        let client = RegfishClient::new(connection).unwrap();
        Self {
            world: Arc::new(World { sandbox, clock, client, digicert }),
            requests_before: 0,
            common_name: COMMON_NAME.to_owned(),
            run: RunId::from_random(1),
            store: Arc::new(MemoryStore::default()),
            folder: tempfile::tempdir().unwrap(),
            stored: StoredPlan {
                digest: "0".repeat(64),
                semantics: SEMANTICS,
                text: source.text().to_owned(),
                compiled: serde_json::to_string(&plan).unwrap(),
            },
            plan: Arc::new(plan),
            inputs: Vec::new(),
            stop: watch::channel(false).0,
        }
    }

    /// Gives an input.
    pub(crate) fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.push((name.to_owned(), GivenValue::Text(value.to_owned())));
        self
    }

    /// Another run of the same plan for the same name, in the same world and the same store.
    pub(crate) fn again(&self) -> Self {
        Self {
            world: Arc::clone(&self.world),
            requests_before: self.sandbox().controls().requests().len(),
            common_name: self.common_name.clone(),
            run: RunId::from_random(2),
            store: Arc::clone(&self.store),
            folder: tempfile::tempdir().unwrap(),
            plan: Arc::clone(&self.plan),
            stored: self.stored.clone(),
            inputs: self.inputs.clone(),
            stop: watch::channel(false).0,
        }
    }

    /// A run of another plan that ships, in the same world and the same store.
    pub(crate) fn then(&self, plan: &str) -> Self {
        let source = SourceFile::new("plan.yaml", &shipped_text(plan));
        let (plan, _) = parse_plan(&source).map_err(|wrong| wrong.render(false)).unwrap();
        Self {
            stored: StoredPlan {
                digest: "1".repeat(64),
                semantics: SEMANTICS,
                text: source.text().to_owned(),
                compiled: serde_json::to_string(&plan).unwrap(),
            },
            plan: Arc::new(plan),
            inputs: Vec::new(),
            ..self.again()
        }
    }

    /// The same scene with another run and a store of its own, in the same world.
    pub(crate) fn afresh(&self, number: u64) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        Self {
            run: RunId::from_random(1000 + number),
            store,
            inputs: self.inputs.clone(),
            ..self.again()
        }
    }

    /// A field of a step that is done.
    #[track_caller]
    pub(crate) fn field(state: &RunState, step: &str, field: &str) -> Value {
        let step = StepId::parse(step).unwrap();
        let Some(output) = state.output(&step) else {
            panic!("{step} is not done:\n{}", describe(state));
        };
        output.get(field).cloned().unwrap_or_default()
    }

    /// A run of the same plan for another name, in the same world.
    pub(crate) fn elsewhere(&self, number: usize) -> Self {
        let common_name = format!("www.example-{number}.com");
        let scene = Self {
            store: Arc::new(MemoryStore::default()),
            common_name: common_name.clone(),
            ..self.again()
        };
        scene.input("common_name", &common_name)
    }

    /// The same run, as if the clock had been set back: all recorded times are an hour later.
    pub(crate) async fn with_clock_set_back(self) -> Self {
        let mut stored = self.store.load_run(&self.run).await.unwrap();
        for event in &mut stored.events {
            let later = hour_later(serde_json::to_value(&event).unwrap());
            *event = serde_json::from_value(later).unwrap();
        }
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (id, plan) = (self.run.clone(), stored.plan);
        store.create_run(NewRun { id, plan, events: stored.events }).await.unwrap();
        Self { store, ..self }
    }

    /// The sandbox.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.world.sandbox
    }

    /// The client of this world's API.
    pub(crate) fn client(&self) -> RegfishClient {
        self.world.client.clone()
    }

    fn driver(&self, crash: Crash) -> Driver {
        let clock: Arc<dyn Clock> = Arc::new(self.world.clock.clone());
        let store = CrashingStore { inner: Arc::clone(&self.store), crash, stored: Mutex::new(0) };
        Driver {
            store: Arc::new(store),
            clock: Arc::clone(&clock),
            performer: Arc::new(Actions {
                regfish: Some(self.client()),
                digicert: Some(self.world.digicert.clone()),
                resolver: Some(Resolver::at(self.sandbox().dns_address())),
                outside: None,
                clock,
                key_directory: self.folder.path().join("keys"),
                passphrase: None,
                desk: None,
            }),
            observer: Arc::new(|_, event| event_schema::check(event)),
            settings: EngineSettings::default(),
            shared: Arc::default(),
        }
    }

    /// Starts the run and drives it as far as it goes.
    pub(crate) async fn start(&self, crash: Crash) -> Result<RunState, DriveError> {
        let inputs = resolve_inputs(&self.plan, &self.inputs).unwrap();
        let header = RunHeader {
            plan: PlanReference {
                name: self.plan.name.clone(),
                file: "plan.yaml".to_owned(),
                digest: self.stored.digest.clone(),
            },
            target: self.common_name.clone(),
            inputs,
            steps: self.plan.steps.keys().cloned().collect(),
            endpoints: BTreeMap::new(),
            sandbox: true,
            directory: self.folder.path().display().to_string(),
            semantics: SEMANTICS,
            earlier_runs: Vec::new(),
            orders_known: None,
            program: "certplan test".to_owned(),
        };
        let driver = self.driver(crash);
        let engine = driver
            .start(self.run.clone(), Arc::clone(&self.plan), self.stored.clone(), header)
            .await?;
        self.drive(&driver, engine).await
    }

    /// Starts the run; it must not crash.
    pub(crate) async fn begin(&self) -> RunState {
        self.start(Crash::Never).await.unwrap()
    }

    /// Starts the run; it must crash at an event like this.
    pub(crate) async fn begin_and_crash_at(&self, chosen: fn(&EventKind) -> bool) {
        let result = self.start(Crash::At(chosen)).await;
        assert!(matches!(result, Err(DriveError::Store { .. })), "{result:?}");
    }

    /// Takes the run up again and drives it as far as it goes.
    pub(crate) async fn resume(&self) -> RunState {
        self.resume_until(Crash::Never).await.unwrap()
    }

    /// Takes the run up again, until the program dies once more.
    pub(crate) async fn resume_until(&self, crash: Crash) -> Result<RunState, DriveError> {
        let driver = self.driver(crash);
        let mut engine = driver.load(&self.run).await?;
        driver.resume(&self.run, &mut engine, "certplan test").await?;
        self.drive(&driver, engine).await
    }

    /// A person says that the order in doubt never came to be.
    pub(crate) async fn disown(&self) {
        let driver = self.driver(Crash::Never);
        let mut engine = driver.load(&self.run).await.unwrap();
        driver.disown(&self.run, &mut engine, "certplan test").await.unwrap().unwrap();
    }

    /// A person says which certificate the order in doubt became.
    pub(crate) async fn adopt(&self, certificate: &str) -> Result<(), StepError> {
        let certificate = CertificateId::parse(certificate).unwrap();
        let driver = self.driver(Crash::Never);
        let mut engine = driver.load(&self.run).await.unwrap();
        driver.adopt(&self.run, &mut engine, certificate, "certplan test").await.unwrap()
    }

    /// Time passes in the world.
    pub(crate) fn advance(&self, by: Duration) {
        let now = self.world.clock.now();
        self.world
            .clock
            .advance_to(now.checked_add(jiff::SignedDuration::try_from(by).unwrap()).unwrap());
    }

    /// What time it is in the world.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.world.clock.now()
    }

    async fn drive(&self, driver: &Driver, engine: Engine) -> Result<RunState, DriveError> {
        let engine = driver.drive(&self.run, engine, self.stop.subscribe()).await?;
        Ok(engine.state().clone())
    }

    /// How many events are recorded; none before the run began.
    pub(crate) async fn events_or_none(&self) -> usize {
        self.store.load_run(&self.run).await.map_or(0, |run| run.events.len())
    }

    /// What is recorded.
    pub(crate) async fn events(&self) -> Vec<Event> {
        self.store.load_run(&self.run).await.unwrap().events
    }

    /// The recorded events of a name.
    pub(crate) async fn count(&self, name: &str) -> usize {
        self.events().await.iter().filter(|event| event.kind.name() == name).count()
    }

    /// The private keys that were made.
    pub(crate) fn keys(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("keys").join(self.run.as_str());
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_str().unwrap().ends_with(".key.pem")).collect()
    }

    /// Whether a certificate stands where the plans put it.
    pub(crate) fn is_installed(&self) -> bool {
        self.folder.path().join("certs").join(&self.common_name).join("fullchain.pem").exists()
    }

    /// The requests of this run and of whoever came after it.
    pub(crate) fn requests(&self) -> Vec<certplan::sandbox::LoggedRequest> {
        self.sandbox().controls().requests().split_off(self.requests_before)
    }

    /// The orders for this run's name, whoever sent them.
    pub(crate) fn orders(&self) -> Vec<OrderSnapshot> {
        let mut orders = self.sandbox().controls().orders();
        orders.retain(|order| order.common_name == self.common_name);
        orders
    }

    /// How many requests of this method came for exactly this path.
    pub(crate) fn requested(&self, method: &str, path: &str) -> usize {
        let fits = |request: &&certplan::sandbox::LoggedRequest| {
            request.method == method && request.path == path
        };
        let requests = self.sandbox().controls().requests();
        requests[self.requests_before..].iter().filter(fits).count()
    }

    /// How many orders were sent, whatever became of them.
    pub(crate) fn orders_sent(&self) -> usize {
        self.requested("POST", "/tls/certificate")
    }

    /// The only order.
    #[track_caller]
    pub(crate) fn order(&self) -> OrderSnapshot {
        let [order] = self.orders().try_into().unwrap();
        order
    }

    /// Fails unless the run is done with the one order that there is, and with one key.
    #[track_caller]
    pub(crate) fn expect_issued(&self, state: &RunState) {
        let order = self.order();
        let steps = describe(state);
        assert_eq!(state.phase, RunPhase::Finished(RunResult::Succeeded), "{steps}");
        let owned = state.certificate_id.as_ref().map(CertificateId::as_str);
        assert_eq!(owned, Some(order.id.as_str()), "{steps}");
        assert_eq!(order.status, "issued");
        assert_eq!(self.keys().len(), 1);
        assert!(self.is_installed());
    }
}

/// The value with every time in it an hour later.
fn hour_later(value: Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => (time + Duration::from_secs(3_600)).to_string().into(),
            Err(_) => text.into(),
        },
        Value::Array(items) => items.into_iter().map(hour_later).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (name, hour_later(value))).collect()
        }
        other => other,
    }
}

/// The steps and their states, a line each.
pub(crate) fn describe(state: &RunState) -> String {
    let line = |(step, record): (&StepId, &Arc<certplan::run::StepRecord>)| {
        format!("{step}: {:?}\n", record.state)
    };
    state.steps.iter().map(line).collect()
}

/// The error of a step that must have failed.
#[track_caller]
pub(crate) fn error_of(state: &RunState, step: &str) -> StepError {
    match &state.steps.get(step).unwrap().state {
        StepState::Failed { error } => error.clone(),
        _ => panic!("`{step}` has not failed:\n{}", describe(state)),
    }
}
