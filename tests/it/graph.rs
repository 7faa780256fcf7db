//! `certplan graph`: pictures of plans and of runs, as a person gets them.

use std::path::Path;
use std::process::{Command, Output};

use crate::golden;

/// The program in `folder`, in an empty environment.
fn certplan(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certplan"));
    command.args(arguments).current_dir(folder).env_clear().output().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn drawing(plan: &str, format: &str) -> String {
    let output = certplan(root(), &["graph", plan, "--format", format]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_plan_of_fifteen_steps_is_drawn_in_every_format_as_it_was_found_good() {
    let plan = "tests/fixtures/graph/release-train.yaml";
    for (format, ending) in [("text", "txt"), ("mermaid", "mmd"), ("dot", "dot"), ("svg", "svg")] {
        golden::check(&format!("graph/release-train.{ending}"), &drawing(plan, format));
    }
}

#[test]
fn what_runs_at_the_end_stands_below_everything_in_every_format() {
    let plan = "tests/fixtures/graph/at-the-end.yaml";
    for (format, ending) in [("text", "txt"), ("mermaid", "mmd"), ("dot", "dot"), ("svg", "svg")] {
        let picture = drawing(plan, format);
        assert!(picture.contains("finally"), "{picture}");
        assert!(!picture.contains('\u{fffd}'), "the description has two lines: {picture}");
        golden::check(&format!("graph/at-the-end.{ending}"), &picture);
    }
    let text = drawing(plan, "text");
    let row = |word: &str| text.lines().position(|line| line.contains(word)).unwrap();
    assert!(row("│ issued") < row("── finally") && row("── finally") < row("│ other"), "{text}");
}

#[test]
fn the_shipped_plans_fit_a_terminal_with_their_actions() {
    for name in ["ov-staged", "dv"] {
        let text = drawing(&format!("plans/{name}.yaml"), "text");
        golden::check(&format!("graph/{name}.txt"), &text);
        assert!(text.lines().all(|line| line.chars().count() <= 108), "{text}");
    }
}

#[test]
fn a_drawing_can_be_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let plan = root().join("plans/dv.yaml");
    let plan = plan.to_str().unwrap();
    let output = certplan(folder.path(), &["graph", plan, "--format", "svg", "--file", "dv.svg"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let svg = std::fs::read_to_string(folder.path().join("dv.svg")).unwrap();
    assert_eq!(svg, drawing("plans/dv.yaml", "svg"));
    assert!(!folder.path().join(".certplan").exists(), "drawing a plan makes no state");
}

#[test]
fn a_run_is_drawn_with_its_own_plan_and_the_state_of_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::fs::read_to_string(root().join("plans/ov-staged.yaml")).unwrap();
    std::fs::write(folder.path().join("plan.yaml"), shipped).unwrap();
    let arguments =
        ["run", "plan.yaml", "--sandbox", "--input", "organization=Nobody", "--output", "json"];
    let output = certplan(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = result["run"].as_str().unwrap();
    // The drawing needs no plan file: the plan is stored with the run.
    std::fs::remove_file(folder.path().join("plan.yaml")).unwrap();
    let output = certplan(folder.path(), &["graph", &run[..6]]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("www.example.com: run {run}, failed")), "{text}");
    for step in ["✓ product", "✗ organization", "! order $", "! complete", "! certificate"] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(text.contains("✓ succeeded   ✗ failed   ! blocked"), "{text}");
}

#[test]
fn what_is_neither_a_plan_nor_a_run_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for (subject, message) in [
        ("plans/nothing.yaml", "there is no plan `plans/nothing.yaml`"),
        ("7k9", "there is neither a plan file nor a run `7k9`"),
    ] {
        let output = certplan(folder.path(), &["graph", subject]);
        assert_eq!(output.status.code(), Some(2));
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(talk.contains(message), "{talk}");
    }
}
