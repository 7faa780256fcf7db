//! What durability costs: transitions per second, the intent before an order, and how long it takes
//! to read ten thousand runs back.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot set its scene has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;
use std::sync::OnceLock;

use certplan::run::{
    BindingKind, Event, EventKind, Intent, Observation, OrderIntent, PlanReference, RunHeader,
    RunResult,
};
use certplan::store::{NewRun, SqliteStore, Store, StoredPlan};
use certplan::types::{CertificateId, DomainName, RunId, StepId, Timestamp};
use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// Transitions of each run in one round.
const ROUND: u32 = 4;

/// Runs that are read back.
const MANY: u64 = 10_000;

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn step(name: &str) -> StepId {
    name.to_owned().try_into().unwrap()
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn plan() -> StoredPlan {
    let text = include_str!("../plans/ov-staged.yaml").to_owned();
    StoredPlan { digest: "0".repeat(64), semantics: 1, compiled: text.clone(), text }
}

const STEPS: [&str; 9] = [
    "product",
    "organization",
    "key",
    "order",
    "complete",
    "validation",
    "record",
    "issued",
    "certificate",
];

fn header(number: u64) -> RunHeader {
    RunHeader {
        plan: PlanReference {
            name: "ov-staged".to_owned(),
            file: "plans/ov-staged.yaml".to_owned(),
            digest: "0".repeat(64),
        },
        target: format!("www.example-{number}.com"),
        inputs: map(json!({ "common_name": format!("www.example-{number}.com"), "dns_names": [] })),
        steps: STEPS.map(step).to_vec(),
        endpoints: BTreeMap::from([("regfish".to_owned(), "https://api.regfish.com".to_owned())]),
        sandbox: false,
        directory: "/srv/certificates".to_owned(),
        semantics: 1,
        program: "certplan bench".to_owned(),
        earlier_runs: Vec::new(),
        orders_known: None,
    }
}

fn intent(number: u64) -> Intent {
    let name = DomainName::parse(&format!("www.example-{number}.com")).unwrap();
    Intent::Order(OrderIntent {
        public_key_sha256: "ab".repeat(32),
        sku: "SecureSite".to_owned(),
        common_name: name.clone(),
        names: BTreeSet::from([name]),
        organization_id: None,
        validity_days: Some(199),
        known_certificate_ids: (0..20)
            .map(|known| CertificateId::parse(&format!("KNOWN{known:05}")).unwrap())
            .collect(),
        renewal_of: None,
    })
}

fn event(sequence: u32, kind: EventKind) -> Event {
    Event {
        sequence,
        at: Timestamp::from_second(1_790_000_000 + i64::from(sequence)).unwrap(),
        kind,
    }
}

fn started(name: &str) -> EventKind {
    let csr = "M".repeat(if name == "order" { 600 } else { 0 });
    let parameters = map(json!({ "certificate_id": "7K9QW3M2ZT8HJ", "csr": csr }));
    EventKind::StepStarted {
        step: step(name),
        attempt: 1,
        parameters: parameters.into(),
        deadline: None,
    }
}

fn succeeded(name: &str) -> EventKind {
    let csr = "M".repeat(if name == "key" { 600 } else { 0 });
    let output = json!({ "certificate_id": "7K9QW3M2ZT8HJ", "status": "pending", "csr": csr });
    EventKind::StepSucceeded { step: step(name), output: map(output).into() }
}

/// The events of a whole run, as the shipped plan makes them.
fn story(number: u64) -> Vec<Event> {
    let mut kinds = vec![EventKind::RunStarted(header(number))];
    for name in STEPS {
        kinds.push(started(name));
        if name == "order" {
            kinds.push(EventKind::IntentRecorded { step: step(name), intent: intent(number) });
            kinds.push(EventKind::CertificateBound {
                step: step(name),
                certificate_id: CertificateId::parse(&format!("ORDER{number:08}")).unwrap(),
                binding: BindingKind::Ordered,
            });
        }
        if name == "issued" {
            for look in ["validation pending", "vetting", "signing"] {
                let observation = Observation { summary: look.to_owned(), seen: Map::new() };
                let next_look = Timestamp::from_second(1_790_000_100).unwrap();
                kinds.push(EventKind::StepWaiting { step: step(name), observation, next_look });
            }
        }
        kinds.push(succeeded(name));
    }
    kinds.push(EventKind::RunFinished { result: RunResult::Succeeded });
    kinds.into_iter().zip(1..).map(|(kind, sequence)| event(sequence, kind)).collect()
}

async fn create(store: &SqliteStore, number: u64, events: Vec<Event>) -> RunId {
    let id = RunId::from_random(number);
    store.create_run(NewRun { id: id.clone(), plan: plan(), events }).await.unwrap();
    id
}

/// Durable transitions of so many runs at once; each waits for its own before the next.
#[divan::bench(args = [1, 64, 1000], sample_count = 10, sample_size = 1)]
fn transitions(bencher: Bencher<'_, '_>, runs: u64) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let store = SqliteStore::open(&folder.path().join("state.db")).unwrap();
    let mut next = 0;
    bencher
        .counter(ItemsCount::new(runs * u64::from(ROUND)))
        .with_inputs(|| {
            next += runs;
            let numbers = next - runs..next;
            let new = numbers.map(|number| {
                create(&store, number, vec![event(1, EventKind::RunStarted(header(number)))])
            });
            runtime.block_on(join_all(new))
        })
        .bench_local_values(|ids| {
            let work = ids.iter().map(|id| async {
                for sequence in 2..2 + ROUND {
                    store.append(id, vec![event(sequence, succeeded("record"))]).await.unwrap();
                }
            });
            runtime.block_on(join_all(work));
        });
}

/// The one write more that an order needs.
#[divan::bench(args = [1, 64, 1000], sample_count = 10, sample_size = 1)]
fn intents(bencher: Bencher<'_, '_>, runs: u64) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let store = SqliteStore::open(&folder.path().join("state.db")).unwrap();
    let mut next = 0;
    bencher
        .counter(ItemsCount::new(runs))
        .with_inputs(|| {
            next += runs;
            let numbers: Vec<u64> = (next - runs..next).collect();
            let new = numbers.iter().map(|number| {
                create(&store, *number, vec![event(1, EventKind::RunStarted(header(*number)))])
            });
            let ids = runtime.block_on(join_all(new));
            ids.into_iter().zip(numbers).collect::<Vec<_>>()
        })
        .bench_local_values(|runs| {
            let work = runs.iter().map(|(id, number)| {
                let intent = intent(*number);
                let kind = EventKind::IntentRecorded { step: step("order"), intent };
                store.append(id, vec![event(2, kind)])
            });
            for result in runtime.block_on(join_all(work)) {
                result.unwrap();
            }
        });
}

/// A file with many whole runs in it, made once.
fn full_store() -> &'static Path {
    static FILE: OnceLock<tempfile::TempDir> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("state.db")).unwrap();
        runtime().block_on(async {
            let new = (0..MANY).map(|number| create(&store, number, story(number)));
            join_all(new).await;
        });
        folder
    })
    .path()
}

/// Opens the file, reads every run and folds its events.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_back_ten_thousand_runs(bencher: Bencher<'_, '_>) {
    let (runtime, folder) = (runtime(), full_store());
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        let store = SqliteStore::open(&folder.join("state.db")).unwrap();
        runtime.block_on(async {
            let folded = store.fold_runs().await.unwrap();
            assert!(folded.len() == MANY as usize && folded.iter().all(|(_, run)| run.is_ok()));
            black_box(folded);
        });
    });
}
