//! Where the API is and with which key: from the plan, the environment and `--set`.
//!
//! The key is read when it is needed and goes nowhere but into the connection.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budgets;
use super::error::CliError;
use super::inputs::name_and_value;
use crate::api::budget::Budget;
use crate::api::http::{BaseUrl, Connection};
use crate::api::regfish::RegfishClient;
use crate::plan::{Plan, SecretSource, find_signature};
use crate::types::{Clock, Secret, format_duration};

/// The vendor's API (contract A.0).
const REGFISH_BASE_URL: &str = "https://api.regfish.com";

/// Overrides the base address, below `--set` and above the plan.
const REGFISH_BASE_URL_VARIABLE: &str = "REGFISH_BASE_URL";

/// A command that prints a secret may ask a person to unlock something.
const SECRET_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// No API key is longer, and a file that is was named by mistake.
const LONGEST_SECRET: usize = 4096;

/// What `--set` changes.
#[derive(Debug, Default)]
pub(super) struct Settings {
    base_urls: BTreeMap<String, String>,
    limits: Option<String>,
}

impl Settings {
    /// Reads `--set` arguments; a key that nothing would read is a mistake.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, CliError> {
        let mut settings = Self::default();
        for argument in arguments {
            let (key, value) = name_and_value("--set", argument)?;
            match key {
                "connections.regfish.base_url" => {
                    settings.base_urls.insert("regfish".to_owned(), value.to_owned());
                }
                "connections.regfish.limits" => settings.limits = Some(value.to_owned()),
                _ => {
                    let shown = crate::types::printable(key);
                    return Err(CliError::usage(format!("there is no setting `{shown}`"))
                        .hint("the settings are: connections.regfish.base_url, connections.regfish.limits"));
                }
            }
        }
        Ok(settings)
    }

    /// How many requests may be sent, as it was given.
    pub(super) fn limits(&self) -> Option<&str> {
        self.limits.as_deref()
    }
}

/// Whether the plan has a step that needs the connection.
pub(super) fn needs(plan: &Plan, connection: &str) -> bool {
    plan.steps.values().any(|step| {
        find_signature(&step.uses).is_some_and(|signature| signature.connection == Some(connection))
    })
}

/// The address for a new run: `--set`, the environment, the plan, the vendor's.
pub(super) fn base_url(plan: &Plan, settings: &Settings) -> Result<BaseUrl, CliError> {
    let declared =
        plan.connections.get("regfish").and_then(|connection| connection.base_url.clone());
    let (text, origin) = if let Some(text) = settings.base_urls.get("regfish") {
        (text.clone(), "`--set`")
    } else if let Some(text) = std::env::var_os(REGFISH_BASE_URL_VARIABLE) {
        // A value that cannot be read must not quietly mean the real API.
        let text = text.into_string().map_err(|_| {
            CliError::usage(format!("the variable `{REGFISH_BASE_URL_VARIABLE}` is not text"))
        })?;
        (text, "the environment variable `REGFISH_BASE_URL`")
    } else if let Some(text) = declared {
        (text, "the plan")
    } else {
        (REGFISH_BASE_URL.to_owned(), "the default")
    };
    parse(&text, origin)
}

/// The address for a run that is resumed: `--set`, or the one that it was started with.
pub(super) fn recorded_base_url(recorded: &str, settings: &Settings) -> Result<BaseUrl, CliError> {
    match settings.base_urls.get("regfish") {
        Some(text) => parse(text, "`--set`"),
        None => parse(recorded, "the run"),
    }
}

fn parse(text: &str, origin: &str) -> Result<BaseUrl, CliError> {
    BaseUrl::parse(text).map_err(|error| CliError::usage(format!("{error} (from {origin})")))
}

/// The client of a connection to `base_url` with the key that the plan points to.
pub(super) async fn regfish(
    plan: &Plan,
    base_url: BaseUrl,
    clock: Arc<dyn Clock>,
    budgets: &Budgets<'_>,
) -> Result<RegfishClient, CliError> {
    let default = SecretSource::Env("REGFISH_API_KEY".to_owned());
    let source = plan.connections.get("regfish").map_or(&default, |connection| &connection.api_key);
    let key = read_secret(source).await?;
    let budget = budgets.open(&base_url, &key, Arc::clone(&clock));
    client(base_url, key, clock, budget)
}

/// A client with a key that is known already.
pub(super) fn client(
    base_url: BaseUrl,
    key: Secret,
    clock: Arc<dyn Clock>,
    budget: Budget,
) -> Result<RegfishClient, CliError> {
    let gate = Arc::new(budget);
    Ok(RegfishClient::new(Connection { clock, gate, ..Connection::regfish(base_url, key) })?)
}

async fn read_secret(source: &SecretSource) -> Result<Secret, CliError> {
    let (text, origin) = match source {
        SecretSource::Env(name) => (read_variable(name)?, format!("the variable `{name}`")),
        SecretSource::File(path) => (read_file(path)?, format!("the file `{path}`")),
        SecretSource::Command(command) => {
            let name = command.first().map_or("", String::as_str);
            (run_command(command).await?, format!("the command `{name}`"))
        }
    };
    let secret = Secret::new(text.trim().to_owned());
    if secret.reveal().is_empty() {
        return Err(CliError::usage(format!("the API key from {origin} is empty")));
    }
    if secret.reveal().len() > LONGEST_SECRET {
        let message = format!("the API key from {origin} is longer than {LONGEST_SECRET} bytes");
        return Err(CliError::usage(message));
    }
    Ok(secret)
}

fn read_variable(name: &str) -> Result<String, CliError> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => {
            CliError::usage(format!("no API key: the environment variable `{name}` is not set"))
                .hint("export it, or try the plan without a key: `--sandbox`")
        }
        std::env::VarError::NotUnicode(_) => {
            CliError::usage(format!("the API key in the variable `{name}` is not text"))
        }
    })
}

fn read_file(path: &str) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("no API key: cannot read `{path}`: {error}")))
}

/// Runs a command without a shell. Its error output stays out of messages: it may hold the secret.
async fn run_command(command: &[String]) -> Result<String, CliError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(CliError::usage("no API key: the command is empty"));
    };
    let refuse = |reason: String| CliError::usage(format!("no API key: `{program}` {reason}"));
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| refuse(format!("cannot be started: {error}")))?;
    let output = tokio::time::timeout(SECRET_COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| {
            refuse(format!("did not end within {}", format_duration(SECRET_COMMAND_TIMEOUT)))
        })?
        .map_err(|error| refuse(format!("broke off: {error}")))?;
    if !output.status.success() {
        return Err(refuse(format!("ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| refuse("did not print text".to_owned()))
}
