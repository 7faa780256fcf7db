//! The emergency stop, and the limits that a person sets.

use crate::harness::{Gate, Project, Running, World, impatient_plan};

const RUN: [&str; 4] = ["run", "plan.yaml", "--input", "common_name=www.example.com"];

/// A project that is paused before its first run.
fn paused(plan: &str) -> Project {
    let project = Project::new();
    project.write("plan.yaml", plan);
    let folder = project.path().join(".certplan");
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .create(folder)
        .unwrap();
    let pause = project.run(&["pause", "--reason", "wrong account"]);
    let _ = pause
        .expect_code(0)
        .expect_no_data()
        .expect_talk("no run of")
        .expect_talk("certplan unpause");
    project
}

#[test]
fn a_paused_run_sends_nothing_says_why_and_goes_on_when_it_may() {
    let (project, world) = (paused(&impatient_plan("dv.yaml")), World::live());
    let mut run = Running::start(project.command_for(&world.base_url(), &RUN));
    run.wait_for("paused: wrong account; all runs wait for `certplan unpause`");
    assert_eq!(world.requests().len(), 0);
    let _ = project
        .run(&["status"])
        .expect_code(0)
        .expect_talk("wrong account; `certplan unpause` goes on");
    let _ =
        project.run(&["doctor"]).expect_code(0).expect_data("note nothing is sent: paused since");
    let id = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = project
        .run(&["explain", &id])
        .expect_code(0)
        .expect_data("A program works on it now.")
        .expect_data("Whatever it sends waits: nothing is sent: paused since")
        .expect_data("wrong account; `certplan unpause` goes on.");
    let _ = project.run(&["unpause"]).expect_code(0).expect_talk("runs go on");
    let _ = run.finish().expect_code(0).expect_talk("requests flow");
    world.only_order();
    let _ = project.run(&["doctor"]).expect_data("of 500 requests in 1m; requests flow");
    let _ = project.run(&["unpause"]).expect_code(0).expect_talk("was not paused");
}

#[test]
fn an_order_that_the_pause_held_back_is_known_not_to_have_been_sent() {
    let (project, world) = (Project::new(), World::live());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    // The last thing before an order is to see which certificates there are.
    let wire = Gate::holding(&world.base_url(), "GET /tls/certificate ");
    let mut run = Running::start(project.command_for(wire.base_url(), &RUN));
    wire.wait_until_held();
    let _ = project.run(&["pause"]).expect_code(0);
    wire.release();
    run.wait_for("  ‖ paused; all runs wait");
    run.signal("INT");
    let _ = run.finish().expect_code(130);
    world.expect_nothing_ordered();
    let _ = project.run(&["unpause"]).expect_code(0);
    let resumed = project.run_for(wire.base_url(), &["resume", "--all"]);
    // Nobody has to wonder what became of it.
    assert!(!resumed.stderr.contains("it is not known whether the order arrived"), "{resumed}");
    let _ = resumed.expect_code(0);
    world.only_order();
}

#[test]
fn a_pause_holds_no_sandbox_back() {
    let project = paused(&impatient_plan("dv.yaml"));
    let _ = project.run(&[&RUN[..], &["--sandbox"]].concat()).expect_code(0);
}

#[test]
fn nothing_is_paused_where_no_run_is() {
    let project = Project::new();
    let _ = project.run(&["pause"]).expect_code(2).expect_talk("there are no runs in");
    assert_eq!(project.files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_limit_that_cannot_be_is_refused_before_anything_is_made() {
    let (project, world) = (Project::new(), World::live());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let set = ["--set", "connections.regfish.limits=many/60s"];
    let refused = project.run_for(&world.base_url(), &[&RUN[..], &set[..]].concat());
    let _ = refused
        .expect_code(2)
        .expect_talk("`many/60s` is no limit of requests")
        .expect_talk("none");
    assert_eq!(world.requests().len(), 0);
    assert!(!project.path().join(".certplan").exists());
}

#[test]
fn a_narrow_limit_is_kept_and_the_run_takes_its_time() {
    let (project, world) = (Project::new(), World::live());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let set = ["--set", "connections.regfish.limits=4/2s"];
    let run = project.run_for(&world.base_url(), &[&RUN[..], &set[..]].concat());
    let _ = run.expect_code(0);
    let times: Vec<_> = world.requests().iter().map(|request| request.at).collect();
    assert!(times.len() > 4, "{}", times.len());
    for five in times.windows(5) {
        assert!(five[4].duration_since(five[0]).as_millis() >= 2_000, "{five:?}");
    }
}

#[test]
fn programs_read_whether_everything_is_paused() {
    let project = paused(&impatient_plan("dv.yaml"));
    let json = |arguments: &[&str]| project.run(arguments).expect_code(0).json();
    let again = json(&["pause", "-o", "json"]);
    assert_eq!((&again["paused"], &again["was_paused"]), (&true.into(), &true.into()));
    assert_eq!(again["reason"], "wrong account");
    assert!(again["since"].is_string(), "{again}");
    for was_paused in [true, false] {
        let unpaused = json(&["unpause", "-o", "json"]);
        assert_eq!(unpaused["paused"], false);
        assert_eq!(unpaused["was_paused"], was_paused);
    }
}
