//! Steps that run at the end, whatever happened before.

use super::*;

const PLAN: &str = "
  - { id: product, uses: regfish.list_products, with: { sku: X } }
  - { id: other, uses: regfish.list_products, with: { sku: '{{ steps.product.sku }}' } }
  - { id: wait, uses: regfish.wait_issued, with: { certificate_id: A }, poll: { every: 30s, timeout: 10m } }
finally:
  - id: said
    uses: regfish.list_products
    when: steps.other.sku is defined
    with: { sku: '{{ steps.other.sku }}' }
  - { id: closed, uses: regfish.list_products, with: { sku: Y } }
  - { id: checked, needs: [closed], uses: regfish.list_products, with: { sku: Z } }
";

fn product() -> Outcome {
    succeeded(json!({ "sku": "X" }))
}

/// Everything but the last steps is done.
fn at_the_end() -> Scene {
    let mut scene = Scene::new(plan(PLAN));
    scene.finish("product", product());
    scene.finish("other", product());
    assert_eq!(scene.state("closed"), "pending");
    scene.finish("wait", succeeded(json!({ "certificate_id": "A", "status": "issued" })));
    scene
}

fn last(scene: &Scene) -> [&'static str; 3] {
    ["said", "closed", "checked"].map(|step| scene.state(step))
}

#[test]
fn the_last_steps_come_after_all_others_in_their_own_order() {
    let mut scene = at_the_end();
    assert_eq!(last(&scene), ["started", "started", "pending"]);
    scene.finish("said", product());
    scene.finish("closed", product());
    assert_eq!(scene.phase(), "running");
    scene.finish("checked", product());
    assert_eq!(scene.phase(), "succeeded");
    scene.assert_replays();
}

#[test]
fn after_a_failure_they_run_with_what_there_is_and_the_run_has_failed() {
    let mut scene = Scene::new(plan(PLAN));
    scene.finish("wait", final_failure());
    assert_eq!(last(&scene), ["pending", "pending", "pending"]);
    scene.finish("product", final_failure());
    assert_eq!(scene.state("other"), "blocked");
    assert_eq!(last(&scene), ["skipped", "started", "pending"]);
    scene.finish("closed", product());
    scene.finish("checked", product());
    assert_eq!(scene.phase(), "failed");
}

#[test]
fn a_run_that_parks_or_is_in_doubt_has_not_come_to_its_end() {
    let mut scene = Scene::new(plan(PLAN));
    scene.finish("product", final_failure());
    scene.finish("wait", parked());
    // Failed, too: but the parked step goes on, and cleaning up would come too early.
    assert_eq!((scene.phase(), scene.state("closed")), ("failed", "pending"));
    scene.crash_and_resume();
    scene.finish("wait", succeeded(json!({ "certificate_id": "A", "status": "issued" })));
    scene.finish("product", product());
    scene.finish("other", product());
    assert_eq!(last(&scene), ["started", "started", "pending"]);

    let paid = format!(
        "{ORDER}finally:\n  - {{ id: last, uses: regfish.list_products, with: {{ sku: X }} }}\n"
    );
    let mut scene = Scene::new(plan(&paid));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    scene.finish("order", Outcome::Unknown { error: error() });
    scene.wait(Duration::from_secs(5));
    scene.finish("order", Outcome::InDoubt { message: String::new(), candidates: Vec::new() });
    assert_eq!((scene.phase(), scene.state("last")), ("in doubt", "pending"));
}

#[test]
fn a_resumed_run_comes_to_its_end_again() {
    let mut scene = Scene::new(plan(PLAN));
    scene.finish("wait", final_failure());
    scene.finish("product", product());
    scene.finish("other", product());
    scene.finish("said", product());
    scene.finish("closed", passing());
    assert_eq!(last(&scene), ["succeeded", "retrying", "pending"]);
    // Killed here. What had failed gets another chance, and the end comes after that.
    scene.crash_and_resume();
    assert_eq!(scene.state("wait"), "started");
    assert_eq!(last(&scene), ["pending", "pending", "pending"]);
    scene.finish("wait", succeeded(json!({ "certificate_id": "A", "status": "issued" })));
    assert_eq!(last(&scene), ["started", "started", "pending"]);
    scene.assert_replays();
}

#[test]
fn a_last_step_that_failed_fails_the_run_and_is_resumed_alone() {
    let mut scene = at_the_end();
    scene.finish("said", product());
    scene.finish("closed", final_failure());
    assert_eq!((scene.phase(), scene.state("checked")), ("failed", "blocked"));
    scene.crash_and_resume();
    assert_eq!(last(&scene), ["succeeded", "started", "pending"]);
    assert_eq!(scene.state("product"), "succeeded");
    scene.finish("closed", product());
    scene.finish("checked", product());
    assert_eq!(scene.phase(), "succeeded");
}

#[test]
fn a_run_that_is_killed_at_its_end_goes_on_there() {
    let mut scene = at_the_end();
    scene.finish("said", product());
    scene.crash_and_resume();
    assert_eq!(last(&scene), ["succeeded", "started", "pending"]);
    assert_eq!(scene.state("wait"), "succeeded");
}

#[test]
fn what_failed_is_tried_again_although_the_last_steps_looked_at_it() {
    let steps = "
  - { id: product, uses: regfish.list_products, with: { sku: X } }
finally:
  - id: said
    uses: regfish.list_products
    with: { sku: \"{{ steps.product.sku | default('none') }}\" }
";
    let mut scene = Scene::new(plan(steps));
    scene.finish("product", final_failure());
    assert_eq!(scene.due()[0].parameters["sku"], "none");
    scene.finish("said", product());
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!((scene.state("product"), scene.state("said")), ("started", "pending"));
}
