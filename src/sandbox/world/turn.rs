//! Transitions that nobody asked the API for: an order is cancelled, rejected, revoked or
//! vanishes, its tokens are replaced, a check is held up.

use std::time::Duration;

use super::order::{End, Revocation};
use super::ordering::token_value;
use super::submission::CheckFact;
use super::{Check, Dcv, OrderEnd, Random, Refusal, RevocationScope, Risk, World};
use crate::types::Timestamp;

impl World {
    /// Cancels an order; what that is called depends on whether it was issued (contract A.11).
    pub(crate) fn cancel_order(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let issued = self.order(id)?.issued.is_some();
        self.end_order(id, if issued { OrderEnd::OrderCancelled } else { OrderEnd::Cancelled }, now)
    }

    /// Ends an order, whatever it was doing. Fails when it has ended in this very way.
    pub(crate) fn end_order(
        &mut self,
        id: &str,
        kind: OrderEnd,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.order(id)?.end.as_ref().is_some_and(|end| end.kind == kind) {
            return Err(Refusal::invalid("the order has ended in this way already"));
        }
        self.change_order(id, |order| order.end = Some(End { kind, at: now })).map(drop)
    }

    /// Takes the end of an order back: the vendor can say again what became of it.
    pub(crate) fn revive_order(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        self.change_order(id, |order| {
            order.end = None;
            if let Some(submission) = order.open_submission_mut() {
                submission.looked_at = Some(now);
            }
        })
        .map(drop)
    }

    /// An order that was at the CA waits for an organization again (contract A.11: it may).
    pub(crate) fn stage_again(&mut self, id: &str) -> Result<(), Refusal> {
        let order = self.order(id)?;
        if order.submission.is_none() || order.issued.is_some() || order.end.is_some() {
            return Err(Refusal::invalid("the order is not at the CA"));
        }
        self.change_order(id, |order| {
            order.submission = None;
            order.provider_order = None;
        })
        .map(drop)
    }

    /// The certificate has expired by `now`, as the API tells it; what was signed stays as it is.
    pub(crate) fn expire_order(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.order(id)?.issued.is_none() {
            return Err(Refusal::invalid("there is no certificate to expire"));
        }
        self.change_order(id, |order| {
            let over = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
            if let Some(issued) = &mut order.issued {
                issued.valid_until = issued.valid_until.min(over);
            }
            if let Some(contract) = &mut order.contract {
                contract.until = contract.until.min(over);
            }
        })
        .map(drop)
    }

    /// Somebody asks the CA to revoke a certificate, alone or with its order.
    pub(crate) fn ask_revocation(
        &mut self,
        id: &str,
        scope: RevocationScope,
    ) -> Result<(), Refusal> {
        if self.order(id)?.issued.is_none() {
            return Err(Refusal::invalid("there is no certificate to revoke"));
        }
        let revocation = Revocation { scope, done_at: None };
        self.change_order(id, |order| order.revocation = Some(revocation)).map(drop)
    }

    /// The CA revokes what it was asked to.
    pub(crate) fn grant_revocation(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.order(id)?.revocation.is_none() {
            return Err(Refusal::invalid("nobody asked for a revocation"));
        }
        self.change_order(id, |order| {
            if let Some(revocation) = &mut order.revocation {
                revocation.done_at = Some(now);
            }
        })
        .map(drop)
    }

    /// Somebody answers the validation mail before its time.
    pub(crate) fn answer_mail(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.order(id)?.open_submission() {
            Some((submission, Dcv::Email(_))) if submission.proved_at.is_none() => {
                self.record_mail(id, now);
                Ok(())
            }
            _ => Err(Refusal::invalid("the order waits for no mail")),
        }
    }

    /// Gives an order that waits for its proof other tokens (contract B.6: they live 30 days).
    pub(crate) fn rotate_tokens(
        &mut self,
        id: &str,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<(), Refusal> {
        match self.order(id)?.open_submission() {
            Some((submission, _)) if submission.proved_at.is_none() => {
                self.replace_tokens(id, now, random);
                Ok(())
            }
            _ => Err(Refusal::invalid("the order waits for no validation")),
        }
    }

    /// New tokens; the CA begins its looks anew. Whether the real one does is not published; the
    /// other answer would leave every order with a rotated token stuck.
    pub(super) fn replace_tokens(&mut self, id: &str, now: Timestamp, random: Random<'_>) {
        let Some(order) = self.orders.get_mut(id) else { return };
        let Some(submission) = order.open_submission_mut() else { return };
        for token in submission.tokens.iter_mut().filter(|token| token.proved_at.is_none()) {
            token.value = token_value(random);
        }
        submission.validation_since = submission.validation_since.max(now);
        submission.parked = false;
        self.touch_order(id);
    }

    /// A check of the organization is held up, or done now.
    pub(crate) fn decide_check(
        &mut self,
        id: &str,
        check: Check,
        done_at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        if !self.order(id)?.open_submission().is_some_and(|(submission, _)| submission.vetted) {
            return Err(Refusal::invalid("the CA checks no organization for this order"));
        }
        let fact = done_at.map_or(CheckFact::Held, CheckFact::Done);
        self.change_order(id, |order| {
            if let Some(submission) = order.open_submission_mut() {
                submission.checks.insert(check, fact);
            }
        })
        .map(drop)
    }

    /// The CA's risk check says something else.
    pub(crate) fn assess(&mut self, id: &str, risk: Risk, now: Timestamp) -> Result<(), Refusal> {
        if self.order(id)?.open_submission().is_none() {
            return Err(Refusal::invalid("the CA works on nothing for this order"));
        }
        self.change_order(id, |order| {
            if let Some(submission) = order.open_submission_mut() {
                submission.risk = risk;
                submission.assessed_at = Some(now);
            }
        })
        .map(drop)
    }
}
