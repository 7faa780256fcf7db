//! `NewBatch`: the runs that one command works on together, as they are kept.
//!
//! A batch says which runs belong together and in which order. How far each is, its own events say.

use serde::{Deserialize, Serialize};

use super::StoredPlan;
use crate::run::Event;
use crate::types::{BatchId, RunId, Timestamp};

/// A batch that is to be created.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Its id.
    pub id: BatchId,
    /// When it began.
    pub at: Timestamp,
    /// Name and version of the program.
    pub program: String,
    /// What it was asked to do.
    pub request: BatchRequest,
    /// Every plan that one of its new runs follows; each is kept once.
    pub plans: Vec<StoredPlan>,
    /// Its runs, in the order of the inventory.
    pub members: Vec<BatchMember>,
}

/// What the command was asked that began a batch: who goes on with it means the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchRequest {
    /// The files of the inventory, as they were named; none when runs were taken up one by one.
    pub inventory: Vec<String>,
    /// The plan of targets that name none.
    pub plan: Option<String>,
    /// How many runs begin together, as it was written: `1`, `10%`.
    pub serial: Vec<String>,
    /// How many failures are put up with, as it was written.
    pub max_failures: Option<String>,
}

/// A run of a batch.
#[derive(Debug, Clone)]
pub enum BatchMember {
    /// A run that begins with the batch.
    New {
        /// Its id.
        run: RunId,
        /// Its first event, the start. The plan that it names is one of the batch's.
        started: Box<Event>,
    },
    /// A run that is taken up again.
    Existing(RunId),
}

impl BatchMember {
    /// The run's id.
    pub fn run(&self) -> &RunId {
        match self {
            Self::New { run, .. } | Self::Existing(run) => run,
        }
    }
}

/// What can be said of a batch without reading its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchSummary {
    /// Its id.
    pub id: BatchId,
    /// When it began.
    pub started_at: Timestamp,
    /// Name and version of the program that began it.
    pub program: String,
    /// What that was asked to do; nothing is known of it where the program is an older one.
    #[serde(flatten)]
    pub request: BatchRequest,
    /// How many runs it has.
    pub runs: usize,
}
