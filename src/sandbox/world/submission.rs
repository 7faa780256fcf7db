//! `Submission`: what was sent to the CA and how far the CA came with it.
//!
//! A new order is one submission, each reissue is another. Only facts: when which domain was
//! proved, which checks a person held up or finished, what the CA found in the CAA records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timing::later;
use crate::types::Timestamp;

/// How control over the names is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dcv {
    /// `dns-cname-token`.
    DnsCnameToken,
    /// `email`, with the addresses that are written to.
    Email(Vec<String>),
}

/// A case at the CA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    pub(crate) at: Timestamp,
    /// From when on the validation shows; the CA's looks count from here.
    pub(crate) validation_since: Timestamp,
    /// One for each base domain.
    pub(crate) tokens: Vec<Token>,
    /// When the CA had seen the proof for all of them.
    pub(crate) proved_at: Option<Timestamp>,
    /// The organization is checked, too.
    #[serde(default)]
    pub(crate) vetted: bool,
    /// Checks of the organization that go otherwise than the timing says.
    #[serde(default)]
    pub(crate) checks: BTreeMap<Check, CheckFact>,
    /// What the CA's risk check says about the names.
    #[serde(default)]
    pub(crate) risk: Risk,
    /// When the risk check last changed its mind.
    #[serde(default)]
    pub(crate) assessed_at: Option<Timestamp>,
    /// When CAA records last forbade the issuance.
    #[serde(default)]
    pub(crate) caa_refused_at: Option<Timestamp>,
    /// Up to when the CA's looks are done with. Not stored: the latest stored time stands for it.
    #[serde(skip)]
    pub(super) looked_at: Option<Timestamp>,
    /// It would be in vain to look before a record changes.
    #[serde(skip)]
    pub(super) parked: bool,
}

/// What must stand in the DNS for one base domain (contract A.7, B.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) base_domain: String,
    /// The random part, without `.dcv.digicert.com.`.
    pub(crate) value: String,
    /// When the CA saw it, or approved the domain by mail.
    #[serde(default)]
    pub(crate) proved_at: Option<Timestamp>,
    /// An earlier validation of the domain still counted, so nothing was asked for.
    #[serde(default)]
    pub(crate) reused: bool,
}

impl Token {
    /// Where the record must stand, without a trailing dot.
    pub(crate) fn record_name(&self) -> String {
        format!("_dnsauth.{}", self.base_domain)
    }

    /// What the record must say, without a trailing dot.
    pub(crate) fn record_value(&self) -> String {
        format!("{}.dcv.digicert.com", self.value)
    }
}

/// What the CA checks about an organization (contract B.1, OV).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// What kind of organization it is.
    OrganizationType,
    /// That it exists.
    OrganizationStatus,
    /// Where it is.
    AddressVerification,
    /// That it is on no list of frauds.
    BlacklistFraud,
    /// That it did ask for the certificate.
    RequestAuthenticity,
}

impl Check {
    /// In the order in which they are done.
    pub(crate) const ALL: [Self; 5] = [
        Self::OrganizationType,
        Self::OrganizationStatus,
        Self::AddressVerification,
        Self::BlacklistFraud,
        Self::RequestAuthenticity,
    ];
}

/// What a person decided about a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckFact {
    /// It is not done until somebody says so.
    Held,
    /// It was done at this time.
    Done(Timestamp),
}

/// What the CA's risk check says (contract B.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing speaks against it.
    #[default]
    Pass,
    /// A person must look at it first.
    UnderReview,
    /// It will not be issued unless somebody changes their mind.
    Failed,
}

impl Submission {
    /// When the CA is done with that check; nothing while it is held up.
    pub(crate) fn checked_at(&self, check: Check, vetting: Duration) -> Option<Timestamp> {
        match self.checks.get(&check) {
            Some(CheckFact::Held) => None,
            Some(CheckFact::Done(at)) => Some(*at),
            None => {
                // One after the other; the last ends with the vetting.
                let place = Check::ALL.iter().position(|other| *other == check).unwrap_or_default();
                let count = u32::try_from(Check::ALL.len()).unwrap_or(u32::MAX);
                let done = u32::try_from(place + 1).unwrap_or(count);
                Some(later(self.at, (vetting / count).saturating_mul(done)))
            }
        }
    }

    /// When the CA is done with the organization; nothing while a check is held up.
    pub(crate) fn vetted_at(&self, vetting: Duration) -> Option<Timestamp> {
        if !self.vetted {
            return Some(self.at);
        }
        Check::ALL
            .iter()
            .map(|check| self.checked_at(*check, vetting))
            .try_fold(self.at, |latest, at| Some(latest.max(at?)))
    }

    /// When everything is proved and checked, once that is known.
    pub(super) fn ready_at(&self, vetting: Duration) -> Option<Timestamp> {
        let proved_at = self.proved_at?;
        (self.risk == Risk::Pass).then_some(())?;
        Some(self.vetted_at(vetting)?.max(proved_at).max(self.assessed_at.unwrap_or(proved_at)))
    }

    /// Notes which of the domains the CA saw proved at `at`.
    pub(super) fn prove(&mut self, domains: &BTreeSet<String>, at: Timestamp) {
        for token in &mut self.tokens {
            if token.proved_at.is_none() && domains.contains(&token.base_domain) {
                token.proved_at = Some(at);
            }
        }
        if self.proved_at.is_none() && self.tokens.iter().all(|token| token.proved_at.is_some()) {
            self.proved_at = Some(at);
        }
    }

    /// What the CA still looks for.
    pub(crate) fn unproved(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.proved_at.is_none())
    }
}
