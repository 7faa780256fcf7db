//! Reissues: another certificate within the same order, for another key (contract A.8, A.9).
//!
//! The parent stays as it is, and its old certificate is served, until the new one is there.

use serde::{Deserialize, Serialize};

use super::ordering::check_csr_names;
use super::{Dcv, Order, Random, Refusal, RevocationScope, Stage, Submission, World};
use crate::types::{DomainName, Timestamp};

/// The latest reissue of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reissue {
    /// A number, unlike the order's id (contract A.9).
    pub(crate) id: u32,
    pub(crate) csr: String,
    pub(crate) dcv: Dcv,
    pub(crate) comments: Option<String>,
    pub(crate) requested_at: Timestamp,
    pub(crate) submission: Submission,
    /// Set when it is over.
    pub(crate) end: Option<ReissueEnd>,
}

/// How a reissue ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReissueEnd {
    pub(crate) outcome: ReissueOutcome,
    pub(crate) at: Timestamp,
}

/// The ends that a reissue can come to (contract A.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReissueOutcome {
    /// The new certificate is there.
    Issued,
    /// Somebody took it back.
    Cancelled,
    /// The CA refused.
    Rejected,
    /// It broke.
    Failed,
}

/// A reissue as it was asked for, its CSR read and its signature verified (contract A.8).
#[derive(Debug, Clone)]
pub(crate) struct NewReissue {
    pub(crate) csr: String,
    pub(crate) csr_names: std::collections::BTreeSet<String>,
    pub(crate) dcv: Dcv,
    pub(crate) common_name: Option<DomainName>,
    pub(crate) dns_names: Option<Vec<DomainName>>,
    pub(crate) comments: Option<String>,
    pub(crate) validity_days: Option<i64>,
}

impl Reissue {
    /// Its status and its state in the provider's words (contract A.9).
    pub(crate) fn state(&self, now: Timestamp) -> (&'static str, &'static str) {
        match (&self.end, self.submission.proved_at) {
            (Some(end), _) => match end.outcome {
                ReissueOutcome::Issued => ("issued", "ISSUED"),
                ReissueOutcome::Cancelled => ("cancelled", "CANCELLED"),
                ReissueOutcome::Rejected => ("rejected", "REJECTED"),
                ReissueOutcome::Failed => ("failed", "FAILED"),
            },
            (None, Some(proved_at)) if proved_at <= now => ("processing", "PROCESSING"),
            (None, _) => ("pending", "PENDING"),
        }
    }

    /// When something last happened to it.
    pub(crate) fn last_updated_at(&self) -> Timestamp {
        let end = self.end.map(|end| end.at);
        end.or(self.submission.proved_at).unwrap_or(self.requested_at)
    }
}

impl World {
    /// Asks for another certificate of the same order (contract A.8). Not while one is under way:
    /// what the real vendor does then is not published, and a silent replacement would hide
    /// mistakes.
    pub(crate) fn reissue_order(
        &mut self,
        id: &str,
        wish: NewReissue,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<&Order, Refusal> {
        let order = self.order(id)?;
        if !order.can_be_reissued(now) {
            return Err(Refusal::invalid("the certificate cannot be reissued"));
        }
        let is_under_way = order.reissue.as_ref().is_some_and(|reissue| reissue.end.is_none());
        if is_under_way && !self.rules.behaviour.replaces_reissues {
            return Err(Refusal::invalid("a reissue is already in progress"));
        }
        check_reissue(order, &wish)?;
        let mut submission = self.submit(order, now, now, random);
        // The organization was checked for the order.
        submission.vetted = false;
        let reissue = Reissue {
            id: u32::try_from(random() & 0x3fff_ffff).unwrap_or_default() | 1 << 20,
            csr: wish.csr,
            dcv: wish.dcv,
            comments: wish.comments,
            requested_at: now,
            submission,
            end: None,
        };
        self.change_order(id, |order| order.reissue = Some(reissue))
    }

    /// Ends a reissue without a certificate; the parent lives on.
    pub(crate) fn end_reissue(
        &mut self,
        id: &str,
        outcome: ReissueOutcome,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let order = self.order(id)?;
        if outcome == ReissueOutcome::Issued {
            return Err(Refusal::invalid("only the CA can issue"));
        }
        if order.reissue.as_ref().is_none_or(|reissue| reissue.end.is_some()) {
            return Err(Refusal::invalid("no reissue is in progress"));
        }
        self.change_order(id, |order| {
            if let Some(reissue) = &mut order.reissue {
                reissue.end = Some(ReissueEnd { outcome, at: now });
            }
        })?;
        Ok(())
    }
}

impl Order {
    /// Issued, or revoked alone while the order lives (contract A.8).
    pub(crate) fn can_be_reissued(&self, now: Timestamp) -> bool {
        match self.stage(now) {
            Stage::Issued => self.contract_until().is_none_or(|until| now < until),
            Stage::Revoked(scope) => scope == RevocationScope::Certificate,
            Stage::Staged
            | Stage::Submitted
            | Stage::Validating
            | Stage::Vetting
            | Stage::Expired
            | Stage::Ended(_) => false,
        }
    }
}

fn check_reissue(order: &Order, wish: &NewReissue) -> Result<(), Refusal> {
    if wish.common_name.as_ref().is_some_and(|name| *name != order.common_name) {
        return Err(Refusal::invalid("common_name must be that of the order"));
    }
    if let Some(names) = &wish.dns_names {
        let sorted = |names: &[DomainName]| {
            let mut names = names.to_vec();
            names.retain(|name| *name != order.common_name);
            names.sort();
            names.dedup();
            names
        };
        if sorted(names) != sorted(&order.dns_names) {
            return Err(Refusal::invalid("dns_names must be those of the order"));
        }
    }
    if let Some(days) = wish.validity_days
        && !(1..=i64::from(order.validity_days)).contains(&days)
    {
        return Err(Refusal::invalid("validity_days must lie within the order's term"));
    }
    check_csr_names(&order.names(), &wish.csr_names)
}
