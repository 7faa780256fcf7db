//! `World`: the facts of the imitated vendor, its CA and its zones, and how they may change.
//!
//! Only facts are kept; a status is computed from facts and the time that is asked for. Every
//! transition takes `now` and, where it must invent something, a source of random numbers. In here
//! there is no clock, no network, no file and no lock.

mod issuance;
mod order;
mod ordering;
mod organization;
mod product;
mod record;
mod timing;
mod turn;
mod zone;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

pub(super) use issuance::{Due, DueWork, IssueRequest};
pub(super) use order::{Dcv, EndKind, Issued, Order, Stage, Submission, Token};
pub(super) use ordering::NewOrder;
pub(super) use organization::{NewOrganization, Organization};
pub(super) use product::{PRODUCTS, Product, ValidationLevel};
pub(super) use record::{NewRecord, Record, RecordKind, normal_name, split_caa};
pub use timing::{LookPhase, Timing};
pub use zone::UnmanagedAnswer;
pub(super) use zone::{RecordId, Zone, ZoneRules};

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
    /// Counts changes of records, so that the CA need not look twice at the same zones.
    revision: u64,
    /// What changed since it was last taken; the state file asks.
    touched: BTreeSet<Touch>,
}

/// What changed. The content is read when the change is written, so it is never held twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    Order(String),
    Organization(String),
    Zone(String),
}

/// A changed fact, whole, as the state file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Order(Box<Order>),
    OrderGone(String),
    Organization(Organization),
    Zone { name: String, zone: Zone },
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
    pub(super) fn new(rules: Rules) -> Self {
        let mut world = Self::empty(rules);
        for organization in organization::first_organizations() {
            world.touched.insert(Touch::Organization(organization.id.clone()));
            world.organizations.insert(organization.id.clone(), organization);
        }
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
            revision: 0,
            touched: BTreeSet::new(),
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

    /// Puts stored changes back.
    pub(super) fn apply(&mut self, at: Option<Timestamp>, changes: Vec<Change>) {
        self.seen = self.seen.max(at);
        for change in changes {
            match change {
                Change::Order(order) => {
                    self.orders.insert(order.id.clone(), *order);
                }
                Change::OrderGone(id) => {
                    self.orders.shift_remove(&id);
                }
                Change::Organization(organization) => {
                    self.organizations.insert(organization.id.clone(), organization);
                }
                Change::Zone { name, zone } => {
                    self.zones.insert(name, zone);
                }
            }
        }
    }

    /// True when something changed since it was last taken.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The names of what changed since the last call.
    pub(super) fn take_touched(&mut self) -> BTreeSet<Touch> {
        std::mem::take(&mut self.touched)
    }

    /// Puts names back whose changes could not be written.
    pub(super) fn touch_again(&mut self, touched: BTreeSet<Touch>) {
        self.touched.extend(touched);
    }

    /// The present content of what changed.
    pub(super) fn changes(&self, touched: &BTreeSet<Touch>) -> Vec<Change> {
        touched
            .iter()
            .filter_map(|touch| match touch {
                Touch::Order(id) => Some(match self.orders.get(id) {
                    Some(order) => Change::Order(Box::new(order.clone())),
                    None => Change::OrderGone(id.clone()),
                }),
                Touch::Organization(id) => {
                    self.organizations.get(id).cloned().map(Change::Organization)
                }
                Touch::Zone(name) => self
                    .zones
                    .get(name)
                    .map(|zone| Change::Zone { name: name.clone(), zone: zone.clone() }),
            })
            .collect()
    }

    /// Everything there is, as changes to an empty world.
    pub(super) fn everything(&self) -> Vec<Change> {
        let orders = self.orders.values().map(|order| Change::Order(Box::new(order.clone())));
        let organizations = self.organizations.values().cloned().map(Change::Organization);
        let zones = self
            .zones
            .iter()
            .map(|(name, zone)| Change::Zone { name: name.clone(), zone: zone.clone() });
        organizations.chain(orders).chain(zones).collect()
    }
}
