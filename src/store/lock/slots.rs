//! `Slots`: a file of lines of equal length, one for each target that was ever locked.
//!
//! A target's line is its lock: its bytes are locked while somebody works on it. A line is added
//! once and never moves, so two targets never share a range, and every program finds the same one.
//! The lines say which target they stand for, as a checksum, and who locked it last.

use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::TargetKey;
use crate::types::{printable, shorten};

/// The length of a line with its end, in bytes.
const LINE: u64 = 256;

/// Of these the checksum, in hexadecimal digits; a space follows.
const CHECKSUM: usize = 64;

/// And of these who holds it, filled up with spaces.
const HOLDER: usize = 256 - CHECKSUM - 2;

/// The byte that is locked while a line is added: behind every line that there can be.
const ADDING: libc::off_t = libc::off_t::MAX - 1;

/// So long others may take to add a line. They need microseconds, unless somebody stopped them.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause before it is tried again.
const PAUSE: Duration = Duration::from_micros(200);

/// Lines that are read at once.
const LINES_READ: usize = 1024;

/// Which target a line stands for: the checksum of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SlotKey([u8; CHECKSUM]);

impl SlotKey {
    pub(super) fn of(key: &TargetKey) -> Self {
        let world: &[u8] = if key.sandbox { b"sandbox" } else { b"real" };
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [world, key.plan.as_bytes(), key.target.as_bytes()] {
            // The length comes first, so that no two lists of names give the same bytes.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let digit = |half: u8| char::from_digit(u32::from(half), 16).map_or(b'0', |c| c as u8);
        let mut text = [b'0'; CHECKSUM];
        for (pair, byte) in text.chunks_exact_mut(2).zip(context.finish().as_ref()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        Self(text)
    }
}

/// The open file, which lines there are, and which of them we hold.
#[derive(Debug)]
pub(super) struct Slots {
    file: File,
    /// Where the file is, on which device.
    identity: (u64, u64),
    writable: bool,
    numbers: HashMap<SlotKey, u64>,
    /// So many lines have been read.
    lines: u64,
    /// Ranges of one open file do not exclude each other, so we keep account of ours.
    held: HashSet<u64>,
}

impl Slots {
    /// Opens the file, and makes it and its folder where they are missing.
    pub(super) fn open(directory: &Path, path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Self::new(options.open(path)?, true)
    }

    /// Opens the file for [`Self::is_held`] alone; makes nothing.
    pub(super) fn open_for_looking(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?, false)
    }

    fn new(file: File, writable: bool) -> io::Result<Self> {
        let found = file.metadata()?;
        let identity = (found.dev(), found.ino());
        let (numbers, held) = (HashMap::new(), HashSet::new());
        Ok(Self { file, identity, writable, numbers, lines: 0, held })
    }

    /// Whether locks can be taken in it: it is open for writing, and still what is at `path`.
    ///
    /// Fails when the file was taken away while we hold locks in it: who comes next makes another
    /// file, and does not see them.
    pub(super) fn can_be_used(&self, path: &Path) -> io::Result<bool> {
        let found = match std::fs::metadata(path) {
            Ok(found) => Some((found.dev(), found.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let same = found == Some(self.identity);
        if !same && !self.held.is_empty() {
            let reason = "it was deleted or replaced while this program holds locks in it";
            return Err(io::Error::other(reason));
        }
        Ok(same && self.writable)
    }

    /// Which line stands for a target; adds one when there is none.
    pub(super) fn number(&mut self, key: &SlotKey) -> io::Result<u64> {
        if let Some(number) = self.known(key)? {
            return Ok(number);
        }
        let began = Instant::now();
        while !self.set(libc::F_WRLCK, ADDING, 1)? {
            if began.elapsed() > PATIENCE {
                let reason = "another program has begun to add a line and does not go on";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, reason));
            }
            std::thread::sleep(PAUSE);
        }
        let added = self.add(key);
        self.set(libc::F_UNLCK, ADDING, 1)?;
        added
    }

    /// Adds a line, unless somebody else has done so meanwhile.
    fn add(&mut self, key: &SlotKey) -> io::Result<u64> {
        self.read_on()?;
        if let Some(number) = self.numbers.get(key) {
            return Ok(*number);
        }
        let number = self.lines;
        self.file.write_all_at(&line(key, ""), number.saturating_mul(LINE))?;
        self.numbers.insert(*key, number);
        self.lines += 1;
        Ok(number)
    }

    fn known(&mut self, key: &SlotKey) -> io::Result<Option<u64>> {
        if !self.numbers.contains_key(key) {
            self.read_on()?;
        }
        Ok(self.numbers.get(key).copied())
    }

    /// Reads the lines that others have added. A line that is not whole is none: whoever was
    /// writing it is not done, or never will be.
    fn read_on(&mut self) -> io::Result<()> {
        let line = usize::try_from(LINE).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while self.file.metadata()?.len() / LINE > self.lines {
            // Mostly there is nothing to read, and making room costs more than looking.
            bytes.resize(line * LINES_READ, 0);
            let read = self.file.read_at(&mut bytes, self.lines.saturating_mul(LINE))?;
            for text in bytes.get(..read).unwrap_or_default().chunks_exact(line) {
                if let Some(key) = text.first_chunk::<CHECKSUM>() {
                    self.numbers.entry(SlotKey(*key)).or_insert(self.lines);
                }
                self.lines += 1;
            }
            if read < line {
                break;
            }
        }
        Ok(())
    }

    /// Locks a line and writes down who we are; false when somebody has it.
    pub(super) fn take(&mut self, number: u64, key: &SlotKey, holder: &str) -> io::Result<bool> {
        if self.held.contains(&number) || !self.set(libc::F_WRLCK, start(number)?, LINE)? {
            return Ok(false);
        }
        let written = self.sign(number, key, holder);
        match written {
            Ok(()) => _ = self.held.insert(number),
            Err(_) => _ = self.set(libc::F_UNLCK, start(number)?, LINE),
        }
        written.map(|()| true)
    }

    fn sign(&self, number: u64, key: &SlotKey, holder: &str) -> io::Result<()> {
        let mut found = [0; CHECKSUM];
        let at = number.saturating_mul(LINE);
        let read = self.file.read_at(&mut found, at)?;
        if read != CHECKSUM || found != key.0 {
            // Others would take another line for the same target.
            return Err(io::Error::other("its lines were changed by somebody else"));
        }
        self.file.write_all_at(&line(key, holder), at)
    }

    /// Who locked a line last.
    pub(super) fn holder(&self, number: u64) -> String {
        let mut bytes = [0; HOLDER];
        let after = u64::try_from(CHECKSUM + 1).unwrap_or(u64::MAX);
        let at = number.saturating_mul(LINE).saturating_add(after);
        let read = self.file.read_at(&mut bytes, at).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
        // The holder may be just about to write it; then nobody's name is known.
        match text.trim() {
            "" => "another program".to_owned(),
            text => shorten(&printable(text), 120),
        }
    }

    /// Whether somebody holds a target's line, we or others.
    pub(super) fn is_held(&mut self, key: &SlotKey) -> bool {
        let Ok(Some(number)) = self.known(key) else { return false };
        self.held.contains(&number) || self.others_hold(number)
    }

    fn others_hold(&self, number: u64) -> bool {
        let Ok(mut range) = start(number).map(|start| range(libc::F_WRLCK, start, LINE)) else {
            return false;
        };
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut range)).is_ok()
            && libc::c_int::from(range.l_type) != libc::F_UNLCK
    }

    /// Unlocks a line of ours.
    pub(super) fn give_back(&mut self, number: u64) {
        if self.held.remove(&number)
            && let Ok(start) = start(number)
        {
            // What cannot be unlocked stays locked until we end, which is safe.
            let _ = self.set(libc::F_UNLCK, start, LINE);
        }
    }

    /// Locks or unlocks a range; false when somebody else has it, or a part of it.
    fn set(&self, kind: libc::c_int, start: libc::off_t, length: u64) -> io::Result<bool> {
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range(kind, start, length))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn start(number: u64) -> io::Result<libc::off_t> {
    let start = number.checked_mul(LINE).and_then(|start| libc::off_t::try_from(start).ok());
    start.filter(|start| *start < ADDING).ok_or_else(|| io::Error::other("it has too many lines"))
}

/// A range of the file, from its beginning. The process id has no meaning for these locks.
fn range(kind: libc::c_int, start: libc::off_t, length: u64) -> libc::flock {
    libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: start,
        l_len: libc::off_t::try_from(length).unwrap_or(libc::off_t::MAX),
        l_pid: 0,
    }
}

/// A line of the file; what does not fit of the holder is left out.
fn line(key: &SlotKey, holder: &str) -> Vec<u8> {
    let holder = printable(holder);
    let end = holder.floor_char_boundary(HOLDER);
    let mut line = key.0.to_vec();
    line.push(b' ');
    line.extend_from_slice(holder.get(..end).unwrap_or_default().as_bytes());
    line.resize(CHECKSUM + 1 + HOLDER, b' ');
    line.push(b'\n');
    line
}
