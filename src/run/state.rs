//! `RunState`: the state of a run, which is the fold of its events and nothing else.
//!
//! A clone shares every step with the original until one of the two takes an event in: whoever
//! wants to know where events would lead can try them on a clone.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::event::{Event, EventKind, PauseReason, ReopenReason, RunHeader, RunResult, StopReason};
use super::intent::Intent;
use super::outcome::{ParkReason, WaitsFor};
use super::transition::{IllegalTransition, ParkedFor, StepHistory, StepState};
use crate::types::{CertificateId, StepId, StepMap, Timestamp};

/// A run as far as its events tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunState {
    /// What the first event says.
    pub header: Arc<RunHeader>,
    /// Whether it goes on, stands still or has ended.
    pub phase: RunPhase,
    /// What asked it to stop, while it stands still for that.
    pub stopped_by: Option<StopReason>,
    /// The certificate id that the run owns.
    pub certificate_id: Option<CertificateId>,
    /// The steps, in the order of the plan.
    pub steps: StepMap<Arc<StepRecord>>,
    /// When the first event was recorded.
    pub started_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// The sequence number of the last event.
    pub last_sequence: u32,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// Some program works on it, or was killed while it did.
    Running,
    /// It stands still until somebody resumes it.
    Paused(PauseReason),
    /// It has ended.
    Finished(RunResult),
    /// A person ended it; it is never gone on with.
    Cancelled,
}

impl RunPhase {
    /// The phase in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused(PauseReason::Parked) => "parked",
            Self::Paused(PauseReason::InDoubt) => "in doubt",
            Self::Paused(PauseReason::Interrupted) => "interrupted",
            Self::Finished(RunResult::Succeeded) => "succeeded",
            Self::Finished(RunResult::Failed) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A step with what is worth knowing beside its state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// What its past adds.
    pub history: StepHistory,
    /// When the first attempt began.
    pub started_at: Option<Timestamp>,
    /// When the state changed last.
    pub changed_at: Option<Timestamp>,
}

impl Default for StepRecord {
    fn default() -> Self {
        Self {
            state: StepState::Pending,
            history: StepHistory::default(),
            started_at: None,
            changed_at: None,
        }
    }
}

/// What a run is parked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked<'a> {
    /// The step.
    pub step: &'a StepId,
    /// For what, and what to do.
    pub reason: &'a ParkReason,
    /// Since when, however often it was looked at again meanwhile.
    pub since: Timestamp,
}

/// Events that do not make a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There are none.
    #[error("the run has no events")]
    Empty,
    /// The first is not the start, or the start comes again.
    #[error("event {sequence} is `{event}`, where a run {}", if *sequence == 1 { "must start" } else { "cannot start" })]
    MisplacedStart {
        /// Its number.
        sequence: u32,
        /// Its name.
        event: &'static str,
    },
    /// Something after the end that a person made.
    #[error("event {sequence} is `{event}`, and the run was cancelled before")]
    AfterCancellation {
        /// Its number.
        sequence: u32,
        /// Its name.
        event: &'static str,
    },
    /// A number is missing or comes twice.
    #[error("event {found} follows event {last}")]
    Gap {
        /// The number before.
        last: u32,
        /// The number that came.
        found: u32,
    },
    /// A step that the plan does not have.
    #[error("event {sequence} is about step `{step}`, which the run does not have")]
    UnknownStep {
        /// The event's number.
        sequence: u32,
        /// The step.
        step: StepId,
    },
    /// A plan that lacks a step that has begun.
    #[error("event {sequence} drops step `{step}`, which has begun")]
    DroppedStep {
        /// The event's number.
        sequence: u32,
        /// The step.
        step: StepId,
    },
    /// A second certificate for a run that owns one.
    #[error("event {sequence} binds certificate `{second}` to a run that owns `{first}`")]
    SecondCertificate {
        /// The event's number.
        sequence: u32,
        /// The id that the run owns.
        first: CertificateId,
        /// The id that came.
        second: CertificateId,
    },
    /// An event that does not fit its step.
    #[error("event {sequence}: {source}")]
    Illegal {
        /// The event's number.
        sequence: u32,
        /// Why.
        source: IllegalTransition,
    },
}

impl RunState {
    /// Folds stored events into the state of their run.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, FoldError> {
        let mut events = events.into_iter();
        let mut state = Self::begin(events.next().ok_or(FoldError::Empty)?)?;
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// The state after the first event.
    pub fn begin(event: &Event) -> Result<Self, FoldError> {
        let (EventKind::RunStarted(header), 1) = (&event.kind, event.sequence) else {
            return Err(FoldError::MisplacedStart {
                sequence: event.sequence,
                event: event.kind.name(),
            });
        };
        // Each step gets a record of its own as soon as something happens in it.
        let pending = Arc::new(StepRecord::default());
        Ok(Self {
            header: Arc::new(header.clone()),
            phase: RunPhase::Running,
            stopped_by: None,
            certificate_id: None,
            steps: header.steps.iter().map(|id| (id.clone(), Arc::clone(&pending))).collect(),
            started_at: event.at,
            updated_at: event.at,
            last_sequence: 1,
        })
    }

    /// Takes one more event in. On an error the state is as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        let sequence = event.sequence;
        if sequence != self.last_sequence + 1 {
            return Err(FoldError::Gap { last: self.last_sequence, found: sequence });
        }
        if self.phase == RunPhase::Cancelled {
            return Err(FoldError::AfterCancellation { sequence, event: event.kind.name() });
        }
        match &event.kind {
            EventKind::RunStarted(_) => {
                return Err(FoldError::MisplacedStart { sequence, event: event.kind.name() });
            }
            EventKind::RunResumed { .. } => self.phase = RunPhase::Running,
            EventKind::PlanReplaced { plan, steps, inputs } => {
                self.replace_steps(sequence, steps)?;
                let header = Arc::make_mut(&mut self.header);
                header.plan = plan.clone();
                header.inputs = inputs.clone();
                header.steps = steps.clone();
            }
            EventKind::RunPaused { reason, .. } => self.phase = RunPhase::Paused(*reason),
            EventKind::RunFinished { result } => self.phase = RunPhase::Finished(*result),
            EventKind::RunCancelled { .. } => self.phase = RunPhase::Cancelled,
            kind => self.apply_to_step(event, kind)?,
        }
        self.stopped_by = match &event.kind {
            EventKind::RunPaused { stopped_by, .. } => *stopped_by,
            _ => None,
        };
        self.updated_at = event.at;
        self.last_sequence = sequence;
        Ok(())
    }

    /// Whether anything was done for it. Of a batch that begins in waves, later ones have not.
    pub fn has_begun(&self) -> bool {
        self.last_sequence > 1
    }

    /// Whether an order of it, or what may be one, is still under way.
    pub fn has_open_order(&self) -> bool {
        self.may_have_ordered() && matches!(self.phase, RunPhase::Running | RunPhase::Paused(_))
    }

    /// Whether an order of this run exists, or may exist.
    pub fn may_have_ordered(&self) -> bool {
        let sent = |step: &Arc<StepRecord>| {
            step.history.sent.as_ref().is_some_and(Intent::obtains_certificate)
        };
        self.certificate_id.is_some() || self.steps.values().any(sent)
    }

    /// The step whose order was sent, and of which nobody knows what became of it.
    pub fn unanswered(&self) -> Option<&StepId> {
        let unanswered = |record: &StepRecord| {
            matches!(
                record.state,
                StepState::Sent { .. } | StepState::Unknown { .. } | StepState::InDoubt { .. }
            )
        };
        self.steps.iter().find(|(_, record)| unanswered(record)).map(|(id, _)| id)
    }

    /// For what it is parked: of several steps one that waits for a person.
    pub fn parked(&self) -> Option<Parked<'_>> {
        let parked = self.steps.iter().filter_map(|(step, record)| match &record.state {
            StepState::Parked { reason } => {
                let since = record.history.parked.as_ref().map(|parked| parked.since);
                Some(Parked { step, reason, since: since.unwrap_or(self.updated_at) })
            }
            _ => None,
        });
        // The first of those that are equal.
        parked.min_by_key(|parked| {
            let person = parked.reason.waits_for == WaitsFor::Person;
            (!person, parked.reason.completion_url.is_none())
        })
    }

    /// The output of a step that has succeeded.
    pub fn output(&self, step: &StepId) -> Option<&Map<String, Value>> {
        match &self.steps.get(step)?.state {
            StepState::Succeeded { output } => Some(output),
            _ => None,
        }
    }

    fn replace_steps(&mut self, sequence: u32, steps: &[StepId]) -> Result<(), FoldError> {
        let dropped = self.steps.iter().find(|(id, record)| {
            !steps.contains(id) && !matches!(record.state, StepState::Pending)
        });
        if let Some((step, _)) = dropped {
            return Err(FoldError::DroppedStep { sequence, step: step.clone() });
        }
        let record = |id: &StepId| self.steps.get(id).cloned().unwrap_or_default();
        self.steps = steps.iter().map(|id| (id.clone(), record(id))).collect();
        Ok(())
    }

    fn apply_to_step(&mut self, event: &Event, kind: &EventKind) -> Result<(), FoldError> {
        let sequence = event.sequence;
        let Some(step) = kind.step() else { return Ok(()) };
        let Some(record) = self.steps.get_mut(step) else {
            return Err(FoldError::UnknownStep { sequence, step: step.clone() });
        };
        let next = record
            .state
            .next(step, &record.history, kind)
            .map_err(|source| FoldError::Illegal { sequence, source })?;
        if let EventKind::CertificateBound { certificate_id, .. } = kind {
            if let Some(first) = self.certificate_id.as_ref().filter(|id| *id != certificate_id) {
                return Err(FoldError::SecondCertificate {
                    sequence,
                    first: first.clone(),
                    second: certificate_id.clone(),
                });
            }
            self.certificate_id = Some(certificate_id.clone());
        }
        // Only here a step that is shared with a clone of the state becomes one of its own. Whoever
        // folds thousands of runs shares none, and need not copy what a step has sent.
        if Arc::get_mut(record).is_none() {
            let (history, started_at) = (record.history.clone(), record.started_at);
            *record = Arc::new(StepRecord { history, started_at, ..StepRecord::default() });
        }
        let record = Arc::make_mut(record);
        let former = std::mem::replace(&mut record.state, next);
        record.changed_at = Some(event.at);
        let StepRecord { history, started_at, .. } = record;
        match kind {
            EventKind::StepStarted { attempt, .. } => {
                history.attempts = *attempt;
                started_at.get_or_insert(event.at);
            }
            EventKind::StepReopened { reason, .. } => match reason {
                ReopenReason::Resumed
                | ReopenReason::Undone { .. }
                | ReopenReason::Retried { .. } => {}
                ReopenReason::Changed { .. } => history.reopenings += 1,
                ReopenReason::NothingOrdered => {
                    history.sent = None;
                    history.denied = denied(former);
                }
            },
            EventKind::StepParked { reason, .. } => {
                let known = history.parked.take().filter(|parked| parked.code == reason.code);
                history.parked =
                    Some(known.unwrap_or_else(|| ParkedFor {
                        code: reason.code.clone(),
                        since: event.at,
                    }));
            }
            EventKind::StepSucceeded { .. }
            | EventKind::StepFailed { .. }
            | EventKind::StepSkipped { .. } => history.parked = None,
            EventKind::IntentRecorded { intent, .. } => history.sent = Some(intent.clone()),
            EventKind::IntentWithdrawn { .. } | EventKind::IntentSettled { .. } => {
                history.sent = None;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The order of which a person says that it never came to be, and that it is none of the
/// candidates. Of other things sent, observation tells.
fn denied(doubt: StepState) -> Option<Intent> {
    let StepState::InDoubt { intent: Intent::Order(mut order), candidates, .. } = doubt else {
        return None;
    };
    let shown = candidates.into_iter().map(|candidate| candidate.certificate_id);
    order.known_certificate_ids.extend(shown);
    Some(Intent::Order(order))
}

#[cfg(test)]
mod tests;
