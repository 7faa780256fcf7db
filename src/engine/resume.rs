//! How a run is taken up again: what its steps' states mean after a crash, a stop or a wait.

use super::advance::patience;
use super::{Command, Engine, EngineError};
use crate::plan::find_signature;
use crate::run::{
    Attempt, Call, ErrorKind, EventKind, Intent, Outcome, ParkReason, PauseReason, ReopenReason,
    StepError, StepState, WaitsFor,
};
use crate::types::{CertificateId, StepId, Timestamp};

impl Engine {
    /// The events that take the run up again. Steps that failed, are parked or blocked get another
    /// chance, in a run that has failed also those that it went on without; where an order was
    /// refused, what it was made from is looked up anew. What may have been sent is asked after,
    /// never sent again blindly.
    pub fn resume(&self, program: &str, now: Timestamp) -> Vec<EventKind> {
        let mut events = vec![EventKind::RunResumed { program: program.to_owned() }];
        let (last, first): (Vec<_>, Vec<_>) =
            self.state.steps.iter().partition(|(id, _)| self.is_finally(id));
        let mut goes_on = false;
        let mut again = self.another_turn(now).again;
        for (step, by) in self.undone(&again) {
            again.entry(step).or_insert(ReopenReason::Undone { by });
        }
        for step in self.asked_anew() {
            again.entry(step).or_insert(ReopenReason::Resumed);
        }
        for (id, record) in first {
            let event = match again.get(id) {
                Some(reason) => {
                    Some(EventKind::StepReopened { step: id.clone(), reason: reason.clone() })
                }
                None => self.take_up(id, &record.state, now),
            };
            goes_on |= event.is_some() || matches!(record.state, StepState::Pending);
            events.extend(event);
        }
        // The end that there was is not the end any more.
        for (id, record) in last {
            events.extend(match &record.state {
                StepState::Pending => None,
                _ if goes_on => Some(EventKind::StepReopened {
                    step: id.clone(),
                    reason: ReopenReason::Resumed,
                }),
                state => self.take_up(id, state, now),
            });
        }
        events
    }

    /// The call that takes over what a person says became of the order in doubt.
    pub fn adoption(&self, certificate: CertificateId) -> Option<Command> {
        let (id, attempt, intent) = self.in_question()?;
        let step = self.plan.steps.get(id)?;
        Some(Command {
            step: id.clone(),
            uses: step.uses.clone(),
            call: Call::Adopt(intent.clone(), certificate),
            parameters: attempt.parameters.clone(),
            timeout: step.timeout,
            share: step.share,
            not_before: Timestamp::MIN,
            poll: None,
            deadline: None,
            order: None,
        })
    }

    /// The events of an adoption that worked; the run stands still after them.
    pub fn adopted(
        &mut self,
        step: &StepId,
        outcome: Outcome,
        program: &str,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, EngineError> {
        let settled = self.finished(step, outcome, now)?;
        Ok(between_sessions(program, settled))
    }

    /// The events that follow when a person says that the order in doubt never came to be.
    pub fn disowned(&self, program: &str) -> Option<Vec<EventKind>> {
        let step = self.state.steps.iter().find_map(|(id, record)| match &record.state {
            StepState::InDoubt { .. } => Some(id.clone()),
            _ => None,
        })?;
        let reason = ReopenReason::NothingOrdered;
        Some(between_sessions(program, vec![EventKind::StepReopened { step, reason }]))
    }

    /// The order of which nobody knows what became of it.
    fn in_question(&self) -> Option<(&StepId, &Attempt, &Intent)> {
        self.state.steps.iter().find_map(|(id, record)| match &record.state {
            StepState::InDoubt { attempt, intent, .. }
            | StepState::Unknown { attempt, intent, .. }
            | StepState::Sent { attempt, intent } => Some((id, attempt, intent)),
            _ => None,
        })
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
            StepState::Started(attempt) if self.asks_first(id, attempt) => {
                let message = "the program stopped while the step was under way; whether it was \
                               done is not known, and the plan does not say that it may be done \
                               again; the next `resume` does it again";
                let reason = ParkReason {
                    waits_for: WaitsFor::Person,
                    code: "repeat_unsafe".to_owned(),
                    message: message.to_owned(),
                    completion_url: None,
                };
                Some(EventKind::StepParked { step: id.clone(), reason })
            }
            StepState::Started(attempt)
            | StepState::Waiting { attempt, .. }
            | StepState::Retrying { attempt, .. } => {
                let step = self.plan.steps.get(id)?;
                // A crash does not lengthen the wait that the plan allows. Whoever resumes a run
                // that was parked at its end means to wait anew, and gets all of it again.
                let deadline = attempt.deadline.or_else(|| patience(step, now));
                Some(self.started(step, attempt.parameters.clone(), deadline))
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

    /// Whether a person has to say that a step may be done again.
    fn asks_first(&self, id: &StepId, attempt: &Attempt) -> bool {
        let step = self.plan.steps.get(id);
        let signature = step.and_then(|step| find_signature(&step.uses));
        signature.is_some_and(|signature| !signature.repeats_safely(&attempt.parameters))
    }

    /// Whether steps that need it went on without it: then it has had its turn. It gets another one
    /// only with them (see `another_turn`): done late, it would change what they were built on.
    pub(super) fn was_passed_over(&self, id: &StepId) -> bool {
        let has_begun = |dependent: &StepId| {
            !matches!(
                self.step_state(dependent),
                Some(StepState::Pending | StepState::Blocked { .. })
            )
        };
        // What stands under `finally` is built on nothing; it takes what it finds.
        let mut dependents = self.graph.dependents(id);
        dependents.retain(|dependent| self.is_finally(dependent) == self.is_finally(id));
        dependents.iter().any(has_begun)
    }
}

/// Events outside of any session: a program came, settled something, and left.
fn between_sessions(program: &str, settled: Vec<EventKind>) -> Vec<EventKind> {
    let mut events = vec![EventKind::RunResumed { program: program.to_owned() }];
    events.extend(settled);
    events.push(EventKind::RunPaused { reason: PauseReason::Interrupted, stopped_by: None });
    events
}
