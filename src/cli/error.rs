//! `CliError`: an error as a person reads it: what happened, why, and what may help.

use std::io;

use super::exit::ExitCode;
use crate::api::http::ConnectionError;
use crate::driver::DriveError;
use crate::engine::EngineError;
use crate::run::ErrorKind;
use crate::sandbox::SandboxError;
use crate::store::{LockError, StoreError};
use crate::types::printable;

/// The end of a command that could not do its work.
#[derive(Debug)]
pub(super) struct CliError {
    pub(super) code: ExitCode,
    pub(super) message: String,
    pub(super) hints: Vec<String>,
}

impl CliError {
    /// Something that was asked for cannot be done as asked; nothing was sent.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message.into())
    }

    /// It went wrong on the way.
    pub(super) fn failure(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Failed, message.into())
    }

    /// File names and values in a message may hold anything; terminals obey control characters.
    fn new(code: ExitCode, message: String) -> Self {
        let lines: Vec<String> = message.split('\n').map(printable).collect();
        Self { code, message: lines.join("\n"), hints: Vec::new() }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the hints that there are.
    pub(super) fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::NoSuchRun(_) => Some("`certplan status` lists all runs"),
            StoreError::Newer { .. } => Some("use the newer certplan that wrote it"),
            StoreError::Older { .. } => {
                Some("any command does so where it may write, or on a copy of the folder")
            }
            StoreError::Foreign { .. } => {
                Some("name another folder with `--state-dir`; the file was left as it is")
            }
            StoreError::Conflict(_) => Some("look at it with `certplan show`, then resume it"),
            StoreError::OrderForgotten(_) => Some("`certplan doctor` says what can be done"),
            _ if error.is_damage() => {
                Some("`certplan doctor` says what it comes of and what to do")
            }
            StoreError::Corrupt { .. } => {
                Some("`certplan doctor` says what else is damaged; an older copy may still have it")
            }
            StoreError::CertificateOwned { .. }
            | StoreError::NoSuchPlan(_)
            | StoreError::NoSuchBatch(_)
            | StoreError::BatchExists(_)
            | StoreError::NamesBeingOrdered { .. }
            | StoreError::OrderedMeanwhile { .. }
            | StoreError::Database { .. }
            | StoreError::Closed => None,
        };
        // A damaged file says nothing of whether something was sent.
        let error = match error {
            StoreError::Corrupt { .. } => Self::failure(error.to_string()),
            _ => Self::usage(error.to_string()),
        };
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<DriveError> for CliError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Load(error) => error.into(),
            DriveError::Engine(EngineError::Semantics { .. }) => Self::usage(error.to_string())
                .hint("resume it with the version of certplan that started it"),
            DriveError::Store { .. } | DriveError::Locks(_) => Self::failure(error.to_string())
                .hint("nothing was done after that; put the cause right, then `certplan resume`"),
            DriveError::Engine(_) | DriveError::Plan { .. } | DriveError::Defect { .. } => {
                Self::failure(error.to_string())
            }
        }
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let code = if error.is_held() { ExitCode::Locked } else { ExitCode::Usage };
        Self::new(code, error.to_string())
    }
}

impl From<SandboxError> for CliError {
    fn from(error: SandboxError) -> Self {
        let hint = match &error {
            SandboxError::NotLoopback(_) => Some(
                "`--beyond-loopback` lets other machines reach it; it protects nothing, so whoever \
                 reaches it may do everything",
            ),
            SandboxError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("is another sandbox running? port 0 takes a free one")
            }
            SandboxError::Listen { .. }
            | SandboxError::StateFile(_)
            | SandboxError::Ca(_)
            | SandboxError::Refused(_) => None,
        };
        let error = Self::usage(error.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<ConnectionError> for CliError {
    fn from(error: ConnectionError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Whether the mistake may be in the plan itself: in a value of it, or in what it runs and asks.
pub(super) fn may_be_the_plan(uses: &str, kind: ErrorKind) -> bool {
    match uses {
        WEB | COMMAND => !matches!(kind, ErrorKind::RateLimited | ErrorKind::Interrupted),
        "assert" => true,
        _ => kind == ErrorKind::Value,
    }
}

/// The actions that reach out to what this program knows nothing of.
const WEB: &str = "http.request";
const COMMAND: &str = "command.run";

/// What may help after a step with this action failed in this way.
pub(super) fn step_hint(uses: &str, kind: ErrorKind) -> Option<&'static str> {
    match uses {
        WEB => web_hint(kind),
        COMMAND => command_hint(kind),
        _ => api_hint(kind),
    }
}

/// After a request to any server; it has nothing to do with the keys of the API.
fn web_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unauthorized => Some(
            "the server wants to know who asks: `secret_headers` sends a token without showing it",
        ),
        ErrorKind::NotFound => Some("the server has nothing at the path of `url`"),
        ErrorKind::Refused => Some(
            "`expect_status` lists the answers that are right; `until` and `fail_if` judge what is in them",
        ),
        ErrorKind::Unreachable => {
            Some("is the server of `url` up, and reachable from this machine or through its proxy?")
        }
        ErrorKind::Interrupted => Some(
            "look at the server whether the request was carried out; with `repeat: safe` it is \
             simply sent again",
        ),
        ErrorKind::Unreadable => {
            Some("`captures` and `until` need an answer that is as they expect it, such as JSON")
        }
        _ => None,
    }
}

/// After a program.
fn command_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Refused => Some(
            "the program ran and was not content; `expect_exit` lists the exit codes that are right",
        ),
        ErrorKind::File => Some(
            "`argv` is started without a shell and with few variables: name the program by its whole \
             path, and give what it needs under `environment`",
        ),
        ErrorKind::Timeout => Some("`time_limit` says how long the program may take"),
        ErrorKind::Interrupted => Some(
            "whether the program did its work is not known; with `repeat: safe` it is simply run again",
        ),
        _ => None,
    }
}

/// After a step that talks to an API, to DNS, or to this machine.
fn api_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unauthorized => Some(
            "the API does not accept the key; check `REGFISH_API_KEY` (for DigiCert \
                 `DIGICERT_API_KEY`) and the key's role",
        ),
        ErrorKind::Unreachable => {
            Some("check the network and the base URL; nothing is lost, `certplan resume` goes on")
        }
        ErrorKind::Unreadable => Some(
            "is the base URL that of the API? something else, such as a proxy, may have answered",
        ),
        ErrorKind::Conflict => Some("put it right and `certplan resume`"),
        ErrorKind::Proof => {
            Some("nothing that was in place was replaced; the order and its key are kept")
        }
        ErrorKind::NotFound
        | ErrorKind::Value
        | ErrorKind::Credentials
        | ErrorKind::RateLimited
        | ErrorKind::Server
        | ErrorKind::Refused
        | ErrorKind::CertificateEnded
        | ErrorKind::File
        | ErrorKind::Interrupted
        | ErrorKind::Timeout
        | ErrorKind::Internal => None,
    }
}
