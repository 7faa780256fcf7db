//! `SqliteStore`: runs in one SQLite file that several programs may use at once.
//!
//! WAL with `synchronous=FULL`: an order id that a power cut takes away is a second paid
//! certificate. One thread writes, and commits what many runs want to write in one transaction, so
//! that a thousand runs pay for one flush. Reading has a connection of its own.

mod batches;
mod folding;
mod journal;
mod orders;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    BatchSummary, FoldedRun, LostOrder, NewBatch, NewRun, OrderNotes, RecordedOrder, RunSummary,
    Store, StoreError, StoreFuture, StoredPlan, StoredRun,
};
use crate::run::{Event, RunPhase, RunState};
use crate::types::{BatchId, CertificateId, DomainName, RunId, Timestamp};
use journal::{Entry, Journal};
use writer::{Job, Writer};

/// A store in a file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    /// Closed before the writer: who closes last puts the log into the file, and must be allowed
    /// to write. Until then the file alone is no backup.
    reader: Arc<Mutex<Connection>>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file, makes it when it is missing, and brings an older one up to date.
    ///
    /// Fails when it is not ours, of a newer program, damaged, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| {
                StoreError::Database {
                    action: "make the folder of",
                    path: path.to_owned(),
                    reason: source.to_string(),
                }
            })?;
        }
        let writing = schema::open(path)?;
        let reading = schema::open_reader(path)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(path.to_owned(), writing)?,
            reader: Arc::new(Mutex::new(reading)),
        })
    }

    /// Opens a file for looking only, also where nothing can be written: on a read-only disk, or in
    /// a folder of somebody else. Whatever is to be stored is answered with [`StoreError::Closed`].
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let reading = schema::open_unwritable(path)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::none(),
            reader: Arc::new(Mutex::new(reading)),
        })
    }

    /// What SQLite finds wrong with the file; empty when it is whole.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut faults = rows.collect::<Result<Vec<String>, _>>()?;
            faults.retain(|fault| fault != "ok");
            Ok(faults)
        })
        .await
    }

    /// The orders that were about to be sent and that this file knows nothing of: it was put back
    /// from an older copy. For their names nothing is ordered until [`Self::settle_lost`].
    pub async fn lost_orders(&self) -> Result<Vec<LostOrder>, StoreError> {
        let journal = Journal::beside(&self.path);
        self.read(move |connection| Ok(journal.lost(connection)?)).await
    }

    /// What the second note of the orders of a state file says, also when the state file is gone.
    pub fn order_notes(path: &Path) -> Result<OrderNotes, StoreError> {
        Journal::beside(path).notes()
    }

    /// Notes the orders of a run a second time, where the note was lost. Durable when it returns.
    pub async fn note_again(&self, run: &RunId) -> Result<(), StoreError> {
        let events = self.load_run(run).await?.events;
        let state = RunState::fold(&events)
            .map_err(|error| StoreError::corrupt(format!("run `{run}`"), error))?;
        let place = state.header.place();
        let entries: Vec<Entry> =
            events.iter().filter_map(|event| Entry::of(run, place, event)).collect();
        Journal::beside(&self.path).append(&entries)
    }

    /// A person has looked after the lost orders of a run: they count no more. Durable when it
    /// returns; a program that runs already does not hear of it.
    pub fn settle_lost(&self, run: &RunId) -> Result<(), StoreError> {
        Journal::beside(&self.path).append(&[Entry::Settled { run: run.clone() }])
    }

    /// Runs a query on the reading connection, off the async threads.
    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let (reader, path) = (Arc::clone(&self.reader), self.path.clone());
        Box::pin(async move {
            let task = tokio::task::spawn_blocking(move || {
                query(&reader.lock().unwrap_or_else(PoisonError::into_inner))
            });
            match task.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(ReadError::Store(error))) => Err(error),
                Ok(Err(ReadError::Database(error))) => {
                    Err(StoreError::Database { action: "read", path, reason: error.to_string() })
                }
                Err(_) => Err(StoreError::Closed),
            }
        })
    }
}

/// What can go wrong in a query.
#[derive(Debug)]
enum ReadError {
    Store(StoreError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl<E: Into<StoreError>> From<E> for ReadError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl Store for SqliteStore {
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()> {
        self.writer.send(|reply| Job::Create { run: Box::new(run), reply })
    }

    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()> {
        self.writer.send(|reply| Job::Keep { plan: Box::new(plan), reply })
    }

    fn append(&self, run: &RunId, events: Vec<Event>) -> StoreFuture<'_, ()> {
        let run = run.clone();
        self.writer.send(|reply| Job::Append { run, events, reply })
    }

    fn load_run(&self, run: &RunId) -> StoreFuture<'_, StoredRun> {
        let run = run.clone();
        self.read(move |connection| {
            let plan = connection
                .query_row(
                    "SELECT p.digest, p.semantics, p.text, p.compiled FROM runs r \
                     JOIN plans p ON p.digest = r.plan_digest AND p.semantics = r.semantics \
                     WHERE r.id = ?1",
                    [run.as_str()],
                    |row| {
                        Ok(StoredPlan {
                            digest: row.get(0)?,
                            semantics: row.get(1)?,
                            text: row.get(2)?,
                            compiled: row.get(3)?,
                        })
                    },
                )
                .optional()?
                .ok_or_else(|| StoreError::NoSuchRun(run.clone()))?;
            let mut statement = connection.prepare(
                "SELECT sequence, body FROM events \
                     WHERE run = (SELECT number FROM runs WHERE id = ?1) ORDER BY sequence",
            )?;
            let rows = statement.query_map([run.as_str()], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
            })?;
            let mut events = Vec::new();
            for row in rows {
                let (sequence, body) = row?;
                let event: Event = serde_json::from_str(&body).map_err(|error| {
                    StoreError::corrupt(format!("event {sequence} of run `{run}`"), error)
                })?;
                events.push(event);
            }
            Ok(StoredRun { plan, events })
        })
    }

    fn list_runs(&self) -> StoreFuture<'_, Vec<RunSummary>> {
        self.read(summaries)
    }

    fn fold_runs(&self) -> StoreFuture<'_, Vec<(RunSummary, FoldedRun)>> {
        self.read(|connection| {
            // Both of one moment: other programs go on writing.
            let moment = connection.unchecked_transaction()?;
            let mut states = folding::fold_all(&moment)?;
            let runs = summaries(&moment)?.into_iter();
            let folded = runs.map(|run| {
                let state = states.remove(run.id.as_str());
                let state = state.unwrap_or_else(|| {
                    Err(StoreError::corrupt(format!("run `{}`", run.id), "it has no events"))
                });
                (run, state)
            });
            Ok(folded.collect())
        })
    }

    fn fold_runs_for(
        &self,
        names: &BTreeSet<DomainName>,
    ) -> StoreFuture<'_, Vec<(RunSummary, FoldedRun)>> {
        let names = names.clone();
        self.read(move |connection| {
            let moment = connection.unchecked_transaction()?;
            let mut states = BTreeMap::new();
            for name in &names {
                folding::fold_for(&moment, name.as_str(), &mut states)?;
            }
            if states.is_empty() {
                return Ok(Vec::new());
            }
            let runs = summaries(&moment)?.into_iter();
            let folded = runs.filter_map(|run| {
                let state = states.remove(run.id.as_str())?;
                Some((run, state))
            });
            Ok(folded.collect())
        })
    }

    fn newest_order(&self) -> StoreFuture<'_, u64> {
        self.read(|connection| match numbers_orders(connection)? {
            // Not the highest number that is there: it may have come to nothing.
            true => Ok(connection
                .query_row(
                    "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'orders'",
                    [],
                    |row| row.get::<_, u32>(0),
                )?
                .into()),
            false => Ok(0),
        })
    }

    fn orders(&self) -> StoreFuture<'_, Vec<RecordedOrder>> {
        self.read(|connection| {
            let mut orders = Vec::new();
            if !numbers_orders(connection)? {
                return Ok(orders);
            }
            let mut statement = connection
                .prepare("SELECT number, run, sandbox, names FROM orders ORDER BY number")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                orders.push(RecordedOrder {
                    number: row.get::<_, u32>(0)?.into(),
                    run: RunId::parse(&row.get::<_, String>(1)?)?,
                    sandbox: row.get(2)?,
                    names: row.get(3)?,
                });
            }
            Ok(orders)
        })
    }

    fn certificate_owners(&self) -> StoreFuture<'_, BTreeMap<CertificateId, RunId>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT certificate_id, id FROM runs WHERE certificate_id IS NOT NULL")?;
            let mut rows = statement.query(params![])?;
            let mut owners = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let certificate: String = row.get(0)?;
                let run: String = row.get(1)?;
                owners.insert(CertificateId::parse(&certificate)?, RunId::parse(&run)?);
            }
            Ok(owners)
        })
    }

    fn create_batch(&self, batch: NewBatch) -> StoreFuture<'_, ()> {
        self.writer.send(|reply| Job::Batch { batch: Box::new(batch), reply })
    }

    fn list_batches(&self) -> StoreFuture<'_, Vec<BatchSummary>> {
        self.read(batches::list)
    }

    fn batch_runs(&self, batch: &BatchId) -> StoreFuture<'_, Vec<RunId>> {
        let batch = batch.clone();
        self.read(move |connection| batches::runs(connection, &batch))
    }
}

/// Whether the file is of a format that numbers orders: an older one may be looked at where it
/// cannot be changed.
fn numbers_orders(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'orders'")?.exists([])
}

/// A line for each run, the newest first.
fn summaries(connection: &Connection) -> Result<Vec<RunSummary>, ReadError> {
    let mut statement = connection.prepare(
        "SELECT id, plan_name, target, sandbox, phase, certificate_id, started_at, \
         CASE WHEN phase = ?1 THEN coalesce((SELECT json_extract(body, '$.at') FROM events \
         WHERE run = runs.number AND json_valid(body) ORDER BY sequence DESC LIMIT 1), updated_at) \
         ELSE updated_at END FROM runs ORDER BY started_at DESC, id",
    )?;
    let mut rows = statement.query([RunPhase::Running.name()])?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next()? {
        summaries.push(summary(row)?);
    }
    Ok(summaries)
}

fn summary(row: &Row<'_>) -> Result<RunSummary, ReadError> {
    let certificate_id: Option<String> = row.get(5)?;
    let time = |index: usize| -> Result<Timestamp, ReadError> {
        let text: String = row.get(index)?;
        text.parse().map_err(|error: jiff::Error| StoreError::corrupt("a time", error).into())
    };
    Ok(RunSummary {
        id: RunId::parse(&row.get::<_, String>(0)?)?,
        plan: row.get(1)?,
        target: row.get(2)?,
        sandbox: row.get(3)?,
        phase: row.get(4)?,
        certificate_id: certificate_id.as_deref().map(CertificateId::parse).transpose()?,
        started_at: time(6)?,
        updated_at: time(7)?,
    })
}
