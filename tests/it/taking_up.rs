//! `resume` of several runs, of an edited plan, and of a target that another program holds; `run`
//! with an echoed key; `doctor`.

use certplan::sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::harness::{
    API_KEY, COMMON_NAME, Finished, Gate, Project, Running, World, impatient_plan,
};

const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";

/// A plan that leaves the organization to a person.
fn console_plan() -> String {
    let text = impatient_plan("ov-staged.yaml");
    text.replace("org_id: \"{{ steps.organization.id }}\"", "fallback: console")
}

/// One run of each kind: parked, failed, in doubt; the ids in this order.
fn three_runs(world: &World, project: &Project) -> [String; 3] {
    project.write("parked.yaml", console_plan());
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let parked = project.run_for(&world.base_url(), &["run", "parked.yaml"]).expect_code(4);
    let unknown = ["run", "plan.yaml", "-i", "common_name=b.example.com", "-i", "product=RapidSSL"];
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let failed = project.run_for(&world.base_url(), &unknown).expect_code(1);
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, FaultAction::DropAfterCommit));
    let doubtful = ["run", "plan.yaml", "--input", "common_name=c.example.com"];
    let mut running = Running::start(project.command_for(&world.base_url(), &doubtful));
    running.wait_for("it is not known whether the order arrived");
    running.kill();
    world.order_elsewhere("RapidSSL", "c.example.com");
    let doubtful = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = project.run_for(&world.base_url(), &["resume", &doubtful]).expect_code(5);
    [parked.value("run"), failed.value("run"), doubtful]
}

fn ids(finished: &Finished) -> Vec<String> {
    let recap = finished.json();
    recap["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["run"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn several_runs_are_taken_up_by_kind_and_the_exit_code_sums_them_up() {
    let world = World::live();
    let project = Project::new();
    let none = project.run_for(&world.base_url(), &["resume", "--all"]).expect_code(2);
    let _ = none.expect_talk("there are no runs");
    let [parked, failed, doubtful] = three_runs(&world, &project);
    let orders = world.orders().len();
    let resume =
        |kind: &str| project.run_for(&world.base_url(), &["resume", kind, "--output", "json"]);

    // Parked alone: still parked. What is in doubt is told before anything else.
    let found = resume("--parked").expect_code(4);
    assert_eq!(ids(&found), std::slice::from_ref(&parked));
    let refusal = FaultAction::refusal(400, "insufficient balance");
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal.clone()));
    let found = resume("--failed").expect_code(1);
    assert_eq!(ids(&found), std::slice::from_ref(&failed));
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal.clone()));
    let found = resume("--all").expect_code(5);
    assert_eq!(ids(&found), [parked.clone(), failed.clone(), doubtful.clone()]);
    assert_eq!(world.orders().len(), orders);

    // One parked, one failed: of several, some failed.
    let certificate = world.orders().last().unwrap().id.clone();
    let ours = world.orders()[orders - 2].id.clone();
    assert_ne!(certificate, ours);
    let _ = project
        .run_for(&world.base_url(), &["adopt", &doubtful, "--certificate-id", &ours])
        .expect_code(0);
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, refusal));
    let _ = resume("--all").expect_code(3);
    let _ = resume("--failed").expect_code(0);
    let staged = world.orders().iter().find(|order| order.action_required).unwrap().id.clone();
    world.complete_in_console(&staged, USABLE);
    let _ = resume("--all").expect_code(0);
    let nothing = resume("--all").expect_code(0);
    let _ = nothing.expect_talk("there is no such run to go on with");
    assert_eq!(world.orders().len(), orders + 1);
    let _ = project.run(&["resume", &parked, "--all"]).expect_code(2);
}

#[test]
fn a_parked_run_is_explained_in_words() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", console_plan());
    let parked = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(4);
    let (run, certificate) = (parked.value("run"), parked.value("certificate"));
    let posted = |path: &str| {
        world.requests().iter().filter(|r| r.method == "POST" && r.path.ends_with(path)).count()
    };
    assert_eq!(posted("/complete"), 0);
    let _ = project
        .run(&["explain", &run])
        .expect_code(0)
        .expect_data(&format!("It owns certificate {certificate}"))
        .expect_data("It is parked since")
        .expect_data(&format!("{}/my/certs/{certificate}/complete", world.base_url()))
        .expect_data("A person acts first; then `certplan resume")
        .expect_data("Nothing is ordered again.");
    world.complete_in_console(&certificate, USABLE);
    let resumed = project.run_for(&world.base_url(), &["resume", &run]).expect_code(0);
    assert_eq!(resumed.value("certificate"), certificate);
    assert_eq!(posted("/complete"), 0);
    let done = project.run(&["explain", &run]).expect_code(0);
    let _ = done.expect_data("It succeeded at").expect_data("Nothing; it is done.");
}

#[test]
fn an_edited_plan_is_explained_and_taken_only_on_demand() {
    let world = World::live();
    let project = Project::new();
    let text = console_plan();
    project.write("plan.yaml", &text);
    let parked = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(4);
    let run = parked.value("run");
    let resume = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["resume", &run].into_iter().chain(more.iter().copied()).collect();
        project.run_for(&world.base_url(), &arguments)
    };

    let edited = text.replace("ttl: 300", "ttl: 120").replace("must have", "has");
    assert_ne!(edited, text);
    project.write("plan.yaml", &edited);
    let _ = resume(&[])
        .expect_code(4)
        .expect_talk("was edited since the run began")
        .expect_talk("record: not done, edited since (the stored text is used; --use-current-plan");

    // The order was made from it: it is not made again because of an edit.
    let by_mail = "dcv_method: email\n      dcv_emails: [hostmaster@example.com]";
    project.write("plan.yaml", edited.replace("dcv_method: dns-cname-token", by_mail));
    let refused = resume(&["--use-current-plan"]).expect_code(2);
    let _ = refused.expect_talk("order").expect_talk("without `--use-current-plan` it follows");
    project.write("plan.yaml", edited.replace("name: ov-staged", "name: another"));
    let refused = resume(&["--use-current-plan"]).expect_code(2);
    let _ = refused.expect_talk("it is called `another`");
    project.write("plan.yaml", "nonsense");
    let _ = resume(&["--use-current-plan"]).expect_code(2);
    let _ = resume(&[]).expect_code(4).expect_talk("the run follows the stored plan");
    std::fs::remove_file(project.path().join("plan.yaml")).unwrap();
    let _ = resume(&["--use-current-plan"]).expect_code(2).expect_talk("is gone");
    let _ =
        resume(&[]).expect_code(4).expect_talk("is gone; the run follows the plan that is stored");

    project.write("plan.yaml", &edited);
    let _ = resume(&["--use-current-plan"])
        .expect_code(4)
        .expect_talk("record: not done, edited since (the new text is used)");
    let [order] = world.orders().try_into().unwrap();
    world.complete_in_console(&order.id, USABLE);
    let resumed = resume(&[]).expect_code(0);
    assert_eq!(resumed.value("certificate"), order.id);
    let started = project.events(&run).into_iter().rfind(|event| {
        event["kind"]["type"] == "step_started" && event["kind"]["step"] == "record"
    });
    assert_eq!(started.unwrap()["kind"]["parameters"]["ttl"], json!(120));
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn the_plan_of_a_run_in_the_sandbox_is_found_where_it_was_named() {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let arguments = ["run", "plan.yaml", "--sandbox", "--input", "product=Nothing"];
    let run = project.run(&arguments).expect_code(1).value("run");
    let resumed = project.run(&["resume", &run]).expect_code(1);
    assert!(!resumed.stderr.contains("plan.yaml"), "{resumed}");
    project.write("plan.yaml", impatient_plan("dv.yaml") + "# edited\n");
    let _ = project.run(&["resume", &run]).expect_code(1).expect_talk("was edited since");
}

#[test]
fn a_program_that_is_told_to_wait_gets_its_turn_when_the_other_is_done() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let first = Running::start(project.command_for(gate.base_url(), &["run", "plan.yaml"]));
    gate.wait_until_held();
    let waiting = ["run", "plan.yaml", "--wait"];
    let mut second = Running::start(project.command_for(gate.base_url(), &waiting));
    second.wait_for("waiting for it");
    gate.release();
    let first = first.finish().expect_code(0);
    let second = second.finish().expect_code(0).expect_talk("nothing to do");
    assert_eq!(second.value("certificate"), first.value("certificate"));
    assert_eq!(world.only_order().id, first.value("certificate"));
}

#[test]
fn two_plans_that_order_the_same_names_at_once_never_take_each_others_order() {
    let world = World::live();
    let project = Project::new();
    let text = impatient_plan("dv.yaml");
    project.write("one.yaml", &text);
    project.write("two.yaml", text.replace("name: dv", "name: dv-two"));
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let first = Running::start(project.command_for(gate.base_url(), &["run", "one.yaml"]));
    gate.wait_until_held();
    let refused = project.run_for(gate.base_url(), &["run", "two.yaml"]).expect_code(2);
    let _ = refused.expect_talk("has ordered for exactly these names, and is not finished");
    // Somebody may mean a second certificate, and says so twice beside one that is under way.
    let meant = ["run", "two.yaml", "--again"];
    let asked = project.run_for(gate.base_url(), &meant).expect_code(2);
    let _ = asked.expect_talk("whose order is still under way").expect_talk("`--yes` confirms");
    let meant = project.command_for(gate.base_url(), &[&meant[..], &["--yes"]].concat());
    let mut second = Running::start(meant);
    second.wait_for("is ordering for");
    let ours = world.only_order().id;
    first.kill();
    second.kill();
    // The first one settles its own; the second one never took it.
    let runs = project.runs();
    let run_of = |plan: &str| {
        runs.iter().find(|run| run["plan"] == plan).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let resumed = project.run_for(gate.base_url(), &["resume", &run_of("dv")]).expect_code(0);
    assert_eq!(resumed.value("certificate"), ours);
    let resumed = project.run_for(gate.base_url(), &["resume", &run_of("dv-two")]).expect_code(0);
    assert_ne!(resumed.value("certificate"), ours);
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_key_that_the_server_echoes_is_masked_in_every_byte_that_is_left() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", console_plan());
    let first = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(4);
    let run = first.value("run");
    let echo = json!({
        "id": world.only_order().id, "status": "pending", "action_required": true,
        "common_name": COMMON_NAME, "product": "SecureSite",
        "pending_reason": format!("key {API_KEY}"),
        "pending_message": format!("the key {API_KEY} may not do this"),
        "completion_url": format!("https://dash.example/?key={API_KEY}"),
    });
    let answer = FaultAction::json(200, &json!({ "success": true, "code": 0, "response": echo }));
    world.add_fault(Fault { times: 9, ..Fault::at("GET", "/tls/certificate/", 1, answer) });
    let parked = project.run_for(&world.base_url(), &["resume", &run, "-v"]).expect_code(4);
    let said = [parked.stdout, parked.stderr].concat();
    assert!(said.contains("may not do this") && !said.contains(API_KEY), "{said}");
    for command in ["show", "explain", "events"] {
        let said = project.run(&[command, &run]).expect_code(0).stdout;
        assert!(said.contains("may not do this") && !said.contains(API_KEY), "{said}");
    }
    project.expect_nowhere(API_KEY);
}

#[test]
fn the_doctor_finds_what_is_whole_and_what_is_not() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let _ = project.run(&["doctor"]).expect_code(2).expect_talk("there are no runs");
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let _ = project
        .run(&["doctor"])
        .expect_code(0)
        .expect_data("the state file is whole")
        .expect_data("1 of 1 runs are whole");

    let certificate = done.value("certificate file");
    let kept = std::fs::read(&certificate).unwrap();
    std::fs::remove_file(&certificate).unwrap();
    let _ =
        project.run(&["doctor"]).expect_code(1).expect_data(&format!("`{certificate}` is gone"));
    std::fs::write(&certificate, kept).unwrap();

    let files = project.files();
    let key = files.iter().find(|path| path.display().to_string().ends_with(".key.pem")).unwrap();
    let text = std::fs::read(key).unwrap();
    std::fs::write(key, &text[..text.len() / 2]).unwrap();
    let _ = project.run(&["doctor"]).expect_code(1).expect_data("is damaged");
    std::fs::remove_file(key).unwrap();
    let _ = project.run(&["doctor"]).expect_code(1).expect_data("cannot be read");
    std::fs::write(key, text).unwrap();
    let _ = project.run(&["doctor"]).expect_code(0);
}

#[test]
fn the_doctor_says_that_a_damaged_state_file_is_damaged() {
    let world = World::live();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let _ = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let path = project.path().join(".certplan/state.db");
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    // Everything after the first pages: the tables are there, their content is not.
    for byte in damaged.iter_mut().skip(3 * 4096) {
        *byte = 0xA5;
    }
    std::fs::write(&path, &damaged).unwrap();
    let sick = project.run(&["doctor"]);
    assert_eq!(sick.code, 1, "{sick}");
    assert!(sick.stdout.contains("BAD"), "{sick}");
    // And nothing is ordered on such ground.
    let requests = world.requests().len();
    let refused = project.run_for(&world.base_url(), &["run", "plan.yaml", "--again"]);
    assert_ne!(refused.code, 0, "{refused}");
    let posts = world.requests().split_off(requests);
    assert!(posts.iter().all(|request| request.method != "POST"), "{posts:?}");
}

#[test]
fn how_several_runs_are_gone_on_with_means_nothing_before_it_is_said_which() {
    let project = Project::new();
    for option in
        [&["--serial", "1"][..], &["--max-orders", "3"], &["--max-failures", "1"], &["--yes"]]
    {
        let refused = project.run(&[&["resume"], option].concat()).expect_code(2);
        let _ = refused.expect_talk("--all").expect_talk("--batch");
        let one = project.run(&[&["resume", "7k9qw3m2zt"], option].concat());
        let _ = one.expect_code(2).expect_no_data();
    }
}
