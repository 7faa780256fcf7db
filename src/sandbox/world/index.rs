//! `Index`: what can be found quickly because it is noted when it changes. Derived, never stored.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::timing::later;
use super::{Order, Product, RecordId, Submission, ValidationLevel, Zone};
use crate::types::Timestamp;

/// Ways from one fact to another.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// When each base domain was last proved for an OV order: it may count again.
    approvals: BTreeMap<String, Timestamp>,
    /// From the CA's order number to the certificate id.
    provider_orders: HashMap<u64, String>,
    /// The zone of each record.
    records: HashMap<RecordId, String>,
}

impl Index {
    pub(super) fn note_order(&mut self, order: &Order) {
        if let Some(number) = order.provider_order {
            self.provider_orders.insert(number, order.id.clone());
        }
        let is_ov = Product::find(&order.sku)
            .is_some_and(|product| product.level == ValidationLevel::Organization);
        if is_ov {
            let reissue = order.reissue.as_ref().map(|reissue| &reissue.submission);
            for submission in order.submission.iter().chain(reissue) {
                self.note_approvals(submission);
            }
        }
    }

    fn note_approvals(&mut self, submission: &Submission) {
        for token in submission.tokens.iter().filter(|token| !token.reused) {
            if let Some(at) = token.proved_at {
                let latest = self.approvals.entry(token.base_domain.clone()).or_insert(at);
                *latest = at.max(*latest);
            }
        }
    }

    pub(super) fn forget_order(&mut self, order: &Order) {
        if let Some(number) = order.provider_order {
            self.provider_orders.remove(&number);
        }
    }

    /// True when an earlier proof of that base domain still counts.
    pub(super) fn is_approved(&self, domain: &str, now: Timestamp, lifetime: Duration) -> bool {
        self.approvals.get(domain).is_some_and(|at| now < later(*at, lifetime))
    }

    pub(super) fn provider_order(&self, number: u64) -> Option<&str> {
        self.provider_orders.get(&number).map(String::as_str)
    }

    pub(super) fn note_zone(&mut self, name: &str, zone: &Zone) {
        for record in &zone.records {
            self.records.insert(record.id, name.to_owned());
        }
    }

    pub(super) fn note_record(&mut self, id: RecordId, zone: &str) {
        self.records.insert(id, zone.to_owned());
    }

    pub(super) fn forget_record(&mut self, id: RecordId) {
        self.records.remove(&id);
    }

    pub(super) fn zone_of_record(&self, id: RecordId) -> Option<&str> {
        self.records.get(&id).map(String::as_str)
    }
}
