//! `Script`: what is planned to happen, in the order of its time.
//!
//! Pure bookkeeping; what is still to come is noted in the world, so that it outlives a restart.
//! Whoever catches up with the clock asks it for what is next.

use std::collections::BTreeSet;

use super::happening::{Happening, PlannedHappening, Since};
use super::world::{Expected, RuleKeys, World};
use crate::types::{DomainName, Timestamp};

/// What is planned, and what of it is still to come.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// With the keys by which the world knows them.
    planned: Vec<(String, PlannedHappening)>,
    /// Time, place in `planned`, and the order that it happens to, if it is that of one.
    queue: BTreeSet<(Timestamp, usize, Option<String>)>,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) happening: Happening,
    /// The order that it happens to, if it is that of one.
    pub(super) order: Option<String>,
    /// By what the world knows it.
    pub(super) expected: Expected,
}

impl Script {
    /// What is to come in `world` from `now` on: of rules that are new there all, of others what was
    /// left. What should have happened while they were not in force happens at once.
    pub(super) fn new(planned: Vec<PlannedHappening>, world: &mut World, now: Timestamp) -> Self {
        let mut keys = RuleKeys::default();
        let keyed = |one: PlannedHappening| (keys.of(&format!("{one:?}")), one);
        let planned: Vec<(String, PlannedHappening)> = planned.into_iter().map(keyed).collect();
        for (rule, one) in planned.iter().filter(|(_, one)| one.since == Since::Start) {
            if world.begin_rule(rule) {
                world.expect((rule.clone(), None), later(now, one));
            }
        }
        let place = |rule: &str| planned.iter().position(|(known, _)| known == rule);
        let queue = world
            .expected()
            .filter_map(|((rule, order), at)| Some((at.max(now), place(rule)?, order.clone())))
            .collect();
        Self { planned, queue }
    }

    /// An order was placed at `at`: what counts from there is planned for it.
    pub(super) fn order_made(
        &mut self,
        world: &mut World,
        id: &str,
        common_name: &DomainName,
        at: Timestamp,
    ) {
        for (place, (rule, one)) in self.planned.iter().enumerate() {
            let target = &one.happening.target;
            if one.since == Since::Order && target.as_ref().is_none_or(|name| name == common_name) {
                let at = later(at, one);
                world.expect((rule.clone(), Some(id.to_owned())), at);
                self.queue.insert((at, place, Some(id.to_owned())));
            }
        }
    }

    /// When the next thing happens, if that is not after `now`.
    pub(super) fn next_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.queue.first().map(|(at, _, _)| *at).filter(|at| *at <= now)
    }

    /// Takes the next thing. The world expects it until it is told that it happened.
    pub(super) fn take_next(&mut self) -> Option<Next> {
        let (_, place, order) = self.queue.pop_first()?;
        let (rule, one) = self.planned.get(place)?;
        let expected = (rule.clone(), order.clone());
        Some(Next { happening: one.happening.clone(), order, expected })
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
    use crate::sandbox::options::SandboxOptions;

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
        let rules = SandboxOptions::standalone().rules();
        let mut world = World::new(rules);
        let mut script = Script::new(planned.clone(), &mut world, second(0));
        script.order_made(&mut world, "A", &name, second(1));
        script.order_made(&mut world, "B", &DomainName::parse("b.example").unwrap(), second(1));
        script.order_made(&mut world, "C", &name, second(100));
        assert_eq!(script.next_by(second(3)), None);
        assert_eq!(script.next_by(second(4)), Some(second(4)));
        let first = script.take_next().unwrap();
        assert_eq!(first.order.as_deref(), Some("A"));
        world.expect_no_more(first.expected);
        // After a restart neither the first comes again, nor does the start count anew.
        let mut script = Script::new(planned, &mut world, second(50));
        assert_eq!(script.next_by(second(50)), Some(second(50)));
        let taken = std::iter::from_fn(|| script.take_next());
        let orders: Vec<Option<String>> = taken.map(|next| next.order).collect();
        assert_eq!(orders, [None, Some("C".to_owned())]);
    }
}
