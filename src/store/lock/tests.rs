//! What locks promise: between programs, within one, and beside what others do to the file.

use std::fs::OpenOptions;
use std::io::Write;

use tempfile::TempDir;

use super::*;

fn key(target: &str) -> TargetKey {
    TargetKey { plan: "ov-staged".to_owned(), target: target.to_owned(), sandbox: false }
}

/// A folder of locks, and the locks of two programs in it.
fn two_programs() -> (TempDir, TargetLocks, TargetLocks) {
    let directory = tempfile::tempdir().unwrap();
    let locks = || TargetLocks::new(directory.path().join("locks"));
    let (one, two) = (locks(), locks());
    (directory, one, two)
}

/// How often this process has a file open.
fn times_open(path: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    open.filter(|open| open.starts_with(path)).count()
}

#[test]
fn the_second_comer_is_told_who_holds_the_lock() {
    let (_directory, one, two) = two_programs();
    let first = one.lock(&key("www.example.com"), "process 4711").unwrap();
    // In this program and in the other, through the same file or one of its own.
    for locks in [&one, &one.clone(), &two] {
        let error = locks.lock(&key("www.example.com"), "process 4712").unwrap_err();
        assert_eq!(
            error.to_string(),
            "target `www.example.com` of plan `ov-staged` is being worked on by process 4711"
        );
        assert!(locks.is_held(&key("www.example.com")));
        assert!(!locks.is_held(&key("api.example.com")));
    }
    two.lock(&key("api.example.com"), "process 4712").unwrap();
    drop(first);
    assert!(!one.is_held(&key("www.example.com")) && !two.is_held(&key("www.example.com")));
    two.lock(&key("www.example.com"), "process 4712").unwrap();
}

#[test]
fn a_thousand_locks_cost_one_open_file_and_exclude_one_by_one() {
    let (directory, one, two) = two_programs();
    let name = |number: usize| format!("n{number}.example.com");
    let locks: Vec<_> = (0..1_000).map(|n| one.lock(&key(&name(n)), "one").unwrap()).collect();
    assert_eq!(times_open(&directory.path().canonicalize().unwrap()), 1);
    for (number, lock) in locks.into_iter().enumerate().step_by(2) {
        drop(lock);
        let lock = two.lock(&key(&name(number)), "two").unwrap();
        assert!(one.lock(&key(&name(number)), "one").is_err());
        drop(lock);
    }
    for number in 0..1_000 {
        assert!(!two.is_held(&key(&name(number))), "{number}");
    }
}

#[test]
fn neighbours_are_unlocked_apart() {
    let (_directory, one, two) = two_programs();
    let [a, b, c] = ["a", "b", "c"].map(|name| one.lock(&key(name), "one").unwrap());
    drop(b);
    let _b = two.lock(&key("b"), "two").unwrap();
    for name in ["a", "c"] {
        assert!(two.lock(&key(name), "two").is_err(), "{name}");
    }
    drop((a, c));
    let _others = ["a", "c"].map(|name| two.lock(&key(name), "two").unwrap());
}

#[test]
fn programs_that_add_targets_at_once_agree_on_them() {
    let (_directory, one, two) = two_programs();
    let barrier = std::sync::Barrier::new(2);
    let locked = std::thread::scope(|scope| {
        let lock_all = |locks: &TargetLocks| {
            barrier.wait();
            let all = (0..500).map(|n| locks.lock(&key(&format!("n{n}")), "somebody").ok());
            all.collect::<Vec<_>>()
        };
        let (one, two) = (&one, &two);
        let first = scope.spawn(move || lock_all(one));
        let second = scope.spawn(move || lock_all(two));
        [first.join().unwrap(), second.join().unwrap()]
    });
    // Nobody gave anything back, so each was had by exactly one of them.
    let [first, second] = locked;
    for (number, pair) in first.iter().zip(&second).enumerate() {
        assert!(pair.0.is_some() != pair.1.is_some(), "n{number}");
    }
}

#[test]
fn what_others_have_broken_in_the_file_is_no_lock() {
    let (directory, one, two) = two_programs();
    let path = directory.path().join("locks").join(FILE);
    drop(one.lock(&key("a"), "one").unwrap());
    // A program was killed in the middle of a line.
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"0123").unwrap();
    let _b = one.lock(&key("b"), "one").unwrap();
    assert!(two.lock(&key("b"), "two").is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 512);
    // Somebody has emptied it.
    std::fs::write(&path, "").unwrap();
    let error = one.lock(&key("a"), "one").unwrap_err().to_string();
    assert!(error.contains("were changed by somebody else"), "{error}");
}

#[test]
fn no_lock_is_taken_in_a_file_that_others_do_not_see() {
    let (directory, one, two) = two_programs();
    let path = directory.path().join("locks").join(FILE);
    let held = one.lock(&key("a"), "one").unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = one.lock(&key("b"), "one").unwrap_err().to_string();
    assert!(error.contains("deleted or replaced"), "{error}");
    drop(held);
    let _b = one.lock(&key("b"), "one").unwrap();
    assert!(two.lock(&key("b"), "two").is_err());
}

#[test]
fn a_holder_of_any_length_leaves_the_lines_as_they_are() {
    let (directory, one, two) = two_programs();
    for holder in ["", "\n\u{1b}[31m", &"ä".repeat(500)] {
        let _held = one.lock(&key("a"), holder).unwrap();
        let error = two.lock(&key("a"), "two").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}') && error.len() < 400, "{error}");
        let length = std::fs::metadata(directory.path().join("locks").join(FILE)).unwrap().len();
        assert_eq!(length, 256);
    }
}

#[test]
fn nothing_is_done_beside_a_program_that_locks_in_the_former_way() {
    let (directory, one, two) = two_programs();
    let folder = directory.path().join("locks");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join(former::file_name(&key("a")));
    let mut older = std::fs::File::create(&path).unwrap();
    older.lock().unwrap();
    older.write_all(b"process 4711 (a batch)").unwrap();
    assert!(one.is_held(&key("a")) && !one.is_held(&key("b")));
    let error = two.lock(&key("b"), "two").unwrap_err();
    assert!(error.is_held());
    let said = error.to_string();
    assert!(said.ends_with(": process 4711 (a batch)") && said.contains("older"), "{said}");
    drop(older);
    let _b = two.lock(&key("b"), "two").unwrap();
    assert!(!path.exists());
}

#[test]
fn former_names_stay_apart_and_inside_the_folder() {
    let names: Vec<String> = ["a/b", "a_b", "../a", &"x".repeat(500), &"x".repeat(501)]
        .iter()
        .map(|target| former::file_name(&key(target)))
        .collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!name.contains('/') && name.len() < 255);
        assert!(!names[index + 1..].contains(name));
    }
}
