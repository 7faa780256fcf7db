//! `World`: the facts of the imitated vendor, its CA and its zones, and how they may change.
//!
//! Only facts are kept; a status is computed from facts and the time that is asked for. Every
//! transition takes `now` and, where it must invent something, a source of random numbers. In here
//! there is no clock, no network, no file and no lock.

mod agenda;
mod behaviour;
mod chronicle;
mod index;
mod issuance;
mod order;
mod ordering;
mod organization;
mod product;
mod record;
mod reissue;
mod served;
mod stage;
mod store;
mod submission;
mod timing;
mod turn;
mod zone;
mod zone_rules;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agenda::Agenda;
use chronicle::Chronicle;
use index::Index;
use indexmap::IndexMap;

use crate::types::Timestamp;

pub use behaviour::{
    Behaviour, CertificateBegin, ContractTerm, DnsNames, Envelope, OrganizationIds, ProductTypes,
    SameRecord, SecondCname, SeveralMatches, TrailingDots, UnusableOrganization, ValidationReuse,
    ZipAnswer,
};
pub(super) use chronicle::{Expected, RuleKeys};
pub(super) use issuance::{Due, DueWork, IssueRequest};
pub(super) use order::{Contract, Issued, Order, public_id};
pub use order::{OrderEnd, RevocationScope};
pub(super) use ordering::{LONGEST_VALIDITY_DAYS, NewOrder};
pub(super) use organization::{NewOrganization, Organization};
pub(super) use product::{PRODUCTS, Product, ValidationLevel};
pub(super) use record::{NewRecord, Record, RecordKind, TTL_RANGE, normal_name, split_caa};
use reissue::ReissueEnd;
pub use reissue::ReissueOutcome;
pub(super) use reissue::{NewReissue, Reissue};
pub(super) use served::{RecordId, ServedZone, Zone, stable_number};
pub(super) use stage::Stage;
pub(super) use store::{Change, Touch};
pub use submission::{Check, Risk};
pub(super) use submission::{Dcv, Submission, Token};
pub use timing::{LookPhase, Timing};
pub use zone_rules::UnmanagedAnswer;
pub(super) use zone_rules::{ZoneRules, suffixes};

/// A source of random numbers; 122 bits of each must be random.
pub(super) type Random<'a> = &'a mut dyn FnMut() -> u128;

/// How the imitated world behaves; chosen at each start, never stored.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// When things happen.
    pub(super) timing: Timing,
    /// Which zones there are.
    pub(super) zones: ZoneRules,
    /// How many downloads of an issued certificate are refused first (contract A.10).
    pub(super) downloads_refused: u32,
    /// What the contract leaves open.
    pub(super) behaviour: Behaviour,
    /// The skus on sale; all of them unless given.
    pub(super) offered: Option<Vec<String>>,
}

impl Rules {
    /// The products on sale.
    pub(super) fn products(&self) -> impl Iterator<Item = &'static Product> {
        PRODUCTS.iter().filter(|product| {
            self.offered.as_ref().is_none_or(|offered| {
                offered.iter().any(|sku| sku.eq_ignore_ascii_case(product.sku))
            })
        })
    }

    /// The product of that sku, in any case, if it is on sale.
    fn product(&self, sku: &str) -> Option<&'static Product> {
        self.products().find(|product| product.sku.eq_ignore_ascii_case(sku))
    }
}

/// Everything that is true in the sandbox.
#[derive(Debug)]
pub(super) struct World {
    pub(super) rules: Rules,
    /// The latest time that any request was handled at.
    seen: Option<Timestamp>,
    organizations: IndexMap<String, Organization>,
    /// In the order of creation, which is the order of the list (contract A.6).
    orders: IndexMap<String, Order>,
    zones: BTreeMap<String, Zone>,
    /// How far each name server lags behind; there are as many as entries.
    lags: Vec<Duration>,
    agenda: Agenda,
    chronicle: Chronicle,
    index: Index,
    /// What changed since it was last taken; the state file asks.
    touched: BTreeSet<Touch>,
    /// The orders that were made since they were last taken, oldest first.
    made: Vec<String>,
}

/// Why a request was refused. Which HTTP status that is, the `http` module knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// What it speaks of does not exist.
    #[error("{0}")]
    NotFound(String),
    /// There is no such certificate, or it belongs to somebody else (contract A.6).
    #[error("certificate not found")]
    UnknownCertificate,
    /// It comes too early (contract A.10: 409).
    #[error("{0}")]
    NotReady(String),
    /// The record exists (contract A.0: 417, code 15003).
    #[error("record exists already; load-balanced records can only be made in the Console")]
    RecordExists,
    /// The zone is somebody else's (contract A.0, A.12: 404, or 200 with code 15001).
    #[error("record not found")]
    UnmanagedZone,
}

impl Refusal {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

impl World {
    /// The world as a newcomer finds it: two organizations, no orders, no records.
    #[cfg(test)]
    pub(super) fn new(rules: Rules) -> Self {
        let mut world = Self::empty(rules);
        world.add_first_organizations();
        world
    }

    /// A world without anything, for changes to be applied to.
    pub(super) fn empty(rules: Rules) -> Self {
        Self {
            rules,
            seen: None,
            organizations: IndexMap::new(),
            orders: IndexMap::new(),
            zones: BTreeMap::new(),
            lags: vec![Duration::ZERO],
            agenda: Agenda::default(),
            chronicle: Chronicle::default(),
            index: Index::default(),
            touched: BTreeSet::new(),
            made: Vec::new(),
        }
    }

    /// The latest time that was noted.
    pub(super) fn seen(&self) -> Option<Timestamp> {
        self.seen
    }

    /// Notes that it is `now`, and says what time it is here: never earlier than before.
    pub(super) fn note_time(&mut self, now: Timestamp) -> Timestamp {
        let now = self.seen.map_or(now, |seen| seen.max(now));
        self.seen = Some(now);
        now
    }

    /// All orders, oldest first.
    pub(super) fn orders(&self) -> impl DoubleEndedIterator<Item = &Order> + ExactSizeIterator {
        self.orders.values()
    }

    /// The order of that id.
    pub(super) fn order(&self, id: &str) -> Result<&Order, Refusal> {
        self.orders.get(id).ok_or_else(no_such_order)
    }

    /// The order that has that number at the CA.
    pub(super) fn provider_order(&self, number: u64) -> Option<&Order> {
        self.orders.get(self.index.provider_order(number)?)
    }

    /// Makes an order vanish, as if it belonged to another account.
    pub(super) fn forget_order(&mut self, id: &str) -> Result<(), Refusal> {
        let order = self.orders.shift_remove(id).ok_or_else(no_such_order)?;
        self.index.forget_order(&order);
        self.touch_order(id);
        Ok(())
    }

    /// Takes the ids of the orders that were made since the last call.
    pub(super) fn take_made(&mut self) -> Vec<String> {
        std::mem::take(&mut self.made)
    }

    fn add_order(&mut self, order: Order) {
        let id = order.id.clone();
        self.made.push(id.clone());
        self.orders.insert(id.clone(), order);
        self.touch_order(&id);
    }

    fn change_order(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Order),
    ) -> Result<&Order, Refusal> {
        change(self.orders.get_mut(id).ok_or_else(no_such_order)?);
        self.touch_order(id);
        self.order(id)
    }

    /// What follows from a changed order: it must be stored and its next event computed.
    fn touch_order(&mut self, id: &str) {
        if let Some(order) = self.orders.get(id) {
            self.index.note_order(order);
        }
        self.touched.insert(Touch::Order(id.to_owned()));
        self.reschedule(id);
    }

    /// True when an earlier proof of that base domain still counts.
    fn is_approved(&self, domain: &str, now: Timestamp) -> bool {
        self.index.is_approved(domain, now, self.rules.timing.validation_lifetime)
    }
}

fn no_such_order() -> Refusal {
    Refusal::UnknownCertificate
}
