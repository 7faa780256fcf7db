//! `TargetLocks`: no two programs work on one target of one plan at the same time.
//!
//! The operating system holds the lock, so it ends with its process, however that ends. What stands
//! in the file is only there to say who holds it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::types::{printable, shorten};

/// A file name may have 255 bytes; some are left for the ending.
const LONGEST_NAME: usize = 200;

/// The folder of lock files.
#[derive(Debug, Clone)]
pub struct TargetLocks {
    directory: PathBuf,
}

/// What is locked: a plan's name and a target's name, in the real world or in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetKey {
    /// The plan's name.
    pub plan: String,
    /// The target's name.
    pub target: String,
    /// Whether it is about the embedded sandbox.
    pub sandbox: bool,
}

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct TargetLock {
    _file: File,
}

/// Why a target cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another program works on it.
    #[error("target `{target}` of plan `{plan}` is being worked on by {holder}")]
    Held {
        /// The plan.
        plan: String,
        /// The target.
        target: String,
        /// Who, as it said itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock `{path}`: {source}", path = path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TargetLocks {
    /// Keeps lock files in `directory`, which is made when it is first needed.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Locks a target, or says who holds it. `holder` tells others who we are.
    pub fn lock(&self, key: &TargetKey, holder: &str) -> Result<TargetLock, LockError> {
        let path = self.directory.join(file_name(key));
        let fail = |source| LockError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(fail)?;
        let mut file = open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    plan: key.plan.clone(),
                    target: key.target.clone(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        write_holder(&mut file, holder).map_err(fail)?;
        Ok(TargetLock { _file: file })
    }
}

impl TargetLocks {
    /// Whether some program holds the lock now. Makes nothing; what cannot be looked at is not held.
    pub fn is_held(&self, key: &TargetKey) -> bool {
        File::open(self.directory.join(file_name(key)))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn write_holder(file: &mut File, holder: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.as_bytes())
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    // The holder may be just about to write it; then nobody's name is known.
    match file.take(200).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => shorten(&printable(text.trim()), 120),
        _ => "another program".to_owned(),
    }
}

/// A file name that is readable and cannot collide or leave the folder.
///
/// Letters, digits, `.` and `-` stand for themselves, everything else is written as `_` and its
/// code; names too long for a file end in a checksum of the whole.
fn file_name(key: &TargetKey) -> String {
    let world = if key.sandbox { "sandbox" } else { "real" };
    let mut name = String::new();
    for part in [world, &key.plan, &key.target] {
        if !name.is_empty() {
            name.push('+');
        }
        for c in part.chars() {
            if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
                name.push(c);
            } else {
                name.push_str(&format!("_{:x}_", u32::from(c)));
            }
        }
    }
    if name.len() > LONGEST_NAME {
        let checksum = digest::digest(&digest::SHA256, name.as_bytes());
        name.truncate(LONGEST_NAME - 34);
        name.push('+');
        for byte in checksum.as_ref().iter().take(16) {
            name.push_str(&format!("{byte:02x}"));
        }
    }
    name.push_str(".lock");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: &str) -> TargetKey {
        TargetKey { plan: "ov-staged".to_owned(), target: target.to_owned(), sandbox: false }
    }

    #[test]
    fn the_second_comer_is_told_who_holds_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let locks = TargetLocks::new(directory.path().join("locks"));
        let first = locks.lock(&key("www.example.com"), "process 4711").unwrap();
        let error = locks.lock(&key("www.example.com"), "process 4712").unwrap_err();
        assert_eq!(
            error.to_string(),
            "target `www.example.com` of plan `ov-staged` is being worked on by process 4711"
        );
        locks.lock(&key("api.example.com"), "process 4712").unwrap();
        assert!(locks.is_held(&key("www.example.com")));
        drop(first);
        assert!(!locks.is_held(&key("www.example.com")));
        locks.lock(&key("www.example.com"), "process 4712").unwrap();
    }

    #[test]
    fn odd_names_stay_apart_and_inside_the_folder() {
        let names: Vec<String> = ["a/b", "a_b", "../a", &"x".repeat(500), &"x".repeat(501)]
            .iter()
            .map(|target| file_name(&key(target)))
            .collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!name.contains('/') && name.len() < 255);
            assert!(!names[index + 1..].contains(name));
        }
    }
}
