//! `Timing`: when the CA looks, how long people take, how long a token lives.
//!
//! Times are computed, never waited for: the world is asked what came due, not told when to run.

use std::time::Duration;

use crate::types::Timestamp;

/// When things happen in the imitated world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The CA's looks for the DNS record, one phase after the other; after the last it stops.
    pub looks: Vec<LookPhase>,
    /// From the completion of a staged order until its DNS records show (contract A.11).
    pub validation_after: Duration,
    /// From a direct order until its DNS records show: usually nothing (contract A.4).
    pub direct_validation_after: Duration,
    /// From an order until the list shows it (contract E.1: it may be late).
    pub listed_after: Duration,
    /// How long a new or replaced organization is checked before it can be used.
    pub organization_check: Duration,
    /// How long a checked organization can be used (contract B.6: about 397 days).
    pub organization_lifetime: Duration,
    /// How long an OV order's proof of a domain covers later ones (contract B.6: 199 days).
    pub validation_lifetime: Duration,
    /// How long the CA checks the organization of an OV order, one check after the other.
    pub vetting: Duration,
    /// From the last proof and check until the certificate is there.
    pub issuance: Duration,
    /// How long somebody takes to answer the validation mail (contract A.11, email DCV).
    pub email_answer: Duration,
    /// How long a DNS token lives before another takes its place (contract B.6: 30 days).
    pub token_lifetime: Duration,
}

/// One phase of the CA's looks: `every` so often, `lasting` so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookPhase {
    /// The pause before each look.
    pub every: Duration,
    /// The length of the phase.
    pub lasting: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Timing {
    /// The CA's published schedule (contract B.6), for a virtual clock.
    pub fn published() -> Self {
        Self {
            looks: vec![
                LookPhase { every: MINUTE, lasting: 15 * MINUTE },
                LookPhase { every: 5 * MINUTE, lasting: HOUR },
                LookPhase { every: 15 * MINUTE, lasting: DAY },
                LookPhase { every: HOUR, lasting: 10 * DAY },
            ],
            validation_after: Duration::from_secs(20),
            direct_validation_after: Duration::ZERO,
            listed_after: Duration::ZERO,
            organization_check: Duration::ZERO,
            organization_lifetime: 397 * DAY,
            validation_lifetime: 199 * DAY,
            vetting: 5 * MINUTE,
            issuance: Duration::ZERO,
            email_answer: 10 * MINUTE,
            token_lifetime: 30 * DAY,
        }
    }

    /// Seconds instead of minutes and days, for a person in front of a real clock.
    pub fn quick() -> Self {
        Self {
            looks: vec![LookPhase { every: Duration::from_secs(1), lasting: 11 * DAY }],
            validation_after: Duration::from_secs(1),
            vetting: Duration::from_secs(2),
            email_answer: Duration::from_secs(2),
            ..Self::published()
        }
    }

    /// The first look after `after`, of the schedule that began at `since`.
    pub(super) fn next_look(&self, since: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let mut start = since;
        for phase in &self.looks {
            let end = later(start, phase.lasting);
            // A pause of nothing would be endlessly many looks.
            let every = i128::try_from(phase.every.as_millis()).unwrap_or(i128::MAX).max(1);
            let elapsed = after.duration_since(start).as_millis().max(0);
            let offset = (elapsed / every + 1).saturating_mul(every);
            let look =
                later(start, Duration::from_millis(u64::try_from(offset).unwrap_or(u64::MAX)));
            if look <= end {
                return Some(look);
            }
            start = end;
        }
        None
    }
}

/// `at` plus `by`, or the end of time.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[test]
    fn the_ca_looks_less_and_less_often_and_gives_up_after_eleven_days() {
        let timing = Timing::published();
        let mut looks = Vec::new();
        let mut at = second(0);
        while let Some(look) = timing.next_look(second(0), at) {
            looks.push(look.as_second() / 60);
            at = look;
        }
        assert_eq!(looks[..3], [1, 2, 3]);
        assert_eq!(looks[14..17], [15, 20, 25]);
        assert_eq!(looks[26..29], [75, 90, 105]);
        assert_eq!(looks.len(), 15 + 12 + 96 + 240);
        assert_eq!(looks.last(), Some(&(75 + 24 * 60 + 240 * 60)));
    }

    #[test]
    fn a_look_is_never_at_the_moment_that_was_looked_at_already() {
        let timing = Timing::published();
        assert_eq!(timing.next_look(second(0), second(59)), Some(second(60)));
        assert_eq!(timing.next_look(second(0), second(60)), Some(second(120)));
        assert_eq!(timing.next_look(second(0), second(-500)), Some(second(60)));
    }
}
