//! `Outcome`: what became of one target, and how it follows from the state of its run.

use super::super::exit::ExitCode;
use super::choice::{Choice, Hold};
use crate::report::{RecapResult, RecapRow, standstill_reason};
use crate::run::{PauseReason, RunPhase, RunResult, RunState, StopReason};
use crate::types::{CertificateId, RunId, Timestamp};
use crate::upkeep::{Decision, Issued};

/// What became of one target.
pub(super) struct Outcome {
    pub(super) run: Option<RunId>,
    pub(super) result: RecapResult,
    pub(super) reason: String,
    pub(super) certificate_id: Option<CertificateId>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) milliseconds: u64,
}

/// What is kept of the state of a run that stands still.
pub(super) struct RunDigest {
    phase: RunPhase,
    stopped_by: Option<StopReason>,
    reason: String,
    certificate_id: Option<CertificateId>,
    valid_until: Option<Timestamp>,
    directory: Option<String>,
    milliseconds: u64,
}

impl RunDigest {
    pub(super) fn of(state: &RunState) -> Self {
        let issued = Issued::of(state);
        let took = state.updated_at.duration_since(state.started_at).as_millis();
        Self {
            phase: state.phase,
            stopped_by: state.stopped_by,
            reason: standstill_reason(state),
            certificate_id: state.certificate_id.clone(),
            valid_until: issued.as_ref().map(|issued| issued.valid_until),
            directory: issued.and_then(|issued| issued.directory),
            milliseconds: u64::try_from(took).unwrap_or_default(),
        }
    }

    /// What it means for the target.
    pub(super) fn outcome(self, run: RunId) -> Outcome {
        let result = match self.phase {
            RunPhase::Finished(RunResult::Succeeded) => RecapResult::Issued,
            RunPhase::Finished(RunResult::Failed) => RecapResult::Failed,
            RunPhase::Paused(PauseReason::Parked) => RecapResult::Parked,
            RunPhase::Paused(PauseReason::InDoubt) => RecapResult::InDoubt,
            RunPhase::Paused(PauseReason::Interrupted)
                if self.stopped_by.is_some_and(StopReason::holds_back) =>
            {
                RecapResult::HeldBack
            }
            RunPhase::Paused(PauseReason::Interrupted) | RunPhase::Running => {
                RecapResult::Interrupted
            }
            RunPhase::Cancelled => RecapResult::NotStarted,
        };
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let reason = match (result, self.valid_until, &self.directory) {
            (RecapResult::HeldBack, ..) => {
                let why = self.stopped_by.map(|why| why.to_string()).unwrap_or_default();
                format!("held back before its order: {why}")
            }
            (RecapResult::Issued, Some(until), Some(directory)) => {
                format!("valid until {}, in {directory}", day(until))
            }
            (RecapResult::Issued, ..) => "done".to_owned(),
            _ => self.reason,
        };
        Outcome {
            run: Some(run),
            result,
            reason,
            certificate_id: self.certificate_id,
            valid_until: self.valid_until,
            milliseconds: self.milliseconds,
        }
    }
}

impl Outcome {
    /// A target that nothing was done for.
    pub(super) fn settled(result: RecapResult, reason: String) -> Self {
        Self { run: None, result, reason, certificate_id: None, valid_until: None, milliseconds: 0 }
    }

    /// A run that cannot go on, for a reason that would have ended a command with this code.
    pub(super) fn refused(code: ExitCode, reason: String) -> Self {
        let result = match code {
            ExitCode::Locked => RecapResult::Locked,
            _ => RecapResult::Failed,
        };
        Self::settled(result, reason)
    }

    /// The line of the recap.
    pub(super) fn row(self, target: String, plan: String) -> RecapRow {
        RecapRow {
            target,
            plan,
            run: self.run,
            result: self.result,
            reason: self.reason,
            certificate_id: self.certificate_id,
            valid_until: self.valid_until,
            milliseconds: self.milliseconds,
        }
    }

    /// What is to be said of a target as long as nothing has been done for it.
    pub(super) fn of_rest(choice: &Choice) -> Self {
        let said = choice.decision.to_string();
        match (&choice.decision, &choice.hold) {
            (Decision::Keep { run, certificate_id, valid_until, .. }, _) => Self {
                run: Some(run.clone()),
                certificate_id: certificate_id.clone(),
                valid_until: Some(*valid_until),
                ..Self::settled(RecapResult::Unchanged, said)
            },
            (Decision::Ask { run, .. }, _) => {
                Self { run: Some(run.clone()), ..Self::settled(RecapResult::Failed, said) }
            }
            (_, Hold::Refused(reason)) => Self::settled(RecapResult::Locked, reason.clone()),
            (_, Hold::Impossible(reason)) => Self::settled(RecapResult::Failed, reason.clone()),
            _ => Self::settled(RecapResult::NotStarted, said),
        }
    }
}
