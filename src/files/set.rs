//! `CertificateSet`: files that belong together, deployed and exchanged as one.
//!
//! ```text
//! certs/www.example.com/          the directory the user named
//!   sets/2026-03-01/              one folder per set; its content is never changed
//!     cert.pem chain.pem fullchain.pem privkey.pem, and what else was asked for
//!   current -> sets/2026-03-01    the one link that is flipped
//!   previous -> sets/2025-09-01   what was current before, for `certplan rollback`
//!   cert.pem -> current/cert.pem  stable names for a server's configuration, and so on
//! ```
//!
//! At every moment, whatever crashes, all stable names lead into the same set: never to the key of
//! one and the certificate of another. A server that happens to open them one by one across a flip
//! is set right by the reload that follows it. Former sets stay, so that somebody can flip back;
//! `former` removes the oldest of them. Content is not looked at here: it has been proved before.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::access::Access;
use super::durable::{FileMode, create_directory, parent_of, sync_directory, write_plain};
use super::error::{FileError, is_absent};
use super::layout::{
    CURRENT, MAX_SIBLINGS, PREVIOUS, SETS, SetError, check_link, check_name, check_place, current,
    is_there, linked,
};
use super::partial::{Writing, partial_prefix};

/// The mode of directories, less the umask: servers that are not root must reach the certificate.
pub(super) const DIRECTORY: u32 = 0o755;

/// Whether what a file holds is as good as what would be written.
pub type IsSame<'a> = dyn Fn(&[u8]) -> bool + Sync + 'a;

/// One file of a set. There is no `Debug`, since it may hold the key.
#[derive(Clone, Copy)]
pub struct SetFile<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Private when the key can be had from it.
    pub mode: FileMode,
    /// Whether a file that is there already is as good. Without it, only one of the same bytes is:
    /// what is encrypted is other bytes each time.
    pub is_same: Option<&'a IsSame<'a>>,
}

/// The content of a set.
#[derive(Clone, Copy)]
pub struct CertificateSet<'a> {
    /// Its files, of which no two have one name.
    pub files: &'a [SetFile<'a>],
    /// To whom they belong.
    pub access: Access,
}

/// Where a set is to be found after it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledSet {
    /// The name of the folder, which may be a numbered sibling of the one that was wanted.
    pub name: String,
    /// The folder itself.
    pub folder: PathBuf,
    /// The set that was current before, if it was another one.
    pub previous: Option<String>,
}

impl CertificateSet<'_> {
    /// Writes the set under `name` and makes it the current one of `directory`.
    ///
    /// Repeating it after a crash, at whatever point, ends in the same state: a set with the same
    /// content is used again, one with other content keeps its name and this one gets a number.
    pub fn install(&self, directory: &Path, name: &str) -> Result<InstalledSet, SetError> {
        check_name(name)?;
        self.files.iter().try_for_each(|file| Self::check_file_name(file.name))?;
        check_place(directory, self.files.iter().map(|file| file.name))?;
        create_directory(directory, DIRECTORY)?;
        let sets = directory.join(SETS);
        create_directory(&sets, DIRECTORY)?;
        let name = self.place(&sets, name)?;
        let before = current(directory)?;
        make_current(directory, before.as_deref(), &name)?;
        // Done once more, as after a crash, it still tells what was current before the first time.
        let previous = match before {
            Some(before) if before == name => linked(directory, PREVIOUS)?,
            before => before,
        };
        for file in self.files {
            link(directory, file.name)?;
        }
        sync_directory(directory)?;
        Ok(InstalledSet {
            folder: sets.join(&name),
            previous: previous.filter(|previous| *previous != name),
            name,
        })
    }

    /// Whether a file of a set can have this name: no folder, nothing hidden, no link of the layout.
    pub fn check_file_name(name: &str) -> Result<(), SetError> {
        if [SETS, CURRENT, PREVIOUS].contains(&name) {
            let reason = "the folder has something else of that name";
            return Err(SetError::BadName { name: name.to_owned(), reason });
        }
        check_name(name)
    }

    /// Finds the set among the existing ones, or writes it; answers with its name.
    fn place(&self, sets: &Path, wanted: &str) -> Result<String, SetError> {
        let _writing = Writing::in_folder(sets);
        let mut ready = None;
        for number in 1..=MAX_SIBLINGS {
            let name = if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") };
            let folder = sets.join(&name);
            if !is_there(&folder)? {
                let partial = match ready.take() {
                    Some(partial) => partial,
                    None => self.write_partial(sets, wanted)?,
                };
                match fs::rename(partial.path(), &folder) {
                    Ok(()) => {
                        let _ = partial.keep();
                        sync_directory(sets)?;
                        return Ok(name);
                    }
                    // Another run was faster; look at what it put there.
                    Err(_) if is_there(&folder)? => ready = Some(partial),
                    Err(error) => return Err(FileError::new("write", &folder, &error).into()),
                }
            }
            if self.is_in(&folder)? {
                self.hand_over(&folder)?;
                // A crash may have come between the rename and this.
                sync_directory(sets)?;
                return Ok(name);
            }
        }
        Err(SetError::TooMany { directory: sets.to_path_buf(), name: wanted.to_owned() })
    }

    /// Writes all files into a hidden folder, flushed. Whatever fails, the folder goes away again.
    fn write_partial(&self, sets: &Path, name: &str) -> Result<tempfile::TempDir, SetError> {
        let partial = tempfile::Builder::new()
            .prefix(&partial_prefix(Path::new(name)))
            .permissions(Permissions::from_mode(DIRECTORY))
            .tempdir_in(sets)
            .map_err(|error| FileError::new("write", &sets.join(name), &error))?;
        for file in self.files {
            write_plain(&partial.path().join(file.name), file.bytes, file.mode, &self.access)?;
        }
        sync_directory(partial.path())?;
        Ok(partial)
    }

    /// Gives the files of a set that was there already to whom they are to belong now.
    fn hand_over(&self, folder: &Path) -> Result<(), FileError> {
        for file in self.files {
            let path = folder.join(file.name);
            File::open(&path)
                .and_then(|found| self.access.apply(&found, file.mode))
                .map_err(|error| FileError::new("hand over", &path, &error))?;
        }
        Ok(())
    }

    /// True if `folder` holds exactly this content; other files in it do not matter.
    fn is_in(&self, folder: &Path) -> Result<bool, FileError> {
        for SetFile { name, bytes, is_same, .. } in self.files {
            let path = folder.join(name);
            let length = bytes.len() as u64;
            let fits = |found: u64| found == length || (is_same.is_some() && found <= 2 * length);
            match fs::metadata(&path) {
                // The length first: what is compared may be anything, and large.
                Ok(found) if found.is_file() && fits(found.len()) => {}
                Ok(_) => return Ok(false),
                Err(error) if is_absent(&error) => return Ok(false),
                Err(error) => return Err(FileError::new("read", &path, &error)),
            }
            let found = fs::read(&path).map_err(|error| FileError::new("read", &path, &error))?;
            let found = Zeroizing::new(found);
            if found.as_slice() != *bytes && !is_same.is_some_and(|is_same| is_same(&found)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Remembers which set was current, and then exchanges it. After a crash in between, both links
/// lead to the set that still is the current one.
pub(super) fn make_current(
    directory: &Path,
    now: Option<&str>,
    next: &str,
) -> Result<(), SetError> {
    if let Some(now) = now.filter(|now| *now != next) {
        flip(directory, PREVIOUS, now)?;
    }
    flip(directory, CURRENT, next)
}

/// Makes a link lead to the set, in one step.
fn flip(directory: &Path, link: &str, name: &str) -> Result<(), SetError> {
    let path = directory.join(link);
    let target = Path::new(SETS).join(name);
    if fs::read_link(&path).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let refuse = |error: io::Error| FileError::new("flip", &path, &error);
    let _writing = Writing::in_folder(directory);
    let link = tempfile::Builder::new()
        .prefix(&partial_prefix(&path))
        .make_in(parent_of(&path), |temporary| symlink(&target, temporary))
        .map_err(refuse)?;
    link.into_temp_path().persist(&path).map_err(|error| refuse(error.error))?;
    // Before the stable names: they must not outlive what they lead to.
    Ok(sync_directory(directory)?)
}

/// Makes the stable name of a file.
pub(super) fn link(directory: &Path, file: &str) -> Result<(), SetError> {
    if check_link(directory, file)? {
        return Ok(());
    }
    let path = directory.join(file);
    match symlink(Path::new(CURRENT).join(file), &path) {
        // Another run was faster, or something foreign came in between; the check tells which.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_link(directory, file).map(|_| ())
        }
        Err(error) => Err(FileError::new("link", &path, &error).into()),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
