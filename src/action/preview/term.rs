//! [`Term`]: what becomes of the days that an order asks for, on the day of the preview.

use serde_json::{Value, json};

use super::PartlyKnown;
use crate::action::regfish::validity;
use crate::plan::Partly;
use crate::run::Outcome;
use crate::types::Timestamp;

/// An order's term where no more days are allowed than these, and more are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// So many are ordered.
    pub days: i64,
    /// So many are asked for.
    pub from: i64,
}

/// What is done about the term of a step, if anything; none while it is not known.
pub fn term(uses: &str, parameters: &PartlyKnown, now: Timestamp) -> Option<Term> {
    let (from, days) = settled(uses, parameters, now)?;
    let days = days.ok()?;
    (days != from).then_some(Term { days, from })
}

/// Why nothing will be ordered with the term that is asked for, if that is certain.
pub fn refusal(uses: &str, parameters: &PartlyKnown, now: Timestamp) -> Option<String> {
    settled(uses, parameters, now)?.1.err()
}

/// The days that an order asks for, and those that are sent, or why none are.
fn settled(
    uses: &str,
    parameters: &PartlyKnown,
    now: Timestamp,
) -> Option<(i64, Result<i64, String>)> {
    if uses != "regfish.create_order" {
        return None;
    }
    let known = |name: &str| match parameters.get(name) {
        None => Some(Value::Null),
        Some(value) => value.known().cloned(),
    };
    let from = known("validity_days")?.as_i64()?;
    let policy = serde_json::from_value(known("validity_policy")?).ok()?;
    let schedule: Option<Vec<validity::Limit>> =
        serde_json::from_value(known("validity_schedule")?).ok()?;
    match validity::days(Some(from), policy, schedule.as_deref(), now) {
        Ok(days) => Some((from, Ok(days.unwrap_or(from)))),
        Err(outcome) => match *outcome {
            Outcome::Failed { error, .. } => Some((from, Err(error.message))),
            _ => None,
        },
    }
}

impl Term {
    /// The parameters with the term as it is sent.
    pub fn applied(&self, parameters: &PartlyKnown) -> PartlyKnown {
        let mut parameters = parameters.clone();
        parameters.insert("validity_days".to_owned(), Partly::Known(json!(self.days)));
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::preview::requests;

    fn order(parameters: Value) -> PartlyKnown {
        let Value::Object(entries) = parameters else { panic!() };
        entries.into_iter().map(|(name, value)| (name, Partly::Known(value))).collect()
    }

    fn on(parameters: &PartlyKnown, now: &str) -> Option<Term> {
        term("regfish.create_order", parameters, now.parse().unwrap())
    }

    #[test]
    fn a_preview_shows_the_term_that_clamp_will_send_on_that_day() {
        let asked = order(json!({ "validity_days": 199, "validity_policy": "clamp" }));
        assert_eq!(on(&asked, "2027-03-14T12:00:00Z"), None);
        let clamped = on(&asked, "2027-03-15T12:00:00Z").unwrap();
        assert_eq!(clamped, Term { days: 99, from: 199 });
        let requests = requests("regfish.create_order", &clamped.applied(&asked));
        let body = requests.iter().find_map(|request| request.body.as_ref()).unwrap();
        assert_eq!(body["validity_days"], json!(99));
    }

    #[test]
    fn the_schedule_of_the_plan_counts_for_it() {
        let schedule = json!([{ "from": "2026-01-01", "days": 45 }]);
        let asked = order(json!({
            "validity_days": 90, "validity_policy": "clamp", "validity_schedule": schedule
        }));
        let clamped = on(&asked, "2026-06-01T00:00:00Z");
        assert_eq!(clamped, Some(Term { days: 45, from: 90 }));
    }

    #[test]
    fn a_term_that_would_be_refused_on_that_day_is_told() {
        let asked = order(json!({ "validity_days": 199, "validity_policy": "fail" }));
        let refused = |now: &str| refusal("regfish.create_order", &asked, now.parse().unwrap());
        assert_eq!(refused("2027-03-14T12:00:00Z"), None);
        let reason = refused("2027-03-15T12:00:00Z").unwrap();
        assert_eq!(on(&asked, "2027-03-15T12:00:00Z"), None);
        assert!(reason.starts_with("the plan asks for 199 days, and since 2027-03-15"), "{reason}");
    }

    #[test]
    fn nothing_is_made_up_while_the_term_is_unknown() {
        let mut asked = order(json!({ "validity_policy": "clamp" }));
        assert_eq!(on(&asked, "2027-03-15T12:00:00Z"), None);
        asked.insert("validity_days".to_owned(), Partly::Unknown("inputs.days".to_owned()));
        assert_eq!(on(&asked, "2027-03-15T12:00:00Z"), None);
    }
}
