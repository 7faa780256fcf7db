//! `Queue`: who is next. Pure.
//!
//! The more urgent first, and among equals whoever came first. Every tenth turn goes to whoever has
//! waited longest, so that nobody waits for ever, however many orders keep coming.

use std::collections::VecDeque;

use crate::api::http::Urgency;

/// So often whoever has waited longest goes first.
const FAIR_TURN: u64 = 10;

/// Those who wait, with their urgency.
#[derive(Debug)]
pub(super) struct Queue<T> {
    classes: [VecDeque<(u64, T)>; 3],
    arrivals: u64,
    turns: u64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { classes: Default::default(), arrivals: 0, turns: 0 }
    }

    /// Joins the queue; returns the number to leave it with.
    pub(super) fn join(&mut self, urgency: Urgency, who: T) -> u64 {
        self.arrivals += 1;
        self.classes[class(urgency)].push_back((self.arrivals, who));
        self.arrivals
    }

    /// Leaves the queue before the turn came.
    pub(super) fn leave(&mut self, urgency: Urgency, number: u64) -> Option<T> {
        let class = &mut self.classes[class(urgency)];
        let index = class.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        class.remove(index).map(|(_, who)| who)
    }

    /// The urgency of whoever is next.
    pub(super) fn next(&self) -> Option<Urgency> {
        let heads = || {
            let urgencies = [Urgency::Order, Urgency::Write, Urgency::Read];
            urgencies.into_iter().filter_map(|urgency| {
                self.classes[class(urgency)].front().map(|(number, _)| (*number, urgency))
            })
        };
        if self.turns % FAIR_TURN == FAIR_TURN - 1 {
            heads().min_by_key(|(number, _)| *number).map(|(_, urgency)| urgency)
        } else {
            heads().next().map(|(_, urgency)| urgency)
        }
    }

    /// Gives whoever is next the turn.
    pub(super) fn call(&mut self) -> Option<T> {
        let urgency = self.next()?;
        self.turns += 1;
        self.classes[class(urgency)].pop_front().map(|(_, who)| who)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(VecDeque::is_empty)
    }

    pub(super) fn len(&self) -> usize {
        self.classes.iter().map(VecDeque::len).sum()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.classes.iter_mut().flatten().map(|(_, who)| who)
    }
}

fn class(urgency: Urgency) -> usize {
    match urgency {
        Urgency::Order => 0,
        Urgency::Write => 1,
        Urgency::Read => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_go_before_writes_before_polls_and_equals_in_their_order() {
        let mut queue = Queue::new();
        queue.join(Urgency::Read, "poll");
        queue.join(Urgency::Write, "record 1");
        queue.join(Urgency::Write, "record 2");
        queue.join(Urgency::Order, "order");
        let called: Vec<&str> = std::iter::from_fn(|| queue.call()).collect();
        assert_eq!(called, ["order", "record 1", "record 2", "poll"]);
    }

    #[test]
    fn a_poll_gets_its_turn_however_many_orders_keep_coming() {
        let mut queue = Queue::new();
        queue.join(Urgency::Read, "poll");
        let turns = std::iter::from_fn(|| {
            queue.join(Urgency::Order, "order");
            queue.call()
        });
        assert_eq!(turns.take_while(|who| *who != "poll").count(), 9);
    }

    #[test]
    fn whoever_leaves_is_not_called() {
        let mut queue = Queue::new();
        let first = queue.join(Urgency::Read, 1);
        queue.join(Urgency::Read, 2);
        assert_eq!(queue.leave(Urgency::Read, first), Some(1));
        assert_eq!(queue.leave(Urgency::Read, first), None);
        assert_eq!((queue.call(), queue.len()), (Some(2), 0));
    }
}
