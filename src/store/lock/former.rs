//! The locks of earlier versions: a file for each target, locked as a whole.
//!
//! A program of such a version cannot be started any more where the state file is of a newer format,
//! but one may still be running. It would not see our locks, so we do nothing beside it.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest;

use super::TargetKey;
use crate::types::{printable, shorten};

/// How the files' names end.
const ENDING: &str = "lock";

/// A file name may have 255 bytes; some were left for the ending.
const LONGEST_NAME: usize = 200;

/// Deletes the lock files of programs that have ended; who still runs, when somebody does.
pub(super) fn clear(directory: &Path) -> io::Result<Option<String>> {
    let mut ended = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != ENDING) {
            continue;
        }
        match File::open(&path) {
            Ok(mut file) if is_locked(&file) => return Ok(Some(read_holder(&mut file))),
            Ok(_) => ended.push(path),
            // Somebody else clears at the same time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    for path in ended {
        // What cannot be deleted only costs a look the next time.
        let _ = std::fs::remove_file(path);
    }
    Ok(None)
}

/// Whether a program of an earlier version holds the lock. What cannot be looked at is not held.
pub(super) fn is_held(directory: &Path, key: &TargetKey) -> bool {
    File::open(directory.join(file_name(key))).is_ok_and(|file| is_locked(&file))
}

fn is_locked(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(200).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => shorten(&printable(text.trim()), 120),
        _ => "its process is not named".to_owned(),
    }
}

/// The name of a target's lock file: letters, digits, `.` and `-` stand for themselves, everything
/// else for `_` and its code; names too long for a file end in a checksum of the whole.
pub(super) fn file_name(key: &TargetKey) -> String {
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
    name.push('.');
    name.push_str(ENDING);
    name
}
