//! `CertificateSet`: four files that belong together, deployed and exchanged as one.
//!
//! ```text
//! certs/www.example.com/          the directory the user named
//!   sets/2026-03-01/              one folder per set; none is ever changed or removed
//!     cert.pem chain.pem fullchain.pem privkey.pem
//!   current -> sets/2026-03-01    the one link that is flipped
//!   previous -> sets/2025-09-01   what was current before, for `certplan rollback`
//!   cert.pem -> current/cert.pem  stable names for a server's configuration, and so on
//! ```
//!
//! At every moment, whatever crashes, all stable names lead into the same set: never to the key of
//! one and the certificate of another. A server that happens to open them one by one across a flip
//! is set right by the reload that follows it. Former sets stay, so that somebody can flip back.
//! Content is not looked at here: it has been proved before.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::durable::{create_directory, parent_of, partial_prefix, sync_directory, write_plain};
use super::error::{FileError, is_absent};
use super::layout::{
    CURRENT, FILES, MAX_SIBLINGS, PREVIOUS, SETS, SetError, check_link, check_name, check_place,
    current, is_there, linked,
};

/// The mode of directories, less the umask: servers that are not root must reach the certificate.
pub(super) const DIRECTORY: u32 = 0o755;

/// The content of a set. There is no `Debug`, since it holds the key.
#[derive(Clone, Copy)]
pub struct CertificateSet<'a> {
    /// The leaf, PEM.
    pub cert: &'a str,
    /// The issuers, PEM.
    pub chain: &'a str,
    /// The leaf and the issuers, PEM.
    pub fullchain: &'a str,
    /// The private key, PEM.
    pub privkey: &'a str,
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
    /// The stable name of the leaf.
    pub cert: PathBuf,
    /// The stable name of the issuers.
    pub chain: PathBuf,
    /// The stable name of the leaf with its issuers.
    pub fullchain: PathBuf,
    /// The stable name of the key.
    pub privkey: PathBuf,
}

impl CertificateSet<'_> {
    /// Writes the set under `name` and makes it the current one of `directory`.
    ///
    /// Repeating it after a crash, at whatever point, ends in the same state: a set with the same
    /// content is used again, one with other content keeps its name and this one gets a number.
    pub fn install(&self, directory: &Path, name: &str) -> Result<InstalledSet, SetError> {
        check_name(name)?;
        check_place(directory)?;
        create_directory(directory, DIRECTORY)?;
        let sets = directory.join(SETS);
        create_directory(&sets, DIRECTORY)?;
        let name = self.place(&sets, name)?;
        let previous = current(directory)?;
        make_current(directory, previous.as_deref(), &name)?;
        for (file, _) in FILES {
            link(directory, file)?;
        }
        sync_directory(directory)?;
        Ok(InstalledSet {
            folder: sets.join(&name),
            previous: previous.filter(|previous| *previous != name),
            name,
            cert: directory.join("cert.pem"),
            chain: directory.join("chain.pem"),
            fullchain: directory.join("fullchain.pem"),
            privkey: directory.join("privkey.pem"),
        })
    }

    fn contents(&self) -> [&[u8]; 4] {
        [self.cert, self.chain, self.fullchain, self.privkey].map(str::as_bytes)
    }

    /// Finds the set among the existing ones, or writes it; answers with its name.
    fn place(&self, sets: &Path, wanted: &str) -> Result<String, SetError> {
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
        for ((file, mode), bytes) in FILES.into_iter().zip(self.contents()) {
            write_plain(&partial.path().join(file), bytes, mode)?;
        }
        sync_directory(partial.path())?;
        Ok(partial)
    }

    /// True if `folder` holds exactly this content; other files in it do not matter.
    fn is_in(&self, folder: &Path) -> Result<bool, FileError> {
        for ((file, _), bytes) in FILES.into_iter().zip(self.contents()) {
            let path = folder.join(file);
            match fs::metadata(&path) {
                // The length first: what is compared may be anything, and large.
                Ok(found) if found.is_file() && found.len() == bytes.len() as u64 => {}
                Ok(_) => return Ok(false),
                Err(error) if is_absent(&error) => return Ok(false),
                Err(error) => return Err(FileError::new("read", &path, &error)),
            }
            let found = fs::read(&path).map_err(|error| FileError::new("read", &path, &error))?;
            if *Zeroizing::new(found) != *bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Makes a former set the current one again; answers with its name.
///
/// `from` is the set that is to be left; when another one is current, nothing is done: it is the
/// wanted one, after a crash, or somebody else's, which is an error. Without `to` it is the set that
/// was current before. The set that is left can be gone back to in the same way.
pub fn roll_back(
    directory: &Path,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<String, SetError> {
    check_place(directory)?;
    let missing = |wanted: &str| SetError::NothingBefore {
        directory: directory.to_path_buf(),
        wanted: wanted.to_owned(),
    };
    let Some(now) = current(directory)? else { return Err(missing("no set is current")) };
    let before = linked(directory, PREVIOUS)?;
    if let Some(from) = from
        && from != now
    {
        // Done already: then the set that was left is the one to go back to.
        let done = before.as_deref() == Some(from) && to.is_none_or(|to| to == now);
        return if done { Ok(now) } else { Err(missing(&format!("`{now}` is current"))) };
    }
    let Some(to) = to.map(str::to_owned).or(before) else {
        return Err(missing("there is no set before it"));
    };
    check_name(&to)?;
    let folder = directory.join(SETS).join(&to);
    if !FILES.iter().all(|(file, _)| folder.join(file).is_file()) {
        return Err(missing(&format!("there is no whole set `{to}`")));
    }
    make_current(directory, Some(&now), &to)?;
    Ok(to)
}

/// Remembers which set was current, and then exchanges it. After a crash in between, both links
/// lead to the set that still is the current one.
fn make_current(directory: &Path, now: Option<&str>, next: &str) -> Result<(), SetError> {
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
    let link = tempfile::Builder::new()
        .prefix(&partial_prefix(&path))
        .make_in(parent_of(&path), |temporary| symlink(&target, temporary))
        .map_err(refuse)?;
    link.into_temp_path().persist(&path).map_err(|error| refuse(error.error))?;
    // Before the stable names: they must not outlive what they lead to.
    Ok(sync_directory(directory)?)
}

fn link(directory: &Path, file: &str) -> Result<(), SetError> {
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
