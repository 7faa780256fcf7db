//! `Happening`: something that befalls the world without a request of the API: a person acts in the
//! Console, the CA decides, another program puts a record.
//!
//! What each of them means is a transition of the world; here they only have names.

use std::time::Duration;

use super::world::{
    Check, NewRecord, OrderEnd, Random, RecordKind, Refusal, ReissueOutcome, RevocationScope, Risk,
    World,
};
use crate::types::{DomainName, Timestamp};

/// Something that happens, and to which orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// What happens.
    pub kind: HappeningKind,
    /// Only orders with this common name. Without one: the order that the occasion is about; when
    /// it is about none, every open order.
    pub target: Option<DomainName>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HappeningKind {
    /// A person chooses an organization in the Console: this one, or the first that is usable.
    Complete(Option<String>),
    /// A person cancels the order.
    Cancel,
    /// The CA rejects the order.
    Reject,
    /// The vendor cannot say any more what became of the order.
    Lose,
    /// An end is taken back, such as that of [`HappeningKind::Lose`].
    Revive,
    /// The order vanishes: 404.
    Forget,
    /// The order waits for an organization again.
    StageAgain,
    /// The certificate has expired.
    Expire,
    /// Somebody asks the CA to revoke.
    AskRevocation(RevocationScope),
    /// The CA revokes.
    Revoke(RevocationScope),
    /// The tokens are replaced before their time.
    RotateTokens,
    /// The validation mail is answered now.
    AnswerMail,
    /// Checks of the organization take until they are finished by hand.
    HoldChecks(Vec<Check>),
    /// Checks of the organization are done now.
    FinishChecks(Vec<Check>),
    /// The risk check says this.
    AssessRisk(Risk),
    /// A reissue ends without a certificate.
    EndReissue(ReissueOutcome),
    /// An organization can be used from now on, or not any more; all of them unless one is named.
    JudgeOrganization {
        /// Its id or its name.
        organization: Option<String>,
        /// Whether it can be used.
        usable: bool,
    },
    /// Somebody else puts a record.
    PutRecord {
        /// Its name.
        name: DomainName,
        /// Its type, such as `CNAME`.
        kind: String,
        /// What it says.
        data: String,
    },
    /// Somebody else removes all records of a name.
    RemoveRecords(DomainName),
    /// The name servers lag this far behind the records from now on.
    Lag(Vec<Duration>),
}

/// A happening and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedHappening {
    /// How long after.
    pub after: Duration,
    /// After what.
    pub since: Since,
    /// What happens.
    pub happening: Happening,
}

/// What the time of a happening counts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Since {
    /// The start of the sandbox.
    #[default]
    Start,
    /// Each order (of the target), when it is placed.
    Order,
}

impl HappeningKind {
    /// Its name in scenarios and on the control port.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::Cancel => "cancel",
            Self::Reject => "reject",
            Self::Lose => "lose",
            Self::Revive => "revive",
            Self::Forget => "forget",
            Self::StageAgain => "stage_again",
            Self::Expire => "expire",
            Self::AskRevocation(_) => "ask_revocation",
            Self::Revoke(_) => "revoke",
            Self::RotateTokens => "rotate_tokens",
            Self::AnswerMail => "answer_mail",
            Self::HoldChecks(_) => "hold_checks",
            Self::FinishChecks(_) => "finish_checks",
            Self::AssessRisk(_) => "assess_risk",
            Self::EndReissue(_) => "end_reissue",
            Self::JudgeOrganization { usable: true, .. } => "accept_organization",
            Self::JudgeOrganization { usable: false, .. } => "withdraw_organization",
            Self::PutRecord { .. } => "put_record",
            Self::RemoveRecords(_) => "remove_records",
            Self::Lag(_) => "lag",
        }
    }

    /// Whether it befalls an order; otherwise it befalls the world as a whole.
    pub(super) fn befalls_an_order(&self) -> bool {
        !matches!(
            self,
            Self::JudgeOrganization { .. }
                | Self::PutRecord { .. }
                | Self::RemoveRecords(_)
                | Self::Lag(_)
        )
    }

    /// Makes it happen to the order `id`.
    pub(super) fn befall(
        &self,
        world: &mut World,
        id: &str,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<(), Refusal> {
        match self {
            Self::Complete(organization) => {
                let organization = world.chosen_organization(organization.as_deref(), now)?;
                world.complete_order(id, &organization, now, random).map(drop)
            }
            Self::Cancel => world.cancel_order(id, now),
            Self::Reject => world.end_order(id, OrderEnd::Rejected, now),
            Self::Lose => world.end_order(id, OrderEnd::Unknown, now),
            Self::Revive => world.revive_order(id, now),
            Self::Forget => world.forget_order(id),
            Self::StageAgain => world.stage_again(id),
            Self::Expire => world.expire_order(id, now),
            Self::AskRevocation(scope) => world.ask_revocation(id, *scope),
            Self::Revoke(scope) => {
                world.ask_revocation(id, *scope)?;
                world.grant_revocation(id, now)
            }
            Self::RotateTokens => world.rotate_tokens(id, now, random),
            Self::AnswerMail => world.answer_mail(id, now),
            Self::HoldChecks(checks) => {
                checks.iter().try_for_each(|check| world.decide_check(id, *check, None))
            }
            Self::FinishChecks(checks) => {
                checks.iter().try_for_each(|check| world.decide_check(id, *check, Some(now)))
            }
            Self::AssessRisk(risk) => world.assess(id, *risk, now),
            Self::EndReissue(outcome) => world.end_reissue(id, *outcome, now),
            Self::JudgeOrganization { .. }
            | Self::PutRecord { .. }
            | Self::RemoveRecords(_)
            | Self::Lag(_) => self.come_true(world, now, random),
        }
    }

    /// Makes it happen to the world as a whole.
    pub(super) fn come_true(
        &self,
        world: &mut World,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<(), Refusal> {
        match self {
            Self::JudgeOrganization { organization, usable } => {
                world.judge_organizations(organization.as_deref(), *usable, now)
            }
            Self::PutRecord { name, kind, data } => {
                let kind = RecordKind::parse(kind)
                    .ok_or_else(|| Refusal::invalid(format!("`{kind}` is no record type")))?;
                let wish = NewRecord {
                    name: name.clone(),
                    kind,
                    data: data.clone(),
                    ttl: None,
                    priority: None,
                    annotation: None,
                };
                world.create_record(wish, now, random).map(drop)
            }
            Self::RemoveRecords(name) => world.remove_records(name.as_str(), now),
            Self::Lag(lags) => {
                let mut lags = lags.clone();
                lags.resize(world.lags().len(), Duration::ZERO);
                world.set_lags(lags);
                Ok(())
            }
            _ => Err(Refusal::invalid("it happens to an order")),
        }
    }
}
