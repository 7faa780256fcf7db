//! `Slots`: how many actions may be performed at the same time, and who is next.
//!
//! What follows from an intent that is recorded goes before everything else: as long as an order is
//! recorded and not sent, a crash means that somebody has to find out what became of it. Among
//! equals whoever came first. It knows nothing of actions, and waits for nothing but a slot.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// How soon somebody is to have a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Before all others: something is recorded, and has to be sent or asked after.
    First,
    /// As its turn comes.
    InTurn,
}

/// A number of slots that many share.
#[derive(Debug, Clone)]
pub(super) struct Slots(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    free: usize,
    first: VecDeque<oneshot::Sender<Slot>>,
    in_turn: VecDeque<oneshot::Sender<Slot>>,
}

/// A slot; free again as soon as it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Slots);

impl Slots {
    /// So many, and at least one.
    pub(super) fn new(number: usize) -> Self {
        let (first, in_turn) = (VecDeque::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(Inner { free: number.max(1), first, in_turn })))
    }

    /// A slot that is free now; the wait for one otherwise. Whoever drops the wait gives up, also
    /// when a slot is just on its way.
    pub(super) fn take(&self, haste: Haste) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut inner = self.lock();
        // There is none to spare while somebody waits.
        if inner.free > 0 {
            inner.free -= 1;
            return Ok(Slot(self.clone()));
        }
        let (sender, wait) = oneshot::channel();
        match haste {
            Haste::First => inner.first.push_back(sender),
            Haste::InTurn => inner.in_turn.push_back(sender),
        }
        Err(wait)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let next = {
            let mut inner = self.0.lock();
            loop {
                let Inner { first, in_turn, .. } = &mut *inner;
                match first.pop_front().or_else(|| in_turn.pop_front()) {
                    // Who has given up is passed over.
                    Some(gone) if gone.is_closed() => {}
                    Some(next) => break Some(next),
                    None => {
                        inner.free += 1;
                        break None;
                    }
                }
            }
        };
        // Outside the lock: a slot that nobody takes any more is dropped, and goes to the next.
        if let Some(next) = next {
            let _ = next.send(Self(self.0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(wait: &mut oneshot::Receiver<Slot>) -> Option<Slot> {
        wait.try_recv().ok()
    }

    #[test]
    fn what_is_recorded_goes_first_and_equals_in_their_order() {
        let slots = Slots::new(1);
        let held = slots.take(Haste::InTurn).unwrap();
        let mut early = slots.take(Haste::InTurn).unwrap_err();
        let mut late = slots.take(Haste::InTurn).unwrap_err();
        let mut urgent = slots.take(Haste::First).unwrap_err();
        drop(held);
        let held = granted(&mut urgent).unwrap();
        assert!(granted(&mut early).is_none() && granted(&mut late).is_none());
        drop(held);
        let held = granted(&mut early).unwrap();
        assert!(granted(&mut late).is_none());
        drop(held);
        assert!(granted(&mut late).is_some());
    }

    #[test]
    fn a_slot_for_somebody_who_has_given_up_goes_to_the_next_or_is_free_again() {
        let slots = Slots::new(0);
        let held = slots.take(Haste::First).unwrap();
        let (gone, mut next) =
            (slots.take(Haste::InTurn).unwrap_err(), slots.take(Haste::InTurn).unwrap_err());
        drop(gone);
        drop(held);
        let held = granted(&mut next).unwrap();
        let on_its_way = slots.take(Haste::First).unwrap_err();
        drop(held);
        assert!(slots.take(Haste::InTurn).is_err(), "it is on its way");
        // Nobody takes it out: the second waiter has it in its turn.
        drop(on_its_way);
        assert!(slots.take(Haste::InTurn).is_ok());
    }

    #[test]
    fn no_more_are_out_than_there_are() {
        let slots = Slots::new(3);
        let held: Vec<Slot> = (0..3).map(|_| slots.take(Haste::InTurn).unwrap()).collect();
        assert!(slots.take(Haste::First).is_err());
        drop(held);
        assert_eq!(
            (0..5).filter_map(|_| slots.take(Haste::First).ok()).collect::<Vec<_>>().len(),
            3
        );
    }
}
