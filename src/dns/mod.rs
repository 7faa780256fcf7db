//! Looking records up where they are kept: at the authoritative servers of their zone.
//!
//! [`propagation`] asks every server of a zone for one exact record, [`caa`] whether a CA may issue
//! for a name, [`conflict`] whether a CNAME can be put. All of them look once; waiting is somebody
//! else's. Nothing in here changes a record, knows a plan or trusts what a server says: answers are
//! bounded, and texts out of them are made printable.

pub mod caa;
pub mod conflict;
mod exchange;
pub mod propagation;
mod resolver;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod zone;

pub use resolver::{Resolver, ResolverError};
pub use zone::{NameServer, Zone};

/// Why a look found out nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Not a name that can be asked for.
    #[error("`{name}` is no DNS name")]
    Name {
        /// The offending text, shortened and printable.
        name: String,
    },
    /// No resolver answered, or none could.
    #[error("no resolver answers what `{name}` has as {kind}: {reason}")]
    Resolver {
        /// What was asked for.
        name: String,
        /// The type of record.
        kind: String,
        /// What the last resolver did.
        reason: String,
    },
    /// No name above it has name servers.
    #[error("no zone is found that holds `{name}`: no name above it has name servers")]
    NoZone {
        /// The name.
        name: String,
    },
    /// Name servers are named, but where they are is not known.
    #[error("none of the name servers of `{zone}` ({names}) has an address")]
    NoAddress {
        /// The zone.
        zone: String,
        /// Its name servers.
        names: String,
    },
}
