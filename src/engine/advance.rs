//! Which steps start, are skipped or blocked, and when a run is over.

use super::Engine;
use super::rendering::{condition, parameters};
use crate::plan::{OnFailure, Step};
use crate::run::{
    ErrorKind, EventKind, PauseReason, RunPhase, RunResult, StepError, StepState, StopReason,
    Values,
};
use crate::types::{StepId, Timestamp};

/// What the steps that a step needs say about it.
enum Readiness {
    Ready,
    NotYet,
    BlockedBy(StepId),
}

impl Engine {
    /// Everything that follows from the state by itself. Empty when something outside must happen
    /// first; to be asked again after its answer was stored and applied, until it is empty.
    pub fn advance(&self, now: Timestamp) -> Vec<EventKind> {
        if self.state.phase != RunPhase::Running {
            return Vec::new();
        }
        let mut events = self.due_retries(now);
        for id in self.graph.order() {
            if let Some(StepState::Pending) = self.step_state(id)
                && let Some(step) = self.plan.steps.get(id)
                && (!step.finally || self.is_the_end())
            {
                match self.readiness(step) {
                    Readiness::Ready => events.push(self.begin(step, now)),
                    Readiness::NotYet => {}
                    Readiness::BlockedBy(by) => {
                        events.push(EventKind::StepBlocked { step: id.clone(), by });
                    }
                }
            }
        }
        if events.is_empty() && !self.state.steps.values().any(|step| step.state.is_active()) {
            events.push(self.conclusion());
        }
        events
    }

    /// What to record when the program is asked to stop and nothing is under way any more.
    pub fn interrupt(&self, by: StopReason) -> Vec<EventKind> {
        match self.state.phase {
            RunPhase::Running => {
                let (reason, stopped_by) = (PauseReason::Interrupted, Some(by));
                vec![EventKind::RunPaused { reason, stopped_by }]
            }
            RunPhase::Paused(_) | RunPhase::Finished(_) | RunPhase::Cancelled => Vec::new(),
        }
    }

    fn due_retries(&self, now: Timestamp) -> Vec<EventKind> {
        let due = self.state.steps.iter().filter_map(|(id, record)| match &record.state {
            StepState::Retrying { attempt, retry_at, .. } if *retry_at <= now => {
                Some(EventKind::StepStarted {
                    step: id.clone(),
                    attempt: record.history.attempts + 1,
                    parameters: attempt.parameters.clone(),
                    // A failed look does not lengthen the wait that the plan allows.
                    deadline: attempt.deadline,
                })
            }
            _ => None,
        });
        due.collect()
    }

    /// Whether every step but those under `finally` has had its turn: their turn has come. While
    /// one is parked or in doubt, the run will go on, and they would come too early.
    fn is_the_end(&self) -> bool {
        let over = |id: &StepId| {
            matches!(
                self.step_state(id),
                Some(
                    StepState::Succeeded { .. }
                        | StepState::Skipped
                        | StepState::Failed { .. }
                        | StepState::Blocked { .. }
                )
            )
        };
        self.plan.steps.values().filter(|step| !step.finally).all(|step| over(&step.id))
    }

    fn readiness(&self, step: &Step) -> Readiness {
        let mut readiness = Readiness::Ready;
        // What stands under `finally` reads the others, and needs none of them.
        let ours = |need: &StepId| self.is_finally(need) == step.finally;
        let goes_on = |need: &StepId| {
            self.plan.steps.get(need).is_some_and(|step| step.on_failure == OnFailure::Continue)
        };
        for need in &step.needs {
            match self.step_state(need) {
                Some(StepState::Succeeded { .. } | StepState::Skipped) => {}
                _ if !ours(need) => {}
                Some(StepState::Failed { .. } | StepState::Blocked { .. }) if goes_on(need) => {}
                Some(StepState::Failed { .. } | StepState::Blocked { .. }) => {
                    return Readiness::BlockedBy(need.clone());
                }
                _ => readiness = Readiness::NotYet,
            }
        }
        readiness
    }

    fn begin(&self, step: &Step, now: Timestamp) -> EventKind {
        let fail = |message| EventKind::StepFailed {
            step: step.id.clone(),
            error: StepError::new(ErrorKind::Value, message),
        };
        let context = self.context(step, now);
        match condition(step, &context) {
            Ok(true) => {}
            Ok(false) => return EventKind::StepSkipped { step: step.id.clone() },
            Err(message) => return fail(message),
        }
        match parameters(step, &context) {
            Ok(parameters) => self.started(step, parameters.into(), patience(step, now)),
            Err(message) => fail(message),
        }
    }

    /// The event that begins an attempt.
    pub(super) fn started(
        &self,
        step: &Step,
        parameters: Values,
        deadline: Option<Timestamp>,
    ) -> EventKind {
        EventKind::StepStarted {
            step: step.id.clone(),
            attempt: self.attempts(&step.id) + 1,
            parameters,
            deadline,
        }
    }

    /// How a run ends in which nothing is left to do. Doubt comes first, since money hangs on it;
    /// then failure, since somebody has to look; then waiting.
    fn conclusion(&self) -> EventKind {
        let steps = || self.state.steps.iter().map(|(id, record)| (id, &record.state));
        if steps().any(|(_, state)| matches!(state, StepState::InDoubt { .. })) {
            return EventKind::RunPaused { reason: PauseReason::InDoubt, stopped_by: None };
        }
        let counts = |id: &StepId| {
            self.plan.steps.get(id).is_none_or(|step| step.on_failure == OnFailure::Block)
        };
        if steps().any(|(id, state)| matches!(state, StepState::Failed { .. }) && counts(id)) {
            return EventKind::RunFinished { result: RunResult::Failed };
        }
        if steps().any(|(_, state)| matches!(state, StepState::Parked { .. })) {
            return EventKind::RunPaused { reason: PauseReason::Parked, stopped_by: None };
        }
        EventKind::RunFinished { result: RunResult::Succeeded }
    }
}

/// When a step that begins to wait now has waited as long as the plan allows.
pub(super) fn patience(step: &Step, now: Timestamp) -> Option<Timestamp> {
    step.poll.as_ref().map(|poll| super::outcome::later(now, poll.timeout))
}
