//! `StepState`: the states of a step and the one table of how events change them.
//!
//! Used live and in replay alike. An event that does not fit the state is an error value that names
//! both; nothing in here repairs or guesses.

use serde::Serialize;

use super::event::{EventKind, Values};
use super::intent::Intent;
use super::outcome::{Candidate, Observation, ParkReason, StepError};
use crate::types::{StepId, Timestamp};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// It has not started, or will be done again.
    Pending,
    /// An attempt is under way, and nothing was sent that may not be sent twice.
    Started(Attempt),
    /// The intent is recorded; what it says may have been sent.
    Sent {
        /// The attempt that sends it.
        attempt: Attempt,
        /// What is sent.
        intent: Intent,
    },
    /// It looked, and looks again later.
    Waiting {
        /// The attempt that waits.
        attempt: Attempt,
        /// What it saw last.
        observation: Observation,
        /// When it looks again.
        next_look: Timestamp,
    },
    /// An attempt failed; the next one begins later.
    Retrying {
        /// The attempt that failed.
        attempt: Attempt,
        /// Why.
        error: StepError,
        /// When the next one begins.
        retry_at: Timestamp,
    },
    /// It was sent, and the server will be asked what became of it.
    Unknown {
        /// The attempt that sent it.
        attempt: Attempt,
        /// What was sent.
        intent: Intent,
        /// Why nothing is known.
        error: StepError,
        /// When the server is asked.
        look_at: Timestamp,
        /// How many looks in a row have found nothing.
        looks_without_finding: u32,
    },
    /// It is done.
    Succeeded {
        /// What other steps read.
        output: Values,
    },
    /// It failed.
    Failed {
        /// Why.
        error: StepError,
    },
    /// It waits for somebody outside.
    Parked {
        /// For what.
        reason: ParkReason,
    },
    /// Only a person can say what became of it.
    InDoubt {
        /// The attempt that sent it.
        attempt: Attempt,
        /// What was sent.
        intent: Intent,
        /// Why.
        message: String,
        /// What it could be.
        candidates: Vec<Candidate>,
    },
    /// Its condition was false.
    Skipped,
    /// A step that it needs failed.
    Blocked {
        /// That step.
        by: StepId,
    },
}

/// An attempt that has begun.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number, counted from 1 over the whole run.
    pub number: u32,
    /// How many attempts before it have failed in a row.
    pub failures: u32,
    /// Its parameters.
    pub parameters: Values,
    /// For a waiting step: when it stops waiting.
    pub deadline: Option<Timestamp>,
}

/// What a step's past adds to its state.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StepHistory {
    /// How many attempts it has had.
    pub attempts: u32,
    /// How often it was done again because the world had moved on.
    pub reopenings: u32,
    /// What an earlier attempt may have sent, unless the server refused it for certain.
    ///
    /// A list that lags behind can show a lost order long after it was given up: every later
    /// attempt looks for it once more before it sends.
    pub sent: Option<Intent>,
    /// What a person said had never arrived. It counts as not sent, and is looked for once more all
    /// the same: people err, and lists lag. What the person was shown is known and not taken.
    pub denied: Option<Intent>,
    /// Since when it waits for what it is, or was last, parked for: to look again and find nothing
    /// new begins no new wait.
    pub parked: Option<ParkedFor>,
}

/// What a step was parked for, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParkedFor {
    /// The reason as a code.
    pub code: String,
    /// When it was parked for that first.
    pub since: Timestamp,
}

impl StepHistory {
    /// What is to be looked for before anything is sent.
    pub fn possibly_sent(&self) -> Option<&Intent> {
        self.sent.as_ref().or(self.denied.as_ref())
    }
}

/// An event that does not fit the state of its step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}` does not fit step `{step}`, which is {state}")]
pub struct IllegalTransition {
    /// The step.
    pub step: StepId,
    /// The state that it is in.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
}

impl StepState {
    /// The state in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started(_) => "started",
            Self::Sent { .. } => "sent",
            Self::Waiting { .. } => "waiting",
            Self::Retrying { .. } => "retrying",
            Self::Unknown { .. } => "unknown",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Parked { .. } => "parked",
            Self::InDoubt { .. } => "in doubt",
            Self::Skipped => "skipped",
            Self::Blocked { .. } => "blocked",
        }
    }

    /// Whether the engine still has something to do for it in this session.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Started(_)
            | Self::Sent { .. }
            | Self::Waiting { .. }
            | Self::Retrying { .. }
            | Self::Unknown { .. } => true,
            Self::Pending
            | Self::Succeeded { .. }
            | Self::Failed { .. }
            | Self::Parked { .. }
            | Self::InDoubt { .. }
            | Self::Skipped
            | Self::Blocked { .. } => false,
        }
    }

    /// The attempt under way, if one is.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Started(attempt)
            | Self::Sent { attempt, .. }
            | Self::Waiting { attempt, .. }
            | Self::Retrying { attempt, .. }
            | Self::Unknown { attempt, .. }
            | Self::InDoubt { attempt, .. } => Some(attempt),
            Self::Pending
            | Self::Succeeded { .. }
            | Self::Failed { .. }
            | Self::Parked { .. }
            | Self::Skipped
            | Self::Blocked { .. } => None,
        }
    }

    /// The state after `event`, which must be about this `step` with this `history`.
    ///
    /// Fails when the event does not fit.
    pub fn next(
        &self,
        step: &StepId,
        history: &StepHistory,
        event: &EventKind,
    ) -> Result<Self, IllegalTransition> {
        use EventKind as E;
        let illegal = || {
            Err(IllegalTransition { step: step.clone(), state: self.name(), event: event.name() })
        };
        let next = match (self, event) {
            (Self::Pending, E::StepSkipped { .. }) => Self::Skipped,
            (Self::Pending, E::StepBlocked { by, .. }) => Self::Blocked { by: by.clone() },

            // A started step is started again when a crash or a retry lies in between. What was
            // sent once is never simply started again: that is what `Sent` and `Unknown` are for.
            (
                Self::Pending | Self::Started(_) | Self::Waiting { .. } | Self::Retrying { .. },
                E::StepStarted { attempt, parameters, deadline, .. },
            ) => {
                if *attempt != history.attempts + 1 {
                    return illegal();
                }
                Self::Started(Attempt {
                    number: *attempt,
                    failures: self.failures(),
                    parameters: parameters.clone(),
                    deadline: *deadline,
                })
            }

            (Self::Started(attempt), E::IntentRecorded { intent, .. }) => {
                Self::Sent { attempt: attempt.clone(), intent: intent.clone() }
            }

            (Self::Sent { attempt, .. }, E::IntentWithdrawn { .. }) => {
                Self::Started(attempt.clone())
            }

            (
                Self::Sent { attempt, .. } | Self::Unknown { attempt, .. },
                E::IntentSettled { .. },
            ) => Self::Started(attempt.clone()),

            (
                Self::Started(attempt) | Self::Waiting { attempt, .. },
                E::StepWaiting { observation, next_look, .. },
            ) => Self::Waiting {
                attempt: Attempt { failures: 0, ..attempt.clone() },
                observation: observation.clone(),
                next_look: *next_look,
            },

            (
                Self::Started(attempt)
                | Self::Waiting { attempt, .. }
                | Self::Sent { attempt, .. }
                | Self::Unknown { attempt, .. },
                E::AttemptFailed { error, retry_at, .. },
            ) => Self::Retrying {
                attempt: Attempt { failures: attempt.failures + 1, ..attempt.clone() },
                error: error.clone(),
                retry_at: *retry_at,
            },

            (
                Self::Sent { attempt, intent }
                | Self::Unknown { attempt, intent, .. }
                | Self::InDoubt { attempt, intent, .. },
                E::OutcomeUnknown { error, look_at, looks_without_finding, .. },
            ) => Self::Unknown {
                attempt: attempt.clone(),
                intent: intent.clone(),
                error: error.clone(),
                look_at: *look_at,
                looks_without_finding: *looks_without_finding,
            },

            (
                Self::Sent { attempt, intent } | Self::Unknown { attempt, intent, .. },
                E::StepInDoubt { message, candidates, .. },
            ) => Self::InDoubt {
                attempt: attempt.clone(),
                intent: intent.clone(),
                message: message.clone(),
                candidates: candidates.clone(),
            },

            // An attempt that finds the order of an earlier one, before it sends its own.
            (Self::Started(attempt), E::StepInDoubt { message, candidates, .. }) => {
                let Some(intent) = history.possibly_sent().cloned() else { return illegal() };
                Self::InDoubt {
                    attempt: attempt.clone(),
                    intent,
                    message: message.clone(),
                    candidates: candidates.clone(),
                }
            }
            (Self::Started(_), E::CertificateBound { .. }) if history.possibly_sent().is_some() => {
                self.clone()
            }

            (
                Self::Sent { .. } | Self::Unknown { .. } | Self::InDoubt { .. },
                E::CertificateBound { .. },
            ) => self.clone(),

            (
                Self::Started(_)
                | Self::Waiting { .. }
                | Self::Sent { .. }
                | Self::Unknown { .. }
                | Self::InDoubt { .. },
                E::StepSucceeded { output, .. },
            ) => Self::Succeeded { output: output.clone() },

            (
                Self::Pending | Self::Started(_) | Self::Waiting { .. } | Self::Retrying { .. },
                E::StepFailed { error, .. },
            ) => Self::Failed { error: error.clone() },

            (
                Self::Started(_) | Self::Waiting { .. } | Self::Retrying { .. },
                E::StepParked { reason, .. },
            ) => Self::Parked { reason: reason.clone() },

            (
                Self::Started(_)
                | Self::Waiting { .. }
                | Self::Retrying { .. }
                | Self::Failed { .. }
                | Self::Parked { .. }
                | Self::Blocked { .. }
                | Self::Skipped
                | Self::Succeeded { .. }
                | Self::InDoubt { .. },
                E::StepReopened { .. },
            ) => Self::Pending,

            (_, E::RunStarted(_) | E::RunResumed { .. } | E::PlanReplaced { .. })
            | (_, E::RunPaused { .. } | E::RunFinished { .. } | E::RunCancelled { .. })
            | (
                Self::Pending
                | Self::Started(_)
                | Self::Sent { .. }
                | Self::Waiting { .. }
                | Self::Retrying { .. }
                | Self::Unknown { .. }
                | Self::Succeeded { .. }
                | Self::Failed { .. }
                | Self::Parked { .. }
                | Self::InDoubt { .. }
                | Self::Skipped
                | Self::Blocked { .. },
                _,
            ) => return illegal(),
        };
        Ok(next)
    }

    fn failures(&self) -> u32 {
        match self {
            Self::Retrying { attempt, .. } => attempt.failures,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ErrorKind, OrderIntent, WaitsFor};
    use std::collections::BTreeSet;

    fn step() -> StepId {
        StepId::parse("order").unwrap()
    }

    fn error() -> StepError {
        StepError::new(ErrorKind::Unreachable, "down")
    }

    fn attempt() -> Attempt {
        Attempt { number: 1, failures: 0, parameters: Values::default(), deadline: None }
    }

    fn intent() -> Intent {
        Intent::Order(OrderIntent {
            public_key_sha256: String::new(),
            sku: String::new(),
            common_name: crate::types::DomainName::parse("www.example.com").unwrap(),
            names: BTreeSet::new(),
            organization_id: None,
            validity_days: None,
            renewal_of: None,
            known_certificate_ids: BTreeSet::new(),
        })
    }

    fn after(attempts: u32) -> StepHistory {
        StepHistory { attempts, ..StepHistory::default() }
    }

    fn states() -> Vec<StepState> {
        let reason = ParkReason {
            waits_for: WaitsFor::Person,
            code: String::new(),
            message: String::new(),
            completion_url: None,
        };
        let observation = Observation::default();
        let at = Timestamp::UNIX_EPOCH;
        vec![
            StepState::Pending,
            StepState::Started(attempt()),
            StepState::Sent { attempt: attempt(), intent: intent() },
            StepState::Waiting { attempt: attempt(), observation, next_look: at },
            StepState::Retrying { attempt: attempt(), error: error(), retry_at: at },
            StepState::Unknown {
                attempt: attempt(),
                intent: intent(),
                error: error(),
                look_at: at,
                looks_without_finding: 0,
            },
            StepState::Succeeded { output: Values::default() },
            StepState::Failed { error: error() },
            StepState::Parked { reason },
            StepState::InDoubt {
                attempt: attempt(),
                intent: intent(),
                message: String::new(),
                candidates: Vec::new(),
            },
            StepState::Skipped,
            StepState::Blocked { by: step() },
        ]
    }

    fn events() -> Vec<EventKind> {
        let (step, at) = (step(), Timestamp::UNIX_EPOCH);
        vec![
            EventKind::StepSkipped { step: step.clone() },
            EventKind::StepStarted {
                step: step.clone(),
                attempt: 2,
                parameters: Values::default(),
                deadline: None,
            },
            EventKind::IntentRecorded { step: step.clone(), intent: intent() },
            EventKind::IntentWithdrawn { step: step.clone() },
            EventKind::StepWaiting {
                step: step.clone(),
                observation: Observation::default(),
                next_look: at,
            },
            EventKind::AttemptFailed { step: step.clone(), error: error(), retry_at: at },
            EventKind::OutcomeUnknown {
                step: step.clone(),
                error: error(),
                look_at: at,
                looks_without_finding: 0,
            },
            EventKind::StepSucceeded { step: step.clone(), output: Values::default() },
            EventKind::StepFailed { step: step.clone(), error: error() },
            EventKind::StepParked {
                step: step.clone(),
                reason: ParkReason {
                    waits_for: WaitsFor::Person,
                    code: String::new(),
                    message: String::new(),
                    completion_url: None,
                },
            },
            EventKind::StepInDoubt {
                step: step.clone(),
                message: String::new(),
                candidates: Vec::new(),
            },
            EventKind::StepBlocked { step: step.clone(), by: step.clone() },
            EventKind::StepReopened { step, reason: crate::run::ReopenReason::Resumed },
        ]
    }

    /// Every pair of state and event, with the state that follows; `-` is refused.
    const TABLE: &str = "
                 skipped  started  intent  withdrawn  waiting  attempt   outcome  succeeded  failed  parked  in_doubt  blocked  reopened
        pending  skipped  started  -       -          -        -         -        -          failed  -       -         blocked  -
        started  -        started  sent    -          waiting  retrying  -        succeeded  failed  parked  -         -        pending
        sent     -        -        -       started    -        retrying  unknown  succeeded  -       -       in_doubt  -        -
        waiting  -        started  -       -          waiting  retrying  -        succeeded  failed  parked  -         -        pending
        retrying -        started  -       -          -        -         -        -          failed  parked  -         -        pending
        unknown  -        -        -       -          -        retrying  unknown  succeeded  -       -       in_doubt  -        -
        succeeded -       -        -       -          -        -         -        -          -       -       -         -        pending
        failed   -        -        -       -          -        -         -        -          -       -       -         -        pending
        parked   -        -        -       -          -        -         -        -          -       -       -         -        pending
        in_doubt -        -        -       -          -        -         unknown  succeeded  -       -       -         -        pending
        skipped  -        -        -       -          -        -         -        -          -       -       -         -        pending
        blocked  -        -        -       -          -        -         -        -          -       -       -         -        pending
    ";

    #[test]
    fn every_pair_of_state_and_event_does_what_the_table_says() {
        let rows = TABLE.lines().skip(2).filter(|line| !line.trim().is_empty());
        for (state, row) in states().iter().zip(rows) {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next().unwrap().replace('_', " "), state.name());
            for (event, cell) in events().iter().zip(cells) {
                let found = match state.next(&step(), &after(1), event) {
                    Ok(next) => next.name().replace(' ', "_"),
                    Err(_) => "-".to_owned(),
                };
                assert_eq!(found, cell, "{} + {}", state.name(), event.name());
            }
        }
    }

    #[test]
    fn an_attempt_can_find_the_order_of_an_earlier_one_only_when_there_was_one() {
        let bound = EventKind::CertificateBound {
            step: step(),
            certificate_id: crate::types::CertificateId::parse("AAAAAAAAAAAA1").unwrap(),
            binding: crate::run::BindingKind::Adopted,
        };
        let started = StepState::Started(attempt());
        assert!(started.next(&step(), &after(1), &bound).is_err());
        let history = StepHistory { sent: Some(intent()), ..after(1) };
        assert_eq!(started.next(&step(), &history, &bound), Ok(started.clone()));
    }

    #[test]
    fn an_attempt_must_be_counted_without_gaps() {
        let event = EventKind::StepStarted {
            step: step(),
            attempt: 3,
            parameters: Values::default(),
            deadline: None,
        };
        assert!(StepState::Pending.next(&step(), &after(1), &event).is_err());
    }

    #[test]
    fn an_illegal_pair_names_both_sides() {
        let event = EventKind::StepSkipped { step: step() };
        let error = StepState::Skipped.next(&step(), &after(0), &event).unwrap_err();
        assert_eq!(
            error.to_string(),
            "event `step_skipped` does not fit step `order`, which is skipped"
        );
    }
}
