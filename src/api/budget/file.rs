//! `SharedFile`: the ledger as all programs see it.
//!
//! A small file under a lock of the operating system, which ends with its process however that
//! ends. It is read, decided upon and written in a few microseconds, and never synced: after a
//! power cut nobody's requests count any more. What cannot be understood in it is forgotten; it
//! must never keep a run from going on.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;

use super::Micros;
use super::condition::Condition;
use super::ledger::{Ledger, MOST_SLOTS};
use crate::api::http::BaseUrl;
use crate::types::Secret;

/// How the file begins; another format gets another number.
const MAGIC: [u8; 8] = *b"cpbudge1";

/// Magic, nine numbers, checksum.
const HEAD: usize = 8 + 9 * 8 + 8;

/// More slots than this are written in one go.
const MOST_SINGLE_WRITES: usize = 32;

/// So often a lock is tried for before the thread sleeps in between.
const SPINS: u32 = 30;

/// The ending of the files' names.
const ENDING: &str = "budget";

/// A ledger in a file.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: File,
    buffer: Vec<u8>,
}

/// Why the file could not be used this time.
#[derive(Debug)]
pub(super) enum FileTrouble {
    /// Another program holds the lock.
    Locked,
    /// It cannot be read or written.
    Broken(io::Error),
}

/// Where the budget of a connection is in `directory`. The name shows where the requests go, and
/// not the key: of that it has a fingerprint.
pub fn budget_file(directory: &Path, base_url: &BaseUrl, api_key: &Secret) -> PathBuf {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(base_url.as_str().as_bytes());
    context.update(&[0]);
    context.update(api_key.reveal().as_bytes());
    let fingerprint: String =
        context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let place = budget_place(base_url.as_str());
    directory.join(format!("{place}+{fingerprint}.{ENDING}"))
}

/// What the budget of requests to `base_url` is called for people: the address, with hyphens for what
/// a file name cannot have.
pub fn budget_place(base_url: &str) -> String {
    let place = base_url.split_once("://").map_or("", |(_, place)| place);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    place.chars().map(plain).take(80).collect()
}

/// The budgets in `directory`: where the requests go, and the file.
pub(super) fn budget_files(directory: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let budget = |path: PathBuf| {
        let (place, fingerprint) = path.file_name()?.to_str()?.split_once('+')?;
        fingerprint.ends_with(ENDING).then(|| (place.to_owned(), path.clone()))
    };
    let mut found: Vec<_> = entries.filter_map(|entry| budget(entry.ok()?.path())).collect();
    found.sort();
    found
}

impl SharedFile {
    /// Opens the file, or makes it, with its folder, for nobody else.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: file.open(path)?, buffer: Vec::new() })
    }

    /// Reads the file as it is now. For a look only: without the lock.
    pub(super) fn look(path: &Path) -> io::Result<Ledger> {
        let mut shared = Self { file: File::open(path)?, buffer: Vec::new() };
        Ok(shared.read()?.0)
    }

    /// Lets `act` decide on the ledger as it is in the file, and writes what it changed.
    ///
    /// `ledger` is what was read, also afterwards. Waits `patience` at most for other programs; when
    /// the file cannot be used, `act` has not been called.
    pub(super) fn with<T>(
        &mut self,
        ledger: &mut Ledger,
        patience: Duration,
        act: impl FnOnce(&mut Ledger) -> T,
    ) -> Result<T, FileTrouble> {
        self.lock(patience)?;
        let result = self.read().map_err(FileTrouble::Broken).map(|(read, whole)| {
            *ledger = read;
            let before = whole.then_some(ledger.condition);
            let result = act(ledger);
            (result, self.write(ledger, before))
        });
        // Closing would unlock as well; an error here could not be helped.
        let _ = self.file.unlock();
        match result? {
            (result, Ok(())) => Ok(result),
            // What was decided holds; only others do not know of it.
            (result, Err(error)) => {
                tracing::warn!(%error, "the request budget cannot be written");
                Ok(result)
            }
        }
    }

    fn lock(&self, patience: Duration) -> Result<(), FileTrouble> {
        let began = Instant::now();
        for tries in 0_u32.. {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(FileTrouble::Broken(error)),
                Err(TryLockError::WouldBlock) if began.elapsed() > patience => break,
                Err(TryLockError::WouldBlock) if tries < SPINS => std::thread::yield_now(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(50)),
            }
        }
        Err(FileTrouble::Locked)
    }

    /// The ledger, and whether it was whole.
    fn read(&mut self) -> io::Result<(Ledger, bool)> {
        let most = HEAD + MOST_SLOTS * 8;
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                let larger = (self.buffer.len() * 2).clamp(HEAD + 64 * 8, most);
                if length >= larger {
                    break;
                }
                self.buffer.resize(larger, 0);
            }
            let offset = u64::try_from(length).unwrap_or(u64::MAX);
            match self.file.read_at(&mut self.buffer[length..], offset) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if length < self.buffer.len() {
                break;
            }
        }
        let bytes = &self.buffer[..length];
        if bytes.len() < HEAD || !bytes.starts_with(&MAGIC) {
            return Ok((Ledger::default(), false));
        }
        let (head, slots) = bytes.split_at(HEAD);
        let slots = slots.chunks_exact(8).map(|chunk| number(chunk).max(0)).collect();
        match decode(head) {
            Some(condition) => Ok((Ledger::from_parts(condition, slots), true)),
            // The requests are counted all the same; the service will say again what it wants.
            None => Ok((Ledger::from_parts(Condition::default(), slots), false)),
        }
    }

    /// Writes what changed; everything, when the file was not whole `before`.
    fn write(&self, ledger: &mut Ledger, before: Option<Condition>) -> io::Result<()> {
        let dirty = ledger.clean();
        if before.is_none() || dirty.len() > MOST_SINGLE_WRITES {
            let mut bytes = encode(&ledger.condition);
            ledger.slots.iter().for_each(|at| bytes.extend_from_slice(&at.to_le_bytes()));
            self.file.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
            return self.file.write_all_at(&bytes, 0);
        }
        if before != Some(ledger.condition) {
            self.file.write_all_at(&encode(&ledger.condition), 0)?;
        }
        for slot in dirty {
            if let Some(at) = ledger.slots.get(slot) {
                let offset = u64::try_from(HEAD + slot * 8).unwrap_or(u64::MAX);
                self.file.write_all_at(&at.to_le_bytes(), offset)?;
            }
        }
        Ok(())
    }
}

fn encode(condition: &Condition) -> Vec<u8> {
    let Condition {
        hold_until,
        refused_at,
        refusals,
        trial_until,
        failures,
        down_since,
        next_probe,
        probes,
        answered_at,
    } = *condition;
    let numbers = [
        hold_until,
        refused_at,
        refusals,
        trial_until,
        failures,
        down_since,
        next_probe,
        probes,
        answered_at,
    ];
    let mut bytes = MAGIC.to_vec();
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The condition, when the head is as somebody wrote it.
fn decode(head: &[u8]) -> Option<Condition> {
    let (content, sum) = head.split_at_checked(HEAD - 8)?;
    if number(sum) != checksum(content) {
        return None;
    }
    let mut numbers = content.get(8..)?.chunks_exact(8).map(|chunk| number(chunk).max(0));
    Some(Condition {
        hold_until: numbers.next()?,
        refused_at: numbers.next()?,
        refusals: numbers.next()?,
        trial_until: numbers.next()?,
        failures: numbers.next()?,
        down_since: numbers.next()?,
        next_probe: numbers.next()?,
        probes: numbers.next()?,
        answered_at: numbers.next()?,
    })
}

fn number(bytes: &[u8]) -> Micros {
    bytes.try_into().map_or(0, Micros::from_le_bytes)
}

/// FNV-1a: enough to tell a head that was written from one that was not.
fn checksum(bytes: &[u8]) -> i64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    sum.cast_signed()
}
