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

#[test]
fn a_preview_of_an_inventory_says_what_ordering_anew_would_do_and_beside_what() {
    let (world, project) = (World::live(), Project::new());
    let text = impatient_plan("ov-staged.yaml");
    let waits = text.replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console");
    project.write("plan.yaml", waits);
    let target =
        |name: &str| format!("  {name}: {{ inputs: {{ common_name: {name}.example.com }} }}\n");
    let targets = ["a", "b", "c"].map(target).concat();
    let inventory = format!("certplan_inventory: 1\nplan: plan.yaml\ntargets:\n{targets}");
    project.write("inventory.yaml", inventory);
    let call = |command: &str, further: &[&str]| {
        let all = [&[command, "--inventory", "inventory.yaml"], further].concat();
        project.run_for(&world.base_url(), &all)
    };
    let ran = call("run", &["--limit", "a,b", "-o", "json"]).expect_code(4).json();
    let run = ran["targets"][0]["run"].as_str().unwrap().to_owned();
    let requests = world.requests().len();

    let seen = call("preview", &["--again=a,c", "-o", "json"]).expect_code(0).json();
    let words: Vec<_> = (0..3).map(|index| seen["targets"][index]["word"].clone()).collect();
    // For the last one nothing was ordered yet, so it is none to order for anew.
    assert_eq!(words, ["again", "go on", "new"]);
    assert_eq!(seen["orders"], json!({ "at_least": 2, "at_most": 2 }));
    assert_eq!(seen["ordered_anew"], 1);
    let reason = json!({ "reason": "again", "former": run, "open": [run] });
    assert_eq!(seen["targets"][0]["decision"], json!({ "do": "start", "reason": reason }));
    let beside = format!("for `a` the order of run {run} is still under way");
    assert!(seen["warnings"][0].as_str().unwrap().starts_with(&beside), "{seen}");

    let seen = call("preview", &["--again=a,c"]).expect_code(0);
    let seen = seen.expect_data("1 new, 1 to order anew, 1 to go on with");
    let seen = seen.expect_data("for 1 target that has ordered before; `run` asks first");
    let _ = seen.expect_data(&beside);
    assert_eq!(world.requests().len(), requests);
    let asked = call("run", &["--again=a,c"]).expect_code(2);
    let _ = asked.expect_talk(&format!("a (whose order is still under way, run {run})"));

    for (arguments, reason) in [
        (&["--again"][..], "`--again=NAME` says for which targets"),
        (&["--again=d"], "`--again`: "),
        (&["--again=a", "--limit", "b"], "`--again` names `a`, and `--limit` does not"),
    ] {
        let _ = call("preview", arguments).expect_code(2).expect_talk(reason);
    }
    let alone = ["preview", "plan.yaml", "--target", "a", "-i", "common_name=a.example.com"];
    let alone = |again: &str| project.run_for(&world.base_url(), &[&alone[..], &[again]].concat());
    let _ = alone("--again=a").expect_code(2).expect_talk("picks targets of an inventory");
    let seen = alone("--again").expect_code(0).expect_data("1 order, paid");
    let _ = seen.expect_data(&format!("the order of run {run} is still under way"));
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_preview_of_an_inventory_goes_on_with_no_run_that_began_elsewhere_and_ordered_nothing() {
    let (world, elsewhere, project) = (World::live(), World::live(), Project::new());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let inventory = "certplan_inventory: 1\nplan: plan.yaml\ntargets:\n  \
        a: { inputs: { common_name: a.example.com } }\n";
    project.write("inventory.yaml", inventory);
    let refusal = FaultAction::refusal(403, "not now");
    elsewhere.add_fault(Fault { times: 9, ..Fault::at("GET", "/tls/products", 1, refusal) });
    let arguments = ["run", "--inventory", "inventory.yaml"];
    let _ = project.run_for(&elsewhere.base_url(), &arguments).expect_code(1);
    let preview = ["preview", "--inventory", "inventory.yaml"];
    let _ = project.run_for(&elsewhere.base_url(), &preview).expect_data("1 to go on with");
    let _ = project.run_for(&world.base_url(), &preview).expect_data("1 target: 1 new");
    let _ = project.run_for(&world.base_url(), &arguments).expect_talk("1 target: 1 new");
}
