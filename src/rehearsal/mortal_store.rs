//! `MortalStore`: a store whose program dies at a chosen moment.
//!
//! Dying means that a call never returns, and that whoever waits for the death is told: then the
//! driver is dropped where it stands, as if the machine had lost its power. What is stored stays.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::kill::{Kill, Moment};
use crate::run::Event;
use crate::store::{
    BatchSummary, MemoryStore, NewBatch, NewRun, RecordedOrder, RunSummary, Store, StoreFuture,
    StoredPlan, StoredRun,
};
use crate::types::{BatchId, CertificateId, RunId};

/// A store in memory that counts, and that can end its program.
pub(super) struct MortalStore {
    inner: Arc<MemoryStore>,
    kill: Option<Kill>,
    stored: Mutex<Stored>,
    died: watch::Sender<bool>,
}

/// What was stored through this store.
#[derive(Debug, Clone, Default)]
struct Stored {
    events: u32,
    /// How many events there were after each call that stored some: they are stored all or none.
    ends: Vec<u32>,
}

/// What becomes of a call.
enum Fate {
    /// It goes through.
    Lives,
    /// It goes through, and never returns.
    DiesAfter,
    /// It does nothing, and never returns.
    DiesBefore,
}

impl MortalStore {
    /// A store over `inner`; without a kill it lives for ever.
    pub(super) fn new(inner: Arc<MemoryStore>, kill: Option<Kill>) -> Self {
        Self { inner, kill, stored: Mutex::default(), died: watch::Sender::new(false) }
    }

    /// Returns when the program is dead; never before.
    pub(super) async fn death(&self) {
        let mut receiver = self.died.subscribe();
        if receiver.wait_for(|died| *died).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The numbers of events after which the program can die: those that ended a call.
    pub(super) fn ends(&self) -> Vec<u32> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).ends.clone()
    }

    fn fate(&self, events: &[Event]) -> Fate {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = events.last() else { return Fate::Lives };
        if let Some(Kill { event, moment: Moment::BeforeTheNext }) = self.kill
            && stored.events >= event
        {
            return Fate::DiesBefore;
        }
        stored.events = last.sequence;
        stored.ends.push(last.sequence);
        match self.kill {
            Some(Kill { event, moment: Moment::AtOnce }) if stored.events >= event => {
                Fate::DiesAfter
            }
            _ => Fate::Lives,
        }
    }

    async fn die<T>(&self) -> T {
        self.died.send_replace(true);
        std::future::pending().await
    }
}

impl Store for MortalStore {
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()> {
        let fate = self.fate(&run.events);
        Box::pin(async move {
            if matches!(fate, Fate::DiesBefore) {
                return self.die().await;
            }
            self.inner.create_run(run).await?;
            if matches!(fate, Fate::DiesAfter) { self.die().await } else { Ok(()) }
        })
    }

    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()> {
        self.inner.keep_plan(plan)
    }

    fn append(&self, run: &RunId, events: Vec<Event>) -> StoreFuture<'_, ()> {
        let fate = self.fate(&events);
        let run = run.clone();
        Box::pin(async move {
            if matches!(fate, Fate::DiesBefore) {
                return self.die().await;
            }
            self.inner.append(&run, events).await?;
            if matches!(fate, Fate::DiesAfter) { self.die().await } else { Ok(()) }
        })
    }

    fn create_batch(&self, batch: NewBatch) -> StoreFuture<'_, ()> {
        self.inner.create_batch(batch)
    }

    fn list_batches(&self) -> StoreFuture<'_, Vec<BatchSummary>> {
        self.inner.list_batches()
    }

    fn batch_runs(&self, batch: &BatchId) -> StoreFuture<'_, Vec<RunId>> {
        self.inner.batch_runs(batch)
    }

    fn load_run(&self, run: &RunId) -> StoreFuture<'_, StoredRun> {
        self.inner.load_run(run)
    }

    fn list_runs(&self) -> StoreFuture<'_, Vec<RunSummary>> {
        self.inner.list_runs()
    }

    fn newest_order(&self) -> StoreFuture<'_, u64> {
        self.inner.newest_order()
    }

    fn orders(&self) -> StoreFuture<'_, Vec<RecordedOrder>> {
        self.inner.orders()
    }

    fn certificate_owners(&self) -> StoreFuture<'_, BTreeMap<CertificateId, RunId>> {
        self.inner.certificate_owners()
    }
}
