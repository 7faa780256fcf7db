//! What those see of a batch who have no terminal, while no target comes to its end: a line now and
//! then that says where all of it stands, and who has been waiting longest, and for what.

use std::time::Duration;

use super::{Gauges, LiveView, Stage};
use crate::report::wording::between;
use crate::types::{Timestamp, printable, shorten};

/// In so many seconds the next line is due, and after it the one behind it. The last one holds for
/// all that follow: two lines an hour, while nothing changes.
const SILENCES: [u64; 6] = [60, 120, 300, 600, 1200, 1800];

/// Of what a target waits for, so much is said.
const LONGEST_REASON: usize = 200;

/// For how long a batch may be silent.
#[derive(Debug, Default)]
pub struct Silence {
    /// How many lines have ended one, since a target came to its end.
    lines: usize,
}

impl Silence {
    /// For how long nothing need be said from now on.
    pub fn length(&self) -> Duration {
        Duration::from_secs(SILENCES.get(self.lines).or(SILENCES.last()).copied().unwrap_or(60))
    }

    /// A line has said where everything stands: the next one may take longer.
    pub fn told(&mut self) {
        self.lines += 1;
    }

    /// A target has come to its end, and others may begin: what comes next is news again.
    pub fn broken(&mut self) {
        self.lines = 0;
    }
}

impl LiveView {
    /// Where the batch stands, in a line: how many targets are in which state, and the one that has
    /// been waiting longest; that nothing can be sent at the moment, if so.
    pub fn standing(&self, gauges: &Gauges, now: Timestamp) -> String {
        let states = Stage::ALL.iter().zip(self.counts).filter(|(stage, _)| stage.is_open());
        let mut states: Vec<String> = states
            .filter(|(_, number)| *number > 0)
            .map(|(stage, number)| format!("{number} {}", stage.name()))
            .collect();
        let to_come = self.to_come();
        if to_come > 0 {
            states.push(format!("{to_come} to come"));
        }
        let mut parts = vec![format!("[{}/{}] {}", self.done(), self.total, states.join(", "))];
        parts.extend(self.longest(now));
        parts.extend(gauges.standstill.clone());
        self.style.faint(parts.join("; ").trim_end())
    }

    /// Who has been at the same for the longest time: of those that wait, else of those that work.
    fn longest(&self, now: Timestamp) -> Option<String> {
        let longest = |stage: Stage| {
            let lines = self.runs.values().filter(|line| line.stage == stage);
            lines.min_by(|one, other| (one.since, &one.target).cmp(&(other.since, &other.target)))
        };
        let line = longest(Stage::Waiting).or_else(|| longest(Stage::Working))?;
        let (target, since) = (printable(&line.target), between(line.since, now));
        let detail = match line.detail.is_empty() {
            true => String::new(),
            false => format!(", at {}", shorten(&printable(&line.detail), LONGEST_REASON)),
        };
        Some(format!("longest {target}, for {since}{detail}"))
    }
}
