//! `files.rollback`: back to the set of files that was current before.

use serde::{Deserialize, Serialize};

use super::{ActionCall, Result, fail, parameters, success};
use crate::files::{resolve_within, roll_back};
use crate::run::{ErrorKind, Outcome};

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
}

pub(super) async fn rollback(call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let below = std::path::Path::new(&wanted.directory).strip_prefix(&call.directory).ok();
    let relative = below.and_then(|path| path.to_str()).unwrap_or(&wanted.directory).to_owned();
    let directory = resolve_within(&call.directory, &relative)
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
    let left = wanted.set.clone();
    let task = tokio::task::spawn_blocking(move || {
        roll_back(&directory, Some(&wanted.set), wanted.to.as_deref())
    });
    let set = match task.await {
        Ok(Ok(set)) => set,
        Ok(Err(error)) => return fail(ErrorKind::File, error.to_string()),
        Err(_) => return fail(ErrorKind::Internal, "going back broke off"),
    };
    let summary = format!("set {set} is current again, in place of {left}");
    Ok(success(&Output { summary, set }))
}
