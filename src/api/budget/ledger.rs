//! `Ledger`: everything that decides when the next request may go. Pure.
//!
//! It is small and changes in few places, so that it can live in a file that programs share.

use super::Micros;
use super::condition::{Condition, Leave, Sent};
use super::window::Windows;
use crate::api::http::{Urgency, Verdict};

/// More requests are never counted: the largest window does not take more.
pub(super) const MOST_SLOTS: usize = 65_536;

/// A time this far ahead was written by a clock that has been set back since.
const CREDIBLE_LEAD: Micros = 600_000_000;

/// The requests that still count, and the condition of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) condition: Condition,
    /// For each request the latest moment at which the service can have counted it; in no order.
    /// What is in no window any more is replaced.
    pub(super) slots: Vec<Micros>,
    /// Which slots were written since [`Ledger::clean`].
    dirty: Vec<usize>,
}

/// What stays the same from one question to the next.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) windows: Windows,
    /// How long a request can take at most, its connection included.
    pub(super) horizon: Micros,
}

/// A request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    slot: Option<usize>,
    /// What stands in the slot until the request is reported on.
    latest: Micros,
    pub(super) sent: Sent,
}

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) ticket: Ticket,
    /// None when it was let through and not sent.
    pub(super) verdict: Option<Verdict>,
    pub(super) at: Micros,
    /// Between 0 and 1, by chance.
    pub(super) jitter: f64,
}

/// The answer to whether a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It may; a probe first, when the service was down.
    Go(Ticket),
    /// Not before that time, unless something happens.
    Wait(Micros, Why),
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The windows are full.
    Windows,
    /// The service asked to be left alone.
    Held,
    /// One request goes ahead after that.
    Trial,
    /// The service is down.
    Down,
}

impl Ledger {
    /// A ledger with what was read from somewhere.
    pub(super) fn from_parts(condition: Condition, slots: Vec<Micros>) -> Self {
        Self { condition, slots, dirty: Vec::new() }
    }

    /// Whether a request may go at `now`. When it may, it counts from here on.
    pub(super) fn ask(&mut self, rules: &Rules, urgency: Urgency, now: Micros) -> Decision {
        self.disbelieve(now, rules.horizon);
        // The windows come first: leave that is not used would have to be taken back.
        if let Some(at) = rules.windows.open(&self.slots, urgency, now) {
            return Decision::Wait(at, Why::Windows);
        }
        let probe = match self.condition.leave(now, rules.horizon) {
            Leave::Hold(until) => return Decision::Wait(until, Why::Held),
            Leave::Trial(until) => return Decision::Wait(until, Why::Trial),
            Leave::Down(until) => return Decision::Wait(until, Why::Down),
            Leave::Go => false,
            Leave::Probe => true,
        };
        let latest = now.saturating_add(rules.horizon);
        let slot = self.count(&rules.windows, now, latest);
        Decision::Go(Ticket { slot, latest, sent: Sent { at: now, probe } })
    }

    /// Learns what became of a request.
    pub(super) fn report(&mut self, report: Report) {
        let Report { ticket, verdict, at, jitter } = report;
        let Some(verdict) = verdict else {
            self.condition.take_back(at);
            return self.settle(ticket, 0);
        };
        self.condition.learn(ticket.sent, verdict, at, jitter);
        match verdict {
            Verdict::Answered | Verdict::RateLimited { .. } | Verdict::Failing { .. } => {
                // A moment later than it can have been, because `at` is cut to whole microseconds.
                self.settle(ticket, at.saturating_add(1));
            }
            Verdict::Unreachable => self.settle(ticket, 0),
            // It may still be on its way.
            Verdict::Abandoned => {}
        }
    }

    /// The slots that were written since the last call.
    pub(super) fn clean(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.dirty)
    }

    fn settle(&mut self, ticket: Ticket, at: Micros) {
        let Some(slot) = ticket.slot else { return };
        // It is another's by now when the clock was set forward meanwhile.
        if self.slots.get(slot) == Some(&ticket.latest) {
            self.write(slot, at);
        }
    }

    fn count(&mut self, windows: &Windows, now: Micros, latest: Micros) -> Option<usize> {
        if windows.is_none() {
            return None;
        }
        let forgotten = windows.forgotten(now);
        let slot = match self.slots.iter().position(|at| *at <= forgotten) {
            Some(slot) => slot,
            None if self.slots.len() < MOST_SLOTS => {
                self.slots.push(0);
                self.slots.len() - 1
            }
            None => return None,
        };
        self.write(slot, latest);
        Some(slot)
    }

    fn write(&mut self, slot: usize, at: Micros) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = at;
            self.dirty.push(slot);
        }
    }

    /// After a clock was set back, what lies far ahead counts as of now: for one window at most.
    fn disbelieve(&mut self, now: Micros, horizon: Micros) {
        let latest = now.saturating_add(horizon.max(CREDIBLE_LEAD));
        for slot in 0..self.slots.len() {
            if self.slots.get(slot).is_some_and(|at| *at > latest) {
                self.write(slot, now);
            }
        }
    }
}
