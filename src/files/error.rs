//! `FileError`: what could not be done with which path, and why.
//!
//! The operating system's words are kept; advice belongs to the edge, which picks it by
//! [`FileErrorKind`].

use std::io;
use std::path::{Path, PathBuf};

use crate::types::printable;

/// What kind of obstacle it is, for the hint that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileErrorKind {
    /// The disk or the quota is full.
    NoSpace,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The user may not.
    PermissionDenied,
    /// Something stands at the path already.
    AlreadyExists,
    /// Anything else.
    Other,
}

/// A failed operation on one path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {operation} `{}`: {reason}", show(path))]
pub struct FileError {
    /// What was tried, as a verb: `write`.
    pub operation: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What kind of obstacle it is.
    pub kind: FileErrorKind,
    /// What the operating system says.
    pub reason: String,
}

impl FileError {
    /// Keeps what matters of an I/O error.
    pub(super) fn new(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        let error = innermost(error);
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FileErrorKind::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem => FileErrorKind::ReadOnly,
            io::ErrorKind::PermissionDenied => FileErrorKind::PermissionDenied,
            io::ErrorKind::AlreadyExists => FileErrorKind::AlreadyExists,
            _ => FileErrorKind::Other,
        };
        Self { operation, path: path.to_path_buf(), kind, reason: reason(error) }
    }
}

/// A path as text that is fit to print.
pub(super) fn show(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// True if nothing is at the path; a file in place of a directory is told better by whoever writes.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The error of the system call, without the temporary path that `tempfile` wraps around it.
fn innermost(error: &io::Error) -> &io::Error {
    let wrapped = error.get_ref().and_then(|inner| inner.source());
    wrapped.and_then(|inner| inner.downcast_ref()).unwrap_or(error)
}

/// `No space left on device (os error 28)` as a lower-case fragment.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_operation_path_and_reason_and_tell_the_kinds_apart() {
        let path = Path::new("a\u{1b}/key.pem");
        for (code, kind, reason) in [
            (28, FileErrorKind::NoSpace, "no space left on device"),
            (30, FileErrorKind::ReadOnly, "read-only file system"),
            (13, FileErrorKind::PermissionDenied, "permission denied"),
            (17, FileErrorKind::AlreadyExists, "file exists"),
            (5, FileErrorKind::Other, "input/output error"),
        ] {
            let error = FileError::new("write", path, &io::Error::from_raw_os_error(code));
            assert_eq!(error.kind, kind);
            assert_eq!(error.to_string(), format!("cannot write `a\u{fffd}/key.pem`: {reason}"));
        }
    }
}
