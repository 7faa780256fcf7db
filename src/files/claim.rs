//! `claim`: a folder of certificate sets belongs to one target.
//!
//! Two targets that were given one folder would exchange one another's files, key and all, and
//! nobody would notice before a server fails. So the first one leaves its name in the folder before
//! it orders, and any other is refused before it does.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::durable::{FileMode, create_directory, write_new};
use super::error::{FileError, FileErrorKind, is_absent, show};
use super::layout::{SetError, check_place};
use super::set::DIRECTORY;
use crate::types::{printable, shorten};

/// The file with the target's name.
const OWNER: &str = ".certplan-target";

/// No target has a longer name.
const LONGEST_NAME: u64 = 4_096;

/// Why a folder cannot be a target's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Something foreign stands where the files have to be.
    #[error(transparent)]
    Set(SetError),
    /// Another target has it.
    #[error(
        "`{}` is the folder of target `{owner}`, says `{}`",
        show(folder),
        show(&folder.join(OWNER))
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// That target.
        owner: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(FileError),
}

impl From<SetError> for ClaimError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::File(error) => Self::File(error),
            other => Self::Set(other),
        }
    }
}

/// Makes `folder` that of `target`, or finds that it is already. Blocks on the disk.
///
/// Fails when it is another target's, or when something stands in it that a set of these `files`
/// would have to replace.
pub fn claim(folder: &Path, target: &str, files: &[&str]) -> Result<(), ClaimError> {
    check_place(folder, files.iter().copied())?;
    create_directory(folder, DIRECTORY).map_err(ClaimError::File)?;
    let path = folder.join(OWNER);
    let written = match read(&path)? {
        Some(owner) => return is_ours(folder, target, &owner),
        None => write_new(&path, format!("{target}\n").as_bytes(), FileMode::Public),
    };
    match written {
        Ok(()) => Ok(()),
        // Another run was faster; perhaps one of the same target.
        Err(error) if error.kind == FileErrorKind::AlreadyExists => match read(&path)? {
            Some(owner) => is_ours(folder, target, &owner),
            None => Err(ClaimError::File(error)),
        },
        Err(error) => Err(ClaimError::File(error)),
    }
}

/// The target whose folder this is, if it is anybody's.
///
/// Fails when the file with its name cannot be read.
pub fn claimed_by(folder: &Path) -> Result<Option<String>, ClaimError> {
    read(&folder.join(OWNER))
}

fn is_ours(folder: &Path, target: &str, owner: &str) -> Result<(), ClaimError> {
    if owner == target {
        return Ok(());
    }
    let owner = shorten(&printable(owner), 200);
    Err(ClaimError::Taken { folder: folder.to_path_buf(), owner })
}

/// The name in the file; none without the file.
fn read(path: &Path) -> Result<Option<String>, ClaimError> {
    let fail = |error| ClaimError::File(FileError::new("read", path, &error));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST_NAME).read_to_end(&mut bytes).map_err(fail)?;
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_the_target_that_came_first_and_stays_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("certs/www");
        for _ in 0..2 {
            claim(&folder, "www.example.com", &[]).unwrap();
        }
        let error = claim(&folder, "api\u{1b}", &[]).unwrap_err();
        assert!(matches!(&error, ClaimError::Taken { owner, .. } if owner == "www.example.com"));
        assert!(error.to_string().contains("is the folder of target `www.example.com`"), "{error}");
        claim(&directory.path().join("certs/api"), "api\u{1b}", &[]).unwrap();
    }

    #[test]
    fn what_a_set_would_have_to_replace_is_found_before_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("privkey.pem"), "somebody else's").unwrap();
        let error = claim(directory.path(), "www.example.com", &["privkey.pem"]).unwrap_err();
        assert!(matches!(error, ClaimError::Set(SetError::Foreign { .. })), "{error}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_many_targets_at_once_one_gets_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..8).map(|number| format!("target-{number}")).collect();
        let won = std::thread::scope(|scope| {
            let claims: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(|| claim(directory.path(), name, &[])))
                .collect();
            let results = claims.into_iter().map(|claim| claim.join().unwrap());
            results.filter(Result::is_ok).count()
        });
        assert_eq!(won, 1);
    }
}
