//! `Stage`: where an order stands at a given time, computed from its facts so that no status can
//! contradict them (contract A.11 is the table that it follows).

use std::time::Duration;

use super::timing::later;
use super::{Order, OrderEnd, RevocationScope, Submission, Timing};
use crate::types::Timestamp;

/// Where an order stands at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Held at the vendor until an organization is chosen.
    Staged,
    /// At the CA; what must be put into the DNS does not show yet.
    Submitted,
    /// The CA looks for the proof.
    Validating,
    /// Proved; the CA still checks the organization.
    Vetting,
    /// There is a certificate.
    Issued,
    /// There was a certificate.
    Expired,
    /// The certificate was withdrawn, with or without its order.
    Revoked(RevocationScope),
    /// It came to nothing.
    Ended(OrderEnd),
}

/// How an order can be cancelled (contract A.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancellable {
    pub(crate) mode: &'static str,
    pub(crate) until: Option<Timestamp>,
}

/// So long an issued order can be cancelled (contract A.6: the fixture's two days).
const CANCELLABLE: Duration = Duration::from_secs(2 * 86_400);

impl Stage {
    /// The status of the certificate resource (contract A.6; `revoked` itself is not published).
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Staged | Self::Submitted | Self::Validating | Self::Vetting => "pending",
            Self::Issued => "issued",
            Self::Expired => "expired",
            Self::Revoked(_) => "revoked",
            Self::Ended(OrderEnd::Cancelled) => "cancelled",
            Self::Ended(OrderEnd::OrderCancelled) => "order_cancelled",
            Self::Ended(OrderEnd::Rejected) => "rejected",
            Self::Ended(OrderEnd::Unknown) => "unknown",
        }
    }
}

impl Order {
    /// Where the order stands at `now`.
    pub(crate) fn stage(&self, now: Timestamp) -> Stage {
        if let Some(end) = &self.end {
            return Stage::Ended(end.kind);
        }
        if let Some(revocation) = self.revocation.filter(|one| one.done_at.is_some()) {
            return Stage::Revoked(revocation.scope);
        }
        if let Some(issued) = &self.issued {
            return if now > issued.valid_until { Stage::Expired } else { Stage::Issued };
        }
        match &self.submission {
            None => Stage::Staged,
            Some(submission) if now < submission.validation_since => Stage::Submitted,
            Some(Submission { proved_at: None, .. }) => Stage::Validating,
            Some(Submission { proved_at: Some(_), .. }) => Stage::Vetting,
        }
    }

    /// The order's state in the provider's words (contract A.6: an open set).
    pub(crate) fn order_state(&self, now: Timestamp, timing: &Timing) -> &'static str {
        match self.stage(now) {
            Stage::Staged => "ACTION_REQUIRED",
            Stage::Submitted => "PENDING",
            Stage::Validating | Stage::Vetting => {
                if self.is_vetted(now, timing) {
                    "PENDING"
                } else {
                    "PENDING_APPROVAL"
                }
            }
            Stage::Issued => "ISSUED",
            Stage::Expired => "EXPIRED",
            Stage::Revoked(_) => "REVOKED",
            Stage::Ended(OrderEnd::Cancelled | OrderEnd::OrderCancelled) => "CANCELLED",
            Stage::Ended(OrderEnd::Rejected) => "REJECTED",
            Stage::Ended(OrderEnd::Unknown) => "UNKNOWN",
        }
    }

    /// True when the CA has nothing (more) to check about the organization.
    pub(crate) fn is_vetted(&self, now: Timestamp, timing: &Timing) -> bool {
        let vetted_at = |submission: &Submission| submission.vetted_at(timing.vetting);
        self.submission.as_ref().is_none_or(|one| vetted_at(one).is_some_and(|at| at <= now))
    }

    /// When the vendor last asked the CA about it: each minute while something is under way.
    pub(crate) fn last_status_check(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.submission.as_ref()?.at;
        let over = self.end.as_ref().map(|end| end.at);
        let issued = self.issued.as_ref().map(|issued| issued.at);
        let open = self.open_submission().map(|_| now);
        let until = open.or(over).or(issued).unwrap_or(now).as_second();
        let begin = since.as_second();
        Timestamp::from_second(begin + (until - begin).max(0) / 60 * 60).ok()
    }

    /// Whether and how the order could be cancelled now.
    pub(crate) fn cancellable(&self, now: Timestamp) -> Option<Cancellable> {
        match self.stage(now) {
            // Only `revoke_issued` was seen; a mode for pending orders is implied.
            Stage::Submitted | Stage::Validating | Stage::Vetting => {
                Some(Cancellable { mode: "cancel_pending", until: None })
            }
            Stage::Issued => {
                let until = later(self.issued.as_ref()?.at, CANCELLABLE);
                let mode = "revoke_issued";
                (now < until).then_some(Cancellable { mode, until: Some(until) })
            }
            Stage::Staged | Stage::Expired | Stage::Revoked(_) | Stage::Ended(_) => None,
        }
    }
}
