//! DigiCert's own word on an order: what still blocks it, asked over a connection of its own.

use certplan::api::regfish::{DcvMethod, OrderRequest};
use certplan::pki::{KeyType, PrivateKey, create_csr};
use certplan::run::{ParkReason, PauseReason, RunPhase, RunResult, RunState, StepState, WaitsFor};
use certplan::sandbox::{Check, Fault, FaultAction, Risk};
use certplan::types::{DomainName, OrganizationId};
use serde_json::json;

use crate::harness::{COMMON_NAME, Project, World, finish, shipped_plan};
use crate::scene::{Scene, describe, error_of};

const SUCCEEDED: RunPhase = RunPhase::Finished(RunResult::Succeeded);
const PARKED: RunPhase = RunPhase::Paused(PauseReason::Parked);

/// The organization of a new sandbox that can be used.
const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";

/// An OV order that nobody has proved, in a world where `digicert-validation.yaml` can ask for it.
async fn hanging() -> (Scene, String) {
    let scene = Scene::of("digicert-validation.yaml").await;
    let name = DomainName::parse(COMMON_NAME).unwrap();
    let key = PrivateKey::generate(KeyType::EcP256).unwrap();
    let order = OrderRequest {
        sku: "SecureSite".to_owned(),
        csr: create_csr(&key, &name, &[]).unwrap().pem().to_owned(),
        common_name: name,
        dns_names: Vec::new(),
        dcv_method: DcvMethod::DnsCnameToken,
        dcv_emails: Vec::new(),
        org_id: Some(OrganizationId::parse(USABLE).unwrap()),
        renewal_of: None,
        validity_days: None,
    };
    let id = scene.client().create_certificate(&order).await.unwrap().id.to_string();
    scene.sandbox().controls().hold_check(&id, Check::RequestAuthenticity).await.unwrap();
    (scene, id)
}

fn number(scene: &Scene) -> String {
    scene.sandbox().controls().orders()[0].digicert_order_id.unwrap().to_string()
}

#[track_caller]
fn parked(state: &RunState) -> ParkReason {
    assert_eq!(state.phase, PARKED, "{}", describe(state));
    let reason = state.steps.values().find_map(|record| match &record.state {
        StepState::Parked { reason } => Some(reason.clone()),
        _ => None,
    });
    reason.unwrap()
}

#[tokio::test]
async fn a_report_names_the_domain_and_the_check_that_block_an_order() {
    let (scene, _) = hanging().await;
    let order = number(&scene);
    let state = scene.input("order_id", &order).begin().await;
    assert_eq!(state.phase, SUCCEEDED, "{}", describe(&state));
    let field = |name: &str| Scene::field(&state, "validation", name);
    assert_eq!(field("approved"), json!(false));
    let blocking = field("blocking");
    assert_eq!(
        blocking[1],
        "domain example.com (for www.example.com) is unapproved, to be proved by dns-cname-token \
         at example.com"
    );
    let check = blocking[0].as_str().unwrap();
    assert!(check.starts_with("organization Example GmbH, check OV is pending"), "{check}");
    assert!(check.contains("call to confirm the request (`request_authenticity`)"), "{check}");
    assert!(check.contains("contact "), "{check}");
    assert_eq!(field("dns_name_validations")[0]["risk_status"], "pass");
    assert_eq!(field("organization_validations")[0]["type"], "ov");
}

#[tokio::test]
async fn a_wait_is_parked_with_what_blocks_and_goes_on_when_it_is_cleared() {
    let (scene, id) = hanging().await;
    let order = number(&scene);
    let scene = scene.input("order_id", &order).input("wait", "true");
    let reason = parked(&scene.begin().await);
    assert_eq!(
        (reason.waits_for, reason.code.as_str()),
        (WaitsFor::CertificateAuthority, "poll_timeout")
    );
    assert!(reason.message.contains("domain example.com"), "{}", reason.message);

    let controls = scene.sandbox().controls();
    controls.assess(&id, Risk::Failed).await.unwrap();
    let reason = parked(&scene.resume().await);
    assert_eq!((reason.waits_for, reason.code.as_str()), (WaitsFor::Person, "digicert_validation"));
    assert!(reason.message.contains("risk check of example.com"), "{}", reason.message);

    controls.assess(&id, Risk::Pass).await.unwrap();
    controls.finish_check(&id, Check::RequestAuthenticity).await.unwrap();
    let certificate = certplan::types::CertificateId::parse(&id).unwrap();
    let record = scene.client().get_certificate(&certificate).await.unwrap().validation.records;
    let record = certplan::api::regfish::NewRecord {
        name: record[0].name.clone(),
        kind: "CNAME".to_owned(),
        data: record[0].value.clone(),
        ttl: None,
        annotation: None,
    };
    scene.client().create_record(&record).await.unwrap();
    let state = scene.resume().await;
    assert_eq!(state.phase, SUCCEEDED, "{}", describe(&state));
    assert_eq!(Scene::field(&state, "validation", "approved"), json!(true));
}

#[tokio::test]
async fn a_rejected_order_ends_the_wait() {
    let (scene, id) = hanging().await;
    scene.sandbox().controls().reject(&id).await.unwrap();
    let order = number(&scene);
    let state = scene.input("order_id", &order).input("wait", "true").begin().await;
    let error = error_of(&state, "validation");
    assert!(error.message.contains("the order has come to its end (rejected)"), "{error}");
}

#[tokio::test]
async fn a_number_that_is_none_or_unknown_is_told_apart() {
    let scene = Scene::of("digicert-validation.yaml").await;
    for (number, text) in [
        ("7K9QW3M2ZT8HJ", "is not a DigiCert order id: it is a number such as `123456789`"),
        ("", "it is empty"),
        ("42", "DigiCert has no order `42` (404) for this API key"),
    ] {
        let state = scene.afresh(1).input("order_id", number).begin().await;
        let error = error_of(&state, "validation");
        assert!(error.message.contains(text), "{error}");
    }
}

#[tokio::test]
async fn being_told_to_slow_down_is_waited_out() {
    let (scene, _) = hanging().await;
    let order = number(&scene);
    let body = json!({ "errors": [{ "code": "request_limit_exceeded", "message": "Slow down." }] });
    let busy = Fault::at("GET", "/services/v2/", 1, FaultAction::json(429, &body));
    scene.sandbox().controls().add_fault(busy);
    let state = scene.input("order_id", &order).begin().await;
    assert_eq!(state.phase, SUCCEEDED, "{}", describe(&state));
}

/// The follow-up of an order with its report, from its certificate, its number and its key.
fn follow(scene: &Scene, state: &RunState, number: Option<&str>) -> Scene {
    let text =
        |step: &str, field: &str| Scene::field(state, step, field).as_str().unwrap().to_owned();
    let scene = scene
        .then("ov-with-validation-report.yaml")
        .input("certificate_id", &text("order", "certificate_id"))
        .input("key", &text("key", "key_file"));
    match number {
        Some(number) => scene.input("digicert_order_id", number),
        None => scene,
    }
}

#[tokio::test]
async fn an_order_is_followed_with_a_report_without_one_and_with_a_wrong_number() {
    let scene = Scene::of("ov-direct.yaml").await;
    let ordered = scene.begin().await;
    assert_eq!(ordered.phase, SUCCEEDED, "{}", describe(&ordered));
    let order = number(&scene);
    let state = follow(&scene, &ordered, Some(&order)).begin().await;
    assert_eq!(state.phase, SUCCEEDED, "{}", describe(&state));
    assert_eq!(Scene::field(&state, "report", "order_status"), "issued");
    assert_eq!(
        Scene::field(&state, "certificate", "serial_number"),
        Scene::field(&ordered, "certificate", "serial_number")
    );

    let asked = |scene: &Scene| {
        let requests = scene.sandbox().controls().requests();
        requests.iter().filter(|request| request.path.starts_with("/services")).count()
    };
    let before = asked(&scene);
    let state = follow(&scene, &ordered, None).afresh(2).begin().await;
    assert_eq!(state.phase, SUCCEEDED, "{}", describe(&state));
    assert_eq!(asked(&scene), before);

    let state = follow(&scene, &ordered, Some("42")).afresh(3).begin().await;
    assert!(error_of(&state, "report").message.contains("no order `42`"));
    assert!(state.output(&certplan::types::StepId::parse("certificate").unwrap()).is_some());
}

const DIGICERT_KEY: &str = "dc.integration-0123456789abcdef=";

#[test]
fn the_key_of_digicert_is_asked_for_when_it_is_needed_and_left_nowhere() {
    let world = World::with(|options| {
        options.digicert_key = certplan::types::Secret::new(DIGICERT_KEY.to_owned());
    });
    world.order_elsewhere("RapidSSL", "www.example.com");
    let number = world.only_order().digicert_order_id.unwrap().to_string();
    let project = Project::new();
    let plan = shipped_plan("digicert-validation.yaml");
    let input = format!("order_id={number}");
    let arguments = ["run", &plan, "--input", &input, "-vvv"];
    let _ = project
        .run_for(&world.base_url(), &arguments)
        .expect_code(2)
        .expect_talk("the environment variable `DIGICERT_API_KEY` is not set");

    // The host alone means the same API.
    for address in [format!("{}/services/v2", world.base_url()), world.base_url()] {
        let mut command = project.command(&arguments);
        command.env("DIGICERT_BASE_URL", address).env("DIGICERT_API_KEY", DIGICERT_KEY);
        let finished = finish(command)
            .expect_code(0)
            .expect_data("validation        domain example.com")
            .expect_talk("/order/certificate/");
        assert!(!finished.stderr.contains(DIGICERT_KEY), "{finished}");
    }
    project.expect_nowhere(DIGICERT_KEY);

    let mut command = project.command(&arguments);
    command.env("DIGICERT_BASE_URL", world.base_url()).env("DIGICERT_API_KEY", "wrong");
    let _ = finish(command).expect_code(1).expect_talk("access_denied|missing_permission");

    // Without a number nobody needs a key of DigiCert.
    let follow = shipped_plan("ov-with-validation-report.yaml");
    let inputs = ["--input", "certificate_id=AAAAAAAAAAAAA", "--input", "key=none.pem"];
    let arguments = [&["run", follow.as_str()], inputs.as_slice()].concat();
    let finished = project.run_for(&world.base_url(), &arguments).expect_code(1);
    assert!(!finished.stderr.contains("no API key"), "{finished}");
    let _ = finished.expect_talk("certificate `AAAAAAAAAAAAA` is not there");
    let number = format!("digicert_order_id={number}");
    let arguments = [arguments.as_slice(), &["--input", &number]].concat();
    let _ = project
        .run_for(&world.base_url(), &arguments)
        .expect_code(2)
        .expect_talk("the environment variable `DIGICERT_API_KEY` is not set");
}
