//! Edits while a run stands still.

use super::*;
use crate::engine::StepChange;

const BEFORE: &str = "
  - { id: product, uses: regfish.list_products, with: { sku: X } }
  - { id: order, uses: regfish.create_order, with: { sku: '{{ steps.product.sku }}', common_name: www.example.com, csr: '{{ target }}' } }
  - { id: issued, uses: regfish.wait_issued, with: { certificate_id: '{{ steps.order.certificate_id }}' } }
";

fn after_the_order() -> Scene {
    let mut scene = Scene::new(plan(BEFORE));
    scene.finish("product", succeeded(json!({ "sku": "X" })));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    scene
}

#[test]
fn an_edit_of_what_is_not_done_can_be_taken() {
    let scene = after_the_order();
    let edited =
        plan(&BEFORE.replace("wait_issued, with", "wait_issued, poll: { every: 5s }, with"));
    assert_eq!(
        scene.engine.changes(&edited),
        [
            (id("product"), StepChange::DoneUnchanged),
            (id("order"), StepChange::DoneUnchanged),
            (id("issued"), StepChange::OpenEdited),
        ]
    );
    assert!(scene.engine.obstacles(&edited).is_empty());
}

#[test]
fn an_edit_of_what_was_paid_for_cannot_be_taken() {
    let scene = after_the_order();
    for edited in [
        BEFORE.replace("www.example.com", "api.example.com"),
        BEFORE.replace("sku: X", "sku: Y"),
        BEFORE.replace("id: order", "id: other").replace("steps.order", "steps.other"),
    ] {
        assert!(!scene.engine.obstacles(&plan(&edited)).is_empty(), "{edited}");
    }
}

#[test]
fn before_the_order_everything_may_change_but_what_has_begun() {
    let mut scene = Scene::new(plan(BEFORE));
    scene.finish("product", succeeded(json!({ "sku": "X" })));
    let edited = plan(&BEFORE.replace("www.example.com", "api.example.com"));
    assert!(scene.engine.obstacles(&edited).is_empty());
    let gone = plan(
        "  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }\n",
    );
    assert_eq!(scene.engine.obstacles(&gone), ["it has no step `product`, which has begun"]);
}

#[test]
fn a_run_that_took_another_plan_follows_it() {
    let mut scene = after_the_order();
    let edited = plan(&format!(
        "{BEFORE}  - {{ id: more, uses: regfish.list_products, needs: [issued], with: {{ sku: X }} }}\n"
    ));
    let reference =
        PlanReference { digest: "1".to_owned(), ..scene.engine.state().header.plan.clone() };
    scene.record(vec![EventKind::PlanReplaced {
        plan: reference,
        steps: edited.steps.keys().cloned().collect(),
        inputs: Map::new(),
    }]);
    scene.engine.plan = edited;
    scene.crash_and_resume();
    assert_eq!((scene.state("order"), scene.state("more")), ("succeeded", "pending"));
    scene.assert_replays();
}
