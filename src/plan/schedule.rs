//! `ValiditySchedule`: how long certificates may be valid, from which day on.
//!
//! The CA shortens the term step by step, on published dates; so the schedule is data. What counts
//! is the limit on a day that the caller names: nothing here knows which day it is.

use jiff::civil::Date;

use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::node::Kind;
use crate::document::source::SourceFile;
use crate::document::yaml;

/// The longest term that the vendor documents, in days (contract A.4).
pub const LONGEST_SOLD_DAYS: i64 = 199;

/// The limits of a CA, each from its day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValiditySchedule {
    /// In the order of their days.
    limits: Vec<ValidityLimit>,
}

/// From this day on, certificates are valid for so many days at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidityLimit {
    /// The first day on which it counts.
    pub from: Date,
    /// The most days that a certificate may be valid.
    pub days: i64,
    /// Who says so.
    pub source: String,
}

/// What DigiCert, the CA behind regfish, allows. It issues for one day less than the baseline
/// requirements of the CA/Browser Forum allow (398, then 200, 100 and 47 days).
const DIGICERT: [(Date, i64, &str); 4] = [
    (jiff::civil::date(2020, 9, 1), 397, "DigiCert, one day below the 398 of the CA/Browser Forum"),
    (
        jiff::civil::date(2026, 2, 24),
        199,
        "DigiCert, ahead of CA/Browser Forum ballot SC-081v3 (200 days from 2026-03-15)",
    ),
    (
        jiff::civil::date(2027, 3, 15),
        99,
        "CA/Browser Forum ballot SC-081v3 (100 days), less DigiCert's one day",
    ),
    (
        jiff::civil::date(2029, 3, 15),
        46,
        "CA/Browser Forum ballot SC-081v3 (47 days), less DigiCert's one day",
    ),
];

impl Default for ValiditySchedule {
    fn default() -> Self {
        let limit = |(from, days, source): (Date, i64, &str)| ValidityLimit {
            from,
            days,
            source: source.to_owned(),
        };
        Self { limits: DIGICERT.map(limit).into() }
    }
}

impl ValiditySchedule {
    /// A schedule of these limits, in whatever order.
    pub fn of(mut limits: Vec<ValidityLimit>) -> Self {
        limits.sort_by_key(|limit| limit.from);
        Self { limits }
    }

    /// Reads a schedule: a YAML list of `{ from: 2027-03-15, days: 99, source: … }`, of which
    /// `source` may be left out.
    pub fn parse(file: &SourceFile) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::new(file);
        let root = yaml::parse(file, &mut diagnostics);
        let mut decoder = Decoder { file, diagnostics: &mut diagnostics };
        let mut limits = Vec::new();
        match root.as_ref().map(|root| (root, &root.kind)) {
            Some((_, Kind::Seq(items))) if !items.is_empty() => {
                for item in items {
                    let known = ["from", "days", "source"];
                    let fields = decoder.fields(item, item.span, "a limit", &known);
                    limits.extend(fields.and_then(|fields| decode(&fields, &mut decoder)));
                }
            }
            Some((root, _)) => decoder.wrong_kind(
                root,
                "a validity schedule",
                "a list, each limit such as `- { from: 2027-03-15, days: 99 }`",
            ),
            None => {}
        }
        if diagnostics.has_errors() { Err(diagnostics) } else { Ok(Self::of(limits)) }
    }

    /// The limit on `day`; none before the first one.
    pub fn on(&self, day: Date) -> Option<&ValidityLimit> {
        self.limits.iter().rev().find(|limit| limit.from <= day)
    }
}

fn decode(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<ValidityLimit> {
    decoder.require(fields, "from", "the first day, for example `from: 2027-03-15`");
    decoder.require(fields, "days", "the most days, for example `days: 99`");
    let source = decoder.text(fields, "source").map(|source| source.value);
    let from = decoder.text(fields, "from");
    let days = decoder.integer(fields, "days");
    let from = from.and_then(|text| {
        let day = text.value.parse::<Date>().ok();
        if day.is_none() {
            decoder.push(
                Diagnostic::error("wrong-type", "`from` of a limit must be a day")
                    .at(text.span, "expected year, month and day, such as `2027-03-15`"),
            );
        }
        day
    });
    let days = days.filter(|days| {
        let fits = days.value >= 1;
        if !fits {
            decoder.push(
                Diagnostic::error("out-of-range", "no certificate is valid for less than a day")
                    .at(days.span, "at least 1"),
            );
        }
        fits
    });
    let source = source.unwrap_or_else(|| decoder.file.name().to_owned());
    Some(ValidityLimit { from: from?, days: days?.value, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn days_on(day: Date) -> Option<i64> {
        ValiditySchedule::default().on(day).map(|limit| limit.days)
    }

    #[test]
    fn the_limit_changes_on_its_day() {
        assert_eq!(days_on(date(2019, 1, 1)), None);
        assert_eq!(days_on(date(2026, 2, 23)), Some(397));
        assert_eq!(days_on(date(2026, 2, 24)), Some(199));
        assert_eq!(days_on(date(2027, 3, 14)), Some(199));
        assert_eq!(days_on(date(2027, 3, 15)), Some(99));
        assert_eq!(days_on(date(2031, 1, 1)), Some(46));
    }

    #[test]
    fn another_schedule_can_take_its_place_in_any_order() {
        let text =
            "- { from: 2027-04-01, days: 90 }\n- { from: 2026-01-01, days: 180, source: us }\n";
        let schedule = ValiditySchedule::parse(&SourceFile::new("limits.yaml", text)).unwrap();
        assert_eq!(schedule.on(date(2027, 3, 31)).unwrap().source, "us");
        assert_eq!(schedule.on(date(2027, 4, 1)).unwrap().source, "limits.yaml");
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_said_in_one_go() {
        let text = "- { from: soon, days: 0 }\n- { form: 2027-04-01, days: many }\n";
        let error = ValiditySchedule::parse(&SourceFile::new("limits.yaml", text)).unwrap_err();
        let codes: Vec<&str> = error.iter().map(|item| item.code).collect();
        assert_eq!(codes, ["wrong-type", "out-of-range", "unknown-key", "wrong-type"]);
        for text in ["", "[]", "days: 1"] {
            assert!(ValiditySchedule::parse(&SourceFile::new("limits.yaml", text)).is_err());
        }
    }
}
