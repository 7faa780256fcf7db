//! A plan that was edited while its run stood still: what that means for each step, and whether the
//! run may follow the new text.
//!
//! A run follows the plan that is stored with it. It takes another one only when it is told to, and
//! never so that something paid for would have to be done again.

use std::collections::BTreeSet;

use super::{Engine, is_reconciled, obtains_certificate};
use crate::plan::{Plan, Step};
use crate::run::{RunState, StepState};
use crate::types::StepId;

/// What an edit means for one step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepChange {
    /// It is done, and its text is as it was.
    DoneUnchanged,
    /// It is done; its text was edited since, which changes nothing.
    DoneEdited,
    /// It is not done, and its text is as it was.
    OpenUnchanged,
    /// It is not done; the stored text counts, unless the run takes the new plan.
    OpenEdited,
    /// Only the new plan has it.
    New,
    /// Only the stored plan has it.
    Dropped,
}

impl Engine {
    /// What the edits in `new` mean for each step, in the order of the new plan; steps that it
    /// drops come last.
    pub fn changes(&self, new: &Plan) -> Vec<(StepId, StepChange)> {
        let change = |id: &StepId, step: &Step| {
            let Some(old) = self.plan.steps.get(id) else { return StepChange::New };
            match (self.is_done(id), old == step) {
                (true, true) => StepChange::DoneUnchanged,
                (true, false) => StepChange::DoneEdited,
                (false, true) => StepChange::OpenUnchanged,
                (false, false) => StepChange::OpenEdited,
            }
        };
        let mut changes: Vec<(StepId, StepChange)> =
            new.steps.iter().map(|(id, step)| (id.clone(), change(id, step))).collect();
        let dropped = self.plan.steps.keys().filter(|id| !new.steps.contains_key(*id));
        changes.extend(dropped.map(|id| (id.clone(), StepChange::Dropped)));
        changes
    }

    /// Why the run cannot follow `new`; empty when it can.
    pub fn obstacles(&self, new: &Plan) -> Vec<String> {
        let mut obstacles = Vec::new();
        if new.name != self.plan.name {
            obstacles.push(format!(
                "it is called `{}`, the run's plan is called `{}`",
                new.name, self.plan.name
            ));
        }
        let bound = self.bound_by_order();
        for (id, old) in &self.plan.steps {
            let begun = !matches!(self.step_state(id), Some(StepState::Pending) | None);
            match new.steps.get(id) {
                None if begun => {
                    obstacles.push(format!("it has no step `{id}`, which has begun"));
                }
                Some(step) if bound.contains(id) && step != old => {
                    obstacles
                        .push(format!("step `{id}` is edited, and the order was made from it"));
                }
                _ => {}
            }
        }
        let orders =
            |step: &&Step| obtains_certificate(step) && !self.plan.steps.contains_key(&step.id);
        if self.state.may_have_ordered()
            && let Some(step) = new.steps.values().find(orders)
        {
            obstacles.push(format!("its new step `{}` would order once more", step.id));
        }
        obstacles
    }

    /// The step that ordered, or may have, and everything that it was made from.
    fn bound_by_order(&self) -> BTreeSet<StepId> {
        let ordered = |state: &RunState, step: &&Step| {
            let sent =
                state.steps.get(&step.id).is_some_and(|record| record.history.sent.is_some());
            let bound = state.certificate_id.is_some() && obtains_certificate(step);
            is_reconciled(step) && (sent || bound)
        };
        let mut bound = BTreeSet::new();
        for step in self.plan.steps.values().filter(|step| ordered(&self.state, step)) {
            bound.extend(self.graph.ancestors(&step.id));
            bound.insert(step.id.clone());
        }
        bound
    }

    fn is_done(&self, id: &StepId) -> bool {
        matches!(self.step_state(id), Some(StepState::Succeeded { .. } | StepState::Skipped))
    }
}
