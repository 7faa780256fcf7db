//! Orders of which nobody knows at first: odd lists, lost keys, two runs at once, and orders that
//! only a person may complete.

use certplan::run::{
    BindingKind, ErrorKind, EventKind, PauseReason, RunPhase, RunResult, StepState, WaitsFor,
};
use certplan::sandbox::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::scene::{Crash, Scene, describe, error_of, shipped_text};

const IN_DOUBT: RunPhase = RunPhase::Paused(PauseReason::InDoubt);
const PARKED: RunPhase = RunPhase::Paused(PauseReason::Parked);
const FAILED: RunPhase = RunPhase::Finished(RunResult::Failed);
const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";
const ORDER: &str = "/tls/certificate";

fn is_unknown(event: &EventKind) -> bool {
    matches!(event, EventKind::OutcomeUnknown { .. })
}

fn has_key(event: &EventKind) -> bool {
    matches!(event, EventKind::StepSucceeded { step, .. } if step.as_str() == "key")
}

fn answer(response: &Value) -> FaultAction {
    FaultAction::json(200, &json!({ "success": true, "code": 0, "response": response }))
}

/// A run whose order arrived, and whose program died before it heard of it.
async fn lost_order(known_before: bool) -> Scene {
    let other = Scene::of("dv.yaml").await;
    let scene = other.elsewhere(1);
    if known_before {
        let state = other.begin().await;
        other.expect_issued(&state);
    }
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    scene.begin_and_crash_at(is_unknown).await;
    scene
}

/// The order as the list shows it, changed.
fn item(scene: &Scene, change: impl FnOnce(&mut Value)) -> Value {
    let order = scene.order();
    let mut item = json!({
        "id": order.id, "status": "pending", "action_required": false,
        "common_name": order.common_name, "dns_names": [], "product": order.product,
        "validity_days": 199,
    });
    change(&mut item);
    item
}

async fn expect_adopted(scene: &Scene) {
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders().len(), 1);
    let adopted = |event: &certplan::run::Event| {
        matches!(event.kind, EventKind::CertificateBound { binding: BindingKind::Adopted, .. })
    };
    assert!(scene.events().await.iter().any(adopted));
}

#[tokio::test]
async fn an_item_of_the_list_that_does_not_fit_fully_is_looked_at_alone_and_adopted() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("product in words", |item| item["product"] = json!("Rapid SSL Standard")),
        ("the base domain as a further name", |item| item["dns_names"] = json!(["example-1.com"])),
        ("no names", |item| item["common_name"] = Value::Null),
        ("another term", |item| item["validity_days"] = json!(30)),
    ];
    for (case, change) in changes {
        let scene = lost_order(false).await;
        let list = answer(&json!([item(&scene, change)]));
        scene.sandbox().controls().add_fault(Fault::at("GET", ORDER, 1, list));
        let id = scene.order().id;
        let before = scene.requested("GET", &format!("{ORDER}/{id}"));
        assert_eq!(before, 0, "{case}");
        expect_adopted(&scene).await;
        let posts = scene.requests().iter().filter(|request| request.path == ORDER).count();
        assert_eq!(posts, 3, "{case}: list, order, list");
    }
}

#[tokio::test]
async fn an_order_that_nothing_shows_clearly_is_in_doubt_and_not_sent_again() {
    let scene = lost_order(false).await;
    let odd = item(&scene, |item| item["product"] = json!("Rapid SSL Standard"));
    scene.sandbox().controls().add_fault(Fault::at("GET", ORDER, 1, answer(&json!([odd]))));
    scene.sandbox().controls().add_fault(Fault::at("GET", &format!("{ORDER}/"), 1, answer(&odd)));
    let state = scene.resume().await;
    assert_eq!(state.phase, IN_DOUBT, "{}", describe(&state));
    let StepState::InDoubt { candidates, .. } = &state.steps["order"].state else {
        panic!("{}", describe(&state));
    };
    assert_eq!(candidates[0].certificate_id.as_str(), scene.order().id);
    assert!(candidates[0].description.contains("Rapid SSL Standard"), "{candidates:?}");
    expect_adopted(&scene).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_the_accounts_leaves_the_order_in_doubt() {
    for (known_before, list) in [
        (true, json!([])),
        (true, Value::Null),
        (false, Value::Null),
        (false, json!("many")),
        (false, json!([{ "id": "../../x", "status": "pending" }])),
    ] {
        let scene = lost_order(known_before).await;
        let sent = scene.requests().iter().filter(|request| request.method == "POST").count();
        let fault = Fault { times: 50, ..Fault::at("GET", ORDER, 1, answer(&list)) };
        scene.sandbox().controls().add_fault(fault);
        let state = scene.resume().await;
        assert_eq!(state.phase, IN_DOUBT, "{list}:\n{}", describe(&state));
        let now = scene.requests().iter().filter(|request| request.method == "POST").count();
        assert_eq!(now, sent, "{list}: nothing was ordered");
        assert_eq!(scene.orders().len(), 1);
    }
}

#[tokio::test]
async fn without_its_key_nothing_is_ordered() {
    for damage in ["gone", "another", "cut off"] {
        let scene = Scene::of("dv.yaml").await;
        scene.begin_and_crash_at(has_key).await;
        let [key] = scene.keys().try_into().unwrap();
        match damage {
            "gone" => std::fs::remove_file(&key).unwrap(),
            "cut off" => std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nMIG").unwrap(),
            _ => {
                let other = certplan::pki::KeyType::EcP256;
                let other = certplan::pki::PrivateKey::generate(other).unwrap();
                std::fs::write(&key, other.to_pem()).unwrap();
            }
        }
        let state = scene.resume().await;
        assert_eq!(state.phase, FAILED, "{damage}:\n{}", describe(&state));
        assert_eq!(error_of(&state, "order").kind, ErrorKind::File, "{damage}");
        assert_eq!((scene.orders_sent(), scene.orders().len()), (0, 0), "{damage}");
    }
}

#[tokio::test]
async fn of_two_runs_for_the_same_names_the_second_waits_and_never_takes_the_others_order() {
    let first = Scene::of("dv.yaml").await;
    first.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    first.begin_and_crash_at(is_unknown).await;
    let ours = first.order().id;
    // Another plan's run, or one with `--again`: the order of the first one is unanswered.
    let second = first.again();
    let state = second.begin().await;
    assert_eq!(state.phase, FAILED, "{}", describe(&state));
    let error = error_of(&state, "order");
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert_eq!((second.orders_sent(), state.certificate_id), (0, None));
    // The first one settles its order; then the second one orders its own.
    let state = first.resume().await;
    first.expect_issued(&state);
    assert_eq!(first.order().id, ours);
    let state = second.resume().await;
    assert_eq!(state.phase, RunPhase::Finished(RunResult::Succeeded), "{}", describe(&state));
    let theirs = state.certificate_id.unwrap();
    assert_ne!(theirs.as_str(), ours);
    assert_eq!(first.orders().len(), 2);
}

#[tokio::test]
async fn a_stalled_answer_is_given_up_and_what_it_did_is_found() {
    for (method, prefix) in [("GET", "/tls/products"), ("POST", ORDER), ("POST", "/dns/rr")] {
        let scene = Scene::impatient("dv.yaml").await;
        scene.sandbox().controls().add_fault(Fault::at(method, prefix, 1, FaultAction::Stall));
        let state = scene.begin().await;
        scene.expect_issued(&state);
        assert_eq!(scene.orders().len(), 1, "{method} {prefix}");
        assert!(scene.orders_sent() == 1, "{method} {prefix}");
    }
}

#[tokio::test]
async fn an_order_that_only_a_person_may_complete_parks_and_the_api_is_never_asked_to() {
    let by_plan = shipped_text("ov-staged.yaml")
        .replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console");
    let by_value = shipped_text("ov-staged.yaml").replace(
        "\"{{ steps.organization.id }}\"",
        "\"{{ steps.order.pending_reason if false else none }}\"",
    );
    assert!(by_plan.contains("fallback: console") && by_value.contains("else none"));
    for plan in [by_plan, by_value] {
        let scene = Scene::with(&plan, |_| {}).await;
        for _ in 0..2 {
            let state = match scene.events_or_none().await {
                0 => scene.begin().await,
                _ => scene.resume().await,
            };
            assert_eq!(state.phase, PARKED, "{}", describe(&state));
            let StepState::Parked { reason } = &state.steps["complete"].state else {
                panic!("{}", describe(&state));
            };
            assert_eq!(reason.waits_for, WaitsFor::Person);
            let url = format!("/my/certs/{}/complete", scene.order().id);
            assert!(reason.completion_url.as_ref().unwrap().ends_with(&url), "{reason:?}");
        }
        let id = scene.order().id;
        scene.sandbox().controls().complete_in_console(&id, USABLE).await.unwrap();
        let state = scene.resume().await;
        scene.expect_issued(&state);
        assert_eq!(scene.requested("POST", &format!("{ORDER}/{id}/complete")), 0);
    }
}

#[tokio::test]
async fn a_run_whose_clock_was_set_back_orders_once_all_the_same() {
    for before in [4, 8, 12] {
        let scene = Scene::of("dv.yaml").await;
        assert!(scene.start(Crash::After(before)).await.is_err());
        let scene = scene.with_clock_set_back().await;
        let state = scene.resume().await;
        scene.expect_issued(&state);
        assert_eq!(scene.orders_sent(), 1, "after {before} events");
    }
}
