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
pub(super) fn needs_new_order(state: &RunState) -> bool {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::{BindingKind, EventKind, StepError, Values, testing};
    use crate::types::StepId;

    /// A run that has ordered, has got `output` from its second step, and failed at the third.
    fn failed(kind: ErrorKind, output: &serde_json::Value) -> RunState {
        let [order, certificate, last] =
            ["order", "certificate", "last"].map(|id| StepId::parse(id).unwrap());
        let header = testing::header([order.clone(), certificate.clone(), last.clone()]);
        let begun = |step: &StepId| EventKind::StepStarted {
            step: step.clone(),
            attempt: 1,
            parameters: Values::default(),
            deadline: None,
        };
        let done = |step: &StepId, output: &serde_json::Value| EventKind::StepSucceeded {
            step: step.clone(),
            output: Values::from(output.as_object().unwrap().clone()),
        };
        let name = crate::types::DomainName::parse("a.example.com").unwrap();
        let intent = crate::run::Intent::Order(crate::run::OrderIntent {
            public_key_sha256: String::new(),
            sku: "RapidSSL".to_owned(),
            common_name: name.clone(),
            names: [name].into(),
            organization_id: None,
            validity_days: None,
            renewal_of: None,
            known_certificate_ids: std::collections::BTreeSet::new(),
        });
        let certificate_id = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
        let kinds = [
            begun(&order),
            EventKind::IntentRecorded { step: order.clone(), intent },
            EventKind::CertificateBound {
                step: order.clone(),
                certificate_id,
                binding: BindingKind::Ordered,
            },
            done(&order, &json!({})),
            begun(&certificate),
            done(&certificate, output),
            begun(&last),
            EventKind::StepFailed { step: last, error: StepError::new(kind, "gone") },
            EventKind::RunFinished { result: RunResult::Failed },
        ];
        testing::run(header, kinds)
    }

    #[test]
    fn a_new_order_is_named_where_the_order_came_to_nothing_and_nowhere_else() {
        let anew = |state: &RunState| RunDigest::of(state, Timestamp::UNIX_EPOCH).order_alone;
        let nothing = json!({});
        for kind in [ErrorKind::CertificateEnded, ErrorKind::NotFound] {
            assert_eq!(
                anew(&failed(kind, &nothing)).as_deref(),
                Some("certplan run dv.yaml --again --target a")
            );
        }
        assert_eq!(anew(&failed(ErrorKind::Refused, &nothing)), None);
        // It has brought a certificate: what is missing later is something else.
        let issued = json!({ "fullchain_file": "f", "valid_until": "1970-04-01T00:00:00Z" });
        assert_eq!(anew(&failed(ErrorKind::NotFound, &issued)), None);
    }
}
