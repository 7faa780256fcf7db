//! `Order`: the facts of one certificate id.
//!
//! An order has no stored status; [`super::Stage`] is computed from these facts.

use serde::{Deserialize, Serialize};

use super::{Dcv, Reissue, Submission};
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
    /// The number that the CA gave to the order, which the API never shows (contract C).
    #[serde(default)]
    pub(crate) provider_order: Option<u64>,
    /// Set when the order ended without a certificate, or after one.
    pub(crate) end: Option<End>,
    /// Set when the CA issued; the latest certificate of the order.
    pub(crate) issued: Option<Issued>,
    /// Set when the first certificate was issued.
    #[serde(default)]
    pub(crate) contract: Option<Contract>,
    /// What the CA added to a renewal; set when that was issued.
    #[serde(default)]
    pub(crate) renewal_bonus_days: Option<u16>,
    /// The latest reissue.
    #[serde(default)]
    pub(crate) reissue: Option<Reissue>,
    #[serde(default)]
    pub(crate) revocation: Option<Revocation>,
    /// How many downloads were refused since the latest certificate (contract A.10).
    pub(crate) downloads_refused: u32,
    /// How often it was looked at while that mattered (contract D.3).
    #[serde(default)]
    pub(crate) looks: u32,
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) kind: OrderEnd,
    pub(crate) at: Timestamp,
}

/// The ends that a certificate id can come to (contract A.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// Cancelled before anything was issued.
    Cancelled,
    /// Cancelled after the certificate was issued.
    OrderCancelled,
    /// The CA refused.
    Rejected,
    /// The vendor cannot say what became of it; that may pass.
    Unknown,
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

/// How long the order lasts (contract A.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contract {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// A revocation, asked for or done (contract A.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    pub(crate) scope: RevocationScope,
    /// None while the CA works on it.
    pub(crate) done_at: Option<Timestamp>,
}

/// How much is revoked (contract A.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationScope {
    /// The certificate; the order lives and may be reissued.
    Certificate,
    /// The whole order.
    Order,
}

impl Order {
    /// The names of the certificate: the common name first, none twice.
    pub(crate) fn names(&self) -> Vec<&DomainName> {
        let others = self.dns_names.iter().filter(|name| **name != self.common_name);
        std::iter::once(&self.common_name).chain(others).collect()
    }

    /// What the CA works on now: the order itself, or its reissue.
    pub(crate) fn open_submission(&self) -> Option<(&Submission, &Dcv)> {
        if self.end.is_some() || self.is_dead() {
            return None;
        }
        match (&self.issued, &self.reissue) {
            (None, _) => Some((self.submission.as_ref()?, &self.dcv)),
            (Some(_), Some(reissue)) if reissue.end.is_none() => {
                Some((&reissue.submission, &reissue.dcv))
            }
            (Some(_), _) => None,
        }
    }

    pub(super) fn open_submission_mut(&mut self) -> Option<&mut Submission> {
        self.open_submission()?;
        match (&self.issued, &mut self.reissue) {
            (Some(_), Some(reissue)) => Some(&mut reissue.submission),
            _ => self.submission.as_mut(),
        }
    }

    /// Revoked with the whole order.
    fn is_dead(&self) -> bool {
        self.revocation.is_some_and(|revocation| {
            revocation.done_at.is_some() && revocation.scope == RevocationScope::Order
        })
    }

    /// When the order itself ends, which may be later than its certificate.
    pub(crate) fn contract_until(&self) -> Option<Timestamp> {
        let certificate = self.issued.as_ref().map(|issued| issued.valid_until);
        self.contract.map(|contract| contract.until).or(certificate)
    }
}

/// The vendor's ids have 13 characters, capitals and digits without look-alikes (contract A.3).
pub(crate) fn public_id(bits: u128) -> String {
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
