//! Durable files: what was written is there after a power cut, whole or not at all.
//!
//! Everything here blocks on the disk; async callers put it on a blocking thread. Nothing in here
//! knows what it writes, and nothing ever deletes or overwrites a file that it did not make, save
//! the target of [`write_replace`]; [`remove_oldest`] deletes whole sets, and [`remove_interrupted`]
//! what a crash left of a write.
//!
//! [`CertificateSet`] is the one with a layout; [`resolve_within`] guards paths that plans made.

mod access;
mod claim;
mod durable;
mod error;
mod former;
mod layout;
mod partial;
mod path;
mod set;

pub use access::{Access, AccessError};
pub use claim::{ClaimError, claim, claimed_by};
pub use durable::{FileMode, create_private_directory, write_new, write_replace};
pub use error::{FileError, FileErrorKind};
pub use former::{Removed, Sets, StoredSet, remove_oldest, roll_back, sets};
pub use layout::SetError;
pub use partial::remove_interrupted;
pub use path::{PathError, resolve_within};
pub use set::{CertificateSet, InstalledSet, IsSame, SetFile};
