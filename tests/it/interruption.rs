//! The real program, stopped and killed in the middle: the next one goes on under the same id.

use certplan::sandbox::{Fault, FaultAction};
use certplan::store::{TargetKey, TargetLocks};

use crate::harness::{
    API_KEY, COMMON_NAME, Finished, Gate, Project, Running, World, address_of, impatient_plan,
    listed_certificates, resolver_of, shipped_plan,
};

/// The sandbox's organizations.
const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";
const UNUSABLE: &str = "hdl_4NXR6VP2CD9WB";

/// A project with a shipped plan that polls often.
fn project_with(plan: &str) -> Project {
    let project = Project::new();
    project.write("plan.yaml", impatient_plan(plan));
    project
}

fn start(project: &Project, base_url: &str, arguments: &[&str]) -> Running {
    Running::start(project.command_for(base_url, arguments))
}

/// The only run of a project.
#[track_caller]
fn only_run(project: &Project) -> String {
    let [run] = project.runs().try_into().unwrap();
    run["id"].as_str().unwrap().to_owned()
}

/// Fails unless a resumed run brought the only order of the world.
#[track_caller]
fn expect_issued(world: &World, project: &Project, resumed: Finished) {
    let resumed = resumed.expect_code(0);
    let order = world.only_order();
    assert_eq!((resumed.value("certificate"), order.status.as_str()), (order.id, "issued"));
    let keys = project.files();
    let keys = keys.iter().filter(|path| path.display().to_string().ends_with(".key.pem"));
    assert_eq!(keys.count(), 1);
    project.expect_nowhere(API_KEY);
}

/// Tries all cases at the same time: most of their time they wait.
pub(crate) fn side_by_side(cases: &[&str], check: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

#[test]
fn ctrl_c_during_a_wait_ends_with_130_and_resume_goes_on() {
    for signal in ["INT", "TERM"] {
        let world = World::new();
        let project = project_with("ov-staged.yaml");
        let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
        running.wait_for("not issued yet");
        running.signal(signal);
        let stopped =
            running.finish().expect_code(130).expect_talk("stopping after what is under way");
        let (run, certificate) = (stopped.value("run"), stopped.value("certificate"));
        assert_eq!(stopped.value("state"), "interrupted");
        let hint = format!("`certplan resume {run}` goes on under certificate {certificate}");
        let _ = stopped.expect_talk(&hint);

        // A new run is refused while this one can go on.
        let refused = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
        let _ = refused
            .expect_code(2)
            .expect_no_data()
            .expect_talk(
                "is not finished (interrupted); a new one could order a second certificate",
            )
            .expect_talk(&format!("`certplan resume {run}`"));
        let listed = project.run(&["resume"]).expect_code(0).expect_data(&run);
        let _ = listed.expect_talk("certplan resume RUN");

        world.pass(5);
        let resumed = project.run_for(&world.base_url(), &["resume", &run]);
        assert_eq!(resumed.value("certificate"), certificate);
        expect_issued(&world, &project, resumed);
    }
}

#[test]
fn ctrl_c_lets_the_order_under_way_come_home() {
    let world = World::new();
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let project = project_with("dv.yaml");
    let mut running = start(&project, gate.base_url(), &["run", "plan.yaml"]);
    gate.wait_until_held();
    running.signal("INT");
    running.wait_for("stopping after what is under way");
    gate.release();
    let stopped = running.finish().expect_code(130);
    assert_eq!(stopped.value("certificate"), world.only_order().id);
    world.pass(5);
    let mut resumed = start(&project, gate.base_url(), &["resume", &stopped.value("run")]);
    resumed.wait_for("not issued yet");
    world.pass(5);
    expect_issued(&world, &project, resumed.finish());
}

#[test]
fn ctrl_c_twice_leaves_at_once_and_the_order_is_adopted_later() {
    let world = World::live();
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let project = project_with("dv.yaml");
    let mut running = start(&project, gate.base_url(), &["run", "plan.yaml"]);
    gate.wait_until_held();
    running.signal("INT");
    running.wait_for("stopping after what is under way");
    running.signal("INT");
    let _ = running.finish().expect_code(130);
    let resumed = project.run_for(gate.base_url(), &["resume", &only_run(&project)]);
    expect_issued(&world, &project, resumed.expect_talk("nothing is ordered again"));
}

#[test]
fn a_program_that_is_killed_while_any_request_is_under_way_is_gone_on_with() {
    let requests = [
        "GET /tls/products ",
        "GET /tls/organization ",
        "GET /tls/certificate ",
        "POST /tls/certificate ",
        "/complete ",
        "GET /tls/certificate/",
        "GET /dns/",
        "POST /dns/rr ",
        "/download/pem ",
    ];
    side_by_side(&requests, |request| {
        let world = World::live();
        let gate = Gate::holding(&world.base_url(), request);
        let project = project_with("ov-staged.yaml");
        let running = start(&project, gate.base_url(), &["run", "plan.yaml"]);
        gate.wait_until_held();
        assert!(!running.kill().success());
        let [run] = project.runs().try_into().unwrap();
        assert_eq!(run["phase"], "stopped", "{request}");
        let listed = project.run(&["list", "--output", "json"]).expect_code(0).json();
        assert_eq!(listed[0]["state"], "stopped", "{request}: {listed}");
        let id = run["id"].as_str().unwrap();
        let resumed = project.run_for(gate.base_url(), &["resume", id]);
        assert_eq!(resumed.code, 0, "{request}\n{resumed}");
        expect_issued(&world, &project, resumed);
    });
}

#[test]
fn a_program_that_is_killed_after_a_line_of_progress_is_gone_on_with() {
    let lines = ["✓ order", "✓ complete", "✓ validation", "✓ record", "… issued"];
    side_by_side(&lines, |line| {
        let world = World::new();
        let project = project_with("ov-staged.yaml");
        let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
        running.wait_for(line);
        assert!(!running.kill().success());
        let certificate = world.only_order().id;
        let mut resumed = start(&project, &world.base_url(), &["resume", &only_run(&project)]);
        resumed.wait_for("not issued yet");
        world.pass(5);
        let resumed = resumed.finish();
        assert_eq!(resumed.value("certificate"), certificate, "{line}");
        expect_issued(&world, &project, resumed);
    });
}

#[test]
fn a_run_outlives_both_its_program_and_its_sandbox() {
    let server = Project::new();
    let serve = || {
        let mut sandbox = Running::start(server.command(&[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--key",
            API_KEY,
            "--state-file",
            "world.json",
        ]));
        let base_url = address_of(&mut sandbox);
        (sandbox, base_url)
    };
    let (sandbox, base_url) = serve();
    let project = project_with("dv.yaml");
    let gate = Gate::holding(&base_url, "POST /tls/certificate ");
    let running = start(&project, gate.base_url(), &["run", "plan.yaml"]);
    gate.wait_until_held();
    let [certificate] = listed_certificates(&base_url).try_into().unwrap();
    running.kill();
    sandbox.kill();

    let (_sandbox, base_url) = serve();
    let setting = format!("connections.regfish.base_url={base_url}");
    let resolver = format!("dns.resolver={}", resolver_of(&base_url));
    let run = only_run(&project);
    let arguments = ["resume", &run, "--set", &setting, "--set", &resolver];
    let resumed = project.run_for("https://127.0.0.1:1", &arguments).expect_code(0);
    assert_eq!(resumed.value("certificate"), certificate);
    assert_eq!(listed_certificates(&base_url), [certificate]);
}

#[test]
fn a_killed_run_finds_its_order_in_the_embedded_sandbox_again() {
    for line in ["✓ order", "✓ record", "looks again in"] {
        let project = Project::new();
        let plan = shipped_plan("ov-staged.yaml");
        let mut running = Running::start(project.command(&["run", &plan, "--sandbox"]));
        running.wait_for(line);
        running.kill();
        let resumed = project.run(&["resume", &only_run(&project)]).expect_code(0);
        assert_eq!(Vec::from_iter(project.embedded_orders()), [resumed.value("certificate")]);
        assert_eq!(resumed.value("state"), "succeeded");
    }
}

#[test]
fn a_target_is_worked_on_by_one_program_at_a_time() {
    let world = World::new();
    let project = project_with("dv.yaml");
    let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
    running.wait_for("not issued yet");
    let run = only_run(&project);
    let held = format!("target `{COMMON_NAME}` of plan `dv` is being worked on by process");
    for arguments in [
        &["run", "plan.yaml"][..],
        &["run", "plan.yaml", "--again"],
        &["resume", &run],
        &["resume", &run, "--output", "json"],
        &["adopt", &run, "--none", "--yes"],
        &["adopt", &run, "--certificate-id", "7K9QW3M2ZT8HX"],
        &["cancel", &run, "--yes"],
    ] {
        let _ = project
            .run_for(&world.base_url(), arguments)
            .expect_code(6)
            .expect_no_data()
            .expect_talk(&held)
            .expect_talk(&format!("(run {run})"));
    }
    // Looking is always allowed, and so is another target.
    let _ = project.run(&["show", &run]).expect_code(0).expect_data("not issued yet");
    let other = ["run", "plan.yaml", "--input", "common_name=b.example.com", "-i", "product=None"];
    let _ = project.run_for(&world.base_url(), &other).expect_code(1);
    world.pass(5);
    let finished = running.finish().expect_code(0);
    assert_eq!(finished.value("certificate"), world.only_order().id);
}

#[test]
fn nobody_is_asked_about_an_order_that_is_in_no_doubt() {
    let (world, project) = (World::live(), project_with("dv.yaml"));
    let done = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0);
    let adopt = |run: &str| project.run(&["adopt", run, "--none"]).expect_code(2);
    let refused = adopt(&done.value("run")).expect_talk("no order of this run is in doubt");
    let refused = refused.expect_talk("`certplan show");
    assert!(!refused.stderr.contains("confirm"), "{refused}");

    // What was sent without an answer is looked for first.
    let gate = Gate::holding(&world.base_url(), "POST /tls/certificate ");
    let other = ["run", "plan.yaml", "-i", "common_name=b.example.com"];
    let running = Running::start(project.command_for(gate.base_url(), &other));
    gate.wait_until_held();
    running.kill();
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let _ = adopt(&run).expect_talk(&format!("`certplan resume {run}` asks what became of its"));
    let _ =
        project.run(&["adopt", &run]).expect_code(2).expect_talk("<--certificate-id <ID>|--none>");
}

#[test]
fn a_run_in_the_embedded_sandbox_waits_for_nobody_but_says_who_is_in_it() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let locks = TargetLocks::new(project.path().join(".certplan/locks"));
    let key = TargetKey { plan: "dv".to_owned(), target: COMMON_NAME.to_owned(), sandbox: true };
    let lock = locks.lock(&key, "process 1 (run 0123456789)").unwrap();
    let second = project.run(&["run", &plan, "--sandbox"]).expect_code(6).expect_no_data();
    let _ = second.expect_talk("is being worked on by process 1 (run 0123456789)");
    drop(lock);
    // The lock of a program that is gone holds nobody back.
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0).expect_talk("nothing to do");
}

#[test]
fn a_run_that_waits_for_a_person_ends_with_4_and_says_where() {
    let world = World::new();
    let project = Project::new();
    let text =
        impatient_plan("ov-staged.yaml").replace("\"{{ steps.organization.id }}\"", UNUSABLE);
    assert!(text.contains(UNUSABLE));
    project.write("plan.yaml", text);
    let parked = project.run_for(&world.base_url(), &["run", "plan.yaml", "--output", "json"]);
    let parked = parked.expect_code(4).expect_talk("a person can act here: http://127.0.0.1:");
    let result = parked.json();
    let certificate = world.only_order().id;
    assert_eq!(
        (&result["phase"], &result["certificate_id"]),
        (&"parked".into(), &certificate.clone().into())
    );
    let steps = result["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == "complete").unwrap();
    let url = format!("{}/my/certs/{certificate}/complete", world.base_url());
    assert_eq!((&step["state"], &step["completion_url"]), (&"parked".into(), &url.clone().into()));

    let run = result["run"].as_str().unwrap();
    let _ = project.run(&["show", run]).expect_code(0).expect_data(&url);
    let again = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
    let _ = again.expect_code(2).expect_talk("is not finished (parked)");
    let still = project.run_for(&world.base_url(), &["resume", run]);
    let _ = still.expect_code(4).expect_talk(&url);

    world.complete_in_console(&certificate, USABLE);
    let mut resumed = start(&project, &world.base_url(), &["resume", run]);
    resumed.wait_for("not issued yet");
    world.pass(5);
    expect_issued(&world, &project, resumed.finish());
}

#[test]
fn a_run_in_doubt_ends_with_5_and_shows_the_candidates() {
    let world = World::new();
    world.add_fault(Fault::at("POST", "/tls/certificate", 1, FaultAction::DropAfterCommit));
    let project = project_with("dv.yaml");
    let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
    running.wait_for("it is not known whether the order arrived");
    running.kill();
    let ours = world.only_order().id;
    let theirs = world.order_elsewhere("RapidSSL", COMMON_NAME);
    for _ in 0..2 {
        let doubt = project.run_for(&world.base_url(), &["resume", &only_run(&project)]);
        let doubt = doubt.expect_code(5).expect_talk(&ours).expect_talk(&theirs);
        assert_eq!(doubt.value("state"), "in doubt");
        let _ = doubt.expect_talk("nothing is ordered again by itself");
    }
    let again = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
    let _ = again.expect_code(2).expect_talk("is not finished (in doubt)");
    assert_eq!(world.orders().len(), 2);
}

#[test]
fn a_record_of_somebody_else_fails_the_run_until_it_is_gone() {
    let world = World::new();
    world.add_foreign_record("_dnsauth.example.com", "CNAME", "theirs.example.net");
    let project = project_with("dv.yaml");
    let failed = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(1);
    let failed = failed.expect_talk("theirs.example.net").expect_talk("put it right and");
    let certificate = failed.value("certificate");
    assert_eq!(world.only_order().id, certificate);
    // It was ordered: starting anew would order again.
    let again = project.run_for(&world.base_url(), &["run", "plan.yaml"]);
    let _ = again.expect_code(2).expect_talk("is not finished (failed)");
    assert_eq!(world.orders().len(), 1);
}

#[test]
fn a_plan_that_was_edited_meanwhile_does_not_change_the_run() {
    let world = World::new();
    let project = project_with("dv.yaml");
    let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
    running.wait_for("not issued yet");
    running.kill();
    project.write("plan.yaml", "nonsense");
    world.pass(5);
    let resumed = project.run_for(&world.base_url(), &["resume", &only_run(&project)]);
    expect_issued(&world, &project, resumed);
}

#[test]
fn a_resumed_run_finds_its_files_from_another_folder() {
    let world = World::new();
    let project = project_with("dv.yaml");
    let mut running = start(&project, &world.base_url(), &["run", "plan.yaml"]);
    running.wait_for("not issued yet");
    running.kill();
    world.pass(5);
    let run = only_run(&project);
    let below = project.path().join("deep/down");
    std::fs::create_dir_all(&below).unwrap();
    let mut command = project.command_for(&world.base_url(), &["resume", &run]);
    command.current_dir(&below);
    let resumed = crate::harness::finish(command);
    let expected = project.path().join("certs").join(COMMON_NAME).join("cert.pem");
    assert_eq!(resumed.value("certificate file"), expected.display().to_string());
    expect_issued(&world, &project, resumed);
}
