//! No window of the service ever holds more than its limit, whatever happens between it and us.

use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::ledger::{Decision, Ledger, Report, Rules, Ticket};
use super::super::{Micros, Window, Windows};
use crate::api::http::{Urgency, Verdict};

const MILLI: Micros = 1_000;
const HORIZON: Micros = 2_000 * MILLI;

/// A request that somebody wants to send.
#[derive(Debug, Clone)]
struct Wish {
    /// How long after the one before.
    after: Micros,
    urgency: Urgency,
    /// On the way there, until it counts.
    there: Micros,
    /// Until the answer is back; never reported when longer than a request may take.
    back: Micros,
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let urgency = prop_oneof![Just(Urgency::Order), Just(Urgency::Write), Just(Urgency::Read)];
    let after = prop_oneof![8 => Just(0), 3 => 0..20 * MILLI, 1 => 0..3_000 * MILLI];
    let way = || prop_oneof![3 => 0..5 * MILLI, 1 => 0..900 * MILLI];
    let wish = (after, urgency, way(), way()).prop_map(|(after, urgency, there, back)| Wish {
        after,
        urgency,
        there,
        back,
    });
    prop::collection::vec(wish, 1..250)
}

fn windows() -> impl Strategy<Value = Windows> {
    let window = (1_usize..40, 1_u64..1_500)
        .prop_map(|(requests, span)| Window { requests, span: Duration::from_millis(span) });
    prop::collection::vec(window, 1..4).prop_map(|windows| Windows::new(windows).unwrap())
}

/// Plays the wishes; returns when each request counted at the service.
fn play(rules: &Rules, wishes: &[Wish], programs: usize) -> Vec<Micros> {
    // One ledger, as in the file; the reports come in from the programs in the order of time.
    let mut ledger = Ledger::default();
    let mut reports: BinaryHeap<(std::cmp::Reverse<Micros>, usize)> = BinaryHeap::new();
    let mut tickets: Vec<Ticket> = Vec::new();
    let (mut wished, mut now, mut arrivals) = (1_000_000_000, 0, Vec::new());
    for (index, wish) in wishes.iter().enumerate() {
        wished += wish.after;
        now = wished.max(now);
        loop {
            while reports.peek().is_some_and(|(at, _)| at.0 <= now) {
                let (at, ticket) = reports.pop().unwrap();
                // Each program has a killed request now and then.
                let verdict = Some(if (ticket + programs).is_multiple_of(13) {
                    Verdict::Abandoned
                } else {
                    Verdict::Answered
                });
                let ticket = tickets[ticket];
                ledger.report(Report { ticket, verdict, at: at.0, jitter: 0.0 });
            }
            match ledger.ask(rules, wish.urgency, now) {
                Decision::Go(ticket) => {
                    arrivals.push(now + wish.there);
                    reports.push((std::cmp::Reverse(now + wish.there + wish.back), index));
                    tickets.push(ticket);
                    break;
                }
                Decision::Wait(until, why) => {
                    assert!(until > now, "waits for the past: {why:?}");
                    assert!(until <= now + 2 * HORIZON + 3_100 * MILLI, "starves: {why:?}");
                    // A report may make room earlier.
                    let next = reports.peek().map_or(until, |(at, _)| at.0);
                    now = until.min(next).max(now + 1);
                }
            }
        }
    }
    arrivals
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_window_of_the_service_ever_holds_more_than_its_limit(
        windows in windows(), wishes in wishes(), programs in 0_usize..13,
    ) {
        let rules = Rules { windows: windows.clone(), horizon: HORIZON };
        let mut arrivals = play(&rules, &wishes, programs);
        prop_assert_eq!(arrivals.len(), wishes.len(), "everybody gets a turn");
        arrivals.sort_unstable();
        for window in windows.iter() {
            let span = Micros::try_from(window.span.as_micros()).unwrap();
            for (index, begin) in arrivals.iter().enumerate() {
                let inside =
                    arrivals[index..].iter().take_while(|at| **at < begin + span).count();
                prop_assert!(inside <= window.requests, "{inside} in {window:?} from {begin}");
            }
        }
    }

    #[test]
    fn a_clock_that_jumps_back_holds_nobody_for_longer_than_a_window(
        jump in 0_i64..100_000_000_000, sent in 1_usize..60,
    ) {
        let rules = Rules { windows: Windows::parse("50/10s").unwrap(), horizon: HORIZON };
        let mut ledger = Ledger::default();
        let begin = 1_000_000_000_000;
        for _ in 0..sent {
            let _ = ledger.ask(&rules, Urgency::Order, begin);
        }
        let mut now = begin - jump;
        let first = now;
        while let Decision::Wait(until, _) = ledger.ask(&rules, Urgency::Order, now) {
            prop_assert!(until > now);
            now = until;
        }
        // Ten minutes is what a clock may be set back without being noticed.
        prop_assert!(now - first <= 612_100_000, "{}", now - first);
    }
}

#[test]
fn a_full_window_is_used_to_its_last_request() {
    let rules = Rules { windows: Windows::digicert(), horizon: HORIZON };
    let mut ledger = Ledger::default();
    let (mut now, begin, mut sent) = (1_000_000_000, 1_000_000_000, 0);
    while now < begin + 1_800_000 * MILLI {
        match ledger.ask(&rules, Urgency::Order, now) {
            Decision::Go(ticket) => {
                sent += 1;
                let verdict = Some(Verdict::Answered);
                ledger.report(Report { ticket, verdict, at: now, jitter: 0.0 });
            }
            Decision::Wait(until, _) => now = until,
        }
    }
    // Ten spans of 180 s; the margin costs half a per cent of the time.
    assert_eq!(sent, 10_000);
}
