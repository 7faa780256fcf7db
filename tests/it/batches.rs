//! Many targets in one process, against a sandbox on a virtual clock: how often the API is asked,
//! and what becomes of each target when things go wrong, the program dies, or several work at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certplan::action::Actions;
use certplan::api::http::{BaseUrl, Connection, Timeouts};
use certplan::api::regfish::RegfishClient;
use certplan::document::SourceFile;
use certplan::driver::{
    BatchReport, BatchSettings, BatchTarget, Driver, Member, NameLocks, RunEnd, Shared,
};
use certplan::engine::{EngineSettings, SEMANTICS};
use certplan::plan::{GivenValue, Plan, parse_plan, resolve_inputs};
use certplan::run::{Event, EventKind, PlanReference, RunHeader, RunState};
use certplan::sandbox::{Fault, FaultAction, OrderSnapshot, Sandbox, SandboxOptions};
use certplan::store::{
    BatchRequest, LockError, SqliteStore, Store, StoredPlan, TargetKey, TargetLocks,
};
use certplan::types::{BatchId, Clock, RunId, VirtualClock};
use tokio::sync::watch;

use crate::scene::shipped_text;

/// A sandbox, a state folder, and one plan for many targets.
struct World {
    sandbox: Sandbox,
    clock: VirtualClock,
    client: RegfishClient,
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
    stored: Arc<StoredPlan>,
    batches: AtomicUsize,
}

/// The targets' common names.
type Names = Vec<String>;

fn names(count: usize) -> Names {
    (0..count).map(|number| format!("www.site{number}.example")).collect()
}

impl World {
    async fn of(plan: &str) -> Self {
        Self::of_text(shipped_text(plan)).await
    }

    /// With a plan that leaves its records in the zone.
    async fn keeping(plan: &str) -> Self {
        let text = shipped_text(plan);
        let wanted = "  keep_records:\n    type: boolean\n    default: false";
        assert!(text.contains(wanted));
        Self::of_text(text.replace(wanted, &wanted.replace("false", "true"))).await
    }

    async fn of_text(text: String) -> Self {
        let clock = VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap());
        let mut options = SandboxOptions::embedded(Arc::new(clock.clone()));
        options.downloads_refused = 0;
        let key = options.api_key.clone();
        let sandbox = Sandbox::start(options).await.unwrap();
        let timeouts = Timeouts { total: Duration::from_secs(5), ..Timeouts::default() };
        let connection = Connection {
            clock: Arc::new(clock.clone()),
            timeouts,
            ..Connection::regfish(BaseUrl::parse(&sandbox.base_url()).unwrap(), key)
        };
        let client = RegfishClient::new(connection).unwrap();
        let Ok((plan, _)) = parse_plan(&SourceFile::new("plan.yaml", &text)) else {
            panic!("the plan does not compile")
        };
        let compiled = serde_json::to_string(&plan).unwrap();
        let stored = StoredPlan { digest: "0".repeat(64), semantics: SEMANTICS, text, compiled };
        Self {
            sandbox,
            clock,
            client,
            folder: tempfile::tempdir().unwrap(),
            plan: Arc::new(plan),
            stored: Arc::new(stored),
            batches: AtomicUsize::new(0),
        }
    }

    fn locks(&self) -> TargetLocks {
        TargetLocks::new(self.folder.path().join("locks"))
    }

    /// What one process has of the world: a store of its own on the same file.
    fn process(&self) -> Process<'_> {
        self.process_that(|_| {})
    }

    fn process_that(&self, observe: impl Fn(&EventKind) + Send + Sync + 'static) -> Process<'_> {
        let store = Arc::new(SqliteStore::open(&self.folder.path().join("state.db")).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let actions = Actions {
            resolver: Some(certplan::dns::Resolver::at(self.sandbox.dns_address())),
            outside: None,
            regfish: Some(self.client.clone()),
            digicert: None,
            clock: Arc::clone(&clock),
            key_directory: self.folder.path().join("keys"),
            passphrase: None,
            desk: None,
        };
        let driver = Driver {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock,
            performer: Arc::new(actions.in_batch()),
            observer: Arc::new(move |_: &RunId, event: &Event| observe(&event.kind)),
            settings: EngineSettings::default(),
            shared: Arc::new(Shared::in_batch(50, None).with_names(NameLocks::new(self.locks()))),
        };
        Process { world: self, store, driver, stop: watch::Sender::new(false) }
    }

    fn header(&self, name: &str) -> RunHeader {
        let given = [("common_name".to_owned(), GivenValue::Text(name.to_owned()))];
        RunHeader {
            plan: PlanReference {
                name: self.plan.name.clone(),
                file: "plan.yaml".to_owned(),
                digest: self.stored.digest.clone(),
            },
            target: name.to_owned(),
            inputs: resolve_inputs(&self.plan, &given).unwrap(),
            steps: self.plan.steps.keys().cloned().collect(),
            endpoints: BTreeMap::new(),
            sandbox: true,
            directory: self.folder.path().display().to_string(),
            semantics: SEMANTICS,
            program: "certplan test".to_owned(),
            earlier_runs: Vec::new(),
            orders_known: None,
        }
    }

    fn orders(&self) -> Vec<OrderSnapshot> {
        self.sandbox.controls().orders()
    }

    #[track_caller]
    fn expect_one_order_each(&self, names: &[String]) {
        let mut ordered: Vec<String> =
            self.orders().iter().map(|order| order.common_name.to_string()).collect();
        ordered.sort();
        let mut wanted = names.to_vec();
        wanted.sort();
        assert_eq!(ordered, wanted);
    }
}

struct Process<'a> {
    world: &'a World,
    store: Arc<SqliteStore>,
    driver: Driver,
    stop: watch::Sender<bool>,
}

impl Process<'_> {
    /// What an operator's `run --inventory` does: a target that is locked is left to its holder, a
    /// run that exists is taken up again, and the others begin.
    async fn run(&self, names: &[String]) -> BatchReport<(String, &'static str)> {
        let mut targets = Vec::new();
        for name in names {
            let lock = match self.world.locks().lock(&target_key(name), "test") {
                Ok(lock) => lock,
                Err(LockError::Held { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            // Only what is read under the lock counts.
            let known = self.store.list_runs().await.unwrap();
            let member = match known.iter().find(|run| run.target == *name) {
                Some(run) => Member::Existing(run.id.clone()),
                None => Member::New {
                    run: RunId::from_random(rand(name)),
                    plan: Arc::clone(&self.world.plan),
                    stored: Arc::clone(&self.world.stored),
                    header: Box::new(self.world.header(name)),
                },
            };
            targets.push(BatchTarget { member, lock: Some(lock) });
        }
        let number = self.world.batches.fetch_add(1, Ordering::Relaxed);
        let id = BatchId::from_random(u64::try_from(number).unwrap());
        let runs =
            self.driver.start_batch(id, "test", BatchRequest::default(), targets).await.unwrap();
        let settings = BatchSettings { program: "test".to_owned(), ..BatchSettings::default() };
        let digest =
            |_: &RunId, state: &RunState, _| (state.header.target.clone(), state.phase.name());
        self.driver.drive_batch(runs, &settings, self.stop.subscribe(), digest).await
    }
}

fn target_key(name: &str) -> TargetKey {
    TargetKey { plan: "p".to_owned(), target: name.to_owned(), sandbox: true }
}

/// A number that is the same for a name, and differs between names.
fn rand(name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Each target and how it ended.
#[track_caller]
fn endings(report: BatchReport<(String, &'static str)>) -> BTreeMap<String, &'static str> {
    let ends = report.ends.into_iter().map(|end| match end {
        RunEnd::Standstill(ending) => ending,
        other => panic!("{other:?}"),
    });
    ends.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_order_costs_five_requests_in_a_batch_a_plain_one_four_and_cleaning_up_two() {
    for (plan, keeps, most) in
        [("ov-staged.yaml", true, 5), ("dv.yaml", true, 4), ("dv.yaml", false, 6)]
    {
        let world = if keeps { World::keeping(plan).await } else { World::of(plan).await };
        let names = names(60);
        let process = world.process();
        let endings = endings(process.run(&names).await);
        assert!(endings.values().all(|phase| *phase == "succeeded"), "{plan}: {endings:?}");
        world.expect_one_order_each(&names);
        let mut requests: BTreeMap<String, usize> = BTreeMap::new();
        for request in world.sandbox.controls().requests() {
            let path = match request.path.split('/').collect::<Vec<_>>().as_slice() {
                ["", "tls", "certificate", _, rest @ ..] => {
                    format!("/tls/certificate/ID/{}", rest.join("/"))
                }
                _ => request.path.clone(),
            };
            *requests.entry(format!("{} {path}", request.method)).or_default() += 1;
        }
        // What is asked once for all: products, organizations, and a list per round; and the first
        // who wait look singly.
        let lists = requests["GET /tls/certificate"];
        assert!(lists < 60, "{plan}: {requests:?}");
        assert_eq!(requests["GET /tls/products"], 1, "{plan}");
        let all: usize = requests.values().sum();
        let singles = all - lists;
        assert!(singles <= most * names.len() + 8, "{plan}: {requests:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_one_zone_take_turns_at_their_validation_name_and_say_so() {
    let world = World::of("dv.yaml").await;
    let names: Names = ["a", "b", "c"].map(|host| format!("{host}.example.com")).to_vec();
    let waits: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let seen = Arc::clone(&waits);
    let process = world.process_that(move |event| {
        if let EventKind::StepWaiting { observation, .. } = event {
            seen.lock().unwrap().insert(observation.summary.clone());
        }
    });
    let endings = endings(process.run(&names).await);
    assert!(endings.values().all(|phase| *phase == "succeeded"), "{endings:?}");
    let waits = waits.lock().unwrap();
    assert!(waits.iter().any(|text| text.starts_with("`_dnsauth.")), "{waits:?}");
}

/// What is scripted for some of the targets, and how those end.
fn faults() -> Vec<(FaultAction, &'static str, &'static str)> {
    vec![
        (FaultAction::DropAfterCommit, "POST", "/tls/certificate"),
        (FaultAction::DropBeforeCommit, "POST", "/tls/certificate"),
        (FaultAction::Html, "POST", "/tls/certificate"),
        (FaultAction::CutAnswer, "POST", "/tls/certificate"),
        (FaultAction::refusal(429, "too many requests"), "POST", "/tls/certificate"),
        (FaultAction::refusal(503, "try again"), "GET", "/tls/certificate"),
        (FaultAction::DropAfterCommit, "POST", "/dns/rr"),
        (FaultAction::Html, "GET", "/tls/certificate"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_and_three_kills_leave_each_target_with_one_order() {
    let world = World::of("dv.yaml").await;
    let names = names(100);
    for (index, (action, method, path)) in (0_u32..).zip(faults()) {
        let nth = 5 + 11 * index;
        world.sandbox.controls().add_fault(Fault::at(method, path, nth, action));
    }
    for kill in 1..=3 {
        // Killed in the middle: nothing of the process is left, not even a goodbye.
        let recorded = Arc::new(AtomicUsize::new(0));
        let (count, die) = (Arc::clone(&recorded), Arc::new(tokio::sync::Notify::new()));
        let dies = Arc::clone(&die);
        let process = world.process_that(move |event| {
            let bound = matches!(event, EventKind::CertificateBound { .. });
            if bound && count.fetch_add(1, Ordering::Relaxed) == 20 {
                dies.notify_one();
            }
        });
        tokio::select! {
            report = process.run(&names) => panic!("kill {kill} came too late: {report:?}"),
            () = die.notified() => {}
        }
        // Tasks that are dropped end a moment later; a process that is killed ends at once.
        while names.iter().any(|name| world.locks().is_held(&target_key(name))) {
            tokio::task::yield_now().await;
        }
    }
    let endings = endings(world.process().run(&names).await);
    assert_eq!(endings.len(), names.len());
    let others: Vec<_> = endings.iter().filter(|(_, phase)| **phase != "succeeded").collect();
    assert!(others.is_empty(), "{others:?}");
    world.expect_one_order_each(&names);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_processes_with_the_same_targets_order_each_once() {
    let world = World::of("dv.yaml").await;
    let names = names(40);
    let processes: Vec<Process<'_>> = (0..5).map(|_| world.process()).collect();
    let runs = processes.iter().enumerate().map(|(index, process)| {
        // Each begins elsewhere, so that all of them get some.
        let mut names = names.clone();
        names.rotate_left(index * 8);
        async move { process.run(&names).await }
    });
    let reports = futures_util::future::join_all(runs).await;
    let done: Vec<String> =
        reports.into_iter().flat_map(|report| endings(report).into_keys()).collect();
    let distinct: BTreeSet<&String> = done.iter().collect();
    assert_eq!(distinct.len(), names.len());
    world.expect_one_order_each(&names);
}
