//! Programs that end well, badly, too late, say too much, or say what nobody may see.

use serde_json::{Value, json};

use super::run;
use crate::action::testing::{call, failure, output};
use crate::run::{ErrorKind, Outcome, Retry};

async fn perform(folder: &std::path::Path, parameters: Value) -> crate::action::Result<Outcome> {
    run(None, &call("command.run", folder, parameters)).await
}

#[tokio::test]
async fn a_program_sees_a_clean_environment_and_where_the_certificate_is() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = json!({
        "argv": ["env"], "certificate_directory": "certs/x", "environment": { "MODE": "test" },
    });
    let said = output(perform(folder.path(), parameters).await);
    let mut names: Vec<&str> = said["stdout"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "CERTPLAN_CERTIFICATE_DIRECTORY",
            "CERTPLAN_CERTIFICATE_FILE",
            "CERTPLAN_CHAIN_FILE",
            "CERTPLAN_FULLCHAIN_FILE",
            "CERTPLAN_KEY_FILE",
            "CERTPLAN_RUN",
            "CERTPLAN_STEP",
            "LANG",
            "MODE",
            "PATH"
        ]
    );
    let signature = crate::plan::find_signature("command.run").unwrap();
    let mut documented: Vec<&str> = signature.variables.iter().map(|(name, _)| *name).collect();
    documented.push("MODE");
    documented.sort_unstable();
    assert_eq!(names, documented);
    let text = said["stdout"].as_str().unwrap();
    let key = folder.path().join("certs/x/privkey.pem").display().to_string();
    assert!(text.contains(&format!("CERTPLAN_KEY_FILE={key}\n")), "{text}");
}

#[tokio::test]
async fn a_secret_reaches_the_program_and_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "hunter2-hunter2\n").unwrap();
    let parameters = json!({
        "argv": ["sh", "-c", "test \"$TOKEN\" = hunter2-hunter2 && echo $TOKEN && echo $TOKEN >&2; exit 3"],
        "secret_environment": { "TOKEN": { "file": path } },
        "expect_exit": [3],
    });
    let said = output(perform(folder.path(), parameters.clone()).await);
    assert_eq!((&said["stdout"], &said["stderr"]), (&json!("***"), &json!("***")));
    assert_eq!(said["exit_code"], 3);
    let mut wrong = parameters;
    wrong["expect_exit"] = json!([0]);
    let (error, retry) = failure(perform(folder.path(), wrong).await);
    assert_eq!(error.message, "`sh` ended with exit status: 3: ***");
    assert_eq!((error.kind, retry), (ErrorKind::Refused, Retry::Never));
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    // The child writes down who it is; nobody may be left under that number.
    let script = "sleep 1000 & echo $! > child; wait";
    let parameters = json!({ "argv": ["sh", "-c", script], "time_limit": "1s" });
    let (error, retry) = failure(perform(folder.path(), parameters).await);
    assert_eq!(error.message, "`sh` did not end within 1s and was ended");
    assert_eq!((error.kind, retry), (ErrorKind::Timeout, Retry::Never));
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).ok()?;
        Some(stat.rsplit(')').next()?.trim().starts_with(['Z', 'X']))
    };
    // It is gone, or dead and waits for whoever adopted it.
    while state() == Some(false) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_said_too_much_is_dropped_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; printf '\\033[31m' >&2";
    let said = output(perform(folder.path(), json!({ "argv": ["sh", "-c", script] })).await);
    assert_eq!(said["truncated"], true);
    assert_eq!(said["stdout"].as_str().unwrap().len(), super::MOST_OUTPUT);
    assert_eq!(said["stderr"], "\u{fffd}[31m");
}

#[tokio::test]
async fn a_command_for_changes_runs_once_for_each_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("fullchain.pem");
    let ran = async |argv: &[&str]| {
        let parameters =
            json!({ "argv": argv, "certificate_directory": ".", "only_when": "changed" });
        output(perform(folder.path(), parameters).await)["ran"] == true
    };
    std::fs::write(&certificate, "one").unwrap();
    assert!(ran(&["true"]).await);
    assert!(!ran(&["true"]).await);
    // Another command was not told yet.
    assert!(ran(&["true", "other"]).await);
    std::fs::write(&certificate, "two").unwrap();
    assert!(ran(&["true"]).await);
    // What failed was not told.
    let failing = json!({
        "argv": ["false"], "certificate_directory": ".", "only_when": "changed",
    });
    for _ in 0..2 {
        let (error, _) = failure(perform(folder.path(), failing.clone()).await);
        assert_eq!(error.message, "`false` ended with exit status: 1");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_and_a_folder_elsewhere_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (error, _) = failure(perform(folder.path(), json!({ "argv": ["/no/such"] })).await);
    assert!(error.message.starts_with("`/no/such` cannot be started: "), "{error}");
    let elsewhere = json!({ "argv": ["true"], "directory": "/tmp" });
    assert_eq!(failure(perform(folder.path(), elsewhere).await).0.kind, ErrorKind::Value);
}

#[tokio::test]
async fn folders_may_be_given_as_a_download_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("certs/x").display().to_string();
    std::fs::create_dir_all(&whole).unwrap();
    let parameters = json!({
        "argv": ["sh", "-c", "pwd && echo $CERTPLAN_CERTIFICATE_DIRECTORY"],
        "directory": whole, "certificate_directory": whole,
    });
    let said = output(perform(folder.path(), parameters).await);
    assert_eq!(said["stdout"], format!("{whole}\n{whole}"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_and_not_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = json!({ "argv": ["true"], "directory": "nowhere" });
    let (error, _) = failure(perform(folder.path(), parameters).await);
    assert!(error.message.contains("nowhere`, in which `true` is to run, is not there"), "{error}");
}
