//! `Journal`: which orders were about to be sent, noted a second time in a file beside the database.
//!
//! A database that is put back from an older copy has forgotten orders, and nothing in it shows
//! that. So each order is noted here after it is recorded and before it is sent. The file only tells
//! what the database lacks; it never takes its place.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::run::{Event, EventKind, Intent, ReopenReason};
use crate::store::{LostOrder, OrderNotes, StoreError};
use crate::types::{RunId, StepId, Timestamp};

#[derive(Debug, Clone)]
pub(super) struct Journal {
    path: PathBuf,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Entry {
    /// An order is about to be sent. A reissue is free, and the certificate itself tells of it.
    Ordering {
        run: RunId,
        step: StepId,
        sequence: u32,
        at: Timestamp,
        place: String,
        names: String,
    },
    /// Nothing came of what this step has sent.
    Withdrawn { run: RunId, step: StepId },
    /// A person has looked after all of this run.
    Settled { run: RunId },
}

impl Journal {
    pub(super) fn beside(database: &Path) -> Self {
        Self { path: database.with_extension("orders") }
    }

    /// Adds lines. Durable when it returns.
    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let fail = |error: io::Error| StoreError::Database {
            action: "write to",
            path: self.path.clone(),
            reason: error.to_string(),
        };
        // A line that a crash has cut off is not to swallow the next one.
        let mut text = "\n".to_owned();
        for entry in entries {
            let line = serde_json::to_string(entry)
                .map_err(|error| StoreError::corrupt("a note of an order", error))?;
            text.push_str(&line);
            text.push('\n');
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.append(true).create(true).mode(0o600).open(&self.path).map_err(fail)?;
        let is_new = file.metadata().map_err(fail)?.len() == 0;
        file.write_all(text.as_bytes()).map_err(fail)?;
        file.sync_data().map_err(fail)?;
        if let (true, Some(folder)) = (is_new, self.path.parent()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
        }
        Ok(())
    }

    /// The orders that were noted and that the database does not know.
    pub(super) fn lost(&self, connection: &Connection) -> Result<Vec<LostOrder>, StoreError> {
        let database = |reason: String| self.unreadable(reason);
        let mut known = connection
            .prepare_cached(
                "SELECT 1 FROM events JOIN runs ON runs.number = events.run \
                 WHERE runs.id = ?1 AND sequence = ?2 \
                 AND json_extract(body, '$.at') = ?3 \
                 AND json_extract(body, '$.kind.type') = 'intent_recorded'",
            )
            .map_err(|error| database(error.to_string()))?;
        let mut lost = Vec::new();
        for entry in self.open_entries().map_err(|error| database(error.to_string()))? {
            let Entry::Ordering { run, sequence, at, place, names, .. } = entry else { continue };
            let row = rusqlite::params![run.as_str(), sequence, at.to_string()];
            let is_known = known.exists(row).map_err(|error| database(error.to_string()))?;
            // Each attempt of an order has a line.
            let said = |lost: &LostOrder| lost.run == run && lost.names == names;
            if !is_known && !lost.iter().any(said) {
                lost.push(LostOrder { run, at, place, names });
            }
        }
        Ok(lost)
    }

    /// What stands in the file, whether the database knows of it or not.
    pub(super) fn notes(&self) -> Result<OrderNotes, StoreError> {
        let fail = |error: io::Error| self.unreadable(error.to_string());
        let (mut noted, mut unreadable_lines) = (BTreeSet::new(), 0);
        let text = self.text().map_err(fail)?;
        for line in text.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
            match serde_json::from_str(line) {
                Ok(Entry::Ordering { run, names, .. }) => {
                    noted.insert((run, names));
                }
                Ok(Entry::Withdrawn { .. } | Entry::Settled { .. }) => {}
                Err(error) if error.is_eof() || line.trim_matches('\0').is_empty() => {}
                Err(_) => unreadable_lines += 1,
            }
        }
        let open = self.open_entries().map_err(fail)?.into_iter();
        let open = open.filter_map(|entry| match entry {
            Entry::Ordering { run, at, place, names, .. } => {
                Some(LostOrder { run, at, place, names })
            }
            Entry::Withdrawn { .. } | Entry::Settled { .. } => None,
        });
        let (path, is_there) = (self.path.clone(), text.is_some());
        Ok(OrderNotes { path, is_there, noted, open: open.collect(), unreadable_lines })
    }

    fn unreadable(&self, reason: String) -> StoreError {
        StoreError::Database { action: "read", path: self.path.clone(), reason }
    }

    /// None when there is no file.
    fn text(&self) -> io::Result<Option<String>> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some(String::from_utf8_lossy(&bytes?).into_owned())),
        }
    }

    /// What was noted and is not settled. A line that cannot be read was cut off by a crash: nothing
    /// was sent because of it.
    fn open_entries(&self) -> io::Result<Vec<Entry>> {
        let text = self.text()?.unwrap_or_default();
        let mut open: Vec<Entry> = Vec::new();
        for entry in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match entry {
                Entry::Ordering { .. } => open.push(entry),
                Entry::Withdrawn { run, step } => open.retain(|entry| {
                    !matches!(entry, Entry::Ordering { run: one, step: its, .. }
                        if *one == run && *its == step)
                }),
                Entry::Settled { run } => open.retain(|entry| entry.run() != &run),
            }
        }
        Ok(open)
    }
}

impl Entry {
    fn run(&self) -> &RunId {
        match self {
            Self::Ordering { run, .. } | Self::Withdrawn { run, .. } | Self::Settled { run } => run,
        }
    }

    /// What is to be noted of an event of a run at a place.
    pub(super) fn of(run: &RunId, place: &str, event: &Event) -> Option<Self> {
        let run = run.clone();
        match &event.kind {
            EventKind::IntentRecorded { step, intent: intent @ Intent::Order(_) } => {
                Some(Self::Ordering {
                    run,
                    step: step.clone(),
                    sequence: event.sequence,
                    at: event.at,
                    place: place.to_owned(),
                    names: intent.names_key(),
                })
            }
            EventKind::IntentWithdrawn { step }
            | EventKind::StepReopened { step, reason: ReopenReason::NothingOrdered } => {
                Some(Self::Withdrawn { run, step: step.clone() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordering(number: u64, sequence: u32) -> Entry {
        Entry::Ordering {
            run: RunId::from_random(number),
            step: StepId::parse("order").unwrap(),
            sequence,
            at: Timestamp::UNIX_EPOCH,
            place: "real".to_owned(),
            names: "www.example.com".to_owned(),
        }
    }

    #[test]
    fn a_line_that_was_cut_off_hides_no_other_and_what_is_settled_is_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::beside(&folder.path().join("state.db"));
        assert_eq!(journal.open_entries().unwrap(), []);
        journal.append(&[ordering(1, 7), ordering(2, 7)]).unwrap();
        let cut = OpenOptions::new().append(true).open(&journal.path).unwrap();
        (&cut).write_all(b"{\"type\":\"ordering\",\"run\":\"").unwrap();
        journal.append(&[ordering(1, 12), ordering(3, 7)]).unwrap();
        let open = || journal.open_entries().unwrap();
        assert_eq!(open(), [ordering(1, 7), ordering(2, 7), ordering(1, 12), ordering(3, 7)]);
        let run = RunId::from_random(1);
        let withdrawn =
            |step| Entry::Withdrawn { run: run.clone(), step: StepId::parse(step).unwrap() };
        journal.append(&[withdrawn("organization")]).unwrap();
        assert_eq!(open().len(), 4);
        journal.append(&[withdrawn("order")]).unwrap();
        assert_eq!(open(), [ordering(2, 7), ordering(3, 7)]);
        journal.append(&[Entry::Settled { run: RunId::from_random(2) }]).unwrap();
        assert_eq!(open(), [ordering(3, 7)]);
    }

    #[test]
    fn a_line_that_was_damaged_is_told_from_one_that_a_crash_has_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::beside(&folder.path().join("state.db"));
        assert!(!journal.notes().unwrap().is_there);
        journal.append(&[ordering(1, 7), ordering(2, 7)]).unwrap();
        let cut = OpenOptions::new().append(true).open(&journal.path).unwrap();
        (&cut).write_all(b"{\"type\":\"ordering\",\"run\":\"\n\0\0\0").unwrap();
        journal.append(&[Entry::Settled { run: RunId::from_random(1) }]).unwrap();
        let notes = journal.notes().unwrap();
        assert!(notes.is_there && notes.unreadable_lines == 0 && notes.noted.len() == 2);
        assert_eq!(notes.open.len(), 1);
        let text = std::fs::read_to_string(&journal.path).unwrap();
        std::fs::write(&journal.path, text.replacen("ordering", "orde\u{fffd}", 1)).unwrap();
        let notes = journal.notes().unwrap();
        assert_eq!((notes.unreadable_lines, notes.noted.len()), (1, 1));
    }
}
