//! `Script`: what is planned to happen, in the order of its time.
//!
//! Pure bookkeeping. Whoever catches up with the clock asks it for what is next.

use std::collections::BTreeSet;

use super::happening::{Happening, PlannedHappening, Since};
use crate::types::{DomainName, Timestamp};

/// What is planned, and what of it is still to come.
#[derive(Debug, Default)]
pub(super) struct Script {
    planned: Vec<PlannedHappening>,
    /// Time, place in `planned`, and the order that it happens to, if it is that of one.
    queue: BTreeSet<(Timestamp, usize, Option<String>)>,
}

impl Script {
    /// The plan of a world that begins at `start`.
    pub(super) fn new(planned: Vec<PlannedHappening>, start: Timestamp) -> Self {
        let queue = planned
            .iter()
            .enumerate()
            .filter(|(_, one)| one.since == Since::Start)
            .map(|(place, one)| (later(start, one), place, None))
            .collect();
        Self { planned, queue }
    }

    /// An order was placed at `at`: what counts from there is planned for it.
    pub(super) fn order_made(&mut self, id: &str, common_name: &DomainName, at: Timestamp) {
        for (place, one) in self.planned.iter().enumerate() {
            let target = &one.happening.target;
            if one.since == Since::Order && target.as_ref().is_none_or(|name| name == common_name) {
                self.queue.insert((later(at, one), place, Some(id.to_owned())));
            }
        }
    }

    /// When the next thing happens, if that is not after `now`.
    pub(super) fn next_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.queue.first().map(|(at, _, _)| *at).filter(|at| *at <= now)
    }

    /// Takes the next thing, and the order that it happens to.
    pub(super) fn take_next(&mut self) -> Option<(Happening, Option<String>)> {
        let (_, place, order) = self.queue.pop_first()?;
        Some((self.planned.get(place)?.happening.clone(), order))
    }
}

fn later(at: Timestamp, planned: &PlannedHappening) -> Timestamp {
    at.checked_add(planned.after).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::happening::HappeningKind;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[test]
    fn things_happen_in_the_order_of_their_times_and_once_for_each_order() {
        let name = DomainName::parse("a.example").unwrap();
        let plan = |after, since, kind, target| PlannedHappening {
            after: Duration::from_secs(after),
            since,
            happening: Happening { kind, target },
        };
        let planned = vec![
            plan(10, Since::Start, HappeningKind::Cancel, None),
            plan(3, Since::Order, HappeningKind::Reject, Some(name.clone())),
        ];
        let mut script = Script::new(planned, second(0));
        script.order_made("A", &name, second(1));
        script.order_made("B", &DomainName::parse("b.example").unwrap(), second(1));
        script.order_made("C", &name, second(100));
        assert_eq!(script.next_by(second(3)), None);
        assert_eq!(script.next_by(second(4)), Some(second(4)));
        let taken = std::iter::from_fn(|| script.take_next());
        let orders: Vec<Option<String>> = taken.map(|(_, order)| order).collect();
        assert_eq!(orders, [Some("A".to_owned()), None, Some("C".to_owned())]);
    }
}
