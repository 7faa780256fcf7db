//! `DuePolicy`: how long before its end a certificate is to be replaced.
//!
//! A share of its lifetime, between two bounds: terms shrink year by year (398 days, then 199, 99,
//! 46), and a fixed number of days that is right for one of them is wrong for the next.

use std::fmt;
use std::time::Duration;

use crate::types::{Timestamp, format_duration, parse_duration, printable, shorten};

/// When a certificate is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuePolicy {
    /// The share of the lifetime that is left when it becomes due, in per cent.
    share: u8,
    /// It is due at least this long before its end.
    minimum: Duration,
    /// It is due at most this long before its end.
    maximum: Duration,
}

/// Why a policy cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DuePolicyError {
    /// The share is none.
    #[error("`{0}` is no share of a lifetime such as `33%`, from 1% to 99%")]
    Share(String),
    /// A time stands where the share belongs.
    #[error(
        "`{found}` stands where a share of the lifetime belongs, such as `33%`; `33%,{time},{time}` is {time} \
         before the end, whatever the lifetime"
    )]
    TimeForShare {
        /// What stands there.
        found: String,
        /// The time that it seems to mean.
        time: String,
    },
    /// A bound has no unit.
    #[error("`{0}` has no unit; `{0}d` is days, `{0}h` hours")]
    NoUnit(String),
    /// A bound is no duration.
    #[error("`{0}` is no duration such as `7d` or `36h`")]
    Bound(String),
    /// The bounds leave nothing.
    #[error("the lead cannot be {minimum} at least and {maximum} at most; the least comes first, as in `33%,7d,30d`", minimum = format_duration(*minimum), maximum = format_duration(*maximum))]
    Empty {
        /// The lower bound.
        minimum: Duration,
        /// The upper bound.
        maximum: Duration,
    },
    /// There are too many parts.
    #[error("`{0}` has more parts than a share, a minimum and a maximum, as in `33%,7d,30d`")]
    TooManyParts(String),
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for DuePolicy {
    /// A third of the lifetime, which is what most CAs recommend; a week at least, since an OV
    /// order can take days; thirty days at most, since the rest of a paid term is not given back.
    fn default() -> Self {
        Self { share: 33, minimum: 7 * DAY, maximum: 30 * DAY }
    }
}

impl DuePolicy {
    /// Reads `SHARE[,MINIMUM[,MAXIMUM]]`, for example `33%`, `25%,5d` or `33%,7d,30d`.
    ///
    /// A bound that is not given is the default's, unless the given one goes beyond it.
    pub fn parse(text: &str) -> Result<Self, DuePolicyError> {
        let shown = |text: &str| shorten(&printable(text), 40);
        let mut parts = text.split(',').map(str::trim);
        let mut policy = Self::default();
        let share = parts.next().unwrap_or_default();
        policy.share = share
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok())
            .filter(|share| (1..=99).contains(share))
            .ok_or_else(|| no_share(share, shown(share)))?;
        let mut bound = || {
            let part = parts.next()?;
            Some(parse_duration(part).map_err(|_| match is_number(part) {
                true => DuePolicyError::NoUnit(shown(part)),
                false => DuePolicyError::Bound(shown(part)),
            }))
        };
        let (minimum, maximum) = (bound().transpose()?, bound().transpose()?);
        if parts.next().is_some() {
            return Err(DuePolicyError::TooManyParts(shown(text)));
        }
        if let Some(minimum) = minimum {
            policy.minimum = minimum;
            policy.maximum = policy.maximum.max(minimum);
        }
        if let Some(maximum) = maximum {
            policy.maximum = maximum;
        }
        if policy.minimum > policy.maximum {
            let (minimum, maximum) = (policy.minimum, policy.maximum);
            return Err(DuePolicyError::Empty { minimum, maximum });
        }
        Ok(policy)
    }

    /// How long before its end a certificate with such a term is due. Without a begin only the
    /// upper bound can be meant.
    pub fn lead(&self, valid_from: Option<Timestamp>, valid_until: Timestamp) -> Duration {
        let Some(from) = valid_from else { return self.maximum };
        let lifetime = Duration::try_from(valid_until.duration_since(from)).unwrap_or_default();
        let share = lifetime.mul_f64(f64::from(self.share) / 100.0);
        // A certificate that lives shorter than the minimum would be due from its first moment on.
        share.clamp(self.minimum, self.maximum).min(lifetime / 2)
    }

    /// From when on a certificate is due.
    pub fn due_at(&self, valid_from: Option<Timestamp>, valid_until: Timestamp) -> Timestamp {
        let lead = self.lead(valid_from, valid_until);
        valid_until.checked_sub(lead).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for DuePolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minimum, maximum) = (format_duration(self.minimum), format_duration(self.maximum));
        write!(
            formatter,
            "{}% of the lifetime before the end, at least {minimum} and at most {maximum}",
            self.share
        )
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a text is no share: people who think in days write days.
fn no_share(text: &str, shown: String) -> DuePolicyError {
    let time = if is_number(text) { format!("{shown}d") } else { shown.clone() };
    match parse_duration(&time) {
        Ok(_) => DuePolicyError::TimeForShare { found: shown, time },
        Err(_) => DuePolicyError::Share(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead_of(policy: DuePolicy, days: u32) -> Duration {
        let from = Timestamp::UNIX_EPOCH;
        policy.lead(Some(from), from.checked_add(DAY * days).unwrap())
    }

    #[test]
    fn the_lead_is_a_share_of_the_lifetime_between_its_bounds() {
        let policy = DuePolicy::default();
        assert_eq!(lead_of(policy, 397), 30 * DAY);
        assert_eq!(lead_of(policy, 199), 30 * DAY);
        let of_46_days = lead_of(policy, 46);
        assert!(of_46_days > 15 * DAY && of_46_days < 16 * DAY, "{of_46_days:?}");
        assert_eq!(lead_of(policy, 15), 7 * DAY);
    }

    #[test]
    fn a_short_certificate_is_not_due_from_its_first_moment() {
        assert_eq!(lead_of(DuePolicy::default(), 6), 3 * DAY);
        assert_eq!(lead_of(DuePolicy::default(), 0), Duration::ZERO);
    }

    #[test]
    fn policies_read_as_written() {
        for (text, share, minimum, maximum) in [
            ("33%", 33, 7, 30),
            ("25%,5d", 25, 5, 30),
            ("50%, 60d", 50, 60, 60),
            ("33%,7d,30d", 33, 7, 30),
        ] {
            let (minimum, maximum) = (minimum * DAY, maximum * DAY);
            assert_eq!(DuePolicy::parse(text), Ok(DuePolicy { share, minimum, maximum }), "{text}");
        }
    }

    #[test]
    fn a_policy_says_what_it_means() {
        let policy = DuePolicy::parse("25%,5d").unwrap();
        let words = "25% of the lifetime before the end, at least 5d and at most 30d";
        assert_eq!(policy.to_string(), words);
    }

    #[test]
    fn what_is_no_policy_is_refused_with_the_part_that_is_wrong() {
        for (text, message) in [
            ("", "`` is no share of a lifetime such as `33%`, from 1% to 99%"),
            (
                "30",
                "`30` stands where a share of the lifetime belongs, such as `33%`; `33%,30d,30d` is \
                 30d before the end, whatever the lifetime",
            ),
            (
                "36h,1d",
                "`36h` stands where a share of the lifetime belongs, such as `33%`; `33%,36h,36h` is \
                 36h before the end, whatever the lifetime",
            ),
            ("third", "`third` is no share of a lifetime such as `33%`, from 1% to 99%"),
            ("100%", "`100%` is no share of a lifetime such as `33%`, from 1% to 99%"),
            ("33%,7", "`7` has no unit; `7d` is days, `7h` hours"),
            ("33%,week", "`week` is no duration such as `7d` or `36h`"),
            (
                "33%,7d,5d",
                "the lead cannot be 7d at least and 5d at most; the least comes first, as in \
                 `33%,7d,30d`",
            ),
            (
                "1%,1d,2d,3d",
                "`1%,1d,2d,3d` has more parts than a share, a minimum and a maximum, as in \
                 `33%,7d,30d`",
            ),
        ] {
            assert_eq!(DuePolicy::parse(text).unwrap_err().to_string(), message);
        }
    }
}
