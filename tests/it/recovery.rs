//! What becomes of a run whose program, network or API fails: one order, one key, one id.

use std::collections::BTreeSet;
use std::time::Duration;

use certplan::api::regfish::{CertificateStatus, DcvMethod, OrderRequest};
use certplan::pki::{KeyType, PrivateKey, create_csr};
use certplan::run::{
    BindingKind, ErrorKind, EventKind, PauseReason, RunPhase, RunResult, RunState, StepState,
    WaitsFor,
};
use certplan::sandbox::{CannedAnswer, Fault, FaultAction};
use certplan::types::{CertificateId, DomainName};

use crate::harness::COMMON_NAME;
use crate::scene::{Crash, Scene, describe, error_of, shipped_text};

const FAILED: RunPhase = RunPhase::Finished(RunResult::Failed);
const PARKED: RunPhase = RunPhase::Paused(PauseReason::Parked);
const IN_DOUBT: RunPhase = RunPhase::Paused(PauseReason::InDoubt);

/// The sandbox's organizations.
const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";
const UNUSABLE: &str = "hdl_4NXR6VP2CD9WB";

const ORDER: &str = "/tls/certificate";

fn is_intent(event: &EventKind) -> bool {
    matches!(event, EventKind::IntentRecorded { .. })
}

fn is_unknown(event: &EventKind) -> bool {
    matches!(event, EventKind::OutcomeUnknown { .. })
}

fn has_ordered(event: &EventKind) -> bool {
    matches!(event, EventKind::StepSucceeded { step, .. } if step.as_str() == "order")
}

fn has_put_records(event: &EventKind) -> bool {
    matches!(event, EventKind::StepSucceeded { step, .. } if step.as_str() == "record")
}

fn waits_for_issue(event: &EventKind) -> bool {
    matches!(event, EventKind::StepWaiting { step, .. } if step.as_str() == "issued")
}

/// A server error, in the shape that the API documents.
fn server_error() -> FaultAction {
    FaultAction::refusal(500, "internal server error")
}

/// The order step as somebody else would send it, for the same certificate.
async fn order_the_same_elsewhere(scene: &Scene) -> String {
    order_elsewhere(scene, "SecureSite").await
}

/// Somebody puts the record of an order, and the CA sees it.
async fn issue(scene: &Scene, certificate: &str) {
    let id = CertificateId::parse(certificate).unwrap();
    let order = scene.client().get_certificate(&id).await.unwrap();
    let controls = scene.sandbox().controls();
    for record in &order.validation.records {
        let name = DomainName::parse(&record.name).unwrap();
        controls.add_foreign_record(&name, "CNAME", &record.value).await.unwrap();
    }
    scene.advance(Duration::from_secs(86_400));
    let issued = scene.client().get_certificate(&id).await.unwrap();
    assert_eq!(issued.status, CertificateStatus::Issued);
}

/// An order of somebody else for the names of this run, with a key of its own.
async fn order_elsewhere(scene: &Scene, sku: &str) -> String {
    let name = DomainName::parse(COMMON_NAME).unwrap();
    let key = PrivateKey::generate(KeyType::EcP256).unwrap();
    let request = OrderRequest {
        sku: sku.to_owned(),
        common_name: name.clone(),
        dns_names: Vec::new(),
        csr: create_csr(&key, &name, &[]).unwrap().pem().to_owned(),
        dcv_method: DcvMethod::DnsCnameToken,
        dcv_emails: Vec::new(),
        org_id: None,
        renewal_of: None,
        validity_days: Some(199),
    };
    scene.client().create_certificate(&request).await.unwrap().id.to_string()
}

/// Begins a run whose order arrives, whose answer is lost, and whose list cannot be read after it.
async fn lose_order_and_list(scene: &Scene) -> RunState {
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    // The first list is the one before the order.
    let list = Fault { times: 6, ..Fault::at("GET", ORDER, 2, server_error()) };
    scene.sandbox().controls().add_fault(list);
    let state = scene.begin().await;
    assert_eq!(state.phase, IN_DOUBT, "{}", describe(&state));
    state
}

/// Crashes a run after every number of events, and takes it up again in the world that it left.
async fn survives_a_crash_after_every_event(plan: &str, crash: fn(usize) -> Crash) {
    let whole = Scene::of(plan).await;
    let state = whole.begin().await;
    whole.expect_issued(&state);
    let events = whole.events().await.len();
    assert!(events > 15, "{events}");
    for kept in 1..events {
        let scene = whole.elsewhere(kept);
        let crashed = scene.start(crash(kept)).await;
        assert!(crashed.is_err(), "after {kept} of {events} events: {crashed:?}");
        // Where two steps run at once, the last event may have come earlier than in `whole`.
        let left: Vec<&str> = scene.events().await.iter().map(|e| e.kind.name()).collect();
        assert_eq!(left.len(), kept);
        let state = scene.resume().await;
        assert_eq!(
            state.phase,
            RunPhase::Finished(RunResult::Succeeded),
            "after {kept} events, {left:?}:\n{}",
            describe(&state)
        );
        scene.expect_issued(&state);
        assert_eq!(scene.orders_sent(), 1, "after {kept} events, {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_ov_run_that_stops_after_any_event_goes_on_under_its_id() {
    survives_a_crash_after_every_event("ov-staged.yaml", Crash::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_ov_run_whose_next_outcome_is_never_recorded_goes_on_under_its_id() {
    survives_a_crash_after_every_event("ov-staged.yaml", Crash::After).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dv_run_that_stops_after_any_event_goes_on_under_its_id() {
    survives_a_crash_after_every_event("dv.yaml", Crash::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dv_run_whose_next_outcome_is_never_recorded_goes_on_under_its_id() {
    survives_a_crash_after_every_event("dv.yaml", Crash::After).await;
}

#[tokio::test]
async fn a_run_that_crashes_again_and_again_still_orders_once() {
    let scene = Scene::of("ov-staged.yaml").await;
    let crash: fn(&EventKind) -> bool = |_| true;
    assert!(scene.start(Crash::At(crash)).await.is_err());
    let mut crashes = 1;
    let state = loop {
        match scene.resume_until(Crash::Before(6)).await {
            Ok(state) => break state,
            Err(_) => crashes += 1,
        }
        assert!(crashes < 100, "it makes no progress");
    };
    assert!(crashes > 4, "{crashes}");
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_adopted() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
    let adopted = |event: &certplan::run::Event| {
        matches!(event.kind, EventKind::CertificateBound { binding: BindingKind::Adopted, .. })
    };
    assert!(scene.events().await.iter().any(adopted));
}

#[tokio::test]
async fn an_order_that_never_arrived_is_sent_again_once() {
    for action in [FaultAction::DropBeforeCommit, server_error(), FaultAction::Html] {
        let scene = Scene::of("ov-staged.yaml").await;
        scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, action));
        let state = scene.begin().await;
        scene.expect_issued(&state);
        assert_eq!(scene.orders_sent(), 2);
        // "Nothing found" had to hold for a while first.
        assert_eq!(scene.count("outcome_unknown").await, 2);
    }
}

#[tokio::test]
async fn an_order_that_was_answered_with_a_page_is_looked_for_before_it_is_sent_again() {
    let page = "<html><body>Please log in</body></html>";
    let page = FaultAction::Answer(CannedAnswer::text(200, "text/html", page));
    let scene = Scene::of("dv.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, page));
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!((scene.orders_sent(), scene.count("outcome_unknown").await), (2, 2));
}

#[tokio::test]
async fn a_lost_order_is_adopted_although_the_list_fails_for_a_while() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    // The first list is the one before the order.
    let list = Fault { times: 3, ..Fault::at("GET", ORDER, 2, server_error()) };
    scene.sandbox().controls().add_fault(list);
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn a_lost_order_is_in_doubt_while_the_list_cannot_be_read_and_adopted_later() {
    let scene = Scene::of("ov-staged.yaml").await;
    let state = lose_order_and_list(&scene).await;
    assert_eq!(state.certificate_id, None);
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn an_order_that_a_person_denies_is_looked_for_once_more_before_anything_is_sent() {
    let scene = Scene::of("ov-staged.yaml").await;
    lose_order_and_list(&scene).await;
    // The person was shown no candidate, and errs.
    scene.disown().await;
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn a_lost_order_with_two_candidates_is_in_doubt_and_nothing_is_ordered() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    scene.begin_and_crash_at(is_unknown).await;
    let ours = scene.order().id;
    let theirs = order_the_same_elsewhere(&scene).await;
    assert_eq!(scene.orders_sent(), 2);
    for _ in 0..2 {
        let state = scene.resume().await;
        assert_eq!(state.phase, IN_DOUBT, "{}", describe(&state));
        let StepState::InDoubt { candidates, .. } = &state.steps["order"].state else {
            panic!("{}", describe(&state));
        };
        let found: BTreeSet<&str> =
            candidates.iter().map(|candidate| candidate.certificate_id.as_str()).collect();
        assert_eq!(found, BTreeSet::from([ours.as_str(), theirs.as_str()]));
    }
    assert_eq!(scene.orders_sent(), 2);
}

#[tokio::test]
async fn an_issued_certificate_for_another_key_is_not_adopted_whoever_names_it() {
    let scene = Scene::of("dv.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    scene.begin_and_crash_at(is_unknown).await;
    let ours = scene.order().id;
    let theirs = order_elsewhere(&scene, "RapidSSL").await;
    let state = scene.resume().await;
    assert_eq!(state.phase, IN_DOUBT, "{}", describe(&state));
    issue(&scene, &theirs).await;
    // The first download after issuance is refused.
    let early = scene.adopt(&theirs).await.unwrap_err();
    assert!(early.message.contains("cannot be downloaded yet"), "{early}");
    let refused = scene.adopt(&theirs).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("is for another key than that of this run"), "{refused}");
    // Nothing is settled by that: the right one can still be named.
    scene.adopt(&ours).await.unwrap();
    let state = scene.resume().await;
    assert_eq!(state.certificate_id.as_ref().map(CertificateId::as_str), Some(ours.as_str()));
    assert_eq!(scene.orders_sent(), 2);
}

#[tokio::test]
async fn a_wrong_candidate_is_unmasked_by_its_key_and_nothing_is_installed() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at(
        "POST",
        ORDER,
        1,
        FaultAction::DropBeforeCommit,
    ));
    scene.begin_and_crash_at(is_unknown).await;
    let theirs = order_the_same_elsewhere(&scene).await;
    let state = scene.resume().await;
    assert_eq!(state.phase, FAILED, "{}", describe(&state));
    let error = error_of(&state, "certificate");
    assert_eq!(error.kind, ErrorKind::Proof, "{error}");
    assert_eq!(scene.order().id, theirs);
    assert!(!scene.is_installed());
    assert_eq!(scene.keys().len(), 1);
}

#[tokio::test]
async fn an_order_of_another_run_is_no_candidate() {
    let other = Scene::of("ov-staged.yaml").await;
    let state = other.begin().await;
    other.expect_issued(&state);
    // The same account and the same store, another run.
    let scene = other.again();
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    let again = scene.begin().await;
    assert_eq!(again.phase, RunPhase::Finished(RunResult::Succeeded), "{}", describe(&again));
    assert_ne!(again.certificate_id, state.certificate_id);
    assert_eq!(scene.sandbox().controls().orders().len(), 2);
}

#[tokio::test]
async fn a_refused_order_fails_and_is_sent_again_when_the_run_is_resumed() {
    let scene = Scene::of("ov-staged.yaml").await;
    let refusal = FaultAction::refusal(400, "insufficient balance");
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, refusal));
    let state = scene.begin().await;
    assert_eq!(state.phase, FAILED, "{}", describe(&state));
    let error = error_of(&state, "order");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("insufficient balance"), "{error}");
    assert_eq!((scene.orders_sent(), scene.sandbox().controls().orders().len()), (1, 0));
    let looked_up = || scene.requested("GET", "/tls/products");
    let before = looked_up();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!((scene.orders_sent(), looked_up() - before), (2, 1));
}

#[tokio::test]
async fn a_crash_between_the_intent_and_the_order_costs_a_wait_and_no_second_order() {
    let scene = Scene::of("dv.yaml").await;
    scene.begin_and_crash_at(is_intent).await;
    assert_eq!(scene.orders_sent(), 0);
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn an_order_that_a_person_completed_in_the_console_is_not_completed_again() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.begin_and_crash_at(has_ordered).await;
    let id = scene.order().id;
    scene.sandbox().controls().complete_in_console(&id, USABLE).await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.requested("POST", &format!("{ORDER}/{id}/complete")), 0);
}

#[tokio::test]
async fn an_order_whose_organization_cannot_be_used_parks_until_a_person_completes_it() {
    let plan = shipped_text("ov-staged.yaml").replace("\"{{ steps.organization.id }}\"", UNUSABLE);
    assert!(plan.contains(UNUSABLE));
    let scene = Scene::with(&plan, |_| {}).await;
    let state = scene.begin().await;
    assert_eq!(state.phase, PARKED, "{}", describe(&state));
    let id = scene.order().id;
    let StepState::Parked { reason } = &state.steps["complete"].state else {
        panic!("{}", describe(&state));
    };
    assert_eq!(reason.waits_for, WaitsFor::Person);
    assert_eq!(reason.code, "organization_required");
    let url = format!("{}/my/certs/{id}/complete", scene.sandbox().base_url());
    assert_eq!(reason.completion_url.as_deref(), Some(url.as_str()));

    // Nothing has changed yet: it parks again.
    assert_eq!(scene.resume().await.phase, PARKED);
    scene.sandbox().controls().complete_in_console(&id, USABLE).await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.order().id, id);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_is_seen_and_not_repeated() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 2, FaultAction::DropAfterCommit));
    let state = scene.begin().await;
    scene.expect_issued(&state);
    let id = scene.order().id;
    assert_eq!(scene.requested("POST", &format!("{ORDER}/{id}/complete")), 1);
}

#[tokio::test]
async fn a_record_whose_answer_is_lost_is_found_and_kept() {
    let scene = Scene::of("dv.yaml").await;
    scene.sandbox().controls().add_fault(Fault::at(
        "POST",
        "/dns/rr",
        1,
        FaultAction::DropAfterCommit,
    ));
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(scene.requested("POST", "/dns/rr"), 1);
}

#[tokio::test]
async fn an_order_that_ended_fails_with_an_explanation_and_is_never_replaced() {
    for (end, kind, words) in [
        ("cancel", ErrorKind::CertificateEnded, "is cancelled"),
        ("reject", ErrorKind::CertificateEnded, "is rejected"),
        ("forget", ErrorKind::NotFound, "is not there (404) for this API key"),
    ] {
        let scene = Scene::of("ov-staged.yaml").await;
        scene.begin_and_crash_at(waits_for_issue).await;
        let id = scene.order().id;
        match end {
            "cancel" => scene.sandbox().controls().cancel(&id).await.unwrap(),
            "reject" => scene.sandbox().controls().reject(&id).await.unwrap(),
            _ => scene.sandbox().controls().forget_order(&id).await.unwrap(),
        }
        for _ in 0..2 {
            let state = scene.resume().await;
            assert_eq!(state.phase, FAILED, "{end}: {}", describe(&state));
            assert_eq!(state.certificate_id.as_ref().unwrap().as_str(), id);
            let error = error_of(&state, "issued");
            assert_eq!(error.kind, kind, "{end}: {error}");
            assert!(error.message.contains(&id) && error.message.contains(words), "{error}");
        }
        assert_eq!(scene.orders_sent(), 1, "{end}");
    }
}

#[tokio::test]
async fn an_order_that_was_cancelled_before_it_was_completed_is_not_completed() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.begin_and_crash_at(has_ordered).await;
    let id = scene.order().id;
    scene.sandbox().controls().cancel(&id).await.unwrap();
    let state = scene.resume().await;
    assert_eq!(state.phase, FAILED);
    assert_eq!(error_of(&state, "complete").kind, ErrorKind::CertificateEnded);
    assert_eq!(scene.requested("POST", &format!("{ORDER}/{id}/complete")), 0);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn a_record_of_somebody_else_stays_and_both_are_shown() {
    let scene = Scene::of("dv.yaml").await;
    let name = DomainName::parse("_dnsauth.example.com").unwrap();
    scene
        .sandbox()
        .controls()
        .add_foreign_record(&name, "CNAME", "theirs.example.net")
        .await
        .unwrap();
    let state = scene.begin().await;
    assert_eq!(state.phase, FAILED, "{}", describe(&state));
    let error = error_of(&state, "record");
    assert_eq!(error.kind, ErrorKind::Conflict);
    let wanted = state.output(&"validation".to_owned().try_into().unwrap()).unwrap();
    let wanted = wanted["dns_records"][0]["value"].as_str().unwrap();
    let wanted = wanted.trim_end_matches('.');
    assert!(error.message.contains("theirs.example.net"), "{error}");
    assert!(error.message.contains(wanted), "{error}");
    let records = scene.client().list_records("example.com").await.unwrap().unwrap();
    let at_name: Vec<&str> = records
        .iter()
        .filter(|record| record.name == "_dnsauth.example.com")
        .map(|record| record.data.as_str())
        .collect();
    assert_eq!(at_name, ["theirs.example.net"]);

    // Its owner removes it: the run goes on.
    let theirs = records.iter().find(|record| record.data == "theirs.example.net").unwrap();
    scene.client().delete_record(theirs.id).await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
}

#[tokio::test]
async fn a_zone_of_somebody_else_fails_the_run_and_names_the_record() {
    let scene = Scene::with(&shipped_text("dv.yaml"), |options| {
        options.unmanaged = vec![DomainName::parse("example.com").unwrap()];
    })
    .await;
    let state = scene.begin().await;
    assert_eq!(state.phase, FAILED, "{}", describe(&state));
    let error = error_of(&state, "record");
    assert!(error.message.contains("no zone for `_dnsauth.example.com`"), "{error}");
}

#[tokio::test]
async fn a_download_that_is_refused_for_a_while_is_waited_for() {
    let scene = Scene::with(&shipped_text("dv.yaml"), |options| {
        options.downloads_refused = 7;
    })
    .await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    let path = format!("{ORDER}/{}/download/pem", scene.order().id);
    assert_eq!(scene.requested("GET", &path), 8);
}

#[tokio::test]
async fn a_key_that_is_revoked_on_the_way_fails_the_run_until_it_is_good_again() {
    for prefix in ["/tls/certificate/", "/dns/"] {
        let scene = Scene::of("ov-staged.yaml").await;
        let refusal = FaultAction::refusal(401, "unauthorized");
        scene.sandbox().controls().add_fault(Fault::at("GET", prefix, 1, refusal));
        let state = scene.begin().await;
        assert_eq!(state.phase, FAILED, "{}", describe(&state));
        let failed: Vec<&StepState> = state
            .steps
            .values()
            .map(|record| &record.state)
            .filter(|state| matches!(state, StepState::Failed { .. }))
            .collect();
        let [StepState::Failed { error }] = failed.as_slice() else {
            panic!("{}", describe(&state));
        };
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.message.contains("the API key was refused (401)"), "{error}");
        let state = scene.resume().await;
        scene.expect_issued(&state);
        assert_eq!(scene.orders_sent(), 1);
    }
}

#[tokio::test]
async fn an_api_that_is_down_for_hours_during_a_wait_does_not_end_the_run() {
    for action in [server_error(), FaultAction::Html, FaultAction::DropBeforeCommit] {
        let scene = Scene::of("ov-staged.yaml").await;
        scene.begin_and_crash_at(has_put_records).await;
        let before = scene.clock_now();
        scene
            .sandbox()
            .controls()
            .add_fault(Fault { times: 30, ..Fault::at("GET", "/tls/certificate/", 1, action) });
        let state = scene.resume().await;
        scene.expect_issued(&state);
        assert!(scene.clock_now().duration_since(before).as_hours() > 5);
        assert_eq!(scene.orders_sent(), 1);
    }
}

#[tokio::test]
async fn an_order_whose_token_changed_gets_the_new_record() {
    let scene = Scene::of("ov-staged.yaml").await;
    scene.begin_and_crash_at(has_put_records).await;
    let id = scene.order().id;
    scene.sandbox().controls().rotate_tokens(&id).await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    // The old one made room for the new one, which is gone at the end.
    let made = scene.requested("POST", "/dns/rr");
    assert_eq!(made, 2);
    let mut records = scene.client().list_records("example.com").await.unwrap().unwrap();
    records.retain(|record| !record.auto);
    assert_eq!(records, []);
    assert_eq!(scene.orders_sent(), 1);
}

#[tokio::test]
async fn too_many_requests_are_answered_with_patience() {
    let scene = Scene::of("ov-staged.yaml").await;
    let refusal = FaultAction::refusal(429, "too many requests");
    scene
        .sandbox()
        .controls()
        .add_fault(Fault { times: 2, ..Fault::at("POST", ORDER, 1, refusal) });
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 3);
}

#[tokio::test]
async fn an_organization_that_is_not_there_is_found_out_before_anything_is_ordered() {
    for organization in ["Example GmbH & Co. KG", "Example Holding AG"] {
        let scene = Scene::of("ov-staged.yaml").await.input("organization", organization);
        let state = scene.begin().await;
        assert_eq!(state.phase, FAILED, "{}", describe(&state));
        assert!(error_of(&state, "organization").message.contains(organization));
        assert_eq!(scene.orders_sent(), 0);
    }
}

#[tokio::test]
async fn a_wait_that_is_over_parks_the_run_and_resume_goes_on() {
    let plan = shipped_text("ov-staged.yaml").replace("timeout: 7d", "timeout: 1m");
    let scene = Scene::with(&plan, |_| {}).await;
    let state = scene.begin().await;
    assert_eq!(state.phase, PARKED, "{}", describe(&state));
    let StepState::Parked { reason } = &state.steps["issued"].state else {
        panic!("{}", describe(&state));
    };
    assert_eq!(
        (reason.waits_for, reason.code.as_str()),
        (WaitsFor::CertificateAuthority, "poll_timeout")
    );
    let mut resumed = 0;
    let state = loop {
        let state = scene.resume().await;
        if state.phase != PARKED {
            break state;
        }
        resumed += 1;
        assert!(resumed < 20);
    };
    scene.expect_issued(&state);
    assert_eq!(scene.orders_sent(), 1);
}
