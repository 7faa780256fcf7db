//! Many targets with the real program: what goes wrong, kills, several processes, limits and Ctrl-C.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use certplan::sandbox::{CannedAnswer, Fault, FaultAction, LoggedRequest, RateLimit};
use certplan::types::{DomainName, SystemClock};
use serde_json::Value;

use crate::harness::{Finished, Gate, Project, Running, World, finish, impatient_plan};

const INVENTORY: &str = "names.txt";

fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("www.crowd-{number}.com")).collect()
}

fn project_of(names: &[String]) -> Project {
    let project = Project::new();
    project.write("dv.yaml", impatient_plan("dv.yaml"));
    project.write(INVENTORY, names.join("\n"));
    project
}

/// `run --inventory`, asked nothing, in a world that counts no requests.
fn command(project: &Project, base_url: &str, inventory: &str) -> Command {
    let arguments = ["run", "dv.yaml", "--inventory", inventory, "--yes", "--output", "json"];
    let mut command = project.command_for(base_url, &arguments);
    // A real minute would prove no more.
    command.env("REGFISH_LIMITS", "none").env("CERTPLAN_SETTLING_DELAY", "1s");
    command
}

/// Result and reason of each target.
fn results(finished: &Finished) -> BTreeMap<String, (String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let recap = finished.json();
    let rows = recap["targets"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "target"), (text(row, "result"), text(row, "reason")))).collect()
}

fn count(results: &BTreeMap<String, (String, String)>, word: &str) -> usize {
    results.values().filter(|(result, _)| result == word).count()
}

/// Fails unless exactly these names were ordered, each once.
#[track_caller]
fn expect_one_order_each<'a>(world: &World, names: impl IntoIterator<Item = &'a String>) {
    let mut ordered: Vec<String> =
        world.orders().into_iter().map(|order| order.common_name.to_string()).collect();
    ordered.sort();
    let names: BTreeSet<String> = names.into_iter().cloned().collect();
    assert_eq!(ordered, Vec::from_iter(names));
}

/// What is scripted for one target each: at which request, and what.
fn accidents() -> Vec<(&'static str, &'static str, FaultAction)> {
    let order = |action| ("POST", "/tls/certificate", action);
    let look = |action| ("GET", "/tls/certificate/", action);
    let answer = CannedAnswer::refusal;
    vec![
        order(FaultAction::DropAfterCommit),
        order(FaultAction::DropBeforeCommit),
        order(FaultAction::CutAnswer),
        order(FaultAction::Html),
        order(FaultAction::Instead(answer(500, "internal error"))),
        order(FaultAction::Instead(answer(503, "try again"))),
        order(FaultAction::Instead(CannedAnswer::text(200, "", ""))),
        order(FaultAction::later(429, 1)),
        look(FaultAction::DropBeforeCommit),
        look(FaultAction::CutAnswer),
        look(FaultAction::Html),
        look(FaultAction::refusal(503, "try again")),
    ]
}

#[test]
fn faults_of_every_kind_and_three_kills_leave_each_target_as_scripted_with_one_order() {
    let names = names(0..120);
    let (world, project) = (World::live(), project_of(&names));
    let accidents = accidents();
    for (name, (method, path, action)) in names.iter().skip(3).step_by(7).zip(accidents) {
        let target = Some(DomainName::parse(name).unwrap());
        world.add_fault(Fault { target, ..Fault::at(method, path, 1, action) });
    }
    // Nobody can order these, however often it is tried.
    let refused: BTreeSet<&String> = names.iter().skip(6).step_by(40).collect();
    for name in &refused {
        let refusal = FaultAction::refusal(400, "the domain is not allowed");
        let target = Some(DomainName::parse(name).unwrap());
        let fault = Fault::at("POST", "/tls/certificate", 1, refusal);
        world.add_fault(Fault { target, times: u32::MAX, ..fault });
    }
    // Killed amid the orders, amid the records, and amid what comes last.
    let moments: [(&str, &str, usize); 3] =
        [("POST", "/tls/certificate", 40), ("POST", "/dns/rr", 60), ("GET", "/download", 30)];
    for (method, path, enough) in moments {
        let mut running = Running::start(command(&project, &world.base_url(), INVENTORY));
        let sent = || {
            let requests = world.requests();
            let fits =
                |request: &&LoggedRequest| request.method == method && request.path.contains(path);
            requests.iter().filter(fits).count()
        };
        assert!(running.wait_until(|| sent() >= enough), "ended before {method} {path}");
        let _ = running.kill();
    }
    let last = finish(command(&project, &world.base_url(), INVENTORY)).expect_code(3);
    for (target, (result, reason)) in results(&last) {
        let done = result == "issued" || result == "unchanged";
        assert_eq!(done, !refused.contains(&target), "{target}: {result}: {reason}");
        assert!(done || reason.contains("the domain is not allowed"), "{target}: {reason}");
    }
    expect_one_order_each(&world, names.iter().filter(|name| !refused.contains(name)));

    let requests = world.requests().len();
    let again = finish(command(&project, &world.base_url(), INVENTORY)).expect_code(3);
    let again = results(&again);
    assert_eq!((count(&again, "unchanged"), count(&again, "failed")), (117, 3));
    let more = &world.requests()[requests..];
    let orders = more.iter().filter(|one| one.method == "POST" && one.path == "/tls/certificate");
    assert_eq!(orders.count(), refused.len(), "what is good is not touched");
}

/// What `run` ends with, as its results are.
fn expected_code(results: &BTreeMap<String, (String, String)>) -> i32 {
    if count(results, "locked") > 0 { 6 } else { 0 }
}

#[test]
fn five_processes_with_overlapping_inventories_order_once_each_and_say_who_works_on_what() {
    const SHARE: usize = 12;
    // Five on a ring: every name stands in two inventories.
    let all = names(0..5 * SHARE);
    let world = World::new();
    let project = project_of(&all);
    let inventory = |number: usize| {
        let numbers = (0..2 * SHARE).map(|offset| (number * SHARE + offset) % (5 * SHARE));
        let file = format!("part-{number}.txt");
        project.write(&file, names(numbers).join("\n"));
        file
    };
    let start = |number| Running::start(command(&project, &world.base_url(), &inventory(number)));
    let mut running: Vec<Running> = (0..5).map(start).collect();
    // The CA's clock stands still, so whoever has a target keeps it until every record is put.
    let put = |request: &&LoggedRequest| request.method == "POST" && request.path == "/dns/rr";
    let ready = || world.requests().iter().filter(put).count() >= all.len();
    for process in &mut running {
        // One that found everything taken ends before.
        let _ = process.wait_until(ready);
    }
    assert!(ready(), "all processes have ended");
    let late = finish(command(&project, &world.base_url(), INVENTORY)).expect_code(6);
    let _ = late
        .expect_talk("60 targets: 60 worked on by another process")
        .expect_talk("the same command later looks what is left");
    world.pass(5);
    let finished: Vec<Finished> = running.into_iter().map(Running::finish).collect();
    let mut issued = BTreeSet::new();
    for finished in finished {
        let results = results(&finished);
        for (target, (result, reason)) in &results {
            match result.as_str() {
                "issued" => assert!(issued.insert(target.clone()), "{target} was issued twice"),
                "locked" => assert!(
                    reason.starts_with("process ") && reason.ends_with("works on it")
                        || reason.starts_with("another pro"),
                    "{reason}"
                ),
                // Begun when all was over.
                other => assert_eq!(other, "unchanged", "{target}: {reason}"),
            }
        }
        let code = expected_code(&results);
        let _ = finished.expect_code(code);
    }
    assert_eq!(Vec::from_iter(&issued), Vec::from_iter(BTreeSet::from_iter(&all)));
    expect_one_order_each(&world, &all);
    let after = finish(command(&project, &world.base_url(), INVENTORY)).expect_code(0);
    assert_eq!(count(&results(&after), "unchanged"), all.len());
    let _ = after.expect_talk("60 targets: 60 still good");
}

#[test]
fn a_batch_meets_no_429_where_the_api_counts() {
    let names = names(0..25);
    let world = World::with(|options| {
        options.clock = Arc::new(SystemClock);
        options.timing.looks[0].every = Duration::from_millis(5);
        let window = Duration::from_secs(1);
        options.rate_limits.regfish = vec![RateLimit { requests: 40, window }];
    });
    let project = project_of(&names);
    let mut batch = command(&project, &world.base_url(), INVENTORY);
    batch.args(["--metrics-file", "certplan.prom"]).env("REGFISH_LIMITS", "40/1s");
    let finished = finish(batch).expect_code(0);
    assert_eq!(count(&results(&finished), "issued"), names.len());
    let requests = world.requests();
    let refused = requests.iter().filter(|one| one.status == Some(429)).count();
    assert_eq!((refused, world.orders().len()), (0, names.len()));
    assert!(requests.len() > 100, "{} requests", requests.len());

    let metrics = std::fs::read_to_string(project.path().join("certplan.prom")).unwrap();
    let service = world.base_url().replace("http://", "").replace(':', "-");
    for line in [
        format!("certplan_budget_limit{{service=\"{service}\",window_seconds=\"1\"}} 40"),
        format!("certplan_budget_used{{service=\"{service}\",window_seconds=\"1\"}} "),
        format!("certplan_budget_standing{{service=\"{service}\",standing=\""),
        "certplan_paused 0".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let sent: usize = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("certplan_last_run_requests{"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap())
        .sum();
    assert_eq!(sent, requests.len(), "{metrics}");
}

#[test]
fn a_batch_that_is_interrupted_once_stores_what_is_under_way_and_goes_on_later() {
    let names = names(0..6);
    let (world, project) = (World::live(), project_of(&names));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let mut running = Running::start(command(&project, gate.base_url(), INVENTORY));
    gate.wait_until_held();
    running.signal("INT");
    running.wait_for("stopping after what is under way; once more to leave at once");
    gate.release();
    let stopped = running.finish().expect_code(130);
    let _ = stopped.expect_talk("the same command, or `certplan resume --batch");
    let ordered = world.orders().len();
    assert!(ordered >= 1);
    // The answer came after the first signal, and it is recorded.
    let bound = project.runs().iter().filter(|run| run["certificate_id"].is_string()).count();
    assert_eq!(bound, ordered);
    let done = finish(command(&project, gate.base_url(), INVENTORY)).expect_code(0);
    assert_eq!(count(&results(&done), "issued"), names.len());
    expect_one_order_each(&world, &names);
}

#[test]
fn a_batch_that_is_interrupted_twice_leaves_at_once_and_goes_on_later() {
    let names = names(0..6);
    let (world, project) = (World::live(), project_of(&names));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let mut running = Running::start(command(&project, gate.base_url(), INVENTORY));
    let headline = running.wait_for("batch ");
    let batch = headline.strip_prefix("batch ").unwrap().split_once(':').unwrap().0;
    gate.wait_until_held();
    running.signal("INT");
    running.wait_for("stopping after what is under way");
    running.signal("INT");
    let _ = running.finish().expect_code(130).expect_no_data();
    let mut resume =
        project.command_for(gate.base_url(), &["resume", "--batch", batch, "--output", "json"]);
    resume.env("REGFISH_LIMITS", "none").env("CERTPLAN_SETTLING_DELAY", "1s");
    let done = finish(resume).expect_code(0);
    assert_eq!(count(&results(&done), "issued"), names.len());
    expect_one_order_each(&world, &names);
}

/// The same command in a shell that has set a limit of open files.
fn limited(limit: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null());
    shell
}

#[test]
fn a_low_soft_limit_of_open_files_is_raised_and_a_low_hard_one_is_told_before_anything_begins() {
    let names = names(0..90);
    let (world, project) = (World::live(), project_of(&names));
    let batch = || command(&project, &world.base_url(), INVENTORY);
    let refused = finish(limited("-n 128", &batch())).expect_code(2);
    let _ = refused
        .expect_talk("50 requests at once need 214 open files, and this process may have 128")
        .expect_talk("or do less at once: `--jobs 21`");
    world.expect_nothing_ordered();
    assert!(!project.path().join(".certplan/locks").exists());
    let done = finish(limited("-S -n 64", &batch())).expect_code(0);
    assert_eq!(count(&results(&done), "issued"), names.len());
}
