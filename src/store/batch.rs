//! `NewBatch`: the runs that one command works on together, as they are kept.
//!
//! A batch says which runs belong together and in which order. How far each is, its own events say.

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
    /// Every plan that one of its new runs follows; each is kept once.
    pub plans: Vec<StoredPlan>,
    /// Its runs, in the order of the inventory.
    pub members: Vec<BatchMember>,
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BatchSummary {
    /// Its id.
    pub id: BatchId,
    /// When it began.
    pub started_at: Timestamp,
    /// Name and version of the program that began it.
    pub program: String,
    /// How many runs it has.
    pub runs: usize,
}
