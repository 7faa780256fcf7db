//! `Outcome`: what an action reports when one call of it is over.
//!
//! The engine turns outcomes into events; the texts in here are recorded and shown, so they are
//! printable and hold no secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::BindingKind;
use super::intent::Intent;
use crate::types::CertificateId;

/// What an action is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Do it; for a waiting step: look once.
    Perform,
    /// Find out what must be known before it is sent, and send nothing.
    Prepare {
        /// What an earlier attempt may have sent: to be looked for once more.
        earlier: Option<Intent>,
        /// Where later steps will put files, as far as it is known: whether they may is to be found
        /// out before money is spent.
        destinations: Vec<Destination>,
    },
    /// Send what is recorded, once.
    Send(Intent),
    /// Find out what became of what was sent, and send nothing.
    Reconcile(Intent),
    /// Take over what a person says became of it, if it can be so; send nothing.
    Adopt(Intent, CertificateId),
}

/// A folder that a step will put files into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The folder, as the plan names it.
    pub folder: String,
    /// The target whose files they will be.
    pub target: String,
    /// The step's parameters, as far as they are known.
    pub parameters: Map<String, Value>,
    /// Whether the step brings the certificate's own PEM files there, too.
    pub brings_pem: bool,
}

/// How a call of an action ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The step is done.
    Succeeded {
        /// What other steps read.
        output: Map<String, Value>,
        /// The certificate that the run owns from now on, if this step got one.
        certificate: Option<BoundCertificate>,
    },
    /// What the step waits for is not there yet.
    NotYet {
        /// What was seen instead.
        observation: Observation,
    },
    /// Another run has what the step needs; it was not begun.
    Busy {
        /// What it needs and who has it, in one sentence.
        message: String,
        /// When to try again at the latest.
        after: Duration,
    },
    /// Somebody else has to act first.
    Parked {
        /// For what it waits, and what to do.
        reason: ParkReason,
    },
    /// It did not work, and nothing was changed that matters.
    Failed {
        /// Why.
        error: StepError,
        /// Whether another attempt makes sense.
        retry: Retry,
    },
    /// Everything is ready to be sent exactly once.
    Prepared {
        /// What will be sent, and what was there before.
        intent: Intent,
    },
    /// It was sent; whether it was carried out is not known.
    Unknown {
        /// Why.
        error: StepError,
    },
    /// The server was asked and shows nothing that the intent could have made.
    NothingFound,
    /// The server shows more than one thing that the intent could have made, or cannot be asked.
    InDoubt {
        /// Why.
        message: String,
        /// What it could be.
        candidates: Vec<Candidate>,
    },
}

/// The certificate id that a run got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundCertificate {
    /// The id.
    pub certificate_id: CertificateId,
    /// How it came to the run.
    pub binding: BindingKind,
}

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same attempt would fail again.
    Never,
    /// The reason may pass.
    Later {
        /// The pause that the server asked for.
        after: Option<Duration>,
    },
}

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// What kind of mishap it is; hints for people are chosen by it.
    pub kind: ErrorKind,
    /// What happened, in one sentence.
    pub message: String,
}

impl StepError {
    /// Puts kind and message together.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Kinds of mishaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A value from the plan turned out wrong when it was known.
    Value,
    /// The API key is missing or cannot be read.
    Credentials,
    /// The API does not accept the key.
    Unauthorized,
    /// The API cannot be reached or does not answer in time.
    Unreachable,
    /// The API answered, but not in a way that can be understood.
    Unreadable,
    /// The API allows no more requests for now.
    RateLimited,
    /// The API had a fault of its own.
    Server,
    /// The API understood and said no.
    Refused,
    /// What was asked for is not there.
    NotFound,
    /// What is there does not fit what was asked for.
    Conflict,
    /// The certificate ended before it was issued.
    CertificateEnded,
    /// A certificate did not stand the proof.
    Proof,
    /// A file could not be read or written.
    File,
    /// The program stopped in between.
    Interrupted,
    /// An attempt took too long.
    Timeout,
    /// A fault of this program.
    Internal,
}

/// What a waiting step saw; an equal one is recorded once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// In one short sentence, for people.
    pub summary: String,
    /// Output fields of earlier steps as they are now, where the world may have moved on: a step
    /// whose recorded field differs is done again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub seen: Map<String, Value>,
}

/// Why a step stands still until somebody acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkReason {
    /// Whose turn it is.
    pub waits_for: WaitsFor,
    /// The reason as a code: the vendor's `pending_reason`, or `poll_timeout`.
    pub code: String,
    /// The reason in words.
    pub message: String,
    /// Where a person can act, exactly as the vendor gave it.
    pub completion_url: Option<String>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A person has to do something.
    Person,
    /// The certificate authority is not done.
    CertificateAuthority,
    /// Something else is not there: an answer of another server, a record in DNS.
    Outside,
}

/// A certificate that a lost order may have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id.
    pub certificate_id: CertificateId,
    /// What tells it from the others, in one line.
    pub description: String,
}
