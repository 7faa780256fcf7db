//! Everything the vendor offers, from the plans that ship: each leads to what it promises, and what
//! must not be done twice is done once, wherever the program dies and whatever the server answers.

use certplan::run::{BindingKind, EventKind, PauseReason, RunPhase, RunResult, RunState, WaitsFor};
use certplan::sandbox::{CannedAnswer, Fault, FaultAction, ReissueOutcome};
use certplan::types::DomainName;
use serde_json::{Value, json};

use crate::harness::COMMON_NAME;
use crate::scene::{Crash, Scene, describe, shipped_text};

const SUCCEEDED: RunPhase = RunPhase::Finished(RunResult::Succeeded);
const FAILED: RunPhase = RunPhase::Finished(RunResult::Failed);
const PARKED: RunPhase = RunPhase::Paused(PauseReason::Parked);

#[track_caller]
fn expect(state: &RunState, phase: RunPhase) {
    assert_eq!(state.phase, phase, "{}", describe(state));
}

/// The first error of the run.
#[track_caller]
fn error(state: &RunState) -> String {
    use certplan::run::StepState;
    let error = state.steps.values().find_map(|record| match &record.state {
        StepState::Failed { error } => Some(error.message.clone()),
        _ => None,
    });
    error.unwrap_or_else(|| panic!("nothing failed:\n{}", describe(state)))
}

#[track_caller]
fn parked(state: &RunState) -> certplan::run::ParkReason {
    use certplan::run::StepState;
    let reason = state.steps.values().find_map(|record| match &record.state {
        StepState::Parked { reason } => Some(reason.clone()),
        _ => None,
    });
    reason.unwrap_or_else(|| panic!("nothing is parked:\n{}", describe(state)))
}

async fn records_at(scene: &Scene, zone: &str, name: &str) -> usize {
    let zone = scene.client().list_records(zone).await.unwrap().unwrap();
    zone.iter().filter(|record| record.name == name).count()
}

/// A certificate that is there before the plan begins.
async fn with_certificate(plan: &str) -> Scene {
    let scene = Scene::of("dv.yaml").await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    scene.then(plan)
}

fn reissues_sent(scene: &Scene) -> usize {
    let id = scene.order().id;
    scene.requested("POST", &format!("/tls/certificate/{id}/reissue"))
}

#[tokio::test]
async fn a_wildcard_is_issued_and_its_proof_is_gone_afterwards() {
    let scene = Scene::of("dv-wildcard.yaml").await;
    let state = scene.begin().await;
    expect(&state, SUCCEEDED);
    assert_eq!(Scene::field(&state, "certificate", "names"), json!(["*.example.com"]));
    let deleted = Scene::field(&state, "clean_up", "deleted");
    assert_eq!(deleted[0]["name"], "_dnsauth.example.com");
    assert_eq!(records_at(&scene, "example.com", "_dnsauth.example.com").await, 0);
    assert_eq!(Scene::field(&state, "order", "validity_days"), 199);
    assert_eq!(Scene::field(&state, "order", "validity_clamped_from"), Value::Null);
}

#[tokio::test]
async fn a_term_that_the_ca_no_longer_allows_is_clamped_and_recorded_or_refused() {
    let schedule = "      validity_schedule: [{ from: 2026-10-01, days: 99 }]\n";
    let text = shipped_text("dv-wildcard.yaml");
    let with = |policy: &str| {
        let line = "      validity_policy: clamp\n";
        text.replace(line, &format!("      validity_policy: {policy}\n{schedule}"))
    };
    let scene = Scene::with(&with("clamp"), |_| {}).await;
    let state = scene.begin().await;
    expect(&state, SUCCEEDED);
    assert_eq!(Scene::field(&state, "order", "validity_days"), 99);
    assert_eq!(Scene::field(&state, "order", "validity_clamped_from"), 199);

    let scene = Scene::with(&with("fail"), |_| {}).await;
    let state = scene.begin().await;
    expect(&state, FAILED);
    assert!(error(&state).starts_with("the plan asks for 199 days, and since 2026-10-01"));
    assert_eq!(scene.orders_sent(), 0);
}

#[tokio::test]
async fn names_over_several_domains_and_zones_are_proved_each_in_its_zone() {
    let zone = DomainName::parse("example.co.uk").unwrap();
    let deep = DomainName::parse("intern.example.org").unwrap();
    let scene = Scene::with(&shipped_text("dv.yaml"), |options| options.zones = vec![zone, deep])
        .await
        .input("dns_names", "a.b.example.co.uk,x.intern.example.org,shop.example.com")
        .input("keep_records", "true");
    let state = scene.begin().await;
    scene.expect_issued(&state);
    for (zone, name) in [
        ("example.com", "_dnsauth.example.com"),
        ("example.co.uk", "_dnsauth.example.co.uk"),
        ("intern.example.org", "_dnsauth.intern.example.org"),
    ] {
        assert_eq!(records_at(&scene, zone, name).await, 1, "{name}");
    }
}

#[tokio::test]
async fn an_ov_order_with_its_organization_needs_no_completion() {
    let scene = Scene::of("ov-direct.yaml").await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(scene.order().organization_id.as_deref(), Some("hdl_7K9QW3M2ZT8HJ"));
    let id = scene.order().id;
    assert_eq!(scene.requested("POST", &format!("/tls/certificate/{id}/complete")), 0);
}

#[tokio::test]
async fn a_person_completes_in_the_console_and_the_run_goes_on_under_its_id() {
    let scene = Scene::of("ov-console.yaml").await;
    let state = scene.begin().await;
    expect(&state, PARKED);
    let reason = parked(&state);
    assert_eq!(reason.waits_for, WaitsFor::Person);
    assert!(reason.completion_url.unwrap().ends_with("/complete"));
    let id = scene.order().id;
    scene.sandbox().controls().complete_in_console(&id, "hdl_7K9QW3M2ZT8HJ").await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.requested("POST", &format!("/tls/certificate/{id}/complete")), 0);
}

#[tokio::test]
async fn a_mail_is_waited_for_and_nothing_is_put_into_the_dns() {
    let scene = Scene::of("dv-email.yaml").await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(Scene::field(&state, "validation", "email_targets"), json!(["admin@example.com"]));
    let waited = scene.events().await.into_iter().any(|event| {
        matches!(event.kind, EventKind::StepWaiting { observation, .. }
            if observation.summary.contains("the CA has written to admin@example.com"))
    });
    assert!(waited, "{}", describe(&state));
    let dns = scene.requests().into_iter().filter(|request| request.path.starts_with("/dns"));
    assert_eq!(dns.count(), 0);
}

#[tokio::test]
async fn a_certificate_is_reissued_under_its_id_for_a_new_key() {
    let scene = with_certificate("reissue.yaml").await.input("lead", "400d");
    let before = scene.order();
    let state = scene.begin().await;
    expect(&state, SUCCEEDED);
    assert_eq!(scene.orders_sent(), 0, "a reissue orders nothing");
    assert_eq!(reissues_sent(&scene), 1);
    let after = scene.order();
    assert_eq!((&after.id, after.status.as_str()), (&before.id, "issued"));
    assert_ne!(after.chain_pem, before.chain_pem);
    assert_eq!(Scene::field(&state, "advice", "cost"), "in_contract");
    assert_eq!(state.certificate_id.as_ref().unwrap().as_str(), after.id);
    let bound = scene.events().await.into_iter().any(|event| {
        matches!(event.kind, EventKind::CertificateBound { binding: BindingKind::Reissued, .. })
    });
    assert!(bound && scene.is_installed());
    // The former run's own record was replaced, and the new one is gone.
    assert_eq!(records_at(&scene, "example.com", "_dnsauth.example.com").await, 0);
}

#[tokio::test]
async fn the_former_certificate_is_not_taken_for_the_new_one() {
    let scene = with_certificate("reissue.yaml").await.input("lead", "400d");
    let state = scene.begin().await;
    let waited = scene.events().await.into_iter().filter(|event| {
        matches!(&event.kind, EventKind::StepWaiting { step, .. } if step.as_str() == "issued")
    });
    assert!(waited.count() >= 1, "{}", describe(&state));
}

#[tokio::test]
async fn a_reissue_that_comes_to_nothing_ends_the_run_and_says_so() {
    let scene = with_certificate("reissue.yaml").await.input("lead", "400d");
    scene
        .begin_and_crash_at(|event| {
            matches!(event, EventKind::StepSucceeded { step, .. } if step.as_str() == "reissue")
        })
        .await;
    let id = scene.order().id;
    scene.sandbox().controls().end_reissue(&id, ReissueOutcome::Rejected).await.unwrap();
    let state = scene.resume().await;
    expect(&state, FAILED);
    assert!(
        error(&state).contains("is rejected; the former certificate stays"),
        "{}",
        error(&state)
    );
    assert_eq!(reissues_sent(&scene), 1);
}

#[tokio::test]
async fn a_plan_that_is_not_the_right_one_says_which_is_and_buys_nothing() {
    let scene = with_certificate("reissue.yaml").await;
    let state = scene.begin().await;
    expect(&state, FAILED);
    assert!(error(&state).contains("wants `keep`, the plan is made for `reissue`"));
    assert_eq!(reissues_sent(&scene), 0);

    let renewal = scene.then("renewal.yaml").afresh(1).input("lead", "400d");
    let state = renewal.begin().await;
    expect(&state, FAILED);
    assert!(error(&state).contains("wants `reissue`, the plan is made for `renewal`"));
    assert_eq!(renewal.orders_sent(), 0);
}

#[tokio::test]
async fn a_renewal_is_a_new_order_that_is_linked_to_the_former_one() {
    let scene = Scene::with(&shipped_text("dv.yaml"), |options| {
        options.behaviour.contract = certplan::sandbox::ContractTerm::Certificate;
    })
    .await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    let former = scene.order().id;
    let renewal = scene.then("renewal.yaml").input("lead", "400d");
    let state = renewal.begin().await;
    expect(&state, SUCCEEDED);
    assert_eq!(renewal.orders_sent(), 1);
    assert_eq!(renewal.orders().len(), 2);
    assert_eq!(Scene::field(&state, "order", "renewal_of"), former);
    assert_ne!(state.certificate_id.as_ref().unwrap().as_str(), former);
    assert_eq!(Scene::field(&state, "advice", "cost"), "paid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reissue_is_asked_for_once_wherever_the_program_dies() {
    let whole = with_certificate("reissue.yaml").await.input("lead", "400d");
    let state = whole.begin().await;
    expect(&state, SUCCEEDED);
    let events = whole.events().await.len();
    for (number, crash) in
        (1..events).flat_map(|kept| [Crash::Before(kept), Crash::After(kept)]).enumerate()
    {
        let scene = whole.afresh(u64::try_from(number).unwrap());
        assert!(scene.start(crash).await.is_err());
        let state = scene.resume().await;
        expect(&state, SUCCEEDED);
        assert_eq!(reissues_sent(&scene), 1, "{number}:\n{}", describe(&state));
    }
}

/// Answers that leave open whether it was done, and answers that do not.
fn faults() -> Vec<FaultAction> {
    let json = "application/json";
    let instead = |code, body: &str| FaultAction::Instead(CannedAnswer::text(code, json, body));
    vec![
        FaultAction::DropAfterCommit,
        FaultAction::DropBeforeCommit,
        FaultAction::CutAnswer,
        FaultAction::Html,
        instead(500, "{}"),
        instead(200, ""),
        instead(200, r#"{"success":true,"code":0}"#),
        FaultAction::refusal(500, "internal server error"),
        FaultAction::refusal(408, "request timeout"),
        FaultAction::refusal(429, "too many requests"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reissue_whose_answer_is_lost_is_found_again_and_not_repeated() {
    let whole = with_certificate("reissue.yaml").await.input("lead", "400d");
    let id = whole.order().id;
    for (number, action) in faults().into_iter().enumerate() {
        let scene = whole.afresh(u64::try_from(number).unwrap());
        let before = whole.order().chain_pem;
        let path = format!("/tls/certificate/{id}/reissue");
        scene.sandbox().controls().add_fault(Fault::at("POST", &path, 1, action.clone()));
        let state = scene.begin().await;
        assert_eq!(state.phase, SUCCEEDED, "{action:?}:\n{}", describe(&state));
        assert_ne!(whole.order().chain_pem, before, "{action:?}");
        // What was carried out is not sent again; the next reissue would be another one.
        let carried_out = matches!(
            action,
            FaultAction::DropAfterCommit | FaultAction::CutAnswer | FaultAction::Instead(_)
        );
        assert_eq!(reissues_sent(&scene), if carried_out { 1 } else { 2 }, "{action:?}");
    }
}

const NEW: &str = "Beispiel Werke GmbH";

async fn organizations(scene: &Scene, name: &str) -> usize {
    let all = scene.client().list_organizations().await.unwrap().items;
    all.iter().filter(|known| known.name.as_deref() == Some(name)).count()
}

#[tokio::test]
async fn a_new_organization_is_made_once_and_found_by_the_next_run() {
    let scene = Scene::of("ov-new-organization.yaml").await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    assert_eq!(Scene::field(&state, "organization", "created"), true);
    let next = scene.again().input("common_name", "www.example.org");
    let state = next.begin().await;
    expect(&state, SUCCEEDED);
    assert_eq!(Scene::field(&state, "organization", "created"), false);
    assert_eq!(organizations(&scene, NEW).await, 1);
}

#[tokio::test]
async fn an_organization_that_is_not_usable_yet_parks_and_goes_on_when_it_is() {
    let days = std::time::Duration::from_secs(3 * 86_400);
    let scene = Scene::with(&shipped_text("ov-new-organization.yaml"), |options| {
        options.timing.organization_check = days;
    })
    .await;
    let state = scene.begin().await;
    expect(&state, PARKED);
    let reason = parked(&state);
    assert_eq!(reason.code, "organization_not_usable");
    assert!(reason.message.contains(NEW), "{}", reason.message);
    assert_eq!((scene.orders_sent(), organizations(&scene, NEW).await), (0, 1));
    expect(&scene.resume().await, PARKED);
    let all = scene.client().list_organizations().await.unwrap().items;
    let made = all.iter().find(|known| known.name.as_deref() == Some(NEW)).unwrap();
    scene.sandbox().controls().judge_organization(made.id.as_str(), true).await.unwrap();
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(organizations(&scene, NEW).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_organization_is_made_once_whatever_the_server_answers() {
    let whole = Scene::of("ov-new-organization.yaml").await;
    for (number, action) in faults().into_iter().enumerate() {
        let name = format!("Firma {number} GmbH");
        let scene = whole.elsewhere(number + 1).input("organization", &name);
        scene.sandbox().controls().add_fault(Fault::at(
            "POST",
            "/tls/organization",
            1,
            action.clone(),
        ));
        let state = scene.begin().await;
        assert_eq!(state.phase, SUCCEEDED, "{action:?}:\n{}", describe(&state));
        assert_eq!(organizations(&scene, &name).await, 1, "{action:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_organization_is_made_once_wherever_the_program_dies() {
    let whole = Scene::of("ov-new-organization.yaml").await;
    for (number, crash) in
        (1..12).flat_map(|kept| [Crash::Before(kept), Crash::After(kept)]).enumerate()
    {
        let name = format!("Firma {number} GmbH");
        let scene = whole.elsewhere(number + 1).input("organization", &name);
        assert!(scene.start(crash).await.is_err());
        let state = scene.resume().await;
        expect(&state, SUCCEEDED);
        assert_eq!(organizations(&scene, &name).await, 1, "{number}");
        assert_eq!(scene.orders_sent(), 1, "{number}");
    }
}

#[tokio::test]
async fn a_foreign_record_stops_the_run_and_both_are_shown() {
    let scene = Scene::of("dv-wildcard.yaml").await;
    let name = DomainName::parse("_dnsauth.example.com").unwrap();
    scene.sandbox().controls().add_foreign_record(&name, "CNAME", "old.example.net").await.unwrap();
    let state = scene.begin().await;
    expect(&state, FAILED);
    let error = error(&state);
    assert!(error.contains("`old.example.net`") && error.contains(".dcv.digicert.com`"), "{error}");
    assert_eq!(records_at(&scene, "example.com", "_dnsauth.example.com").await, 1);
}

#[tokio::test]
async fn a_certificate_is_found_by_its_id_too_and_what_is_unknown_is_said() {
    let scene = with_certificate("reissue.yaml").await;
    let id = scene.order().id;
    let state = scene.again().input("certificate_id", &id).begin().await;
    assert_eq!(Scene::field(&state, "former", "common_name"), COMMON_NAME);
    let other = scene.afresh(1).input("common_name", "www.example.org");
    let state = other.begin().await;
    expect(&state, FAILED);
    assert!(error(&state).contains("no certificate was issued for exactly `www.example.org`"));
}
