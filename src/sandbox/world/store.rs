//! What changed in the world, in the form in which it is stored and put back.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Expected, Order, Organization, World, Zone};
use crate::types::Timestamp;

/// What changed. The content is read when the change is written, so it is never held twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    Order(String),
    Organization(String),
    Zone(String),
    Fault(String),
    Begun(String),
    Expected(Expected),
}

/// A changed fact, whole, as the state file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Order(Box<Order>),
    OrderGone(String),
    Organization(Organization),
    Zone { name: String, zone: Zone },
    Fault { rule: String, matched: u32, hit: u32 },
    Begun(String),
    Expected { rule: String, order: Option<String>, at: Option<Timestamp> },
}

impl World {
    /// Puts stored changes back.
    pub(crate) fn apply(&mut self, at: Option<Timestamp>, changes: Vec<Change>) {
        self.seen = self.seen.max(at);
        for change in changes {
            match change {
                Change::Order(order) => {
                    self.index.note_order(&order);
                    self.orders.insert(order.id.clone(), *order);
                }
                Change::OrderGone(id) => {
                    if let Some(order) = self.orders.shift_remove(&id) {
                        self.index.forget_order(&order);
                    }
                }
                Change::Organization(organization) => {
                    self.organizations.insert(organization.id.clone(), organization);
                }
                Change::Zone { name, zone } => {
                    self.index.note_zone(&name, &zone);
                    self.zones.insert(name, zone);
                }
                Change::Fault { rule, matched, hit } => self.restore_fault(rule, matched, hit),
                Change::Begun(rule) => self.restore_begun(rule),
                Change::Expected { rule, order, at } => self.restore_expected((rule, order), at),
            }
        }
    }

    /// True when something changed since it was last taken.
    pub(crate) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The names of what changed since the last call.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<Touch> {
        std::mem::take(&mut self.touched)
    }

    /// Puts names back whose changes could not be written.
    pub(crate) fn touch_again(&mut self, touched: BTreeSet<Touch>) {
        self.touched.extend(touched);
    }

    /// The present content of what changed.
    pub(crate) fn changes<'touch>(
        &self,
        touched: impl IntoIterator<Item = &'touch Touch>,
    ) -> Vec<Change> {
        touched
            .into_iter()
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
                Touch::Fault(rule) => {
                    let (matched, hit) = self.fault_counts(rule);
                    Some(Change::Fault { rule: rule.clone(), matched, hit })
                }
                Touch::Begun(rule) => Some(Change::Begun(rule.clone())),
                Touch::Expected(expected) => {
                    let (rule, order) = expected.clone();
                    Some(Change::Expected { rule, order, at: self.expected_at(expected) })
                }
            })
            .collect()
    }

    /// Everything there is, as changes to an empty world, a few at a time.
    pub(crate) fn everything(&self, at_once: usize, mut take: impl FnMut(Vec<Change>)) {
        let orders = self.orders.keys().map(|id| Touch::Order(id.clone()));
        let organizations = self.organizations.keys().map(|id| Touch::Organization(id.clone()));
        let zones = self.zones.keys().map(|name| Touch::Zone(name.clone()));
        let rules = self.chronicle_touches();
        let all: Vec<Touch> = organizations.chain(orders).chain(zones).chain(rules).collect();
        for some in all.chunks(at_once.max(1)) {
            take(self.changes(some.iter()));
        }
    }
}
