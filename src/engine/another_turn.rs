//! When a run that failed is gone on with: which of the failed steps that it went on without are
//! tried again, and what is done again with them.
//!
//! A deployment whose check fails goes back to the former certificate, and the run fails. Once the
//! server is mended, the check must have another turn, and the installation with it: it was taken
//! back. Never is anything done again here that is paid for, or that may not be done twice.

use std::collections::{BTreeMap, BTreeSet};

use super::rendering::known_parameters;
use super::{Engine, is_reconciled};
use crate::plan::find_signature;
use crate::run::{ReopenReason, RunPhase, RunResult, StepState};
use crate::types::{StepId, Timestamp};

/// What is done again, and what is not, though it failed.
#[derive(Debug, Default)]
pub(super) struct AnotherTurn {
    /// The steps that are done again, with the reason.
    pub(super) again: BTreeMap<StepId, ReopenReason>,
    /// What stays as it is.
    pub(super) left: Vec<LeftAsItIs>,
}

/// A step that a resumed run does not do again, because of one that may not be done twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftAsItIs {
    /// The step that stays as it is.
    pub step: StepId,
    /// The step that may not be done twice; the same one when it is that itself.
    pub because_of: StepId,
}

impl Engine {
    /// What a resumed run leaves as it is, although a step that it follows on is tried again or
    /// would have to be. Empty unless the run has failed.
    pub fn left_as_they_are(&self, now: Timestamp) -> Vec<LeftAsItIs> {
        self.another_turn(now).left
    }

    /// Decides for each failed step that the run went on without. Each gets at most one more turn
    /// for each time that the run is resumed, and none in a run that has not come to its end: that
    /// one still does what is to be done after the failure.
    pub(super) fn another_turn(&self, now: Timestamp) -> AnotherTurn {
        let mut turn = AnotherTurn::default();
        if self.state.phase != RunPhase::Finished(RunResult::Failed) {
            return turn;
        }
        let passed_over = |id: &&StepId| {
            let failed = matches!(
                self.step_state(id),
                Some(StepState::Failed { .. } | StepState::Blocked { .. })
            );
            failed && !self.is_finally(id) && self.was_passed_over(id)
        };
        for origin in self.graph.order().iter().filter(passed_over) {
            let mut again = self.done_again_with(origin);
            let once: Vec<StepId> =
                again.keys().filter(|id| self.is_done_once(id, origin, now)).cloned().collect();
            match once.iter().find(|once| self.stands_in_the_way(once, origin, &again)) {
                Some(once) => {
                    turn.left.push(LeftAsItIs { step: origin.clone(), because_of: once.clone() });
                }
                None => {
                    for step in once {
                        again.remove(&step);
                        turn.left.push(LeftAsItIs { step: step.clone(), because_of: step });
                    }
                    for (step, reason) in again {
                        turn.again.entry(step).or_insert(reason);
                    }
                }
            }
        }
        turn.left.sort();
        turn.left.dedup();
        turn
    }

    /// The failed step, everything that has had its turn after it, and what was taken back by that,
    /// with everything that was built on it.
    fn done_again_with(&self, origin: &StepId) -> BTreeMap<StepId, ReopenReason> {
        let mut again = BTreeMap::new();
        let mut roots = vec![(origin.clone(), ReopenReason::Retried { origin: origin.clone() })];
        while let Some((root, why)) = roots.pop() {
            let dependents = self.dependents_of(&root).map(|step| step.id.clone());
            for step in std::iter::once(root.clone()).chain(dependents) {
                let reason = match self.step_state(&step) {
                    None | Some(StepState::Pending) => continue,
                    Some(
                        StepState::Failed { .. }
                        | StepState::Blocked { .. }
                        | StepState::Parked { .. },
                    ) => ReopenReason::Resumed,
                    Some(_) => why.clone(),
                };
                if again.contains_key(&step) {
                    continue;
                }
                for victim in self.taken_back_by(&step) {
                    roots.push((victim, ReopenReason::Undone { by: step.clone() }));
                }
                again.insert(step, reason);
            }
        }
        again
    }

    /// Whether what a step did may not be done again.
    fn is_done_once(&self, id: &StepId, origin: &StepId, now: Timestamp) -> bool {
        let (Some(step), Some(record)) = (self.plan.steps.get(id), self.state.steps.get(id)) else {
            return false;
        };
        let failed = matches!(record.state, StepState::Failed { .. } | StepState::Blocked { .. });
        // What failed and was not gone on without is tried again in any case.
        if failed && !self.was_passed_over(id) {
            return false;
        }
        if is_reconciled(step) {
            return true;
        }
        let safe = find_signature(&step.uses).is_some_and(|signature| {
            signature.repeats_safely(&known_parameters(step, &self.context(step, now)))
        });
        id != origin && record.history.attempts > 0 && !safe
    }

    /// Whether the failed step stays as it is because of this one: an order was built on it, or it
    /// was built on this one, or this one belongs to the way back and would not be gone again.
    fn stands_in_the_way(
        &self,
        once: &StepId,
        origin: &StepId,
        again: &BTreeMap<StepId, ReopenReason>,
    ) -> bool {
        let paid = self.plan.steps.get(once).is_some_and(is_reconciled);
        let before: BTreeSet<StepId> = self.graph.ancestors(once);
        let on_the_way_back = before
            .iter()
            .any(|step| again.contains_key(step) && !self.taken_back_by(step).is_empty());
        paid || self.graph.ancestors(origin).contains(once) || on_the_way_back
    }
}
