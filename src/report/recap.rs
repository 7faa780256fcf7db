//! `Recap`: what became of every target of a batch, in the order of the inventory.
//!
//! One table for people; the same as JSON, as JUnit for build servers and as Markdown for a merge
//! request. Nothing here decides anything: it shows what the runs recorded.

mod junit;
mod markdown;
mod reason;

use serde::Serialize;

use super::style::Style;
use super::wording::parked_note;
use crate::types::{CertificateId, RunId, Timestamp, printable, shorten};

pub use junit::recap_junit;
pub use markdown::recap_markdown;
pub use reason::standstill_reason;

/// What became of the targets of a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recap {
    /// The batch.
    pub batch: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// The targets, in the order of the inventory.
    pub targets: Vec<RecapRow>,
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecapRow {
    /// The target.
    pub target: String,
    /// The plan's name.
    pub plan: String,
    /// The run, when there is one.
    pub run: Option<RunId>,
    /// What became of it, in a word.
    pub result: RecapResult,
    /// Why, or what it says, in one line.
    pub reason: String,
    /// The certificate id.
    pub certificate_id: Option<CertificateId>,
    /// When the certificate ends.
    pub valid_until: Option<Timestamp>,
    /// Since when it is parked, however often it was looked at again meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked_since: Option<Timestamp>,
    /// Where a person can act for it, in the vendor's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_url: Option<String>,
    /// The command that orders anew for it, where nothing else leads any further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_anew: Option<String>,
    /// How long this command has worked on it, in milliseconds.
    pub milliseconds: u64,
    /// How long ago its run began, in milliseconds, whoever has worked on it since.
    pub milliseconds_since_start: u64,
}

/// What can become of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecapResult {
    /// The run brought what it was for.
    Issued,
    /// What is there is still good; nothing was sent.
    Unchanged,
    /// It waits for a person or the CA; `resume` goes on.
    Parked,
    /// A step failed.
    Failed,
    /// What became of an order cannot be decided by a program.
    InDoubt,
    /// The program was stopped on the way; `resume` goes on.
    Interrupted,
    /// Another process works on it, and says what becomes of it; nothing is wrong.
    Locked,
    /// It stands before its order, because no more orders were to be sent; `resume` goes on.
    HeldBack,
    /// It was not its turn any more; nothing was sent.
    NotStarted,
    /// Another run of the same target goes on in its place; nothing was sent.
    Superseded,
}

impl RecapResult {
    /// All of them, in the order in which they are summed up.
    pub const ALL: [Self; 10] = [
        Self::Issued,
        Self::Unchanged,
        Self::Parked,
        Self::Failed,
        Self::InDoubt,
        Self::Interrupted,
        Self::Locked,
        Self::HeldBack,
        Self::NotStarted,
        Self::Superseded,
    ];

    /// The result in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Unchanged => "unchanged",
            Self::Parked => "parked",
            Self::Failed => "failed",
            Self::InDoubt => "in doubt",
            Self::Interrupted => "interrupted",
            Self::Locked => "locked",
            Self::HeldBack => "held back",
            Self::NotStarted => "not started",
            Self::Superseded => "superseded",
        }
    }

    /// Whether somebody should look at it.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failed | Self::InDoubt)
    }

    pub(super) fn paint(self, text: &str, style: Style) -> String {
        match self {
            Self::Issued => style.good(text),
            Self::Unchanged | Self::Superseded => style.faint(text),
            Self::Failed | Self::InDoubt => style.bad(text),
            Self::Locked | Self::Parked | Self::Interrupted | Self::HeldBack | Self::NotStarted => {
                style.waiting(text)
            }
        }
    }
}

impl Recap {
    /// How many targets came to this result.
    pub fn count(&self, result: RecapResult) -> usize {
        self.targets.iter().filter(|row| row.result == result).count()
    }

    /// The sum in one line: `998 issued, 2 failed`; results that nobody came to are left out.
    pub fn summary(&self, style: Style) -> String {
        let part = |result: RecapResult| {
            let count = self.count(result);
            (count > 0).then(|| result.paint(&format!("{count} {}", result.name()), style))
        };
        let parts: Vec<String> = RecapResult::ALL.into_iter().filter_map(part).collect();
        if parts.is_empty() { "no targets".to_owned() } else { parts.join(", ") }
    }
}

/// The table for people: a line for each target, in the order of the inventory, then the sum.
///
/// Without `all` it shows only what is not simply done. `width` is the terminal's, in columns.
pub fn recap_table(recap: &Recap, all: bool, width: usize, style: Style) -> Vec<String> {
    let done = |row: &RecapRow| matches!(row.result, RecapResult::Issued | RecapResult::Unchanged);
    let mut rows: Vec<&RecapRow> = recap.targets.iter().filter(|row| all || !done(row)).collect();
    let hidden = recap.targets.len() - rows.len();
    let found = rows.len();
    // Whatever went wrong is shown, and of the rest as much as there is room for.
    let troubles = rows.iter().filter(|row| row.result.is_trouble()).count();
    let mut room = MOST_ROWS.saturating_sub(troubles);
    rows.retain(|row| {
        let has_room = row.result.is_trouble() || room > 0;
        room -= usize::from(has_room && !row.result.is_trouble());
        has_room
    });
    let beyond = found - rows.len();
    let widest = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or(0);
    let target = widest(&mut rows.iter().map(|row| printable(&row.target).chars().count()));
    let result = widest(&mut rows.iter().map(|row| row.result.name().len()));
    let target = target.min(LONGEST_TARGET);
    let mut lines: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            let name = shorten(&printable(&row.target), LONGEST_TARGET);
            let word = row.result.paint(&format!("{:result$}", row.result.name()), style);
            let run = row.run.as_ref().map_or("-", RunId::as_str);
            let room = width.saturating_sub(target + result + RUN_WIDTH + 6).max(24);
            let reason = shorten(&printable(&row.reason), room);
            let line = format!("{name:target$}  {word}  {run:RUN_WIDTH$}  {reason}");
            // Whole: a part of an address leads nowhere.
            let note = row.parked_since.map(|since| {
                format!("{:target$}  {}", "", parked_note(since, row.completion_url.as_deref()))
            });
            std::iter::once(line.trim_end().to_owned()).chain(note)
        })
        .collect();
    if beyond > 0 {
        lines.push(style.faint(&format!("and {beyond} more that are not simply done")));
    }
    if hidden > 0 && !rows.is_empty() {
        lines.push(style.faint(&format!("and {hidden} that are issued or unchanged")));
    }
    lines.push(recap.summary(style));
    lines
}

/// Nobody reads further; `--output json` has all of them.
const MOST_ROWS: usize = 60;

/// Longer names of targets are cut.
const LONGEST_TARGET: usize = 50;

/// Run ids have ten letters.
const RUN_WIDTH: usize = 10;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report) fn recap() -> Recap {
        let row = |target: &str, result, reason: &str| RecapRow {
            target: target.to_owned(),
            plan: "dv".to_owned(),
            run: (result != RecapResult::NotStarted).then(|| RunId::from_random(1)),
            result,
            reason: reason.to_owned(),
            certificate_id: None,
            valid_until: None,
            parked_since: (result == RecapResult::Parked).then_some(Timestamp::UNIX_EPOCH),
            completion_url: (result == RecapResult::Parked)
                .then(|| "https://console.example/complete?a=1".to_owned()),
            order_anew: None,
            milliseconds: 1_250,
            milliseconds_since_start: 86_400_000,
        };
        Recap {
            batch: Some("b1".to_owned()),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::from_second(75).unwrap(),
            targets: vec![
                row("www.example.com", RecapResult::Issued, "valid until 1970-07-19"),
                row(
                    "b.example.com",
                    RecapResult::Failed,
                    "step `order`: <bad> \"name\" | \u{1b}[31m",
                ),
                row("c.example.com", RecapResult::Parked, "waits for the CA: vetting"),
                row("d.example.com", RecapResult::NotStarted, "two targets had failed"),
            ],
        }
    }

    #[test]
    fn the_table_lines_up_and_sums_up() {
        let run = RunId::from_random(1);
        assert_eq!(
            recap_table(&recap(), true, 100, Style::new(false)),
            [
                format!("www.example.com  issued       {run}  valid until 1970-07-19"),
                format!(
                    "b.example.com    failed       {run}  step `order`: <bad> \"name\" | �[31m"
                ),
                format!("c.example.com    parked       {run}  waits for the CA: vetting"),
                "                 parked since 1970-01-01 00:00:00 UTC; a person can act here: \
                 https://console.example/complete?a=1"
                    .to_owned(),
                "d.example.com    not started  -           two targets had failed".to_owned(),
                "1 issued, 1 parked, 1 failed, 1 not started".to_owned(),
            ]
        );
    }

    #[test]
    fn a_long_batch_shows_what_is_not_simply_done() {
        let table = recap_table(&recap(), false, 60, Style::new(false));
        assert!(table.iter().all(|line| !line.contains("www.example.com")), "{table:?}");
        assert!(table.contains(&"and 1 that are issued or unchanged".to_owned()), "{table:?}");
        let whole = |line: &&String| !line.contains("https://");
        assert!(table.iter().filter(whole).all(|line| line.chars().count() <= 70), "{table:?}");
    }

    #[test]
    fn what_went_wrong_is_shown_behind_any_number_of_others() {
        let mut recap = recap();
        let failed = recap.targets[1].clone();
        recap.targets = vec![recap.targets[2].clone(); 100];
        recap.targets.push(failed);
        let table = recap_table(&recap, false, 100, Style::new(false));
        assert!(table.iter().any(|line| line.starts_with("b.example.com  failed")), "{table:?}");
        assert!(table.contains(&"and 41 more that are not simply done".to_owned()), "{table:?}");
        assert_eq!(table.len(), 62 + 59, "each parked one with its address");
    }
}
