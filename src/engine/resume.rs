//! How a run is taken up again: what its steps' states mean after a crash, a stop or a wait.

use super::Engine;
use crate::run::{ErrorKind, EventKind, ReopenReason, StepError, StepState};
use crate::types::{StepId, Timestamp};

impl Engine {
    /// The events that take the run up again. Steps that failed, are parked or blocked get another
    /// chance; what may have been sent is asked after, never sent again blindly.
    pub fn resume(&self, program: &str, now: Timestamp) -> Vec<EventKind> {
        let mut events = vec![EventKind::RunResumed { program: program.to_owned() }];
        for (id, record) in &self.state.steps {
            events.extend(self.take_up(id, &record.state, now));
        }
        events
    }

    fn take_up(&self, id: &StepId, state: &StepState, now: Timestamp) -> Option<EventKind> {
        let ask = |error: StepError| {
            Some(EventKind::OutcomeUnknown {
                step: id.clone(),
                error,
                look_at: now,
                looks_without_finding: 0,
            })
        };
        match state {
            StepState::Pending | StepState::Succeeded { .. } | StepState::Skipped => None,
            StepState::Started(attempt)
            | StepState::Waiting { attempt, .. }
            | StepState::Retrying { attempt, .. } => {
                let step = self.plan.steps.get(id)?;
                Some(self.started(step, attempt.parameters.clone(), now))
            }
            StepState::Sent { .. } => ask(StepError::new(
                ErrorKind::Interrupted,
                "the program stopped before the answer was recorded",
            )),
            StepState::Unknown { error, .. } => ask(error.clone()),
            StepState::InDoubt { message, .. } => {
                ask(StepError::new(ErrorKind::Interrupted, message.clone()))
            }
            StepState::Failed { .. } | StepState::Blocked { .. } if self.was_passed_over(id) => {
                None
            }
            StepState::Failed { .. } | StepState::Parked { .. } | StepState::Blocked { .. } => {
                Some(EventKind::StepReopened { step: id.clone(), reason: ReopenReason::Resumed })
            }
        }
    }

    /// Whether steps that need it went on without it: then it has had its turn. Done late, it would
    /// change what they were built on.
    fn was_passed_over(&self, id: &StepId) -> bool {
        self.graph.dependents(id).iter().any(|dependent| {
            !matches!(
                self.step_state(dependent),
                Some(StepState::Pending | StepState::Blocked { .. })
            )
        })
    }
}
