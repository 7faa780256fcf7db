//! The published schema of events: every event of every run in these tests must fit it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use certplan::run::Event;
use jsonschema::Validator;
use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("schemas/event.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
});

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).unwrap());

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Fails unless the event fits; called for each event that is recorded in these tests.
#[track_caller]
pub(crate) fn check(event: &Event) {
    check_value(&serde_json::to_value(event).unwrap());
}

/// The same, for an event as the program printed it.
#[track_caller]
pub(crate) fn check_value(event: &Value) {
    if let Err(error) = VALIDATOR.validate(event) {
        panic!("{error}\nat {}:\n{event:#}", error.instance_path());
    }
}

#[test]
fn the_schema_knows_every_kind_of_event_and_every_kind_of_error() {
    assert!(jsonschema::draft202012::meta::is_valid(&SCHEMA));
    let kinds = SCHEMA["properties"]["kind"]["oneOf"].as_array().unwrap();
    let mut published: Vec<&str> =
        kinds.iter().map(|kind| kind["properties"]["type"]["const"].as_str().unwrap()).collect();
    // The names as the program stores them stand in one function, each in quotes.
    let source = std::fs::read_to_string(root().join("src/run/event.rs")).unwrap();
    let names = source.split_once("pub fn name(&self)").unwrap().1;
    let mut stored: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    published.sort_unstable();
    stored.sort_unstable();
    assert_eq!(published, stored);

    let source = std::fs::read_to_string(root().join("src/run/outcome.rs")).unwrap();
    let variants = source.split_once("pub enum ErrorKind {").unwrap().1.split_once('}').unwrap().0;
    let variants = variants.lines().filter_map(|line| line.trim().strip_suffix(','));
    let words = SCHEMA["$defs"]["error"]["properties"]["kind"]["enum"].as_array().unwrap();
    assert_eq!(variants.count(), words.len());
}

#[test]
fn what_is_no_event_does_not_fit() {
    for wrong in [
        r#"{}"#,
        r#"{"sequence":0,"at":"2026-11-20T10:00:00Z","kind":{"type":"run_paused","reason":"parked"}}"#,
        r#"{"sequence":1,"at":"today","kind":{"type":"run_paused","reason":"parked"}}"#,
        r#"{"sequence":1,"at":"2026-11-20T10:00:00Z","kind":{"type":"run_paused","reason":"bored"}}"#,
        r#"{"sequence":1,"at":"2026-11-20T10:00:00Z","kind":{"type":"step_skipped"}}"#,
    ] {
        let value: Value = serde_json::from_str(wrong).unwrap();
        assert!(!VALIDATOR.is_valid(&value), "{wrong}");
    }
}

#[test]
fn the_program_prints_the_schema_that_is_published() {
    let folder = tempfile::tempdir().unwrap();
    for word in ["event", "events"] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_certplan"));
        let output = program.args(["schema", word]).current_dir(folder.path()).output().unwrap();
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, *SCHEMA);
    }
}
