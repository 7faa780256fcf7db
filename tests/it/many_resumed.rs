//! `resume` of many runs at once: several of one target, busy ones, several worlds, much money.

use std::collections::BTreeMap;

use certplan::sandbox::{Fault, FaultAction};

use crate::harness::{Finished, Gate, Project, Running, World, finish, impatient_plan};

fn project() -> Project {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    project
}

/// A run for a name whose order the API refuses, so that nothing was ordered.
fn refused_run(world: &World, project: &Project, name: &str) -> String {
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let input = format!("common_name={name}");
    let failed = project.run_for(&world.base_url(), &["run", "plan.yaml", "-i", &input]);
    failed.expect_code(1).value("run")
}

/// Result and reason by run.
fn results(finished: &Finished) -> BTreeMap<String, (String, String)> {
    let recap = finished.json();
    let text = |row: &serde_json::Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = recap["targets"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "run"), (text(row, "result"), text(row, "reason")))).collect()
}

#[test]
fn of_several_runs_of_one_target_one_goes_on_and_the_others_say_so() {
    let (world, project) = (World::live(), project());
    let first = refused_run(&world, &project, "a.example.com");
    let second = refused_run(&world, &project, "a.example.com");
    assert_ne!(first, second);
    let arguments = ["resume", "--all", "--wait", "--output", "json"];
    let resumed = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let results = results(&resumed);
    assert_eq!(results[&second].0, "issued");
    let (result, reason) = &results[&first];
    assert_eq!(result, "superseded");
    assert!(reason.contains(&format!("run {second} goes on for this target")), "{reason}");
    assert!(reason.contains(&format!("certplan cancel {first}")), "{reason}");
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn a_run_that_another_program_works_on_keeps_no_other_from_going_on() {
    let (world, project) = (World::live(), project());
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let free = refused_run(&world, &project, "free.example.com");
    let busy = ["run", "plan.yaml", "-i", "common_name=busy.example.net"];
    let owner = Running::start(project.command_for(gate.base_url(), &busy));
    gate.wait_until_held();

    let all = project.command_for(&world.base_url(), &["resume", "--all", "--wait"]);
    let mut resume = Running::start(all);
    resume.wait_for("is being worked on by process");
    let line = resume.wait_for("[1/2]");
    assert!(line.contains("issued") && line.contains("free.example.com"), "{line}");
    gate.release();
    let owned = owner.finish().expect_code(0);
    let resumed = resume.finish().expect_code(0).expect_data("2 issued");
    assert!(resumed.stdout.contains(&free) && resumed.stdout.contains(&owned.value("run")));
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn much_money_wants_a_word_and_a_limit_holds_orders_back_without_a_failure() {
    let (world, project) = (World::live(), project());
    let many: String = (0..7).map(|number| format!("n{number}.example{number}.com\n")).collect();
    project.write("many.txt", many);
    let run = ["run", "plan.yaml", "--inventory", "many.txt", "--max-orders", "0"];
    let held = project.run_for(&world.base_url(), &run).expect_code(4);
    let line = held.stderr.lines().find(|line| line.starts_with("[7/7]")).unwrap();
    assert!(line.contains("held back"), "{line}");
    assert!(!held.stderr.contains("interrupted"), "{}", held.stderr);
    let held = held.expect_data("7 held back").expect_talk("goes on with what is open");
    let batch = held.stderr.split_once("resume --batch ").unwrap().1.split('`').next().unwrap();

    let resume = |further: &[&str]| {
        let arguments = [&["resume", "--batch", batch, "--output", "json"], further].concat();
        project.run_for(&world.base_url(), &arguments)
    };
    let _ = resume(&[]).expect_code(2).expect_talk("`--yes` confirms without asking");
    assert_eq!(world.orders().len(), 0);
    let count = |finished: &Finished, result: &str| {
        results(finished).values().filter(|(found, _)| found == result).count()
    };
    let some = resume(&["--max-orders", "2"]).expect_code(4);
    assert_eq!((count(&some, "issued"), count(&some, "held_back")), (2, 5));
    let rest = resume(&["--yes"]).expect_code(0);
    assert_eq!((count(&rest, "issued"), world.orders().len()), (5, 7));
}

#[test]
fn a_world_whose_key_is_missing_stops_no_other_and_its_runs_stay_in_the_batch() {
    let (world, project) = (World::live(), project());
    let ours = refused_run(&world, &project, "a.example.com");
    let plan = impatient_plan("dv.yaml").replace("name: dv", "name: other");
    project.write("other.yaml", plan.replace("env: REGFISH_API_KEY", "env: OTHER_KEY"));
    let key = ("OTHER_KEY", crate::harness::API_KEY);
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let other = ["run", "other.yaml", "-i", "common_name=b.example.net"];
    let mut command = project.command_for(&world.base_url(), &other);
    command.env(key.0, key.1);
    let other = finish(command).expect_code(1).value("run");

    let arguments = ["resume", "--all", "--output", "json"];
    let some = project.run_for(&world.base_url(), &arguments).expect_code(3);
    let found = results(&some);
    assert_eq!(found[&ours].0, "issued");
    assert!(found[&other].0 == "failed" && found[&other].1.contains("OTHER_KEY"), "{found:?}");
    let batch = some.json()["batch"].as_str().unwrap().to_owned();

    // Nothing but the key is wrong, and nothing was sent.
    let arguments = ["resume", "--batch", &batch, "--output", "json"];
    let _ = project.run_for(&world.base_url(), &arguments).expect_code(2).expect_talk("OTHER_KEY");
    let mut command = project.command_for(&world.base_url(), &arguments);
    command.env(key.0, key.1);
    let rest = finish(command).expect_code(0);
    assert_eq!(results(&rest)[&other].0, "issued");
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn waves_and_limits_count_over_the_runs_of_all_worlds() {
    let (world, elsewhere, project) = (World::live(), World::live(), project());
    let first = refused_run(&world, &project, "a.example.com");
    let second = refused_run(&elsewhere, &project, "b.example.net");
    for manner in [&["--serial", "1,100%"][..], &["--serial", "1,1", "--max-failures", "0"]] {
        let refusal = FaultAction::refusal(400, "insufficient balance");
        world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
        let all = [&["resume", "--all", "--output", "json"], manner].concat();
        let found = results(&project.run_for(&world.base_url(), &all).expect_code(3));
        assert_eq!(found[&first].0, "failed", "{found:?}");
        assert_eq!(found[&second].0, "not_started", "{manner:?}: {found:?}");
        assert_eq!(elsewhere.orders().len(), 0);
    }
    let all = ["resume", "--all", "--serial", "1,100%", "--output", "json"];
    let found = results(&project.run_for(&world.base_url(), &all).expect_code(0));
    assert!(found.values().all(|(result, _)| result == "issued"), "{found:?}");
    assert_eq!((world.orders().len(), elsewhere.orders().len()), (1, 1));
}

#[test]
fn waves_and_limits_are_refused_where_real_runs_would_be_counted_with_those_of_the_sandbox() {
    let (world, project) = (World::live(), project());
    let real = refused_run(&world, &project, "a.example.com");
    let scenario = "certplan_scenario: 1\nfaults:\n  - { call: POST /tls/certificate, do: { answer: \
                    { status: 400, message: no } } }\n";
    project.write("scenario.yaml", scenario);
    let tried = ["run", "plan.yaml", "--sandbox", "--sandbox-scenario", "scenario.yaml"];
    let _ = project.run(&tried).expect_code(1);
    let batches = || project.run(&["status", "--batches", "-o", "json"]).json();
    for manner in [["--serial", "1,100%"], ["--max-failures", "1"]] {
        let all = [&["resume", "--all"][..], &manner].concat();
        let refused = project.run_for(&world.base_url(), &all).expect_code(2);
        let _ = refused.expect_talk("some of these are real and some are in the embedded sandbox");
        assert_eq!((batches(), world.orders().len()), (serde_json::json!([]), 0));
    }
    // What limits nothing counts nothing.
    let all = ["resume", "--all", "--serial", "100%", "--max-failures", "100%", "-o", "json"];
    let found = results(&project.run_for(&world.base_url(), &all));
    assert_eq!((found[&real].0.as_str(), found.len()), ("issued", 2));
}
