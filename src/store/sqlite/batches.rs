//! Writing and reading batches.

use rusqlite::{Connection, OptionalExtension, params};

use super::ReadError;
use super::writer::{WriteError, conflict, insert_run, keep};
use crate::run::{Event, EventKind};
use crate::store::{BatchMember, BatchRequest, BatchSummary, NewBatch, StoreError, StoredPlan};
use crate::types::{BatchId, RunId, Timestamp};

/// Everything of a new batch, inside a transaction of the caller.
pub(super) fn create(connection: &Connection, batch: &NewBatch) -> Result<(), WriteError> {
    for plan in &batch.plans {
        keep(connection, plan)?;
    }
    let mut exists = connection.prepare_cached("SELECT 1 FROM batches WHERE id = ?1")?;
    if exists.exists([batch.id.as_str()])? {
        return Err(StoreError::BatchExists(batch.id.clone()).into());
    }
    connection.prepare_cached("INSERT INTO batches VALUES (?1, ?2, ?3)")?.execute(params![
        batch.id.as_str(),
        batch.at.to_string(),
        batch.program
    ])?;
    let request = serde_json::to_string(&batch.request)
        .map_err(|error| StoreError::corrupt("what a batch was asked to do", error))?;
    connection
        .prepare_cached("INSERT INTO batch_requests VALUES (?1, ?2)")?
        .execute(params![batch.id.as_str(), request])?;
    let mut known = connection.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")?;
    let mut join = connection.prepare_cached("INSERT INTO batch_runs VALUES (?1, ?2, ?3)")?;
    for (position, member) in (0_i64..).zip(&batch.members) {
        match member {
            BatchMember::New { run, started } => {
                has_plan(batch, started)?;
                insert_run(connection, run, std::slice::from_ref(started.as_ref()))?;
            }
            BatchMember::Existing(run) if known.exists([run.as_str()])? => {}
            BatchMember::Existing(run) => return Err(StoreError::NoSuchRun(run.clone()).into()),
        }
        let run = member.run();
        let joined = join.execute(params![batch.id.as_str(), position, run.as_str()]);
        conflict(joined, run)?;
    }
    Ok(())
}

fn has_plan(batch: &NewBatch, started: &Event) -> Result<(), StoreError> {
    let EventKind::RunStarted(header) = &started.kind else { return Ok(()) };
    let digest = &header.plan.digest;
    let fits = |plan: &StoredPlan| plan.digest == *digest && plan.semantics == header.semantics;
    if batch.plans.iter().any(fits) { Ok(()) } else { Err(StoreError::NoSuchPlan(digest.clone())) }
}

/// A line for each batch, the newest first.
pub(super) fn list(connection: &Connection) -> Result<Vec<BatchSummary>, ReadError> {
    let request = match has_requests(connection)? {
        true => "(SELECT body FROM batch_requests WHERE batch = id)",
        false => "NULL",
    };
    let mut statement = connection.prepare(&format!(
        "SELECT id, started_at, program, (SELECT count(*) FROM batch_runs WHERE batch = id), \
         {request} FROM batches ORDER BY started_at DESC, id"
    ))?;
    let mut rows = statement.query([])?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next()? {
        let started_at: String = row.get(1)?;
        summaries.push(BatchSummary {
            id: BatchId::parse(&row.get::<_, String>(0)?)?,
            started_at: started_at
                .parse::<Timestamp>()
                .map_err(|error| StoreError::corrupt("a time", error))?,
            program: row.get(2)?,
            request: match row.get::<_, Option<String>>(4)? {
                Some(body) => serde_json::from_str(&body)
                    .map_err(|error| StoreError::corrupt("what a batch was asked to do", error))?,
                None => BatchRequest::default(),
            },
            runs: usize::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
        });
    }
    Ok(summaries)
}

/// The runs of a batch, in its order.
pub(super) fn runs(connection: &Connection, batch: &BatchId) -> Result<Vec<RunId>, ReadError> {
    let missing = || StoreError::NoSuchBatch(batch.clone());
    connection
        .query_row("SELECT 1 FROM batches WHERE id = ?1", [batch.as_str()], |_| Ok(()))
        .optional()?
        .ok_or_else(missing)?;
    let mut statement =
        connection.prepare("SELECT run FROM batch_runs WHERE batch = ?1 ORDER BY position")?;
    let mut rows = statement.query([batch.as_str()])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(RunId::parse(&row.get::<_, String>(0)?)?);
    }
    Ok(runs)
}

/// Whether it is kept what batches were asked to do: not in a file of this format that an older
/// program has made, as long as it is only looked at.
fn has_requests(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'batch_requests'")?.exists([])
}
