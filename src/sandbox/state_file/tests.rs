//! The file on its own: torn, damaged, taken, grown.

use std::io::Write;

use super::*;
use crate::sandbox::ca::Ca;

fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(second).unwrap())
}

fn commit(second: i64) -> Commit {
    Commit { at: at(second), changes: vec![Change::OrderGone("A".to_owned())] }
}

fn load(path: &Path) -> Result<usize, StateFileError> {
    let mut commits = 0;
    StateFile::load(path, |_| commits += 1).map(|_| commits)
}

#[test]
fn a_half_written_last_line_is_as_if_it_had_never_been() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/world");
    let ca = Ca::generate().unwrap();
    let mut file = StateFile::create(&path, ca.state(), |write| write(commit(1))).unwrap();
    file.append(&commit(2)).unwrap();
    file.file.write_all(br#"{"at":"2026-01-01T00:00:00Z","cha"#).unwrap();
    drop(file);
    assert_eq!(peek_latest_time(&path).unwrap(), at(2));
    assert_eq!(load(&path).unwrap(), 2);
}

#[test]
fn damaged_newer_and_used_files_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("world");
    assert_eq!(peek_latest_time(&path).unwrap(), None);
    std::fs::write(&path, "{\"certplan_sandbox\":3}\n").unwrap();
    assert!(matches!(load(&path), Err(StateFileError::Newer { found: 3, .. })));
    std::fs::write(&path, "hello\n").unwrap();
    assert!(matches!(load(&path), Err(StateFileError::Damaged { line: 1, .. })));
    let ca = Ca::generate().unwrap();
    let _open = StateFile::create(&path, ca.state(), |write| write(commit(1))).unwrap();
    assert!(matches!(load(&path), Err(StateFileError::InUse(_))));
}

#[test]
fn a_file_that_grew_is_written_anew_and_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("world");
    let ca = Ca::generate().unwrap();
    let mut file = StateFile::create(&path, ca.state(), |write| write(commit(1))).unwrap();
    let long = Change::OrderGone("A".repeat(1_000_000));
    for second in 2..19 {
        assert!(!file.is_overgrown(), "{second}");
        file.write(&Commit { at: at(second), changes: vec![long.clone()] }).unwrap();
    }
    assert!(file.is_overgrown());
    file.compact(|write| write(commit(20))).unwrap();
    assert!(!file.is_overgrown());
    file.append(&commit(21)).unwrap();
    drop(file);
    assert_eq!(load(&path).unwrap(), 2);
    assert_eq!(peek_latest_time(&path).unwrap(), at(21));
}
