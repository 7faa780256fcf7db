//! `Order`: the facts of one certificate id, and what stage they amount to at a given time.
//!
//! An order has no stored status. [`Order::stage`] computes it, so that no status can contradict
//! the facts (contract A.11 is the table that it follows).

use serde::{Deserialize, Serialize};

use super::timing::later;
use super::{Product, Timing, ValidationLevel};
use crate::types::{DomainName, Timestamp};

/// One certificate id from its order on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// 13 characters, the same through the whole life (contract A.6).
    pub(crate) id: String,
    pub(crate) created_at: Timestamp,
    /// In the catalog's spelling.
    pub(crate) sku: String,
    pub(crate) common_name: DomainName,
    /// As ordered, without repetitions; need not hold the common name.
    pub(crate) dns_names: Vec<DomainName>,
    pub(crate) csr: String,
    pub(crate) dcv: Dcv,
    pub(crate) validity_days: u16,
    /// The certificate that this one renews.
    pub(crate) renewal_of: Option<String>,
    /// Set by the order or by the completion. An unusable one may stand in a staged order.
    pub(crate) organization_id: Option<String>,
    /// Set when the order went to the CA; a staged order has none.
    pub(crate) submission: Option<Submission>,
    /// Set when the order ended without a certificate, or after one.
    pub(crate) end: Option<End>,
    /// Set when the CA issued.
    pub(crate) issued: Option<Issued>,
    /// How many downloads were refused since (contract A.10).
    pub(crate) downloads_refused: u32,
}

/// How control over the names is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dcv {
    /// `dns-cname-token`.
    DnsCnameToken,
    /// `email`, with the addresses that are written to.
    Email(Vec<String>),
}

/// The order at the CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    pub(crate) at: Timestamp,
    /// From when on the validation shows; the CA's looks count from here.
    pub(crate) validation_since: Timestamp,
    /// One for each base domain; none for email.
    pub(crate) tokens: Vec<Token>,
    /// When the CA saw the proof.
    pub(crate) proved_at: Option<Timestamp>,
    /// Up to when the CA's looks are done with. Not stored: the latest stored time stands for it.
    #[serde(skip)]
    pub(crate) looked_at: Option<Timestamp>,
    /// What the records' revision was at the last look in vain.
    #[serde(skip)]
    pub(super) looked_revision: Option<u64>,
}

/// What must stand in the DNS for one base domain (contract A.7, B.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) base_domain: String,
    /// The random part, without `.dcv.digicert.com.`.
    pub(crate) value: String,
}

impl Token {
    /// Where the record must stand, without a trailing dot.
    pub(crate) fn record_name(&self) -> String {
        format!("_dnsauth.{}", self.base_domain)
    }

    /// What the record must say, with the trailing dot (contract A.7: both forms occur).
    pub(crate) fn record_value(&self) -> String {
        format!("{}.dcv.digicert.com.", self.value)
    }
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) kind: EndKind,
    pub(crate) at: Timestamp,
}

/// The ends that a certificate id can come to (contract A.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndKind {
    /// Cancelled before anything was issued.
    Cancelled,
    /// Cancelled after the certificate was issued.
    OrderCancelled,
    /// The CA refused.
    Rejected,
}

/// The certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) at: Timestamp,
    /// Leaf first, then its issuer (contract A.10).
    pub(crate) chain_pem: String,
    /// In hexadecimal.
    pub(crate) serial_number: String,
    pub(crate) valid_from: Timestamp,
    pub(crate) valid_until: Timestamp,
}

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
    /// It came to nothing.
    Ended(EndKind),
}

impl Stage {
    /// The status of the certificate resource (contract A.6).
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Staged | Self::Submitted | Self::Validating | Self::Vetting => "pending",
            Self::Issued => "issued",
            Self::Expired => "expired",
            Self::Ended(EndKind::Cancelled) => "cancelled",
            Self::Ended(EndKind::OrderCancelled) => "order_cancelled",
            Self::Ended(EndKind::Rejected) => "rejected",
        }
    }
}

impl Order {
    /// Where the order stands at `now`.
    pub(crate) fn stage(&self, now: Timestamp) -> Stage {
        if let Some(end) = &self.end {
            return Stage::Ended(end.kind);
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
                let vetted = self.vetted_at(timing).is_none_or(|vetted_at| now >= vetted_at);
                if vetted { "PENDING" } else { "PENDING_APPROVAL" }
            }
            Stage::Issued => "ISSUED",
            Stage::Expired => "EXPIRED",
            Stage::Ended(EndKind::Cancelled | EndKind::OrderCancelled) => "CANCELLED",
            Stage::Ended(EndKind::Rejected) => "REJECTED",
        }
    }

    /// When the CA is done with the organization; nothing for products that name none.
    pub(crate) fn vetted_at(&self, timing: &Timing) -> Option<Timestamp> {
        let submission = self.submission.as_ref()?;
        let product = Product::find(&self.sku)?;
        (product.level == ValidationLevel::Organization)
            .then(|| later(submission.at, timing.vetting))
    }

    /// When everything is proved and checked, once that is known.
    pub(super) fn ready_at(&self, timing: &Timing) -> Option<Timestamp> {
        let proved_at = self.submission.as_ref()?.proved_at?;
        Some(self.vetted_at(timing).map_or(proved_at, |vetted_at| vetted_at.max(proved_at)))
    }

    /// The names of the certificate: the common name first, none twice.
    pub(crate) fn names(&self) -> Vec<&DomainName> {
        let others = self.dns_names.iter().filter(|name| **name != self.common_name);
        std::iter::once(&self.common_name).chain(others).collect()
    }
}

/// The vendor's ids have 13 characters, capitals and digits without look-alikes (contract A.3).
pub(super) fn public_id(bits: u128) -> String {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    // The bits 60 to 79 of a version 4 UUID are in part fixed; twelve times five lie below them
    // and the last five above.
    (0..13)
        .map(|index| if index < 12 { index * 5 } else { 80 })
        .map(|shift| usize::try_from((bits >> shift) & 31).unwrap_or_default())
        .map(|index| char::from(ALPHABET[index]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_look_like_the_vendors() {
        let id = public_id(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
        assert_eq!(id.len(), 13);
        assert!(id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        assert_ne!(id, public_id(0x0123_4567_89ab_4def_8123_4567_89ab_cdee));
    }
}
