//! `Store`: where runs are kept, durably, before anything is done because of them.
//!
//! A store keeps events and finds runs. It never decides anything: what an event means is said in
//! `crate::run`. Every implementation passes the same contract test (`contract.rs`).

mod batch;
#[cfg(test)]
mod contract;
mod lock;
mod memory;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::pin::Pin;

pub use batch::{BatchMember, BatchRequest, BatchSummary, NewBatch};
pub use lock::{LockError, TargetKey, TargetLock, TargetLocks};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use crate::run::{Event, Intent, RunState};
use crate::types::{
    BatchId, CertificateId, DomainName, IdError, RunId, Timestamp, serialize_machine_word,
};

/// What a store method returns: it is done when the promise is kept.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The state of a run, or why its events make none.
pub type FoldedRun = Result<RunState, StoreError>;

/// A place that keeps runs.
pub trait Store: Send + Sync {
    /// Creates a run with its first events. Durable when it returns.
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()>;

    /// Keeps a plan, for events that will name it. Durable when it returns.
    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()>;

    /// Adds events to a run. Durable when it returns; all of them or none.
    ///
    /// Fails with [`StoreError::Conflict`] when another program has written to the run meanwhile,
    /// with [`StoreError::CertificateOwned`] when an event binds a certificate of another run, with
    /// [`StoreError::NamesBeingOrdered`] when an intent is recorded while an order of another run
    /// for the same names at the same place is unanswered, and with
    /// [`StoreError::OrderedMeanwhile`] when another run has ordered them since this one was begun.
    fn append(&self, run: &RunId, events: Vec<Event>) -> StoreFuture<'_, ()>;

    /// Reads a run with the plan that it follows now and all its events.
    fn load_run(&self, run: &RunId) -> StoreFuture<'_, StoredRun>;

    /// A line for each run, the newest first.
    fn list_runs(&self) -> StoreFuture<'_, Vec<RunSummary>>;

    /// The state of every run, the newest first, or why its events make none.
    ///
    /// Fails only when the runs cannot be read at all.
    fn fold_runs(&self) -> StoreFuture<'_, Vec<(RunSummary, FoldedRun)>> {
        Box::pin(async move {
            let mut folded = Vec::new();
            for summary in self.list_runs().await? {
                let state = match self.load_run(&summary.id).await {
                    Ok(stored) => RunState::fold(&stored.events).map_err(|error| {
                        StoreError::corrupt(format!("run `{}`", summary.id), error)
                    }),
                    Err(error) => Err(error),
                };
                folded.push((summary, state));
            }
            Ok(folded)
        })
    }

    /// The state of every run that has sent something for certificate names of which one of `names`
    /// is the first, or may have: the newest first. Others may be among them.
    ///
    /// Fails only when the runs cannot be read at all.
    fn fold_runs_for(
        &self,
        names: &BTreeSet<DomainName>,
    ) -> StoreFuture<'_, Vec<(RunSummary, FoldedRun)>> {
        let _ = names;
        self.fold_runs()
    }

    /// The number of the newest order or reissue that was recorded; 0 before the first. They are
    /// numbered as they are recorded, whatever the clock says, and no number is given twice.
    fn newest_order(&self) -> StoreFuture<'_, u64>;

    /// What each run has ordered, or had issued anew, or may have: also runs that cannot be read any
    /// more. What came to nothing is not among them, nor what an older program has ordered.
    fn orders(&self) -> StoreFuture<'_, Vec<RecordedOrder>>;

    /// Which run owns which certificate id.
    fn certificate_owners(&self) -> StoreFuture<'_, BTreeMap<CertificateId, RunId>>;

    /// Creates a batch with all its new runs. Durable when it returns; all of it or nothing.
    ///
    /// Fails with [`StoreError::Conflict`] when one of the new runs exists, and with
    /// [`StoreError::NoSuchRun`] when one of the others does not.
    fn create_batch(&self, batch: NewBatch) -> StoreFuture<'_, ()>;

    /// A line for each batch, the newest first.
    fn list_batches(&self) -> StoreFuture<'_, Vec<BatchSummary>>;

    /// The runs of a batch, in the order of its inventory.
    fn batch_runs(&self, batch: &BatchId) -> StoreFuture<'_, Vec<RunId>>;
}

/// A run that is to be created.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Its plan.
    pub plan: StoredPlan,
    /// Its first events, beginning with the start.
    pub events: Vec<Event>,
}

/// A plan as it is kept with its runs: once for each text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPlan {
    /// SHA-256 of the text, hexadecimal.
    pub digest: String,
    /// The number of the engine's rules that the compiled form follows.
    pub semantics: u32,
    /// The text, as it was in the file.
    pub text: String,
    /// The compiled form, JSON.
    pub compiled: String,
}

/// A run as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Its plan.
    pub plan: StoredPlan,
    /// All its events.
    pub events: Vec<Event>,
}

/// What can be said of a run without reading all its events.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The plan's name.
    pub plan: String,
    /// Its target.
    pub target: String,
    /// Whether the embedded sandbox stood in for the real world.
    pub sandbox: bool,
    /// The phase in a word: `running`, `parked`, `succeeded` …
    #[serde(serialize_with = "serialize_machine_word")]
    pub phase: String,
    /// The certificate id that it owns.
    pub certificate_id: Option<CertificateId>,
    /// When it started.
    pub started_at: Timestamp,
    /// When its last event was recorded.
    pub updated_at: Timestamp,
}

/// An order or a reissue that a run has recorded before it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOrder {
    /// Its number in the state file: higher than those of all before it.
    pub number: u64,
    /// The run.
    pub run: RunId,
    /// Whether the embedded sandbox stood in for the real world.
    pub sandbox: bool,
    /// For which names, as [`Intent::names_key`] writes them.
    pub names: String,
}

/// An order that was about to be sent, and that the store has forgotten since.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LostOrder {
    /// The run that sent it.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// Where it ordered, as [`crate::run::RunHeader::place`] says it.
    pub place: String,
    /// For which names, as [`Intent::names_key`] writes them.
    pub names: String,
}

/// The second note of the orders, which lies beside the state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderNotes {
    /// Its file.
    pub path: PathBuf,
    /// Whether the file is there.
    pub is_there: bool,
    /// Every order that stands in it: the run and its names, as [`Intent::names_key`] writes them.
    pub noted: BTreeSet<(RunId, String)>,
    /// Those of which nobody has said that they came to nothing.
    pub open: Vec<LostOrder>,
    /// Lines that were damaged. What a crash has cut off is not among them: nothing was sent because
    /// of it.
    pub unreadable_lines: usize,
}

/// Why a store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(RunId),
    /// There is no such batch.
    #[error("there is no batch `{0}`")]
    NoSuchBatch(BatchId),
    /// There is a batch of that id.
    #[error("there is a batch `{0}` already")]
    BatchExists(BatchId),
    /// An event names a plan that is not kept.
    #[error("there is no plan `{0}` in the state file")]
    NoSuchPlan(String),
    /// The run changed under us.
    #[error("run `{0}` was changed by another program meanwhile")]
    Conflict(RunId),
    /// Another run owns the certificate.
    #[error("certificate `{certificate_id}` belongs to run `{owner}`")]
    CertificateOwned {
        /// The certificate.
        certificate_id: CertificateId,
        /// The run that owns it.
        owner: String,
    },
    /// Another run has sent an order for the same names, or made the same organization, and what
    /// became of it is open.
    #[error("run `{owner}` is {}, and the answer is open", Intent::doing(names))]
    NamesBeingOrdered {
        /// The names, as [`Intent::names_key`] writes them.
        names: String,
        /// The run.
        owner: String,
    },
    /// Another run has ordered the same names since this one was begun.
    #[error(
        "run `{owner}` has ordered for {names} since this run was begun; a second order may be one \
         too many"
    )]
    OrderedMeanwhile {
        /// The names, as [`Intent::names_key`] writes them.
        names: String,
        /// The run.
        owner: String,
    },
    /// An order for the same names was sent, and the file has forgotten it.
    #[error(
        "run `{}` has ordered for {} on {}, and the state file has forgotten it, so it is an older \
         copy; a second order may be one too many",
        .0.run, .0.names, .0.at.strftime("%Y-%m-%d %H:%M UTC")
    )]
    OrderForgotten(LostOrder),
    /// The file is of a newer program.
    #[error("`{path}` has format {found}; this program knows formats up to {known}", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format number.
        found: i64,
        /// The newest number that this program knows.
        known: i64,
    },
    /// The file is of an older program, and cannot be read before it is brought up to date.
    #[error("`{path}` has format {found} and has to be brought up to format {known}, which needs leave to write", path = path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format number.
        found: i64,
        /// The number that it would get.
        known: i64,
    },
    /// The file is not ours.
    #[error("`{path}` is not a certplan state file", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What is stored cannot be read.
    #[error("{what} in the state file cannot be read: {reason}")]
    Corrupt {
        /// Which part.
        what: String,
        /// Why.
        reason: String,
    },
    /// The database refused.
    #[error("cannot {action} `{path}`: {reason}", path = path.display())]
    Database {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The store was closed.
    #[error("the state file was closed")]
    Closed,
}

impl StoreError {
    /// Whether the file itself is damaged, beyond what one run says.
    pub fn is_damage(&self) -> bool {
        // The database has no other word for it, and says it wherever it meets a page that cannot be.
        matches!(self, Self::Database { reason, .. } if reason.contains("is malformed"))
    }

    fn corrupt(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Corrupt { what: what.into(), reason: reason.to_string() }
    }
}

impl From<IdError> for StoreError {
    fn from(error: IdError) -> Self {
        Self::corrupt("an id", error)
    }
}
