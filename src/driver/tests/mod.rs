//! The loop with a scripted performer, a store in memory and a virtual clock.

mod batch;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use serde_json::{Map, json};
use tokio::sync::{Notify, watch};

use super::*;
use crate::action::ActionCall;
use crate::document::SourceFile;
use crate::engine::SEMANTICS;
use crate::plan::parse_plan;
use crate::run::{Call, Observation, Outcome, PlanReference, StepState};
use crate::store::{
    BatchSummary, MemoryStore, NewBatch, RecordedOrder, RunSummary, StoreFuture, StoredRun,
};
use crate::types::{BatchId, Timestamp, VirtualClock};

/// Performs nothing: answers each step's calls from a list, or with success.
#[derive(Default)]
struct Script {
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    calls: Mutex<Vec<String>>,
}

enum Answer {
    Outcome(Outcome),
    Panic,
    Never,
    /// Says that it has begun, then waits to be let go.
    Gate(Arc<Notify>, Arc<Notify>),
}

impl Script {
    fn on(self, step: &str, answer: Answer) -> Self {
        self.answers.lock().unwrap().entry(step.to_owned()).or_default().push_back(answer);
        self
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

fn success() -> Outcome {
    let output = json!({ "sku": "X", "certificate_id": "A", "status": "pending" });
    Outcome::Succeeded { output: output.as_object().unwrap().clone(), certificate: None }
}

impl Performer for Script {
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            let kind = match &call.call {
                Call::Perform => "",
                Call::Prepare { .. } => " prepare",
                Call::Send(_) => " send",
                Call::Reconcile(_) => " reconcile",
                Call::Adopt(..) => " adopt",
            };
            self.calls.lock().unwrap().push(format!("{}{kind}", call.step));
            let answer = self
                .answers
                .lock()
                .unwrap()
                .get_mut(call.step.as_str())
                .and_then(VecDeque::pop_front);
            match answer {
                None => success(),
                Some(Answer::Outcome(outcome)) => outcome,
                Some(Answer::Panic) => panic!("a scripted defect"),
                Some(Answer::Never) => std::future::pending().await,
                Some(Answer::Gate(begun, go)) => {
                    begun.notify_one();
                    go.notified().await;
                    success()
                }
            }
        })
    }
}

struct Scene {
    driver: Driver,
    script: Arc<Script>,
    clock: VirtualClock,
    stop: watch::Sender<bool>,
    run: RunId,
}

impl Scene {
    fn new(script: Script, store: Arc<dyn Store>) -> Self {
        let clock = VirtualClock::starting_at(Timestamp::from_second(1_800_000_000).unwrap());
        let script = Arc::new(script);
        let driver = Driver {
            store,
            clock: Arc::new(clock.clone()),
            performer: Arc::clone(&script) as Arc<dyn Performer>,
            observer: Arc::new(|_, _| {}),
            settings: EngineSettings::default(),
            shared: Arc::default(),
        };
        Self { driver, script, clock, stop: watch::Sender::new(false), run: RunId::from_random(1) }
    }

    async fn start(&self, steps: &str) -> Engine {
        let (plan, stored, header) = plan_of(steps);
        self.driver.start(self.run.clone(), plan, stored, header).await.unwrap()
    }

    async fn drive(&self, engine: Engine) -> Result<Engine, DriveError> {
        self.driver.drive(&self.run, engine, self.stop.subscribe()).await
    }
}

/// A plan of these steps, and what a run of it is.
fn plan_of(steps: &str) -> (Arc<Plan>, StoredPlan, RunHeader) {
    let text = format!("certplan: 1\nname: test\nsteps:\n{steps}");
    let source = SourceFile::new("test.yaml", &text);
    let (plan, _) = parse_plan(&source).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    let header = RunHeader {
        plan: PlanReference {
            name: plan.name.clone(),
            file: "test.yaml".to_owned(),
            digest: "0".to_owned(),
        },
        target: "www.example.com".to_owned(),
        inputs: Map::new(),
        steps: plan.steps.keys().cloned().collect(),
        endpoints: BTreeMap::new(),
        sandbox: false,
        directory: "/".to_owned(),
        semantics: SEMANTICS,
        program: "test".to_owned(),
        earlier_runs: Vec::new(),
        orders_known: None,
    };
    let stored = StoredPlan {
        digest: "0".to_owned(),
        semantics: SEMANTICS,
        compiled: serde_json::to_string(&plan).unwrap(),
        text,
    };
    (Arc::new(plan), stored, header)
}

const TWO_AND_ONE: &str = "
  - { id: a, uses: regfish.list_products, with: { sku: X } }
  - { id: b, uses: regfish.list_products, with: { sku: X } }
  - { id: c, uses: regfish.list_products, with: { sku: X }, needs: [a, b] }
";

const ORDER: &str = "
  - id: order
    uses: regfish.create_order
    with: { sku: X, common_name: www.example.com, csr: '{{ target }}' }
    timeout: 10s
";

fn intent() -> crate::run::Intent {
    crate::run::Intent::Order(crate::run::OrderIntent {
        public_key_sha256: String::new(),
        sku: "X".to_owned(),
        common_name: crate::types::DomainName::parse("www.example.com").unwrap(),
        names: std::collections::BTreeSet::new(),
        organization_id: None,
        validity_days: None,
        renewal_of: None,
        known_certificate_ids: std::collections::BTreeSet::new(),
    })
}

#[tokio::test]
async fn steps_that_are_ready_run_at_the_same_time() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = || Answer::Gate(Arc::clone(&begun), Arc::clone(&go));
    let script = Script::default().on("a", gate()).on("b", gate());
    let mut scene = Scene::new(script, Arc::new(MemoryStore::default()));
    scene.driver.clock = Arc::new(crate::types::SystemClock);
    let engine = scene.start(TWO_AND_ONE).await;
    let both = async {
        begun.notified().await;
        begun.notified().await;
        assert_eq!(scene.script.calls().len(), 2);
        go.notify_one();
        go.notify_one();
    };
    let (engine, ()) = tokio::join!(scene.drive(engine), both);
    assert_eq!(engine.unwrap().state().phase.name(), "succeeded");
    assert_eq!(scene.script.calls().last().map(String::as_str), Some("c"));
}

#[tokio::test]
async fn a_week_of_polling_takes_no_time_on_a_virtual_clock() {
    let mut script = Script::default();
    for _ in 0..20_159 {
        let observation = Observation { summary: "pending".to_owned(), ..Observation::default() };
        script = script.on("issued", Answer::Outcome(Outcome::NotYet { observation }));
    }
    let scene = Scene::new(script, Arc::new(MemoryStore::default()));
    let engine = scene
        .start("  - { id: issued, uses: regfish.wait_issued, with: { certificate_id: A }, poll: { every: 30s, timeout: 8d } }\n")
        .await;
    let started = scene.clock.now();
    let engine = scene.drive(engine).await.unwrap();
    assert_eq!(engine.state().phase.name(), "succeeded");
    assert_eq!(scene.clock.now().duration_since(started).as_secs(), 20_159 * 30);
    // A start, a wait, an end: a look that shows nothing new leaves no trace.
    assert_eq!(engine.state().last_sequence, 5);
}

#[tokio::test]
async fn an_action_that_panics_fails_its_step_and_the_others_go_on() {
    let scene =
        Scene::new(Script::default().on("a", Answer::Panic), Arc::new(MemoryStore::default()));
    let engine = scene.start(TWO_AND_ONE).await;
    let engine = scene.drive(engine).await.unwrap();
    let states: Vec<&str> =
        engine.state().steps.values().map(|record| record.state.name()).collect();
    assert_eq!(states, ["failed", "succeeded", "blocked"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_takes_too_long_is_asked_after_and_not_sent_again() {
    let script = Script::default()
        .on("order", Answer::Outcome(Outcome::Prepared { intent: intent() }))
        .on("order", Answer::Never);
    let scene = Scene::new(script, Arc::new(MemoryStore::default()));
    let engine = scene.start(ORDER).await;
    let engine = scene.drive(engine).await.unwrap();
    assert_eq!(engine.state().phase.name(), "succeeded");
    assert_eq!(scene.script.calls(), ["order prepare", "order send", "order reconcile"]);
}

#[tokio::test]
async fn a_request_to_stop_lets_what_is_under_way_finish_and_starts_nothing_new() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = Script::default().on("a", Answer::Gate(Arc::clone(&begun), Arc::clone(&go)));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let scene = Scene::new(script, Arc::clone(&store));
    let engine = scene.start(TWO_AND_ONE).await;
    let stop = async {
        begun.notified().await;
        scene.stop.send_replace(true);
        go.notify_one();
    };
    let (engine, ()) = tokio::join!(scene.drive(engine), stop);
    let engine = engine.unwrap();
    assert_eq!(engine.state().phase.name(), "interrupted");
    let finished = |step: &str| {
        let id = StepId::parse(step).unwrap();
        matches!(engine.state().steps[&id].state, StepState::Succeeded { .. })
    };
    assert!(finished("a") && !scene.script.calls().contains(&"c".to_owned()));

    // What was stored is enough to go on.
    scene.stop.send_replace(false);
    let mut engine = scene.driver.load(&scene.run).await.unwrap();
    scene.driver.resume(&scene.run, &mut engine, "later").await.unwrap();
    let engine = scene.drive(engine).await.unwrap();
    assert_eq!(engine.state().phase.name(), "succeeded");
    let again = scene.script.calls().iter().filter(|call| *call == "a").count();
    assert_eq!(again, 1);
}

/// A store whose disk is full after some appends.
struct FullDisk {
    inner: MemoryStore,
    left: Mutex<usize>,
}

impl Store for FullDisk {
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()> {
        self.inner.create_run(run)
    }

    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()> {
        self.inner.keep_plan(plan)
    }

    fn append(&self, run: &RunId, events: Vec<Event>) -> StoreFuture<'_, ()> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Box::pin(std::future::ready(Err(StoreError::Closed)));
        }
        *left -= 1;
        self.inner.append(run, events)
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

#[tokio::test]
async fn nothing_is_sent_when_the_intent_cannot_be_stored() {
    let script =
        Script::default().on("order", Answer::Outcome(Outcome::Prepared { intent: intent() }));
    let store = FullDisk { inner: MemoryStore::default(), left: Mutex::new(1) };
    let scene = Scene::new(script, Arc::new(store));
    let engine = scene.start(ORDER).await;
    let error = scene.drive(engine).await.unwrap_err();
    assert!(matches!(error, DriveError::Store { .. }), "{error}");
    assert_eq!(scene.script.calls(), ["order prepare"]);
}

#[tokio::test]
async fn an_id_that_cannot_be_stored_is_at_least_said() {
    let certificate_id = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
    let Outcome::Succeeded { output, .. } = success() else { panic!("no success") };
    let binding = crate::run::BindingKind::Ordered;
    let certificate = Some(crate::run::BoundCertificate { certificate_id, binding });
    let script = Script::default()
        .on("order", Answer::Outcome(Outcome::Prepared { intent: intent() }))
        .on("order", Answer::Outcome(Outcome::Succeeded { output, certificate }));
    let store = FullDisk { inner: MemoryStore::default(), left: Mutex::new(2) };
    let scene = Scene::new(script, Arc::new(store));
    let engine = scene.start(ORDER).await;
    let error = scene.drive(engine).await.unwrap_err().to_string();
    assert!(error.contains("certificate `AAAAAAAAAAAA1` was ordered"), "{error}");
}
