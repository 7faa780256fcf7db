//! `Chronicle`: how far the rules of scenarios have come in this world: which calls a fault has
//! counted, and what is still to happen. It is kept with the world, so that a restart neither
//! repeats what is over nor forgets what is to come.
//!
//! A rule is known by its key, which follows from what it says; so the rules of several scenarios
//! can take turns in one world.

use std::collections::{BTreeMap, BTreeSet};

use super::{Touch, World};
use crate::types::Timestamp;

/// How far the rules have come.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    faults: BTreeMap<String, (u32, u32)>,
    /// The rules whose time was counted from a start already.
    begun: BTreeSet<String>,
    /// What is to happen, and when.
    expected: BTreeMap<Expected, Timestamp>,
}

/// Something that is to happen: the rule, and the order if it is that of one.
pub(crate) type Expected = (String, Option<String>);

impl World {
    /// How many calls a fault has matched and hit so far.
    pub(crate) fn fault_counts(&self, rule: &str) -> (u32, u32) {
        self.chronicle.faults.get(rule).copied().unwrap_or_default()
    }

    /// Notes how many calls a fault has matched and hit.
    pub(crate) fn note_fault(&mut self, rule: &str, matched: u32, hit: u32) {
        self.chronicle.faults.insert(rule.to_owned(), (matched, hit));
        self.touched.insert(Touch::Fault(rule.to_owned()));
    }

    /// True the first time that a rule is begun in this world.
    pub(crate) fn begin_rule(&mut self, rule: &str) -> bool {
        let is_new = self.chronicle.begun.insert(rule.to_owned());
        if is_new {
            self.touched.insert(Touch::Begun(rule.to_owned()));
        }
        is_new
    }

    /// What is still to happen, of all rules.
    pub(crate) fn expected(&self) -> impl Iterator<Item = (&Expected, Timestamp)> {
        self.chronicle.expected.iter().map(|(expected, at)| (expected, *at))
    }

    /// Something is to happen at `at`.
    pub(crate) fn expect(&mut self, expected: Expected, at: Timestamp) {
        self.touched.insert(Touch::Expected(expected.clone()));
        self.chronicle.expected.insert(expected, at);
    }

    /// It has happened.
    pub(crate) fn expect_no_more(&mut self, expected: Expected) {
        if self.chronicle.expected.remove(&expected).is_some() {
            self.touched.insert(Touch::Expected(expected));
        }
    }

    pub(super) fn expected_at(&self, expected: &Expected) -> Option<Timestamp> {
        self.chronicle.expected.get(expected).copied()
    }

    /// Puts stored counts back.
    pub(super) fn restore_fault(&mut self, rule: String, matched: u32, hit: u32) {
        self.chronicle.faults.insert(rule, (matched, hit));
    }

    /// Puts the stored beginning of a rule back.
    pub(super) fn restore_begun(&mut self, rule: String) {
        self.chronicle.begun.insert(rule);
    }

    /// Puts back what is stored of something that is, or was, to happen.
    pub(super) fn restore_expected(&mut self, expected: Expected, at: Option<Timestamp>) {
        match at {
            Some(at) => drop(self.chronicle.expected.insert(expected, at)),
            None => drop(self.chronicle.expected.remove(&expected)),
        }
    }

    /// The names of everything in it.
    pub(super) fn chronicle_touches(&self) -> impl Iterator<Item = Touch> {
        let Chronicle { faults, begun, expected } = &self.chronicle;
        let faults = faults.keys().cloned().map(Touch::Fault);
        let begun = begun.iter().cloned().map(Touch::Begun);
        faults.chain(begun).chain(expected.keys().cloned().map(Touch::Expected))
    }
}

/// Gives each rule its key: the same for the same text in every run of the same program. After an
/// update of the program a rule may count as a new one.
#[derive(Debug, Default)]
pub(crate) struct RuleKeys(BTreeMap<u64, u32>);

impl RuleKeys {
    /// The key of the next rule, of which `text` says everything.
    pub(crate) fn of(&mut self, text: &str) -> String {
        // FNV-1a, whose value does not change from one standard library to the next.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let number = self.0.entry(hash).or_default();
        *number += 1;
        format!("{hash:016x}-{number}")
    }
}
