//! What tests of actions share: a call, and a look at its outcome.

use std::path::Path;

use serde_json::{Map, Value};

use super::ActionCall;
use crate::plan::{ValueType, find_signature};
use crate::run::{Call, Outcome, Retry, StepError};
use crate::types::{RunId, StepId};

/// A call of an action with these parameters, in their normal form.
pub(super) fn call(uses: &str, directory: &Path, parameters: Value) -> ActionCall {
    let record = ValueType::Record(find_signature(uses).unwrap().parameters.clone());
    let parameters = record.check(&parameters).unwrap();
    ActionCall {
        run: RunId::from_random(1),
        step: StepId::parse("step").unwrap(),
        uses: uses.to_owned(),
        call: Call::Perform,
        parameters: parameters.as_object().unwrap().clone().into(),
        directory: directory.to_owned(),
        owned_by_others: Default::default(),
        unfinished_runs: Default::default(),
        keys: Vec::new(),
        order: None,
    }
}

#[track_caller]
pub(super) fn output(outcome: super::Result<Outcome>) -> Map<String, Value> {
    match outcome.unwrap() {
        Outcome::Succeeded { output, .. } => output,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn failure(outcome: super::Result<Outcome>) -> (StepError, Retry) {
    match outcome.unwrap_or_else(|outcome| *outcome) {
        Outcome::Failed { error, retry } => (error, retry),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn not_yet(outcome: super::Result<Outcome>) -> String {
    match outcome.unwrap() {
        Outcome::NotYet { observation } => observation.summary,
        other => panic!("{other:?}"),
    }
}
