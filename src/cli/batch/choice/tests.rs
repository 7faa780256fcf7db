//! What is decided a second time, under the locks.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::outcome::Outcome;
use super::*;
use crate::document::SourceFile;
use crate::plan::parse_plan;
use crate::report::RecapResult;
use crate::run::{
    BindingKind, Event, EventKind, Intent, OrderIntent, PlanReference, RunResult, Values, testing,
};
use crate::store::{MemoryStore, NewRun, TargetLocks};
use crate::types::{CertificateId, DomainName, StepId};

const PLAN: &str = "
certplan: 1
name: x
steps:
  - { id: order, uses: regfish.create_order, with: { sku: RapidSSL, common_name: a.example.com, csr: '{{ run.id }}' } }
";

fn plan() -> BatchPlan {
    let file = SourceFile::new("plan.yaml", PLAN);
    let (plan, _) = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap();
    let stored = StoredPlan {
        digest: "00".to_owned(),
        semantics: 1,
        text: PLAN.to_owned(),
        compiled: serde_json::to_string(&plan).unwrap(),
    };
    let file = "plan.yaml".to_owned();
    BatchPlan { plan: Arc::new(plan), stored: Arc::new(stored), file }
}

/// A run of target `a` that has ordered and got its certificate.
fn done(number: u64) -> NewRun {
    let step = StepId::parse("order").unwrap();
    let name = DomainName::parse("a.example.com").unwrap();
    let mut header = testing::header([step.clone()]);
    header.plan = PlanReference {
        name: "x".to_owned(),
        file: "plan.yaml".to_owned(),
        digest: "00".to_owned(),
    };
    let intent = Intent::Order(OrderIntent {
        public_key_sha256: String::new(),
        sku: "A".to_owned(),
        common_name: name.clone(),
        names: BTreeSet::from([name]),
        organization_id: None,
        validity_days: None,
        renewal_of: None,
        known_certificate_ids: BTreeSet::new(),
    });
    let certificate_id = CertificateId::parse(&format!("AAAAAAAAAAAA{number}")).unwrap();
    let output = json!({ "certificate_id": certificate_id });
    let output = Values::from(output.as_object().unwrap().clone());
    let (of, parameters) = (|| step.clone(), Values::default());
    let kinds = [
        EventKind::RunStarted(header),
        EventKind::StepStarted { step: of(), attempt: 1, parameters, deadline: None },
        EventKind::IntentRecorded { step: of(), intent },
        EventKind::CertificateBound { step: of(), certificate_id, binding: BindingKind::Ordered },
        EventKind::StepSucceeded { step: of(), output },
        EventKind::RunFinished { result: RunResult::Succeeded },
    ];
    let at = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
    let events = kinds.into_iter().zip(1..).map(|(kind, sequence)| Event { sequence, at, kind });
    let stored = StoredPlan::clone(&plan().stored);
    NewRun { id: RunId::from_random(number), plan: stored, events: events.collect() }
}

/// Target `a`, decided about and locked.
async fn locked(store: &MemoryStore, locks: &TargetLocks, again: bool) -> Choices {
    let choice = Choice {
        target: "a".to_owned(),
        inputs: Map::new(),
        plan: plan(),
        decision: Decision::Start { reason: StartReason::First },
        past: Vec::new(),
        hold: Hold::NotNeeded,
        endpoint: None,
        address: None,
        again,
    };
    let mut choices =
        Choices { choices: vec![choice], sandbox: false, latest: None, orders_known: 0 };
    choices.decide(store, &DuePolicy::default(), false).await.unwrap();
    if choices.choices[0].is_work() {
        let (plan, target) = ("x".to_owned(), "a".to_owned());
        let key = TargetKey { plan, target, sandbox: false };
        choices.choices[0].hold = Hold::Locked(locks.lock(&key, "test").unwrap());
    }
    choices
}

/// What is shown from the beginning of targets that nothing is done for.
fn rest(choices: &Choices) -> Vec<RecapResult> {
    choices.rest().map(|choice| Outcome::of_rest(choice).result).collect()
}

#[tokio::test]
async fn who_was_asked_to_order_anew_does_not_when_somebody_just_has() {
    let (store, folder) = (MemoryStore::default(), tempfile::tempdir().unwrap());
    let locks = TargetLocks::new(folder.path().to_owned());
    store.create_run(done(1)).await.unwrap();
    let policy = DuePolicy::default();

    // Nothing has happened meanwhile: the order is ours.
    let mut choices = locked(&store, &locks, true).await;
    choices.decide_again(&store, &policy, false).await.unwrap();
    let Decision::Start { reason: StartReason::Again { former, .. } } =
        &choices.choices[0].decision
    else {
        panic!("{:?}", choices.choices[0].decision)
    };
    assert_eq!(*former, RunId::from_random(1));
    assert_eq!(choices.work().count(), 1);
    drop(choices);

    // Another program was asked for the same, and was there first.
    let mut choices = locked(&store, &locks, true).await;
    store.create_run(done(2)).await.unwrap();
    choices.decide_again(&store, &policy, false).await.unwrap();
    assert_eq!((choices.work().count(), choices.orders()), (0, 0));
    assert!(choices.ordered_anew().is_empty());
    assert!(matches!(&choices.choices[0].hold, Hold::Refused(why) if why.contains("just worked")));
    assert_eq!(rest(&choices), [RecapResult::Locked]);
}

#[tokio::test]
async fn what_became_somebody_elses_certificate_meanwhile_is_not_ordered() {
    let (store, folder) = (MemoryStore::default(), tempfile::tempdir().unwrap());
    let locks = TargetLocks::new(folder.path().to_owned());
    let mut choices = locked(&store, &locks, false).await;
    assert_eq!(choices.work().count(), 1);
    store.create_run(done(1)).await.unwrap();
    choices.decide_again(&store, &DuePolicy::default(), false).await.unwrap();
    assert_eq!(choices.work().count(), 0, "{:?}", choices.choices[0].decision);
    assert!(matches!(choices.choices[0].hold, Hold::NotNeeded), "the lock is given back");
    assert_eq!(rest(&choices), [RecapResult::Failed], "a person has to look");
}
