//! What a zone holds, and what its name servers serve, which may lag behind.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timing::later;
use super::{Record, RecordKind, Token, World};
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
pub(super) const FIRST_AUTO_ID: RecordId = 1 << 40;

impl Zone {
    /// As a name server serves it that shows what was true at `at`.
    fn served(&self, at: Timestamp) -> ServedZone<'_> {
        match self.past.iter().find(|past| at < past.until) {
            Some(past) => ServedZone { serial: past.serial, records: &past.records },
            None => ServedZone { serial: self.serial, records: &self.records },
        }
    }

    /// Keeps what is there until `now`, for the longest lag.
    pub(super) fn remember(&mut self, now: Timestamp, longest_lag: Duration) {
        self.changed_at = Some(now);
        self.past.retain(|past| now < later(past.until, longest_lag));
        if !longest_lag.is_zero() {
            let (serial, records) = (self.serial, self.records.clone());
            self.past.push_back(PastZone { until: now, serial, records });
        }
    }
}

impl World {
    /// The records that the vendor keeps in each zone (contract A.12); they never change.
    pub(super) fn auto_records(&self, zone: &str) -> Vec<Record> {
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

    /// True when the zones of all these tokens are the sandbox's own and hold no record at all, on
    /// any name server: then a question would be in vain, and ten thousand of them take seconds.
    pub(crate) fn is_bare(&self, tokens: &[Token], at: Timestamp) -> bool {
        tokens.iter().all(|token| {
            self.rules.zones.zone_of(&token.base_domain).is_some_and(|zone| {
                let is_empty = |zone: &Zone| zone.records.is_empty();
                self.zones.get(zone).is_none_or(is_empty) && self.is_settled(zone, at)
            })
        })
    }

    /// True when all name servers show at `at` what is in the zone now.
    pub(super) fn is_settled(&self, zone: &str, at: Timestamp) -> bool {
        let longest = self.lags.iter().max().copied().unwrap_or_default();
        let changed_at = self.zones.get(zone).and_then(|zone| zone.changed_at);
        changed_at.is_none_or(|changed_at| later(changed_at, longest) <= at)
    }
}

/// A number that is the same for the same text in every run (FNV-1a).
pub(crate) fn stable_number(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
