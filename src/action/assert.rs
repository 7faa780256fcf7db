//! `assert`: stops a run in which something is not as the plan expects.

use serde::{Deserialize, Serialize};

use super::{ActionCall, Result, fail, parameters, success};
use crate::run::{ErrorKind, Outcome};
use crate::types::printable;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    that: Vec<Expectation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    check: bool,
    message: String,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    checked: usize,
}

pub(super) fn assert(call: &ActionCall) -> Result<Outcome> {
    let expectations = parameters::<Parameters>(call)?.that;
    let broken: Vec<String> = expectations
        .iter()
        .filter(|expectation| !expectation.check)
        .map(|expectation| printable(&expectation.message))
        .collect();
    if !broken.is_empty() {
        return fail(ErrorKind::Conflict, broken.join("; "));
    }
    let checked = expectations.len();
    let summary = match checked {
        1 => "as expected".to_owned(),
        _ => format!("all {checked} are as expected"),
    };
    Ok(success(&Output { summary, checked }))
}
