//! Tests of installing sets, with the leftovers of crashes at every point.

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::files::write_new;

const fn public<'a>(name: &'a str, text: &'a str) -> SetFile<'a> {
    SetFile { name, bytes: text.as_bytes(), mode: FileMode::Public, is_same: None }
}

const fn private<'a>(name: &'a str, text: &'a str) -> SetFile<'a> {
    SetFile { name, bytes: text.as_bytes(), mode: FileMode::Private, is_same: None }
}

const FIRST: CertificateSet<'_> = CertificateSet {
    files: &[
        public("cert.pem", "cert 1"),
        public("chain.pem", "chain"),
        public("fullchain.pem", "full 1"),
        private("privkey.pem", "key 1"),
    ],
    access: Access::DEFAULT,
};
const SECOND: CertificateSet<'_> = CertificateSet {
    files: &[
        public("cert.pem", "cert 2"),
        public("chain.pem", "chain"),
        public("fullchain.pem", "full 2"),
        private("privkey.pem", "key 2"),
    ],
    access: Access::DEFAULT,
};

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
    for file in set.files {
        for folder in [directory, &installed.folder] {
            assert_eq!(fs::read(folder.join(file.name)).unwrap(), file.bytes);
        }
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

#[test]
fn a_set_that_gained_a_file_is_another_set_and_flips_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    FIRST.install(directory, "a").unwrap();
    let files: Vec<_> =
        FIRST.files.iter().copied().chain([private("keystore.p12", "store 1")]).collect();
    let more = CertificateSet { files: &files, access: Access::DEFAULT };
    let installed = more.install(directory, "a").unwrap();
    assert_eq!((installed.name.as_str(), installed.previous.as_deref()), ("a-2", Some("a")));
    assert_installed(directory, &more, &installed);
    assert_eq!(fs::metadata(directory.join("keystore.p12")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(more.install(directory, "a").unwrap().name, "a-2");
}

#[test]
fn a_file_cannot_leave_the_folder_of_its_set() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["../cert.pem", "", ".hidden", "a/b", "current", "sets"] {
        let set = CertificateSet { files: &[public(name, "")], access: Access::DEFAULT };
        assert!(matches!(set.install(directory.path(), "a"), Err(SetError::BadName { .. })));
    }
    assert!(tree(directory.path()).is_empty());
}

#[test]
fn files_have_the_modes_that_were_asked_for_whether_they_are_new_or_were_there() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (key, certificate) in [("0600", "0644"), ("0640", "0640"), ("0400", "0444")] {
        let access = Access::resolve(None, None, key, certificate).unwrap();
        CertificateSet { access, ..FIRST }.install(directory, "a").unwrap();
        for (file, mode) in [("privkey.pem", key), ("cert.pem", certificate)] {
            let found = fs::metadata(directory.join(file)).unwrap().mode() & 0o7777;
            assert_eq!(format!("{found:04o}"), mode, "{file}");
        }
    }
}

#[test]
fn files_belong_to_whom_they_were_given() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let own = fs::metadata(directory).unwrap();
    // Root can show it with anybody; everybody else with themselves.
    let (user, group) = if own.uid() == 0 { (4242, 4343) } else { (own.uid(), own.gid()) };
    let access =
        Access::resolve(Some(&user.to_string()), Some(&group.to_string()), "0600", "0644").unwrap();
    CertificateSet { access, ..FIRST }.install(directory, "a").unwrap();
    for file in FIRST.files {
        let found = fs::metadata(directory.join(file.name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (user, group), "{}", file.name);
    }
    // A set that cannot be handed over does not become current.
    if own.uid() != 0 {
        let access = Access::resolve(Some("0"), None, "0600", "0644").unwrap();
        let before = tree(directory);
        assert!(CertificateSet { access, ..SECOND }.install(directory, "b").is_err());
        assert_eq!(tree(directory), before);
    }
}
