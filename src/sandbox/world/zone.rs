//! Zones as the API shows them, and how their records may change.

use super::record::CheckedRecord;
use super::served::FIRST_AUTO_ID;
use super::{
    NewRecord, Random, Record, RecordId, RecordKind, Refusal, SameRecord, SecondCname,
    SeveralMatches, Touch, World, Zone, normal_name,
};
use crate::types::Timestamp;

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

    /// The zone of exactly that name as it is stored, if it holds or held records.
    pub(crate) fn stored_zone(&self, name: &str) -> Option<&Zone> {
        self.zones.get(name)
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
        let wish = CheckedRecord::check(self.completed(wish))?;
        let zone_name =
            self.rules.zones.zone_of(&wish.name).ok_or(Refusal::UnmanagedZone)?.to_owned();
        self.check_neighbours(&zone_name, &wish, None)?;
        let default_ttl = self.rules.behaviour.default_ttl;
        let id = self.unused_record_id(random);
        let record = wish.into_record(id, default_ttl, now.as_second());
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
        let records = self.zones.get(zone_name).map_or(&[][..], |zone| &zone.records);
        let mut found = records.iter().filter(same).map(|record| record.id);
        let oldest =
            found.next().ok_or_else(|| Refusal::NotFound("record not found".to_owned()))?;
        // With several of them the real choice is not published.
        let id = match (self.rules.behaviour.several_matches, found.next_back()) {
            (_, None) | (SeveralMatches::Oldest, _) => oldest,
            (SeveralMatches::Newest, Some(newest)) => newest,
            (SeveralMatches::Refused, Some(_)) => {
                return Err(Refusal::invalid("several records have this name and type"));
            }
        };
        self.update_record(id, wish, now)
    }

    /// Changes the record of that id; the id stays (contract A.12).
    pub(crate) fn update_record(
        &mut self,
        id: RecordId,
        wish: NewRecord,
        now: Timestamp,
    ) -> Result<Record, Refusal> {
        let wish = CheckedRecord::check(self.completed(wish))?;
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

    /// The wish with the zone behind a name that has no trailing dot, if that is how the vendor
    /// reads it (contract A.12: not published).
    fn completed(&self, mut wish: NewRecord) -> NewRecord {
        let is_relative = wish.kind.points_to_name() && !wish.data.ends_with('.');
        if let (true, Some(zone)) = (
            is_relative && self.rules.behaviour.relative_data,
            self.rules.zones.zone_of(wish.name.as_str()),
        ) {
            wish.data = format!("{}.{zone}.", wish.data);
        }
        wish
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

    /// Removes all records of a name; there must be some.
    pub(crate) fn remove_records(&mut self, name: &str, now: Timestamp) -> Result<(), Refusal> {
        let zone_name = self.rules.zones.zone_of(name).ok_or(Refusal::UnmanagedZone)?.to_owned();
        let records = self.zones.get(&zone_name).map_or(&[][..], |zone| &zone.records);
        let ids: Vec<RecordId> =
            records.iter().filter(|record| record.name == name).map(|record| record.id).collect();
        if ids.is_empty() {
            return Err(Refusal::NotFound("record not found".to_owned()));
        }
        ids.iter().for_each(|id| self.index.forget_record(*id));
        self.change(&zone_name, now, |zone| zone.records.retain(|record| record.name != name));
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
        let behaviour = &self.rules.behaviour;
        let same_is_data = behaviour.same_record == SameRecord::Data;
        let ttl = wish.ttl.unwrap_or(behaviour.default_ttl);
        let cname = RecordKind::CNAME;
        if wish.kind == cname && wish.name == zone_name {
            return Err(Refusal::invalid("a CNAME cannot stand at the apex; use ALIAS"));
        }
        let records = self.zones.get(zone_name).map_or(&[][..], |zone| &zone.records);
        for other in records.iter().filter(|other| Some(other.id) != own_id) {
            if other.name != wish.name {
                continue;
            }
            if other.says(wish.kind, &wish.data) && (same_is_data || other.remarks_like(wish, ttl))
            {
                return Err(Refusal::RecordExists);
            }
            // Whether a second CNAME is told apart from a repeated one is not published; the text
            // of 15003 hints that sets of one name are restricted (contract A.12).
            if other.kind == cname && wish.kind == cname {
                match behaviour.second_cname {
                    SecondCname::Exists => return Err(Refusal::RecordExists),
                    SecondCname::Refused => {
                        return Err(Refusal::invalid("there is a CNAME at this name already"));
                    }
                    SecondCname::Made => continue,
                }
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
