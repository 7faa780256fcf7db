//! What the state file does not show: an older copy of it that was put back, a plan that was
//! renamed, an account that knows more. Nothing of that leads to a second order by itself.

use crate::harness::{COMMON_NAME, Gate, Project, Running, World, impatient_plan};
use crate::scene::shipped_text;

fn database(project: &Project) -> std::path::PathBuf {
    project.path().join(".certplan/state.db")
}

/// Runs the plan with an older copy of the state file put back afterwards: one that was made before
/// the run.
fn forgotten_order(world: &World) -> (Project, String, String) {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let other = ["run", "plan.yaml", "-i", "common_name=other.example.com"];
    let _ = project.run_for(&world.base_url(), &other).expect_code(0);
    let copy = std::fs::read(database(&project)).unwrap();
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let (run, certificate) = (done.value("run"), done.value("certificate"));
    let _ = project.run(&["doctor"]).expect_code(0);
    std::fs::write(database(&project), copy).unwrap();
    (project, run, certificate)
}

#[test]
fn an_older_copy_of_the_state_file_orders_nothing_that_it_has_forgotten() {
    let world = World::live();
    let (project, run, certificate) = forgotten_order(&world);
    assert_eq!(project.runs().len(), 1);
    let refused = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let _ = refused
        .expect_talk(&format!("run `{run}` has ordered for {COMMON_NAME}"))
        .expect_talk("the state file has forgotten it");
    let _ = project.run_for(&world.base_url(), &["resume", "--all"]).expect_code(1);
    assert_eq!(world.orders().len(), 2, "nothing was ordered");
    // Names that nothing was forgotten of are ordered as ever.
    let third = ["run", "plan.yaml", "-i", "common_name=third.example.com"];
    let _ = project.run_for(&world.base_url(), &third).expect_code(0);

    for command in ["status", "list"] {
        let _ = project.run(&[command]).expect_code(0).expect_talk("it has forgotten 1 order;");
    }
    let sick = project.run(&["doctor"]).expect_code(1);
    let _ = sick.expect_data("the state file is an older copy").expect_data(&run);
    let looked = project.run_for(&world.base_url(), &["doctor", "--api"]).expect_code(1);
    let _ = looked.expect_data(&format!("certificate {certificate} (RapidSSL, issued)"));

    // A person settles it; only then the names may be ordered again.
    let bind = ["adopt", &run, "--certificate-id", &certificate];
    let _ = project.run_for(&world.base_url(), &bind).expect_code(2).expect_talk("an older copy");
    let _ = project.run(&["adopt", &run, "--none"]).expect_code(2).expect_talk("not confirmed");
    assert_eq!(world.orders().len(), 3);
    let _ = project.run(&["adopt", &run, "--none", "--yes"]).expect_code(0);
    let _ = project.run(&["doctor"]).expect_code(0);
    let failed = project.run(&["resume", "--output", "json"]).expect_code(0).json();
    let failed = failed[0]["id"].as_str().unwrap().to_owned();
    let anew = project.run_for(&world.base_url(), &["resume", &failed]).expect_code(0);
    assert_ne!(anew.value("certificate"), certificate);
    assert_eq!(world.orders().len(), 4);
}

#[test]
fn a_certificate_that_an_older_copy_has_forgotten_is_taken_over_by_a_reissue() {
    let world = World::live();
    let (project, run, certificate) = forgotten_order(&world);
    let reissue = shipped_text("reissue.yaml").replace("{ timeout:", "{ every: 1s, timeout:");
    project.write("reissue.yaml", reissue);
    let id = format!("certificate_id={certificate}");
    let take_over = ["run", "reissue.yaml", "-i", &id, "-i", "lead=400d"];
    let taken = project.run_for(&world.base_url(), &take_over).expect_code(0);
    assert_eq!(taken.value("certificate"), certificate);
    let _ = project.run(&["adopt", &run, "--none", "--yes"]).expect_code(0);
    let looked = project.run_for(&world.base_url(), &["doctor", "--api"]).expect_code(0);
    let _ = looked.expect_data("the account has every certificate of the runs (2)");
    // It is there now, and known: nobody orders it by mistake.
    let refused = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(2);
    let _ = refused.expect_talk("of plan `reissue`").expect_talk("exactly these names");
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_state_file_that_was_deleted_orders_nothing_that_it_had_ordered() {
    let world = World::live();
    let (project, run, _) = forgotten_order(&world);
    std::fs::remove_file(database(&project)).unwrap();
    let refused = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let _ = refused.expect_talk(&run);
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_plan_that_was_renamed_does_not_order_what_it_has_ordered_before() {
    let world = World::live();
    let project = Project::new();
    let text = impatient_plan("dv.yaml");
    project.write("plan.yaml", &text);
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    project.write("plan.yaml", text.replace("name: dv\n", "name: web\n"));
    let again = |arguments: &[&str]| project.run_for(&world.base_url(), arguments);
    let refused = again(&["run", "plan.yaml"]).expect_code(2);
    let _ = refused
        .expect_talk(&format!("run `{}` of plan `dv`", done.value("run")))
        .expect_talk("has a certificate for exactly these names, valid until")
        .expect_talk("--again");
    // Another target of the same plan, for the same names, is no other certificate either.
    let named = ["run", "plan.yaml", "--target", "shop"];
    let _ = again(&named).expect_code(2).expect_talk("exactly these names");
    project.write(
        "targets.yaml",
        format!("certplan_inventory: 1\nplan: plan.yaml\ntargets:\n  {COMMON_NAME}:\n"),
    );
    let many = again(&["run", "--inventory", "targets.yaml"]);
    assert!(many.stdout.contains("exactly these names"), "{many}");
    assert_ne!(many.code, 0, "{many}");
    assert_eq!(world.orders().len(), 1, "nothing was ordered");
    // Other names are another certificate; and somebody may mean a second one.
    let _ = again(&["run", "plan.yaml", "-i", "common_name=b.example.com"]).expect_code(0);
    let second = again(&["run", "plan.yaml", "--again"]).expect_code(0);
    assert_ne!(second.value("certificate"), done.value("certificate"));
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn a_run_that_has_not_ordered_yet_does_not_order_what_a_renamed_plan_has_meanwhile() {
    let world = World::live();
    let project = Project::new();
    let text = impatient_plan("dv.yaml");
    project.write("one.yaml", &text);
    project.write("two.yaml", text.replace("name: dv\n", "name: web\n"));
    let gate = Gate::holding(&world.base_url(), "GET /tls/products ");
    let early = Running::start(project.command_for(gate.base_url(), &["run", "one.yaml"]));
    gate.wait_until_held();
    early.kill();
    let early = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let again = |arguments: &[&str]| project.run_for(&world.base_url(), arguments);
    let done = again(&["run", "two.yaml"]).expect_code(0);
    let refused = again(&["resume", &early]).expect_code(2);
    let _ = refused
        .expect_talk(&format!(
            "run `{}` has, or may have, for exactly the same names",
            done.value("run")
        ))
        .expect_talk(&format!("`certplan cancel {early}`"));
    let _ = again(&["resume", "--all"]).expect_code(1).expect_data("exactly the same names");
    assert_eq!(world.only_order().id, done.value("certificate"));
}

#[test]
fn a_run_that_was_meant_beside_another_plans_certificate_may_go_on() {
    let world = World::live();
    let project = Project::new();
    let text = impatient_plan("dv.yaml");
    project.write("one.yaml", &text);
    project.write("two.yaml", text.replace("name: dv\n", "name: web\n"));
    let done = project.run_for(&world.base_url(), &["run", "one.yaml"]).expect_code(0);
    let gate = Gate::holding(&world.base_url(), "GET /tls/products ");
    let meant = project.command_for(gate.base_url(), &["run", "two.yaml", "--again"]);
    let meant = Running::start(meant);
    gate.wait_until_held();
    meant.kill();
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let resumed = project.run_for(gate.base_url(), &["resume", &run]).expect_code(0);
    assert_ne!(resumed.value("certificate"), done.value("certificate"));
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn the_doctor_compares_the_runs_with_the_certificates_of_the_account() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let look = || project.run_for(&world.base_url(), &["doctor", "--api"]);
    let _ = look().expect_code(0).expect_data("the account has every certificate of the runs (1)");
    // What is for other names is nobody's business here.
    world.order_elsewhere("RapidSSL", "foreign.example.org");
    let _ = look().expect_code(0).expect_data("none for their names that no run knows");
    let stranger = world.order_elsewhere("RapidSSL", COMMON_NAME);
    let _ = look()
        .expect_code(0)
        .expect_data(&format!("note certificate {stranger} (RapidSSL, pending) is for"));
    // Another account's list lacks what the run owns.
    let other = World::live();
    let setting = format!("connections.regfish.base_url={}", other.base_url());
    let elsewhere = project.run_for(&other.base_url(), &["doctor", "--api", "--set", &setting]);
    let _ = elsewhere.expect_code(1).expect_data(&format!(
        "its certificate {} is not in the account",
        done.value("certificate")
    ));
    // Without a key nothing is compared, and it is said.
    let mut keyless = project.command_for(&world.base_url(), &["doctor", "--api"]);
    keyless.env_remove("REGFISH_API_KEY");
    let _ = crate::harness::finish(keyless)
        .expect_code(1)
        .expect_data("the state file is whole")
        .expect_data("the account is not compared")
        .expect_data("REGFISH_API_KEY");
    let _ = project.run(&["doctor", "--set", &setting]).expect_code(2).expect_talk("`--api`");
    let posted = world.requests().iter().filter(|one| one.method == "POST").count();
    assert_eq!(posted, 4, "an order and its record, and two of others");
}
