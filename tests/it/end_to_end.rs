//! From the plan file to a certificate on disk, with the real program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{
    API_KEY, COMMON_NAME, Finished, Project, Running, World, address_of, finish, impatient_plan,
    resolver_of, shipped_plan,
};

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What `openssl` prints, or nothing when this machine has no `openssl`.
fn openssl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(arguments).stderr(Stdio::inherit()).output().ok()?;
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Lets OpenSSL check what a run against a sandbox brought.
fn expect_valid_set(root: &str, certificate: &str, chain: &str, key: &str, names: &[&str]) {
    let Some(verdict) = openssl(&["verify", "-CAfile", root, "-untrusted", chain, certificate])
    else {
        return;
    };
    assert_eq!(verdict, format!("{certificate}: OK\n"));
    let of_certificate = openssl(&["x509", "-in", certificate, "-noout", "-pubkey"]).unwrap();
    let of_key = openssl(&["pkey", "-in", key, "-pubout"]).unwrap();
    assert_eq!(of_certificate, of_key);
    let found = openssl(&["x509", "-in", certificate, "-noout", "-ext", "subjectAltName"]).unwrap();
    for name in names {
        assert!(found.contains(&format!("DNS:{name}")), "{found}");
    }
}

#[test]
fn the_staged_ov_plan_leads_to_a_certificate_that_openssl_accepts() {
    let project = Project::new();
    let run = project.run(&["run", &shipped_plan("ov-staged.yaml"), "--sandbox"]).expect_code(0);
    assert_eq!(run.value("state"), "succeeded");
    assert_eq!(run.value("certificate").len(), 13);
    let folder = project.path().join(".certplan/sandbox/files/certs").join(COMMON_NAME);
    let path = |name: &str| folder.join(name).display().to_string();
    let (certificate, chain) = (run.value("certificate file"), run.value("issuers"));
    let (key, root) = (run.value("private key"), run.value("sandbox root"));
    assert_eq!((&certificate, &chain), (&path("cert.pem"), &path("chain.pem")));
    assert_eq!((&key, &run.value("full chain")), (&path("privkey.pem"), &path("fullchain.pem")));
    assert_eq!(mode(&key), 0o600);
    for public in [&certificate, &chain, &run.value("full chain"), &root] {
        assert_eq!(mode(public), 0o644, "{public}");
    }
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&run.value("full chain")), read(&certificate) + &read(&chain));
    expect_valid_set(&root, &certificate, &chain, &key, &[COMMON_NAME]);
    // What is nobody else's business can be read by nobody else.
    for private in [".certplan", ".certplan/keys", ".certplan/locks", ".certplan/sandbox"] {
        assert_eq!(mode(project.path().join(private).to_str().unwrap()), 0o700, "{private}");
    }
    for file in project.files() {
        let shown = file.display().to_string();
        let is_secret = shown.contains("key.pem") || shown.contains("state.db");
        assert!(!is_secret || mode(&shown) == 0o600, "{shown}");
    }
}

#[test]
fn talk_goes_to_standard_error_and_tells_of_every_step() {
    let project = Project::new();
    let run = project.run(&["run", &shipped_plan("ov-staged.yaml"), "--sandbox"]).expect_code(0);
    assert!(run.stderr.contains("no real CA, no money"), "{run}");
    for step in [
        "product",
        "organization",
        "key",
        "order",
        "complete",
        "validation",
        "record",
        "issued",
        "certificate",
    ] {
        assert!(run.stderr.contains(&format!("✓ {step} ")), "{step}:\n{run}");
        assert!(!run.stdout.contains('✓'), "{run}");
    }
    assert!(!run.stderr.contains('\u{1b}'), "colours without a terminal: {run}");
}

#[test]
fn the_result_as_json_has_everything_a_program_needs() {
    let project = Project::new();
    let plan = shipped_plan("ov-staged.yaml");
    let run = project.run(&["run", &plan, "--sandbox", "--output", "json"]).expect_code(0);
    let result = run.json();
    assert_eq!(result["plan"], "ov-staged");
    assert_eq!(result["target"], COMMON_NAME);
    assert_eq!(result["sandbox"], true);
    assert_eq!(result["phase"], "succeeded");
    assert_eq!(result["certificate_id"].as_str().unwrap().len(), 13);
    let files = result["files"].as_object().unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["directory", "certificate_file", "chain_file", "fullchain_file", "key_file"]
    );
    for path in files.values() {
        assert!(Path::new(path.as_str().unwrap()).exists(), "{path}");
    }
    assert!(Path::new(result["sandbox_root"].as_str().unwrap()).exists());
    let steps: Vec<(&str, &str)> = result["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["state"].as_str().unwrap()))
        .collect();
    assert_eq!(steps.len(), 11);
    assert!(steps.iter().all(|(_, state)| *state == "succeeded"), "{steps:?}");

    // `show` tells the same.
    let id = result["run"].as_str().unwrap();
    assert_eq!(project.run(&["show", id, "--output", "json"]).expect_code(0).json(), result);
}

#[test]
fn a_second_run_has_nothing_to_do_and_orders_nothing() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    let first = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    assert_eq!(project.embedded_orders().len(), 1);

    let second = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    assert!(second.stderr.contains("nothing to do"), "{second}");
    assert_eq!(second.stdout, first.stdout);
    assert_eq!((project.embedded_orders().len(), project.runs().len()), (1, 1));

    let third = project.run(&["run", &plan, "--sandbox", "--again"]).expect_code(0);
    assert_ne!(third.value("certificate"), first.value("certificate"));
    assert_ne!(third.value("run"), first.value("run"));
    assert_eq!((project.embedded_orders().len(), project.runs().len()), (2, 2));
    let paths = ["certificate file", "issuers", "private key"].map(|name| third.value(name));
    expect_valid_set(&third.value("sandbox root"), &paths[0], &paths[1], &paths[2], &[COMMON_NAME]);
}

#[test]
fn a_second_run_that_would_not_be_the_same_is_refused_with_the_reason() {
    let project = Project::new();
    let text = std::fs::read_to_string(shipped_plan("dv.yaml")).unwrap();
    project.write("dv.yaml", &text);
    let first = project.run(&["run", "dv.yaml", "--sandbox"]).expect_code(0);

    let other = project.run(&["run", "dv.yaml", "--sandbox", "--input", "validity_days=30"]);
    let _ = other.expect_code(2).expect_talk("the inputs are others now").expect_no_data();

    project.write("dv.yaml", format!("{text}\n# edited\n"));
    let edited = project.run(&["run", "dv.yaml", "--sandbox"]);
    let _ = edited.expect_code(2).expect_talk("the plan was edited since").expect_no_data();

    project.write("dv.yaml", &text);
    std::fs::remove_file(first.value("certificate file")).unwrap();
    let gone = project.run(&["run", "dv.yaml", "--sandbox"]);
    let _ = gone.expect_code(2).expect_talk("its files are gone").expect_talk("--again");
    assert_eq!(project.embedded_orders().len(), 1);
}

#[test]
fn a_dv_certificate_holds_all_names_over_several_zones() {
    let project = Project::new();
    let run = project.run(&[
        "run",
        &shipped_plan("dv.yaml"),
        "--sandbox",
        "--input",
        "common_name=shop.example.net",
        "--input",
        "dns_names=[example.net, www.example.net, api.example.org, münchen.example]",
    ]);
    let run = run.expect_code(0);
    let names = [
        "shop.example.net",
        "example.net",
        "www.example.net",
        "api.example.org",
        "xn--mnchen-3ya.example",
    ];
    let (certificate, key) = (run.value("certificate file"), run.value("private key"));
    assert!(certificate.contains("certs/shop.example.net/"), "{certificate}");
    expect_valid_set(&run.value("sandbox root"), &certificate, &run.value("issuers"), &key, &names);
    let events = project.events(&run.value("run"));
    let put = events.iter().find(|event| {
        event["kind"]["type"] == "step_succeeded" && event["kind"]["step"] == "record"
    });
    let records = put.unwrap()["kind"]["output"]["records"].as_array().unwrap();
    assert_eq!(records.len(), 3, "one for each zone: {records:?}");
}

#[test]
fn different_targets_get_different_certificates_in_one_project() {
    let project = Project::new();
    let plan = shipped_plan("dv.yaml");
    for name in ["a.example.com", "b.example.com"] {
        let input = format!("common_name={name}");
        let _ = project.run(&["run", &plan, "--sandbox", "--input", &input]).expect_code(0);
    }
    let targets: Vec<Value> = project.runs().iter().map(|run| run["target"].clone()).collect();
    assert_eq!(targets.len(), 2);
    assert!(targets.contains(&json!("a.example.com")) && targets.contains(&json!("b.example.com")));
    assert_eq!(project.embedded_orders().len(), 2);
}

#[test]
fn status_show_and_events_tell_what_happened() {
    let project = Project::new();
    let _ = project.run(&["status"]).expect_code(0).expect_no_data().expect_talk("no runs in");
    assert!(!project.path().join(".certplan").exists(), "looking made a folder");
    let empty = project.run(&["status", "--output", "json"]).expect_code(0);
    assert_eq!(empty.json(), json!([]));

    let run = project.run(&["run", &shipped_plan("ov-staged.yaml"), "--sandbox"]).expect_code(0);
    let (id, certificate) = (run.value("run"), run.value("certificate"));

    let status = project.run(&["status"]).expect_code(0);
    let line = status.stdout.lines().find(|line| line.starts_with(&id)).unwrap();
    for word in ["succeeded", "ov-staged (sandbox)", COMMON_NAME, &certificate] {
        assert!(line.contains(word), "{status}");
    }
    let [row] = project.runs().try_into().unwrap();
    assert_eq!((&row["id"], &row["certificate_id"]), (&json!(id), &json!(certificate)));

    let show = project.run(&["show", &id[..4]]).expect_code(0);
    for text in ["owns certificate", "about to order", "Timeline", "  finished", &certificate] {
        assert!(show.stdout.contains(text), "{text}:\n{show}");
    }
    assert_eq!(show.stderr, "");

    let events = project.events(&id);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], json!(index + 1));
        assert!(event["at"].is_string());
    }
    let names: Vec<&str> =
        events.iter().map(|event| event["kind"]["type"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("run_started", "run_finished"));
    let place = |name: &str| names.iter().position(|found| *found == name).unwrap();
    assert!(place("intent_recorded") < place("certificate_bound"));

    let resumed = project.run(&["resume", &id]).expect_code(0);
    assert!(resumed.stderr.contains("has succeeded; there is nothing to go on with"), "{resumed}");
    assert_eq!(resumed.stdout, run.stdout);
    let _ = project.run(&["resume"]).expect_code(0).expect_talk("no run has stopped on its way");
}

#[test]
fn check_accepts_the_plans_that_ship() {
    let project = Project::new();
    let plans = [shipped_plan("dv.yaml"), shipped_plan("ov-staged.yaml")];
    let checked = project.run(&["check", &plans[0], &plans[1]]).expect_code(0);
    assert_eq!(checked.stdout.lines().count(), 2);
    assert!(checked.stdout.lines().all(|line| line.contains(": ok, ")), "{checked}");
    assert_eq!(checked.stderr, "");
}

#[test]
fn a_run_against_a_sandbox_in_another_process_ends_with_its_certificate() {
    let server = Project::new();
    let command = server.command(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--key",
        API_KEY,
        "--root-file",
        "root.pem",
    ]);
    let mut sandbox = Running::start(command);
    let base_url = address_of(&mut sandbox);
    let root = server.path().join("root.pem").display().to_string();
    sandbox.wait_for("NOT A REAL CA");

    // Once with the address from the environment, once from the command line, at the same time.
    let by_environment = |name: &str| {
        let project = Project::new();
        project.write("plan.yaml", impatient_plan("dv.yaml"));
        let input = format!("common_name={name}");
        let run = project.run_for(&base_url, &["run", "plan.yaml", "--input", &input]);
        (project, run)
    };
    let by_setting = |name: &str| {
        let project = Project::new();
        project.write("plan.yaml", impatient_plan("ov-staged.yaml"));
        let input = format!("common_name={name}");
        let setting = format!("connections.regfish.base_url={base_url}/");
        let resolver = format!("dns.resolver={}", resolver_of(&base_url));
        let arguments = ["run", "plan.yaml", "--input", &input, "--set", &setting];
        let arguments = [&arguments[..], &["--set", &resolver]].concat();
        let mut command = project.command(&arguments);
        // The setting wins over the environment.
        command.env("REGFISH_API_KEY", API_KEY).env("REGFISH_BASE_URL", "https://127.0.0.1:1");
        (project, finish(command))
    };
    let (dv, ov) = std::thread::scope(|scope| {
        let dv = scope.spawn(|| by_environment("dv.example.com"));
        let ov = scope.spawn(|| by_setting("ov.example.org"));
        (dv.join().unwrap(), ov.join().unwrap())
    });
    for ((project, run), name) in [(dv, "dv.example.com"), (ov, "ov.example.org")] {
        let run = run.expect_code(0);
        let (certificate, key) = (run.value("certificate file"), run.value("private key"));
        expect_valid_set(&root, &certificate, &run.value("issuers"), &key, &[name]);
        assert!(!run.stdout.contains("sandbox"), "this one cannot know: {run}");
        project.expect_nowhere(API_KEY);
    }

    sandbox.signal("TERM");
    let _ = sandbox.finish().expect_code(0);
}

#[test]
fn the_sandbox_is_not_for_others() {
    let project = Project::new();
    let refused = project.run(&["sandbox", "--listen", "0.0.0.0:0"]);
    let _ = refused.expect_code(2).expect_no_data().expect_talk("listens on loopback only");
}

#[test]
fn a_run_remembers_its_world_and_does_not_mix_it_with_another() {
    let world = World::new();
    let project = Project::new();
    project.write("plan.yaml", impatient_plan("dv.yaml"));
    let embedded = project.run(&["run", "plan.yaml", "--sandbox"]).expect_code(0);
    // The same plan and target for real is another matter.
    world_run(&world, &project, &embedded);
}

fn world_run(world: &World, project: &Project, embedded: &Finished) {
    let mut running = Running::start(project.command_for(&world.base_url(), &["run", "plan.yaml"]));
    running.wait_for("not issued yet");
    world.pass(5);
    let real = running.finish().expect_code(0);
    assert_ne!(real.value("certificate"), embedded.value("certificate"));
    assert_eq!(world.only_order().id, real.value("certificate"));
    let sandboxes: Vec<Value> = project.runs().iter().map(|run| run["sandbox"].clone()).collect();
    assert_eq!(sandboxes.len(), 2);
    assert!(sandboxes.contains(&json!(true)) && sandboxes.contains(&json!(false)));
}
