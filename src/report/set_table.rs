//! `set_table`: a line for each set of certificate files in a folder.

use super::style::Style;
use crate::types::{Timestamp, printable, shorten};

/// What a line says.
#[derive(Debug, Clone, Copy)]
pub struct SetLine<'a> {
    /// The name of the set.
    pub set: &'a str,
    /// `current`, `previous`, or nothing.
    pub role: &'a str,
    /// When it was put there.
    pub written: Option<Timestamp>,
    /// When its certificate ends.
    pub valid_until: Option<Timestamp>,
    /// The names in its certificate.
    pub names: &'a [String],
    /// Why it cannot be used.
    pub unfit: Option<&'a str>,
}

/// The sets as a table with a header.
pub fn set_table(lines: &[SetLine<'_>], style: Style) -> Vec<String> {
    let header = ["SET", "", "WRITTEN", "ENDS", "NAMES"];
    let day = |at: Option<Timestamp>| {
        at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
    };
    let rows: Vec<[String; 5]> = lines
        .iter()
        .map(|line| {
            let names = match line.unfit {
                Some(reason) => printable(reason),
                None => shorten(&printable(&line.names.join(", ")), 100),
            };
            let set = shorten(&printable(line.set), 60);
            [set, line.role.to_owned(), day(line.written), day(line.valid_until), names]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let joined = |cells: [&str; 5]| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut table = vec![style.faint(&joined(header))];
    table.extend(rows.iter().map(|row| joined(row.each_ref().map(String::as_str))));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_which_set_is_current_and_why_one_cannot_be_used() {
        let names = ["www.example.com".to_owned(), "example.com".to_owned()];
        let at = |text: &str| text.parse().ok();
        let line = SetLine {
            set: "20260601-1f",
            role: "current",
            written: at("2026-06-01T09:05:00Z"),
            valid_until: at("2026-12-17T09:00:00Z"),
            names: &names,
            unfit: None,
        };
        let unfit = SetLine {
            set: "20250601-2e",
            role: "",
            valid_until: None,
            unfit: Some("it was\u{1b} valid"),
            ..line
        };
        assert_eq!(
            set_table(&[line, unfit], Style::new(false)),
            [
                "SET                   WRITTEN     ENDS        NAMES",
                "20260601-1f  current  2026-06-01  2026-12-17  www.example.com, example.com",
                "20250601-2e           2026-06-01  -           it was\u{fffd} valid",
            ]
        );
    }
}
