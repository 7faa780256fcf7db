//! Runs that failed and went on without the step that failed: a deployment that is made good.

use serde_json::json;

use super::*;
use crate::engine::LeftAsItIs;
use crate::run::ReopenReason;

/// What `plans/issue-and-deploy.yaml` does, with `{reload}` and `{former}` between.
fn deployment(reload: &str, former: &str, more: &str) -> Arc<Plan> {
    plan(&format!(
        "
  - {{ id: order, uses: regfish.create_order, with: {{ sku: X, common_name: www.example.com, csr: '{{{{ target }}}}' }} }}
  - id: certificate
    uses: regfish.download
    with: {{ certificate_id: '{{{{ steps.order.certificate_id }}}}', key: key.pem, directory: certs }}
  - {{ id: reload, uses: command.run, needs: [certificate], with: {{ argv: [reload]{reload} }} }}
  - id: served
    uses: tls.check_served
    needs: [reload]
    on_failure: continue
    with: {{ host: 127.0.0.1, sha256: '{{{{ steps.certificate.sha256 }}}}' }}
  - id: back
    uses: files.rollback
    when: steps.served.sha256 is not defined and steps.certificate.previous_set is not none
    with: {{ directory: certs, set: '{{{{ steps.certificate.set }}}}' }}
  - id: former
    uses: command.run
    needs: [back]
    when: steps.served.sha256 is not defined
    with: {{ argv: [reload]{former} }}
  - id: verdict
    uses: assert
    needs: [former]
    with: {{ that: [{{ check: '{{{{ steps.served.sha256 is defined }}}}', message: not served }}] }}
{more}"
    ))
}

const SAFE: &str = ", repeat: safe";

fn certificate() -> Value {
    json!({
        "certificate_id": "AAAAAAAAAAAA1", "directory": "/certs", "certificate_file": "/certs/cert.pem",
        "chain_file": "/certs/chain.pem", "fullchain_file": "/certs/fullchain.pem",
        "key_file": "/certs/privkey.pem", "serial_number": "1", "sha256": "aa",
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2026-04-01T00:00:00Z",
        "names": [], "formats": [], "set": "new", "previous_set": "old", "removed_sets": [],
    })
}

fn good(step: &str) -> Outcome {
    match step {
        "order" => ordered("AAAAAAAAAAAA1", BindingKind::Ordered),
        "certificate" => succeeded(certificate()),
        "served" => succeeded(json!({ "sha256": "aa", "certificates": 2 })),
        "back" => succeeded(json!({
            "summary": "", "set": "old", "left": [{ "directory": "/certs", "set": "new" }],
        })),
        _ => succeeded(json!({ "summary": "" })),
    }
}

fn do_well(scene: &mut Scene, steps: &[&str]) {
    for step in steps {
        scene.finish(step, good(step));
    }
}

fn states<const N: usize>(scene: &Scene, steps: [&str; N]) -> [&'static str; N] {
    steps.map(|step| scene.state(step))
}

/// The check has failed, the former certificate is back, and so the run has failed.
fn rolled_back(plan: Arc<Plan>) -> Scene {
    let mut scene = Scene::new(plan);
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order", "certificate", "reload"]);
    scene.finish("served", final_failure());
    do_well(&mut scene, &["back", "former"]);
    scene.finish("verdict", final_failure());
    assert_eq!(scene.phase(), "failed");
    scene
}

#[test]
fn a_deployment_that_was_rolled_back_is_made_good_under_the_same_certificate() {
    let mut scene = rolled_back(deployment(SAFE, SAFE, ""));
    scene.crash_and_resume();
    let steps = ["order", "certificate", "reload", "served", "back", "former", "verdict"];
    assert_eq!(
        states(&scene, steps),
        ["succeeded", "started", "pending", "pending", "pending", "pending", "pending"]
    );
    do_well(&mut scene, &["certificate", "reload", "served", "verdict"]);
    assert_eq!(states(&scene, ["back", "former"]), ["skipped", "skipped"]);
    assert_eq!(scene.phase(), "succeeded");
    let orders = scene.events.iter().filter(|event| event.kind.name() == "certificate_bound");
    assert_eq!(orders.count(), 1);
    scene.assert_replays();
}

#[test]
fn it_can_fail_be_rolled_back_and_resumed_any_number_of_times() {
    let mut scene = rolled_back(deployment(SAFE, SAFE, ""));
    for _ in 0..3 {
        scene.crash_and_resume();
        do_well(&mut scene, &["certificate", "reload"]);
        scene.finish("served", final_failure());
        assert_eq!(scene.state("back"), "started");
        do_well(&mut scene, &["back", "former"]);
        scene.finish("verdict", final_failure());
        assert_eq!(scene.phase(), "failed");
    }
    scene.assert_replays();
}

#[test]
fn each_step_is_told_why_it_is_done_again() {
    let scene = rolled_back(deployment(SAFE, SAFE, ""));
    let decided = scene.engine.resume("later test", scene.now);
    let reopened: Vec<_> = decided
        .into_iter()
        .filter_map(|event| match event {
            EventKind::StepReopened { step, reason } => Some((step.to_string(), reason)),
            _ => None,
        })
        .collect();
    let undone = || ReopenReason::Undone { by: id("back") };
    let after = || ReopenReason::Retried { origin: id("served") };
    let expected = [
        ("certificate", undone()),
        ("reload", undone()),
        ("served", ReopenReason::Resumed),
        ("back", after()),
        ("former", after()),
        ("verdict", ReopenReason::Resumed),
    ];
    assert_eq!(reopened, expected.map(|(step, reason)| (step.to_owned(), reason)));
}

#[test]
fn without_a_former_certificate_only_the_check_and_what_follows_has_another_turn() {
    let mut scene = Scene::new(deployment(SAFE, SAFE, ""));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order"]);
    let mut first = certificate();
    first.as_object_mut().unwrap().remove("previous_set");
    scene.finish("certificate", succeeded(first));
    do_well(&mut scene, &["reload"]);
    scene.finish("served", final_failure());
    assert_eq!(scene.state("back"), "skipped");
    do_well(&mut scene, &["former"]);
    scene.finish("verdict", final_failure());
    scene.crash_and_resume();
    assert_eq!(
        states(&scene, ["certificate", "reload", "served", "back", "former"]),
        ["succeeded", "succeeded", "started", "pending", "pending"]
    );
    do_well(&mut scene, &["served", "verdict"]);
    assert_eq!(scene.phase(), "succeeded");
}

#[test]
fn a_run_that_stopped_on_its_way_back_goes_on_with_that_first() {
    let mut scene = Scene::new(deployment(SAFE, SAFE, ""));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order", "certificate", "reload"]);
    scene.finish("served", final_failure());
    for next in ["back", "former", "verdict"] {
        scene.crash_and_resume();
        let steps = states(&scene, ["certificate", "reload", "served", next]);
        assert_eq!(steps, ["succeeded", "succeeded", "failed", "started"]);
        if next != "verdict" {
            do_well(&mut scene, &[next]);
        }
    }
}

#[test]
fn what_may_not_be_done_twice_keeps_the_failure_where_the_check_hangs_on_it() {
    // The reload before the check, and the one that belongs to the way back.
    for (reload, former, once) in [("", SAFE, "reload"), (SAFE, "", "former")] {
        let mut scene = rolled_back(deployment(reload, former, ""));
        let left = LeftAsItIs { step: id("served"), because_of: id(once) };
        assert_eq!(scene.engine.left_as_they_are(scene.now), [left]);
        scene.crash_and_resume();
        let steps = ["certificate", "reload", "served", "back", "former", "verdict"];
        assert_eq!(
            states(&scene, steps),
            ["succeeded", "succeeded", "failed", "succeeded", "succeeded", "started"]
        );
    }
}

#[test]
fn what_may_not_be_done_twice_and_hangs_on_nothing_stays_done() {
    let more = "  - { id: told, uses: http.request, needs: [served], with: { url: \
                'https://x.example/', method: POST } }\n";
    let mut scene = Scene::new(deployment(SAFE, SAFE, more));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order", "certificate", "reload"]);
    scene.finish("served", final_failure());
    scene.finish("told", succeeded(json!({ "summary": "", "status": 200 })));
    do_well(&mut scene, &["back", "former"]);
    scene.finish("verdict", final_failure());
    let left = LeftAsItIs { step: id("told"), because_of: id("told") };
    assert_eq!(scene.engine.left_as_they_are(scene.now), [left]);
    scene.crash_and_resume();
    assert_eq!(states(&scene, ["certificate", "told"]), ["started", "succeeded"]);
    do_well(&mut scene, &["certificate", "reload", "served", "verdict"]);
    assert_eq!((scene.phase(), scene.state("told")), ("succeeded", "succeeded"));
}

#[test]
fn what_an_order_was_built_without_is_never_done_late() {
    let steps = "
  - { id: look, uses: regfish.list_products, with: { sku: X }, on_failure: continue }
  - { id: order, needs: [look], uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - { id: last, needs: [order], uses: regfish.list_products, with: { sku: X } }
";
    let mut scene = Scene::new(plan(steps));
    scene.finish("look", final_failure());
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order"]);
    scene.finish("last", final_failure());
    let left = LeftAsItIs { step: id("look"), because_of: id("order") };
    assert_eq!(scene.engine.left_as_they_are(scene.now), [left]);
    scene.crash_and_resume();
    assert_eq!(states(&scene, ["look", "order", "last"]), ["failed", "succeeded", "started"]);
}

#[test]
fn an_order_that_was_left_out_is_not_placed_late() {
    let steps = "
  - { id: look, uses: regfish.list_products, with: { sku: X }, on_failure: continue }
  - id: order
    when: steps.look.sku is defined
    uses: regfish.create_order
    with: { sku: X, common_name: www.example.com, csr: '{{ target }}' }
  - { id: last, needs: [order], uses: regfish.list_products, with: { sku: X } }
";
    let mut scene = Scene::new(plan(steps));
    scene.finish("look", final_failure());
    scene.finish("last", final_failure());
    scene.crash_and_resume();
    assert_eq!(states(&scene, ["look", "order", "last"]), ["failed", "skipped", "started"]);
}

#[test]
fn a_way_back_at_the_end_of_the_run_is_made_good_as_well() {
    let steps = "
  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - id: certificate
    uses: regfish.download
    with: { certificate_id: '{{ steps.order.certificate_id }}', key: key.pem, directory: certs }
  - id: served
    uses: tls.check_served
    with: { host: 127.0.0.1, sha256: '{{ steps.certificate.sha256 }}' }
finally:
  - id: back
    uses: files.rollback
    when: steps.served.sha256 is not defined and steps.certificate.previous_set is defined
    with: { directory: certs, set: '{{ steps.certificate.set }}' }
";
    let mut scene = Scene::new(plan(steps));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    do_well(&mut scene, &["order", "certificate"]);
    scene.finish("served", final_failure());
    do_well(&mut scene, &["back"]);
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!(
        states(&scene, ["certificate", "served", "back"]),
        ["started", "pending", "pending"]
    );
    do_well(&mut scene, &["certificate", "served"]);
    assert_eq!((scene.phase(), scene.state("back")), ("succeeded", "skipped"));
}
