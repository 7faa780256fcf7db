//! Tests of former sets: going back to them, and removing the oldest.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::files::{Access, CertificateSet, FileMode, SetFile};

/// Installs a set whose files say its name; each is a day older than the next.
fn install(directory: &Path, name: &str, day: u64) {
    let files = PEM.map(|file| SetFile {
        name: file,
        bytes: name.as_bytes(),
        mode: FileMode::Private,
        is_same: None,
    });
    CertificateSet { files: &files, access: Access::DEFAULT }.install(directory, name).unwrap();
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
    fs::File::open(set(directory, name)).unwrap().set_modified(written).unwrap();
}

fn set(directory: &Path, name: &str) -> PathBuf {
    directory.join(SETS).join(name)
}

fn shown(directory: &Path) -> String {
    fs::read_to_string(directory.join(KEY)).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    sets(directory).unwrap().all.into_iter().map(|set| set.name).collect()
}

#[test]
fn a_former_set_becomes_current_again_and_can_be_left_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    install(directory, "a", 1);
    let error = roll_back(directory, None, None).unwrap_err();
    assert!(error.to_string().ends_with("there is no set before it"), "{error}");
    install(directory, "b", 2);
    assert_eq!(roll_back(directory, Some("b"), None).unwrap(), "a");
    assert_eq!(shown(directory), "a");
    // Once more after a crash: it is done already.
    assert_eq!(roll_back(directory, Some("b"), None).unwrap(), "a");
    assert_eq!(shown(directory), "a");
    assert_eq!(roll_back(directory, None, None).unwrap(), "b");
    assert_eq!(shown(directory), "b");
    for (from, to, reason) in [
        (Some("c"), None, "`b` is current"),
        (None, Some("c"), "there is no whole set `c`"),
        (None, Some("../sets/a"), "it begins with a dot"),
    ] {
        let error = roll_back(directory, from, to).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(shown(directory), "b");
    }
    fs::remove_file(set(directory, "a").join(KEY)).unwrap();
    let error = roll_back(directory, None, None).unwrap_err().to_string();
    assert!(error.ends_with("there is no whole set `a`"), "{error}");
    assert_eq!(shown(directory), "b");
}

#[test]
fn going_back_makes_the_stable_names_of_files_that_only_the_former_set_has() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    install(directory, "a", 1);
    fs::write(set(directory, "a").join("keystore.p12"), "store").unwrap();
    install(directory, "b", 2);
    roll_back(directory, None, None).unwrap();
    assert_eq!(fs::read_to_string(directory.join("keystore.p12")).unwrap(), "store");
    roll_back(directory, None, None).unwrap();
    // Something foreign in its place is found before the link is flipped.
    fs::remove_file(directory.join("keystore.p12")).unwrap();
    fs::write(directory.join("keystore.p12"), "mine").unwrap();
    assert!(matches!(roll_back(directory, None, None), Err(SetError::Foreign { .. })));
    assert_eq!(shown(directory), "b");
}

#[test]
fn sets_are_listed_from_the_newest_and_what_is_no_set_is_left_out() {
    let holder = tempfile::tempdir().unwrap();
    let directory = holder.path();
    assert_eq!(sets(&directory.join("nothing")).unwrap().all, []);
    install(directory, "b", 3);
    install(directory, "a", 2);
    let mine = set(directory, "mine");
    fs::create_dir_all(mine.join("deep")).unwrap();
    fs::write(set(directory, "file"), "").unwrap();
    fs::create_dir(set(directory, "empty")).unwrap();
    symlink("a", set(directory, "link")).unwrap();
    let found = sets(directory).unwrap();
    assert_eq!((found.current.as_deref(), found.previous.as_deref()), (Some("a"), Some("b")));
    assert_eq!(names(directory), ["b", "a"]);
    assert_eq!(found.all[0].files, PEM);
}

#[test]
fn the_oldest_sets_go_and_never_the_current_one_or_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (day, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
        install(directory, name, day);
    }
    fs::create_dir_all(set(directory, "mine").join("deep")).unwrap();
    assert_eq!(remove_oldest(directory, 4).unwrap(), Removed::default());
    assert_eq!(remove_oldest(directory, 2).unwrap().names, ["b", "a"]);
    assert_eq!(names(directory), ["e", "d", "c"]);
    // An old set is current, and an older one than others was before.
    roll_back(directory, None, Some("c")).unwrap();
    roll_back(directory, None, Some("d")).unwrap();
    assert_eq!(remove_oldest(directory, 1).unwrap().names, ["e"]);
    assert_eq!(names(directory), ["d", "c"]);
    assert_eq!(remove_oldest(directory, 0).unwrap(), Removed::default());
    assert_eq!(roll_back(directory, None, None).unwrap(), "c");
    assert!(set(directory, "mine").join("deep").is_dir());
}

#[test]
fn a_removal_that_broke_off_is_brought_to_its_end_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    install(directory, "a", 1);
    install(directory, "b", 2);
    // The set has lost its name and half of its files; then another one of that name came.
    let hidden = set(directory, ".a.removed");
    fs::rename(set(directory, "a"), &hidden).unwrap();
    fs::remove_file(hidden.join(KEY)).unwrap();
    assert_eq!(names(directory), ["b"]);
    assert!(roll_back(directory, None, None).is_err());
    install(directory, "a", 1);
    install(directory, "b", 2);
    install(directory, "c", 3);
    assert_eq!(remove_oldest(directory, 1).unwrap().names, ["a"]);
    assert!(!hidden.exists());
    assert_eq!(names(directory), ["c", "b"]);
    assert_eq!(shown(directory), "c");
}

#[test]
fn where_nothing_is_current_nothing_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    install(directory, "a", 1);
    install(directory, "b", 2);
    fs::remove_file(directory.join("current")).unwrap();
    assert_eq!(remove_oldest(directory, 0).unwrap(), Removed::default());
    assert_eq!(names(directory), ["b", "a"]);
}

#[test]
fn what_an_interrupted_write_left_goes_with_the_next_set() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    install(directory, "a", 1);
    let partial = directory.join(SETS).join(".b.partial-aB3xY9");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join(KEY), "key").unwrap();
    symlink("sets/b", directory.join(".current.partial-aB3xY9")).unwrap();
    install(directory, "b", 2);
    assert_eq!(remove_oldest(directory, 5).unwrap(), Removed::default());
    let hidden = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_string_lossy().starts_with('.')).count()
    };
    assert_eq!((hidden(directory), hidden(&directory.join(SETS))), (0, 0));
    assert_eq!(shown(directory), "b");
}

#[test]
fn nobody_loses_what_he_writes_while_others_clear_up() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for round in 0..10 {
                    install(directory, &format!("{writer}-{round}"), 1);
                    assert_eq!(remove_oldest(directory, 100).unwrap().fault, None);
                }
            });
        }
    });
    assert_eq!(names(directory).len(), 40);
}
