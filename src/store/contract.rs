//! The promises of a store, as one test that every implementation passes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::{BatchMember, BatchRequest, NewBatch, NewRun, Store, StoreError, StoredPlan};
use crate::run::{
    BindingKind, Event, EventKind, Intent, OrderIntent, PauseReason, PlanReference, RunHeader,
    RunState,
};
use crate::types::{BatchId, CertificateId, DomainName, RunId, StepId, Timestamp};

fn step() -> StepId {
    StepId::parse("order").unwrap()
}

fn event(sequence: u32, kind: EventKind) -> Event {
    let at = Timestamp::from_second(1_700_000_000 + i64::from(sequence)).unwrap();
    Event { sequence, at, kind }
}

/// A run that has just started; `number` makes its id.
pub(super) fn new_run(number: u64) -> NewRun {
    let header = RunHeader {
        plan: PlanReference {
            name: "dv".to_owned(),
            file: "plans/dv.yaml".to_owned(),
            digest: "00".to_owned(),
        },
        target: format!("www{number}.example.com"),
        inputs: Map::new(),
        steps: vec![step()],
        endpoints: BTreeMap::new(),
        sandbox: false,
        directory: "/".to_owned(),
        semantics: 1,
        program: "certplan test".to_owned(),
        earlier_runs: Vec::new(),
        orders_known: None,
    };
    NewRun {
        id: RunId::from_random(number),
        plan: StoredPlan {
            digest: "00".to_owned(),
            semantics: 1,
            text: "certplan: 1".to_owned(),
            compiled: "{}".to_owned(),
        },
        events: vec![event(1, EventKind::RunStarted(header))],
    }
}

pub(super) fn started(sequence: u32) -> Event {
    event(
        sequence,
        EventKind::StepStarted {
            step: step(),
            attempt: 1,
            parameters: crate::run::Values::default(),
            deadline: None,
        },
    )
}

pub(super) fn intent(sequence: u32) -> Event {
    let intent = Intent::Order(OrderIntent {
        public_key_sha256: "00".to_owned(),
        sku: "RapidSSL".to_owned(),
        common_name: DomainName::parse("www.example.com").unwrap(),
        names: BTreeSet::new(),
        organization_id: None,
        validity_days: None,
        renewal_of: None,
        known_certificate_ids: BTreeSet::new(),
    });
    event(sequence, EventKind::IntentRecorded { step: step(), intent })
}

fn bound(sequence: u32, id: &str) -> Event {
    event(
        sequence,
        EventKind::CertificateBound {
            step: step(),
            certificate_id: CertificateId::parse(id).unwrap(),
            binding: BindingKind::Ordered,
        },
    )
}

pub(super) async fn keeps_the_contract(store: &dyn Store) {
    let (first, second) = (new_run(1), new_run(2));
    let (one, two) = (first.id.clone(), second.id.clone());

    // What was created is read back as it was, and an id is taken only once.
    store.create_run(first.clone()).await.unwrap();
    store.create_run(second).await.unwrap();
    let taken = store.create_run(first.clone()).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let loaded = store.load_run(&one).await.unwrap();
    assert_eq!(loaded.plan, first.plan);
    assert_eq!(loaded.events, first.events);

    // While an order is unanswered, nobody else may order the same names.
    store.append(&one, vec![started(2), intent(3)]).await.unwrap();
    let third = new_run(3);
    let three = third.id.clone();
    store.create_run(third).await.unwrap();
    let doubled = store.append(&three, vec![started(2), intent(3)]).await.unwrap_err();
    assert!(matches!(doubled, StoreError::NamesBeingOrdered { .. }), "{doubled}");
    assert_eq!(store.load_run(&three).await.unwrap().events.len(), 1);
    // Two addresses may lead to one account.
    let mut elsewhere = new_run(6);
    let EventKind::RunStarted(header) = &mut elsewhere.events[0].kind else { panic!() };
    header.endpoints.insert("regfish".to_owned(), "https://proxy.example.com".to_owned());
    let six = elsewhere.id.clone();
    store.create_run(elsewhere).await.unwrap();
    let doubled = store.append(&six, vec![started(2), intent(3)]).await.unwrap_err();
    assert!(matches!(doubled, StoreError::NamesBeingOrdered { .. }), "{doubled}");

    // Who has sent something for a name is found by it.
    let names = BTreeSet::from([DomainName::parse("www.example.com").unwrap()]);
    let found = store.fold_runs_for(&names).await.unwrap();
    let state = found.iter().find(|(run, _)| run.id == one).map(|(_, state)| state);
    assert!(state.unwrap().as_ref().unwrap().may_have_ordered());

    // Orders are numbered as they are recorded. Who was begun before one of them does not order the
    // same names, and who was begun after it, and knew, does.
    assert_eq!(store.newest_order().await.unwrap(), 1);
    store.append(&one, vec![bound(4, "AAAAAAAAAAAA1")]).await.unwrap();
    let begun_knowing = |number: u64, known: u64| {
        let mut run = new_run(number);
        let EventKind::RunStarted(header) = &mut run.events[0].kind else { panic!() };
        header.orders_known = Some(known);
        run
    };
    for (number, known) in [(17, 0), (18, 1)] {
        let run = begun_knowing(number, known);
        let id = run.id.clone();
        store.create_run(run).await.unwrap();
        let ordered = store.append(&id, vec![started(2), intent(3)]).await;
        match known {
            0 => {
                let refused = ordered.unwrap_err();
                assert!(matches!(refused, StoreError::OrderedMeanwhile { .. }), "{refused}");
                assert_eq!(store.load_run(&id).await.unwrap().events.len(), 1);
            }
            _ => {
                ordered.unwrap();
                let runs: Vec<RunId> =
                    store.orders().await.unwrap().into_iter().map(|order| order.run).collect();
                assert_eq!(runs, [one.clone(), id.clone()]);
                // Nothing came of it, and its number is not given again.
                let withdrawn = EventKind::IntentWithdrawn { step: step() };
                store.append(&id, vec![event(4, withdrawn)]).await.unwrap();
                assert_eq!(store.orders().await.unwrap().len(), 1);
                assert_eq!(store.newest_order().await.unwrap(), 2);
            }
        }
    }

    // Events are added in order; who comes with an old number learns that it changed.
    store.append(&three, vec![started(2), intent(3)]).await.unwrap();
    let withdrawn = EventKind::IntentWithdrawn { step: step() };
    store.append(&three, vec![event(4, withdrawn)]).await.unwrap();
    let stale = store.append(&one, vec![started(3)]).await.unwrap_err();
    assert!(matches!(stale, StoreError::Conflict(_)), "{stale}");
    let gap = store.append(&one, vec![started(9)]).await.unwrap_err();
    assert!(matches!(gap, StoreError::Conflict(_)), "{gap}");

    // A certificate belongs to one run, and an append that fails leaves nothing behind.
    let stolen = store
        .append(&two, vec![started(2), intent(3), bound(4, "AAAAAAAAAAAA1")])
        .await
        .unwrap_err();
    assert!(matches!(stolen, StoreError::CertificateOwned { .. }), "{stolen}");
    assert_eq!(store.load_run(&two).await.unwrap().events.len(), 1);
    let owners = store.certificate_owners().await.unwrap();
    assert_eq!(owners.get("AAAAAAAAAAAA1"), Some(&one));

    // The list says what the fold says.
    let paused = EventKind::RunPaused { reason: PauseReason::Parked, stopped_by: None };
    store.append(&two, vec![event(2, paused)]).await.unwrap();
    for summary in store.list_runs().await.unwrap() {
        let events = store.load_run(&summary.id).await.unwrap().events;
        if summary.id == two {
            let state = RunState::fold(&events).unwrap();
            assert_eq!(summary.phase, state.phase.name());
            assert_eq!(summary.updated_at, state.updated_at);
            assert_eq!(summary.certificate_id, state.certificate_id);
        }
    }
    let listed = store.list_runs().await.unwrap();
    assert_eq!(listed.len(), 6);
    let folded = store.fold_runs().await.unwrap();
    let folded_of: Vec<_> = folded.iter().map(|(summary, _)| summary).collect();
    assert_eq!(folded_of, listed.iter().collect::<Vec<_>>());
    for (summary, state) in folded {
        let events = store.load_run(&summary.id).await.unwrap().events;
        assert_eq!(state.unwrap(), RunState::fold(&events).unwrap());
    }

    // A run follows another plan once an event says so, and only one that is kept.
    let other = StoredPlan { digest: "11".to_owned(), ..first.plan.clone() };
    let replaced = |sequence| {
        let plan = PlanReference {
            name: "dv".to_owned(),
            file: "plans/dv.yaml".to_owned(),
            digest: "11".to_owned(),
        };
        event(sequence, EventKind::PlanReplaced { plan, steps: vec![step()], inputs: Map::new() })
    };
    let unknown = store.append(&two, vec![replaced(3)]).await.unwrap_err();
    assert!(matches!(unknown, StoreError::NoSuchPlan(_)), "{unknown}");
    store.keep_plan(other.clone()).await.unwrap();
    store.append(&two, vec![replaced(3)]).await.unwrap();
    assert_eq!(store.load_run(&two).await.unwrap().plan, other);
    assert_eq!(store.load_run(&one).await.unwrap().plan, first.plan);

    // The names of an order are free again when its run is cancelled.
    let (fourth, fifth) = (new_run(4), new_run(5));
    let (four, five) = (fourth.id.clone(), fifth.id.clone());
    store.create_run(fourth).await.unwrap();
    store.create_run(fifth).await.unwrap();
    store.append(&four, vec![started(2), intent(3)]).await.unwrap();
    let cancelled = EventKind::RunCancelled { program: "test".to_owned(), reason: None };
    store.append(&four, vec![event(4, cancelled)]).await.unwrap();
    let withdrawn = EventKind::IntentWithdrawn { step: step() };
    store.append(&five, vec![started(2), intent(3), event(4, withdrawn)]).await.unwrap();
    let summaries = store.list_runs().await.unwrap();
    assert!(summaries.iter().any(|run| run.id == four && run.phase == "cancelled"));

    keeps_batches(store, &one).await;

    hands_a_certificate_on(store, &one).await;

    // A run that is not there is said to be not there.
    let nobody = RunId::from_random(99);
    assert!(matches!(store.load_run(&nobody).await, Err(StoreError::NoSuchRun(_))));
    let lost = store.append(&nobody, vec![started(2)]).await.unwrap_err();
    assert!(matches!(lost, StoreError::NoSuchRun(_)), "{lost}");
}

/// A reissue takes the certificate over from the run that ordered it, and whoever comes later sees
/// one owner.
async fn hands_a_certificate_on(store: &dyn Store, former: &RunId) {
    let certificate = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
    let next = new_run(7);
    let seven = next.id.clone();
    store.create_run(next).await.unwrap();
    let (step, certificate_id) = (step(), certificate.clone());
    let taken =
        EventKind::CertificateBound { step, certificate_id, binding: BindingKind::Reissued };
    store.append(&seven, vec![started(2), intent(3), event(4, taken)]).await.unwrap();
    let owners = store.certificate_owners().await.unwrap();
    assert_eq!(owners.get(&certificate), Some(&seven));
    let listed = store.list_runs().await.unwrap();
    let shown = |id: &RunId| {
        listed.iter().find(|run| run.id == *id).and_then(|run| run.certificate_id.clone())
    };
    assert_eq!((shown(former), shown(&seven)), (None, Some(certificate)));
    // What happened stays as it happened.
    let events = store.load_run(former).await.unwrap().events;
    assert!(RunState::fold(&events).unwrap().certificate_id.is_some());
    let (eighth, order) = (new_run(8), bound(4, "AAAAAAAAAAAA1"));
    let eight = eighth.id.clone();
    store.create_run(eighth).await.unwrap();
    let stolen = store.append(&eight, vec![started(2), intent(3), order]).await.unwrap_err();
    assert!(
        matches!(&stolen, StoreError::CertificateOwned { owner, .. } if *owner == seven.as_str()),
        "{stolen}"
    );
}

async fn keeps_batches(store: &dyn Store, existing: &RunId) {
    let member = |number| {
        let NewRun { id: run, mut events, .. } = new_run(number);
        BatchMember::New { run, started: Box::new(events.remove(0)) }
    };
    let batch = |number: u64, members| NewBatch {
        id: BatchId::from_random(number),
        at: Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap()).unwrap(),
        program: "certplan test".to_owned(),
        request: BatchRequest {
            inventory: vec![format!("inventory{number}.yaml")],
            plan: None,
            serial: vec!["1".to_owned(), "10%".to_owned()],
            max_failures: Some("5%".to_owned()),
        },
        plans: vec![new_run(0).plan],
        members,
    };

    // A batch is read back in its own order, new runs and old ones alike.
    let members = vec![member(12), BatchMember::Existing(existing.clone()), member(11)];
    let runs: Vec<RunId> = members.iter().map(|member| member.run().clone()).collect();
    let first = batch(1, members);
    let id = first.id.clone();
    store.create_batch(first).await.unwrap();
    assert_eq!(store.batch_runs(&id).await.unwrap(), runs);
    assert_eq!(store.load_run(&runs[0]).await.unwrap().events.len(), 1);
    assert_eq!(store.load_run(&runs[0]).await.unwrap().plan, new_run(0).plan);

    // What cannot be made whole leaves nothing behind.
    let taken = store.create_batch(batch(2, vec![member(13), member(12)])).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let nobody = BatchMember::Existing(RunId::from_random(99));
    let missing = store.create_batch(batch(2, vec![member(13), nobody])).await.unwrap_err();
    assert!(matches!(missing, StoreError::NoSuchRun(_)), "{missing}");
    let again = store.create_batch(batch(1, vec![member(13)])).await.unwrap_err();
    assert!(matches!(again, StoreError::BatchExists(_)), "{again}");
    assert!(store.load_run(&new_run(13).id).await.is_err());
    let none = store.batch_runs(&BatchId::from_random(2)).await.unwrap_err();
    assert!(matches!(none, StoreError::NoSuchBatch(_)), "{none}");

    // The newest batch comes first.
    store.create_batch(batch(3, vec![member(13)])).await.unwrap();
    let listed = store.list_batches().await.unwrap();
    let sizes: Vec<usize> = listed.iter().map(|batch| batch.runs).collect();
    assert_eq!(sizes, [1, 3]);
    let asked = [batch(3, Vec::new()).request, batch(1, Vec::new()).request];
    assert_eq!(listed.into_iter().map(|batch| batch.request).collect::<Vec<_>>(), asked);
}
