//! What follows from the outcome of a call.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, EngineError};
use crate::plan::{OnTimeout, PassingFailure, Step, find_signature};
use crate::run::{
    Attempt, BoundCertificate, ErrorKind, EventKind, Observation, Outcome, ParkReason, Retry,
    StepError, StepState, WaitsFor,
};
use crate::types::{StepId, Timestamp, format_duration};

/// While a waiting step cannot look, because the API is down, pauses grow up to this.
const LONGEST_LOOK_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// "Nothing found" counts only when this many looks, the settling delay apart, agree.
const LOOKS_TO_BE_SURE: u32 = 2;

/// After this many looks in a row that failed, a person has to find out.
const MOST_FAILED_LOOKS: u32 = 6;

/// The first pause after a look for a lost order failed; it doubles from then on.
const FAILED_LOOK_BACKOFF: Duration = Duration::from_secs(5);

/// `duration` after `now`, or the end of time.
pub(super) fn later(now: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

impl Engine {
    /// The events that follow when a call of `step` has ended with `outcome`.
    ///
    /// Fails when the step is in no state to take it, which is a fault of the program.
    pub fn finished(
        &mut self,
        id: &StepId,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, EngineError> {
        let plan = Arc::clone(&self.plan);
        let (Some(step), Some(record)) = (plan.steps.get(id), self.state.steps.get(id).cloned())
        else {
            return Err(EngineError::StepNotInPlan(id.clone()));
        };
        let state = &record.state;
        let unexpected = |outcome: &Outcome| {
            Err(EngineError::UnexpectedOutcome {
                step: id.clone(),
                state: state.name(),
                outcome: name(outcome),
            })
        };
        let events = match (state, outcome) {
            (
                StepState::Started(_)
                | StepState::Waiting { .. }
                | StepState::Sent { .. }
                | StepState::Unknown { .. }
                | StepState::InDoubt { .. },
                Outcome::Succeeded { output, certificate },
            ) => {
                let mut events = match certificate {
                    Some(certificate) => vec![bound(id, certificate)],
                    None => settled(id, state),
                };
                events.push(EventKind::StepSucceeded { step: id.clone(), output: output.into() });
                events
            }
            (StepState::Started(_), Outcome::Prepared { intent }) => {
                vec![EventKind::IntentRecorded { step: id.clone(), intent }]
            }
            (
                StepState::Started(attempt) | StepState::Waiting { attempt, .. },
                Outcome::NotYet { observation },
            ) => match self.moved_on(step, attempt, &observation) {
                Some(reopened) => reopened,
                None => self.not_yet(step, state, attempt, observation, now),
            },
            (
                StepState::Started(_) | StepState::Waiting { .. },
                Outcome::Busy { message, after },
            ) => self.busy(id, state, message, later(now, after)),
            (
                StepState::Started(_)
                | StepState::Waiting { .. }
                | StepState::Sent { .. }
                | StepState::Unknown { .. },
                Outcome::Parked { reason },
            ) => {
                let mut events = settled(id, state);
                events.push(EventKind::StepParked { step: id.clone(), reason });
                events
            }
            (
                StepState::Started(attempt) | StepState::Waiting { attempt, .. },
                Outcome::Failed { error, retry },
            ) => {
                let retry = wanted(step, attempt, &error, retry);
                failed(step, attempt, error, retry, now)
            }
            (StepState::Sent { attempt, .. }, Outcome::Failed { error, retry }) => {
                let retry = wanted(step, attempt, &error, retry);
                refused(step, attempt, error, retry, now)
            }
            (StepState::Sent { .. }, Outcome::Unknown { error }) => {
                vec![EventKind::OutcomeUnknown {
                    step: id.clone(),
                    error,
                    look_at: later(now, self.settings.first_look_delay),
                    looks_without_finding: 0,
                }]
            }
            (
                StepState::Unknown { attempt, error, looks_without_finding, .. },
                Outcome::NothingFound,
            ) => {
                self.failed_looks.remove(id);
                self.nothing_found(step, attempt, error, *looks_without_finding + 1, now)
            }
            (
                StepState::Unknown { looks_without_finding, .. },
                Outcome::Failed { error, retry },
            ) => self.look_failed(id, error, retry, *looks_without_finding, now),
            (
                StepState::Started(_) | StepState::Unknown { .. },
                Outcome::InDoubt { message, candidates },
            ) => {
                vec![EventKind::StepInDoubt { step: id.clone(), message, candidates }]
            }
            (_, outcome) => return unexpected(&outcome),
        };
        Ok(events)
    }

    fn not_yet(
        &mut self,
        step: &Step,
        state: &StepState,
        attempt: &Attempt,
        observation: Observation,
        now: Timestamp,
    ) -> Vec<EventKind> {
        let id = step.id.clone();
        let Some(poll) = &step.poll else {
            let message = format!("`{}` waits, but is no action that may", step.uses);
            let error = StepError::new(ErrorKind::Internal, message);
            return vec![EventKind::StepFailed { step: id, error }];
        };
        let deadline = attempt.deadline.unwrap_or_else(|| later(now, poll.timeout));
        if now >= deadline {
            return vec![time_is_over(step, &observation.summary)];
        }
        let since = self.state.steps.get(&id).and_then(|record| record.started_at);
        let pause = poll.pause(super::command::waited(since, now));
        let next_look = later(now, pause).min(deadline);
        match state {
            StepState::Waiting { observation: last, .. } if *last == observation => {
                self.next_looks.insert(id, next_look);
                Vec::new()
            }
            _ => vec![EventKind::StepWaiting { step: id, observation, next_look }],
        }
    }

    /// A step that waits for another run has no deadline: it goes on when that run does.
    fn busy(
        &mut self,
        id: &StepId,
        state: &StepState,
        summary: String,
        next_look: Timestamp,
    ) -> Vec<EventKind> {
        match state {
            StepState::Waiting { observation, .. } if observation.summary == summary => {
                self.next_looks.insert(id.clone(), next_look);
                Vec::new()
            }
            _ => {
                let observation = Observation { summary, ..Observation::default() };
                vec![EventKind::StepWaiting { step: id.clone(), observation, next_look }]
            }
        }
    }

    fn nothing_found(
        &self,
        step: &Step,
        attempt: &Attempt,
        error: &StepError,
        looks: u32,
        now: Timestamp,
    ) -> Vec<EventKind> {
        if looks < LOOKS_TO_BE_SURE {
            return vec![EventKind::OutcomeUnknown {
                step: step.id.clone(),
                error: error.clone(),
                look_at: later(now, self.settings.settling_delay),
                looks_without_finding: looks,
            }];
        }
        // It was not carried out, so this is a failed attempt like any other.
        let failed_attempt = |retry_at| EventKind::AttemptFailed {
            step: step.id.clone(),
            error: error.clone(),
            retry_at,
        };
        match step.retry.delay_after(attempt.failures + 1, None) {
            Some(delay) => vec![failed_attempt(later(now, delay))],
            None => vec![
                failed_attempt(now),
                EventKind::StepFailed { step: step.id.clone(), error: error.clone() },
            ],
        }
    }

    fn look_failed(
        &mut self,
        id: &StepId,
        error: StepError,
        retry: Retry,
        looks_without_finding: u32,
        now: Timestamp,
    ) -> Vec<EventKind> {
        let failures = self.failed_looks.entry(id.clone()).or_insert(0);
        *failures += 1;
        let doublings = (*failures - 1).min(10);
        match retry {
            Retry::Later { after } if *failures < MOST_FAILED_LOOKS => {
                let delay = (FAILED_LOOK_BACKOFF * (1 << doublings)).max(after.unwrap_or_default());
                vec![EventKind::OutcomeUnknown {
                    step: id.clone(),
                    error,
                    look_at: later(now, delay),
                    looks_without_finding,
                }]
            }
            Retry::Later { .. } | Retry::Never => {
                self.failed_looks.remove(id);
                vec![EventKind::StepInDoubt {
                    step: id.clone(),
                    message: format!("what became of it cannot be asked: {error}"),
                    candidates: Vec::new(),
                }]
            }
        }
    }
}

fn bound(id: &StepId, certificate: BoundCertificate) -> EventKind {
    EventKind::CertificateBound {
        step: id.clone(),
        certificate_id: certificate.certificate_id,
        binding: certificate.binding,
    }
}

/// An outcome without a certificate says of what was sent that it is there.
fn settled(id: &StepId, state: &StepState) -> Vec<EventKind> {
    match state {
        StepState::Sent { .. } | StepState::Unknown { .. } => {
            vec![EventKind::IntentSettled { step: id.clone() }]
        }
        _ => Vec::new(),
    }
}

/// What the plan wants of a retry that would make sense: `retry: { on: … }` can rule it out.
fn wanted(step: &Step, attempt: &Attempt, error: &StepError, retry: Retry) -> Retry {
    let safe = find_signature(&step.uses)
        .is_none_or(|signature| signature.repeats_safely(&attempt.parameters));
    // What was under way when its time was over may have been done.
    if error.kind == ErrorKind::Timeout && !safe {
        return Retry::Never;
    }
    let failure = match error.kind {
        ErrorKind::Unreachable => PassingFailure::Unreachable,
        ErrorKind::Timeout => PassingFailure::Timeout,
        ErrorKind::RateLimited => PassingFailure::RateLimited,
        ErrorKind::Server => PassingFailure::Server,
        ErrorKind::Unreadable => PassingFailure::Unreadable,
        ErrorKind::Refused => PassingFailure::Refused,
        ErrorKind::Conflict => PassingFailure::Conflict,
        ErrorKind::Value
        | ErrorKind::Credentials
        | ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::CertificateEnded
        | ErrorKind::Proof
        | ErrorKind::File
        | ErrorKind::Interrupted
        | ErrorKind::Internal => return retry,
    };
    if step.retry.covers(failure) { retry } else { Retry::Never }
}

fn failed(
    step: &Step,
    attempt: &Attempt,
    error: StepError,
    retry: Retry,
    now: Timestamp,
) -> Vec<EventKind> {
    let id = step.id.clone();
    let Retry::Later { after } = retry else {
        return vec![EventKind::StepFailed { step: id, error }];
    };
    let Some((poll, deadline)) = step.poll.as_ref().zip(attempt.deadline) else {
        return match step.retry.delay_after(attempt.failures + 1, after) {
            Some(delay) => {
                vec![EventKind::AttemptFailed { step: id, error, retry_at: later(now, delay) }]
            }
            None => vec![EventKind::StepFailed { step: id, error }],
        };
    };
    // A step that may wait for days does not fail because the API is down for an hour.
    if now >= deadline {
        return vec![time_is_over(step, &error.message)];
    }
    let doublings = attempt.failures.min(20);
    let backoff = poll.every.saturating_mul(1 << doublings).min(LONGEST_LOOK_BACKOFF);
    let delay = backoff.max(after.unwrap_or_default());
    vec![EventKind::AttemptFailed { step: id, error, retry_at: later(now, delay).min(deadline) }]
}

/// The server did not carry out what was sent. Where it may be sent again, the next attempt looks
/// for it all the same before it does; where the answer is a plain no, the intent is withdrawn.
fn refused(
    step: &Step,
    attempt: &Attempt,
    error: StepError,
    retry: Retry,
    now: Timestamp,
) -> Vec<EventKind> {
    let delay = match retry {
        Retry::Later { after } => step.retry.delay_after(attempt.failures + 1, after),
        Retry::Never => None,
    };
    let id = step.id.clone();
    match delay {
        Some(delay) => {
            vec![EventKind::AttemptFailed { step: id, error, retry_at: later(now, delay) }]
        }
        None => vec![
            EventKind::IntentWithdrawn { step: id.clone() },
            EventKind::StepFailed { step: id, error },
        ],
    }
}

fn time_is_over(step: &Step, last: &str) -> EventKind {
    let (on_timeout, timeout) = step
        .poll
        .as_ref()
        .map_or((OnTimeout::Park, Duration::ZERO), |poll| (poll.on_timeout, poll.timeout));
    let message = format!("not there after {}; last seen: {last}", format_duration(timeout));
    // Who asks no API of the vendor waits for somebody else.
    let asks_vendor = find_signature(&step.uses).is_some_and(|action| action.connection.is_some());
    let waits_for = if asks_vendor { WaitsFor::CertificateAuthority } else { WaitsFor::Outside };
    match on_timeout {
        OnTimeout::Park => EventKind::StepParked {
            step: step.id.clone(),
            reason: ParkReason {
                waits_for,
                code: "poll_timeout".to_owned(),
                message,
                completion_url: None,
            },
        },
        OnTimeout::Fail => EventKind::StepFailed {
            step: step.id.clone(),
            error: StepError::new(ErrorKind::Timeout, message),
        },
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded { .. } => "succeeded",
        Outcome::NotYet { .. } => "not yet",
        Outcome::Busy { .. } => "busy",
        Outcome::Parked { .. } => "parked",
        Outcome::Failed { .. } => "failed",
        Outcome::Prepared { .. } => "prepared",
        Outcome::Unknown { .. } => "unknown",
        Outcome::NothingFound => "nothing found",
        Outcome::InDoubt { .. } => "in doubt",
    }
}
