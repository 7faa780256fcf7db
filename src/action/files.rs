//! `files.rollback`: back to the set of files that was current before.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::blocking::blocking;
use super::stored::read_stored;
use super::{ActionCall, Result, fail, parameters, success, within_the_folder};
use crate::files::{SetError, roll_back, sets};
use crate::run::{ErrorKind, Outcome};
use crate::types::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    directory: String,
    set: String,
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    set: String,
    left: [Left; 1],
}

#[derive(Debug, Serialize)]
struct Left {
    directory: String,
    set: String,
}

pub(super) async fn rollback(now: Timestamp, call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let directory = within_the_folder(call, &wanted.directory)?;
    let (left, folder) = (wanted.set.clone(), directory.display().to_string());
    let set = blocking("going back", move || back(&directory, &wanted, now)).await?;
    let summary = format!("set {set} is current again, in place of {left}");
    let left = [Left { directory: folder, set: left }];
    Ok(success(&Output { summary, set, left }))
}

/// Goes back, if what is gone back to can still be used.
fn back(directory: &Path, wanted: &Parameters, now: Timestamp) -> Result<String> {
    let (from, to) = (Some(wanted.set.as_str()), wanted.to.as_deref());
    let sets = sets(directory).or_else(fault)?;
    let set = sets.way_back(directory, from, to).or_else(fault)?;
    if set.has_certificate() {
        read_stored(directory, Some(&set.name), now)
            .or_else(|error| fail(ErrorKind::Proof, error.to_string()))?;
    }
    roll_back(directory, from, to).or_else(fault)
}

fn fault<T>(error: SetError) -> Result<T> {
    fail(ErrorKind::File, error.to_string())
}
