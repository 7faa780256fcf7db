//! Writing plans: `check`, `init`, `schema` and `actions`, as a person or a pipeline calls them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use certplan::document::SourceFile;
use certplan::engine::{Engine, EngineSettings, SEMANTICS};
use certplan::plan::{Plan, parse_plan, resolve_inputs};
use certplan::run::{PlanReference, RunHeader};
use certplan::types::RunId;
use proptest::prelude::*;
use serde_json::Value;

fn certplan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_certplan"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a good plan, two bad ones and a file that is no plan.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good = include_str!("../../plans/dv.yaml");
    for (name, text) in [
        ("plans/dv.yaml", good.to_owned()),
        ("plans/typo.yaml", good.replace("steps.key.csr", "steps.key.crs")),
        ("plans/old/year.yml", good.replace("default: 199", "default: 365")),
        ("deploy/app.yaml", "kind: Deployment\n".to_owned()),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_folder_is_checked_in_one_go_with_every_mistake_of_every_file() {
    let folder = project();
    let output = certplan(folder.path(), &["check", "."]);
    let (data, talk) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{talk}");
    assert_eq!(data, "plans/dv.yaml: ok, 9 steps\n");
    assert!(talk.contains("plans/typo.yaml:61:26"), "{talk}");
    assert!(talk.contains("plans/old/year.yml:30:14"), "{talk}");
    assert!(talk.contains("neither plans nor inventories: `deploy/app.yaml`"), "{talk}");
    assert!(talk.ends_with("error: 2 of 3 files cannot be run: 2 mistakes\n"), "{talk}");
}

#[test]
fn inventories_are_checked_against_their_plans_before_anything_is_sent() {
    let folder = project();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "good.yaml",
        "certplan_inventory: 1\nplan: plans/dv.yaml\ntargets:\n  a.example.com:\n  b.example.com:\n",
    );
    write("bad.csv", "target,plan,validity_days\na.example.com,plans/dv.yaml,900\n");
    let output = certplan(folder.path(), &["check", "good.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "good.yaml: ok, 2 targets\n");
    assert!(text(&output.stderr).contains("take turns"), "{}", text(&output.stderr));
    let output = certplan(folder.path(), &["check", "good.yaml", "--deny-warnings"]);
    assert_eq!(output.status.code(), Some(2));
    // Each is right or wrong by itself; together they name one target twice.
    let together = ["check", "--inventory", "good.yaml", "--inventory", "bad.csv"];
    let output = certplan(folder.path(), &together);
    let talk = text(&output.stderr);
    assert!(
        talk.contains("bad.csv:2:29") && talk.contains("`a.example.com` is given twice"),
        "{talk}"
    );
}

#[test]
fn programs_get_json_and_sarif() {
    let folder = project();
    let output = certplan(folder.path(), &["check", "plans", "--output", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["errors"], 2);
    assert_eq!(json["files"][0]["ok"], true);
    assert_eq!(json["files"][2]["diagnostics"][0]["code"], "unknown-field");
    assert_eq!(text(&output.stderr), "");

    let output = certplan(folder.path(), &["check", "plans", "--output", "sarif"]);
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules: Vec<&str> =
        results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(rules, ["wrong-type", "unknown-field"]);
    let place = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "plans/typo.yaml");
    assert_eq!(place["region"]["startLine"], 61);
}

#[test]
fn a_term_that_the_ca_will_no_longer_sell_is_a_warning_from_that_day_on() {
    let folder = project();
    // A plan that clamps orders what there is: nothing to warn of.
    let clamps = ["check", "plans/dv.yaml", "--on", "2027-03-15", "--deny-warnings"];
    assert_eq!(certplan(folder.path(), &clamps).status.code(), Some(0));
    let path = folder.path().join("plans/dv.yaml");
    let text_of_plan = std::fs::read_to_string(&path).unwrap();
    assert!(text_of_plan.contains("validity_policy: clamp"));
    let fails = text_of_plan.replace("validity_policy: clamp", "validity_policy: fail");
    std::fs::write(&path, fails).unwrap();
    let check = |more: &[&str]| {
        let arguments = [&["check", "plans/dv.yaml"], more].concat();
        let output = certplan(folder.path(), &arguments);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(check(&["--on", "2027-03-14", "--deny-warnings"]), (Some(0), String::new()));
    let (code, talk) = check(&["--on", "2027-03-15"]);
    assert_eq!(code, Some(0));
    assert!(talk.contains("warning[validity-too-long]: the CA allows 99 days"), "{talk}");
    assert_eq!(check(&["--on", "2027-03-15", "--deny-warnings"]).0, Some(2));

    std::fs::write(folder.path().join("ours.yaml"), "- { from: 2020-01-01, days: 90 }\n").unwrap();
    let (_, talk) = check(&["--validity-schedule", "ours.yaml"]);
    assert!(talk.contains("the limit is that of ours.yaml"), "{talk}");
    std::fs::write(folder.path().join("ours.yaml"), "- { from: then, days: 90 }\n").unwrap();
    let (code, talk) = check(&["--validity-schedule", "ours.yaml"]);
    assert_eq!(code, Some(2));
    assert!(talk.contains("ours.yaml:1:11"), "{talk}");
}

#[test]
fn what_is_there_is_not_checked_as_nothing() {
    let folder = project();
    for (path, words) in [
        ("deploy", "there is no plan in `deploy`"),
        ("deploy/app.yaml", "the file is YAML, but no plan"),
        ("nowhere.yaml", "cannot read the file"),
    ] {
        let output = certplan(folder.path(), &["check", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
}

#[test]
fn a_new_project_goes_from_nothing_to_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let output = certplan(folder.path(), &["init"]);
    assert_eq!(text(&output.stdout), "plan.yaml\nplan.schema.json\n");
    let output = certplan(folder.path(), &["check", "."]);
    assert_eq!(text(&output.stdout), "plan.yaml: ok, 8 steps\n");
    let again = certplan(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("`plan.yaml` is there already"));
    let output = certplan(folder.path(), &["run", "plan.yaml", "--sandbox"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let shown = certplan(folder.path(), &["init", "-"]);
    let written = std::fs::read(folder.path().join("plan.yaml")).unwrap();
    assert_eq!(text(&shown.stdout), text(&written));
    let schema = certplan(folder.path(), &["schema"]);
    assert_eq!(schema.stdout, std::fs::read(folder.path().join("plan.schema.json")).unwrap());
}

#[test]
fn an_action_is_explained_and_a_slip_of_its_name_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let output = certplan(folder.path(), &["actions", "regfish.create_order"]);
    let page = text(&output.stdout);
    for words in ["this costs money", "validity_days (integer from 1 to 825", "- id: order"] {
        assert!(page.contains(words), "{page}");
    }
    let output = certplan(folder.path(), &["actions", "regfish.creat_order"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `regfish.create_order`?"));
    let output = certplan(folder.path(), &["actions", "--output", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.as_array().unwrap().iter().any(|action| action["name"] == "x509.create_csr"));
}

/// Files of some 5 MB that are meant to take time or memory.
fn evil_plans() -> Vec<(&'static str, String)> {
    const SIZE: usize = 5_000_000;
    let many = |unit: &dyn Fn(usize) -> String, size: usize| {
        let mut text = String::new();
        let mut number = 0;
        while text.len() < size {
            text.push_str(&unit(number));
            number += 1;
        }
        text
    };
    let plan = |more: String| format!("certplan: 1\nname: x\n{more}");
    let key = "uses: x509.create_csr, with: { common_name: a.example }";
    let step = |number: usize| format!("  - {{ id: s{number}, {key} }}\n");
    let circle = |number: usize| {
        let needs: Vec<String> =
            (0..20).map(|other| format!("s{}", (number / 20 * 20 + 20 + other) % 1980)).collect();
        format!("  - {{ id: s{number}, needs: [{}], {key} }}\n", needs.join(", "))
    };
    let code = "{{ steps.a.b }}".repeat(900);
    let template = |number: usize| {
        format!(
            "  - {{ id: t{number}, uses: regfish.list_products, with: {{ sku: \"{code}\" }} }}\n"
        )
    };
    let secrets = |number: usize| format!("  k{number}: {{ api_key: secret }}\n");
    let circles: String = (0..1980).map(circle).collect();
    vec![
        ("many steps", plan(format!("steps:\n{}", many(&step, SIZE)))),
        ("a large circle", plan(format!("steps:\n{circles}"))),
        ("unknown steps", {
            let needs = many(&|number| format!("x{number},"), 1_000_000);
            plan(format!(
                "steps:\n{}  - {{ id: z, needs: [{needs}], {key} }}\n",
                many(&step, 90_000)
            ))
        }),
        ("unknown keys", plan(many(&|number| format!("k{number}: 1\n"), 600_000))),
        (
            "many inputs",
            plan(format!(
                "inputs:\n{}steps: []\n",
                many(&|number| format!("  i{number}: {{ type: strin }}\n"), 700_000)
            )),
        ),
        ("many templates", plan(format!("steps:\n{}", many(&template, 1_500_000)))),
        (
            "one long template",
            plan(format!(
                "steps:\n  - {{ id: a, uses: regfish.list_products, with: {{ sku: \"{}\" }} }}\n",
                "{{ a }}".repeat(600_000)
            )),
        ),
        ("hidden values", plan(format!("connections:\n{}steps: []\n", many(&secrets, 1_500_000)))),
        ("one long text", plan(format!("description: {}\nsteps: []\n", "x".repeat(SIZE - 100)))),
        ("one long line", format!("[{}]", "1, ".repeat(120_000))),
        (
            "far repetition",
            plan(format!(
                "steps: []\nx: |\n{}{}",
                "  text\n".repeat(SIZE / 8),
                "steps: []\n".repeat(10_000)
            )),
        ),
        ("brackets", "[".repeat(SIZE)),
        ("aliases", format!("a: &a [{}]\n{}", "1, ".repeat(1_000), "b: *a\n".repeat(999))),
        ("quotes", "\"".repeat(SIZE)),
        ("colons", ": ".repeat(SIZE / 2)),
    ]
}

#[test]
fn no_file_takes_long_or_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (name, plan) in evil_plans() {
        std::fs::write(folder.path().join("plan.yaml"), &plan).unwrap();
        let started = Instant::now();
        // 1 GiB of addresses: threads reserve a good part of that without using it.
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 1048576; exec \"$0\" check plan.yaml"])
            .arg(env!("CARGO_BIN_EXE_certplan"))
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap();
        let took = started.elapsed();
        let talk = text(&output.stderr);
        let head: String = talk.chars().take(2000).collect();
        assert_eq!(output.status.code(), Some(2), "{name}: {head}");
        assert!(talk.len() < 2_000_000, "{name}: {} bytes of talk", talk.len());
        assert!(took < Duration::from_secs(30), "{name}: {took:?}");
        if std::env::var_os("SHOW_TIMES").is_some() {
            println!("{name}: {took:?}, {} bytes of talk", talk.len());
        }
    }
}

fn header(plan: &Plan) -> RunHeader {
    let inputs = resolve_inputs(plan, &[]).unwrap();
    RunHeader {
        plan: PlanReference {
            name: plan.name.clone(),
            file: "plan.yaml".to_owned(),
            digest: String::new(),
        },
        target: "www.example.com".to_owned(),
        inputs,
        steps: plan.steps.keys().cloned().collect(),
        endpoints: BTreeMap::new(),
        sandbox: true,
        earlier_runs: Vec::new(),
        orders_known: None,
        directory: "/".to_owned(),
        semantics: SEMANTICS,
        program: "a test".to_owned(),
    }
}

proptest! {
    /// Plans that ship, without some of their lines.
    #[test]
    fn what_check_accepts_the_engine_can_start(
        ov in any::<bool>(),
        gone in prop::collection::vec((0..130_usize, 1..7_usize), 0..3),
    ) {
        let whole = if ov {
            include_str!("../../plans/ov-staged.yaml")
        } else {
            include_str!("../../plans/dv.yaml")
        };
        let is_gone = |line: usize| {
            gone.iter().any(|(first, count)| (*first..first + count).contains(&line))
        };
        let lines = whole.lines().enumerate().filter(|(line, _)| !is_gone(*line));
        let text: String = lines.map(|(_, line)| format!("{line}\n")).collect();
        if let Ok((plan, _)) = parse_plan(&SourceFile::new("plan.yaml", &text))
            && resolve_inputs(&plan, &[]).is_ok()
        {
            let header = header(&plan);
            let now = "2026-11-21T12:00:00Z".parse().unwrap();
            let run = RunId::from_random(1);
            let (engine, _) =
                Engine::start(run, Arc::new(plan), header, EngineSettings::default(), now).unwrap();
            prop_assert!(!engine.advance(now).is_empty(), "nothing is ready in:\n{text}");
        }
    }
}
