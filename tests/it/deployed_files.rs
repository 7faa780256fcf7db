//! What stands on disk after runs: keystores that flip with the certificate, former sets that go,
//! a way back, a key that is used again; and that nothing live is touched by what cannot be used.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{COMMON_NAME, Finished, Project, finish, shipped_plan};

fn files(project: &Project) -> PathBuf {
    project.path().join(".certplan/sandbox/files")
}

fn live(project: &Project) -> PathBuf {
    files(project).join("certs").join(COMMON_NAME)
}

fn order_again(project: &Project, plan: &str) -> Finished {
    project.run(&["run", plan, "--sandbox", "--again"]).expect_code(0)
}

fn rollback(project: &Project, arguments: &[&str]) -> Finished {
    let mut all = vec!["rollback", COMMON_NAME, "--sandbox"];
    all.extend(arguments);
    project.run(&all)
}

/// The names of the sets, the newest first, as the program lists them.
fn listed(project: &Project) -> Vec<Value> {
    let listed = rollback(project, &["--list", "--output", "json"]).expect_code(0);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    listed["sets"].as_array().unwrap().clone()
}

fn current(project: &Project) -> String {
    let link = std::fs::read_link(live(project).join("current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A plan that is shipped, changed in one place.
fn changed_plan(project: &Project, plan: &str, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(shipped_plan(plan)).unwrap();
    assert!(text.contains(from), "{plan} has no {from}");
    project.write("changed.yaml", text.replace(from, to));
    "changed.yaml".to_owned()
}

#[test]
fn a_keystore_flips_with_its_certificate_and_goes_back_with_it() {
    let project = Project::new();
    let plan = shipped_plan("dv-keystore.yaml");
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let keystore = live(&project).join("keystore.p12");
    let read = || (std::fs::read(&keystore).unwrap(), current(&project));
    let first = read();
    assert_eq!(std::fs::metadata(&keystore).unwrap().mode() & 0o777, 0o600);
    let _ = order_again(&project, &plan);
    let second = read();
    assert!(first.0 != second.0 && first.1 != second.1);
    let dry = rollback(&project, &["--dry-run", "--output", "json"]).expect_code(0);
    let dry: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!(dry["set"], first.1.as_str());
    assert_eq!((&dry["left"], &dry["dry_run"]), (&second.1.as_str().into(), &true.into()));
    assert_eq!(read(), second);
    let _ = rollback(&project, &[]).expect_code(0).expect_talk("is current again");
    assert_eq!(read(), first);
    let sets = listed(&project);
    assert_eq!(sets.len(), 2);
    for set in &sets {
        let is_first = set["set"] == first.1.as_str();
        assert_eq!((&set["current"], &set["previous"]), (&is_first.into(), &(!is_first).into()));
        assert_eq!(set["unfit"], Value::Null);
        assert_eq!(set["names"][0], COMMON_NAME);
    }
}

#[test]
fn nothing_live_is_touched_for_a_former_set_that_cannot_be_used() {
    let project = Project::new();
    let refused = rollback(&project, &[]).expect_code(2);
    let _ = refused.expect_talk("is neither a folder nor a target with a certificate");
    let plan = shipped_plan("dv-keystore.yaml");
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let _ = rollback(&project, &[]).expect_code(2).expect_talk("there is no set before it");
    let first = live(&project).join("sets").join(current(&project));
    let _ = order_again(&project, &plan);
    let before = current(&project);
    let second = live(&project).join("sets").join(&before);
    let change = |name: &str, content: Option<&[u8]>, reason: &str| {
        let path = first.join(name);
        let kept = std::fs::read(&path).unwrap();
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let refused = rollback(&project, &[]).expect_code(2).expect_talk(reason);
        assert!(refused.stdout.is_empty(), "{refused}");
        assert_eq!(current(&project), before);
        std::fs::write(&path, kept).unwrap();
    };
    let foreign_key = std::fs::read(second.join("privkey.pem")).unwrap();
    change("privkey.pem", Some(&foreign_key), "is not fit for use");
    let leaf = std::fs::read(first.join("cert.pem")).unwrap();
    change("fullchain.pem", Some(&leaf), "the chain ends with the leaf");
    change("fullchain.pem", Some(b"rubbish"), "there is no PEM certificate in it");
    change("keystore.p12", None, "lacks the files `keystore.p12`");
    change("chain.pem", None, "there is no whole set");
    // Whoever knows better may.
    std::fs::remove_file(first.join("keystore.p12")).unwrap();
    let done = rollback(&project, &["--anyway"]).expect_code(0);
    let _ = done.expect_talk("warning: the set");
    assert_ne!(current(&project), before);
}

#[test]
fn old_sets_go_with_their_keys_and_what_can_be_gone_back_to_stays() {
    let project = Project::new();
    let plan = changed_plan(&project, "dv-keystore.yaml", "keep: 3 ", "keep: 1 ");
    let _ = project.run(&["run", &plan, "--sandbox"]).expect_code(0);
    let mut names = vec![current(&project)];
    for _ in 0..2 {
        let _ = order_again(&project, &plan);
        names.push(current(&project));
    }
    let left: Vec<String> =
        listed(&project).iter().map(|set| set["set"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&names[0]) && left.contains(&names[1]) && left.contains(&names[2]));
    let folder = live(&project).join("sets");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2, "nothing hidden is left");
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let said = serde_json::to_string(&project.events(&run)).unwrap();
    assert!(said.contains(&format!("\"removed_sets\":[\"{}\"]", names[0])), "{said}");
    let _ = rollback(&project, &[]).expect_code(0);
    assert_eq!(current(&project), names[1]);
}

#[test]
fn a_user_that_the_machine_does_not_know_costs_nothing() {
    let project = Project::new();
    for (more, reason) in [
        ("owner: no-such-user", "there is no user `no-such-user`"),
        ("group: no-such-group", "there is no group `no-such-group`"),
    ] {
        let to = format!("{more}\n      key_mode: \"0600\"");
        let plan = changed_plan(&project, "dv-keystore.yaml", "key_mode: \"0600\"", &to);
        let run = project.run(&["run", &plan, "--sandbox", "--again"]).expect_code(1);
        let _ = run.expect_talk(reason);
        assert!(project.embedded_orders().is_empty());
    }
}

#[test]
fn a_passphrase_that_is_missing_costs_nothing_and_one_that_is_there_stands_nowhere() {
    const PASSPHRASE: &str = "pa55phrase-that-stands-nowhere";
    let project = Project::new();
    let first = Project::new();
    let _ = first.run(&["run", &shipped_plan("dv.yaml"), "--sandbox"]).expect_code(0);
    // Against no sandbox: what it exports is a set that is there.
    let from = project.path().join("certs");
    copy(&live(&first), &from);
    project.write(
        "export.yaml",
        "certplan: 1
name: export
steps:
  - id: export
    uses: x509.export
    with:
      from: certs
      directory: keystores
      formats:
        - { format: pkcs12, passphrase: { env: KEYSTORE_PASSPHRASE } }
        - { format: key-encrypted, passphrase: { env: KEYSTORE_PASSPHRASE } }
        - { format: combined }
",
    );
    let run = |passphrase: Option<&str>| {
        let mut command = project.command(&["run", "export.yaml", "--again", "-vvv"]);
        command.env_remove("KEYSTORE_PASSPHRASE");
        command.envs(passphrase.map(|passphrase| ("KEYSTORE_PASSPHRASE", passphrase)));
        finish(command)
    };
    let _ = run(None).expect_code(2).expect_talk("`KEYSTORE_PASSPHRASE` is not set");
    let _ = run(Some("schlüssel")).expect_code(1).expect_talk("not printable ASCII");
    assert!(!project.path().join("keystores").exists());
    let done = run(Some(PASSPHRASE)).expect_code(0);
    assert!(!format!("{done}").contains(PASSPHRASE));
    let folder = project.path().join("keystores");
    for (file, mode) in [("keystore.p12", 0o600), ("combined.pem", 0o600)] {
        let found = std::fs::metadata(folder.join(file)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{file}");
    }
    // The same once more is the same set.
    let set = |link: &str| std::fs::read_link(folder.join(link)).ok();
    let before = set("current");
    let _ = run(Some(PASSPHRASE)).expect_code(0);
    assert_eq!((set("current"), set("previous")), (before, None));
    project.expect_nowhere(PASSPHRASE);
    // Of a set that was spoilt, nothing is written.
    std::fs::write(from.join("sets").join(current(&first)).join("chain.pem"), "").unwrap();
    std::fs::copy(
        from.join("cert.pem"),
        from.join("sets").join(current(&first)).join("fullchain.pem"),
    )
    .unwrap();
    let _ = run(Some(PASSPHRASE)).expect_code(1).expect_talk("the chain ends with the leaf");
}

#[test]
fn a_key_is_used_again_only_when_it_is_asked_for_and_when_it_fits() {
    let project = Project::new();
    let _ = project.run(&["run", &shipped_plan("dv.yaml"), "--sandbox"]).expect_code(0);
    let read = || (std::fs::read(live(&project).join("privkey.pem")).unwrap(), current(&project));
    let first = read();
    let plan = shipped_plan("reissue.yaml");
    let former = format!("reuse_key=certs/{COMMON_NAME}/privkey.pem");
    let reissue = |more: &[&str]| {
        let mut all = vec!["run", plan.as_str(), "--sandbox", "--again", "--input", "lead=400d"];
        all.extend(more);
        project.run(&all)
    };
    let refused = reissue(&["--input", &former, "--input", "key_type=rsa-2048"]).expect_code(1);
    let _ = refused.expect_talk("is `ec-p256`, and `key_type` wants `rsa-2048`");
    let refused = reissue(&["--input", "reuse_key=certs/nowhere.pem"]).expect_code(1);
    let _ = refused.expect_talk("to be used again");
    assert_eq!(read(), first);
    // The certificate of the same key that is served meanwhile is not taken for the new one.
    let _ = reissue(&["--input", &former]).expect_code(0).expect_talk("ec-p256 key, used again,");
    let second = read();
    assert!(second.0 == first.0 && second.1 != first.1);
    let _ = reissue(&[]).expect_code(0);
    assert!(read().0 != first.0);
}

/// A folder with its links as they are.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap() {
            kind if kind.is_symlink() => {
                std::os::unix::fs::symlink(std::fs::read_link(path).unwrap(), target).unwrap();
            }
            kind if kind.is_dir() => copy(&path, &target),
            _ => drop(std::fs::copy(path, target).unwrap()),
        }
    }
}
