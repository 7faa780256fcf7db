//! `run --inventory`: many targets in one command, again and again, with faults and with edits.

use certplan::sandbox::{Fault, FaultAction};
use serde_json::Value;

use crate::harness::{Finished, Project, World, impatient_plan};

const INVENTORY: &str = "\
certplan_inventory: 1
plan: dv.yaml
groups:
  shops: {}
targets:
  a: { groups: [shops], inputs: { common_name: a.example.com } }
  b: { groups: [shops], inputs: { common_name: b.example.net } }
  c: { inputs: { common_name: c.example.org } }
";

fn project() -> Project {
    let project = Project::new();
    project.write("dv.yaml", impatient_plan("dv.yaml"));
    project.write("inventory.yaml", INVENTORY);
    project
}

fn run(project: &Project, world: &World, further: &[&str]) -> Finished {
    let arguments = ["run", "--inventory", "inventory.yaml", "--output", "json"];
    project.run_for(&world.base_url(), &[&arguments, further].concat())
}

/// Target and result of each row.
fn results(finished: &Finished) -> Vec<(String, String)> {
    let recap = finished.json();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = recap["targets"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "target"), text(row, "result"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(target, result)| ((*target).to_owned(), (*result).to_owned())).collect()
}

#[test]
fn a_failing_target_stops_no_other_and_the_same_command_goes_on_with_it_alone() {
    let (world, project) = (World::live(), project());
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 2, refusal));
    let first = run(&project, &world, &["--jobs", "1"]).expect_code(3);
    let found = results(&first);
    let failed: Vec<&str> = found
        .iter()
        .filter(|(_, result)| result == "failed")
        .map(|(target, _)| target.as_str())
        .collect();
    assert_eq!((failed.len(), world.orders().len()), (1, 2), "{found:?}");
    let names: Vec<&str> = found.iter().map(|(target, _)| target.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);

    let second = run(&project, &world, &[]).expect_code(0);
    let issued: Vec<(String, String)> = names
        .iter()
        .map(|name| {
            let word = if failed.contains(name) { "issued" } else { "unchanged" };
            ((*name).to_owned(), word.to_owned())
        })
        .collect();
    assert_eq!(results(&second), issued);
    assert_eq!(world.orders().len(), 3);

    let requests = world.requests().len();
    let third = run(&project, &world, &[]).expect_code(0);
    let unchanged = [("a", "unchanged"), ("b", "unchanged"), ("c", "unchanged")];
    assert_eq!(results(&third), pairs(&unchanged));
    assert_eq!(world.requests().len(), requests, "what is still good costs no request");
}

#[test]
fn after_too_many_failures_what_is_ordered_is_issued_and_the_same_command_goes_on_with_the_rest() {
    let (world, project) = (World::live(), project());
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 2, refusal));
    let first = run(&project, &world, &["--jobs", "1", "--max-failures", "0"]).expect_code(3);
    let found = results(&first);
    assert_eq!(found.iter().filter(|(_, result)| result == "failed").count(), 1, "{found:?}");
    let rows = first.json()["targets"].as_array().unwrap().clone();
    for row in rows.iter().filter(|row| row["result"] == "held_back") {
        assert!(row["reason"].as_str().unwrap().contains("`--max-failures`"), "{row}");
    }
    let issued = found.iter().filter(|(_, result)| result == "issued").count();
    assert_eq!(issued, world.orders().len(), "what is paid for goes on to its end: {found:?}");
    let held_back: Vec<&Value> = rows.iter().filter(|row| row["result"] == "held_back").collect();
    assert_eq!(held_back.len() + issued, 2, "{found:?}");
    for row in held_back {
        let explained = project.run(&["explain", row["run"].as_str().unwrap()]).expect_code(0);
        let _ = explained.expect_data("too many targets had failed (`--max-failures`)");
    }
    let _ = run(&project, &world, &[]).expect_code(0);
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn a_canary_that_fails_is_the_last_to_begin_and_the_others_say_why() {
    let (world, project) = (World::live(), project());
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let first = run(&project, &world, &["--serial", "1,100%"]).expect_code(3);
    let stands = [("a", "failed"), ("b", "not_started"), ("c", "not_started")];
    assert_eq!(results(&first), pairs(&stands));
    let waits = first.json()["targets"][1]["run"].as_str().unwrap().to_owned();
    let explained = project.run(&["explain", &waits]).expect_code(0);
    let _ = explained
        .expect_data("It was held back at")
        .expect_data("nothing came of any target of the wave before (`--serial`")
        .expect_data("Nothing was ordered so far.");
    let _ = run(&project, &world, &["--serial", "1,100%"]).expect_code(0);
    assert_eq!(world.orders().len(), 3);
}

#[test]
fn a_pattern_picks_targets_and_a_slip_picks_none() {
    let (world, project) = (World::live(), project());
    let shops = run(&project, &world, &["--limit", "shops,!b"]).expect_code(0);
    assert_eq!(results(&shops), pairs(&[("a", "issued")]));
    let slip = run(&project, &world, &["--limit", "shosp"]).expect_code(2);
    let _ = slip.expect_talk("did you mean `shops`?");
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn other_names_are_told_and_ordered_only_when_somebody_says_so() {
    let (world, project) = (World::live(), project());
    let _ = run(&project, &world, &[]).expect_code(0);
    project.write("inventory.yaml", INVENTORY.replace("b.example.net", "bb.example.net"));
    let told = run(&project, &world, &[]).expect_code(0);
    let reason = told.json()["targets"][1]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("names: `b.example.net` is now `bb.example.net`"), "{reason}");
    assert_eq!(world.orders().len(), 3);
    let applied = run(&project, &world, &["--apply-drift"]).expect_code(0);
    let expected = [("a", "unchanged"), ("b", "issued"), ("c", "unchanged")];
    assert_eq!(results(&applied), pairs(&expected));
    assert_eq!(world.orders().len(), 4);
}

#[test]
fn what_is_due_is_ordered_anew_by_a_share_of_its_lifetime() {
    let (world, project) = (World::live(), project());
    let _ = run(&project, &world, &["--limit", "a"]).expect_code(0);
    // Almost the whole lifetime is too long before its end: everything is due.
    let due = run(&project, &world, &["--limit", "a", "--due", "99%,1d,300d"]).expect_code(0);
    assert_eq!(results(&due), pairs(&[("a", "unchanged")]), "half the lifetime is the most");
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn orders_beyond_a_maximum_are_held_back_and_much_money_wants_a_word() {
    let (world, project) = (World::live(), project());
    let some = run(&project, &world, &["--max-orders", "1", "--jobs", "1"]).expect_code(4);
    let issued = results(&some).iter().filter(|(_, result)| result == "issued").count();
    assert_eq!((issued, world.orders().len()), (1, 1));

    let many: String = (0..9).map(|number| format!("n{number}.example{number}.com\n")).collect();
    project.write("many.txt", many);
    let arguments = ["run", "dv.yaml", "--inventory", "many.txt"];
    let refused = project.run_for(&world.base_url(), &arguments).expect_code(2);
    let _ = refused
        .expect_talk("not confirmed; nothing was changed. The question was: ")
        .expect_talk("9 certificates")
        .expect_talk("`--yes` confirms without asking");
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn the_recap_is_written_for_build_servers_and_merge_requests_and_metrics_for_prometheus() {
    let (world, project) = (World::live(), project());
    let arguments = ["run", "--inventory", "inventory.yaml", "--recap", "junit"];
    let junit = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let _ = junit.expect_data("<testsuite name=\"certplan\" tests=\"3\" failures=\"0\"");
    let arguments = [
        "run",
        "--inventory",
        "inventory.yaml",
        "--recap",
        "markdown",
        "--metrics-file",
        "m/x.prom",
    ];
    let markdown = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let _ = markdown.expect_data("**certplan: 3 unchanged**");
    let metrics = std::fs::read_to_string(project.path().join("m/x.prom")).unwrap();
    assert!(metrics.contains("certplan_targets{state=\"succeeded\"} 3\n"), "{metrics}");
    let expiry = "certplan_certificate_expiry_timestamp_seconds{plan=\"dv\",target=\"a\"} ";
    assert!(metrics.contains(expiry), "{metrics}");
}

#[test]
fn what_is_asked_of_the_embedded_sandbox_is_counted_like_anything_else() {
    let project = project();
    let batch = ["run", "--inventory", "inventory.yaml", "--sandbox", "--metrics-file", "x.prom"];
    let _ = project.run(&batch).expect_code(0);
    let orders =
        "certplan_last_run_requests{endpoint=\"POST /tls/certificate\",status=\"200\"} 3\n";
    let metrics = std::fs::read_to_string(project.path().join("x.prom")).unwrap();
    assert!(metrics.contains(orders), "{metrics}");
}

#[test]
fn a_batch_that_stands_still_is_taken_up_under_its_id() {
    let (world, project) = (World::live(), project());
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let first = run(&project, &world, &["--jobs", "1"]);
    let batch = first.json()["batch"].as_str().unwrap().to_owned();
    let failed = ["status", "--batch", &batch, "--only", "failed", "--output", "json"];
    let failed = project.run_for(&world.base_url(), &failed).expect_code(0);
    assert_eq!(failed.json().as_array().unwrap().len(), 1);
    let slip = project.run_for(&world.base_url(), &["status", "--only", "fialed"]).expect_code(2);
    let _ = slip.expect_talk("no run is ever `fialed`");
    let arguments = ["resume", "--batch", &batch, "--failed", "--output", "json"];
    let again = project.run_for(&world.base_url(), &arguments).expect_code(0);
    assert!(results(&again).iter().all(|(_, result)| result == "issued"), "{}", again.json());
    assert_eq!(world.orders().len(), 3);
    let nothing = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let _ = nothing.expect_talk("there is no such run to go on with");
    let listed = project.run_for(&world.base_url(), &["list", "--output", "json"]).expect_code(0);
    assert_eq!(listed.json().as_array().unwrap().len(), 3);
    let due = project.run_for(&world.base_url(), &["list", "--due-only"]).expect_code(0);
    let _ = due.expect_talk("no certificate is due now, of 3 certificates");
}

#[test]
fn options_of_one_target_are_refused_for_many() {
    let (world, project) = (World::live(), project());
    for option in
        [&["-i", "common_name=x.example.com"][..], &["--target", "a"], &["--again"], &["--wait"]]
    {
        let refused = run(&project, &world, option).expect_code(2);
        let _ = refused.expect_talk("has no effect with `--inventory`");
    }
    let alone =
        project.run_for(&world.base_url(), &["run", "dv.yaml", "--jobs", "3"]).expect_code(2);
    let _ = alone.expect_talk("--inventory");
    world.expect_nothing_ordered();
}

fn preview(project: &Project, world: &World, further: &[&str]) -> Finished {
    let arguments = ["preview", "--inventory", "inventory.yaml"];
    project.run_for(&world.base_url(), &[&arguments, further].concat())
}

/// Target and word of each row of a preview.
fn words(finished: &Finished) -> Vec<(String, String)> {
    let targets = finished.json()["targets"].as_array().unwrap().clone();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    targets.iter().map(|row| (text(row, "target"), text(row, "word"))).collect()
}

#[test]
fn a_preview_of_an_inventory_says_what_the_command_then_does_and_does_nothing() {
    let (world, project) = (World::live(), project());
    let first = preview(&project, &world, &[]).expect_code(0);
    let _ = first.expect_data("orders    3: 3 RapidSSL; paid").expect_data("about 19");
    assert!(!project.path().join(".certplan").exists(), "nothing is made for a look");
    assert_eq!(world.requests().len(), 0);

    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 2, refusal));
    let first = results(&run(&project, &world, &[]).expect_code(3));
    // Which of the orders was the second one is chance; another name is for one that was issued.
    let (other, _) = first.iter().find(|(_, result)| result == "issued").unwrap().clone();
    let was = format!("common_name: {other}.");
    project.write("inventory.yaml", INVENTORY.replace(&was, &format!("common_name: x{other}.")));
    let foreseen = preview(&project, &world, &["--output", "json"]).expect_code(0).json();
    let done = run(&project, &world, &[]).expect_code(0).json();
    let rows = |value: &Value| value["targets"].as_array().unwrap().clone();
    let ordering = |row: &Value| row["orders"].as_array().unwrap().len();
    assert_eq!(rows(&foreseen).iter().map(ordering).sum::<usize>(), 1, "{foreseen:#}");
    for (foreseen, done) in rows(&foreseen).iter().zip(rows(&done)) {
        let (issued, word) = (done["result"] == "issued", foreseen["word"].as_str().unwrap());
        assert_eq!(issued, !["keep", "differs"].contains(&word), "{foreseen:#} {done:#}");
    }
    let drift = preview(&project, &world, &["--apply-drift", "-o", "json"]).expect_code(0);
    for (target, word) in words(&drift) {
        assert_eq!(word, if target == other { "changed" } else { "keep" }, "{drift}");
    }
}

#[test]
fn a_preview_counts_what_targets_ask_together_once_and_names_those_that_take_turns() {
    let (world, project) = (World::live(), project());
    let many: String = (0..40).map(|number| format!("n{number}.example.com\n")).collect();
    project.write("inventory.txt", many);
    let arguments = ["preview", "--inventory", "inventory.txt", "dv.yaml"];
    let text = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let _ = text
        .expect_data("… and 37 more")
        .expect_data("about 241")
        .expect_data("40 targets take turns at `_dnsauth.example.com`");
    let all = project.run_for(&world.base_url(), &[&arguments[..], &["--all"]].concat());
    assert!(all.expect_code(0).expect_data("n39.example.com").stdout.lines().count() > 40);
}

#[test]
fn who_takes_turns_is_no_news_where_nothing_is_to_be_done() {
    let project = project();
    project.write("two.txt", "a.example.com\nb.example.com\n");
    let arguments = ["run", "--inventory", "two.txt", "dv.yaml", "--sandbox"];
    let _ = project.run(&arguments).expect_code(0);
    let again = project.run(&arguments).expect_code(0).expect_data("2 unchanged");
    assert!(!again.stderr.contains("turns"), "{again}");
}

#[test]
fn a_target_that_is_bound_to_fail_fails_the_preview_with_its_reason() {
    let (world, project) = (World::live(), project());
    // What comes of a sum, nobody knows before the inputs are there.
    let days =
        "{{ inputs.validity_days + (5000 if inputs.common_name == 'b.example.net' else 0) }}";
    let plan = impatient_plan("dv.yaml").replace("{{ inputs.validity_days }}", days);
    project.write("dv.yaml", plan);
    let wrong = preview(&project, &world, &[]);
    let _ = wrong.expect_code(2).expect_data("fails  b").expect_data("`order` would fail");
}
