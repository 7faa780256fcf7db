//! How often a step is tried and how long it waits: `RetryPolicy`, `PollPolicy`.
//!
//! Only numbers and pure arithmetic on them; who waits is the driver.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::format_duration;

/// How an attempt that failed for a passing reason is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How many attempts there are at most, the first included; at least 1.
    pub attempts: u32,
    /// The delay after the first failed attempt; it doubles from then on.
    #[serde(with = "milliseconds")]
    pub backoff: Duration,
    /// No delay is longer than this, unless the server asks for it.
    #[serde(with = "milliseconds")]
    pub max_delay: Duration,
    /// Which failures are tried again; without it, all that can pass by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<PassingFailure>>,
}

/// A failure that can pass by itself, as plans name it in `retry: { on: […] }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassingFailure {
    /// The API cannot be reached, or the connection broke.
    Unreachable,
    /// An attempt took too long.
    Timeout,
    /// The API allows no more requests for now.
    RateLimited,
    /// The API had a fault of its own.
    Server,
    /// Something answered, but not the API: a gateway in trouble.
    Unreadable,
    /// The API said no for now, and asks for another attempt.
    Refused,
    /// What is there does not fit yet.
    Conflict,
}

impl PassingFailure {
    /// All of them, by the words that plans use, and what they mean.
    pub const WORDS: [(&'static str, Self, &'static str); 7] = [
        ("unreachable", Self::Unreachable, "the API cannot be reached, or the connection broke"),
        ("timeout", Self::Timeout, "an attempt took too long"),
        ("rate_limited", Self::RateLimited, "the API allows no more requests for now"),
        ("server", Self::Server, "the API had a fault of its own"),
        ("unreadable", Self::Unreadable, "something else answered, such as a gateway in trouble"),
        ("refused", Self::Refused, "the API said no for now"),
        ("conflict", Self::Conflict, "what is there does not fit yet"),
    ];
}

impl RetryPolicy {
    /// One attempt only.
    pub fn never() -> Self {
        Self { attempts: 1, backoff: Duration::ZERO, max_delay: Duration::ZERO, on: None }
    }

    /// Whether a failure of this kind is tried again at all.
    pub fn covers(&self, failure: PassingFailure) -> bool {
        self.on.as_ref().is_none_or(|on| on.contains(&failure))
    }

    /// The delay after `attempt` (counted from 1) has failed; none when it was the last.
    ///
    /// A delay that the server asked for (`Retry-After`) wins when it is longer.
    pub fn delay_after(&self, attempt: u32, server_asks: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(20);
        let backoff = self.backoff.saturating_mul(1 << doublings).min(self.max_delay);
        Some(backoff.max(server_asks.unwrap_or_default()))
    }
}

/// How a waiting step looks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollPolicy {
    /// The pause between two looks.
    #[serde(with = "milliseconds")]
    pub every: Duration,
    /// How long it waits in all, from its first look in this session.
    #[serde(with = "milliseconds")]
    pub timeout: Duration,
    /// What the end of the time means.
    pub on_timeout: OnTimeout,
    /// Whether the pauses grow with the time that it has waited: so when the plan names none.
    #[serde(default)]
    pub stretches: bool,
}

/// The CA looks each minute for a quarter of an hour, each five minutes for an hour, each quarter of
/// an hour for a day, and then each hour (contract B.6). To look more often shows nothing new.
const CA_SCHEDULE: [(Duration, Duration); 3] = [
    (Duration::from_secs(15 * 60), Duration::from_secs(5 * 60)),
    (Duration::from_secs(75 * 60), Duration::from_secs(15 * 60)),
    (Duration::from_secs(25 * 3_600 + 15 * 60), Duration::from_secs(3_600)),
];

impl PollPolicy {
    /// The pause before the next look of a step that has `waited` so long.
    pub fn pause(&self, waited: Duration) -> Duration {
        let stage = CA_SCHEDULE.iter().rev().find(|(after, _)| self.stretches && waited >= *after);
        stage.map_or(self.every, |(_, pause)| self.every.max(*pause))
    }

    /// From which waiting time on it looks less often than `every`, and how often then.
    pub fn later(&self) -> impl Iterator<Item = (Duration, Duration)> {
        let stages = CA_SCHEDULE.iter().copied().filter(|_| self.stretches);
        stages.filter(|(after, pause)| *after < self.timeout && *pause > self.every)
    }

    /// How often it looks, in words: "every 30s", and that it does so less often later.
    pub fn pace(&self) -> String {
        let every = format_duration(self.every);
        let later = if self.stretches { " (later less often)" } else { "" };
        format!("every {every}{later}")
    }
}

/// What the end of a poll's time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The run parks and can be resumed.
    Park,
    /// The step fails.
    Fail,
}

/// Durations in stored plans, as whole milliseconds.
pub(super) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::plan) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_end_with_the_last_attempt() {
        let policy = RetryPolicy {
            attempts: 5,
            backoff: Duration::from_secs(2),
            max_delay: Duration::from_secs(10),
            on: None,
        };
        let delays: Vec<Option<u64>> = (1..=5)
            .map(|attempt| policy.delay_after(attempt, None).map(|delay| delay.as_secs()))
            .collect();
        assert_eq!(delays, [Some(2), Some(4), Some(8), Some(10), None]);
    }

    #[test]
    fn only_the_failures_that_are_named_are_tried_again() {
        let some = RetryPolicy { on: Some(vec![PassingFailure::Server]), ..RetryPolicy::never() };
        assert!(some.covers(PassingFailure::Server) && !some.covers(PassingFailure::Timeout));
        assert!(RetryPolicy::never().covers(PassingFailure::Timeout));
        let stored = serde_json::json!({"attempts": 1, "backoff": 0, "max_delay": 0});
        assert_eq!(serde_json::from_value::<RetryPolicy>(stored).unwrap(), RetryPolicy::never());
    }

    #[test]
    fn the_words_of_plans_are_those_of_stored_plans() {
        for (word, failure, _) in PassingFailure::WORDS {
            assert_eq!(serde_json::to_value(failure).unwrap(), word);
        }
    }

    #[test]
    fn pauses_grow_along_the_schedule_of_the_ca_unless_the_plan_names_its_own() {
        let every = Duration::from_secs(30);
        let policy = |stretches| PollPolicy {
            every,
            timeout: Duration::from_secs(7 * 86_400),
            on_timeout: OnTimeout::Park,
            stretches,
        };
        let minutes = [0, 14, 15, 74, 75, 24 * 60, 26 * 60];
        let waited = minutes.map(|minutes| Duration::from_secs(minutes * 60));
        let pauses = waited.map(|waited| policy(true).pause(waited).as_secs());
        assert_eq!(pauses, [30, 30, 300, 300, 900, 900, 3_600]);
        assert!(waited.iter().all(|waited| policy(false).pause(*waited) == every));
        assert_eq!(policy(true).pace(), "every 30s (later less often)");
        assert_eq!(policy(false).pace(), "every 30s");
    }

    #[test]
    fn the_stages_that_are_told_are_those_that_the_pauses_follow() {
        let policy = PollPolicy {
            every: Duration::from_secs(30),
            timeout: Duration::from_secs(7 * 86_400),
            on_timeout: OnTimeout::Park,
            stretches: true,
        };
        let mut told = policy.later().peekable();
        let mut pause = policy.every;
        for minutes in 0..7 * 24 * 60 {
            let waited = Duration::from_secs(minutes * 60);
            if let Some((_, next)) = told.next_if(|(after, _)| *after == waited) {
                pause = next;
            }
            assert_eq!(policy.pause(waited), pause, "after {minutes} minutes");
        }
        assert_eq!(told.next(), None);
        assert_eq!(PollPolicy { stretches: false, ..policy.clone() }.later().count(), 0);
        let short = PollPolicy { timeout: Duration::from_secs(30 * 60), ..policy };
        assert_eq!(short.later().count(), 1);
    }

    #[test]
    fn a_longer_wish_of_the_server_wins() {
        let policy = RetryPolicy { attempts: 2, ..RetryPolicy::never() };
        let asked = Some(Duration::from_secs(90));
        assert_eq!(policy.delay_after(1, asked), asked);
    }
}
