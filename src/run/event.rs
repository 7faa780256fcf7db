//! `Event`: one recorded fact of a run. Facts are added, never changed.
//!
//! The stored form is JSON and belongs to us alone: a field may be added with a default, a word may
//! be added, nothing may change its meaning. No secret is ever part of an event.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::intent::Intent;
use super::outcome::{Candidate, Observation, ParkReason, StepError};
use super::tagged::tagged_enum;
use crate::types::{CertificateId, RunId, StepId, Timestamp};

/// Parameters or outputs of a step. They go from event to state to command and are never changed, so
/// all of them share one copy.
pub type Values = Arc<Map<String, Value>>;

/// A fact, its place in the run and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The place in the run, counted from 1 without gaps.
    pub sequence: u32,
    /// When it was decided, by the clock of the program that recorded it.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

tagged_enum! {
    /// What can happen in a run.
    #[derive(Debug, Clone, PartialEq)]
    pub enum EventKind {
        /// The run was created. Always the first event, and only the first.
        RunStarted(RunHeader),
        /// A later program took the run up again.
        RunResumed {
            /// Name and version of the program.
            program: String,
        },
        /// What has not begun follows another plan from here on.
        PlanReplaced {
            /// The plan.
            plan: PlanReference,
            /// Its steps, in its order; the steps that have begun are among them.
            steps: Vec<StepId>,
            /// The values of its inputs, defaults included.
            inputs: Map<String, Value>,
        },
        /// The condition of a step is false; its dependents go on without it.
        StepSkipped {
            /// The step.
            step: StepId,
        },
        /// An attempt began: its parameters are known, nothing was sent yet.
        StepStarted {
            /// The step.
            step: StepId,
            /// The attempt, counted from 1 over the whole run.
            attempt: u32,
            /// The rendered parameters, without secrets.
            parameters: Values,
            /// For a waiting step: when it stops waiting.
            deadline: Option<Timestamp>,
        },
        /// What a step is about to send exactly once. From here on its outcome may be unknown.
        IntentRecorded {
            /// The step.
            step: StepId,
            /// What will be sent, and what was there before.
            intent: Intent,
        },
        /// The server refused what was sent, for certain: nothing came of it.
        IntentWithdrawn {
            /// The step.
            step: StepId,
        },
        /// What was sent is there, and is no certificate: it is found again by what it is, and nothing
        /// is in question any more.
        IntentSettled {
            /// The step.
            step: StepId,
        },
        /// A waiting step looked, and it is not there yet. Recorded when what it saw is new.
        StepWaiting {
            /// The step.
            step: StepId,
            /// What it saw.
            observation: Observation,
            /// When it looks again.
            next_look: Timestamp,
        },
        /// An attempt failed for a passing reason.
        AttemptFailed {
            /// The step.
            step: StepId,
            /// Why.
            error: StepError,
            /// When the next attempt begins.
            retry_at: Timestamp,
        },
        /// What was sent may or may not have been carried out; the server will be asked.
        OutcomeUnknown {
            /// The step.
            step: StepId,
            /// Why nothing is known.
            error: StepError,
            /// When the server is asked.
            look_at: Timestamp,
            /// How many looks in a row have found nothing.
            looks_without_finding: u32,
        },
        /// The run has its certificate id, for good.
        CertificateBound {
            /// The step that ordered or found it.
            step: StepId,
            /// The id.
            certificate_id: CertificateId,
            /// How it came to the run.
            binding: BindingKind,
        },
        /// A step is done.
        StepSucceeded {
            /// The step.
            step: StepId,
            /// What other steps read.
            output: Values,
        },
        /// A step failed, and is not tried again by itself.
        StepFailed {
            /// The step.
            step: StepId,
            /// Why.
            error: StepError,
        },
        /// A step waits for something outside; `resume` goes on.
        StepParked {
            /// The step.
            step: StepId,
            /// For what, and what to do.
            reason: ParkReason,
        },
        /// A step sent something, and what became of it cannot be decided by a program.
        StepInDoubt {
            /// The step.
            step: StepId,
            /// Why.
            message: String,
            /// The certificates that it could be.
            candidates: Vec<Candidate>,
        },
        /// A step cannot start because one that it needs failed.
        StepBlocked {
            /// The step.
            step: StepId,
            /// The step that failed or is blocked itself.
            by: StepId,
        },
        /// A step will be done again from its beginning.
        StepReopened {
            /// The step.
            step: StepId,
            /// Why.
            reason: ReopenReason,
        },
        /// Nothing is left to do for now; `resume` goes on.
        RunPaused {
            /// Why.
            reason: PauseReason,
            /// What had asked an interrupted run to stop. None where nobody had, and in runs of
            /// older programs.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            stopped_by: Option<StopReason>,
        },
        /// Nothing is left to do.
        RunFinished {
            /// How it ended.
            result: RunResult,
        },
        /// A person ended the run on our side. Always the last event: nothing is done for it any more.
        RunCancelled {
            /// Name and version of the program.
            program: String,
            /// Why, in the person's words.
            reason: Option<String>,
        },
    }
}

/// What a run is: fixed by its first event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// The plan that the run follows to its end.
    pub plan: PlanReference,
    /// The name of its target.
    pub target: String,
    /// The values of the plan's inputs, defaults included.
    pub inputs: Map<String, Value>,
    /// The steps, in the order of the plan.
    pub steps: Vec<StepId>,
    /// The base address of each connection, and the resolver when one was named.
    pub endpoints: BTreeMap<String, String>,
    /// Whether the embedded sandbox stood in for the real world.
    pub sandbox: bool,
    /// The folder that relative paths start from.
    pub directory: String,
    /// The number of the engine's rules that the run follows.
    pub semantics: u32,
    /// Name and version of the program.
    pub program: String,
    /// Runs of the same plan and target, or that have ordered for the same names, which there were
    /// when this one was started all the same.
    #[serde(default)]
    pub earlier_runs: Vec<RunId>,
    /// The number of the newest order of the state file when it was decided to begin this run. Names
    /// that another run has ordered since are not ordered by this one. None in runs of older
    /// programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_known: Option<u64>,
}

impl RunHeader {
    /// Under what the resolver stands among the [`Self::endpoints`].
    pub const DNS: &'static str = "dns";

    /// Where the run orders, as far as orders could be mistaken for one another.
    ///
    /// Two addresses can lead to one account (another spelling, a proxy, a second host), so all that
    /// is no embedded sandbox counts as one place. Two accounts that order the same names at the
    /// same moment wait for one another then, which takes seconds; the other mistake costs a second
    /// certificate.
    pub fn place(&self) -> &'static str {
        if self.sandbox { "sandbox" } else { "real" }
    }
}

/// Which plan, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReference {
    /// The plan's name.
    pub name: String,
    /// The file as it was named.
    pub file: String,
    /// SHA-256 of the file's text, hexadecimal; the text is stored under it.
    pub digest: String,
}

/// How a run came to its certificate id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingKind {
    /// The answer to its own order named the id.
    Ordered,
    /// The answer was lost; the order was found in the list and matched.
    Adopted,
    /// It is there for longer, and this run has it issued anew. The run takes it over from the run
    /// that ordered it.
    Reissued,
}

/// Why a step is done again from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReopenReason {
    /// It had failed, was parked or blocked, and the run was resumed; or an order was refused that
    /// was made from what it had found, and that is looked up anew.
    Resumed,
    /// What a step found is no longer so.
    Changed {
        /// The step that found it.
        origin: StepId,
        /// The step that sees something else now.
        seen_by: StepId,
    },
    /// What it, or a step that it is built on, had done was taken back, and is needed once more.
    Undone {
        /// The step that took it back.
        by: StepId,
    },
    /// A failed step that the run went on without is tried again, and this one had its turn after
    /// it.
    Retried {
        /// The step that failed.
        origin: StepId,
    },
    /// A person has said that its order never came to be.
    NothingOrdered,
}

/// Why a run stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// A step waits for a person or the CA.
    Parked,
    /// A person has to say what became of an order.
    InDoubt,
    /// The program was asked to stop.
    Interrupted,
}

/// What asks a run to stop before it comes to a standstill by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody asked the program to stop: Ctrl-C, or SIGTERM.
    Signal,
    /// More targets of its batch had failed than were put up with, and it had not ordered.
    TooManyFailures,
    /// Nothing came of any target of the wave before its own.
    FailedWave,
    /// It would have ordered when its batch was to send no more orders.
    OrderLimit,
}

impl StopReason {
    /// Whether its batch did without the run, where nobody asked the program to stop.
    pub fn holds_back(self) -> bool {
        !matches!(self, Self::Signal)
    }
}

impl fmt::Display for StopReason {
    /// The reason as a part of a sentence, such as "too many targets had failed".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signal => "the program was asked to stop",
            Self::TooManyFailures => "too many targets had failed (`--max-failures`)",
            Self::FailedWave => {
                "nothing came of any target of the wave before (`--serial`; with `--max-failures` \
                 that number alone decides)"
            }
            Self::OrderLimit => "it would order beyond `--max-orders`",
        })
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Every step succeeded, was skipped, or was allowed to fail.
    Succeeded,
    /// A step failed; `resume` tries it again.
    Failed,
}

impl EventKind {
    /// The step that the event is about, if it is about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepSkipped { step }
            | Self::StepStarted { step, .. }
            | Self::IntentRecorded { step, .. }
            | Self::IntentWithdrawn { step }
            | Self::IntentSettled { step }
            | Self::StepWaiting { step, .. }
            | Self::AttemptFailed { step, .. }
            | Self::OutcomeUnknown { step, .. }
            | Self::CertificateBound { step, .. }
            | Self::StepSucceeded { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepParked { step, .. }
            | Self::StepInDoubt { step, .. }
            | Self::StepBlocked { step, .. }
            | Self::StepReopened { step, .. } => Some(step),
            Self::RunStarted(_)
            | Self::RunResumed { .. }
            | Self::PlanReplaced { .. }
            | Self::RunPaused { .. }
            | Self::RunFinished { .. }
            | Self::RunCancelled { .. } => None,
        }
    }

    /// The event's name as it is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted(_) => "run_started",
            Self::RunResumed { .. } => "run_resumed",
            Self::PlanReplaced { .. } => "plan_replaced",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepStarted { .. } => "step_started",
            Self::IntentRecorded { .. } => "intent_recorded",
            Self::IntentWithdrawn { .. } => "intent_withdrawn",
            Self::IntentSettled { .. } => "intent_settled",
            Self::StepWaiting { .. } => "step_waiting",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::CertificateBound { .. } => "certificate_bound",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepFailed { .. } => "step_failed",
            Self::StepParked { .. } => "step_parked",
            Self::StepInDoubt { .. } => "step_in_doubt",
            Self::StepBlocked { .. } => "step_blocked",
            Self::StepReopened { .. } => "step_reopened",
            Self::RunPaused { .. } => "run_paused",
            Self::RunFinished { .. } => "run_finished",
            Self::RunCancelled { .. } => "run_cancelled",
        }
    }
}
