//! Tests of installing sets, with the leftovers of crashes at every point.

use super::*;
use crate::files::{FileMode, write_new};

const FIRST: CertificateSet<'_> =
    CertificateSet { cert: "cert 1", chain: "chain", fullchain: "full 1", privkey: "key 1" };
const SECOND: CertificateSet<'_> =
    CertificateSet { cert: "cert 2", chain: "chain", fullchain: "full 2", privkey: "key 2" };

/// Everything below a directory, links with their targets and files with mode and content.
fn tree(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let found = fs::symlink_metadata(&path).unwrap();
            if found.is_symlink() {
                lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if found.is_dir() {
                open.push(path);
            } else {
                let mode = found.permissions().mode() & 0o777;
                lines.push(format!("{name} {mode:o} {}", fs::read_to_string(&path).unwrap()));
            }
        }
    }
    lines.sort();
    lines
}

fn assert_installed(directory: &Path, set: &CertificateSet<'_>, installed: &InstalledSet) {
    let paths = [&installed.cert, &installed.chain, &installed.fullchain, &installed.privkey];
    for (path, content) in paths.into_iter().zip(set.contents()) {
        assert_eq!(path.parent(), Some(directory));
        assert_eq!(fs::read(path).unwrap(), content);
    }
}

#[test]
fn a_set_is_laid_out_behind_stable_links() {
    let holder = tempfile::tempdir().unwrap();
    let directory = holder.path().join("certs/*.example.com");
    let installed = FIRST.install(&directory, "2026-03-01").unwrap();
    assert_installed(&directory, &FIRST, &installed);
    assert_eq!((installed.name.as_str(), installed.previous), ("2026-03-01", None));
    assert_eq!(
        tree(&directory),
        [
            "cert.pem -> current/cert.pem",
            "chain.pem -> current/chain.pem",
            "current -> sets/2026-03-01",
            "fullchain.pem -> current/fullchain.pem",
            "privkey.pem -> current/privkey.pem",
            "sets/2026-03-01/cert.pem 644 cert 1",
            "sets/2026-03-01/chain.pem 644 chain",
            "sets/2026-03-01/fullchain.pem 644 full 1",
            "sets/2026-03-01/privkey.pem 600 key 1",
        ]
    );
}

#[test]
fn installing_again_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let once = FIRST.install(directory.path(), "a").unwrap();
    let before = tree(directory.path());
    assert_eq!(FIRST.install(directory.path(), "a").unwrap(), once);
    assert_eq!(tree(directory.path()), before);
}

#[test]
fn a_new_set_flips_the_links_and_the_former_one_stays_to_go_back_to() {
    let directory = tempfile::tempdir().unwrap();
    FIRST.install(directory.path(), "a").unwrap();
    let second = SECOND.install(directory.path(), "b").unwrap();
    assert_installed(directory.path(), &SECOND, &second);
    assert_eq!(second.previous.as_deref(), Some("a"));
    let back = FIRST.install(directory.path(), "a").unwrap();
    assert_installed(directory.path(), &FIRST, &back);
    assert_eq!((back.name.as_str(), back.previous.as_deref()), ("a", Some("b")));
}

#[test]
fn a_name_that_is_taken_by_other_content_gets_a_number() {
    let directory = tempfile::tempdir().unwrap();
    FIRST.install(directory.path(), "a").unwrap();
    let second = SECOND.install(directory.path(), "a").unwrap();
    assert_eq!((second.name.as_str(), second.previous.as_deref()), ("a-2", Some("a")));
    assert_installed(directory.path(), &SECOND, &second);
    assert_eq!(SECOND.install(directory.path(), "a").unwrap().name, "a-2");
    // Anything else under the name counts as other content, too.
    write_new(&directory.path().join("sets/c"), b"", FileMode::Public).unwrap();
    assert_eq!(SECOND.install(directory.path(), "c").unwrap().name, "c-2");
}

#[test]
fn a_former_set_becomes_current_again_and_can_be_left_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    FIRST.install(directory, "a").unwrap();
    let error = roll_back(directory, None, None).unwrap_err();
    assert!(error.to_string().ends_with("there is no set before it"), "{error}");
    SECOND.install(directory, "b").unwrap();
    let shown = || fs::read_to_string(directory.join("privkey.pem")).unwrap();
    assert_eq!(roll_back(directory, Some("b"), None).unwrap(), "a");
    assert_eq!(shown(), FIRST.privkey);
    // Once more after a crash: it is done already.
    assert_eq!(roll_back(directory, Some("b"), None).unwrap(), "a");
    assert_eq!(shown(), FIRST.privkey);
    assert_eq!(roll_back(directory, None, None).unwrap(), "b");
    assert_eq!(shown(), SECOND.privkey);
    for (from, to, reason) in [
        (Some("c"), None, "`b` is current"),
        (None, Some("c"), "there is no whole set `c`"),
        (None, Some("../sets/a"), "it begins with a dot"),
    ] {
        let error = roll_back(directory, from, to).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(shown(), SECOND.privkey);
    }
}

#[test]
fn leftovers_of_a_crash_are_harmless() {
    let clean = tempfile::tempdir().unwrap();
    FIRST.install(clean.path(), "a").unwrap();
    SECOND.install(clean.path(), "b").unwrap();
    let wanted = tree(clean.path());

    type Crash = fn(&Path);
    let crashes: [(&str, Crash); 5] = [
        ("while the set was written", |directory| {
            fs::create_dir(directory.join("sets/.b.partial-x")).unwrap();
            fs::write(directory.join("sets/.b.partial-x/cert.pem"), "ce").unwrap();
        }),
        ("between the set and the flip", |directory| {
            SECOND.install(directory, "b").unwrap();
            fs::remove_file(directory.join("current")).unwrap();
            symlink("sets/a", directory.join("current")).unwrap();
        }),
        ("while the link was flipped", |directory| {
            SECOND.install(directory, "b").unwrap();
            fs::remove_file(directory.join("current")).unwrap();
            symlink("sets/a", directory.join("current")).unwrap();
            symlink("sets/b", directory.join(".current.partial-x")).unwrap();
        }),
        ("before the first flip", |directory| {
            fs::remove_file(directory.join("current")).unwrap();
        }),
        ("before the stable links", |directory| {
            SECOND.install(directory, "b").unwrap();
            fs::remove_file(directory.join("cert.pem")).unwrap();
            fs::remove_file(directory.join("privkey.pem")).unwrap();
        }),
    ];
    for (when, crash) in crashes {
        let directory = tempfile::tempdir().unwrap();
        FIRST.install(directory.path(), "a").unwrap();
        crash(directory.path());
        let installed = SECOND.install(directory.path(), "b").unwrap();
        assert_installed(directory.path(), &SECOND, &installed);
        // Where no set was ever current, there is none to go back to.
        let never = when == "before the first flip";
        let matters = |line: &String| !(never && line.starts_with("previous"));
        let visible: Vec<String> =
            tree(directory.path()).into_iter().filter(|line| !line.contains(".partial-")).collect();
        let wanted: Vec<String> = wanted.iter().filter(|line| matters(line)).cloned().collect();
        assert_eq!(visible, wanted, "{when}");
    }
}

#[test]
fn nothing_is_touched_where_something_foreign_stands() {
    type Put = fn(&Path);
    let cases: [(Put, &str, &str, &str); 6] = [
        (
            |directory| fs::write(directory.join("cert.pem"), "mine").unwrap(),
            "cert.pem",
            "a file",
            "a link to `current/cert.pem`",
        ),
        (
            |directory| symlink("/etc/ssl/key", directory.join("privkey.pem")).unwrap(),
            "privkey.pem",
            "a link to `/etc/ssl/key`",
            "a link to `current/privkey.pem`",
        ),
        (
            |directory| fs::create_dir(directory.join("current")).unwrap(),
            "current",
            "a directory",
            "a link to one of the `sets`",
        ),
        (
            |directory| symlink("../elsewhere", directory.join("current")).unwrap(),
            "current",
            "a link to `../elsewhere`",
            "a link to one of the `sets`",
        ),
        (
            |directory| symlink("sets/../..", directory.join("current")).unwrap(),
            "current",
            "a link to `sets/../..`",
            "a link to one of the `sets`",
        ),
        (
            |directory| fs::write(directory.join("sets"), "").unwrap(),
            "sets",
            "a file",
            "a directory of sets",
        ),
    ];
    for (put, name, found, wanted) in cases {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path());
        let before = tree(directory.path());
        let path = directory.path().join(name);
        let error = FIRST.install(directory.path(), "a").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{}` is {found}, and {wanted} has to stand there", path.display())
        );
        assert_eq!(tree(directory.path()), before);
    }
}

#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let holder = tempfile::tempdir().unwrap();
    let path = holder.path().join("certs");
    fs::write(&path, "").unwrap();
    assert!(matches!(FIRST.install(&path, "a"), Err(SetError::Foreign { .. })));
    assert!(matches!(FIRST.install(&path.join("www"), "a"), Err(SetError::File(_))));
}

#[test]
fn names_cannot_leave_the_folder_of_sets() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["", ".", "..", ".hidden", "a/b", "a\nb", &"x".repeat(201)] {
        assert!(
            matches!(FIRST.install(directory.path(), name), Err(SetError::BadName { .. })),
            "{name}"
        );
    }
    assert!(tree(directory.path()).is_empty());
}

#[test]
fn many_runs_at_once_end_in_one_whole_set() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| FIRST.install(directory.path(), "a").unwrap());
        }
    });
    let installed = FIRST.install(directory.path(), "a").unwrap();
    assert_eq!(installed.name, "a");
    assert_installed(directory.path(), &FIRST, &installed);
    assert_eq!(tree(directory.path()).len(), 9);
}
