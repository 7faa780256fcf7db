//! `command.run`: a program on this machine, without a shell and in an environment of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::outside::{imitated, marked};
use super::{
    ActionCall, Outside, ProgramEnd, Result, fail, parameters, secret, success, within_the_folder,
};
use crate::files::{FileMode, write_replace};
use crate::pki::Fingerprint;
use crate::run::{ErrorKind, Outcome, Retry, StepError};
use crate::types::{Secret, format_duration, parse_duration, printable, shorten};

/// What is kept of each stream; the rest is read and dropped, so that the program can go on.
const MOST_OUTPUT: usize = 16 * 1024;

/// A program that left somebody behind with its output open must not hold the step up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where programs are looked for; the caller's own is not handed on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    argv: Vec<String>,
    directory: Option<String>,
    certificate_directory: Option<String>,
    environment: BTreeMap<String, String>,
    secret_environment: BTreeMap<String, crate::plan::SecretSource>,
    expect_exit: Vec<i32>,
    time_limit: String,
    only_when: OnlyWhen,
    #[serde(rename = "repeat")]
    _repeat: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnlyWhen {
    Always,
    Changed,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    ran: bool,
    exit_code: Option<i32>,
    stdout: String,
    stderr: String,
    truncated: bool,
}

/// What a program left behind.
struct Ended {
    exit_code: Option<i32>,
    status: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

pub(super) async fn run(outside: Option<&dyn Outside>, call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let within = |path: &Option<String>| match path {
        Some(path) => within_the_folder(call, path).map(Some),
        None => Ok(None),
    };
    let folder = within(&wanted.directory)?.unwrap_or_else(|| call.directory.clone());
    let certificates = within(&wanted.certificate_directory)?;
    let limit = parse_duration(&wanted.time_limit)
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
    let told = match (wanted.only_when, &certificates) {
        (OnlyWhen::Always, _) => None,
        (OnlyWhen::Changed, Some(directory)) => Some(Told::new(directory, &wanted.argv)?),
        (OnlyWhen::Changed, None) => {
            let message = "`only_when: changed` needs `certificate_directory`: what has to change?";
            return fail(ErrorKind::Value, message);
        }
    };
    let program = printable(&wanted.argv[0]);
    if told.as_ref().is_some_and(Told::is_up_to_date) {
        let summary = format!("nothing changed since `{program}` ran last");
        return Ok(success(&Output {
            summary,
            ran: false,
            exit_code: None,
            stdout: String::new(),
            stderr: String::new(),
            truncated: false,
        }));
    }
    if let Some(end) = imitated(outside, |outside| outside.program(call))? {
        let ended = end.map(Ended::from).map_err(Broken::NotStarted);
        let outcome = judged(&wanted, limit, ended, &BTreeMap::new(), told);
        return outcome.map(marked).map_err(|outcome| Box::new(marked(*outcome)));
    }
    let mut secrets = BTreeMap::new();
    for (name, source) in &wanted.secret_environment {
        secrets.insert(name.clone(), secret(source).await?);
    }
    let mut command = Command::new(&wanted.argv[0]);
    command
        .args(&wanted.argv[1..])
        .current_dir(&folder)
        .env_clear()
        .envs(environment(call, certificates.as_deref()))
        .envs(&wanted.environment)
        .envs(secrets.iter().map(|(name, secret)| (name, secret.reveal())));
    let ended = match carried_out(command, limit).await {
        // The system's own words would blame the program.
        Err(Broken::NotStarted(_)) if !folder.is_dir() => {
            let shown = printable(&folder.display().to_string());
            let message =
                format!("the folder `{shown}`, in which `{program}` is to run, is not there");
            return fail(ErrorKind::File, message);
        }
        ended => ended,
    };
    judged(&wanted, limit, ended, &secrets, told)
}

/// What the end of the program means.
fn judged(
    wanted: &Parameters,
    limit: Duration,
    ended: std::result::Result<Ended, Broken>,
    secrets: &BTreeMap<String, Secret>,
    told: Option<Told>,
) -> Result<Outcome> {
    let program = printable(&wanted.argv[0]);
    let ended = match ended {
        Ok(ended) => ended,
        Err(Broken::NotStarted(reason)) => {
            return fail(ErrorKind::File, format!("`{program}` cannot be started: {reason}"));
        }
        Err(Broken::TooLong) => {
            let message =
                format!("`{program}` did not end within {} and was ended", format_duration(limit));
            let error = StepError::new(ErrorKind::Timeout, message);
            return Err(Box::new(Outcome::Failed { error, retry: Retry::Never }));
        }
    };
    let (stdout, stderr) = (text(&ended.stdout, secrets), text(&ended.stderr, secrets));
    if !ended.exit_code.is_some_and(|code| wanted.expect_exit.contains(&code)) {
        let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
        let said = shorten(&printable(said.trim().lines().last().unwrap_or_default()), 300);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        return fail(ErrorKind::Refused, format!("`{program}` ended with {}{said}", ended.status));
    }
    if let Some(told) = told {
        told.remember()?;
    }
    Ok(success(&Output {
        summary: format!("`{program}` ended with {}", ended.status),
        ran: true,
        exit_code: ended.exit_code,
        stdout,
        stderr,
        truncated: ended.truncated,
    }))
}

/// The variables that every command gets.
fn environment(call: &ActionCall, certificates: Option<&Path>) -> Vec<(&'static str, PathBuf)> {
    let mut variables = vec![
        ("PATH", PathBuf::from(PATH)),
        ("LANG", "C.UTF-8".into()),
        ("CERTPLAN_RUN", call.run.as_str().into()),
        ("CERTPLAN_STEP", call.step.as_str().into()),
    ];
    if let Some(directory) = certificates {
        variables.push(("CERTPLAN_CERTIFICATE_DIRECTORY", directory.to_owned()));
        for (name, file) in [
            ("CERTPLAN_CERTIFICATE_FILE", "cert.pem"),
            ("CERTPLAN_CHAIN_FILE", "chain.pem"),
            ("CERTPLAN_FULLCHAIN_FILE", "fullchain.pem"),
            ("CERTPLAN_KEY_FILE", "privkey.pem"),
        ] {
            variables.push((name, directory.join(file)));
        }
    }
    variables
}

impl From<ProgramEnd> for Ended {
    fn from(end: ProgramEnd) -> Self {
        let kept = |text: String| {
            let mut bytes = text.into_bytes();
            let more = bytes.len() > MOST_OUTPUT;
            bytes.truncate(MOST_OUTPUT);
            (bytes, more)
        };
        let ((stdout, more), (stderr, more_errors)) = (kept(end.stdout), kept(end.stderr));
        Self {
            exit_code: Some(end.exit_code),
            status: format!("exit status: {}", end.exit_code),
            stdout,
            stderr,
            truncated: more || more_errors,
        }
    }
}

enum Broken {
    NotStarted(String),
    TooLong,
}

async fn carried_out(mut command: Command, limit: Duration) -> std::result::Result<Ended, Broken> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: what it starts can be ended with it, and Ctrl-C is ours alone.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Broken::NotStarted(error.to_string()))?;
    let mut group = Group(child);
    let (stdout, stderr) = (group.0.stdout.take(), group.0.stderr.take());
    let readers = async { tokio::join!(bounded(stdout), bounded(stderr)) };
    tokio::pin!(readers);
    let (mut streams, mut ended) = (None, None);
    let work = async {
        loop {
            tokio::select! {
                status = group.0.wait(), if ended.is_none() => ended = Some(status),
                read = &mut readers, if streams.is_none() => streams = Some(read),
            }
            if ended.is_some() {
                break;
            }
        }
    };
    if tokio::time::timeout(limit, work).await.is_err() {
        return Err(Broken::TooLong);
    }
    if streams.is_none() {
        streams = tokio::time::timeout(LAST_WORDS, &mut readers).await.ok();
    }
    // It was waited for, so nothing is ended; a service that it left behind may live on.
    drop(group);
    let ((stdout, more), (stderr, more_errors)) = streams.unwrap_or_default();
    let (exit_code, status) = match ended {
        Some(Ok(status)) => (status.code(), status.to_string()),
        Some(Err(error)) => (None, error.to_string()),
        None => (None, "no status".to_owned()),
    };
    Ok(Ended { exit_code, status, stdout, stderr, truncated: more || more_errors })
}

/// A program and everything that it started. Whoever drops it before its end ends them all.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) else { return };
        if let Some(group) = rustix::process::Pid::from_raw(id) {
            // It may have ended by itself just now.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Reads a stream to its end and keeps its beginning; says whether there was more.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> (Vec<u8>, bool) {
    let (mut kept, mut more) = (Vec::new(), false);
    let Some(mut stream) = stream else { return (kept, more) };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let room = MOST_OUTPUT - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
        more |= length > room;
    }
    (kept, more)
}

/// Output as text that is fit to record: without secrets, and with line breaks as its only
/// control characters.
fn text(bytes: &[u8], secrets: &BTreeMap<String, Secret>) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = secrets.values().fold(text, |text, secret| secret.mask_in(&text));
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Which certificate a command was told about last. Kept beside the certificate, and written after
/// the command: a crash in between lets it run once more, never once too little.
struct Told {
    file: PathBuf,
    now: String,
}

impl Told {
    fn new(directory: &Path, argv: &[String]) -> Result<Self> {
        let certificate = directory.join("fullchain.pem");
        let bytes = std::fs::read(&certificate).or_else(|error| {
            let path = certificate.display();
            fail(ErrorKind::File, format!("cannot read `{path}`: {error}"))
        })?;
        let name = Fingerprint::of(argv.join("\0").as_bytes()).to_string();
        let file = directory.join(format!(".told-{}", &name[..16]));
        Ok(Self { file, now: Fingerprint::of(&bytes).to_string() })
    }

    fn is_up_to_date(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|told| told.trim() == self.now)
    }

    fn remember(&self) -> Result<()> {
        write_replace(&self.file, format!("{}\n", self.now).as_bytes(), FileMode::Public)
            .or_else(|error| fail(ErrorKind::File, error.to_string()))
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
