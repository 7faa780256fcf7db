//! A person ends a run.

use super::*;
use crate::engine::CancelRefusal;

fn cancel(scene: &mut Scene) {
    let decided = scene.engine.cancel("test", Some("no longer wanted".to_owned())).unwrap();
    scene.record(decided);
    scene.assert_replays();
}

#[test]
fn a_cancelled_run_does_nothing_and_takes_nothing_in_any_more() {
    let mut scene = Scene::new(plan(ORDER));
    cancel(&mut scene);
    assert_eq!(scene.phase(), "cancelled");
    scene.settle();
    assert_eq!(scene.phase(), "cancelled");
    assert_eq!(scene.engine.cancel("test", None), Err(CancelRefusal::Cancelled));
    let resumed = scene.engine.number(scene.engine.resume("later", scene.now), scene.now);
    let error = scene.engine.foresee(&resumed).unwrap_err();
    assert_eq!(error.to_string(), "event 4 is `run_resumed`, and the run was cancelled before");
}

#[test]
fn a_run_is_not_cancelled_while_nobody_knows_what_became_of_its_order() {
    let mut scene = Scene::new(plan(ORDER));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    let unanswered = Err(CancelRefusal::Unanswered(id("order")));
    assert_eq!(scene.engine.cancel("test", None), unanswered);
    scene.finish("order", Outcome::Unknown { error: error() });
    assert_eq!(scene.engine.cancel("test", None), unanswered);
    scene.wait(Duration::from_secs(5));
    scene.finish("order", Outcome::InDoubt { message: String::new(), candidates: Vec::new() });
    assert_eq!(scene.phase(), "in doubt");
    assert_eq!(scene.engine.cancel("test", None), unanswered);
    let decided = scene
        .engine
        .adopted(&id("order"), ordered("AAAAAAAAAAAA1", BindingKind::Adopted), "test", scene.now)
        .unwrap();
    scene.record(decided);
    cancel(&mut scene);
}

#[test]
fn a_run_that_has_succeeded_is_not_cancelled_and_one_that_has_failed_is() {
    let mut scene = Scene::new(plan(ORDER));
    scene.finish("order", final_failure());
    assert_eq!(scene.phase(), "failed");
    cancel(&mut scene);
    let mut scene =
        Scene::new(plan("  - { id: product, uses: regfish.list_products, with: { sku: X } }\n"));
    scene.finish("product", succeeded(json!({ "sku": "X" })));
    assert_eq!(scene.engine.cancel("test", None), Err(CancelRefusal::Succeeded));
}
