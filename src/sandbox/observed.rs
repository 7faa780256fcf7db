//! What a test can see of a sandbox: the requests that came and the orders that are there.
//!
//! Copies, never views: the world goes on behind them.

use serde::Serialize;

use super::world::{Order, Organization, Record, Stage, Timing, World};
use crate::types::Timestamp;

/// A request that was answered, or was meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// For example `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status of the answer; none when the connection was cut instead.
    pub status: Option<u16>,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
}

/// Something that happened by itself, or was meant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedHappening {
    /// Its name, for example `cancel`.
    pub what: String,
    /// The order that it happened to; none when it happened to none, or to the world as a whole.
    pub certificate_id: Option<String>,
    /// Why it did not happen.
    pub refused: Option<String>,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
}

/// What a test may want to know about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderSnapshot {
    /// The certificate id.
    pub id: String,
    /// The common name as ordered.
    pub common_name: String,
    /// The further names as ordered.
    pub dns_names: Vec<String>,
    /// The sku.
    pub product: String,
    /// The status that the API would show now.
    pub status: String,
    /// The order state that the API would show now.
    pub order_state: String,
    /// True while the order waits for an organization.
    pub action_required: bool,
    /// The organization that is bound to it.
    pub organization_id: Option<String>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When its latest certificate was issued.
    pub issued_at: Option<Timestamp>,
    /// The certificate and its issuer, once issued.
    pub chain_pem: Option<String>,
    /// The number of the order at the CA, which the API never shows.
    pub digicert_order_id: Option<u64>,
}

impl OrderSnapshot {
    pub(super) fn of(order: &Order, now: Timestamp, timing: &Timing) -> Self {
        Self {
            id: order.id.clone(),
            common_name: order.common_name.to_string(),
            dns_names: order.dns_names.iter().map(ToString::to_string).collect(),
            product: order.sku.clone(),
            status: order.stage(now).status().to_owned(),
            order_state: order.order_state(now, timing).to_owned(),
            action_required: order.stage(now) == Stage::Staged,
            organization_id: order.organization_id.clone(),
            created_at: order.created_at,
            issued_at: order.issued.as_ref().map(|issued| issued.at),
            chain_pem: order.issued.as_ref().map(|issued| issued.chain_pem.clone()),
            digicert_order_id: order.provider_order,
        }
    }
}

/// What a person may want to know about an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OrganizationSnapshot {
    id: String,
    name: String,
    status: &'static str,
    usable_for_ordering: bool,
}

/// A zone and its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ZoneSnapshot {
    domain: String,
    serial: u32,
    records: Vec<Record>,
}

impl OrganizationSnapshot {
    pub(super) fn all(world: &World, now: Timestamp) -> Vec<Self> {
        let timing = &world.rules.timing;
        let one = |organization: &Organization| Self {
            id: organization.id.clone(),
            name: organization.details.organization.clone(),
            status: organization.status(now, timing),
            usable_for_ordering: organization.is_usable(now, timing),
        };
        world.organizations().map(one).collect()
    }
}

impl ZoneSnapshot {
    pub(super) fn all(world: &World) -> Vec<Self> {
        let one = |name: String| {
            let (domain, zone) = world.zone(&name).ok()?;
            Some(Self { domain, serial: zone.serial, records: zone.records })
        };
        world.zone_names().into_iter().filter_map(one).collect()
    }
}

/// A DNS record as the vendor keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSnapshot {
    /// The vendor's number of it.
    pub id: u64,
    /// Its full name, in lower case, without a dot at its end.
    pub name: String,
    /// Its type, such as `CNAME`.
    pub kind: String,
    /// Its data.
    pub data: String,
}

impl RecordSnapshot {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            id: record.id,
            name: record.name.clone(),
            kind: record.kind.as_str().to_owned(),
            data: record.data.clone(),
        }
    }
}
