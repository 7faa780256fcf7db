//! Whatever a plan does: no API key, no passphrase and no private key stands where it does not
//! belong.

use std::path::Path;

use crate::harness::{API_KEY, Finished, Project, Running, World, impatient_plan};

const PASSPHRASE: &str = "a-passphrase-of-the-test";

/// Plan, target, and the inputs that it does not do without here.
const PLANS: &[(&str, &str, &str)] = &[
    ("dv", "www.dv.com", "keep_records=false"),
    ("dv-wildcard", "*.wildcard.com", "keep_records=false"),
    ("dv-keystore", "www.keystore.com", "legacy=true"),
    ("ov-direct", "www.direct.com", "keep_records=false"),
    ("ov-staged", "www.staged.com", "keep_records=false"),
    ("ov-new-organization", "www.new.com", "organization=Neue Werke GmbH"),
];

fn start(project: &Project, world: &World, plan: &str, inputs: &[&str]) -> Running {
    let file = format!("{plan}.yaml");
    project.write(&file, impatient_plan(&file));
    let mut arguments = vec!["run", &file, "-vvv"];
    arguments.extend(inputs.iter().flat_map(|input| ["--input", input]));
    let mut command = project.command_for(&world.base_url(), &arguments);
    command.env("CERTPLAN_LOG", "trace").env("KEYSTORE_PASSPHRASE", PASSPHRASE);
    Running::start(command)
}

/// A part of each private key in the folder that nothing else has by chance, and where it may be.
fn private_keys(project: &Project) -> Vec<String> {
    let files = project.files().into_iter().filter(|path| may_hold_a_key(path));
    let texts = files.filter_map(|path| std::fs::read_to_string(path).ok());
    let keys = texts.filter_map(|text| {
        let (_, key) = text.split_once("-----BEGIN PRIVATE KEY-----\n")?;
        // Its first line says what kind of key it is; the second is the key itself.
        key.lines().nth(1).map(|line| line.chars().take(40).collect())
    });
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    keys.dedup();
    keys
}

fn may_hold_a_key(path: &Path) -> bool {
    path.to_string_lossy().ends_with("key.pem")
}

fn expect_clean(project: &Project, finished: &Finished) {
    for secret in [API_KEY, PASSPHRASE] {
        assert!(!finished.stdout.contains(secret), "{finished}");
        assert!(!finished.stderr.contains(secret), "{finished}");
        project.expect_nowhere(secret);
    }
    let keys = private_keys(project);
    assert!(!keys.is_empty(), "{:?}", project.files());
    for key in keys {
        assert!(!finished.stdout.contains(&key), "{finished}");
        assert!(!finished.stderr.contains(&key), "{finished}");
        for path in project.files().iter().filter(|path| !may_hold_a_key(path)) {
            let bytes = std::fs::read(path).unwrap();
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "a private key is in {}", path.display());
        }
    }
}

#[test]
fn nothing_that_a_talkative_run_of_a_shipped_plan_leaves_behind_holds_a_secret() {
    let world = World::live();
    let projects: Vec<Project> = PLANS.iter().map(|_| Project::new()).collect();
    let running: Vec<Running> = PLANS
        .iter()
        .zip(&projects)
        .map(|((plan, name, input), project)| {
            let name = format!("common_name={name}");
            start(project, &world, plan, &[&name, input])
        })
        .collect();
    let mut certificate = String::new();
    for (((plan, _, _), project), running) in PLANS.iter().zip(&projects).zip(running) {
        let finished = running.finish().expect_code(0);
        assert!(finished.stderr.contains("TRACE"), "{plan}: {finished}");
        expect_clean(project, &finished);
        if *plan == "dv" {
            certificate = finished.value("certificate");
        }
        let run = finished.value("run");
        for command in [
            &["show", &run][..],
            &["show", &run, "--output", "json"],
            &["explain", &run],
            &["events", &run],
            &["status", "--output", "json"],
            &["list", "--output", "json"],
        ] {
            expect_clean(project, &project.run(&[command, &["-vvv"]].concat()).expect_code(0));
        }
    }
    let certificate = format!("certificate_id={certificate}");
    let inputs = [&certificate, "common_name=www.dv.com", "lead=300d"];
    let reissued = start(&projects[0], &world, "reissue", &inputs).finish();
    expect_clean(&projects[0], &reissued.expect_code(0));
}
