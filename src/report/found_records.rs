//! `FoundRecord`: a DNS record of ours as a search found it, for people and as JSON.

use serde::Serialize;

use super::style::Style;
use super::wording::between;
use crate::types::{RunId, Timestamp, printable, shorten};

/// Whether a record of ours is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No run needs it any more.
    LeftOver,
    /// Its run is not in this state folder.
    UnknownRun,
    /// Its note was changed, so nobody can tell whose it is.
    Unclear,
    /// Something still counts on it.
    Needed,
}

/// What became of a record that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is gone now.
    Deleted,
    /// It was gone before.
    WasGone,
    /// It was left alone; the reason says why.
    Kept,
    /// The API did not do it, or it is not known whether it did.
    Failed,
}

/// A record of ours, as `--output json` writes it.
#[derive(Debug, Clone, Serialize)]
pub struct FoundRecord {
    /// The address of the API that manages it.
    pub connection: String,
    /// The zone that holds it.
    pub zone: String,
    /// Its full name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it points to.
    pub value: String,
    /// The vendor's number for it.
    pub record_id: i64,
    /// The run that made it, as its note says.
    pub run: Option<RunId>,
    /// That run's target, where the run is known.
    pub target: Option<String>,
    /// Where that run stands.
    pub phase: Option<String>,
    /// Since when it is there, as that run tells.
    pub since: Option<Timestamp>,
    /// Whether it is needed.
    pub standing: Standing,
    /// Why, in a few words.
    pub reason: String,
    /// What became of it; nothing when nobody wanted to delete it.
    pub fate: Option<Fate>,
}

const COLUMNS: [&str; 7] = ["ZONE", "NAME", "POINTS TO", "RUN", "TARGET", "AGE", "WHY"];

/// The records as tables, one for each standing that somebody should see; what is needed is only
/// counted. `now` is what ages are counted to.
pub fn found_record_lines(records: &[FoundRecord], now: Timestamp, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (standing, title) in [
        (Standing::LeftOver, "Left over: nothing needs them any more"),
        (Standing::UnknownRun, "Of runs that this state folder does not know"),
        (Standing::Unclear, "Ours once, with a note that was changed: left alone"),
    ] {
        let chosen: Vec<&FoundRecord> =
            records.iter().filter(|record| record.standing == standing).collect();
        if !chosen.is_empty() {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(style.strong(title));
            lines.extend(table(&chosen, now, style));
        }
    }
    lines
}

fn table(records: &[&FoundRecord], now: Timestamp, style: Style) -> Vec<String> {
    let rows: Vec<[String; 7]> = records.iter().map(|record| row(record, now)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = widths[column]))
            .collect();
        format!("  {}", padded.join("  ").trim_end())
    };
    let mut lines = vec![style.faint(&line(COLUMNS.to_vec()))];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

fn row(record: &FoundRecord, now: Timestamp) -> [String; 7] {
    let shown = |text: &str| shorten(&printable(text), 80);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        shown(&record.zone),
        shown(&record.name),
        shown(&record.value),
        or_dash(record.run.as_ref().map(ToString::to_string)),
        or_dash(record.target.as_deref().map(shown)),
        or_dash(record.since.map(|since| between(since, now))),
        shown(&record.reason),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, standing: Standing) -> FoundRecord {
        FoundRecord {
            connection: "http://127.0.0.1:1".to_owned(),
            zone: "example.com".to_owned(),
            name: name.to_owned(),
            kind: "CNAME".to_owned(),
            value: "x.dcv.digicert.com".to_owned(),
            record_id: 7,
            run: Some(RunId::from_random(1)),
            target: None,
            phase: None,
            since: Some(Timestamp::UNIX_EPOCH),
            standing,
            reason: "the run has succeeded".to_owned(),
            fate: None,
        }
    }

    #[test]
    fn what_is_left_over_and_what_is_unknown_stand_apart_and_what_is_needed_is_not_shown() {
        let records = [
            record("_dnsauth.example.com", Standing::LeftOver),
            record("_dnsauth.a.example.com", Standing::Needed),
            record("_dnsauth.b.example.com", Standing::UnknownRun),
        ];
        let now = Timestamp::from_second(3 * 86_400).unwrap();
        let lines = found_record_lines(&records, now, Style::new(false));
        let text = lines.join("\n");
        assert!(!text.contains("_dnsauth.a."), "{text}");
        assert!(text.find("Left over").unwrap() < text.find("does not know").unwrap(), "{text}");
        let column = lines[1].find("POINTS TO").unwrap();
        assert_eq!(lines[2].find("x.dcv"), Some(column));
        assert!(text.contains("3d"), "{text}");
    }
}
