//! An API that is down for longer than all attempts of a step: all wait, nobody fails, one order.

use certplan::run::{PauseReason, RunPhase, RunResult};
use certplan::sandbox::{Fault, FaultAction};

use crate::harness::{Project, Running, World, impatient_plan};
use crate::scene::{Scene, shipped_text};

const PLAN: &str = "ov-staged.yaml";

/// From the request at `first` on so many are in vain; one a minute, once everybody waits.
fn outage(first: u32, times: u32, action: FaultAction) -> Fault {
    Fault { times, ..Fault::at("*", "/", first, action) }
}

fn failures() -> [FaultAction; 3] {
    [FaultAction::refusal(503, "maintenance"), FaultAction::Html, FaultAction::DropBeforeCommit]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_run_fails_because_the_api_is_down_for_twenty_minutes_and_none_orders_twice() {
    for (first, action) in (2..14).zip(failures().into_iter().cycle()) {
        let scene = Scene::budgeted(PLAN).await;
        scene.sandbox().controls().add_fault(outage(first, 22, action));
        let state = scene.begin().await;
        scene.expect_issued(&state);
        assert_eq!(scene.orders().len(), 1, "down from request {first} on");
        let probes = scene.requests().iter().filter(|one| one.path == "/tls/products").count();
        assert!(probes >= 15, "{probes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_never_answered_is_not_waited_for() {
    let scene = Scene::budgeted(PLAN).await;
    scene.sandbox().controls().add_fault(outage(1, 60, FaultAction::DropBeforeCommit));
    let state = scene.begin().await;
    assert_eq!(state.phase, RunPhase::Finished(RunResult::Failed));
    assert_eq!(scene.orders(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_parks_when_its_own_time_is_over_although_the_api_is_down() {
    // The first of the waits is the one for the records.
    let text = shipped_text(PLAN).replacen("timeout: 7d", "timeout: 30m", 1);
    let whole = Scene::budgeted_with(&text).await;
    let state = whole.begin().await;
    whole.expect_issued(&state);
    let requests = whole.requests();
    let completed = requests.iter().position(|one| one.path.ends_with("/complete")).unwrap();
    // Up to here the answers come; then the wait for the records begins, which has half an hour.
    let first = u32::try_from(completed + 2).unwrap();

    let scene = Scene::budgeted_with(&text).await;
    let action = FaultAction::refusal(503, "maintenance");
    scene.sandbox().controls().add_fault(outage(first, 40, action));
    let begin = scene.clock_now();
    let state = scene.begin().await;
    assert_eq!(state.phase, RunPhase::Paused(PauseReason::Parked));
    let took = scene.clock_now().duration_since(begin).as_secs();
    assert!((30 * 60..32 * 60).contains(&took), "{took} s");
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!(scene.orders().len(), 1);
}

#[test]
fn whoever_asks_hears_that_a_run_waits_for_an_api_that_is_down() {
    let (world, project) = (World::live(), Project::new());
    project.write("plan.yaml", impatient_plan(PLAN));
    let down = FaultAction::refusal(503, "maintenance");
    world.add_fault(outage(2, 10_000, down));
    let arguments = ["run", "plan.yaml"];
    let mut running = Running::start(project.command_for(&world.base_url(), &arguments));
    let place = world.base_url().replace("http://", "").replace(':', "-");
    let line = format!("{place} does not answer since ");
    let is_told = || project.run(&["status"]).expect_code(0).stderr.contains(&line);
    assert!(running.wait_until(is_told), "it waits");
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let told = project.run(&["explain", &run]).expect_code(0);
    let _ = told.expect_data(&format!("Whatever it sends waits: {line}"));
    let told = project.run(&["explain", &run, "-o", "json"]).expect_code(0).json();
    let why = told["waits_for_requests"][0].as_str().unwrap().to_owned();
    assert!(why.starts_with(&line) && why.ends_with("and none fails"), "{why}");
    // A run in the sandbox waits for nobody.
    let aside = project.run(&["run", "plan.yaml", "--sandbox"]).expect_code(0).value("run");
    let told = project.run(&["explain", &aside, "-o", "json"]).expect_code(0).json();
    assert_eq!(told["waits_for_requests"], serde_json::json!([]));
    running.signal("INT");
    let _ = running.finish().expect_code(130);
    world.expect_nothing_ordered();
}
