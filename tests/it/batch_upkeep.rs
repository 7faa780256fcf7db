//! What batches leave open, and how it is gone on with: parked orders and where a person can act,
//! orders that came to nothing, runs that failed before their order, batches that are found again.

use certplan::sandbox::{Fault, FaultAction};
use serde_json::Value;

use crate::harness::{Finished, Gate, Project, Running, World, impatient_plan};

const INVENTORY: &str = "\
certplan_inventory: 1
plan: plan.yaml
targets:
  a: { inputs: { common_name: a.example.com } }
  b: { inputs: { common_name: b.example.net } }
";

fn project_of(plan: &str) -> Project {
    let project = Project::new();
    project.write("plan.yaml", plan);
    project.write("inventory.yaml", INVENTORY);
    project
}

/// An OV order that a person completes in the Console.
fn console_plan() -> String {
    impatient_plan("ov-staged.yaml")
        .replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console")
}

fn run(project: &Project, world: &World, further: &[&str]) -> Finished {
    let arguments = ["run", "--inventory", "inventory.yaml"];
    project.run_for(&world.base_url(), &[&arguments, further].concat())
}

fn rows(finished: &Finished) -> Vec<Value> {
    finished.json()["targets"].as_array().unwrap().clone()
}

fn results(finished: &Finished) -> Vec<String> {
    rows(finished).iter().map(|row| row["result"].as_str().unwrap().to_owned()).collect()
}

fn refuse_orders(world: &World, first: u32, times: u32) {
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault { times, ..Fault::at("POST", "/tls/certificate", first, refusal) });
}

#[test]
fn where_a_person_can_act_and_since_when_is_told_wherever_a_parked_order_is() {
    let (world, project) = (World::live(), project_of(&console_plan()));
    let first = run(&project, &world, &["--limit", "a", "-o", "json"]).expect_code(4);
    let row = rows(&first).remove(0);
    let certificate = row["certificate_id"].as_str().unwrap().to_owned();
    let url = format!("{}/my/certs/{certificate}/complete", world.base_url());
    assert_eq!(row["completion_url"], url.as_str());
    let since = row["parked_since"].as_str().unwrap().to_owned();

    // To look again and find nothing new begins no new wait.
    let second = run(&project, &world, &["--limit", "a"]).expect_code(4);
    let _ = second.expect_data(&format!("a person can act here: {url}"));
    let json = |arguments: &[&str]| project.run(arguments).expect_code(0).json()[0].clone();
    for view in [json(&["status", "-o", "json"]), json(&["list", "-o", "json"])] {
        assert_eq!(view["parked_since"], since.as_str(), "{view}");
        assert_eq!(view["completion_url"], url.as_str(), "{view}");
        assert_eq!(view["waits_for"], "person", "{view}");
    }
    let _ = project.run(&["status"]).expect_data(&format!("a person can act here: {url}"));
    let list = project.run(&["list"]).expect_code(0);
    let _ = list.expect_data(&format!("a person acts first: {url}; then certplan resume"));

    let id = row["run"].as_str().unwrap();
    let explained = project.run(&["explain", id, "-o", "json"]).expect_code(0).json();
    for (field, value) in [
        ("run", id),
        ("phase", "parked"),
        ("certificate_id", certificate.as_str()),
        ("waits_for", "person"),
        ("parked_since", since.as_str()),
        ("completion_url", url.as_str()),
    ] {
        assert_eq!(explained[field], value, "{explained}");
    }
    assert_eq!(explained["is_worked_on"], false);
    assert_eq!(explained["waits_for_requests"], serde_json::json!([]));
    assert_eq!(explained["paragraphs"][1]["heading"], "Where it stands");
    assert!(explained["paragraphs"][1]["lines"][0].as_str().unwrap().starts_with("It is parked"));

    let graph = project.run(&["graph", id, "--format", "json"]).expect_code(0).json();
    assert_eq!((&graph["run"], &graph["phase"]), (&id.into(), &"parked".into()));
    let steps = graph["steps"].as_array().unwrap();
    let state = |name: &str| {
        steps.iter().find(|step| step["id"] == name).map(|step| step["state"].clone()).unwrap()
    };
    assert_eq!((state("order"), state("complete")), ("succeeded".into(), "parked".into()));
    assert!(graph["edges"].as_array().unwrap().iter().any(|edge| {
        edge["from"] == "order" && edge["to"] == "complete" && edge["kind"] == "reference"
    }));
    let plan = project.run(&["graph", "plan.yaml", "--format", "json"]).expect_code(0).json();
    assert_eq!((&plan["run"], &plan["steps"][0]["state"]), (&Value::Null, &Value::Null));

    let doctor = project.run(&["doctor", "-o", "json"]).expect_code(0).json();
    assert_eq!(doctor["healthy"], true);
    let findings = doctor["findings"].as_array().unwrap();
    assert!(findings.iter().any(|one| one["text"] == "1 of 1 runs are whole"), "{doctor}");
    assert!(findings.iter().all(|one| one["verdict"] == "good"), "{doctor}");
}

#[test]
fn an_order_that_came_to_nothing_is_ordered_anew_by_the_command_that_the_recap_names() {
    let (world, project) = (World::live(), project_of(&console_plan()));
    let first = run(&project, &world, &["-o", "json"]).expect_code(4);
    let lost = rows(&first)[0]["certificate_id"].as_str().unwrap().to_owned();
    world.reject(&lost);
    let command = "certplan run --inventory inventory.yaml --limit=a --again=a";
    for _ in 0..2 {
        let again = run(&project, &world, &["-o", "json"]).expect_code(3);
        assert_eq!(results(&again), ["failed", "parked"]);
        assert_eq!(rows(&again)[0]["order_anew"], command);
        assert_eq!(rows(&again)[1].get("order_anew"), None);
        let _ = again.expect_talk("a fails the same way each time").expect_talk(command);
    }
    let list = project.run(&["list"]).expect_code(0);
    let _ = list.expect_data("the order came to nothing: order anew with --again");
    let unsure = run(&project, &world, &["--again=a"]).expect_code(2);
    let _ = unsure.expect_talk("This orders 1 certificate anew").expect_talk("ordered before: a");
    assert_eq!(world.orders().len(), 2);
    let anew = run(&project, &world, &["--again=a", "--yes", "-o", "json"]).expect_code(4);
    assert_eq!((results(&anew), world.orders().len()), (vec!["parked".to_owned(); 2], 3));
    let anew = anew.expect_talk("1 to order anew");
    assert_ne!(rows(&anew)[0]["certificate_id"], lost.as_str());
    let beside = run(&project, &world, &["--again=b"]).expect_code(2);
    let _ = beside.expect_talk("ordered before: b (whose order is still under way, run ");
    // From here on the new order is the one that counts.
    let after = run(&project, &world, &["-o", "json"]).expect_code(4);
    assert_eq!((results(&after), world.orders().len()), (vec!["parked".to_owned(); 2], 3));

    for (arguments, reason) in [
        (&["--again"][..], "`--again=NAME` says for which targets"),
        (&["--again=c"], "`--again`: "),
        (&["--again=a", "--limit", "b"], "`--again` names `a`, and `--limit` does not"),
    ] {
        let _ = run(&project, &world, arguments).expect_code(2).expect_talk(reason);
    }
    let alone = project.run_for(&world.base_url(), &["run", "plan.yaml", "--again=a"]);
    let _ = alone.expect_code(2).expect_talk("picks targets of an inventory");
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn nobody_is_sent_to_buy_anew_what_is_still_good_or_may_have_been_ordered() {
    let (world, project) = (World::live(), project_of(&impatient_plan("dv.yaml")));
    let _ = run(&project, &world, &["--limit", "a"]).expect_code(0);
    let (certs, elsewhere) = (project.path().join("certs"), project.path().join("elsewhere"));
    std::fs::rename(&certs, &elsewhere).unwrap();
    let gone = run(&project, &world, &["--limit", "a", "-o", "json"]).expect_code(1);
    assert!(rows(&gone)[0]["reason"].as_str().unwrap().contains("put them back"));
    assert_eq!(rows(&gone)[0].get("order_anew"), None);
    assert!(!gone.stderr.contains("--again"), "{}", gone.stderr);
    std::fs::rename(&elsewhere, &certs).unwrap();
    let back = run(&project, &world, &["--limit", "a", "-o", "json"]).expect_code(0);
    assert_eq!((results(&back), world.orders().len()), (vec!["unchanged".to_owned()], 1));

    // The answer to the order is lost, and the list that could tell of it cannot be had.
    let lose = Fault::at("POST", "/tls/certificate", 1, FaultAction::DropAfterCommit);
    world.add_fault(lose);
    let unanswered = Fault::at("GET", "/tls/certificate", 2, FaultAction::refusal(403, "not now"));
    world.add_fault(Fault { times: 9, ..unanswered });
    let _ = run(&project, &world, &["--limit", "b"]);
    let orders = world.orders().len();
    let again = run(&project, &world, &["--limit=b", "--again=b", "--yes", "-o", "json"]);
    let again = again.expect_code(5);
    assert_eq!(results(&again), ["in_doubt"]);
    assert!(
        rows(&again)[0]["reason"].as_str().unwrap().contains("is not known"),
        "{}",
        again.stdout
    );
    assert_eq!(rows(&again)[0].get("order_anew"), None);
    assert!(!again.stderr.contains("a new order is the way out"), "{}", again.stderr);
    assert_eq!(world.orders().len(), orders);
}

#[test]
fn a_run_that_failed_before_its_order_or_at_a_refused_one_goes_on_and_nothing_piles_up() {
    let (world, project) = (World::live(), project_of(&impatient_plan("dv.yaml")));
    let refusal = FaultAction::refusal(403, "not yet");
    world.add_fault(Fault { times: 2, ..Fault::at("GET", "/tls/products", 1, refusal) });
    let only = ["--limit", "a", "-o", "json"];
    for _ in 0..2 {
        let failed = run(&project, &world, &only).expect_code(1);
        assert_eq!(results(&failed), ["failed"]);
        assert_eq!(project.runs().len(), 1, "one run, however often");
    }
    refuse_orders(&world, 1, 2);
    for _ in 0..2 {
        let _ = run(&project, &world, &only).expect_code(1);
        assert_eq!(project.runs().len(), 1);
    }
    // What it had found out about product and organization may be what was wrong, so that it asks
    // for both anew.
    let asked =
        || world.requests().iter().filter(|request| request.path == "/tls/products").count();
    let before = asked();
    let preview = ["preview", "--inventory", "inventory.yaml", "--limit", "a", "-o", "json"];
    let seen = project.run_for(&world.base_url(), &preview).expect_code(0).json();
    assert_eq!(
        (&seen["targets"][0]["word"], &seen["orders"]["at_most"]),
        (&"go on".into(), &1.into())
    );
    let _ = run(&project, &world, &only).expect_code(0);
    assert_eq!((asked() - before, project.runs().len(), world.orders().len()), (1, 1, 1));

    // What began elsewhere and ordered nothing is in nobody's way.
    let elsewhere = World::live();
    let refusal = FaultAction::refusal(403, "not this account");
    elsewhere.add_fault(Fault { times: 9, ..Fault::at("GET", "/tls/products", 1, refusal) });
    let _ = run(&project, &elsewhere, &["-o", "json"]).expect_code(3);
    let preview = ["preview", "--inventory", "inventory.yaml"];
    for (world, text) in [(&world, "1 new"), (&elsewhere, "1 to go on with")] {
        let _ = project.run_for(&world.base_url(), &preview).expect_code(0).expect_data(text);
    }
    let _ = run(&project, &world, &[]).expect_code(0);
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn what_has_ordered_at_another_address_is_left_there_and_a_preview_says_so_as_well() {
    let (first, second) = (World::live(), World::live());
    let project = project_of(&console_plan());
    let only = ["--limit", "a", "-o", "json"];
    let parked = rows(&run(&project, &first, &only).expect_code(4)).remove(0);
    let id = parked["run"].as_str().unwrap();
    let why = format!(
        "run {id} began at another address, {}; `certplan resume {id}` goes on there",
        first.base_url()
    );

    let preview = |further: &[&str]| {
        let arguments = ["preview", "--inventory", "inventory.yaml", "--limit", "a"];
        project.run_for(&second.base_url(), &[&arguments, further].concat()).expect_code(0)
    };
    let _ = preview(&[]).expect_data("1 for a person to look at").expect_data(&why);
    let seen = preview(&["-o", "json"]).json();
    let [target] = seen["targets"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!((&target["word"], &target["decision"]["do"]), (&"look".into(), &"ask".into()));
    assert_eq!((&target["why"], &seen["about_requests"]), (&why.as_str().into(), &0.into()));

    let refused = rows(&run(&project, &second, &only).expect_code(1)).remove(0);
    assert_eq!((&refused["reason"], &refused["run"]), (&target["why"], &parked["run"]));
    assert_eq!((second.requests().len(), second.orders().len()), (0, 0));
    // For one target, the two speak alike as well.
    let one = ["--target", "a", "--input", "common_name=a.example.com"];
    let single = |command| {
        let arguments = [&[command, "plan.yaml"], &one[..]].concat();
        project.run_for(&second.base_url(), &arguments).expect_code(2)
    };
    let unfinished = format!("run `{id}` for this plan and target is not finished (parked)");
    let _ = single("preview").expect_data(&unfinished);
    let _ = single("run").expect_talk(&unfinished);
    // Where it began it goes on.
    let _ = run(&project, &first, &only).expect_code(4);
    assert_eq!(first.orders().len(), 1);
}

#[test]
fn a_batch_is_found_again_and_gone_on_with_as_it_was_begun() {
    let (world, project) = (World::live(), project_of(&impatient_plan("dv.yaml")));
    refuse_orders(&world, 1, 2);
    let first = run(&project, &world, &["--serial", "1,100%", "-o", "json"]).expect_code(3);
    assert_eq!(results(&first), ["failed", "not_started"]);
    let batch = first.json()["batch"].as_str().unwrap().to_owned();
    let resume = |further: &[&str]| {
        let arguments = [&["resume", "--batch", &batch, "-o", "json"], further].concat();
        project.run_for(&world.base_url(), &arguments)
    };
    let second = resume(&[]).expect_code(3);
    assert_eq!(results(&second), ["failed", "not_started"]);
    let _ = second.expect_talk("as the batch was begun: --serial 1,100%");
    assert_eq!(world.orders().len(), 0);

    let batches = project.run(&["status", "--batches", "-o", "json"]).expect_code(0).json();
    let batches = batches.as_array().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[1]["id"], batch.as_str());
    for batch in batches {
        assert_eq!(batch["inventory"][0], "inventory.yaml", "{batch}");
        assert_eq!(batch["serial"], serde_json::json!(["1", "100%"]), "{batch}");
        assert_eq!((&batch["runs"], &batch["states"]["failed"]), (&2.into(), &1.into()));
    }
    let table = project.run(&["status", "--batches"]).expect_code(0);
    let _ = table.expect_data(&batch).expect_data("inventory.yaml --serial 1,100%");

    let table = project.run_for(
        &world.base_url(),
        &["resume", "--batch", &batch, "--recap", "junit", "--jobs", "1", "--max-orders", "0"],
    );
    let table = table.expect_code(4).expect_data("tests=\"2\" failures=\"0\" skipped=\"2\"");
    let _ = table.expect_data("held back before its order");

    let done = resume(&["--max-failures", "1"]).expect_code(0);
    assert_eq!((results(&done), world.orders().len()), (vec!["issued".to_owned(); 2], 2));
}

#[test]
fn what_a_later_wave_is_to_do_has_not_begun_and_is_not_called_running() {
    let (world, project) = (World::live(), project_of(&impatient_plan("dv.yaml")));
    let gate = Gate::holding(&world.base_url(), "GET /tls/products");
    let arguments = ["run", "--inventory", "inventory.yaml", "--serial", "1,100%"];
    let mut running = Running::start(project.command_for(gate.base_url(), &arguments));
    assert!(gate.wait_until_held_or_over(&mut running), "it asks for the product first");
    let json = |arguments: &[&str]| project.run(arguments).expect_code(0).json();
    let batches = json(&["status", "--batches", "-o", "json"]);
    assert_eq!(batches[0]["states"], serde_json::json!({ "not_begun": 1, "running": 1 }));
    let later = json(&["status", "--only", "not-begun", "-o", "json"]);
    assert_eq!((&later[0]["target"], &later[1]), (&"b".into(), &Value::Null));
    let explain = ["explain", later[0]["id"].as_str().unwrap(), "-o", "json"];
    let explained = project.run(&explain[..2]).expect_code(0);
    let _ = explained.expect_data("Its turn in its batch has not come yet");
    assert_eq!(json(&explain)["phase"], "not_begun");
    let offered = json(&["resume", "-o", "json"]);
    let offered = offered.as_array().unwrap().iter();
    let mut phases: Vec<&str> = offered.map(|one| one["phase"].as_str().unwrap()).collect();
    phases.sort_unstable();
    assert_eq!(phases, ["not_begun", "running"]);
    let _ = project.run(&["resume"]).expect_code(0).expect_data("not begun");
    let listed = json(&["list", "-o", "json"]);
    let states: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["running", "not_begun"]);
    gate.release();
    let _ = running.finish().expect_code(0);
    let none = project.run(&["status", "--only", "in-doubt,not_begun"]).expect_code(0);
    let _ = none.expect_no_data().expect_talk("none of 2 runs is in doubt or not begun");
}

#[test]
fn a_command_in_which_something_failed_is_no_success_in_the_metrics() {
    let (world, project) = (World::live(), project_of(&impatient_plan("dv.yaml")));
    let refusal = FaultAction::refusal(403, "not yet");
    world.add_fault(Fault::at("GET", "/tls/products", 1, refusal));
    let success = || {
        let text = std::fs::read_to_string(project.path().join("m.prom")).unwrap();
        assert!(text.contains("\ncertplan_last_run_timestamp_seconds "), "{text}");
        text.contains("\ncertplan_last_success_timestamp_seconds ")
    };
    let only = ["--limit", "a", "--metrics-file", "m.prom"];
    let _ = run(&project, &world, &only).expect_code(1);
    assert!(!success());
    let _ = run(&project, &world, &only).expect_code(0);
    assert!(success());
}

#[test]
fn metrics_are_written_by_every_command_that_runs_plans_and_while_it_does() {
    let (world, project) = (World::live(), project_of(&console_plan()));
    let file = project.path().join("m.prom");
    let read = || std::fs::read_to_string(&file).unwrap();
    let sample = |name: &str| {
        let text = read();
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.to_owned())
    };
    let metrics = ["--metrics-file", "m.prom"];
    let gate = Gate::holding(&world.base_url(), "GET /tls/products");
    let single = [&["run", "plan.yaml", "--target", "one"], &metrics[..]].concat();
    let mut running = Running::start(project.command_for(gate.base_url(), &single));
    assert!(gate.wait_until_held_or_over(&mut running), "it asks for the product first");
    assert_eq!(sample("certplan_running ").as_deref(), Some("1"), "before anything is answered");
    gate.release();
    let parked = running.finish().expect_code(4);
    assert_eq!(sample("certplan_running ").as_deref(), Some("0"));
    assert_eq!(sample("certplan_targets{state=\"parked\"}").as_deref(), Some("1"));
    let orders = "certplan_last_run_requests{endpoint=\"POST /tls/certificate\"";
    assert_eq!(sample(orders).as_deref(), Some("1"), "{}", read());
    let since = sample("certplan_parked_since_timestamp_seconds{");
    assert!(since.is_some(), "{}", read());

    for arguments in [&["resume", &parked.value("run")][..], &["resume", "--all"]] {
        std::fs::remove_file(&file).unwrap();
        let arguments = [arguments, &metrics].concat();
        let _ = project.run_for(gate.base_url(), &arguments).expect_code(4);
        assert_eq!(sample("certplan_parked_since_timestamp_seconds{"), since);
        assert_eq!(sample(orders), None, "nothing was ordered: {}", read());
    }
    // Also where nothing is left to go on with, and for programs in their form.
    std::fs::remove_file(&file).unwrap();
    let nothing = [&["resume", "--failed", "-o", "json"], &metrics[..]].concat();
    let nothing = project.run_for(gate.base_url(), &nothing).expect_code(0);
    assert_eq!(rows(&nothing), Vec::<Value>::new());
    assert_eq!(sample("certplan_parked_since_timestamp_seconds{"), since);
    let folder = [&["resume", "--all"], &["--metrics-file", "."][..]].concat();
    let _ = project.run_for(gate.base_url(), &folder).expect_code(2).expect_talk("it is a folder");
}
