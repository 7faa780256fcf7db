//! `certplan test`, as a person or a pipeline calls it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::golden;

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

const GOOD: &str = "  - name: all is well\n    expect: { outcome: issued }\n";

/// A folder with the shipped DV plan and a test file with these cases.
fn project(cases: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "dv.yaml", include_str!("../../plans/dv.yaml"));
    write(&folder, "dv.test.yaml", &format!("certplan_test: 1\ncases:\n{cases}"));
    folder
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

/// The text without what differs from run to run: how long it took.
fn without_times(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = if line.starts_with("  ✓") || line.starts_with("  ✗") {
            line.rsplit_once("  ").map_or(line, |(name, _)| name)
        } else {
            line.rsplit_once("; ").filter(|_| line.contains(" in 1 file")).map_or(line, |cut| cut.0)
        };
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

#[test]
fn all_cases_of_all_plans_that_ship_are_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = certplan(root, &["test", "plans/"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    for entry in std::fs::read_dir(root.join("plans")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(plan) = name.strip_suffix(".test.yaml") {
            assert!(text(&output.stdout).contains(&format!("plans/{plan}.test.yaml ({plan})")));
        }
    }
    assert!(text(&output.stdout).contains("passed"), "{}", text(&output.stdout));
}

#[test]
fn a_case_that_fails_shows_what_was_expected_what_came_and_what_happened() {
    let folder = project(
        "  - name: it is cancelled\n    scenario:\n      happenings: [{ after: 10s, since: order, \
         do: cancel }]\n    expect:\n      outcome: issued\n      orders: 2\n      steps: { \
         certificate: succeeded }\n",
    );
    let output = certplan(folder.path(), &["test", "dv.test.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    golden::check("trials/failed.stdout", &without_times(&text(&output.stdout)));
    let again = certplan(folder.path(), &["test", "dv.test.yaml"]);
    assert_eq!(without_times(&text(&again.stdout)), without_times(&text(&output.stdout)));
}

#[test]
fn a_kill_that_changes_the_end_is_named() {
    // No list shows the order. Whoever got its answer needs none; whoever died before it was stored
    // finds nothing and orders again.
    let folder = project(
        "  - name: in no list\n    kill_at: 7\n    scenario:\n      faults: [{ call: POST \
         /tls/certificate, do: { hide: { lists: 50 } } }]\n    expect: { outcome: issued, orders: 1 \
         }\n",
    );
    let output = certplan(folder.path(), &["test", "."]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    let killed: Vec<&str> = report.lines().filter(|line| line.contains("  killed ")).collect();
    let [line] = killed.as_slice() else { panic!("{report}") };
    assert!(
        line.contains("after event 7, before the next was stored (intent_recorded of `order`)")
    );
    assert!(line.contains("orders: expected 1, found 2"), "{line}");
    assert!(report.contains("What follows is the run that was killed after event 7"), "{report}");
    assert!(report.contains("going on where it stopped"), "{report}");
}

#[test]
fn a_kill_at_an_event_that_never_comes_is_named() {
    let folder = project(&format!("{GOOD}    kill_at: [1, 500]\n"));
    let output = certplan(folder.path(), &["test", "."]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("killed right after event 500: the run has"), "{report}");
    assert!(!report.contains("event 1:") && !report.contains("event 1 ("), "{report}");
}

#[test]
fn the_exit_code_tells_good_from_bad_from_unusable() {
    let bad = GOOD.replace("issued", "parked");
    for (cases, code) in [(GOOD, 0), (bad.as_str(), 1), ("  - name: x\n", 2), (" []\n", 2)] {
        let folder = project(cases);
        let output = certplan(folder.path(), &["test"]);
        assert_eq!(output.status.code(), Some(code), "{cases}{}", text(&output.stderr));
    }
}

#[test]
fn a_case_without_expectations_is_a_mistake() {
    let folder = project("  - name: whatever\n");
    let output = certplan(folder.path(), &["test"]);
    assert_eq!(output.status.code(), Some(2));
    let talk = text(&output.stderr);
    assert!(talk.contains("error[no-expectation]") && talk.contains("dv.test.yaml:3:5"), "{talk}");
    assert!(talk.contains("no case was played"), "{talk}");
}

#[test]
fn a_plan_that_does_not_compile_is_told_by_its_first_mistake() {
    let folder = project(GOOD);
    write(&folder, "dv.yaml", "certplan: 1\nname: dv\nstpes: []\n");
    let output = certplan(folder.path(), &["test", "dv.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let talk = text(&output.stderr);
    assert!(talk.contains("the plan `dv.yaml` cannot be run: 1 mistake"), "{talk}");
    assert!(talk.contains("line 3: the plan has no key `stpes`"), "{talk}");
}

#[test]
fn a_plan_that_waits_for_ever_is_stopped_at_its_limit() {
    let folder = project(
        "  - name: slow\n    limit: 10m\n    scenario: { timing: { direct_validation_after: 3d } \
         }\n    expect: { outcome: issued }\n",
    );
    let output = certplan(folder.path(), &["test"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("after 10m of virtual time the run still waits"), "{report}");
    assert!(report.contains("Timeline") && report.contains("GET /tls/certificate/"), "{report}");
}

#[test]
fn a_filter_chooses_by_case_and_by_file() {
    let folder = project(&format!("{GOOD}{}", GOOD.replace("all is well", "Something ELSE")));
    let names = |filter: &str| {
        let arguments = ["test", ".", "--filter", filter, "--output", "json"];
        let output = certplan(folder.path(), &arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let cases = report["files"][0]["cases"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> =
            cases.iter().map(|case| case["name"].as_str().unwrap().to_owned()).collect();
        (output.status.code(), names)
    };
    assert_eq!(names("else"), (Some(0), vec!["Something ELSE".to_owned()]));
    assert_eq!(names("dv.test").1.len(), 2);
    assert_eq!(names("nothing like it"), (Some(2), Vec::new()));
}

#[test]
fn programs_get_json_with_everything_that_people_see() {
    let bad = GOOD.replace("issued", "parked").replace("all is well", "wrong");
    let folder = project(&format!("{GOOD}{bad}"));
    let output = certplan(folder.path(), &["test", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["passed"], &report["failed"]), (&1.into(), &1.into()));
    let cases = &report["files"][0]["cases"];
    assert_eq!(cases[0]["passed"], true);
    assert_eq!(cases[1]["mismatches"][0]["what"], "expect.outcome");
    assert_eq!(cases[1]["mismatches"][0]["expected"], "parked");
    assert_eq!(cases[1]["phases"][0], "succeeded");
    assert!(cases[1]["timeline"].as_array().unwrap().len() > 5);
    assert!(cases[1]["requests"].as_array().unwrap().len() > 5);
}

#[test]
fn junit_is_well_formed_whatever_a_case_is_called() {
    let name = "'<b>&\"bold\"</b> ]]> \u{e9}'";
    let bad = GOOD.replace("issued", "parked").replace("all is well", name);
    let folder = project(&format!("{GOOD}{bad}"));
    let output = certplan(folder.path(), &["test", "--output", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let xml = text(&output.stdout);
    assert_eq!(elements(&xml), ["testsuites", "testsuite", "testcase", "testcase", "failure"]);
    assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
    assert!(xml.contains("name=\"&lt;b&gt;&amp;&quot;bold&quot;&lt;/b&gt; ]]&gt; é\""), "{xml}");
}

/// The names of the elements, in the order in which they begin. Fails unless the text is well
/// formed, as far as a document without comments, sections and instructions can be ill-formed.
#[track_caller]
fn elements(xml: &str) -> Vec<String> {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut open, mut names): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    for (index, part) in body.split('<').enumerate() {
        let content = if index == 0 {
            part
        } else {
            let (tag, content) = part.split_once('>').unwrap();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else {
                let name = tag.split([' ', '/']).next().unwrap();
                names.push(name.to_owned());
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
            content
        };
        assert!(!content.contains('>'), "{content}");
    }
    for reference in body.split('&').skip(1) {
        let name = reference.split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "apos"].contains(&name), "&{name}");
    }
    assert!(open.is_empty(), "{open:?}");
    names
}

#[test]
fn what_is_not_there_is_not_tested_as_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = certplan(folder.path(), &["test"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no test file in `.`"));
    write(&folder, "dv.yaml", include_str!("../../plans/dv.yaml"));
    let output = certplan(folder.path(), &["test", "dv.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`dv.yaml` has no test file beside it"));
    let output = certplan(folder.path(), &["test", "nowhere.test.yaml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn plans_without_tests_are_named() {
    let folder = project(GOOD);
    write(&folder, "other.yaml", include_str!("../../plans/ov-staged.yaml"));
    let output = certplan(folder.path(), &["test", "."]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "no tests: `other.yaml` has no test file beside it\n");
}

#[test]
fn a_check_looks_at_test_files_too() {
    let folder = project(GOOD);
    let output = certplan(folder.path(), &["check", "."]);
    assert_eq!(text(&output.stdout), "dv.test.yaml: ok, 1 case\ndv.yaml: ok, 9 steps\n");
    write(&folder, "dv.test.yaml", "certplan_test: 1\ncase: []\n");
    let output = certplan(folder.path(), &["check", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `cases`?"), "{}", text(&output.stderr));
}

#[test]
fn nothing_is_left_behind() {
    let folder = project(GOOD);
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_certplan"))
        .arg("test")
        .current_dir(folder.path())
        .env_clear()
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_stop_removes_everything_and_reports_nothing() {
    let slow = "  - name: many worlds\n    kill_at: every_event\n    expect: { outcome: issued }\n";
    let folder = project(slow);
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_certplan"))
        .args(["test", "--output", "json"])
        .current_dir(folder.path())
        .env_clear()
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let worlds = || {
        let folders = std::fs::read_dir(temporary.path()).unwrap().flatten();
        folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().count()
    };
    while worlds() == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it made a world");
        std::thread::yield_now();
    }
    let id = i32::try_from(child.id()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(id).unwrap(),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("there is no result"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// The blocks of one language in the guide.
fn blocks(language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/testing.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let parts = guide.split("```").skip(1).step_by(2);
    parts
        .filter_map(|block| block.strip_prefix(&format!("{language}\n")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_examples_of_the_guide_do_what_it_says() {
    let mut played = 0;
    for block in blocks("yaml") {
        if !block.starts_with("certplan_test: 1") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        for plan in ["dv.yaml", "ov-staged.yaml", "issue-and-deploy.yaml"] {
            let text = std::fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(plan),
            );
            write(&folder, plan, &text.unwrap());
        }
        write(&folder, "example.test.yaml", &block);
        let output = certplan(folder.path(), &["test", "example.test.yaml"]);
        let (report, talk) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{block}\n{report}{talk}");
        played += 1;
    }
    assert!(played >= 3, "{played}");
}

#[test]
fn the_guide_names_every_key_of_the_language() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(path.join("docs/testing.md")).unwrap();
    let schema = std::fs::read(path.join("schemas/test.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    for part in ["case", "act", "expect"] {
        for key in schema["$defs"][part]["properties"].as_object().unwrap().keys() {
            assert!(guide.contains(&format!("`{key}`")), "`{key}` is not in docs/testing.md");
        }
    }
}
