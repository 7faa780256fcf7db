//! `InPlace`: the certificate that programs read today, where it is an older one than the newest
//! that was brought.
//!
//! Whoever goes back to a former set, with `certplan rollback` or by hand, leaves no event in any
//! run; the folder itself tells. Nothing here opens a file: who knows the folder fills this in.

use std::fmt;

use serde::Serialize;

use super::issued::Issued;
use crate::types::Timestamp;

/// An older certificate in the place of a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InPlace {
    /// The folder of both.
    pub directory: String,
    /// The set that is in place.
    pub set: String,
    /// When its certificate begins to be valid.
    pub valid_from: Option<Timestamp>,
    /// When it ends.
    pub valid_until: Timestamp,
    /// The newer set, which lies beside it.
    pub newer_set: String,
    /// When the newer certificate ends.
    pub newer_valid_until: Timestamp,
}

impl InPlace {
    /// What is in place of `issued`, when the folder's current set is another one that ends sooner.
    /// A set that was put there later, by a reissue say, is no step back.
    pub fn instead_of(
        issued: &Issued,
        set: &str,
        valid_from: Option<Timestamp>,
        valid_until: Timestamp,
    ) -> Option<Self> {
        let (directory, newer_set) = (issued.directory.as_ref()?, issued.set.as_ref()?);
        (newer_set != set && valid_until < issued.valid_until).then(|| Self {
            directory: directory.clone(),
            set: set.to_owned(),
            valid_from,
            valid_until,
            newer_set: newer_set.clone(),
            newer_valid_until: issued.valid_until,
        })
    }

    /// The command that makes the newer one current again.
    pub fn way_forward(&self) -> String {
        format!("certplan rollback {} --to {}", self.directory, self.newer_set)
    }
}

impl fmt::Display for InPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        write!(
            formatter,
            "set {} is in place, and the newer set {}, valid until {}, lies beside it: `{}` makes it \
             current again",
            self.set,
            self.newer_set,
            day(self.newer_valid_until),
            self.way_forward()
        )
    }
}
