//! `Writer`: the one thread that writes, with group commit.
//!
//! It takes whatever waits in its queue, carries it out in one transaction, commits once, and answers
//! only then. A job that fails does not touch the others; a commit that fails is the answer to all.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::batches;
use super::journal::{Entry, Journal};
use super::orders::{bind, give_up, place, release, reserve, strike_out};
use super::schema::translate;
use crate::run::{BindingKind, Event, EventKind, Intent, ReopenReason, RunHeader, RunPhase};
use crate::store::{LostOrder, NewBatch, NewRun, StoreError, StoreFuture, StoredPlan};
use crate::types::RunId;

/// More jobs than this are not put into one transaction, so that the first need not wait long.
const LARGEST_GROUP: usize = 256;

/// So long others are waited for while many write at the same time: what they change stands on the
/// same few pages, and a commit costs as much for one as for all. Whoever writes alone waits for
/// nobody.
const GATHERING_TIME: Duration = Duration::from_millis(1);

type Reply = oneshot::Sender<Result<(), StoreError>>;

/// Something to write.
pub(super) enum Job {
    Create { run: Box<NewRun>, reply: Reply },
    Keep { plan: Box<StoredPlan>, reply: Reply },
    Append { run: RunId, events: Vec<Event>, reply: Reply },
    Batch { batch: Box<NewBatch>, reply: Reply },
}

impl Job {
    fn into_reply(self) -> Reply {
        let (Self::Create { reply, .. }
        | Self::Keep { reply, .. }
        | Self::Append { reply, .. }
        | Self::Batch { reply, .. }) = self;
        reply
    }
}

/// The sending side of the queue. The thread ends when it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: PathBuf, connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = channel();
        let refused = path.clone();
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(&path, connection, &jobs))
            .map_err(|error| StoreError::Database {
                action: "start a thread for",
                path: refused,
                reason: error.to_string(),
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// A writer that refuses everything, for a file that can only be read.
    pub(super) fn none() -> Self {
        Self { queue: None, thread: None }
    }

    pub(super) fn send(&self, job: impl FnOnce(Reply) -> Job) -> StoreFuture<'_, ()> {
        let (reply, answer) = oneshot::channel();
        // A thread that is gone drops the reply, which is answered as closed below.
        if let Some(queue) = &self.queue {
            let _ = queue.send(job(reply));
        }
        Box::pin(async move { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Everything that was sent is written before the file is closed.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The second note of each order, and what it tells that the database has forgotten.
struct Notes {
    journal: Journal,
    /// Read once, when the first order is about to be recorded: what comes later is of programs
    /// that work on this database.
    lost: Option<Vec<LostOrder>>,
}

impl Notes {
    fn read(&mut self, connection: &Connection) -> Result<&[LostOrder], StoreError> {
        let lost = match self.lost.take() {
            Some(lost) => lost,
            None => self.journal.lost(connection)?,
        };
        Ok(self.lost.insert(lost))
    }
}

fn serve(path: &std::path::Path, mut connection: Connection, jobs: &Receiver<Job>) {
    let mut notes = Notes { journal: Journal::beside(path), lost: None };
    let file = identity(path);
    let mut many_write = false;
    while let Ok(first) = jobs.recv() {
        if many_write {
            thread::sleep(GATHERING_TIME);
        }
        let mut group = vec![first];
        while group.len() < LARGEST_GROUP
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        many_write = group.len() > 1;
        // What is written into a file that nobody finds any more is not kept.
        if identity(path) == file {
            commit(path, &mut connection, &mut notes, group);
        } else {
            group.into_iter().for_each(|job| refuse(path, job));
        }
    }
}

/// Which file is at `path`; none when there is none.
fn identity(path: &std::path::Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn refuse(path: &std::path::Path, job: Job) {
    let reason = "it was deleted or replaced while this program works with it".to_owned();
    let error = StoreError::Database { action: "write to", path: path.to_owned(), reason };
    let _ = job.into_reply().send(Err(error));
}

/// How the jobs of a group are kept from one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Not at all: what all of them have written is taken back when one fails, which is rare.
    Together,
    /// What a job has written is taken back alone. SQLite copies every page for that, which costs
    /// more than the jobs.
    Apart,
}

fn commit(path: &std::path::Path, connection: &mut Connection, notes: &mut Notes, group: Vec<Job>) {
    let mut answers = Vec::with_capacity(group.len());
    let mut entries = Vec::new();
    let mut write = |care: Care| {
        answers.clear();
        entries.clear();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in &group {
            let written = match care {
                Care::Together => carry_out(&transaction, notes, job),
                Care::Apart => apart(&transaction, notes, job)?,
            };
            answers.push(match written {
                Ok(()) => {
                    entries.extend(to_note(&transaction, job)?);
                    Ok(())
                }
                // What is not committed is taken back.
                Err(_) if care == Care::Together => return Ok(false),
                Err(WriteError::Store(error)) => Err(error),
                Err(WriteError::Database(error)) => Err(translate(path, "write to", &error)),
            });
        }
        transaction.commit().map(|()| true)
    };
    let committed: rusqlite::Result<()> = match write(Care::Together) {
        Ok(true) => Ok(()),
        Ok(false) => write(Care::Apart).map(|_| ()),
        Err(error) => Err(error),
    };
    // An order whose second note is not there is not sent: its run asks what became of it, and
    // finds nothing.
    let noted = match &committed {
        Ok(()) => notes.journal.append(&entries).map_err(|error| error.to_string()),
        Err(_) => Ok(()),
    };
    let mut answers = answers.into_iter();
    for job in group {
        let (orders, reply) = (is_order(&job), job.into_reply());
        let answer = match (&committed, answers.next().unwrap_or(Err(StoreError::Closed)), &noted) {
            (Err(error), ..) => Err(translate(path, "write to", error)),
            (Ok(()), Ok(()), Err(reason)) if orders => Err(StoreError::Database {
                action: "note an order beside",
                path: path.to_owned(),
                reason: reason.clone(),
            }),
            (Ok(()), answer, _) => answer,
        };
        // Whoever asked may have been cancelled; the write stands all the same.
        let _ = reply.send(answer);
    }
}

fn is_order(job: &Job) -> bool {
    let Job::Append { events, .. } = job else { return false };
    events.iter().any(|event| order(event).is_some())
}

/// The order that an event is about to send.
fn order(event: &Event) -> Option<&Intent> {
    match &event.kind {
        EventKind::IntentRecorded { intent: intent @ Intent::Order(_), .. } => Some(intent),
        _ => None,
    }
}

/// What is to be noted beside the database, too.
fn to_note(connection: &Connection, job: &Job) -> rusqlite::Result<Vec<Entry>> {
    let Job::Append { run, events, .. } = job else { return Ok(Vec::new()) };
    if events.iter().all(|event| Entry::of(run, "", event).is_none()) {
        return Ok(Vec::new());
    }
    let place = place(connection, run)?;
    Ok(events.iter().filter_map(|event| Entry::of(run, &place, event)).collect())
}

/// Carries a job out, and takes all of it back when it fails. The statements are kept, as all others
/// are: to read them anew for every job costs as much as the job.
fn apart(
    connection: &Connection,
    notes: &mut Notes,
    job: &Job,
) -> rusqlite::Result<Result<(), WriteError>> {
    let run = |statement: &str| connection.prepare_cached(statement)?.execute([]);
    run("SAVEPOINT job")?;
    let result = carry_out(connection, notes, job);
    if result.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    Ok(result)
}

fn carry_out(connection: &Connection, notes: &mut Notes, job: &Job) -> Result<(), WriteError> {
    match job {
        Job::Create { run, .. } => create(connection, run),
        Job::Keep { plan, .. } => keep(connection, plan),
        Job::Append { run, events, .. } => append(connection, notes, run, events),
        Job::Batch { batch, .. } => batches::create(connection, batch),
    }
}

pub(super) enum WriteError {
    Store(StoreError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn create(connection: &Connection, run: &NewRun) -> Result<(), WriteError> {
    keep(connection, &run.plan)?;
    insert_run(connection, &run.id, &run.events)
}

/// A new run, whose plan is kept already.
pub(super) fn insert_run(
    connection: &Connection,
    run: &RunId,
    events: &[Event],
) -> Result<(), WriteError> {
    let Some((header, at)) = events.first().and_then(|event| match &event.kind {
        EventKind::RunStarted(header) => Some((header, event.at)),
        _ => None,
    }) else {
        return Err(StoreError::corrupt("the first event", "a run must start").into());
    };
    let RunHeader { target, sandbox, plan, semantics, .. } = header;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO runs (id, plan_digest, semantics, plan_name, target, sandbox, place, \
             phase, started_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        )?
        .execute(params![
            run.as_str(),
            plan.digest,
            semantics,
            plan.name,
            target,
            sandbox,
            header.place(),
            RunPhase::Running.name(),
            at.to_string(),
        ]);
    conflict(inserted, run)?;
    insert(connection, run, connection.last_insert_rowid(), events)
}

pub(super) fn keep(connection: &Connection, plan: &StoredPlan) -> Result<(), WriteError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO plans VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![plan.digest, plan.semantics, plan.text, plan.compiled])?;
    Ok(())
}

/// From here on the run follows another plan, of the same rules.
fn follow(connection: &Connection, run: &RunId, digest: &str) -> Result<(), WriteError> {
    let kept = connection
        .prepare_cached(
            "SELECT 1 FROM plans p JOIN runs r ON p.semantics = r.semantics \
             WHERE r.id = ?1 AND p.digest = ?2",
        )?
        .exists([run.as_str(), digest])?;
    if !kept {
        return Err(StoreError::NoSuchPlan(digest.to_owned()).into());
    }
    connection
        .prepare_cached("UPDATE runs SET plan_digest = ?2 WHERE id = ?1")?
        .execute([run.as_str(), digest])?;
    Ok(())
}

fn append(
    connection: &Connection,
    notes: &mut Notes,
    run: &RunId,
    events: &[Event],
) -> Result<(), WriteError> {
    let Some(first) = events.first() else { return Ok(()) };
    refuse_forgotten(connection, notes, run, events)?;
    let (number, last): (i64, Option<u32>) = connection
        .prepare_cached(
            "SELECT number, (SELECT max(sequence) FROM events WHERE run = runs.number) \
             FROM runs WHERE id = ?1",
        )?
        .query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| StoreError::NoSuchRun(run.clone()))?;
    if last.map(|last| last + 1) != Some(first.sequence) {
        return Err(StoreError::Conflict(run.clone()).into());
    }
    insert(connection, run, number, events)
}

/// Nobody orders for names for which the database has forgotten an order.
fn refuse_forgotten(
    connection: &Connection,
    notes: &mut Notes,
    run: &RunId,
    events: &[Event],
) -> Result<(), WriteError> {
    for intent in events.iter().filter_map(order) {
        let lost = notes.read(connection)?;
        if lost.is_empty() {
            return Ok(());
        }
        let (place, names) = (place(connection, run)?, intent.names_key());
        if let Some(lost) = lost.iter().find(|lost| lost.place == place && lost.names == names) {
            return Err(StoreError::OrderForgotten(lost.clone()).into());
        }
    }
    Ok(())
}

/// Writes the events of a run that has this number, and what follows from them for listings.
fn insert(
    connection: &Connection,
    run: &RunId,
    number: i64,
    events: &[Event],
) -> Result<(), WriteError> {
    // One piece of memory for all of them, large enough for most.
    let mut body = Vec::with_capacity(1024);
    for event in events {
        body.clear();
        serde_json::to_writer(&mut body, event)
            .map_err(|error| StoreError::corrupt("an event", error))?;
        let text = str::from_utf8(&body).map_err(|error| StoreError::corrupt("an event", error))?;
        let inserted = connection
            .prepare_cached("INSERT INTO events (run, sequence, body) VALUES (?1, ?2, ?3)")?
            .execute(params![number, event.sequence, text]);
        conflict(inserted, run)?;
        match &event.kind {
            EventKind::IntentRecorded { intent, .. } => reserve(connection, run, intent)?,
            EventKind::IntentWithdrawn { .. }
            | EventKind::StepReopened { reason: ReopenReason::NothingOrdered, .. } => {
                strike_out(connection, run)?;
                release(connection, run)?;
            }
            EventKind::RunCancelled { .. } | EventKind::IntentSettled { .. } => {
                release(connection, run)?;
            }
            EventKind::CertificateBound { certificate_id, binding, .. } => {
                if *binding == BindingKind::Reissued {
                    give_up(connection, certificate_id)?;
                }
                bind(connection, run, certificate_id)?;
                release(connection, run)?;
            }
            EventKind::PlanReplaced { plan, .. } => follow(connection, run, &plan.digest)?,
            _ => {}
        }
    }
    let Some(last) = events.last() else { return Ok(()) };
    let phase = events.iter().rev().find_map(|event| phase_after(&event.kind));
    connection
        .prepare_cached(
            "UPDATE runs SET updated_at = ?2, phase = coalesce(?3, phase) \
             WHERE number = ?1 AND (?3 IS NOT NULL OR phase <> ?4)",
        )?
        .execute(params![
            number,
            last.at.to_string(),
            phase.map(RunPhase::name),
            RunPhase::Running.name()
        ])?;
    Ok(())
}

/// The phase that an event puts a run into, if it does.
fn phase_after(event: &EventKind) -> Option<RunPhase> {
    match event {
        EventKind::RunResumed { .. } => Some(RunPhase::Running),
        EventKind::RunPaused { reason, .. } => Some(RunPhase::Paused(*reason)),
        EventKind::RunFinished { result } => Some(RunPhase::Finished(*result)),
        EventKind::RunCancelled { .. } => Some(RunPhase::Cancelled),
        _ => None,
    }
}

/// A key that exists already means that somebody else was first.
pub(super) fn conflict(inserted: rusqlite::Result<usize>, run: &RunId) -> Result<(), WriteError> {
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::Conflict(run.clone()).into())
        }
        Err(error) => Err(error.into()),
    }
}
