//! Runs that are gone on with after their records were deleted.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::run::ReopenReason;

const STEPS: &str = "
  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - id: validation
    uses: regfish.wait_dns_records
    with: { certificate_id: '{{ steps.order.certificate_id }}' }
  - id: record
    uses: regfish.put_records
    with: { records: '{{ steps.validation.dns_records }}' }
  - { id: seen, needs: [record], uses: regfish.list_products, with: { sku: X } }
  - id: issued
    uses: regfish.wait_issued
    needs: [seen]
    with: { certificate_id: '{{ steps.order.certificate_id }}' }
    poll: { every: 1h, timeout: 60d }
  - { id: deployed, needs: [issued], uses: regfish.list_products, with: { sku: X } }
";

const FINALLY: &str = "
finally:
  - id: clean_up
    uses: regfish.delete_records
    when: steps.record.records is defined
    with: { records: '{{ steps.record.records }}' }
";

const AS_LAST_STEP: &str = "
  - id: clean_up
    uses: regfish.delete_records
    needs: [issued]
    with: { records: '{{ steps.record.records }}' }
";

fn record() -> Value {
    json!({ "name": "_dnsauth.example.com", "type": "CNAME", "value": "token" })
}

fn with(value: &Value, name: &str, more: Value) -> Value {
    let mut value = value.clone();
    value[name] = more;
    value
}

/// The outcome of a step that did what it should.
fn good(step: &str) -> Outcome {
    match step {
        "order" => ordered("AAAAAAAAAAAA1", BindingKind::Ordered),
        "validation" => succeeded(json!({
            "certificate_id": "AAAAAAAAAAAA1", "status": "pending", "dns_records": [record()],
        })),
        "record" => succeeded(json!({
            "records": [with(&with(&record(), "id", json!(7)), "created", json!(true))],
        })),
        "issued" => succeeded(json!({ "certificate_id": "AAAAAAAAAAAA1", "status": "issued" })),
        "clean_up" => succeeded(json!({ "deleted": [record()], "kept": [] })),
        _ => succeeded(json!({ "sku": "X" })),
    }
}

fn do_well(scene: &mut Scene, steps: &[&str]) {
    for step in steps {
        scene.finish(step, good(step));
    }
}

/// A run that has put its record, with these steps behind.
fn recorded(last: &str) -> Scene {
    let mut scene = Scene::new(plan(&format!("{STEPS}{last}")));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order", "validation", "record", "seen"]);
    scene
}

fn states(scene: &Scene) -> [&'static str; 4] {
    ["record", "seen", "issued", "clean_up"].map(|step| scene.state(step))
}

#[test]
fn a_failed_run_that_deleted_its_record_puts_it_again_when_it_is_resumed() {
    let mut scene = recorded(FINALLY);
    scene.finish("issued", final_failure());
    do_well(&mut scene, &["clean_up"]);
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["started", "pending", "pending", "pending"]);
    // What it is built on stays done: nothing is ordered again, and the token is asked for by
    // whoever waits.
    assert_eq!([scene.state("order"), scene.state("validation")], ["succeeded", "succeeded"]);
    do_well(&mut scene, &["record", "seen", "issued", "deployed", "clean_up"]);
    assert_eq!(scene.phase(), "succeeded");
    scene.assert_replays();
}

#[test]
fn it_is_told_which_step_took_the_record_back() {
    let mut scene = recorded(FINALLY);
    scene.finish("issued", final_failure());
    do_well(&mut scene, &["clean_up"]);
    let decided = scene.engine.resume("later test", scene.now);
    let reason = ReopenReason::Undone { by: id("clean_up") };
    for step in ["record", "seen"] {
        let event = EventKind::StepReopened { step: id(step), reason: reason.clone() };
        assert!(decided.contains(&event), "{step}");
    }
}

#[test]
fn a_record_that_was_left_alone_is_not_put_again() {
    let mut scene = recorded(FINALLY);
    scene.finish("issued", final_failure());
    let kept = json!({ "name": "_dnsauth.example.com", "reason": "another run made it" });
    scene.finish("clean_up", succeeded(json!({ "deleted": [], "kept": [kept] })));
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["succeeded", "succeeded", "started", "pending"]);
}

#[test]
fn a_deletion_that_broke_off_may_have_deleted_something() {
    for broken in [final_failure(), passing()] {
        let mut scene = recorded(FINALLY);
        scene.finish("issued", final_failure());
        scene.finish("clean_up", broken);
        scene.crash_and_resume();
        assert_eq!(states(&scene), ["started", "pending", "pending", "pending"]);
    }
    // Killed in the middle of it.
    let mut scene = recorded(FINALLY);
    scene.finish("issued", final_failure());
    assert_eq!(scene.state("clean_up"), "started");
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["started", "pending", "pending", "pending"]);
}

#[test]
fn what_was_issued_needs_no_record_any_more() {
    for last in [FINALLY, AS_LAST_STEP] {
        let mut scene = recorded(last);
        do_well(&mut scene, &["issued"]);
        scene.finish("deployed", final_failure());
        do_well(&mut scene, &["clean_up"]);
        assert_eq!(scene.phase(), "failed");
        scene.crash_and_resume();
        assert_eq!(states(&scene)[..3], ["succeeded", "succeeded", "succeeded"]);
        assert_eq!(scene.state("deployed"), "started");
    }
}

#[test]
fn a_run_whose_only_failure_is_the_deletion_deletes_and_does_nothing_else() {
    let mut scene = recorded(FINALLY);
    do_well(&mut scene, &["issued", "deployed"]);
    scene.finish("clean_up", final_failure());
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["succeeded", "succeeded", "succeeded", "started"]);
}

#[test]
fn a_record_is_needed_until_it_has_proved_the_names_or_the_order_is_over() {
    let needs = |scene: &Scene| scene.engine.may_need_its_records();
    let mut scene = recorded(FINALLY);
    assert!(needs(&scene));
    scene.finish("issued", parked());
    assert_eq!((scene.phase(), needs(&scene)), ("parked", true));
    scene.crash_and_resume();
    scene.finish("issued", final_failure());
    do_well(&mut scene, &["clean_up"]);
    assert_eq!((scene.phase(), needs(&scene)), ("failed", true));

    let mut ended = recorded(FINALLY);
    let error = StepError::new(ErrorKind::CertificateEnded, "rejected");
    ended.finish("issued", Outcome::Failed { error, retry: Retry::Never });
    do_well(&mut ended, &["clean_up"]);
    assert_eq!((ended.phase(), needs(&ended)), ("failed", false));

    let mut issued = recorded(FINALLY);
    do_well(&mut issued, &["issued"]);
    issued.finish("deployed", final_failure());
    do_well(&mut issued, &["clean_up"]);
    assert_eq!((issued.phase(), needs(&issued)), ("failed", false));

    let mut done = recorded(AS_LAST_STEP);
    do_well(&mut done, &["issued", "deployed", "clean_up"]);
    assert_eq!((done.phase(), needs(&done)), ("succeeded", false));
}

/// Drives a run with random outcomes and crashes; the record is there or not, as in the DNS. Whoever
/// waits for the certificate must find it there.
fn drive(last: &str, choices: &[u8]) {
    let mut scene = Scene::new(plan(&format!("{STEPS}{last}")));
    let mut is_there = false;
    let mut orders = 0;
    for choice in choices {
        if scene.phase() != "running" {
            if scene.phase() == "succeeded" {
                break;
            }
            scene.crash_and_resume();
        }
        let due = scene.due();
        let Some(command) = due.get(usize::from(*choice) % due.len().max(1)).cloned() else {
            scene.wait(Duration::from_secs(3600));
            continue;
        };
        let step = command.step.as_str();
        let fails = choice % 5 == 0;
        // Whether it is carried out, and whether that is heard of, are two things.
        match step {
            "record" => is_there |= !fails,
            "clean_up" => is_there &= fails && choice % 2 == 0,
            "issued" => assert!(is_there, "waits for what nothing proves"),
            _ => {}
        }
        if choice % 7 == 3 && !matches!(command.call, Call::Send(_)) {
            scene.crash_and_resume();
            continue;
        }
        let outcome = match (&command.call, step) {
            (Call::Prepare { .. }, _) => Outcome::Prepared { intent: intent() },
            (Call::Send(_), _) => {
                orders += 1;
                good(step)
            }
            (_, "issued") if choice % 3 == 1 => not_yet("pending"),
            (_, "issued") if choice % 11 == 2 => parked(),
            _ if fails && choice % 2 == 0 => passing(),
            _ if fails => final_failure(),
            _ => good(step),
        };
        scene.finish(command.step.as_str(), outcome);
        scene.assert_replays();
    }
    assert!(orders <= 1, "ordered again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whoever_waits_for_a_certificate_has_its_record_in_place(
        finally in any::<bool>(),
        choices in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        drive(if finally { FINALLY } else { AS_LAST_STEP }, &choices);
    }
}
