//! `Outcome`: what became of one target, and how it follows from the state of its run.

use super::super::exit::ExitCode;
use super::choice::{Choice, Hold};
use super::order_anew;
use crate::report::{RecapResult, RecapRow, standstill_reason};
use crate::run::{
    ErrorKind, PauseReason, RunPhase, RunResult, RunState, StepRecord, StepState, StopReason,
};
use crate::types::{CertificateId, RunId, Timestamp};
use crate::upkeep::{Decision, Issued, Remedy};

/// What became of one target.
pub(super) struct Outcome {
    pub(super) run: Option<RunId>,
    pub(super) result: RecapResult,
    pub(super) reason: String,
    pub(super) certificate_id: Option<CertificateId>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) parked: Option<ParkedAt>,
    /// Whether nothing but a new order leads any further.
    pub(super) needs_new_order: bool,
    /// The command that orders anew for this target alone.
    pub(super) order_alone: Option<String>,
    pub(super) took: Took,
}

/// Since when a run is parked, and where a person can act.
pub(super) struct ParkedAt {
    since: Timestamp,
    completion_url: Option<String>,
}

/// How long a run has taken, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Took {
    /// In this command.
    here: u64,
    /// Since it was begun, whoever has worked on it.
    since_start: u64,
}

/// What is kept of the state of a run that stands still.
pub(super) struct RunDigest {
    phase: RunPhase,
    stopped_by: Option<StopReason>,
    reason: String,
    certificate_id: Option<CertificateId>,
    valid_until: Option<Timestamp>,
    directory: Option<String>,
    parked: Option<ParkedAt>,
    order_alone: Option<String>,
    took: Took,
}

impl RunDigest {
    /// Of a run that this command has worked on since `began_at`.
    pub(super) fn of(state: &RunState, began_at: Timestamp) -> Self {
        let issued = Issued::of(state);
        let until_now = |from: Timestamp| {
            u64::try_from(state.updated_at.duration_since(from).as_millis()).unwrap_or_default()
        };
        let took = Took { here: until_now(began_at), since_start: until_now(state.started_at) };
        let parked =
            state.parked().filter(|_| state.phase == RunPhase::Paused(PauseReason::Parked));
        Self {
            phase: state.phase,
            stopped_by: state.stopped_by,
            reason: standstill_reason(state),
            certificate_id: state.certificate_id.clone(),
            valid_until: issued.as_ref().map(|issued| issued.valid_until),
            directory: issued.and_then(|issued| issued.directory),
            parked: parked.map(|parked| ParkedAt {
                since: parked.since,
                completion_url: parked.reason.completion_url.clone(),
            }),
            order_alone: needs_new_order(state).then(|| order_anew::alone(&state.header, true)),
            took,
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
            parked: self.parked,
            needs_new_order: self.order_alone.is_some(),
            order_alone: self.order_alone,
            took: self.took,
        }
    }
}

/// Whether the order itself has come to nothing: to go on asks the same of the same order again.
fn needs_new_order(state: &RunState) -> bool {
    let ended = |record: &StepRecord| {
        matches!(&record.state, StepState::Failed { error }
            if matches!(error.kind, ErrorKind::CertificateEnded | ErrorKind::NotFound))
    };
    state.phase == RunPhase::Finished(RunResult::Failed)
        && state.certificate_id.is_some()
        && Issued::of(state).is_none()
        && state.steps.values().any(|record| ended(record))
}

impl Outcome {
    /// A target that nothing was done for.
    pub(super) fn settled(result: RecapResult, reason: String) -> Self {
        Self {
            run: None,
            result,
            reason,
            certificate_id: None,
            valid_until: None,
            parked: None,
            needs_new_order: false,
            order_alone: None,
            took: Took::default(),
        }
    }

    /// A run that cannot go on, for a reason that would have ended a command with this code.
    pub(super) fn refused(code: ExitCode, reason: String) -> Self {
        let result = match code {
            ExitCode::Locked => RecapResult::Locked,
            _ => RecapResult::Failed,
        };
        Self::settled(result, reason)
    }

    /// The line of the recap; `order_anew` is the command for a target that needs that.
    pub(super) fn row(
        self,
        target: String,
        plan: String,
        order_anew: impl Fn(&str) -> Option<String>,
    ) -> RecapRow {
        let order_anew = match self.needs_new_order {
            true => order_anew(&target).or(self.order_alone),
            false => None,
        };
        let (parked_since, completion_url) =
            self.parked.map_or((None, None), |at| (Some(at.since), at.completion_url));
        RecapRow {
            target,
            plan,
            run: self.run,
            result: self.result,
            reason: self.reason,
            certificate_id: self.certificate_id,
            valid_until: self.valid_until,
            parked_since,
            completion_url,
            order_anew,
            milliseconds: self.took.here,
            milliseconds_since_start: self.took.since_start,
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
            (Decision::Ask { run, remedy, .. }, _) => {
                let result = match remedy {
                    Remedy::Answer => RecapResult::InDoubt,
                    Remedy::NewOrder | Remedy::Person => RecapResult::Failed,
                };
                Self {
                    run: Some(run.clone()),
                    needs_new_order: *remedy == Remedy::NewOrder,
                    ..Self::settled(result, said)
                }
            }
            (_, Hold::Refused(reason)) => Self::settled(RecapResult::Locked, reason.clone()),
            (_, Hold::Impossible(reason)) => Self::settled(RecapResult::Failed, reason.clone()),
            _ => Self::settled(RecapResult::NotStarted, said),
        }
    }
}
