//! Many runs together: isolation, waves, limits, slots.

use super::*;
use crate::run::{RunResult, RunState};
use crate::types::SystemClock;

const ONE: &str = "  - { id: a, uses: regfish.list_products, with: { sku: X } }\n";

const SHARED: &str = "
  - { id: product, uses: regfish.list_products, share: batch, with: { sku: X } }
  - { id: a, uses: regfish.list_products, with: { sku: X }, needs: [product] }
";

/// Runs 1 to `count` of one plan, and the driver that they share.
struct Batch {
    scene: Scene,
    settings: BatchSettings,
    plan: Arc<Plan>,
    stored: Arc<StoredPlan>,
    header: RunHeader,
}

impl Batch {
    fn new(script: Script, steps: &str, shared: Shared) -> Self {
        let mut scene = Scene::new(script, Arc::new(MemoryStore::default()));
        scene.driver.shared = Arc::new(shared);
        let (plan, stored, header) = plan_of(steps);
        Self { scene, settings: BatchSettings::default(), plan, stored: Arc::new(stored), header }
    }

    fn target(&self, number: u64) -> BatchTarget {
        let target = format!("www{number}.example.com");
        let member = Member::New {
            run: RunId::from_random(number),
            plan: Arc::clone(&self.plan),
            stored: Arc::clone(&self.stored),
            header: Box::new(RunHeader { target, ..self.header.clone() }),
        };
        BatchTarget { member, lock: None }
    }

    async fn begin(&self, count: u64) -> Vec<BatchRun> {
        let targets = (1..=count).map(|number| self.target(number)).collect();
        self.scene
            .driver
            .start_batch(BatchId::from_random(1), "test", asked(), targets)
            .await
            .unwrap()
    }

    /// Drives runs 1 to `count`; what became of each, in a word.
    async fn drive(&self, count: u64) -> Vec<String> {
        let runs = self.begin(count).await;
        self.go_on(runs).await
    }

    async fn go_on(&self, runs: Vec<BatchRun>) -> Vec<String> {
        let stop = self.scene.stop.subscribe();
        let digest = |run: &RunId, state: &RunState, _| match state.stopped_by {
            Some(why) => format!("{run} {} {why:?}", state.phase.name()),
            None => format!("{run} {}", state.phase.name()),
        };
        let report = self.scene.driver.drive_batch(runs, &self.settings, stop, digest).await;
        let words = report.ends.iter().zip(1..).map(|(end, number)| match end {
            RunEnd::Standstill(text) => {
                let (run, phase) = text.split_once(' ').unwrap();
                assert_eq!(run, RunId::from_random(number).as_str());
                phase.to_owned()
            }
            RunEnd::NotBegun(reason) => format!("{reason:?}"),
            RunEnd::Refused(reason) => reason.clone(),
            RunEnd::Broken(error) => error.to_string(),
        });
        words.collect()
    }
}

fn asked() -> crate::store::BatchRequest {
    crate::store::BatchRequest::default()
}

fn failure() -> Answer {
    let error = StepError::new(ErrorKind::Refused, "no");
    Answer::Outcome(Outcome::Failed { error, retry: Retry::Never })
}

#[tokio::test]
async fn a_run_that_fails_or_panics_stops_no_other_and_results_keep_their_order() {
    let script = Script::default().on("a", failure()).on("a", Answer::Panic);
    let batch = Batch::new(script, ONE, Shared::in_batch(1, None));
    let words = batch.drive(200).await;
    assert_eq!(words.len(), 200);
    assert_eq!(words.iter().filter(|word| *word == "failed").count(), 2);
    assert_eq!(words.iter().filter(|word| *word == "succeeded").count(), 198);
    let runs = batch.scene.driver.store.batch_runs(&BatchId::from_random(1)).await.unwrap();
    assert_eq!(runs[0], RunId::from_random(1));
    assert_eq!(runs[199], RunId::from_random(200));
}

#[tokio::test]
async fn a_loop_that_breaks_off_is_a_defect_of_its_run_alone() {
    let mut batch = Batch::new(Script::default(), ONE, Shared::in_batch(4, None));
    batch.scene.driver.observer = Arc::new(|run, event| {
        let third = *run == RunId::from_random(3);
        assert!(!(third && event.sequence == 2), "a scripted defect");
    });
    let words = batch.drive(4).await;
    assert!(words[2].contains("this is a defect"), "{words:?}");
    assert_eq!([&words[0], &words[1], &words[3]], ["succeeded"; 3]);
}

#[tokio::test]
async fn a_shared_step_is_asked_once_and_each_run_records_its_own_answer() {
    let batch = Batch::new(Script::default(), SHARED, Shared::in_batch(50, None));
    let words = batch.drive(100).await;
    assert!(words.iter().all(|word| word == "succeeded"));
    let calls = batch.scene.script.calls();
    assert_eq!(calls.iter().filter(|call| *call == "product").count(), 1);
    assert_eq!(calls.iter().filter(|call| *call == "a").count(), 100);
    let last = batch.scene.driver.load(&RunId::from_random(100)).await.unwrap();
    assert!(last.state().output(&StepId::parse("product").unwrap()).is_some());
}

#[tokio::test]
async fn a_canary_that_fails_keeps_the_others_from_beginning() {
    let script = Script::default().on("a", failure());
    let mut batch = Batch::new(script, ONE, Shared::in_batch(50, None));
    batch.settings.waves = vec!["1".parse().unwrap(), "100%".parse().unwrap()];
    batch.settings.max_failures = Some(FailureLimit::Count(0));
    let words = batch.drive(3).await;
    assert_eq!(words, ["failed", "TooManyFailures", "TooManyFailures"]);
    assert_eq!(batch.scene.script.calls(), ["a"]);
}

#[tokio::test]
async fn a_wave_of_which_nothing_came_is_the_last_unless_a_number_of_failures_is_put_up_with() {
    for (most, expected) in [
        (None, ["failed", "FailedWave", "FailedWave"]),
        (Some(FailureLimit::Count(1)), ["failed", "succeeded", "succeeded"]),
    ] {
        let script = Script::default().on("a", failure());
        let mut batch = Batch::new(script, ONE, Shared::in_batch(50, None));
        batch.settings.waves = vec!["1".parse().unwrap(), "100%".parse().unwrap()];
        batch.settings.max_failures = most;
        assert_eq!(batch.drive(3).await, expected);
    }
    // One that came through is enough.
    let script = Script::default().on("a", failure());
    let mut batch = Batch::new(script, ONE, Shared::in_batch(1, None));
    batch.settings.waves = vec!["2".parse().unwrap()];
    assert_eq!(batch.drive(3).await, ["failed", "succeeded", "succeeded"]);
}

/// Orders, and then waits for the CA.
const ORDER_AND_WAIT: &str = "
  - id: order
    uses: regfish.create_order
    with: { sku: X, common_name: www.example.com, csr: '{{ target }}' }
  - { id: issued, uses: regfish.wait_issued, with: { certificate_id: A }, needs: [order] }
";

/// The first run has ordered and waits, the second is about to order, and the third fails.
struct Trio {
    ordered: Notify,
    go: Notify,
    failed: Arc<Notify>,
}

impl Performer for Trio {
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            let number = (1..=3).find(|number| call.run == RunId::from_random(*number)).unwrap();
            match (number, call.step.as_str(), &call.call) {
                (1, "issued", _) => {
                    self.ordered.notify_one();
                    self.go.notified().await;
                    success()
                }
                (1, _, Call::Send(_)) => {
                    let Outcome::Succeeded { output, .. } = success() else { panic!("no success") };
                    let certificate_id = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
                    let binding = crate::run::BindingKind::Ordered;
                    let bound = crate::run::BoundCertificate { certificate_id, binding };
                    Outcome::Succeeded { output, certificate: Some(bound) }
                }
                (2, ..) => {
                    self.failed.notified().await;
                    // The batch takes that in, and then this run hears of it.
                    for _ in 0..50 {
                        tokio::task::yield_now().await;
                    }
                    self.go.notify_one();
                    Outcome::Prepared { intent: intent_for(2) }
                }
                (3, ..) => {
                    self.ordered.notified().await;
                    let error = StepError::new(ErrorKind::Refused, "no");
                    Outcome::Failed { error, retry: Retry::Never }
                }
                (number, ..) => Outcome::Prepared { intent: intent_for(number) },
            }
        })
    }
}

#[tokio::test]
async fn after_too_many_failures_what_is_ordered_goes_on_to_its_end_and_nothing_more_is_ordered() {
    let mut batch = Batch::new(Script::default(), ORDER_AND_WAIT, Shared::in_batch(50, None));
    let failed = Arc::new(Notify::new());
    let trio = Trio { ordered: Notify::new(), go: Notify::new(), failed: Arc::clone(&failed) };
    batch.scene.driver.performer = Arc::new(trio);
    batch.scene.driver.clock = Arc::new(SystemClock);
    batch.scene.driver.observer = Arc::new(move |_, event| {
        if matches!(event.kind, EventKind::RunFinished { result: RunResult::Failed }) {
            failed.notify_one();
        }
    });
    batch.settings.max_failures = Some(FailureLimit::Count(0));
    let words = batch.drive(3).await;
    assert_eq!(words, ["succeeded", "interrupted TooManyFailures", "failed"]);
    let held_back = batch.scene.driver.load(&RunId::from_random(2)).await.unwrap();
    assert!(!held_back.state().may_have_ordered());
}

#[test]
fn all_attempts_at_one_order_are_one_order_and_what_costs_nothing_is_none() {
    let shared = Shared::in_batch(1, Some(Arc::new(Allowance::of(1))));
    let step = StepId::parse("order").unwrap();
    let [first, second] = [1, 2].map(RunId::from_random);
    let organization = crate::run::Intent::Organization(crate::run::OrganizationIntent {
        name: "Example GmbH".to_owned(),
        address: "Beispielweg 1".to_owned(),
        country_code: "DE".to_owned(),
        known_organization_ids: std::collections::BTreeSet::new(),
    });
    assert!(shared.may_order(&second, &step, &organization));
    assert!(shared.may_order(&first, &step, &intent_for(1)));
    assert!(shared.may_order(&first, &step, &intent_for(1)), "after a passing failure");
    assert!(!shared.may_order(&second, &step, &intent_for(2)));
}

#[tokio::test]
async fn a_batch_that_is_asked_to_stop_can_be_gone_on_with() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = Script::default().on("a", Answer::Gate(Arc::clone(&begun), Arc::clone(&go)));
    let mut batch = Batch::new(script, TWO_AND_ONE, Shared::in_batch(1, None));
    batch.settings.waves = vec!["2".parse().unwrap()];
    batch.scene.driver.clock = Arc::new(SystemClock);
    let stop = async {
        begun.notified().await;
        batch.scene.stop.send_replace(true);
        go.notify_one();
    };
    let (words, ()) = tokio::join!(batch.drive(3), stop);
    assert_eq!(words, ["interrupted Signal", "interrupted Signal", "Signal"]);
    let third = batch.scene.driver.load(&RunId::from_random(3)).await.unwrap();
    assert_eq!(third.state().stopped_by, Some(StopReason::Signal), "said where nothing began, too");

    batch.scene.stop.send_replace(false);
    let existing =
        |number| BatchTarget { member: Member::Existing(RunId::from_random(number)), lock: None };
    let targets = (1..=3).map(existing).collect();
    let again = BatchId::from_random(2);
    let runs = batch.scene.driver.start_batch(again, "later", asked(), targets).await.unwrap();
    let words = batch.go_on(runs).await;
    assert_eq!(words, ["succeeded"; 3]);
    // What was done before is not done again.
    let calls = batch.scene.script.calls();
    assert_eq!(calls.iter().filter(|call| *call == "c").count(), 3);
    assert_eq!(calls.len(), 9);
}

#[tokio::test]
async fn no_more_orders_are_sent_than_allowed_and_who_was_held_back_can_be_resumed() {
    let mut script = Script::default();
    for number in 1..=3 {
        let intent = intent_for(number);
        script = script.on("order", Answer::Outcome(Outcome::Prepared { intent }));
        if number < 3 {
            script = script.on("order", Answer::Outcome(success()));
        }
    }
    let mut batch =
        Batch::new(script, ORDER, Shared::in_batch(1, Some(Arc::new(Allowance::of(2)))));
    batch.settings.waves = vec!["1".parse().unwrap()];
    let words = batch.drive(3).await;
    assert_eq!(words, ["succeeded", "succeeded", "interrupted OrderLimit"]);
    let sent = batch.scene.script.calls();
    assert_eq!(sent.iter().filter(|call| *call == "order send").count(), 2);
    let held_back = batch.scene.driver.load(&RunId::from_random(3)).await.unwrap();
    assert!(!held_back.state().may_have_ordered());
    assert_eq!(held_back.state().stopped_by, Some(StopReason::OrderLimit));
}

#[tokio::test]
async fn who_waits_for_another_program_keeps_nobody_from_going_on_and_may_be_refused_in_the_end() {
    let mut batch = Batch::new(Script::default(), ONE, Shared::in_batch(1, None));
    let mut runs = batch.begin(3).await;
    let (free, wait) = tokio::sync::oneshot::channel::<()>();
    let free = Mutex::new(Some(free));
    // The other program is done as soon as the third run has come to its end.
    let third = RunId::from_random(3);
    batch.scene.driver.observer = Arc::new(move |run, event| {
        if *run == third && matches!(event.kind, EventKind::RunFinished { .. }) {
            drop(free.lock().unwrap().take());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let locks = crate::store::TargetLocks::new(folder.path().to_owned());
    let lock = move || {
        let key = crate::store::TargetKey { plan: "p".into(), target: "t".into(), sandbox: false };
        locks.lock(&key, "us").map_err(|error| error.to_string())
    };
    runs[0] = BatchRun::waiting(
        RunId::from_random(1),
        Box::pin(async move {
            let _ = wait.await;
            lock()
        }),
    );
    let refused = async { Err("it was cancelled meanwhile".to_owned()) };
    runs[1] = BatchRun::waiting(RunId::from_random(2), Box::pin(refused));
    let words = batch.go_on(runs).await;
    assert_eq!(words, ["succeeded", "it was cancelled meanwhile", "succeeded"]);
}

#[tokio::test]
async fn who_waits_for_another_program_can_be_stopped() {
    let batch = Batch::new(Script::default(), ONE, Shared::in_batch(1, None));
    let _runs = batch.begin(1).await;
    let never = Box::pin(std::future::pending());
    let run = BatchRun::waiting(RunId::from_random(1), never);
    // It waits before anybody asks.
    let stop = async { batch.scene.stop.send_replace(true) };
    let (words, _) = tokio::join!(batch.go_on(vec![run]), stop);
    assert_eq!(words, ["Signal"]);
}

/// Orders whatever it is asked for, each run for a name of its own.
#[derive(Default)]
struct Shop(Mutex<Vec<bool>>);

impl Performer for Shop {
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            let sends = matches!(call.call, Call::Send(_));
            let number = {
                let mut calls = self.0.lock().unwrap();
                calls.push(sends);
                calls.len() as u64
            };
            tokio::task::yield_now().await;
            if sends { success() } else { Outcome::Prepared { intent: intent_for(number) } }
        })
    }
}

#[tokio::test]
async fn an_order_that_is_recorded_is_sent_before_others_are_prepared() {
    let mut batch = Batch::new(Script::default(), ORDER, Shared::in_batch(2, None));
    let shop = Arc::new(Shop::default());
    batch.scene.driver.performer = Arc::clone(&shop) as Arc<dyn Performer>;
    batch.scene.driver.clock = Arc::new(SystemClock);
    let words = batch.drive(50).await;
    assert!(words.iter().all(|word| word == "succeeded"), "{words:?}");
    let mut recorded = [0_usize; 2];
    for sends in shop.0.lock().unwrap().iter() {
        let [now, most] = recorded;
        let now = if *sends { now - 1 } else { now + 1 };
        recorded = [now, most.max(now)];
    }
    // Two in the slots, and those whose intent is just being recorded.
    let [open, most] = recorded;
    assert!(open == 0 && most <= 8, "{most} orders were recorded and not sent");
}

fn intent_for(number: u64) -> crate::run::Intent {
    let crate::run::Intent::Order(order) = intent() else { panic!() };
    crate::run::Intent::Order(crate::run::OrderIntent {
        common_name: crate::types::DomainName::parse(&format!("www{number}.example.com")).unwrap(),
        ..order
    })
}
