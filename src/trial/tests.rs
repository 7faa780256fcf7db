//! Tests of the language: the mistakes that people make, each with the exact words it gets, and what
//! cases mean that are right.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::*;
use crate::run::StepState;

/// A plan with an input that every case has to give.
const SMALL: &str = "certplan: 1\nname: small\ninputs:\n  common_name: { type: domain, description: \
                     what it is for }\nsteps:\n  - id: key\n    uses: x509.create_csr\n    with: { \
                     common_name: \"{{ inputs.common_name }}\" }\n";

/// A plan with all that no sandbox imitates.
const DEPLOY: &str = "certplan: 1\nname: deploy\nconnections: { regfish: { api_key: { env: KEY } } \
                      }\nsteps:\n  - id: product\n    uses: regfish.list_products\n    with: { sku: \
                      SecureSite }\n  - id: key\n    uses: x509.create_csr\n    with: { common_name: \
                      a.example }\n  - id: reload\n    uses: command.run\n    with: { argv: [reload] \
                      }\n  - id: ask\n    uses: http.request\n    with: { url: \
                      \"https://a.example\" }\n  - id: served\n    uses: tls.check_served\n    with: { \
                      host: a.example, sha256: '{{ target }}' }\n";

/// The files beside every test file here.
pub(crate) struct Shelf;

impl Folder for Shelf {
    fn read(&self, path: &str) -> Result<SourceFile, String> {
        let text = match path {
            "dv.yaml" => include_str!("../../plans/dv.yaml"),
            "ov-staged.yaml" => include_str!("../../plans/ov-staged.yaml"),
            "small.yaml" => SMALL,
            "deploy.yaml" => DEPLOY,
            "broken.yaml" => "certplan: 1\nname: broken\nstpes: []\n",
            _ => return Err("No such file or directory".to_owned()),
        };
        Ok(SourceFile::new(path, text))
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty())
}

fn parse(text: &str) -> TestFile {
    match parse_tests(&SourceFile::new("x.test.yaml", text), &Shelf) {
        Ok((tests, doubts)) => {
            assert!(doubts.is_empty(), "{}", doubts.render(false));
            tests
        }
        Err(wrong) => panic!("{}", wrong.render(false)),
    }
}

fn one(body: &str) -> Case {
    let text = format!("certplan_test: 1\nplan: ov-staged.yaml\ncases:\n  - name: x\n{body}");
    parse(&text).cases.remove(0)
}

#[test]
fn every_mistake_gets_the_words_that_were_chosen_for_it() {
    let mut files: Vec<PathBuf> = fs::read_dir(folder("tests/fixtures/tests_invalid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 15);
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = SourceFile::from_bytes(&name, &fs::read(&path).unwrap()).unwrap();
        let Err(found) = parse_tests(&source, &Shelf) else {
            wrong.push(format!("{name} is accepted"));
            continue;
        };
        let (found, golden) = (found.render(false), path.with_extension("stderr"));
        if updates() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}: expected\n{expected}\nfound\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_said_has_its_default() {
    let case = one("    expect: { outcome: issued }\n");
    assert_eq!(case.inputs["product"], "SecureSite");
    assert_eq!(case.limit.as_secs(), 90 * 86_400);
    assert_eq!((case.kill_at, case.then.len()), (None, 0));
    assert_eq!(case.place.line, 4);
}

#[test]
fn the_plan_is_the_one_whose_name_the_file_bears() {
    let text = "certplan_test: 1\ncases:\n  - name: x\n    expect: { outcome: issued }\n";
    for name in ["plans/dv.test.yaml", "dv.test.yaml"] {
        let (tests, _) = parse_tests(&SourceFile::new(name, text), &Shelf).unwrap();
        assert_eq!(tests.plan.name, "dv");
    }
}

#[test]
fn inputs_of_a_case_go_before_those_of_the_file() {
    let text = "certplan_test: 1\nplan: small.yaml\ninputs: { common_name: a.example }\ncases:\n  - \
                name: one\n    expect: { outcome: succeeded }\n  - name: two\n    inputs: { \
                common_name: B.example }\n    expect: { outcome: succeeded }\n";
    let cases = parse(text).cases;
    assert_eq!(cases[0].inputs["common_name"], "a.example");
    assert_eq!(cases[1].inputs["common_name"], "b.example");
}

#[test]
fn what_a_case_imitates_goes_before_what_the_file_does_step_by_step() {
    let text = "certplan_test: 1\nplan: deploy.yaml\nimitate: { reload: succeeds, served: really \
                }\ncases:\n  - name: one\n    imitate: { reload: [{ exit_code: 3, stderr: no }, \
                { error: gone }], ask: { status: 201, headers: { X-Id: a }, json: { id: 7 } } }\n    \
                expect: { outcome: succeeded }\n  - name: two\n    imitate: { served: { serves: \
                another } }\n    expect: { outcome: succeeded }\n";
    let cases = parse(text).cases;
    let of = |case: usize, step: &str| cases[case].imitate.get(step);
    let failed = ImitatedAnswer::Program {
        exit_code: Some(3),
        stdout: String::new(),
        stderr: "no".to_owned(),
    };
    let gone = ImitatedAnswer::Error("gone".to_owned());
    let reload = of(0, "reload").unwrap();
    // The last one holds from then on.
    for (turn, answer) in [(0, &failed), (1, &gone), (7, &gone)] {
        assert_eq!(reload.answer(turn), Some(answer));
    }
    let created = ImitatedAnswer::Server {
        status: Some(201),
        headers: [("x-id".to_owned(), "a".to_owned())].into(),
        body: "{\"id\":7}".to_owned(),
    };
    assert_eq!(of(0, "ask").unwrap().answer(0), Some(&created));
    assert_eq!(of(0, "served"), Some(&Imitation::Really));
    let success = Imitation::Answers(vec![ImitatedAnswer::Success]);
    let another = vec![ImitatedAnswer::Certificate(ShownCertificate::Another)];
    assert_eq!(of(1, "reload"), Some(&success));
    assert_eq!(of(1, "served"), Some(&Imitation::Answers(another)));
    assert_eq!(of(1, "ask"), None);
}

#[test]
fn kills_are_every_event_or_some() {
    let kills = |text: &str| {
        one(&format!("    kill_at: {text}\n    expect: {{ outcome: issued }}\n")).kill_at
    };
    assert_eq!(kills("every_event"), Some(KillAt::EveryEvent));
    assert_eq!(kills("7"), Some(KillAt::Events(vec![7])));
    assert_eq!(kills("[3, 5]"), Some(KillAt::Events(vec![3, 5])));
}

#[test]
fn a_test_file_is_known_by_its_name_or_by_its_key() {
    assert!(looks_like_tests("plans/dv.test.yaml", ""));
    assert!(looks_like_tests("x.yaml", "# cases\ncertplan_test: 1\n"));
    assert!(!looks_like_tests("dv.yaml", "certplan: 1\n"));
}

// --- what is expected and what was found ---

/// A run that failed at its order.
fn failed_run() -> Found {
    let header = json!({
        "plan": { "name": "ov-staged", "file": "p", "digest": "0" }, "target": "t", "inputs": {},
        "steps": ["key", "order", "issued"], "endpoints": {}, "sandbox": true, "directory": "d",
        "semantics": 1, "program": "p", "type": "run_started",
    });
    let started = |step: &str| json!({ "type": "step_started", "step": step, "attempt": 1, "parameters": {}, "deadline": null });
    let error = json!({ "kind": "refused", "message": "the API said no" });
    let kinds = [
        header,
        started("key"),
        json!({ "type": "step_succeeded", "step": "key", "output": { "csr": "PEM", "names": ["a"] } }),
        started("order"),
        json!({ "type": "step_failed", "step": "order", "error": error }),
        json!({ "type": "step_blocked", "step": "issued", "by": "order" }),
        json!({ "type": "run_finished", "result": "failed" }),
    ];
    let events = kinds.into_iter().zip(1..).map(|(kind, sequence): (Value, u32)| {
        let at = format!("2026-06-01T09:00:{sequence:02}Z");
        serde_json::from_value(json!({ "sequence": sequence, "at": at, "kind": kind })).unwrap()
    });
    let events: Vec<crate::run::Event> = events.collect();
    let state = crate::run::RunState::fold(&events).unwrap();
    assert!(matches!(state.steps["order"].state, StepState::Failed { .. }));
    Found {
        state,
        orders: Vec::new(),
        requests: Vec::new(),
        files: vec!["certs/a/key.pem".to_owned()],
        records: Vec::new(),
        certificate: None,
    }
}

fn complaints(expect: &str) -> Vec<String> {
    let case = one(&format!("    expect: {expect}\n"));
    let mismatches = judge(&case.expect, &failed_run(), Strictness::Whole);
    let text = |mismatch: &Mismatch| {
        format!("{}: {} | {}", mismatch.what, mismatch.expected, mismatch.found)
    };
    mismatches.iter().map(text).collect()
}

#[test]
fn what_is_as_expected_is_not_complained_of() {
    for expect in [
        "{ outcome: failed }",
        "{ outcome: failed, reason: said no, step: order, orders: 0, records: [] }",
        "{ outcome: failed, steps: { key: succeeded, order: { state: failed, reason: API, attempts: 1 }, issued: blocked, certificate: { attempts: 3 } } }",
        "{ outcome: failed, outputs: { key.csr: { matches: 'P.M' }, key.names: { contains: a }, order.status: { absent: true } } }",
        "{ outcome: failed, files: ['certs/*/key.pem'], no_files: ['*.zip'], within: 6s }",
        "{ outcome: failed, requests: { at_most: 0 } }",
    ] {
        assert_eq!(complaints(expect), Vec::<String>::new(), "{expect}");
    }
}

#[test]
fn everything_that_is_not_as_expected_is_said() {
    for (expect, complaint) in [
        ("{ outcome: issued }", "outcome: issued | failed at `order`: the API said no"),
        (
            "{ outcome: failed, reason: lost }",
            "reason: a reason with `lost` | the API said no, it needs `order`",
        ),
        ("{ outcome: failed, step: key }", "step: key | order, issued"),
        (
            "{ outcome: failed, steps: { order: parked } }",
            "steps.order: parked | failed: the API said no",
        ),
        ("{ outcome: failed, steps: { order: { attempts: 2 } } }", "steps.order.attempts: 2 | 1"),
        (
            "{ outcome: failed, outputs: { key.csr: X } }",
            "outputs.key.csr: string `X` | string `PEM`",
        ),
        (
            "{ outcome: failed, outputs: { key.csr: { matches: P } } }",
            "outputs.key.csr: text that matches `P` | string `PEM`",
        ),
        (
            "{ outcome: failed, outputs: { order.status: x } }",
            "outputs.order.status: string `x` | no value",
        ),
        ("{ outcome: failed, orders: 1 }", "orders: 1 | 0: none"),
        ("{ outcome: failed, files: [x] }", "files: x | certs/a/key.pem"),
        (
            "{ outcome: failed, no_files: ['certs/*'] }",
            "no_files: nothing like certs/* | certs/a/key.pem",
        ),
        ("{ outcome: failed, certificate: { days: 1 } }", "certificate: one | none is issued"),
        ("{ outcome: failed, records: [{ type: CNAME }] }", "records: * CNAME * | none"),
        ("{ outcome: failed, within: 5s }", "within: at most 5s | 6s"),
        (
            "{ outcome: failed, requests: [{ call: POST /tls/*, exactly: 1 }] }",
            "requests POST /tls/*: exactly 1 | 0",
        ),
    ] {
        assert_eq!(complaints(expect), [complaint], "{expect}");
    }
}

#[test]
fn after_a_crash_requests_attempts_and_times_may_have_grown() {
    let case = one(
        "    expect: { outcome: failed, within: 1s, requests: { at_least: 1 }, steps: { order: { \
         attempts: 9 } } }\n",
    );
    assert_eq!(judge(&case.expect, &failed_run(), Strictness::Whole).len(), 3);
    assert_eq!(judge(&case.expect, &failed_run(), Strictness::AfterCrash), []);
}

// --- the schema ---

/// Mistakes that only the parser sees: a schema knows shapes, not the plan.
const ONLY_THE_PARSER: &[&str] = &[
    "duplicate_case",
    "imitate_other_action",
    "imitate_step_unknown",
    "input_common_wrong",
    "input_missing",
    "input_type",
    "input_unknown",
    "output_field_inside",
    "output_field_unknown",
    "output_type",
    "output_wanted_unknown",
    "pattern_bad",
    "plan_broken",
    "plan_not_named",
    "plan_not_there",
    "reason_for_success",
    "requests_unserved",
    "scenario_not_there",
    "step_unknown",
    "step_unknown_far",
];

fn validator() -> Validator {
    jsonschema::draft202012::new(&test_schema()).unwrap()
}

fn value_of(file: &SourceFile) -> Option<Value> {
    let mut diagnostics = Diagnostics::new(file);
    let node = yaml::parse(file, &mut diagnostics)?;
    Some(node.to_value()).filter(|_| !diagnostics.has_errors())
}

#[test]
fn the_schema_file_is_that_of_the_program() {
    let path = folder("schemas/test.schema.json");
    let text = serde_json::to_string_pretty(&test_schema()).unwrap() + "\n";
    if updates() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "schemas/test.schema.json is stale: UPDATE_GOLDEN=1 writes it");
    assert!(jsonschema::draft202012::meta::is_valid(&test_schema()));
}

#[test]
fn what_the_schema_overlooks_is_known() {
    let validator = validator();
    let mut overlooked = Vec::new();
    for entry in fs::read_dir(folder("tests/fixtures/tests_invalid")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let file = SourceFile::from_bytes(&name, &fs::read(&path).unwrap()).unwrap();
        if path.extension().is_some_and(|extension| extension == "yaml")
            && value_of(&file).is_some_and(|value| validator.is_valid(&value))
        {
            overlooked.push(name);
        }
    }
    overlooked.sort();
    assert_eq!(overlooked, ONLY_THE_PARSER);
}

#[test]
fn the_tests_that_ship_fit_the_schema() {
    let validator = validator();
    let mut number = 0;
    for entry in fs::read_dir(folder("plans")).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".test.yaml") {
            continue;
        }
        number += 1;
        let file = SourceFile::from_bytes("x", &fs::read(&path).unwrap()).unwrap();
        let value = value_of(&file).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
    assert!(number > 0);
}
