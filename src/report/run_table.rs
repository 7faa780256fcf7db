//! `run_table`: a line for each run.

use super::style::Style;
use super::wording::moment;
use crate::types::{CertificateId, RunId, Timestamp};

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
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let pad = |cell: &str, column: usize| format!("{cell:<width$}", width = widths[column]);
    let mut table = Vec::with_capacity(rows.len() + 1);
    let titles: Vec<String> =
        header.iter().enumerate().map(|(column, title)| pad(title, column)).collect();
    table.push(style.faint(titles.join("  ").trim_end()));
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let padded = pad(cell, column);
                if column == 1 { paint_phase(&padded, style) } else { padded }
            })
            .collect();
        table.push(cells.join("  ").trim_end().to_owned());
    }
    table
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
        };
        let table = run_table(
            &[line("example.com", "succeeded"), line("www.example.com", "parked")],
            Style::new(false),
        );
        let column = table[0].find("TARGET").unwrap();
        assert_eq!(table[1].find("example.com"), Some(column));
        assert_eq!(table[2].find("www.example.com"), Some(column));
    }
}
