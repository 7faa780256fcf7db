//! What is made ready under a hidden name, and what a crash leaves of it.
//!
//! A write that is killed leaves its `.NAME.partial-…`, perhaps with a private key in it. Whoever
//! writes holds a shared lock on the folder ([`Writing`]), which the operating system gives back when
//! the process ends, however it ends. So whoever gets the folder for himself alone knows that what he
//! finds under such names is nobody's any more.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{FileError, is_absent};

/// Between the name and the digits that make it unique.
const MARK: &str = ".partial-";
/// How many random letters and digits stand at the end.
const DIGITS: usize = 6;

/// `.NAME.partial-`, the beginning of the hidden name under which something is made ready.
pub(super) fn partial_prefix(path: &Path) -> String {
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    format!(".{}{MARK}", name.display())
}

/// As long as this lives, nobody removes what is made ready in the folder.
pub(super) struct Writing {
    _lock: Option<File>,
}

impl Writing {
    /// Waits while somebody removes what was left there, which does not take long.
    ///
    /// Where a folder cannot be locked, nobody gets it for himself either, and nothing is removed.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let lock = File::open(folder).and_then(|folder| folder.lock_shared().map(|()| folder));
        Self { _lock: lock.ok() }
    }
}

/// Removes what interrupted writes have left in `folder`. Blocks on the disk.
///
/// While anybody writes there nothing is removed: the next one will find it. Fails when the folder
/// cannot be listed, or something in it cannot be removed.
pub fn remove_interrupted(folder: &Path) -> Result<(), FileError> {
    // Nearly always there is nothing, and nobody has to wait.
    if left_behind(folder)?.is_empty() {
        return Ok(());
    }
    let Ok(lock) = File::open(folder) else { return Ok(()) };
    if lock.try_lock().is_err() {
        return Ok(());
    }
    // What was there before may have got its name in the meantime.
    for path in left_behind(folder)? {
        remove(&path).map_err(|error| FileError::new("remove", &path, &error))?;
    }
    Ok(())
}

fn left_behind(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let refuse = |error| FileError::new("list", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        if is_partial(&entry.file_name()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether it is a name of ours: anything else in the folder is somebody else's.
fn is_partial(name: &OsStr) -> bool {
    let Some((before, after)) = name.to_str().and_then(|name| name.rsplit_once(MARK)) else {
        return false;
    };
    before.starts_with('.')
        && after.len() == DIGITS
        && after.bytes().all(|digit| digit.is_ascii_alphanumeric())
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = fs::symlink_metadata(path).and_then(|found| match found.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    });
    match removed {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a writer has made ready when it is killed.
    fn interrupt(folder: &Path, name: &str) -> PathBuf {
        let partial = tempfile::Builder::new()
            .prefix(&partial_prefix(Path::new(name)))
            .tempdir_in(folder)
            .unwrap()
            .keep();
        fs::write(partial.join("privkey.pem"), "key").unwrap();
        partial
    }

    #[test]
    fn what_an_interrupted_write_left_goes_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        let others = [
            "www",
            ".www",
            ".www.partial-",
            ".www.partial-keep",
            "www.partial-aB3xY9",
            ".well-known",
        ];
        for name in others {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let left = interrupt(folder, "2026-03-01");
        let link = folder.join(".current.partial-aB3xY9");
        std::os::unix::fs::symlink("www", &link).unwrap();
        remove_interrupted(folder).unwrap();
        assert!(!left.exists() && fs::symlink_metadata(link).is_err());
        for name in others {
            assert!(folder.join(name).is_dir(), "{name}");
        }
    }

    #[test]
    fn while_anybody_writes_nothing_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) =
            (Writing::in_folder(directory.path()), Writing::in_folder(directory.path()));
        let partial = interrupt(directory.path(), "2026-03-01");
        for writer in [one, other] {
            remove_interrupted(directory.path()).unwrap();
            assert!(partial.join("privkey.pem").exists());
            drop(writer);
        }
        remove_interrupted(directory.path()).unwrap();
        assert!(!partial.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = remove_interrupted(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().contains("cannot list `/nowhere/at/all`"), "{error}");
    }
}
