//! `Account`: one connection, the records of ours in its zones, and the orders that ask for them.
//!
//! It deletes only what it is told to, one record at a time, each read again right before.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Ownership, ownership};
use crate::api::http::ApiError;
use crate::api::regfish::{Certificate, CertificateStatus, DnsRecord, RegfishClient, ReissuePhase};
use crate::report::Fate;
use crate::types::CertificateId;
use crate::upkeep::NamedRecord;

/// A connection to look through.
pub(super) struct Account {
    /// The address, for people.
    pub(super) place: String,
    pub(super) client: RegfishClient,
}

/// A record that carries our mark.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) zone: String,
    pub(super) record: DnsRecord,
    pub(super) ownership: Ownership,
}

/// What the zones hold of ours, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) marked: Vec<Marked>,
    /// A line for each part that could not be read.
    pub(super) unread: Vec<String>,
}

/// The orders that are open, by the records that they ask for.
pub(super) type OpenOrders = BTreeMap<NamedRecord, BTreeSet<CertificateId>>;

impl Account {
    /// Looks through every zone. One that cannot be read does not hide the others.
    pub(super) async fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        let zones = match self.client.list_zones().await {
            Ok(zones) => zones,
            Err(error) => {
                scan.unread.push(format!("the zones cannot be listed: {error}"));
                return scan;
            }
        };
        scan.unread.extend(zones.unreadable.into_iter().map(|line| format!("the zones: {line}")));
        for zone in zones.items {
            match self.client.list_records(&zone.name).await {
                Ok(records) => scan.marked.extend(marked(&zone.name, records.unwrap_or_default())),
                Err(error) => scan.unread.push(format!("zone `{}`: {error}", zone.name)),
            }
        }
        scan
    }

    /// Which records the open orders of the account ask for, whoever follows them.
    pub(super) async fn open_orders(&self) -> Result<OpenOrders, ApiError> {
        let mut open = OpenOrders::new();
        for certificate in self.client.list_certificates().await?.certificates {
            if is_open(&certificate) {
                for record in &certificate.validation.records {
                    let record = NamedRecord::new(&record.name, &record.kind, &record.value);
                    open.entry(record).or_default().insert(certificate.id.clone());
                }
            }
        }
        Ok(open)
    }

    /// Deletes the record if it is, to the letter, what was found.
    pub(super) async fn delete(&self, marked: &Marked) -> Result<Fate, ApiError> {
        let Some(record) = self.client.get_record(marked.record.id).await? else {
            return Ok(Fate::WasGone);
        };
        if record != marked.record {
            return Ok(Fate::Kept);
        }
        self.client.delete_record(record.id).await?;
        Ok(Fate::Deleted)
    }
}

impl Marked {
    /// The record without what differs from place to place.
    pub(super) fn named(&self) -> NamedRecord {
        NamedRecord::new(&self.record.name, &self.record.kind, &self.record.data)
    }
}

fn marked(zone: &str, records: Vec<DnsRecord>) -> impl Iterator<Item = Marked> {
    let marked = move |record: DnsRecord| match ownership(&record) {
        Ownership::Foreign => None,
        ownership => Some(Marked { zone: zone.to_owned(), record, ownership }),
    };
    records.into_iter().filter_map(marked)
}

/// Whether names are still to be proved for it. A word that is not known counts as open.
fn is_open(certificate: &Certificate) -> bool {
    let reissued =
        certificate.reissue.as_ref().is_some_and(|one| one.phase() == ReissuePhase::Running);
    reissued
        || matches!(certificate.status, CertificateStatus::Pending | CertificateStatus::Unknown(_))
}
