//! What the fold of a run's events says of its standstills.

use super::*;
use crate::run::Values;
use crate::run::testing::header;

fn step() -> StepId {
    StepId::parse("issued").unwrap()
}

fn parked(code: &str) -> EventKind {
    let reason = ParkReason {
        waits_for: WaitsFor::Person,
        code: code.to_owned(),
        message: String::new(),
        completion_url: None,
    };
    EventKind::StepParked { step: step(), reason }
}

fn begun(attempt: u32) -> EventKind {
    let parameters = Values::default();
    EventKind::StepStarted { step: step(), attempt, parameters, deadline: None }
}

fn reopened(reason: ReopenReason) -> EventKind {
    EventKind::StepReopened { step: step(), reason }
}

/// Since which second it is parked, when one of these happens each second after the start.
fn parked_since(kinds: &[EventKind]) -> i64 {
    let kinds =
        std::iter::once(EventKind::RunStarted(header([step()]))).chain(kinds.iter().cloned());
    let events = kinds.zip(1_u32..).map(|(kind, sequence)| {
        let at = Timestamp::from_second(i64::from(sequence) - 1).unwrap();
        Event { sequence, at, kind }
    });
    let state = RunState::fold(&events.collect::<Vec<_>>()).unwrap();
    state.parked().unwrap().since.as_second()
}

#[test]
fn a_wait_is_as_old_as_its_reason_and_one_after_a_success_is_another_wait() {
    let resumed = || reopened(ReopenReason::Resumed);
    let first = [begun(1), parked("vetting"), resumed(), begun(2)];
    let looked_again = [&first[..], &[parked("vetting")]].concat();
    assert_eq!(parked_since(&looked_again), 2);
    let for_something_else = [&first[..], &[parked("call")]].concat();
    assert_eq!(parked_since(&for_something_else), 5);
    let changed = ReopenReason::Changed { origin: step(), seen_by: step() };
    let done = EventKind::StepSucceeded { step: step(), output: Values::default() };
    let once_more = [&first[..], &[done, reopened(changed), begun(3), parked("vetting")]].concat();
    assert_eq!(parked_since(&once_more), 8);
}

#[test]
fn why_a_run_was_stopped_is_said_as_long_as_it_stands_still_for_that() {
    let stopped = EventKind::RunPaused {
        reason: PauseReason::Interrupted,
        stopped_by: Some(StopReason::OrderLimit),
    };
    let resumed = EventKind::RunResumed { program: "certplan".to_owned() };
    let at = Timestamp::UNIX_EPOCH;
    let events: Vec<Event> = [EventKind::RunStarted(header([step()])), stopped, resumed]
        .into_iter()
        .zip(1..)
        .map(|(kind, sequence)| Event { sequence, at, kind })
        .collect();
    let stopped_by = |count| RunState::fold(&events[..count]).unwrap().stopped_by;
    assert_eq!(
        (1..=3).map(stopped_by).collect::<Vec<_>>(),
        [None, Some(StopReason::OrderLimit), None]
    );
    let begun = |count| RunState::fold(&events[..count]).unwrap().has_begun();
    assert_eq!((begun(1), begun(2)), (false, true));
}
