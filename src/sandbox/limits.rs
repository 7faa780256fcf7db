//! `RateLimits`: how many requests the two vendors take in a while (contract A.0, B.4).
//!
//! Rolling windows on the sandbox's clock. Off unless switched on: a virtual clock stands still
//! while a program works, so every request of a moment falls into one window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::types::Timestamp;

/// So many requests within any such span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many are answered.
    pub requests: usize,
    /// Within which time.
    pub window: Duration,
}

/// The limits of both vendors; an empty list limits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of regfish's API.
    pub regfish: Vec<RateLimit>,
    /// Of DigiCert's API; all of them hold at the same time.
    pub digicert: Vec<RateLimit>,
}

impl RateLimits {
    /// The published limits.
    pub fn published() -> Self {
        let limit =
            |requests, seconds| RateLimit { requests, window: Duration::from_secs(seconds) };
        Self { regfish: vec![limit(500, 60)], digicert: vec![limit(1_000, 180), limit(100, 5)] }
    }
}

/// The requests that were answered lately.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<Timestamp>);

impl Meter {
    /// Counts a request, or refuses it. A refused one is not counted, so waiting always helps.
    pub(super) fn admit(&mut self, limits: &[RateLimit], now: Timestamp) -> bool {
        let Some(longest) = limits.iter().map(|limit| limit.window).max() else { return true };
        let within = |at: Timestamp, window: Duration| {
            Duration::try_from(now.duration_since(at)).unwrap_or_default() < window
        };
        while self.0.front().is_some_and(|at| !within(*at, longest)) {
            self.0.pop_front();
        }
        let full = |limit: &RateLimit| {
            let recent = self.0.iter().rev().take_while(|at| within(**at, limit.window));
            recent.take(limit.requests).count() >= limit.requests
        };
        if limits.iter().any(full) {
            return false;
        }
        self.0.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_hold_and_roll() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let limits = RateLimits::published().digicert;
        let mut meter = Meter::default();
        let admitted = (0..150).filter(|_| meter.admit(&limits, at(0))).count();
        assert_eq!(admitted, 100);
        assert!(!meter.admit(&limits, at(4_999)));
        let mut total = 100;
        for burst in 1..20 {
            total += (0..200).filter(|_| meter.admit(&limits, at(burst * 5_000))).count();
        }
        assert_eq!(total, 1_000);
        assert!(!meter.admit(&limits, at(179_999)));
        assert!(meter.admit(&limits, at(180_000)));
        assert!((0..9_999).all(|_| Meter::default().admit(&[], at(0))));
    }
}
