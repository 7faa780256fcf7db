//! `Account`: one connection, the records of ours in its zones, and the orders that ask for them.
//!
//! It deletes only what it is told to, one record at a time, each read again right before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::action::{Ownership, ownership};
use crate::api::http::ApiError;
use crate::api::regfish::{Certificate, CertificateStatus, DnsRecord, RegfishClient, ReissuePhase};
use crate::report::Fate;
use crate::types::{CertificateId, format_duration};
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

/// So long an account is waited for that does not answer, or that a pause keeps from being asked: a
/// person sits before the command.
const PATIENCE: Duration = Duration::from_secs(120);

const NO_ANSWER: &str = "no answer";

/// What comes of a call that only looks, or can be repeated, within the time that somebody waits.
pub(super) async fn within_patience<T>(
    call: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "{NO_ANSWER} within {}; `certplan status` says whether all requests wait for something",
            format_duration(PATIENCE)
        )),
    }
}

impl Account {
    /// Looks through every zone. One that cannot be read does not hide the others.
    pub(super) async fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        let zones = match within_patience(self.client.list_zones()).await {
            Ok(zones) => zones,
            Err(error) => {
                scan.unread.push(format!("the zones cannot be listed: {error}"));
                return scan;
            }
        };
        scan.unread.extend(zones.unreadable.into_iter().map(|line| format!("the zones: {line}")));
        for zone in zones.items {
            // Who does not answer for one zone does not for the next.
            if scan.unread.iter().any(|line| line.contains(NO_ANSWER)) {
                scan.unread.push(format!("zone `{}`: not asked any more", zone.name));
                continue;
            }
            match within_patience(self.client.list_records(&zone.name)).await {
                Ok(records) => scan.marked.extend(marked(&zone.name, records.unwrap_or_default())),
                Err(error) => scan.unread.push(format!("zone `{}`: {error}", zone.name)),
            }
        }
        scan
    }

    /// Which records the open orders of the account ask for, whoever follows them.
    pub(super) async fn open_orders(&self) -> Result<OpenOrders, String> {
        let mut open = OpenOrders::new();
        for certificate in within_patience(self.client.list_certificates()).await?.certificates {
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
    pub(super) async fn delete(&self, marked: &Marked) -> Result<Fate, String> {
        let Some(record) = within_patience(self.client.get_record(marked.record.id)).await? else {
            return Ok(Fate::WasGone);
        };
        if record != marked.record {
            return Ok(Fate::Kept);
        }
        within_patience(self.client.delete_record(record.id)).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_account_that_does_not_answer_is_not_waited_for_without_end() {
        let never = std::future::pending::<Result<(), ApiError>>();
        let error = within_patience(never).await.unwrap_err();
        assert!(error.starts_with("no answer within 2m; `certplan status` says"), "{error}");
        assert_eq!(within_patience(std::future::ready(Ok(7))).await, Ok(7));
    }
}
