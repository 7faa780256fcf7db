//! `Condition`: what the service said about itself: left alone for a while, or not there. Pure.
//!
//! Kept with the budget, so that all programs wait together and go on together. Times are
//! microseconds since 1970, 0 means never.

use std::time::Duration;

use super::Micros;
use crate::api::http::{LONGEST_RETRY_AFTER, Verdict};

/// So many failures in a row mean that the service is down, and not that a request was unlucky.
/// Fewer than the attempts of a step, so that no run fails before the waiting begins.
const FAILURES_TO_BELIEVE: i64 = 3;

/// The first pause after a refusal that names none, and after a service went down; they double.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The time of the last answer is not kept more exactly: it would be written for every request.
const ANSWER_GRAIN: Micros = 10_000_000;

/// What is known of the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// It asked to be left alone until then.
    pub(super) hold_until: Micros,
    /// When it last refused a request for being too many.
    pub(super) refused_at: Micros,
    /// How often in a row it did, counting those that were under way together as one.
    pub(super) refusals: i64,
    /// After a refusal one request goes alone; it has until then to bring an answer.
    pub(super) trial_until: Micros,
    /// Failures in a row.
    pub(super) failures: i64,
    /// Since when it is taken to be down.
    pub(super) down_since: Micros,
    /// When it is asked again.
    pub(super) next_probe: Micros,
    /// How often it was asked in vain.
    pub(super) probes: i64,
    /// When it last answered, roughly.
    pub(super) answered_at: Micros,
}

/// What the condition says about the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may go as far as the service is concerned.
    Go,
    /// The service has to show first that it is back.
    Probe,
    /// It asked to be left alone.
    Hold(Micros),
    /// One request goes ahead after that, and has not come back yet.
    Trial(Micros),
    /// It is down.
    Down(Micros),
}

/// How a request was sent that is now reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// When.
    pub(super) at: Micros,
    /// Whether it was a probe.
    pub(super) probe: bool,
}

impl Condition {
    /// What may be done at `now`; a request takes at most `horizon`.
    pub(super) fn leave(&mut self, now: Micros, horizon: Micros) -> Leave {
        // Times further ahead than they can be set were set by a clock that was wrong.
        let longest = micros(LONGEST_RETRY_AFTER).max(horizon).saturating_mul(2);
        for time in [&mut self.hold_until, &mut self.trial_until, &mut self.next_probe] {
            if *time > now.saturating_add(longest) {
                *time = now;
            }
        }
        if now < self.hold_until {
            return Leave::Hold(self.hold_until);
        }
        if self.down_since != 0 {
            if now < self.next_probe {
                return Leave::Down(self.next_probe);
            }
            // Whoever asks now asks for all. Should it never report, the next one does.
            self.next_probe = now.saturating_add(horizon);
            return Leave::Probe;
        }
        if self.refusals != 0 {
            if now < self.trial_until {
                return Leave::Trial(self.trial_until);
            }
            self.trial_until = now.saturating_add(horizon);
        }
        Leave::Go
    }

    /// Whether the service neither is down nor wants to be left alone.
    pub(super) fn is_well(&self) -> bool {
        self.down_since == 0 && self.refusals == 0
    }

    /// Takes a request's leave back that was not used.
    pub(super) fn take_back(&mut self, now: Micros) {
        self.trial_until = self.trial_until.min(now);
        self.next_probe = self.next_probe.min(now);
    }

    /// Learns what became of a request. `jitter` is between 0 and 1.
    pub(super) fn learn(&mut self, sent: Sent, verdict: Verdict, now: Micros, jitter: f64) {
        match verdict {
            Verdict::Answered => self.answered(sent, now),
            Verdict::RateLimited { retry_after } => {
                // It is there.
                self.answered(Sent { at: 0, ..sent }, now);
                self.refused(sent, retry_after, now, jitter);
            }
            Verdict::Unreachable => self.failed(sent, None, now, jitter),
            Verdict::Failing { retry_after } => self.failed(sent, retry_after, now, jitter),
            Verdict::Abandoned => {}
        }
    }

    fn answered(&mut self, sent: Sent, now: Micros) {
        (self.failures, self.down_since, self.next_probe, self.probes) = (0, 0, 0, 0);
        if sent.at >= self.refused_at {
            (self.refusals, self.trial_until) = (0, 0);
        }
        if now.abs_diff(self.answered_at) > ANSWER_GRAIN.unsigned_abs() {
            self.answered_at = now;
        }
    }

    fn refused(&mut self, sent: Sent, retry_after: Option<Duration>, now: Micros, jitter: f64) {
        if self.refusals == 0 || sent.at >= self.refused_at {
            self.refusals = self.refusals.saturating_add(1);
            self.refused_at = now;
        }
        let pause = match retry_after {
            Some(wish) if !wish.is_zero() => micros(wish),
            _ => pause(self.refusals, jitter),
        };
        self.hold_until = self.hold_until.max(now.saturating_add(pause));
        self.trial_until = 0;
    }

    fn failed(&mut self, sent: Sent, retry_after: Option<Duration>, now: Micros, jitter: f64) {
        if let Some(wish) = retry_after {
            self.hold_until = self.hold_until.max(now.saturating_add(micros(wish)));
        }
        if self.refusals != 0 && sent.at >= self.refused_at {
            self.trial_until = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if self.down_since != 0 {
            if sent.probe {
                self.probes = self.probes.saturating_add(1);
                self.next_probe = now.saturating_add(pause(self.probes.saturating_add(1), jitter));
            }
        } else if self.failures >= FAILURES_TO_BELIEVE && self.answered_at != 0 {
            // A service that never answered is a wrong address; waiting for that helps nobody.
            self.down_since = now;
            self.probes = 0;
            self.next_probe = now.saturating_add(pause(1, jitter));
        }
    }
}

/// A pause that doubles with `times`, and up to half of it more: not all come back together.
fn pause(times: i64, jitter: f64) -> Micros {
    let doublings = u32::try_from(times.saturating_sub(1)).unwrap_or_default().min(10);
    let whole = (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
    micros(whole + (whole / 2).mul_f64(jitter.clamp(0.0, 1.0)))
}

fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const HORIZON: Micros = 30 * SECOND;
    const FAILING: Verdict = Verdict::Failing { retry_after: None };
    const LIMITED: Verdict = Verdict::RateLimited { retry_after: None };

    fn at(at: Micros) -> Sent {
        Sent { at, probe: false }
    }

    fn answered_once() -> Condition {
        let mut condition = Condition::default();
        condition.learn(at(1), Verdict::Answered, 100 * SECOND, 0.0);
        condition
    }

    #[test]
    fn a_wish_to_be_left_alone_holds_everybody_for_just_as_long() {
        let mut condition = answered_once();
        let wish = Verdict::RateLimited { retry_after: Some(Duration::from_secs(17)) };
        condition.learn(at(1), wish, 200 * SECOND, 0.9);
        assert_eq!(condition.leave(216 * SECOND, HORIZON), Leave::Hold(217 * SECOND));
        assert_eq!(condition.leave(217 * SECOND, HORIZON), Leave::Go);
    }

    #[test]
    fn after_a_refusal_one_request_goes_alone_until_an_answer_came() {
        let mut condition = answered_once();
        condition.learn(at(199 * SECOND), LIMITED, 200 * SECOND, 0.0);
        assert_eq!(condition.leave(201 * SECOND, HORIZON), Leave::Go);
        assert_eq!(condition.leave(202 * SECOND, HORIZON), Leave::Trial(231 * SECOND));
        // An answer to what was sent before the refusal says nothing.
        condition.learn(at(199 * SECOND), Verdict::Answered, 203 * SECOND, 0.0);
        assert_eq!(condition.leave(203 * SECOND, HORIZON), Leave::Trial(231 * SECOND));
        condition.learn(at(201 * SECOND), Verdict::Answered, 204 * SECOND, 0.0);
        assert_eq!(condition.leave(204 * SECOND, HORIZON), Leave::Go);
        assert_eq!(condition.leave(204 * SECOND, HORIZON), Leave::Go);
    }

    #[test]
    fn refusals_without_a_wish_double_the_pause_and_those_of_one_burst_count_once() {
        let mut condition = answered_once();
        let mut now = 200 * SECOND;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let sent = now;
            for _ in 0..50 {
                now += 1;
                condition.learn(at(sent), LIMITED, now, 0.0);
            }
            pauses.push((condition.hold_until - now) / SECOND);
            now = condition.hold_until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn chance_lengthens_a_pause_by_up_to_a_half() {
        for (jitter, micros) in [(0.0, 4 * SECOND), (0.5, 5 * SECOND), (1.0, 6 * SECOND)] {
            assert_eq!(pause(3, jitter), micros);
        }
    }

    #[test]
    fn three_failures_in_a_row_stop_everybody_and_one_asks_for_all() {
        let mut condition = answered_once();
        for _ in 0..2 {
            condition.learn(at(1), FAILING, 200 * SECOND, 0.0);
        }
        assert_eq!(condition.leave(200 * SECOND, HORIZON), Leave::Go);
        condition.learn(at(1), Verdict::Unreachable, 200 * SECOND, 0.0);
        assert_eq!(condition.leave(200 * SECOND, HORIZON), Leave::Down(201 * SECOND));
        assert_eq!(condition.leave(201 * SECOND, HORIZON), Leave::Probe);
        assert_eq!(condition.leave(202 * SECOND, HORIZON), Leave::Down(231 * SECOND));
        let probe = Sent { at: 201 * SECOND, probe: true };
        condition.learn(probe, FAILING, 202 * SECOND, 0.0);
        assert_eq!(condition.leave(203 * SECOND, HORIZON), Leave::Down(204 * SECOND));
        condition.learn(probe, Verdict::Answered, 204 * SECOND, 0.0);
        assert_eq!(condition.leave(204 * SECOND, HORIZON), Leave::Go);
    }

    #[test]
    fn whoever_asks_for_all_and_dies_is_followed_by_another() {
        let mut condition = answered_once();
        (0..3).for_each(|_| condition.learn(at(1), FAILING, 200 * SECOND, 0.0));
        assert_eq!(condition.leave(201 * SECOND, HORIZON), Leave::Probe);
        assert_eq!(condition.leave(231 * SECOND, HORIZON), Leave::Probe);
    }

    #[test]
    fn failures_with_answers_between_them_stop_nobody() {
        let mut condition = answered_once();
        for _ in 0..50 {
            condition.learn(at(1), FAILING, 200 * SECOND, 0.0);
            condition.learn(at(1), FAILING, 200 * SECOND, 0.0);
            condition.learn(at(1), Verdict::Answered, 200 * SECOND, 0.0);
        }
        assert_eq!(condition.leave(200 * SECOND, HORIZON), Leave::Go);
    }

    #[test]
    fn an_address_that_never_answered_is_not_waited_for() {
        let mut condition = Condition::default();
        (0..50).for_each(|_| condition.learn(at(1), Verdict::Unreachable, 200 * SECOND, 0.0));
        assert_eq!(condition.leave(200 * SECOND, HORIZON), Leave::Go);
    }

    #[test]
    fn times_from_a_clock_that_was_wrong_hold_nobody() {
        let year = 365 * 86_400 * SECOND;
        let mut condition = Condition { hold_until: 9 * year, ..answered_once() };
        assert_eq!(condition.leave(2 * year, HORIZON), Leave::Go);
        let mut condition =
            Condition { down_since: 9 * year, next_probe: 9 * year, ..answered_once() };
        assert_eq!(condition.leave(2 * year, HORIZON), Leave::Probe);
    }
}
