//! A person ends a run: what that releases, what it leaves, and what it refuses.

use certplan::sandbox::{Fault, FaultAction};

use crate::harness::{API_KEY, COMMON_NAME, Gate, Project, Running, World, impatient_plan};

/// A run that waits for a person in the Console; the project and the run's id.
fn parked(world: &World) -> (Project, String) {
    let project = Project::new();
    let text = impatient_plan("ov-staged.yaml");
    project.write(
        "plan.yaml",
        text.replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console"),
    );
    let run = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(4).value("run");
    (project, run)
}

#[test]
fn a_cancelled_run_says_what_stays_open_and_is_never_gone_on_with() {
    let world = World::new();
    let (project, run) = parked(&world);
    let (order, requests) = (world.only_order().id, world.requests().len());

    // A paid order is given up only by somebody who means it.
    let refused = project.run(&["cancel", &run]).expect_code(2).expect_no_data();
    let _ = refused.expect_talk("not confirmed").expect_talk("`--yes`");
    assert_eq!(project.runs()[0]["phase"], "parked");

    let reason = "the customer went\u{1b}[31m away";
    let cancelled = project.run(&["cancel", &run, "--yes", "--reason", reason]).expect_code(0);
    assert_eq!(cancelled.value("state"), "cancelled");
    assert_eq!(cancelled.value("certificate"), order);
    let cancelled = cancelled.expect_talk(&format!("The order of certificate {order} stays"));
    let _ = cancelled.expect_talk("/complete").expect_talk("The private key");
    assert!(!project.run(&["show", &run]).stdout.contains('\u{1b}'));
    let shown = project.run(&["explain", &run]).expect_code(0);
    let _ = shown.expect_data("A person cancelled it").expect_data("the customer went");

    // It neither goes on, nor is anything asked of the vendor.
    let gone = project.run_for(&world.base_url(), &["resume", &run]).expect_code(2);
    let _ = gone.expect_talk("was cancelled").expect_talk("--again");
    let all = project.run_for(&world.base_url(), &["resume", "--all"]).expect_code(0);
    let _ = all.expect_talk("there is no such run");
    let adopted = ["adopt", &run, "--certificate-id", &order];
    let _ = project.run_for(&world.base_url(), &adopted).expect_code(2);
    let again = project.run(&["cancel", &run, "--output", "json"]).expect_code(0);
    assert_eq!(again.json()["phase"], "cancelled");
    assert!(again.json()["remains"][0].as_str().unwrap().contains(&order));
    assert_eq!(world.requests().len(), requests);
    assert_eq!(project.events(&run).last().unwrap()["kind"]["type"], "run_cancelled");
    let _ = project.run(&["doctor"]).expect_code(0);

    // A second order is placed only by somebody who says so.
    let doubled = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(2);
    let _ = doubled.expect_talk("was cancelled").expect_talk(&order).expect_talk("`--again`");
    assert_eq!(world.orders().len(), 1);
    let anew = ["run", "plan.yaml", "--again"];
    let _ = project.run_for(&world.base_url(), &anew).expect_code(4);
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_run_that_ordered_nothing_is_cancelled_without_a_question_and_begun_anew() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let failed = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let run = failed.value("run");
    let cancelled = project.run(&["cancel", &run]).expect_code(0);
    let _ = cancelled.expect_talk("Nothing was ordered");
    let gone = project.run_for(&world.base_url(), &["resume", &run]).expect_code(2);
    let _ = gone.expect_talk("nothing was ordered");
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    assert_eq!(world.only_order().id, done.value("certificate"));
    let over = project.run(&["cancel", &done.value("run"), "--yes"]).expect_code(2);
    let _ = over.expect_talk("it has succeeded");
}

#[test]
fn an_order_whose_answer_is_open_must_be_settled_before_its_run_is_cancelled() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, FaultAction::DropAfterCommit));
    let mut running = Running::start(project.command_for(&world.base_url(), &["run", "plan.yaml"]));
    running.wait_for("it is not known whether the order arrived");
    running.kill();
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let cancel = || project.run(&["cancel", &run, "--yes"]);
    let refused = cancel().expect_code(2).expect_no_data();
    let _ = refused.expect_talk("what became of the order").expect_talk("certplan adopt");
    // Another run for the names waits until it is settled.
    assert_eq!(world.orders().len(), 1);
    let twin = world.order_elsewhere("RapidSSL", COMMON_NAME);
    let _ = project.run_for(&world.base_url(), &["resume", &run]).expect_code(5);
    let _ = cancel().expect_code(2);
    let ours = world.orders()[0].id.clone();
    assert_ne!(ours, twin);
    let adopt = ["adopt", &run, "--certificate-id", &ours];
    let _ = project.run_for(&world.base_url(), &adopt).expect_code(0);
    assert_eq!(cancel().expect_code(0).value("certificate"), ours);
    project.expect_nowhere(API_KEY);
}

#[test]
fn a_run_that_is_worked_on_cannot_be_cancelled_under_the_hands_of_its_program() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let running = Running::start(project.command_for(gate.base_url(), &["run", "plan.yaml"]));
    gate.wait_until_held();
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = project.run(&["cancel", &run, "--yes"]).expect_code(6).expect_talk("being worked on");
    gate.release();
    let _ = running.finish().expect_code(0);
}

#[test]
fn files_of_others_are_found_before_anything_is_ordered() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let theirs = project.write(&format!("certs/{COMMON_NAME}/privkey.pem"), "somebody else's");
    let failed = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let run = failed.value("run");
    let _ = failed.expect_talk("before the order").expect_talk("privkey.pem");
    world.expect_nothing_ordered();
    std::fs::remove_file(theirs).unwrap();
    let _ = project.run_for(&world.base_url(), &["resume", &run]).expect_code(0);
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn two_targets_that_would_share_one_folder_do_not_both_order() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    // The same names for both: without `--again` the second would not come that far.
    let run = |target: &str| {
        project.run_for(&world.base_url(), &["run", "plan.yaml", "--target", target, "--again"])
    };
    let _ = run("first").expect_code(0);
    let refused = run("second").expect_code(1);
    let refused = refused.expect_talk("is the folder of target `first`");
    let _ = refused.expect_talk(".certplan-target");
    assert_eq!(world.orders().len(), 1);
    // The target itself may come back, also with another plan.
    project.write("other.yaml", impatient_plan("dv.yaml").replace("name: dv", "name: other"));
    let again = ["run", "other.yaml", "--target", "first", "--again"];
    let _ = project.run_for(&world.base_url(), &again).expect_code(0);
    assert_eq!(world.orders().len(), 2);
}
