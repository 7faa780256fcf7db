//! Ends a run on our side: one event, and nothing is asked of anybody outside.

use super::DriveError;
use crate::engine::{CancelRefusal, Engine};
use crate::store::Store;
use crate::types::{RunId, Timestamp};

/// Cancels a run that nobody works on; the caller holds its lock. Returns why not, when it cannot
/// be. Needs no connection: what the vendor has of the run stays as it is.
pub async fn cancel(
    store: &dyn Store,
    run: &RunId,
    engine: &mut Engine,
    program: &str,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Result<(), CancelRefusal>, DriveError> {
    let decided = match engine.cancel(program, reason) {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let events = engine.number(decided, now);
    let foreseen = engine.foresee(&events)?;
    let append = store.append(run, events).await;
    append.map_err(|source| DriveError::Store { source, step: None, certificate_id: None })?;
    engine.enter(foreseen);
    Ok(Ok(()))
}
