//! What steps do: each action turns checked parameters into requests, keys or files, and the result
//! into an [`Outcome`].
//!
//! An action never waits and never repeats itself: it looks or acts once and says what happened.
//! Waiting and repeating are the engine's, because they must be recorded.

mod api_error;
mod assert;
mod blocking;
mod command;
mod digicert;
mod dns;
mod export;
mod files;
mod installation;
mod outside;
mod perform;
pub mod preview;
mod regfish;
mod stored;
#[cfg(test)]
mod testing;
mod tls;
mod web;
mod x509;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use outside::{Imitated, Outside, ProgramEnd};
pub use perform::{Actions, CertificateDesk};
pub use regfish::records::{Ownership, ownership};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
pub use stored::{StoredCertificate, StoredError, read_stored};
use tokio::sync::oneshot;

use crate::files::resolve_within;
use crate::plan::{SecretSource, find_signature};
use crate::run::{Call, ErrorKind, Outcome, Retry, StepError, Values};
use crate::secrets::read_secret;
use crate::types::{Busy, CertificateId, RunId, Secret, StepId, Timestamp};

/// One call of an action, with everything it may know.
#[derive(Debug, Clone)]
pub struct ActionCall {
    /// The run that it belongs to.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The action's name.
    pub uses: String,
    /// What is asked.
    pub call: Call,
    /// The parameters, checked against the action's signature.
    pub parameters: Values,
    /// The folder that relative paths start from.
    pub directory: PathBuf,
    /// Certificates of other runs; only filled for calls that look for an order.
    pub owned_by_others: BTreeSet<CertificateId>,
    /// Runs that have not come to their end, this one among them.
    pub unfinished_runs: Arc<BTreeSet<RunId>>,
    /// The private keys that the run has made: fingerprint of the public key, and file.
    pub keys: Vec<(String, PathBuf)>,
    /// The order that is to be asked after when what is waited for is not there.
    pub order: Option<CertificateId>,
}

/// Somebody who performs actions.
pub trait Performer: Send + Sync {
    /// Performs one call and says how it ended.
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;

    /// Waits for many steps at once: the receiver is told when it is time to perform the step. None
    /// when the step has to look by itself at its own times, as a step of a single run does.
    fn wait(&self, waiting: &Waiting) -> Option<oneshot::Receiver<Busy>> {
        let _ = waiting;
        None
    }
}

/// A step that looks again and again until something is there.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The action's name.
    pub uses: String,
    /// The parameters, checked.
    pub parameters: Values,
    /// The pause between two looks.
    pub every: Duration,
    /// When its patience ends.
    pub until: Option<Timestamp>,
}

/// An outcome, or the outcome that ended the action early: lets actions use `?`.
type Result<T> = std::result::Result<T, Box<Outcome>>;

/// A failure that another attempt would meet again.
fn fail<T>(kind: ErrorKind, message: impl Into<String>) -> Result<T> {
    Err(Box::new(failure(kind, message)))
}

fn failure(kind: ErrorKind, message: impl Into<String>) -> Outcome {
    Outcome::Failed { error: StepError::new(kind, message), retry: Retry::Never }
}

/// The action's own view of its parameters. They were checked, so a misfit is our defect.
fn parameters<P: DeserializeOwned>(call: &ActionCall) -> Result<P> {
    P::deserialize(&*call.parameters).or_else(|error| {
        fail(ErrorKind::Internal, format!("the parameters of `{}` misfit: {error}", call.uses))
    })
}

/// A path below the working directory, as plans and outputs name it.
fn within_the_folder(call: &ActionCall, path: &str) -> Result<PathBuf> {
    let below = Path::new(path).strip_prefix(&call.directory).ok();
    let relative = below.and_then(Path::to_str).unwrap_or(path);
    resolve_within(&call.directory, relative)
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))
}

/// Whether the call may be made again when nobody knows what became of it.
fn repeats_safely(call: &ActionCall) -> bool {
    find_signature(&call.uses).is_some_and(|signature| signature.repeats_safely(&call.parameters))
}

/// A secret that a parameter points to.
async fn secret(source: &SecretSource) -> Result<Secret> {
    read_secret(source).await.or_else(|error| fail(ErrorKind::Credentials, error.to_string()))
}

/// A step that is done, with what other steps read; absent fields are left out.
fn success(output: &impl Serialize) -> Outcome {
    match output_map(output) {
        Ok(output) => Outcome::Succeeded { output, certificate: None },
        Err(outcome) => *outcome,
    }
}

fn output_map(output: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(output) {
        Ok(Value::Object(map)) => {
            Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        Ok(_) => fail(ErrorKind::Internal, "the output is not a record"),
        Err(error) => fail(ErrorKind::Internal, format!("the output cannot be kept: {error}")),
    }
}
