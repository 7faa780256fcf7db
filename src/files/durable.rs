//! Writing single files so that a crash leaves the old state or the new one, and nothing between.
//!
//! The content is written beside the target, flushed, given its name in one step, and then the
//! directory is flushed, without which a new name can be lost in a power cut. A crash on the way
//! leaves a hidden `.NAME.partial-…`, which nothing reads and [`super::partial`] removes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

use super::access::Access;
use super::error::FileError;
use super::partial::{Writing, partial_prefix};

/// Who may read a file. The umask does not change it: what is written must be usable as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// The owner alone (0600), for keys.
    Private,
    /// Everybody (0644), for certificates.
    Public,
}

impl FileMode {
    fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Writes a file that must not exist; something at the path is `AlreadyExists` and is not touched.
///
/// The name appears with its whole content or not at all: a crash must not leave half a key under
/// the name at which the next run would find it.
pub fn write_new(path: &Path, bytes: &[u8], mode: FileMode) -> Result<(), FileError> {
    // Looked at first only to spare the writing; the rename decides.
    if fs::symlink_metadata(path).is_ok() {
        let exists = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(FileError { reason: "it exists already".to_owned(), ..refuse(path, &exists) });
    }
    let _writing = Writing::in_folder(parent_of(path));
    let file = write_beside(path, bytes, mode).map_err(|error| refuse(path, &error))?;
    file.persist_noclobber(path).map_err(|error| refuse(path, &error.error))?;
    sync_directory(parent_of(path))
}

/// Writes a file, in place of the one at the path if there is one; a link there is replaced itself.
pub fn write_replace(path: &Path, bytes: &[u8], mode: FileMode) -> Result<(), FileError> {
    let _writing = Writing::in_folder(parent_of(path));
    let file = write_beside(path, bytes, mode).map_err(|error| refuse(path, &error))?;
    file.persist(path).map_err(|error| refuse(path, &error.error))?;
    sync_directory(parent_of(path))
}

/// Makes a directory and its missing parents, open to the owner alone; what exists stays as it is.
pub fn create_private_directory(path: &Path) -> Result<(), FileError> {
    create_directory(path, 0o700)
}

/// Makes a directory and its missing parents with `mode` less the umask, and flushes each parent.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    let refuse = |path: &Path, error: &io::Error| FileError::new("create directory", path, error);
    let mut missing = Vec::new();
    let mut at = path;
    loop {
        match fs::metadata(at) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(refuse(at, &io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(at);
                at = parent_of(at);
            }
            Err(error) => return Err(refuse(at, &error)),
        }
    }
    for directory in missing.into_iter().rev() {
        match DirBuilder::new().mode(mode).create(directory) {
            // Another run may have been faster.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !directory.is_dir() => {
                return Err(refuse(directory, &error));
            }
            _ => sync_directory(parent_of(directory))?,
        }
    }
    Ok(())
}

/// Writes and flushes a file in a directory that nobody else knows yet, and hands it over.
pub(super) fn write_plain(
    path: &Path,
    bytes: &[u8],
    mode: FileMode,
    access: &Access,
) -> Result<(), FileError> {
    let write = || {
        let mut options = OpenOptions::new();
        // For nobody else until it belongs to whom it shall.
        let private = FileMode::Private.bits();
        let mut file = options.write(true).create_new(true).mode(private).open(path)?;
        file.write_all(bytes)?;
        access.apply(&file, mode)?;
        file.sync_all()
    };
    write().map_err(|error| refuse(path, &error))
}

/// Flushes a directory, so that the names in it survive a power cut.
pub(super) fn sync_directory(path: &Path) -> Result<(), FileError> {
    match File::open(path).and_then(|directory| directory.sync_all()) {
        // Some network file systems know no such thing; they keep names by other means.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Err(FileError::new("flush directory", path, &error))
        }
        _ => Ok(()),
    }
}

/// The directory a path is in.
pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

fn refuse(path: &Path, error: &io::Error) -> FileError {
    FileError::new("write", path, error)
}

fn write_beside(path: &Path, bytes: &[u8], mode: FileMode) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(&partial_prefix(path))
        // From the first moment on: a key must not be readable even for a blink.
        .permissions(Permissions::from_mode(mode.bits()))
        .tempfile_in(parent_of(path))?;
    fill(file.as_file_mut(), bytes, mode)?;
    Ok(file)
}

fn fill(file: &mut File, bytes: &[u8], mode: FileMode) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode.bits()))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::files::FileErrorKind;

    fn mode_of(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_has_its_content_and_mode_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        for (name, mode, bits) in
            [("key", FileMode::Private, 0o600), ("cert", FileMode::Public, 0o644)]
        {
            let path = directory.path().join(name);
            write_new(&path, name.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), name);
            assert_eq!(mode_of(&path), bits);
        }
        assert_eq!(names_in(directory.path()), ["cert", "key"]);
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_anything() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        write_new(&file, b"first", FileMode::Private).unwrap();
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        for path in [&file, &link, &directory.path().to_path_buf()] {
            let error = write_new(path, b"second", FileMode::Private).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::AlreadyExists);
            let message = format!("cannot write `{}`: it exists already", path.display());
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(fs::read(&file).unwrap(), b"first");
        assert_eq!(names_in(directory.path()), ["key", "link"]);
    }

    #[test]
    fn two_writers_of_one_new_file_cannot_both_succeed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let write = |bytes: &'static [u8]| write_new(&path, bytes, FileMode::Private).is_ok();
        let successes = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| write(b"whole content"))).collect();
            writers.into_iter().filter_map(|writer| writer.join().ok()).filter(|won| *won).count()
        });
        assert_eq!(successes, 1);
        assert_eq!(fs::read(&path).unwrap(), b"whole content");
        assert_eq!(names_in(directory.path()), ["key"]);
    }

    #[test]
    fn replacing_takes_the_place_of_files_and_links_but_not_of_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("other");
        write_new(&other, b"other", FileMode::Public).unwrap();
        let path = directory.path().join("file");
        symlink("other", &path).unwrap();
        for content in ["one", "two"] {
            write_replace(&path, content.as_bytes(), FileMode::Private).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(mode_of(&path), 0o600);
        }
        assert_eq!(fs::read(&other).unwrap(), b"other");
        fs::create_dir(directory.path().join("folder")).unwrap();
        let folder = directory.path().join("folder");
        assert!(write_replace(&folder, b"x", FileMode::Public).is_err());
        assert_eq!(names_in(directory.path()), ["file", "folder", "other"]);
    }

    #[test]
    fn a_missing_directory_is_named_by_the_operating_systems_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing/key");
        let error = write_new(&path, b"x", FileMode::Private).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write `{}`: no such file or directory", path.display())
        );
    }

    #[test]
    fn directories_are_made_private_and_existing_ones_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let open = directory.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        let deep = open.join("a/b");
        create_private_directory(&deep).unwrap();
        create_private_directory(&deep).unwrap();
        assert_eq!(
            (mode_of(&open), mode_of(&open.join("a")), mode_of(&deep)),
            (0o755, 0o700, 0o700)
        );
        let file = deep.join("file");
        write_new(&file, b"", FileMode::Public).unwrap();
        let error = create_private_directory(&file.join("below")).unwrap_err();
        assert!(error.to_string().contains("not a directory"), "{error}");
    }
}
