//! Zones: which names are managed, what records they hold, and how records may change.

use serde::{Deserialize, Serialize};

use super::record::CheckedRecord;
use super::{NewRecord, Random, Record, RecordKind, Refusal, Touch, World, normal_name};
use crate::types::{DomainName, Timestamp};

/// Which zones there are.
#[derive(Debug, Clone)]
pub(crate) struct ZoneRules {
    /// Every registrable domain (the last two labels) is a managed zone.
    pub(crate) any_zone: bool,
    /// Zones that are managed in any case; needed for `example.co.uk` and for delegated zones.
    pub(crate) managed: Vec<DomainName>,
    /// Zones of somebody else.
    pub(crate) unmanaged: Vec<DomainName>,
    /// How a call for somebody else's zone is answered.
    pub(crate) unmanaged_answer: UnmanagedAnswer,
}

/// How a call for somebody else's zone is answered: both are known (contract A.0, A.12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnmanagedAnswer {
    /// 404, as the official client of 2026 expects.
    #[default]
    NotFound,
    /// 200 with `success: false` and code 15001, as recorded in 2024.
    SuccessFalse,
}

/// The vendor's `rrid`.
pub(crate) type RecordId = u64;

/// The records of one zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// Of the SOA; counts changes.
    pub(crate) serial: u32,
    pub(crate) records: Vec<Record>,
}

impl ZoneRules {
    /// The managed zone that holds `name` (lower-case, without trailing dot).
    pub(crate) fn zone_of<'name>(&self, name: &'name str) -> Option<&'name str> {
        for suffix in suffixes(name) {
            if self.managed.iter().any(|zone| zone.as_str() == suffix) {
                return Some(suffix);
            }
            if self.unmanaged.iter().any(|zone| zone.as_str() == suffix) {
                return None;
            }
        }
        last_two_labels(name).filter(|_| self.any_zone)
    }

    /// The domain that the CA wants proved for `name`.
    pub(crate) fn base_domain<'name>(&self, name: &'name str) -> &'name str {
        self.zone_of(name).or_else(|| last_two_labels(name)).unwrap_or(name)
    }
}

/// `a.b.c`, `b.c`, `c`.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

fn last_two_labels(name: &str) -> Option<&str> {
    suffixes(name).find(|suffix| suffix.bytes().filter(|byte| *byte == b'.').count() == 1)
}

impl World {
    /// The managed zone of exactly that name, and its records (none if nothing was ever put).
    pub(crate) fn zone(&self, name: &str) -> Result<(String, Zone), Refusal> {
        let name = normal_name(name);
        if self.rules.zones.zone_of(&name) != Some(name.as_str()) {
            return Err(Refusal::UnmanagedZone);
        }
        let zone = self.zones.get(&name).cloned().unwrap_or_default();
        Ok((name, zone))
    }

    /// The records of the managed zone that holds `name`, without a copy.
    pub(crate) fn zone_holding(&self, name: &str) -> Option<(String, Option<&Zone>)> {
        let zone_name = self.rules.zones.zone_of(name)?;
        Some((zone_name.to_owned(), self.zones.get(zone_name)))
    }

    /// The zones that are listed or hold records.
    pub(crate) fn zone_names(&self) -> Vec<String> {
        let listed = self.rules.zones.managed.iter().map(ToString::to_string);
        let mut names: Vec<String> = listed.chain(self.zones.keys().cloned()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| self.rules.zones.zone_of(name) == Some(name.as_str()));
        names
    }

    /// The record of that id and the name of its zone.
    pub(crate) fn record(&self, id: RecordId) -> Result<(&str, &Record), Refusal> {
        self.zones
            .iter()
            .find_map(|(name, zone)| {
                let record = zone.records.iter().find(|record| record.id == id)?;
                Some((name.as_str(), record))
            })
            .ok_or_else(|| Refusal::NotFound("record not found".to_owned()))
    }

    /// Makes a record; the zone is found from its name (contract A.12).
    pub(crate) fn create_record(
        &mut self,
        wish: NewRecord,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<Record, Refusal> {
        let wish = CheckedRecord::check(wish)?;
        let zone_name =
            self.rules.zones.zone_of(&wish.name).ok_or(Refusal::UnmanagedZone)?.to_owned();
        self.check_neighbours(&zone_name, &wish, None)?;
        let record = wish.into_record(self.unused_record_id(random), now.as_second());
        self.change(&zone_name, |zone| zone.records.push(record.clone()));
        Ok(record)
    }

    /// Changes the record of that name and type; there must be one (contract A.12: no upsert).
    pub(crate) fn update_record_by_name(
        &mut self,
        wish: NewRecord,
        now: Timestamp,
    ) -> Result<Record, Refusal> {
        let zone_name =
            self.rules.zones.zone_of(wish.name.as_str()).ok_or(Refusal::UnmanagedZone)?;
        let same = |record: &&Record| record.name == wish.name.as_str() && record.kind == wish.kind;
        // With several of them the real choice is not published; here it is the oldest.
        let id = self
            .zones
            .get(zone_name)
            .and_then(|zone| zone.records.iter().find(same))
            .map(|record| record.id)
            .ok_or_else(|| Refusal::NotFound("record not found".to_owned()))?;
        self.update_record(id, wish, now)
    }

    /// Changes the record of that id; the id stays (contract A.12).
    pub(crate) fn update_record(
        &mut self,
        id: RecordId,
        wish: NewRecord,
        now: Timestamp,
    ) -> Result<Record, Refusal> {
        let wish = CheckedRecord::check(wish)?;
        let zone_name = self.record(id)?.0.to_owned();
        if self.rules.zones.zone_of(&wish.name) != Some(zone_name.as_str()) {
            return Err(Refusal::invalid("name is outside of the record's zone"));
        }
        self.check_neighbours(&zone_name, &wish, Some(id))?;
        self.change(&zone_name, |zone| {
            if let Some(record) = zone.records.iter_mut().find(|record| record.id == id) {
                record.assign(&wish, now.as_second());
            }
        });
        Ok(self.record(id)?.1.clone())
    }

    /// Removes the record of that id.
    pub(crate) fn delete_record(&mut self, id: RecordId) -> Result<(), Refusal> {
        let zone_name = self.record(id)?.0.to_owned();
        self.change(&zone_name, |zone| zone.records.retain(|record| record.id != id));
        Ok(())
    }

    fn change(&mut self, zone_name: &str, change: impl FnOnce(&mut Zone)) {
        let zone = self.zones.entry(zone_name.to_owned()).or_default();
        change(zone);
        zone.serial = zone.serial.wrapping_add(1);
        self.revision += 1;
        self.touched.insert(Touch::Zone(zone_name.to_owned()));
    }

    /// The rules between records of one name (contract A.12): no record twice; a CNAME alone at
    /// its name and never at the apex.
    fn check_neighbours(
        &self,
        zone_name: &str,
        wish: &CheckedRecord,
        own_id: Option<RecordId>,
    ) -> Result<(), Refusal> {
        let cname = RecordKind::CNAME;
        if wish.kind == cname && wish.name == zone_name {
            return Err(Refusal::invalid("a CNAME cannot stand at the apex; use ALIAS"));
        }
        let records = self.zones.get(zone_name).map_or(&[][..], |zone| &zone.records);
        for other in records.iter().filter(|other| Some(other.id) != own_id) {
            if other.name != wish.name {
                continue;
            }
            // Whether a second CNAME is told apart from a repeated one is not published; the text
            // of 15003 hints that sets of one name are restricted (contract A.12).
            if other.says(wish.kind, &wish.data) || (other.kind == cname && wish.kind == cname) {
                return Err(Refusal::RecordExists);
            }
            if other.kind == cname || wish.kind == cname {
                return Err(Refusal::invalid("a CNAME cannot stand beside other records"));
            }
        }
        Ok(())
    }

    fn unused_record_id(&self, random: Random<'_>) -> RecordId {
        loop {
            // Not one after the other: nobody shall guess the next id from the last.
            let id = RecordId::try_from(random() & 0x7fff_ffff).unwrap_or_default();
            if id != 0 && self.record(id).is_err() {
                return id;
            }
        }
    }
}
