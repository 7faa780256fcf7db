//! When the world has moved on: which steps are done again.
//!
//! An order can wait longer than its validation token lives. A step that waits sees then other
//! records than were put, and would wait for ever: the steps that put them are reopened.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Engine, is_reconciled};
use crate::plan::{Step, find_signature};
use crate::run::{Attempt, ErrorKind, EventKind, Observation, ReopenReason, StepError, StepState};
use crate::types::StepId;

/// Tokens live for a month. What changes more often than this in one run is no token that expired,
/// and somebody has to look.
const MOST_REOPENINGS: u32 = 12;

impl Engine {
    /// The events that do earlier steps again, when the waiting `step` sees that what they found
    /// is no longer so. None when everything still is as it was.
    pub(super) fn moved_on(
        &self,
        step: &Step,
        attempt: &Attempt,
        observation: &Observation,
    ) -> Option<Vec<EventKind>> {
        let ancestors = self.graph.ancestors(&step.id);
        let origin = ancestors.iter().find(|id| self.differs(id, attempt, observation))?;
        if self.state.steps.get(origin)?.history.reopenings >= MOST_REOPENINGS {
            let message = format!(
                "what step `{origin}` found has changed {MOST_REOPENINGS} times; last seen: {}",
                observation.summary
            );
            let error = StepError::new(ErrorKind::Conflict, message);
            return Some(vec![EventKind::StepFailed { step: step.id.clone(), error }]);
        }
        let reason = ReopenReason::Changed { origin: origin.clone(), seen_by: step.id.clone() };
        let reopened = self.built_on(origin).into_iter().chain([step.id.clone()]);
        let events =
            reopened.map(|step| EventKind::StepReopened { step, reason: reason.clone() }).collect();
        Some(events)
    }

    /// Whether a step of the same certificate recorded another value than is seen now.
    fn differs(&self, id: &StepId, attempt: &Attempt, observation: &Observation) -> bool {
        let look = || {
            let step = self.plan.steps.get(id)?;
            let field = find_signature(&step.uses)?.moves?;
            let StepState::Succeeded { output } = self.step_state(id)? else { return None };
            let same = output.get("certificate_id")? == attempt.parameters.get("certificate_id")?;
            let (found, seen) = (output.get(field)?, observation.seen.get(field)?);
            Some(same && !same_set(found, seen))
        };
        look().unwrap_or(false)
    }

    /// The step and the succeeded steps that were built on it, in the order of the graph. An order
    /// is never among them: it is not placed again for any reason of this kind.
    pub(super) fn built_on(&self, origin: &StepId) -> Vec<StepId> {
        let is_built_on = |id: &StepId| id == origin || self.graph.ancestors(id).contains(origin);
        let may_repeat = |id: &StepId| {
            let succeeded = matches!(self.step_state(id), Some(StepState::Succeeded { .. }));
            succeeded && self.plan.steps.get(id).is_some_and(|step| !is_reconciled(step))
        };
        let order = self.graph.order().iter();
        order.filter(|id| is_built_on(id) && may_repeat(id)).cloned().collect()
    }
}

/// Whether two lists hold the same items, in whatever order.
fn same_set(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::Array(first), Value::Array(second)) => {
            let set =
                |items: &[Value]| -> BTreeSet<String> { items.iter().map(canonical).collect() };
            set(first) == set(second)
        }
        _ => canonical(first) == canonical(second),
    }
}

/// A text that is the same for equal values, whatever the order of their keys.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            let sorted: Map<String, Value> =
                keys.into_iter().map(|key| (key.clone(), object[key].clone())).collect();
            Value::Object(sorted).to_string()
        }
        other => other.to_string(),
    }
}
