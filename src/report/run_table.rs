//! `run_table`: a line for each run.

use super::columns::columns;
use super::style::Style;
use super::wording::moment;
use crate::types::{CertificateId, RunId, Timestamp, printable};

/// What a line says.
#[derive(Debug)]
pub struct RunLine {
    /// The run.
    pub run: RunId,
    /// The phase in a word.
    pub phase: String,
    /// The plan's name.
    pub plan: String,
    /// The target.
    pub target: String,
    /// Whether the embedded sandbox stood in for the real world.
    pub sandbox: bool,
    /// The certificate id.
    pub certificate_id: Option<CertificateId>,
    /// When its last event was recorded.
    pub updated_at: Timestamp,
    /// What somebody should know besides, on a line of its own.
    pub note: Option<String>,
}

/// The runs as a table with a header; columns are as wide as they need to be.
pub fn run_table(lines: &[RunLine], style: Style) -> Vec<String> {
    let header = ["RUN", "STATE", "PLAN", "TARGET", "CERTIFICATE", "LAST EVENT"];
    let rows: Vec<[String; 6]> = lines
        .iter()
        .map(|line| {
            let plan =
                if line.sandbox { format!("{} (sandbox)", line.plan) } else { line.plan.clone() };
            [
                line.run.to_string(),
                line.phase.clone(),
                plan,
                line.target.clone(),
                line.certificate_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                moment(line.updated_at),
            ]
        })
        .collect();
    let table = columns(header, &rows, style, |column, cell| {
        if column == 1 { paint_phase(cell, style) } else { cell.to_owned() }
    });
    let mut table = table.into_iter();
    let mut lines_with_notes: Vec<String> = table.next().into_iter().collect();
    for (row, line) in table.zip(lines) {
        lines_with_notes.push(row);
        lines_with_notes.extend(line.note.iter().map(|note| format!("  {}", printable(note))));
    }
    lines_with_notes
}

pub(super) fn paint_phase(phase: &str, style: Style) -> String {
    match phase.trim_end() {
        "succeeded" => style.good(phase),
        "failed" | "in doubt" | "blocked" | "damaged" => style.bad(phase),
        "pending" | "skipped" | "cancelled" => style.faint(phase),
        _ => style.waiting(phase),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_stands_in_them() {
        let line = |target: &str, phase: &str| RunLine {
            run: RunId::from_random(1),
            phase: phase.to_owned(),
            plan: "dv".to_owned(),
            target: target.to_owned(),
            sandbox: target.len() > 11,
            certificate_id: None,
            updated_at: Timestamp::UNIX_EPOCH,
            note: (phase == "parked").then(|| "a person can act here".to_owned()),
        };
        let table = run_table(
            &[line("www.example.com", "parked"), line("example.com", "succeeded")],
            Style::new(false),
        );
        let column = table[0].find("TARGET").unwrap();
        assert_eq!(table[1].find("www.example.com"), Some(column));
        assert_eq!(table[2], "  a person can act here");
        assert_eq!(table[3].find("example.com"), Some(column));
    }
}
