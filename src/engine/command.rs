//! `Command`: what the driver is to do next, read off the recorded state.

use std::time::Duration;

use super::Engine;
use crate::plan::{PollPolicy, Share, Step, find_signature};
use crate::run::{Attempt, Call, StepRecord, StepState, Values};
use crate::types::{CertificateId, StepId, Timestamp};

/// One call of an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The step.
    pub step: StepId,
    /// The action.
    pub uses: String,
    /// What kind of call.
    pub call: Call,
    /// The parameters, checked.
    pub parameters: Values,
    /// How long the call may take.
    pub timeout: Duration,
    /// Whether the runs of a batch share the answer.
    pub share: Share,
    /// Not before this time.
    pub not_before: Timestamp,
    /// For a step that waits: the pause between two looks, as long as it has waited by now.
    pub poll: Option<Poll>,
    /// When the plan's patience with the step ends; the call need not wait for its turn beyond it.
    pub deadline: Option<Timestamp>,
    /// The order that is to be asked after when what is waited for is not there: with this look the
    /// plan's patience ends, or an earlier attempt has waited in vain.
    pub order: Option<CertificateId>,
}

/// How a step waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    policy: PollPolicy,
    since: Option<Timestamp>,
}

impl Poll {
    /// The pause before the next look.
    pub fn pause(&self, now: Timestamp) -> Duration {
        self.policy.pause(waited(self.since, now))
    }
}

/// How long a step has waited that began `since`.
pub(super) fn waited(since: Option<Timestamp>, now: Timestamp) -> Duration {
    since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()).unwrap_or_default()
}

impl Engine {
    /// Everything that is to be done, whether it is under way already or not.
    ///
    /// The driver keeps what is under way; a command is never carried out twice at the same time.
    pub fn commands(&self) -> Vec<Command> {
        self.commands_but(|_| false)
    }

    /// The same without the steps that are `known`: those that are under way, for example.
    pub fn commands_but(&self, known: impl Fn(&StepId) -> bool) -> Vec<Command> {
        self.state
            .steps
            .iter()
            .filter(|(id, record)| record.state.is_active() && !known(id))
            .filter_map(|(id, record)| {
                let step = self.plan.steps.get(id)?;
                let now_or_later = |at: Timestamp| (at, Call::Perform);
                let (not_before, call) = match &record.state {
                    StepState::Started(attempt) if in_phases(step, attempt) => {
                        let earlier = record.history.possibly_sent().cloned();
                        let destinations = self.destinations();
                        (Timestamp::MIN, Call::Prepare { earlier, destinations })
                    }
                    StepState::Started(_) => now_or_later(Timestamp::MIN),
                    StepState::Sent { intent, .. } => (Timestamp::MIN, Call::Send(intent.clone())),
                    StepState::Waiting { next_look, .. } => {
                        now_or_later(self.next_looks.get(id).copied().unwrap_or(*next_look))
                    }
                    StepState::Unknown { intent, look_at, .. } => {
                        (*look_at, Call::Reconcile(intent.clone()))
                    }
                    // The next attempt begins with an event; until then there is nothing to do.
                    StepState::Retrying { .. }
                    | StepState::Pending
                    | StepState::Succeeded { .. }
                    | StepState::Failed { .. }
                    | StepState::Parked { .. }
                    | StepState::InDoubt { .. }
                    | StepState::Skipped
                    | StepState::Blocked { .. } => return None,
                };
                Some(Command {
                    step: id.clone(),
                    uses: step.uses.clone(),
                    call,
                    parameters: record.state.attempt()?.parameters.clone(),
                    timeout: step.timeout,
                    share: step.share,
                    not_before,
                    poll: step.poll.clone().map(|policy| Poll { policy, since: record.started_at }),
                    deadline: record.state.attempt()?.deadline,
                    order: self.doubtful_order(step, record, not_before),
                })
            })
            .collect()
    }

    fn doubtful_order(
        &self,
        step: &Step,
        record: &StepRecord,
        not_before: Timestamp,
    ) -> Option<CertificateId> {
        let deadline = record.state.attempt()?.deadline;
        let last = deadline.is_some_and(|deadline| not_before >= deadline);
        let begins_again =
            matches!(record.state, StepState::Started(_)) && record.history.attempts > 1;
        if !last && !begins_again {
            return None;
        }
        let signature = find_signature(&step.uses)?;
        self.state.certificate_id.clone().filter(|_| signature.waits_beside_order())
    }

    /// When the next attempt of a failed step begins, if one is due to.
    pub fn next_retry(&self) -> Option<Timestamp> {
        let retries = self.state.steps.values().filter_map(|record| match &record.state {
            StepState::Retrying { retry_at, .. } => Some(*retry_at),
            _ => None,
        });
        retries.min()
    }
}

fn in_phases(step: &Step, attempt: &Attempt) -> bool {
    find_signature(&step.uses)
        .is_some_and(|signature| signature.is_sent_in_phases(&attempt.parameters))
}
