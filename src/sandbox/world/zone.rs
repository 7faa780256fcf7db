//! Zones: what records they hold, how records may change, and what name servers serve that lag
//! behind.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::CheckedRecord;
use super::timing::later;
use super::{NewRecord, Random, Record, RecordKind, Refusal, Touch, World, normal_name};
use crate::types::Timestamp;

/// The vendor's `rrid`.
pub(crate) type RecordId = u64;

/// The records of one zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// Of the SOA; counts changes.
    pub(crate) serial: u32,
    pub(crate) records: Vec<Record>,
    /// What name servers that lag behind still serve, oldest first. Not stored: after a restart
    /// all of them have caught up.
    #[serde(skip)]
    past: VecDeque<PastZone>,
    /// When it last changed since the start.
    #[serde(skip)]
    changed_at: Option<Timestamp>,
}

/// A zone as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PastZone {
    until: Timestamp,
    serial: u32,
    records: Vec<Record>,
}

/// A zone as a name server serves it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServedZone<'zone> {
    pub(crate) serial: u32,
    pub(crate) records: &'zone [Record],
}

/// The name servers of all zones are called `ns1`, `ns2` and so on, in this domain.
const NAME_SERVER_DOMAIN: &str = "certplan-sandbox.test";

/// Records that the vendor keeps itself have ids from here on.
const FIRST_AUTO_ID: RecordId = 1 << 40;

impl Zone {
    /// As a name server serves it that shows what was true at `at`.
    fn served(&self, at: Timestamp) -> ServedZone<'_> {
        match self.past.iter().find(|past| at < past.until) {
            Some(past) => ServedZone { serial: past.serial, records: &past.records },
            None => ServedZone { serial: self.serial, records: &self.records },
        }
    }

    /// Keeps what is there until `now`, for the longest lag.
    fn remember(&mut self, now: Timestamp, longest_lag: Duration) {
        self.changed_at = Some(now);
        self.past.retain(|past| now < later(past.until, longest_lag));
        if !longest_lag.is_zero() {
            let (serial, records) = (self.serial, self.records.clone());
            self.past.push_back(PastZone { until: now, serial, records });
        }
    }
}

impl World {
    /// The managed zone of exactly that name, and its records as the API lists them.
    pub(crate) fn zone(&self, name: &str) -> Result<(String, Zone), Refusal> {
        let name = normal_name(name);
        if self.rules.zones.zone_of(&name) != Some(name.as_str()) {
            return Err(Refusal::UnmanagedZone);
        }
        let mut zone = self.zones.get(&name).cloned().unwrap_or_default();
        if self.rules.behaviour.auto_records {
            zone.records.splice(0..0, self.auto_records(&name));
        }
        Ok((name, zone))
    }

    /// The records that the vendor keeps in each zone (contract A.12); they never change.
    fn auto_records(&self, zone: &str) -> Vec<Record> {
        let record = |(index, server)| Record {
            id: FIRST_AUTO_ID + RecordId::from(stable_number(zone)) * 16 + index,
            name: zone.to_owned(),
            kind: RecordKind::NS,
            data: format!("{server}."),
            ttl: 3_600,
            priority: None,
            annotation: None,
            auto: true,
            active: true,
            created_at: 0,
            updated_at: 0,
        };
        (0..).zip(self.name_servers()).map(record).collect()
    }

    /// The names of the name servers, without trailing dots.
    pub(crate) fn name_servers(&self) -> impl Iterator<Item = String> {
        (1..=self.lags.len()).map(|number| format!("ns{number}.{NAME_SERVER_DOMAIN}"))
    }

    /// Sets how far each name server lags behind.
    pub(crate) fn set_lags(&mut self, lags: Vec<Duration>) {
        self.lags = lags;
    }

    /// How far each name server lags behind.
    pub(crate) fn lags(&self) -> &[Duration] {
        &self.lags
    }

    /// The managed zone that holds `name`, as the name server of that index serves it at `at`.
    pub(crate) fn served_zone(
        &self,
        name: &str,
        server: usize,
        at: Timestamp,
    ) -> Option<(String, ServedZone<'_>)> {
        let zone_name = self.rules.zones.zone_of(name)?;
        let lag = self.lags.get(server).copied().unwrap_or_default();
        let shown = at.checked_sub(lag).unwrap_or(Timestamp::MIN);
        let nothing = ServedZone { serial: 0, records: &[] };
        let served = self.zones.get(zone_name).map_or(nothing, |zone| zone.served(shown));
        Some((zone_name.to_owned(), served))
    }

    /// True when all name servers show at `at` what is in the zone now.
    pub(super) fn is_settled(&self, zone: &str, at: Timestamp) -> bool {
        let longest = self.lags.iter().max().copied().unwrap_or_default();
        let changed_at = self.zones.get(zone).and_then(|zone| zone.changed_at);
        changed_at.is_none_or(|changed_at| later(changed_at, longest) <= at)
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
        let missing = || Refusal::NotFound("record not found".to_owned());
        if id >= FIRST_AUTO_ID && self.rules.behaviour.auto_records {
            return Err(Refusal::invalid("the record is kept by the system"));
        }
        let name = self.index.zone_of_record(id).ok_or_else(missing)?;
        let zone = self.zones.get(name).ok_or_else(missing)?;
        let record = zone.records.iter().find(|record| record.id == id).ok_or_else(missing)?;
        Ok((name, record))
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
        self.index.note_record(record.id, &zone_name);
        self.change(&zone_name, now, |zone| zone.records.push(record.clone()));
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
        let (zone_name, record) = self.record(id)?;
        if record.auto {
            return Err(Refusal::invalid("the record is kept by the system"));
        }
        let zone_name = zone_name.to_owned();
        if self.rules.zones.zone_of(&wish.name) != Some(zone_name.as_str()) {
            return Err(Refusal::invalid("name is outside of the record's zone"));
        }
        self.check_neighbours(&zone_name, &wish, Some(id))?;
        self.change(&zone_name, now, |zone| {
            if let Some(record) = zone.records.iter_mut().find(|record| record.id == id) {
                record.assign(&wish, now.as_second());
            }
        });
        Ok(self.record(id)?.1.clone())
    }

    /// Removes the record of that id.
    pub(crate) fn delete_record(&mut self, id: RecordId, now: Timestamp) -> Result<(), Refusal> {
        let (zone_name, record) = self.record(id)?;
        if record.auto {
            return Err(Refusal::invalid("the record is kept by the system"));
        }
        let zone_name = zone_name.to_owned();
        self.index.forget_record(id);
        self.change(&zone_name, now, |zone| zone.records.retain(|record| record.id != id));
        Ok(())
    }

    /// Makes a record one that the vendor keeps itself, or switches it on or off.
    pub(crate) fn mark_record(
        &mut self,
        id: RecordId,
        auto: bool,
        active: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let zone_name = self.record(id)?.0.to_owned();
        self.change(&zone_name, now, |zone| {
            for record in zone.records.iter_mut().filter(|record| record.id == id) {
                record.auto = auto;
                record.active = active;
            }
        });
        Ok(())
    }

    fn change(&mut self, zone_name: &str, now: Timestamp, change: impl FnOnce(&mut Zone)) {
        let longest_lag = self.lags.iter().max().copied().unwrap_or_default();
        let zone = self.zones.entry(zone_name.to_owned()).or_default();
        zone.remember(now, longest_lag);
        change(zone);
        zone.serial = zone.serial.wrapping_add(1);
        self.touched.insert(Touch::Zone(zone_name.to_owned()));
        self.wake(zone_name, now);
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

/// A number that is the same for the same text in every run (FNV-1a).
pub(crate) fn stable_number(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
