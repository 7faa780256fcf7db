//! `StateFile`: the world on disk, so that an interrupted run finds its orders again.
//!
//! The first line holds a version and the CA; each further line one commit, whole. A save appends
//! one line and syncs it: with thousands of orders, writing the whole world for each change would
//! be slower than everything else. At each start, and when it has become much longer than what it
//! says, the file is rewritten beside itself and swapped in. It knows nothing of orders; what
//! changed is the world's business.

mod lines;

#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use lines::Lines;

use super::ca::CaState;
use super::world::Change;
use crate::types::Timestamp;

/// The version of the file's format that this program writes. It reads the first one, too, which
/// did not tell how far the rules of scenarios had come.
const VERSION: u32 = 2;

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The operating system refused.
    #[error("cannot {doing} the sandbox's state file `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is no state file, or it was damaged.
    #[error("the sandbox's state file `{path}` is damaged at line {line}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first line that cannot be read.
        line: usize,
        /// The reader's words.
        reason: String,
    },
    /// A later program wrote it.
    #[error("the sandbox's state file `{path}` has version {found}; this program knows {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Another sandbox has it open.
    #[error("the sandbox's state file `{0}` is in use by another sandbox")]
    InUse(PathBuf),
    /// The sandbox was stopped while a request was on its way.
    #[error("the sandbox has stopped")]
    Stopped,
}

#[derive(Serialize, Deserialize)]
struct Header {
    certplan_sandbox: u32,
    ca: CaState,
}

/// Of any version: only the number is looked at.
#[derive(Deserialize)]
struct AnyHeader {
    certplan_sandbox: u32,
}

/// Facts that became true together.
#[derive(Serialize, Deserialize)]
pub(super) struct Commit {
    /// The latest time that the world had seen.
    pub(super) at: Option<Timestamp>,
    pub(super) changes: Vec<Change>,
}

/// The time of a commit without its content.
#[derive(Deserialize)]
struct CommitTime {
    at: Option<Timestamp>,
    #[serde(rename = "changes")]
    _changes: IgnoredAny,
}

/// What was stored.
pub(super) struct Loaded {
    pub(super) ca: CaState,
    /// Keeps the old file locked until the new one is in its place.
    pub(super) lock: File,
}

/// An open state file, locked against other sandboxes.
pub(super) struct StateFile {
    path: PathBuf,
    file: File,
    ca: CaState,
    /// How long the file was when it was written anew, and how long it is.
    began_at: u64,
    length: u64,
}

/// So many changes go into one line when the whole world is written.
pub(super) const AT_ONCE: usize = 100;

/// A file that grew by less is not written anew.
const LEAST_GROWTH: u64 = 16 << 20;

/// Time that passes without a change is noted this often, so that a restart does not fall back.
const NOTE_EVERY_SECONDS: i64 = 60;

impl StateFile {
    /// Reads what is stored at `path`, commit by commit; nothing when there is no such file.
    pub(super) fn load(
        path: &Path,
        mut take: impl FnMut(Commit),
    ) -> Result<Option<Loaded>, StateFileError> {
        let lock = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("open", path)(source)),
        };
        take_lock(&lock, path)?;
        let mut lines = Lines::new(&lock, path);
        let ca = read_header(path, lines.next()?)?.ca;
        while let Some(line) = lines.next()? {
            take(parse(path, (line.0, &line.1))?);
        }
        Ok(Some(Loaded { ca, lock }))
    }

    /// Writes a new file with these commits and puts it in the place of the old one.
    pub(super) fn create(
        path: &Path,
        ca: &CaState,
        commits: impl FnOnce(&mut dyn FnMut(Commit)),
    ) -> Result<Self, StateFileError> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(directory).map_err(io_error("make the directory of", path))?;
        // Readable for its owner only, because it holds the CA's key.
        let mut new =
            tempfile::NamedTempFile::new_in(directory).map_err(io_error("create", path))?;
        let mut length = 0;
        let mut write = |line: Result<Vec<u8>, StateFileError>| {
            let line = line?;
            length += line.len() as u64;
            new.write_all(&line).map_err(io_error("write", path))
        };
        write(line_of(path, &Header { certplan_sandbox: VERSION, ca: ca.clone() }))?;
        let mut written = Ok(());
        commits(&mut |commit| {
            if written.is_ok() {
                written = write(line_of(path, &commit));
            }
        });
        written?;
        new.as_file().sync_all().map_err(io_error("sync", path))?;
        take_lock(new.as_file(), path)?;
        let file = new.persist(path).map_err(|error| io_error("replace", path)(error.error))?;
        // The new name is on the disk only when its directory is; only Unix can sync one.
        #[cfg(unix)]
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(io_error("sync the directory of", path))?;
        Ok(Self { path: path.to_owned(), file, ca: ca.clone(), began_at: length, length })
    }

    /// True when the file holds much more than what is true now.
    pub(super) fn is_overgrown(&self) -> bool {
        self.length > self.began_at.saturating_mul(4).max(self.began_at + LEAST_GROWTH)
    }

    /// Writes the file anew; the old one stays until the new one is whole.
    pub(super) fn compact(
        &mut self,
        commits: impl FnOnce(&mut dyn FnMut(Commit)),
    ) -> Result<(), StateFileError> {
        *self = Self::create(&self.path, &self.ca, commits)?;
        Ok(())
    }

    /// Appends a commit; it is on the disk when this returns.
    pub(super) fn append(&mut self, commit: &Commit) -> Result<(), StateFileError> {
        self.write(commit)?;
        self.file.sync_data().map_err(io_error("sync", &self.path))
    }

    /// True when so much time passed since it was last noted that it should be noted again.
    pub(super) fn is_behind(noted: Option<Timestamp>, now: Option<Timestamp>) -> bool {
        let second = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_second);
        second(now) - second(noted) >= NOTE_EVERY_SECONDS
    }

    /// Appends a commit without waiting for the disk, for what may be lost.
    pub(super) fn write(&mut self, commit: &Commit) -> Result<(), StateFileError> {
        let line = line_of(&self.path, commit)?;
        let start = self.file.stream_position().map_err(io_error("write", &self.path))?;
        self.length += line.len() as u64;
        self.file.write_all(&line).map_err(|source| {
            // Half a line in the middle of the file would make all of it unreadable.
            let undone = self.file.set_len(start);
            if let Err(error) = undone.and_then(|()| self.file.seek(SeekFrom::Start(start))) {
                tracing::error!(%error, "half a line is left in the sandbox's state file");
            }
            io_error("write", &self.path)(source)
        })
    }
}

/// The latest time in the file at `path`, without loading the world.
pub(super) fn peek_latest_time(path: &Path) -> Result<Option<Timestamp>, StateFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("read", path)(source)),
    };
    let mut lines = Lines::new(&file, path);
    read_header(path, lines.next()?)?;
    let mut latest = None;
    while let Some(line) = lines.next()? {
        let commit: CommitTime = parse(path, (line.0, &line.1))?;
        latest = latest.max(commit.at);
    }
    Ok(latest)
}

fn read_header(path: &Path, line: Option<(usize, String)>) -> Result<Header, StateFileError> {
    let (number, text) = line.unwrap_or_else(|| (1, String::new()));
    let any: AnyHeader = parse(path, (number, &text))?;
    if any.certplan_sandbox > VERSION {
        return Err(StateFileError::Newer { path: path.to_owned(), found: any.certplan_sandbox });
    }
    parse(path, (number, &text))
}

fn parse<'text, T: Deserialize<'text>>(
    path: &Path,
    (number, line): (usize, &'text str),
) -> Result<T, StateFileError> {
    serde_json::from_str(line).map_err(|error| StateFileError::Damaged {
        path: path.to_owned(),
        line: number,
        reason: error.to_string(),
    })
}

fn line_of(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, StateFileError> {
    let mut line =
        serde_json::to_vec(value).map_err(|error| io_error("write", path)(error.into()))?;
    line.push(b'\n');
    Ok(line)
}

fn take_lock(file: &File, path: &Path) -> Result<(), StateFileError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StateFileError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateFileError {
    let path = path.to_owned();
    move |source| StateFileError::Io { doing, path, source }
}
