//! `resolve_within`: joins a path that a plan's template made to the directory it may not leave.
//!
//! It guards against mistakes and against values from outside that find their way into a path. It
//! does not guard against somebody who exchanges links in that directory at the same time; who can
//! do that could write there directly.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::{FileError, is_absent, show};
use crate::types::{printable, shorten};

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text breaks a rule.
    #[error("the path `{text}` is refused: {reason}")]
    Refused {
        /// The offending text, shortened and made printable.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A link on the way leads elsewhere.
    #[error(
        "the path `{text}` is refused: `{}` is a link that leads out of `{}`",
        show(link),
        show(base)
    )]
    LeadsOut {
        /// The offending text, shortened and made printable.
        text: String,
        /// The link.
        link: PathBuf,
        /// The directory that it leads out of.
        base: PathBuf,
    },
    /// The directory could not be looked at.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Joins `relative` to `base`; refuses what is absolute, empty, goes up, or leaves through a link.
///
/// Components that do not exist yet are fine. `*` is allowed, since wildcard certificates have it in
/// their name and nothing here expands it.
pub fn resolve_within(base: &Path, relative: &str) -> Result<PathBuf, PathError> {
    let text = || shorten(&printable(relative), 120);
    let refuse = |reason| Err(PathError::Refused { text: text(), reason });
    if relative.is_empty() {
        return refuse("it is empty");
    }
    if printable(relative) != relative {
        return refuse("it holds control characters");
    }
    if relative == "~" || relative.starts_with("~/") {
        // It would make a directory of that name, and inviting people to remove `~` is unkind.
        return refuse("`~` is expanded by shells only");
    }
    let mut path = base.to_path_buf();
    for component in Path::new(relative).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => continue,
            Component::ParentDir => return refuse("`..` would leave the directory"),
            Component::RootDir | Component::Prefix(_) => {
                return refuse("it is absolute, and only paths below the directory are allowed");
            }
        }
        if let Some(link) = leading_out(base, &path)? {
            return Err(PathError::LeadsOut { text: text(), link, base: base.to_path_buf() });
        }
    }
    Ok(path)
}

/// `path` again, if it is a link whose target is not below `base`, or is unknown.
fn leading_out(base: &Path, path: &Path) -> Result<Option<PathBuf>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {}
        Ok(_) => return Ok(None),
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(FileError::new("look at", path, &error)),
    }
    // The parent of `plan.yaml` is written as the empty path.
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let base = fs::canonicalize(base).map_err(|error| FileError::new("look at", base, &error))?;
    match fs::canonicalize(path) {
        Ok(target) if target.starts_with(&base) => Ok(None),
        // A dangling link cannot be judged: writing through it would create its target, anywhere.
        Ok(_) => Ok(Some(path.to_path_buf())),
        Err(error) if is_absent(&error) => Ok(Some(path.to_path_buf())),
        Err(error) => Err(FileError::new("look at", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_below_the_directory_are_joined() {
        let base = tempfile::tempdir().unwrap();
        for (relative, joined) in [
            ("certs/www.example.com", "certs/www.example.com"),
            ("certs/*.example.com", "certs/*.example.com"),
            ("./a//b/", "a/b"),
            ("..a/...", "..a/..."),
            ("a~/b c", "a~/b c"),
            (".", ""),
        ] {
            assert_eq!(resolve_within(base.path(), relative), Ok(base.path().join(joined)));
        }
        let missing = Path::new("not/there");
        assert_eq!(resolve_within(missing, "a"), Ok(missing.join("a")));
    }

    #[test]
    fn paths_that_leave_the_directory_are_refused_with_the_rule() {
        let base = tempfile::tempdir().unwrap();
        for (relative, reason) in [
            ("", "it is empty"),
            ("/etc", "it is absolute, and only paths below the directory are allowed"),
            ("a/../../b", "`..` would leave the directory"),
            ("..", "`..` would leave the directory"),
            ("a\0b", "it holds control characters"),
            ("a\nb", "it holds control characters"),
            ("a\u{202e}b", "it holds control characters"),
            ("~/certs", "`~` is expanded by shells only"),
        ] {
            let error = resolve_within(base.path(), relative).unwrap_err();
            let text = printable(relative);
            assert_eq!(error.to_string(), format!("the path `{text}` is refused: {reason}"));
        }
    }

    #[test]
    fn links_may_point_around_inside_but_not_out() {
        let outside = tempfile::tempdir().unwrap();
        let holder = tempfile::tempdir().unwrap();
        let base = holder.path().join("base");
        fs::create_dir_all(base.join("inside/deep")).unwrap();
        symlink("inside", base.join("good")).unwrap();
        symlink(outside.path(), base.join("bad")).unwrap();
        symlink("nowhere", base.join("dangling")).unwrap();
        symlink("..", base.join("inside/up")).unwrap();
        symlink("../..", base.join("inside/far")).unwrap();
        for relative in ["good", "good/deep/new", "inside/up/inside"] {
            assert_eq!(resolve_within(&base, relative), Ok(base.join(relative)));
        }
        for (relative, link) in [
            ("bad", "bad"),
            ("bad/new", "bad"),
            ("dangling/new", "dangling"),
            ("good/far/x", "good/far"),
        ] {
            let error = resolve_within(&base, relative).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the path `{relative}` is refused: `{}` is a link that leads out of `{}`",
                    base.join(link).display(),
                    base.display()
                )
            );
        }
        // The directory itself may be reached through a link: it was declared, not rendered.
        symlink(&base, holder.path().join("alias")).unwrap();
        let alias = holder.path().join("alias");
        assert_eq!(resolve_within(&alias, "good/deep"), Ok(alias.join("good/deep")));
    }
}
