//! `PauseFile`: the emergency stop: while a file is there, nothing is sent.
//!
//! A file, because every program sees it at once, and because a person can make or remove one even
//! when nothing else works any more. Whatever stands in it, it stops.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::types::{Timestamp, printable, shorten};

/// More is not read: it holds a time and a sentence.
const LONGEST: u64 = 4096;

/// Longer reasons are cut when they are shown.
const LONGEST_REASON: usize = 200;

/// Where the emergency stop of a state directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseFile {
    path: PathBuf,
}

/// An emergency stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when, if that is known.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Why, as the person said.
    #[serde(default)]
    pub reason: Option<String>,
}

impl PauseFile {
    /// The emergency stop of the state directory `directory`.
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("paused") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stop, when there is one. What cannot be looked at stops as well: an emergency stop must
    /// not fail unnoticed.
    pub fn read(&self) -> Option<Pause> {
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(self.unclear(&error)),
            Ok(_) => {}
        }
        let mut text = String::new();
        match std::fs::File::open(&self.path)
            .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        {
            // It was removed just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(self.unclear(&error)),
            Ok(_) => Some(Pause::parse(&text)),
        }
    }

    fn unclear(&self, error: &io::Error) -> Pause {
        let reason = format!("cannot look at `{}`: {error}", self.path.display());
        Pause { since: None, reason: Some(reason) }
    }
}

impl Pause {
    /// What a person wrote or [`Pause::to_json`] made; anything else is a stop without a word.
    fn parse(text: &str) -> Self {
        let pause: Self = serde_json::from_str(text).unwrap_or_else(|_| {
            let reason = text.trim();
            Self { since: None, reason: (!reason.is_empty()).then(|| reason.to_owned()) }
        });
        let shown = |reason: String| shorten(&printable(reason.trim()), LONGEST_REASON);
        Self { reason: pause.reason.map(shown).filter(|reason| !reason.is_empty()), ..pause }
    }

    /// How the stop is written.
    pub fn to_json(&self) -> String {
        // Text and a time always become JSON; without them it would still be a stop.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_the_file_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let file = PauseFile::in_directory(folder.path());
        assert_eq!(file.read(), None);
        for (text, reason) in [
            ("", None),
            ("wrong order\n", Some("wrong order")),
            ("\u{1b}[31mred", Some("\\u{1b}[31mred")),
            ("{\"since\":\"2026-03-01T12:00:00Z\",\"reason\":\" r \"}", Some("r")),
            ("{\"since\":7}", Some("{\"since\":7}")),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let pause = file.read().expect(text);
            assert_eq!(pause.reason.is_some(), reason.is_some(), "{text}: {pause:?}");
            assert!(!pause.reason.unwrap_or_default().contains('\u{1b}'));
        }
        let bytes: &[u8] = &[0xff, 0xfe];
        std::fs::write(file.path(), bytes).unwrap();
        assert!(file.read().is_some());
        std::fs::remove_file(file.path()).unwrap();
        std::fs::create_dir(file.path()).unwrap();
        assert!(file.read().is_some());
    }

    #[test]
    fn a_stop_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = PauseFile::in_directory(folder.path());
        let pause = Pause { since: Some(Timestamp::UNIX_EPOCH), reason: Some("a \"b\"".into()) };
        std::fs::write(file.path(), pause.to_json()).unwrap();
        assert_eq!(file.read(), Some(pause));
    }
}
