//! `Outside`: who answers in an imitated world for programs and for servers that no connection leads
//! to.
//!
//! The answer is what the world would say, not what becomes of the step: the action judges it as it
//! judges a real one.

use super::{ActionCall, fail};
use crate::api::web::WebAnswer;
use crate::pki::Fingerprint;
use crate::run::{ErrorKind, Outcome};

/// Stands for everything that `command.run`, `http.request` and `tls.check_served` reach.
pub trait Outside: Send + Sync {
    /// How the program of a step ends.
    fn program(&self, call: &ActionCall) -> Imitated<ProgramEnd>;

    /// What a server answers to the request of a step.
    fn server(&self, call: &ActionCall) -> Imitated<WebAnswer>;

    /// The certificates that a server shows, the leaf first, to a step that expects the one with
    /// this fingerprint.
    fn certificates(&self, call: &ActionCall, expected: &Fingerprint) -> Imitated<Vec<Vec<u8>>>;
}

/// What stands for the world's answer.
#[derive(Debug)]
pub enum Imitated<T> {
    /// Nothing: the step really acts.
    Really,
    /// This.
    Answer(T),
    /// There is no answer, for this reason: the program does not start, nobody is reached.
    Error(String),
    /// Nobody says what stands for it; the step fails with this message, and does nothing.
    Unknown(String),
}

/// How a program has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProgramEnd {
    /// Its exit code.
    pub exit_code: i32,
    /// Its output.
    pub stdout: String,
    /// Its error output.
    pub stderr: String,
}

/// Asks for what stands for the world's answer; without an `outside`, every step really acts.
pub(super) fn imitated<T>(
    outside: Option<&dyn Outside>,
    ask: impl FnOnce(&dyn Outside) -> Imitated<T>,
) -> super::Result<Option<Result<T, String>>> {
    match outside.map(ask) {
        None | Some(Imitated::Really) => Ok(None),
        Some(Imitated::Answer(answer)) => Ok(Some(Ok(answer))),
        Some(Imitated::Error(reason)) => Ok(Some(Err(reason))),
        Some(Imitated::Unknown(message)) => fail(ErrorKind::Value, message),
    }
}

/// The outcome of an imitation, which says that it is one.
pub(super) fn marked(mut outcome: Outcome) -> Outcome {
    match &mut outcome {
        Outcome::Succeeded { output, .. } => {
            if let Some(serde_json::Value::String(summary)) = output.get_mut("summary") {
                summary.insert_str(0, MARK);
            }
        }
        Outcome::NotYet { observation } => observation.summary.insert_str(0, MARK),
        Outcome::Failed { error, .. } => error.message.insert_str(0, MARK),
        _ => {}
    }
    outcome
}

const MARK: &str = "imitated: ";
