//! When a run is gone on with after one of its steps took back what another had done: which steps
//! are done again, and when nothing of that is needed any more.
//!
//! A run that failed deletes its validation records under `finally`. Resumed, it would wait for a
//! certificate whose names nobody can prove: the step that put the records has succeeded, and would
//! not be done again by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Engine;
use crate::plan::{Signature, Step, Undoing, find_signature};
use crate::run::{ErrorKind, ReopenReason, RunPhase, RunResult, StepState};
use crate::types::StepId;

impl Engine {
    /// The steps that are to be done again because what they did was taken back and is needed once
    /// more, each with the step that took it back. Empty when nothing still depends on it.
    ///
    /// `tried_again` are the failed steps that get another turn, with what comes after them.
    pub(super) fn undone(
        &self,
        tried_again: &BTreeMap<StepId, ReopenReason>,
    ) -> BTreeMap<StepId, StepId> {
        let mut again = BTreeMap::new();
        // A rollback among the steps is the answer to a failure: `another_turn` has weighed it.
        let counts = |(undoer, undoing): &(&Step, Undoing)| undoing.proves_names || undoer.finally;
        for (undoer, undoing) in self.undoers().filter(counts) {
            let victims = self.plan.steps.values().filter(|step| step.uses == undoing.action);
            for victim in victims {
                if self.is_undone(&victim.id, undoer, &undoing)
                    && self.is_needed(&victim.id, &undoing, tried_again)
                {
                    let steps = self.built_on(&victim.id).into_iter();
                    let under_way = self.under_way_on(&victim.id).into_iter();
                    let undoer_too = (!undoer.finally && self.has_succeeded(&undoer.id))
                        .then(|| undoer.id.clone());
                    for step in steps.chain(under_way).chain(undoer_too) {
                        if !self.is_finally(&step) {
                            again.entry(step).or_insert_with(|| undoer.id.clone());
                        }
                    }
                }
            }
        }
        again
    }

    /// The steps whose work this one has taken back, or may have, where that is still of use.
    pub(super) fn taken_back_by(&self, undoer: &StepId) -> Vec<StepId> {
        let undoers = self.undoers().filter(|(step, _)| step.id == *undoer);
        let victims = undoers.flat_map(|(step, undoing)| {
            let undone = move |victim: &&Step| {
                victim.uses == undoing.action
                    && self.is_undone(&victim.id, step, &undoing)
                    && !(undoing.proves_names && self.has_proved(&victim.id))
            };
            self.plan.steps.values().filter(undone).map(|victim| victim.id.clone())
        });
        victims.collect()
    }

    /// Whether the run may still need the records that prove its names, so that nobody must delete
    /// them: it goes on, or it failed and a resumed run would wait for what they prove.
    pub fn may_need_its_records(&self) -> bool {
        match self.state.phase {
            RunPhase::Running | RunPhase::Paused(_) => true,
            RunPhase::Finished(RunResult::Succeeded) | RunPhase::Cancelled => false,
            RunPhase::Finished(RunResult::Failed) => {
                let validated = |step: &Step| {
                    signature_is(step, Signature::ends_validation) && self.has_succeeded(&step.id)
                };
                let ended = self.state.steps.values().any(|record| {
                    matches!(&record.state, StepState::Failed { error }
                        if error.kind == ErrorKind::CertificateEnded)
                });
                !ended && !self.plan.steps.values().any(validated)
            }
        }
    }

    /// The steps that take something back.
    fn undoers(&self) -> impl Iterator<Item = (&Step, Undoing)> {
        self.plan
            .steps
            .values()
            .filter_map(|step| Some((step, find_signature(&step.uses)?.undoes?)))
    }

    /// Whether `undoer` has taken back, or may have, what `victim` did. A step that stopped in the
    /// middle has told nobody how far it came; to do the other's work again does no harm.
    fn is_undone(&self, victim: &StepId, undoer: &Step, undoing: &Undoing) -> bool {
        let (Some(made), Some(record)) =
            (self.state.output(victim), self.state.steps.get(&undoer.id))
        else {
            return false;
        };
        match &record.state {
            StepState::Succeeded { output } => {
                let gone = items(output, undoing.gone, undoing.by);
                let made = match undoing.made {
                    Some(field) => items(made, field, undoing.by),
                    None => vec![identity(made, undoing.by)],
                };
                made.iter().any(|item| gone.contains(item))
            }
            StepState::Started(_) | StepState::Waiting { .. } | StepState::Retrying { .. } => true,
            StepState::Failed { .. } => record.history.attempts > 0,
            StepState::Pending
            | StepState::Sent { .. }
            | StepState::Unknown { .. }
            | StepState::Parked { .. }
            | StepState::InDoubt { .. }
            | StepState::Skipped
            | StepState::Blocked { .. } => false,
        }
    }

    /// Whether a step that is built on `origin` is still to be done, and the names are not proved
    /// for good: what was issued needs no record any more.
    fn is_needed(
        &self,
        origin: &StepId,
        undoing: &Undoing,
        tried_again: &BTreeMap<StepId, ReopenReason>,
    ) -> bool {
        let open = |step: &Step| match self.step_state(&step.id) {
            _ if tried_again.contains_key(&step.id) => true,
            None | Some(StepState::Succeeded { .. } | StepState::Skipped) => false,
            Some(StepState::Failed { .. } | StepState::Blocked { .. }) => {
                !self.was_passed_over(&step.id)
            }
            Some(_) => true,
        };
        let undoes = |step: &Step| signature_is(step, |signature| signature.undoes.is_some());
        !(undoing.proves_names && self.has_proved(origin))
            && self.dependents_of(origin).any(|step| open(step) && !undoes(step))
    }

    /// Whether what is built on `origin` has proved the names for good.
    fn has_proved(&self, origin: &StepId) -> bool {
        let proved = |step: &Step| {
            signature_is(step, Signature::ends_validation) && self.has_succeeded(&step.id)
        };
        self.dependents_of(origin).any(proved)
    }

    /// Steps built on `origin` that were interrupted: they begin anew after it, not beside it. What
    /// may have been sent is left to the question what became of it.
    fn under_way_on(&self, origin: &StepId) -> BTreeSet<StepId> {
        let interrupted = |step: &&Step| {
            matches!(
                self.step_state(&step.id),
                Some(
                    StepState::Started(_) | StepState::Waiting { .. } | StepState::Retrying { .. }
                )
            )
        };
        self.dependents_of(origin).filter(interrupted).map(|step| step.id.clone()).collect()
    }

    /// The steps, those under `finally` aside, that directly or indirectly need `origin`.
    pub(super) fn dependents_of(&self, origin: &StepId) -> impl Iterator<Item = &Step> {
        let is_built_on = |step: &&Step| {
            !step.finally && step.id != *origin && self.graph.ancestors(&step.id).contains(origin)
        };
        self.plan.steps.values().filter(is_built_on)
    }

    fn has_succeeded(&self, id: &StepId) -> bool {
        matches!(self.step_state(id), Some(StepState::Succeeded { .. }))
    }
}

fn signature_is(step: &Step, says: impl Fn(&Signature) -> bool) -> bool {
    find_signature(&step.uses).is_some_and(says)
}

/// The items of a list in an output, each as the values of the fields that tell it from others.
fn items(output: &Map<String, Value>, field: &str, by: &[&str]) -> Vec<Vec<Value>> {
    let list = output.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object).map(|item| identity(item, by)).collect()
}

/// What tells an item from others.
fn identity(item: &Map<String, Value>, by: &[&str]) -> Vec<Value> {
    by.iter().map(|name| item.get(*name).cloned().unwrap_or_default()).collect()
}
