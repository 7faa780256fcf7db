//! `Access`: to whom the files of a set belong and who may read them.
//!
//! Names become numbers here, and whether this program may hand files over is tried out, so that
//! both are known before an order is placed. A file is given away before its mode is widened: at no
//! moment may somebody read a key who was not meant to.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};

use super::durable::FileMode;
use super::error::{FileError, show};
use super::partial::{Writing, partial_prefix};
use crate::types::{printable, shorten};

/// Who may read the files of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    owner: Option<u32>,
    group: Option<u32>,
    key_mode: u32,
    certificate_mode: u32,
}

/// Why files cannot be handed over as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The machine knows no such user.
    #[error("there is no user `{name}` on this machine")]
    UnknownUser {
        /// The name, shortened and made printable.
        name: String,
    },
    /// The machine knows no such group.
    #[error("there is no group `{name}` on this machine")]
    UnknownGroup {
        /// The name, shortened and made printable.
        name: String,
    },
    /// The users or groups cannot be read.
    #[error("cannot look `{name}` up: {reason}")]
    LookUp {
        /// The name, shortened and made printable.
        name: String,
        /// What the operating system says.
        reason: String,
    },
    /// A mode that is no octal number, or lets anybody change files.
    #[error("`{mode}` is no mode for such files")]
    Mode {
        /// The text, shortened and made printable.
        mode: String,
    },
    /// This program may not give files away.
    #[error(
        "cannot give files in `{}` to {to}: {reason}; root may, others only to a group they are in",
        show(directory)
    )]
    NotAllowed {
        /// The folder.
        directory: PathBuf,
        /// User and group.
        to: String,
        /// What the operating system says.
        reason: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Access {
    /// The user who runs the program; keys for the owner alone, certificates for everybody.
    pub const DEFAULT: Self =
        Self { owner: None, group: None, key_mode: 0o600, certificate_mode: 0o644 };

    /// Looks the names up; a number stands for itself. Modes are octal digits such as `0640`.
    ///
    /// Fails for names that the machine does not know, and for modes that let others read a key or
    /// change anything.
    pub fn resolve(
        owner: Option<&str>,
        group: Option<&str>,
        key_mode: &str,
        certificate_mode: &str,
    ) -> Result<Self, AccessError> {
        Ok(Self {
            owner: owner.map(user).transpose()?,
            group: group.map(group_id).transpose()?,
            key_mode: mode(key_mode, 0o440 | 0o200)?,
            certificate_mode: mode(certificate_mode, 0o444 | 0o200)?,
        })
    }

    /// Tries out, in a folder that exists, whether files can be handed over. Leaves nothing behind.
    pub fn check(&self, directory: &Path) -> Result<(), AccessError> {
        if self.owner.is_none() && self.group.is_none() {
            return Ok(());
        }
        let probe = directory.join("access");
        let _writing = Writing::in_folder(directory);
        let file = tempfile::Builder::new()
            .prefix(&partial_prefix(&probe))
            .tempfile_in(directory)
            .map_err(|error| FileError::new("write", &probe, &error))?;
        self.apply(file.as_file(), FileMode::Private).map_err(|error| AccessError::NotAllowed {
            directory: directory.to_path_buf(),
            to: self.to(),
            reason: FileError::new("", &probe, &error).reason,
        })
    }

    /// Hands an open file over; nothing is done where all is as it should be.
    pub(super) fn apply(&self, file: &File, mode: FileMode) -> io::Result<()> {
        if self.owner.is_some() || self.group.is_some() {
            fchown(file, self.owner, self.group)?;
        }
        file.set_permissions(Permissions::from_mode(self.bits(mode)))
    }

    fn bits(&self, mode: FileMode) -> u32 {
        match mode {
            FileMode::Private => self.key_mode,
            FileMode::Public => self.certificate_mode,
        }
    }

    fn to(&self) -> String {
        let user = self.owner.map(|id| format!("user {id}"));
        let group = self.group.map(|id| format!("group {id}"));
        user.into_iter().chain(group).collect::<Vec<_>>().join(" and ")
    }
}

fn user(name: &str) -> Result<u32, AccessError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(AccessError::UnknownUser { name: shown(name) }),
        Err(error) => Err(look_up(name, error)),
    }
}

fn group_id(name: &str) -> Result<u32, AccessError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(AccessError::UnknownGroup { name: shown(name) }),
        Err(error) => Err(look_up(name, error)),
    }
}

fn look_up(name: &str, error: nix::errno::Errno) -> AccessError {
    AccessError::LookUp { name: shown(name), reason: error.desc().to_lowercase() }
}

fn shown(name: &str) -> String {
    shorten(&printable(name), 60)
}

/// A mode within `widest` that lets the owner read.
fn mode(text: &str, widest: u32) -> Result<u32, AccessError> {
    let refuse = || AccessError::Mode { mode: shown(text) };
    let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
    let bits = u32::from_str_radix(text, 8).ok().filter(|_| digits).ok_or_else(refuse)?;
    if bits & 0o400 == 0 || bits & !widest != 0 { Err(refuse()) } else { Ok(bits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn names_become_numbers_and_unknown_ones_are_named() {
        let access = Access::resolve(Some("root"), Some("0"), "0640", "0644").unwrap();
        assert_eq!((access.owner, access.group), (Some(0), Some(0)));
        let error = Access::resolve(Some("no-such\u{1b}"), None, "0600", "0644").unwrap_err();
        assert_eq!(error.to_string(), "there is no user `no-such\u{fffd}` on this machine");
        let error = Access::resolve(None, Some("no-such"), "0600", "0644").unwrap_err();
        assert_eq!(error.to_string(), "there is no group `no-such` on this machine");
    }

    #[test]
    fn no_mode_lets_others_read_a_key_or_change_anything() {
        for (key, certificate, fits) in [
            ("0600", "0644", true),
            ("440", "0444", true),
            ("0640", "0640", true),
            ("0644", "0644", false),
            ("0660", "0644", false),
            ("0600", "0664", false),
            ("0200", "0644", false),
            ("4600", "0644", false),
            ("+600", "0644", false),
            ("06000", "0644", false),
            ("rw", "0644", false),
        ] {
            let access = Access::resolve(None, None, key, certificate);
            assert_eq!(access.is_ok(), fits, "{key} {certificate}");
        }
    }

    #[test]
    fn what_may_be_given_away_is_tried_out_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let own = std::fs::metadata(directory.path()).unwrap();
        let (user, group) = (own.uid().to_string(), own.gid().to_string());
        let access = Access::resolve(Some(&user), Some(&group), "0600", "0644").unwrap();
        access.check(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        // Only root may give files away, and root may always.
        let access = Access::resolve(Some("4242"), None, "0600", "0644").unwrap();
        match (own.uid(), access.check(directory.path())) {
            (0, tried) => assert_eq!(tried, Ok(())),
            (_, Err(AccessError::NotAllowed { to, .. })) => assert_eq!(to, "user 4242"),
            (_, tried) => panic!("{tried:?}"),
        }
    }
}
