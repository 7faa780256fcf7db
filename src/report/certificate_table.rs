//! `certificate_table`: a line for each certificate, with its end and what comes next.

use super::columns::columns;
use super::run_table::paint_phase;
use super::style::Style;
use super::wording::between;
use crate::types::{Timestamp, printable, shorten};

/// What a line says.
#[derive(Debug, Clone, Copy)]
pub struct CertificateLine<'a> {
    /// The target.
    pub target: &'a str,
    /// The plan's name.
    pub plan: &'a str,
    /// Where the newest run stands, in a word.
    pub state: &'a str,
    /// When the certificate on disk ends.
    pub valid_until: Option<Timestamp>,
    /// What comes next.
    pub next: &'a str,
}

/// The certificates as a table with a header.
pub fn certificate_table(
    lines: &[CertificateLine<'_>],
    now: Timestamp,
    style: Style,
) -> Vec<String> {
    let header = ["TARGET", "PLAN", "STATE", "ENDS", "IN", "NEXT"];
    let rows: Vec<[String; 6]> = lines
        .iter()
        .map(|line| {
            let ends = line.valid_until.map(|at| at.strftime("%Y-%m-%d").to_string());
            let left = line.valid_until.map(|at| match at > now {
                true => between(now, at),
                false => "over".to_owned(),
            });
            [
                shorten(&printable(line.target), 60),
                shorten(&printable(line.plan), 40),
                line.state.to_owned(),
                ends.unwrap_or_else(|| "-".to_owned()),
                left.unwrap_or_else(|| "-".to_owned()),
                printable(line.next),
            ]
        })
        .collect();
    columns(header, &rows, style, |column, cell| {
        if column == 2 { paint_phase(cell, style) } else { cell.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_day_and_how_far_away_it_is() {
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let line = |target, valid_until| CertificateLine {
            target,
            plan: "dv",
            state: "succeeded",
            valid_until,
            next: "due on 1970-03-02",
        };
        let lines = [
            line("a.example.com", Some(at(90))),
            line("long.name.example.com", Some(at(1))),
            line("b.example.com", None),
        ];
        assert_eq!(
            certificate_table(&lines, at(2), Style::new(false)),
            [
                "TARGET                 PLAN  STATE      ENDS        IN    NEXT",
                "a.example.com          dv    succeeded  1970-04-01  88d   due on 1970-03-02",
                "long.name.example.com  dv    succeeded  1970-01-02  over  due on 1970-03-02",
                "b.example.com          dv    succeeded  -           -     due on 1970-03-02",
            ]
        );
    }
}
