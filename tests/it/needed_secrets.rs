//! The real program without the secrets that later steps need: nothing is ordered that could not be
//! put to use.

use certplan::sandbox::{CannedAnswer, Fault, FaultAction};

use crate::harness::{Finished, Project, World, finish, impatient_plan};

/// A project whose plan hands the certificate to a program that needs a secret.
fn project(more: &str) -> Project {
    let project = Project::new();
    let reload = format!(
        "\n  - id: reload\n    uses: command.run\n    needs: [certificate]\n{more}    with:\n      \
         argv: [touch, \"reloaded-{{{{ inputs.common_name }}}}\"]\n      repeat: safe\n      \
         secret_environment: {{ TOKEN: {{ env: DEPLOY_TOKEN }} }}\n"
    );
    project.write("plan.yaml", format!("{}{reload}", impatient_plan("dv.yaml")));
    project
}

fn with_token(project: &Project, world: &World, arguments: &[&str]) -> Finished {
    let mut command = project.command_for(&world.base_url(), arguments);
    command.env("DEPLOY_TOKEN", "t0ken").env("PATH", "/usr/bin:/bin");
    finish(command)
}

#[test]
fn a_run_that_would_lack_a_secret_later_sends_nothing() {
    let (world, project) = (World::new(), project(""));
    let run = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(2);
    let run = run.expect_no_data().expect_talk(
        "the environment variable `DEPLOY_TOKEN` is not set; needed by step `reload` \
         (`secret_environment.TOKEN`)",
    );
    let _ = run.expect_talk("nothing was");
    assert_eq!(world.requests(), []);
    assert!(project.runs().is_empty());
    // A preview needs no secrets, and says what the run needs.
    let preview = project.run_for(&world.base_url(), &["preview", "plan.yaml"]).expect_code(0);
    let _ = preview.expect_data("(`secret_environment.TOKEN`); `run` would not begin");
    // Nor does the sandbox.
    let _ = project.run(&["run", "plan.yaml", "--sandbox"]).expect_code(0);
    let run = project.run(&["run", "plan.yaml", "--sandbox", "--really-act", "--target", "other"]);
    let _ = run.expect_code(2).expect_talk("`DEPLOY_TOKEN` is not set");
}

#[test]
fn a_batch_that_would_lack_a_secret_later_sends_nothing() {
    let (world, project) = (World::new(), project(""));
    project.write(
        "inventory.yaml",
        "certplan_inventory: 1\nplan: plan.yaml\ntargets: { a.com: , b.com: }\n",
    );
    for command in ["preview", "run"] {
        let arguments = [command, "--inventory", "inventory.yaml"];
        let finished = project.run_for(&world.base_url(), &arguments);
        let text = "`DEPLOY_TOKEN` is not set; needed by step `reload`";
        assert_eq!(format!("{}{}", finished.stdout, finished.stderr).matches(text).count(), 1);
        let _ = finished.expect_code(if command == "run" { 2 } else { 0 });
    }
    assert_eq!(world.requests(), []);
}

#[test]
fn a_secret_of_a_step_that_is_skipped_or_may_fail_is_not_needed() {
    for (more, note) in [("    when: inputs.keep_records\n", 0), ("    on_failure: continue\n", 1)]
    {
        let (world, project) = (World::live(), project(more));
        let run = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
        assert_eq!(
            run.stderr.matches("note: the environment variable `DEPLOY_TOKEN` is not set").count(),
            note,
            "{run}"
        );
        assert_eq!(world.only_order().status, "issued", "{run}");
    }
}

#[test]
fn a_run_that_has_not_ordered_is_not_resumed_without_its_secrets() {
    let (world, project) = (World::new(), project(""));
    world.add_fault(Fault::at(
        "GET",
        "/tls/products",
        1,
        FaultAction::Instead(CannedAnswer::refusal(403, "no")),
    ));
    let _ = with_token(&project, &world, &["run", "plan.yaml"]).expect_code(1);
    let asked = world.requests().len();
    let all = project.run_for(&world.base_url(), &["resume", "--all"]).expect_code(1);
    let _ = all.expect_data("`DEPLOY_TOKEN` is not set");
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let resumed = project.run_for(&world.base_url(), &["resume", &run]).expect_code(2);
    let _ = resumed.expect_talk("`DEPLOY_TOKEN` is not set");
    assert_eq!(world.requests().len(), asked);
}

#[test]
fn what_is_paid_for_is_fetched_though_a_secret_is_lacking() {
    let (world, project) = (World::live(), project(""));
    let refused = FaultAction::Instead(CannedAnswer::refusal(403, "no"));
    world.add_fault(Fault::at("POST", "/dns/rr", 1, refused));
    let _ = with_token(&project, &world, &["run", "plan.yaml"]).expect_code(1);
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let resumed = project.run_for(&world.base_url(), &["resume", &run]).expect_code(1);
    let _ = resumed.expect_talk("note: the environment variable `DEPLOY_TOKEN` is not set");
    assert!(project.path().join("certs/www.example.com/fullchain.pem").exists());
    let _ = with_token(&project, &world, &["resume", &run]).expect_code(0);
    assert!(project.path().join("reloaded-www.example.com").exists());
    let _ = world.only_order();
}
