//! `StoredCertificate`: a set that is on disk already, read back and proved once more.
//!
//! Between the day on which it was proved and today its time may have run out and its files may
//! have been changed by hand. Only looks; writes nothing.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{SetError, sets};
use crate::pki::{Chain, Expectation, PrivateKey, Proof, prove};
use crate::types::{Timestamp, printable};

/// No chain or key is larger, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A set with certificate and key.
pub struct StoredCertificate {
    /// The name of the set.
    pub set: String,
    /// The certificate and its issuers.
    pub chain: Chain,
    /// The private key of the certificate.
    pub key: PrivateKey,
    /// What was proved.
    pub proof: Proof,
}

/// Why a set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// The folder holds no sets, or something foreign.
    #[error(transparent)]
    Set(#[from] SetError),
    /// There is no such set.
    #[error("`{directory}` has no {wanted}")]
    Missing {
        /// The folder.
        directory: String,
        /// What was looked for.
        wanted: String,
    },
    /// A file of it cannot be read, or is not what it should be.
    #[error("`{file}`: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It is not fit to be used.
    #[error("the set `{set}` is not fit for use: {reasons}")]
    Unfit {
        /// Its name.
        set: String,
        /// Everything that is wrong with it.
        reasons: String,
    },
}

/// Reads the set called `name`, or the current one, and proves it: the key is the certificate's, the
/// chain holds, and no certificate has expired at `now`.
///
/// That its time has come is not asked: it was when the set was put there.
pub fn read_stored(
    directory: &Path,
    name: Option<&str>,
    now: Timestamp,
) -> Result<StoredCertificate, StoredError> {
    let missing = |wanted: String| StoredError::Missing {
        directory: printable(&directory.display().to_string()),
        wanted,
    };
    let sets = sets(directory)?;
    let Some(name) = name.or(sets.current.as_deref()) else {
        return Err(missing("current set".to_owned()));
    };
    let Some(set) = sets.find(name) else {
        return Err(missing(format!("set `{}`", printable(name))));
    };
    let folder = directory.join("sets").join(&set.name);
    let (chain_file, key_file) = (folder.join("fullchain.pem"), folder.join("privkey.pem"));
    let chain = Chain::from_pem(&read(&chain_file)?)
        .map_err(|error| unreadable(&chain_file, error.to_string()))?;
    let key = read(&key_file)?;
    let key = std::str::from_utf8(&key)
        .map_err(|_| unreadable(&key_file, "it is no text".to_owned()))
        .and_then(|text| {
            PrivateKey::from_pem(text).map_err(|error| unreadable(&key_file, error.to_string()))
        })?;
    let began = chain.certificates().map(|certificate| certificate.not_before).max();
    let expectation = Expectation {
        public_key_sha256: key.public_key_sha256(),
        names: &[],
        now: began.map_or(now, |began| began.max(now)),
    };
    match prove(&chain, &expectation) {
        Ok(proof) => Ok(StoredCertificate { set: set.name.clone(), chain, key, proof }),
        Err(failures) => {
            let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Err(StoredError::Unfit { set: set.name.clone(), reasons: reasons.join("; ") })
        }
    }
}

fn read(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>, StoredError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, error.to_string())).map(|_| bytes)
}

fn unreadable(path: &Path, reason: String) -> StoredError {
    StoredError::Unreadable { file: printable(&path.display().to_string()), reason }
}
