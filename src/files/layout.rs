//! Where the parts of a deployed set stand, and what may stand there already.
//!
//! Only looks, never writes: everything is checked here before the first byte is written, and a file
//! that somebody else put there is an error, never overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{FileError, is_absent, show};
use crate::types::{printable, shorten};

/// The folder of all sets.
pub(super) const SETS: &str = "sets";
/// The link that is flipped.
pub(super) const CURRENT: &str = "current";
/// The link to what was current before.
pub(super) const PREVIOUS: &str = "previous";
/// A name that is taken this often is used by something that went astray.
pub(super) const MAX_SIBLINGS: usize = 1000;
/// Leaves room for what is added to it: file systems take 255 bytes.
const MAX_NAME: usize = 200;

/// Why a set was not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Something stands where this program would have to put a link or a folder of its own.
    #[error("`{}` is {found}, and {wanted} has to stand there", show(path))]
    Foreign {
        /// Where it stands.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What has to be there.
        wanted: String,
    },
    /// A set cannot have this name.
    #[error("`{name}` cannot be the name of a set or a file in it: {reason}")]
    BadName {
        /// The offending text, shortened and made printable.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// All the numbered names are taken by sets with other content.
    #[error("`{}` holds {MAX_SIBLINGS} sets named like `{name}`", show(directory))]
    TooMany {
        /// The folder of the sets.
        directory: PathBuf,
        /// The name that was wanted.
        name: String,
    },
    /// There is no set to go back to.
    #[error("`{}` cannot go back to a former set: {wanted}", show(directory))]
    NothingBefore {
        /// The folder.
        directory: PathBuf,
        /// Why.
        wanted: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Looks at everything that will be written, before anything is.
pub(super) fn check_place<'a>(
    directory: &Path,
    files: impl IntoIterator<Item = &'a str>,
) -> Result<(), SetError> {
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(foreign(directory, "no directory".to_owned(), "a directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::new("look at", directory, &error).into()),
    }
    let sets = directory.join(SETS);
    if let Some(found) = look(&sets)?
        && !found.is_dir()
    {
        return Err(foreign(&sets, describe(&sets, &found), "a directory of sets"));
    }
    current(directory)?;
    linked(directory, PREVIOUS)?;
    for file in files {
        check_link(directory, file)?;
    }
    Ok(())
}

/// The name of the set that `current` leads to; `None` without such a link.
pub(super) fn current(directory: &Path) -> Result<Option<String>, SetError> {
    linked(directory, CURRENT)
}

/// The name of the set that a link leads to; `None` without such a link.
pub(super) fn linked(directory: &Path, link: &str) -> Result<Option<String>, SetError> {
    let path = directory.join(link);
    let Some(found) = look(&path)? else { return Ok(None) };
    let target = fs::read_link(&path).ok();
    let name = target
        .as_deref()
        .and_then(|target| target.strip_prefix(SETS).ok()?.to_str())
        .filter(|name| check_name(name).is_ok());
    match name {
        Some(name) => Ok(Some(name.to_owned())),
        None => Err(foreign(&path, describe(&path, &found), "a link to one of the `sets`")),
    }
}

/// True if the stable link is there, false if nothing is; anything else is foreign.
pub(super) fn check_link(directory: &Path, file: &str) -> Result<bool, SetError> {
    let path = directory.join(file);
    let Some(found) = look(&path)? else { return Ok(false) };
    let target = Path::new(CURRENT).join(file);
    if fs::read_link(&path).is_ok_and(|found| found == target) {
        return Ok(true);
    }
    Err(foreign(&path, describe(&path, &found), &format!("a link to `{}`", target.display())))
}

/// Refuses names that could leave the folder of sets or be taken for something hidden.
pub(super) fn check_name(name: &str) -> Result<(), SetError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is too long"
    } else if name.starts_with('.') {
        "it begins with a dot"
    } else if name.contains('/') || printable(name) != name {
        "it holds `/` or control characters"
    } else {
        return Ok(());
    };
    Err(SetError::BadName { name: shorten(&printable(name), 60), reason })
}

/// What stands at a path, without following a link.
fn look(path: &Path) -> Result<Option<fs::Metadata>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(FileError::new("look at", path, &error)),
    }
}

/// True if anything stands at a path, a dangling link included.
pub(super) fn is_there(path: &Path) -> Result<bool, FileError> {
    Ok(look(path)?.is_some())
}

fn describe(path: &Path, found: &fs::Metadata) -> String {
    match fs::read_link(path) {
        Ok(target) => format!("a link to `{}`", show(&target)),
        Err(_) if found.is_dir() => "a directory".to_owned(),
        Err(_) if found.is_file() => "a file".to_owned(),
        Err(_) => "something else".to_owned(),
    }
}

fn foreign(path: &Path, found: String, wanted: &str) -> SetError {
    SetError::Foreign { path: path.to_path_buf(), found, wanted: wanted.to_owned() }
}
