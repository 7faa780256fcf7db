//! However runs, plans and targets come together: nobody orders names that another run has ordered
//! since it was begun.

use rusqlite::Connection;

use crate::harness::{COMMON_NAME, Gate, Project, Running, World, impatient_plan};

const WRONG_KEY: &str = "wrong";

/// A world, and `one.yaml` and `two.yaml`, which differ in nothing but the plan's name.
fn two_plans() -> (World, Project) {
    let (world, project) = (World::live(), Project::new());
    let text = impatient_plan("dv.yaml");
    project.write("one.yaml", &text);
    project.write("two.yaml", text.replace("name: dv\n", "name: web\n"));
    (world, project)
}

/// Starts a plan that fails before it has ordered.
fn fail(world: &World, project: &Project, plan: &str) -> String {
    let mut command = project.command_for(&world.base_url(), &["run", plan]);
    command.env("REGFISH_API_KEY", WRONG_KEY);
    crate::harness::finish(command).expect_code(1).value("run")
}

#[test]
fn of_many_runs_that_failed_before_their_order_one_orders() {
    let (world, project) = two_plans();
    let runs = [(); 3].map(|()| fail(&world, &project, "one.yaml"));
    let resume = |run: &str| project.run_for(&world.base_url(), &["resume", run]);
    let done = resume(&runs[1]).expect_code(0);
    for run in [&runs[0], &runs[2]] {
        let refused = resume(run).expect_code(2);
        let _ = refused.expect_talk("for the same target; going on would order a second");
    }
    let _ = project.run_for(&world.base_url(), &["resume", "--failed"]);
    assert_eq!(world.only_order().id, done.value("certificate"));
}

#[test]
fn of_two_plans_that_are_resumed_together_one_orders() {
    let (world, project) = two_plans();
    for plan in ["one.yaml", "two.yaml"] {
        let _ = fail(&world, &project, plan);
    }
    let resumed = project.run_for(&world.base_url(), &["resume", "--all"]).expect_code(3);
    let _ = resumed.expect_data("has ordered for www.example.com since this run was begun");
    let _ = world.only_order();
}

#[test]
fn of_two_plans_that_are_started_at_once_one_orders_and_the_other_says_why_not() {
    let (world, project) = two_plans();
    let gate = Gate::holding(&world.base_url(), "GET /tls/products ");
    let first = Running::start(project.command_for(gate.base_url(), &["run", "one.yaml"]));
    gate.wait_until_held();
    let second = project.run_for(&world.base_url(), &["run", "two.yaml"]).expect_code(0);
    gate.release();
    let _ = first
        .finish()
        .expect_code(1)
        .expect_talk("since this run was begun; a second order may be one too many")
        .expect_talk(&format!("certplan show {}", second.value("run")));
    assert_eq!(world.only_order().id, second.value("certificate"));
    // It is the same however it is gone on with: alone, or as a target of an inventory.
    let early = project.runs().last().unwrap()["id"].as_str().unwrap().to_owned();
    let _ = project.run_for(&world.base_url(), &["resume", &early]).expect_code(2);
    project.write("targets.txt", "www.example.com\n");
    let batch = ["run", "--inventory", "targets.txt", "one.yaml", "--yes"];
    let _ = project.run_for(&world.base_url(), &batch).expect_code(1);
    let _ = world.only_order();
}

#[test]
fn a_target_whose_older_run_has_got_the_certificate_meanwhile_is_done() {
    let (world, project) = two_plans();
    let older = fail(&world, &project, "one.yaml");
    let gate = Gate::holding(&world.base_url(), "GET /tls/products ");
    let newer = Running::start(project.command_for(gate.base_url(), &["run", "one.yaml"]));
    gate.wait_until_held();
    newer.kill();
    let done = project.run_for(&world.base_url(), &["resume", &older]).expect_code(0);
    project.write("targets.txt", "www.example.com\n");
    let batch = ["run", "--inventory", "targets.txt", "one.yaml", "--yes"];
    let again = project.run_for(&world.base_url(), &batch).expect_code(0);
    let _ = again.expect_data("1 unchanged");
    assert_eq!(world.only_order().id, done.value("certificate"));
}

#[test]
fn a_run_that_can_no_longer_be_read_keeps_others_from_ordering_its_names() {
    let (world, project) = two_plans();
    let done = project.run_for(&world.base_url(), &["run", "one.yaml"]).expect_code(0);
    let damage = "UPDATE events SET body = '{}' WHERE json_extract(body, '$.kind.type') = ?1";
    let state = Connection::open(project.path().join(".certplan/state.db")).unwrap();
    assert_eq!(state.execute(damage, ["intent_recorded"]).unwrap(), 1);
    drop(state);
    let refused = project.run_for(&world.base_url(), &["run", "two.yaml"]).expect_code(2);
    let _ = refused.expect_talk("has ordered for www.example.com, and can no longer be read");
    assert_eq!(world.only_order().id, done.value("certificate"));
}

#[test]
fn an_order_beside_one_of_another_plan_is_named_before_it_is_sent_for_an_inventory_too() {
    let (world, project) = two_plans();
    let waits = impatient_plan("ov-staged.yaml")
        .replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console");
    project.write("parked.yaml", waits);
    let parked = project.run_for(&world.base_url(), &["run", "parked.yaml"]).expect_code(4);
    project.write("targets.txt", format!("{COMMON_NAME}\n"));
    let batch = |further: &[&str]| {
        let arguments = ["run", "--inventory", "targets.txt", "two.yaml"];
        project.run_for(&world.base_url(), &[&arguments[..], further].concat())
    };
    let again = format!("--again={COMMON_NAME}");
    let refused = batch(&[]).expect_code(1).expect_data("and is not finished (parked)");
    let refused = refused.expect_data(&format!("`{again}` orders for it all the same"));
    // It may still come to a good end: nobody is sent to buy another one.
    assert!(!refused.stderr.contains("a new order is the way out"), "{}", refused.stderr);
    // A preview says the same before anything is sent.
    let foresee = |further: &[&str]| {
        let arguments = ["preview", "--inventory", "targets.txt", "two.yaml", &again];
        project.run_for(&world.base_url(), &[&arguments[..], further].concat()).expect_code(0)
    };
    let _ = foresee(&[]).expect_data("1 to order anew").expect_data(&format!(
        "for `{COMMON_NAME}` the order of run {} is still under way",
        parked.value("run")
    ));
    let seen = foresee(&["-o", "json"]).json();
    assert_eq!(seen["targets"][0]["decision"]["reason"]["open"][0], parked.value("run"), "{seen}");
    let asked = batch(&[&again]).expect_code(2).expect_talk("This orders 1 certificate anew");
    let under_way = format!("(whose order is still under way, run {})", parked.value("run"));
    let _ = asked.expect_talk(&under_way);
    assert_eq!(world.only_order().id, parked.value("certificate"));
    let _ = batch(&[&again, "--yes"]).expect_code(0).expect_talk("1 to order anew");
    assert_eq!(world.orders().len(), 2);
    // What another plan has got, and is still good, is named as well.
    let arguments = ["preview", "--inventory", "targets.txt", "one.yaml", &again];
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = project
        .run_for(&world.base_url(), &arguments)
        .expect_code(0)
        .expect_data(&format!("run {run} has ordered before"))
        .expect_data(&format!("the order of run {} is still under way", parked.value("run")));
}

#[test]
fn an_edited_plan_does_not_order_what_another_run_has() {
    let (world, project) = two_plans();
    let done = project.run_for(&world.base_url(), &["run", "two.yaml"]).expect_code(0);
    let text = impatient_plan("dv.yaml");
    let name = "\"{{ inputs.common_name }}\"";
    assert!(text.contains(name));
    project.write("one.yaml", text.replace(name, "other.example.com"));
    let early = fail(&world, &project, "one.yaml");
    project.write("one.yaml", &text);
    let arguments = ["resume", &early, "--use-current-plan"];
    let _ = project
        .run_for(&world.base_url(), &arguments)
        .expect_code(2)
        .expect_talk("exactly the names of the current plan");
    let _ = project.run_for(&world.base_url(), &["resume", "--failed", "--use-current-plan"]);
    assert_eq!(world.only_order().id, done.value("certificate"));
}

#[test]
fn a_certificate_is_renewed_once_whatever_the_plan_is_called() {
    let world = World::with(|options| {
        options.clock = std::sync::Arc::new(certplan::types::SystemClock);
        options.timing.looks[0].every = std::time::Duration::from_millis(5);
        // The term of the contract ends with the certificate: a renewal is due.
        options.behaviour.contract = certplan::sandbox::ContractTerm::Certificate;
    });
    let project = Project::new();
    project.write("dv.yaml", impatient_plan("dv.yaml"));
    let text =
        crate::scene::shipped_text("renewal.yaml").replace("{ timeout:", "{ every: 1s, timeout:");
    project.write("one.yaml", &text);
    project.write("two.yaml", text.replace("name: renewal\n", "name: again\n"));
    let first = project.run_for(&world.base_url(), &["run", "dv.yaml"]).expect_code(0);
    let former = format!("certificate_id={}", first.value("certificate"));
    let renew = |plan: &str, more: &[&str]| {
        let arguments = [&["run", plan, "-i", &former, "-i", "lead=400d"][..], more].concat();
        project.run_for(&world.base_url(), &arguments)
    };
    let renewed = renew("one.yaml", &[]).expect_code(0);
    assert_ne!(renewed.value("certificate"), first.value("certificate"));
    let refused = renew("two.yaml", &[]).expect_code(2);
    let _ = refused.expect_talk("has a certificate for exactly these names");
    assert_eq!(world.orders().len(), 2);
}
