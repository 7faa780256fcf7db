//! How many days are ordered: what the plan asks for, against what the CA allows on the day.
//!
//! Pure; the day is a parameter.

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::action::{Result, fail};
use crate::plan::{LONGEST_SOLD_DAYS, ValidityLimit, ValiditySchedule};
use crate::run::ErrorKind;
use crate::types::Timestamp;

/// What happens to a term that is longer than the CA allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::action) enum Policy {
    /// The longest term that is allowed is ordered instead, and recorded.
    Clamp,
    /// Nothing is ordered.
    Fail,
}

/// A limit of the plan's own schedule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::action) struct Limit {
    from: String,
    days: i64,
}

/// The term to order; none when the plan leaves it to the vendor. Fails when the plan asks for more
/// than is allowed and does not want less.
pub(in crate::action) fn days(
    wanted: Option<i64>,
    policy: Policy,
    schedule: Option<&[Limit]>,
    now: Timestamp,
) -> Result<Option<i64>> {
    let Some(wanted) = wanted else { return Ok(None) };
    let schedule = schedule.map_or_else(|| Ok(ValiditySchedule::default()), of_plan)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    match (schedule.on(today), policy) {
        (limit, Policy::Clamp) => {
            let allowed = limit.map_or(LONGEST_SOLD_DAYS, |limit| limit.days);
            Ok(Some(wanted.min(allowed).min(LONGEST_SOLD_DAYS)))
        }
        (Some(limit), Policy::Fail) if wanted > limit.days => {
            let message = format!(
                "the plan asks for {wanted} days, and since {} the CA allows {} ({}); ask for \
                 less, or let `validity_policy: clamp` do it",
                limit.from, limit.days, limit.source
            );
            fail(ErrorKind::Value, message)
        }
        (_, Policy::Fail) if wanted > LONGEST_SOLD_DAYS => {
            let message = format!(
                "the plan asks for {wanted} days, and the vendor sells {LONGEST_SOLD_DAYS} at \
                 most; ask for less, or let `validity_policy: clamp` do it"
            );
            fail(ErrorKind::Value, message)
        }
        (_, Policy::Fail) => Ok(Some(wanted)),
    }
}

fn of_plan(limits: &[Limit]) -> Result<ValiditySchedule> {
    let limits = limits.iter().map(|limit| {
        let from = limit.from.parse().or_else(|_| {
            let message = format!("`{}` in `validity_schedule` is no day", limit.from);
            fail(ErrorKind::Value, message)
        })?;
        Ok(ValidityLimit { from, days: limit.days, source: "the plan's own schedule".to_owned() })
    });
    Ok(ValiditySchedule::of(limits.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Outcome;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ok(wanted: i64, policy: Policy, schedule: Option<&[Limit]>, now: &str) -> Option<i64> {
        days(Some(wanted), policy, schedule, at(now)).unwrap()
    }

    #[test]
    fn the_day_decides_how_much_is_too_much() {
        let (eve, day) = ("2027-03-14T23:59:59Z", "2027-03-15T00:00:00Z");
        assert_eq!(ok(199, Policy::Fail, None, eve), Some(199));
        assert_eq!(ok(199, Policy::Clamp, None, eve), Some(199));
        assert_eq!(ok(199, Policy::Clamp, None, day), Some(99));
        assert_eq!(ok(90, Policy::Clamp, None, day), Some(90));
        assert_eq!(ok(365, Policy::Clamp, None, eve), Some(199));
        let Outcome::Failed { error, .. } =
            *days(Some(199), Policy::Fail, None, at(day)).unwrap_err()
        else {
            panic!()
        };
        assert!(error.message.starts_with("the plan asks for 199 days, and since 2027-03-15"));
        assert_eq!(days(None, Policy::Fail, None, at(day)).unwrap(), None);
    }

    #[test]
    fn the_plan_can_bring_a_schedule_of_its_own() {
        let limit = |from: &str, days| Limit { from: from.to_owned(), days };
        let schedule = [limit("2027-01-01", 45), limit("2026-01-01", 100)];
        let generous = [limit("2026-01-01", 397)];
        assert_eq!(ok(365, Policy::Clamp, Some(&generous), "2026-06-01T00:00:00Z"), Some(199));
        let now = at("2026-06-01T00:00:00Z");
        assert!(days(Some(365), Policy::Fail, Some(&generous), now).is_err());
        assert_eq!(ok(199, Policy::Clamp, Some(&schedule), "2026-06-01T00:00:00Z"), Some(100));
        assert_eq!(ok(199, Policy::Clamp, Some(&schedule), "2027-06-01T00:00:00Z"), Some(45));
        assert!(
            days(Some(1), Policy::Clamp, Some(&[limit("soon", 1)]), at("2027-01-01T00:00:00Z"))
                .is_err()
        );
    }
}
