//! `Claims`: which validation records the runs of a state folder still need, as their events tell.
//!
//! A record is left over only when its run is known, needs it no more, and no other run counts on
//! it: a run keeps a record that it finds in place, whoever made it. Whoever deletes reads the
//! record itself right before; nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::run::{RunPhase, RunState, StepState};
use crate::types::{CertificateId, RunId, Timestamp};

/// What tells a record from another one: name, type and value, lower-case and without a last dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedRecord {
    name: String,
    kind: String,
    value: String,
}

/// What one run has to do with validation records.
#[derive(Debug, Clone, PartialEq)]
pub struct RunClaims {
    /// Its target.
    pub target: String,
    /// Where it stands, in a word.
    pub phase: &'static str,
    /// Whether a person gave it up.
    is_cancelled: bool,
    /// The certificate that it owns.
    certificate: Option<CertificateId>,
    /// Whether it may still need records.
    needs_records: bool,
    /// The records that it speaks of, and since when.
    records: BTreeMap<NamedRecord, Timestamp>,
}

/// What all runs of a state folder have to do with validation records.
#[derive(Debug, Default)]
pub struct Claims {
    runs: BTreeMap<RunId, RunClaims>,
    /// Runs that cannot be read: nobody knows what they need.
    unreadable: BTreeSet<RunId>,
}

/// Whether a record of ours is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordNeed {
    /// No run needs it.
    LeftOver,
    /// This run may still need it.
    Needed {
        /// The run, which need not be the one that made it.
        needed_by: RunId,
    },
    /// The run that made it is not in this state folder; whether it goes on is not known here.
    UnknownRun,
    /// An order that the vendor shows as open asks for it, whoever follows that order.
    OpenOrder {
        /// The order.
        certificate_id: CertificateId,
    },
}

impl NamedRecord {
    /// The record of this name, type and value, however they are written.
    pub fn new(name: &str, kind: &str, value: &str) -> Self {
        let normal = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
        Self { name: normal(name), kind: kind.to_ascii_uppercase(), value: normal(value) }
    }
}

impl RunClaims {
    /// Reads a run; `needs_records` says whether it may still need what proves its names.
    pub fn of(state: &RunState, needs_records: bool) -> Self {
        let mut records = BTreeMap::new();
        for record in state.steps.values() {
            let since = record.changed_at.unwrap_or(state.started_at);
            let spoken_of = match &record.state {
                StepState::Succeeded { output } => named(output),
                other => {
                    other.attempt().map(|attempt| named(&attempt.parameters)).unwrap_or_default()
                }
            };
            for one in spoken_of {
                let time = records.entry(one).or_insert(since);
                *time = since.min(*time);
            }
        }
        Self {
            target: state.header.target.clone(),
            phase: state.phase.name(),
            is_cancelled: state.phase == RunPhase::Cancelled,
            certificate: state.certificate_id.clone(),
            needs_records,
            records,
        }
    }
}

impl Claims {
    /// Adds a run.
    pub fn add(&mut self, run: RunId, claims: RunClaims) {
        self.runs.insert(run, claims);
    }

    /// Adds a run that is there and cannot be read.
    pub fn add_unreadable(&mut self, run: RunId) {
        self.unreadable.insert(run);
    }

    /// The runs that cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &RunId> {
        self.unreadable.iter()
    }

    /// A run.
    pub fn run(&self, run: &RunId) -> Option<&RunClaims> {
        self.runs.get(run)
    }

    /// Since when the record is there, as its run tells.
    pub fn since(&self, run: &RunId, record: &NamedRecord) -> Option<Timestamp> {
        self.runs.get(run)?.records.get(record).copied()
    }

    /// Whether the record, which `maker` made, is needed; `open_orders` are the orders at the vendor
    /// that still ask for it.
    pub fn judge(
        &self,
        maker: &RunId,
        record: &NamedRecord,
        open_orders: &BTreeSet<CertificateId>,
    ) -> RecordNeed {
        if self.unreadable.contains(maker) {
            return RecordNeed::Needed { needed_by: maker.clone() };
        }
        let known = self.runs.get(maker);
        // A record stays its run's even when a later look shows other ones: the token may be back.
        if known.is_some_and(|run| run.needs_records) {
            return RecordNeed::Needed { needed_by: maker.clone() };
        }
        let counts_on_it =
            |(_, run): &(&RunId, &RunClaims)| run.needs_records && run.records.contains_key(record);
        if let Some((run, _)) = self.runs.iter().find(counts_on_it) {
            return RecordNeed::Needed { needed_by: run.clone() };
        }
        // Runs of another state folder are seen only by what they have ordered. Whoever cancelled
        // the run has given its own order up.
        let given_up =
            known.filter(|run| run.is_cancelled).and_then(|run| run.certificate.as_ref());
        if let Some(order) = open_orders.iter().find(|order| Some(*order) != given_up) {
            return RecordNeed::OpenOrder { certificate_id: order.clone() };
        }
        if known.is_some() { RecordNeed::LeftOver } else { RecordNeed::UnknownRun }
    }
}

/// The records that a step's output or its parameters list, in whatever field.
fn named(fields: &Map<String, Value>) -> Vec<NamedRecord> {
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let record = |item: &Value| {
        let (name, kind, value) = (text(item, "name")?, text(item, "type")?, text(item, "value")?);
        Some(NamedRecord::new(&name, &kind, &value))
    };
    fields.values().filter_map(Value::as_array).flatten().filter_map(record).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(value: &str) -> NamedRecord {
        NamedRecord::new("_dnsauth.example.com", "CNAME", value)
    }

    fn run(number: u64) -> RunId {
        RunId::from_random(number)
    }

    fn claims(needs_records: bool, records: &[NamedRecord]) -> RunClaims {
        RunClaims {
            target: "www.example.com".to_owned(),
            phase: "succeeded",
            is_cancelled: false,
            certificate: None,
            needs_records,
            records: records.iter().map(|one| (one.clone(), Timestamp::UNIX_EPOCH)).collect(),
        }
    }

    fn none() -> BTreeSet<CertificateId> {
        BTreeSet::new()
    }

    #[test]
    fn a_record_that_an_open_order_asks_for_is_needed_unless_that_order_was_given_up() {
        let order = |text: &str| CertificateId::parse(text).unwrap();
        let own = claims(false, &[record("a")]);
        let own = RunClaims { certificate: Some(order("AAAAAAAAAAAA1")), ..own };
        let mut all = Claims::default();
        all.add(run(1), own.clone());
        all.add(run(2), RunClaims { is_cancelled: true, ..own });
        let judge = |maker: u64, open: &str| {
            all.judge(&run(maker), &record("a"), &BTreeSet::from([order(open)]))
        };
        let needed = |text: &str| RecordNeed::OpenOrder { certificate_id: order(text) };
        // A reissue that somebody else runs under the same id.
        assert_eq!(judge(1, "AAAAAAAAAAAA1"), needed("AAAAAAAAAAAA1"));
        assert_eq!(judge(2, "AAAAAAAAAAAA1"), RecordNeed::LeftOver);
        assert_eq!(judge(2, "BBBBBBBBBBBB1"), needed("BBBBBBBBBBBB1"));
        assert_eq!(judge(3, "BBBBBBBBBBBB1"), needed("BBBBBBBBBBBB1"));
    }

    #[test]
    fn a_record_is_left_over_when_its_run_is_known_and_needs_nothing_any_more() {
        let mut all = Claims::default();
        all.add(run(1), claims(false, &[record("a")]));
        all.add(run(2), claims(true, &[record("b")]));
        assert_eq!(all.judge(&run(1), &record("a"), &none()), RecordNeed::LeftOver);
        assert_eq!(
            all.judge(&run(2), &record("b"), &none()),
            RecordNeed::Needed { needed_by: run(2) }
        );
        // Not even a former token of a run that goes on.
        assert_eq!(
            all.judge(&run(2), &record("x"), &none()),
            RecordNeed::Needed { needed_by: run(2) }
        );
        assert_eq!(all.judge(&run(3), &record("c"), &none()), RecordNeed::UnknownRun);
    }

    #[test]
    fn a_record_that_another_run_found_in_place_is_needed_by_that_one() {
        let mut all = Claims::default();
        all.add(run(1), claims(false, &[record("a")]));
        all.add(run(2), claims(true, &[record("A.")]));
        for maker in [run(1), run(3)] {
            let needed = RecordNeed::Needed { needed_by: run(2) };
            assert_eq!(all.judge(&maker, &record("a"), &none()), needed);
        }
    }

    #[test]
    fn a_run_that_cannot_be_read_keeps_its_records() {
        let mut all = Claims::default();
        all.add_unreadable(run(1));
        assert_eq!(
            all.judge(&run(1), &record("a"), &none()),
            RecordNeed::Needed { needed_by: run(1) }
        );
    }

    #[test]
    fn records_are_found_wherever_a_step_lists_them() {
        let fields = json!({
            "certificate_id": "A",
            "names": ["www.example.com"],
            "dns_records": [{ "name": "_DNSAUTH.example.com.", "type": "cname", "value": "A." }],
            "kept": [{ "name": "_dnsauth.example.com", "reason": "it is not ours" }],
        });
        assert_eq!(named(fields.as_object().unwrap()), [record("a")]);
    }
}
