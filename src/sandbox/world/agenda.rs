//! `Agenda`: which order has something to do next, so that nobody must look at all of them.
//!
//! An order stands in the queue with its next event, or waits for a change in certain zones, or
//! both. It is computed from the facts and never stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::types::Timestamp;

/// The next event of each order that has one.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    queue: BTreeSet<(Timestamp, String)>,
    places: HashMap<String, Timestamp>,
    /// The orders that wait for a change, by zone.
    waiting: BTreeMap<String, BTreeSet<String>>,
}

impl Agenda {
    /// Sets when the next event of an order is due; nothing takes it out of the queue.
    pub(super) fn schedule(&mut self, order_id: &str, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.places.insert(order_id.to_owned(), at),
            None => self.places.remove(order_id),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, order_id.to_owned()));
        }
        if let Some(at) = at {
            self.queue.insert((at, order_id.to_owned()));
        }
    }

    /// Whose next event is due by `now`, the earliest first.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.queue.iter().take_while(move |(at, _)| *at <= now).map(|(_, id)| id.as_str())
    }

    /// When the next event is due.
    #[cfg(test)]
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Notes that an order waits for a change in a zone.
    pub(super) fn wait(&mut self, zone: &str, order_id: &str) {
        self.waiting.entry(zone.to_owned()).or_default().insert(order_id.to_owned());
    }

    /// Takes those who waited for a change in that zone.
    pub(super) fn wake(&mut self, zone: &str) -> BTreeSet<String> {
        self.waiting.remove(zone).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_one_place_and_the_earliest_comes_first() {
        let second = |n| Timestamp::from_second(n).unwrap();
        let mut agenda = Agenda::default();
        agenda.schedule("A", Some(second(9)));
        agenda.schedule("B", Some(second(5)));
        agenda.schedule("A", Some(second(3)));
        assert_eq!(agenda.due(second(9)).collect::<Vec<_>>(), ["A", "B"]);
        agenda.schedule("A", None);
        assert_eq!(agenda.due(second(4)).count(), 0);
        assert_eq!(agenda.next(), Some(second(5)));
        agenda.wait("example.com", "A");
        assert!(agenda.wake("example.com").contains("A"));
        assert!(agenda.wake("example.com").is_empty());
    }
}
