//! A preview beside a state folder: it says what `run` would really do about earlier runs.

use certplan::sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::harness::{Project, World, impatient_plan, shipped_plan};

#[test]
fn a_preview_of_what_is_there_already_says_that_nothing_is_to_do() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    let before = project.run(&["preview", &plan, "--sandbox", "--output", "json"]).expect_code(0);
    assert_eq!(before.json()["orders"], json!({ "at_least": 1, "at_most": 1 }));
    assert!(before.json().get("earlier").is_none());
    let run = project.run(&["run", &plan, "--sandbox"]).expect_code(0).value("run");

    let seen = project.run(&["preview", &plan, "--sandbox"]).expect_code(0);
    let seen = seen.expect_data("none: `run` would do nothing; with `--again`: 1 order");
    let _ = seen.expect_data(&format!("run `{run}` got this certificate already"));
    let seen = project.run(&["preview", &plan, "--sandbox", "--output", "json"]).expect_code(0);
    assert_eq!(seen.json()["earlier"]["effect"], "nothing_to_do");
    assert_eq!(seen.json()["orders"], json!({ "at_least": 0, "at_most": 0 }));
    let repeated = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let _ = repeated.expect_talk("nothing to do");

    // Other inputs are another certificate; `run` and its preview say the same.
    let other = ["--sandbox", "--input", "validity_days=30"];
    let words = format!("run `{run}` got this certificate already, and the inputs are others now");
    let all = |command| [&[command, plan.as_str()][..], &other].concat();
    let _ = project.run(&all("preview")).expect_code(2).expect_data(&words);
    let _ = project.run(&all("run")).expect_code(2).expect_talk(&words);

    // In the sandbox another plan may order for the same name, with a note.
    let renamed = std::fs::read_to_string(&plan).unwrap().replace("name: dv", "name: renamed");
    let renamed = project.write("renamed.yaml", renamed).display().to_string();
    let noted = project.run(&["preview", &renamed, "--sandbox"]).expect_code(0);
    let noted = noted.expect_data("outside of the sandbox nothing would be ordered");
    let _ = noted.expect_data("1 order, not paid");
    assert_eq!(project.runs().len(), 1);
}

#[test]
fn a_preview_beside_an_unfinished_run_says_who_goes_on_and_one_beside_nothing_ordered_does_not() {
    let world = World::new();
    let project = Project::new();
    let text = impatient_plan("ov-staged.yaml");
    let waits = text.replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console");
    project.write("plan.yaml", waits);
    let preview = ["preview", "plan.yaml"];
    world.add_fault(Fault::at(
        "POST",
        "/tls/certificate",
        1,
        FaultAction::refusal(400, "insufficient balance"),
    ));
    let _ = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let free = project.run_for(&world.base_url(), &preview).expect_code(0);
    let _ = free.expect_data("1 order, paid");

    let run = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(4).value("run");
    let refused = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(2);
    let words = format!("run `{run}` for this plan and target is not finished (parked)");
    let _ = refused.expect_talk(&words);
    let requests = world.requests().len();
    let seen = project.run_for(&world.base_url(), &preview).expect_code(2).expect_data(&words);
    let seen = seen.expect_data(&format!("`certplan resume {run}` goes on"));
    let _ = seen.expect_data("none: `run` would refuse; with `--again`: 1 order, paid");
    assert_eq!(world.requests().len(), requests);
}
