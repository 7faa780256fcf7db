//! `Export`: a certificate and its key in the encodings that programs want which read no PEM.
//!
//! What is encrypted has salts that are drawn anew each time. Whether a file that is there already is
//! as good as a new one would be is asked of [`Export::is_same`]: a step that is repeated after a
//! crash finds its own work again instead of making more of it.

use p12_keystore::{
    EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive, PrivateKeyChain,
};
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::chain::Chain;
use super::key::PrivateKey;
use super::pem;
use crate::types::Secret;

/// The label of an encrypted PKCS#8 key (RFC 7468, section 11).
const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";
/// Names are shown in lists, and some programs cut longer ones.
const LONGEST_ALIAS: usize = 100;
/// What a guess costs: a tenth of a second for whoever knows the passphrase, for each try.
const ITERATIONS: u32 = 100_000;
/// What programs of the time could bear.
const LEGACY_ITERATIONS: u32 = 10_000;

/// How content is encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// AES-256 with a key from PBKDF2, and SHA-256 throughout.
    Modern,
    /// Triple DES and SHA-1: all that Windows before Server 2019 and Java before 8u301 can read.
    Legacy,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub enum Export {
    /// Key, certificate and issuers in one PKCS#12 file.
    Pkcs12 {
        /// For which programs.
        encryption: Encryption,
        /// What protects it.
        passphrase: Secret,
        /// Under which name programs find the key.
        alias: String,
    },
    /// The certificate, DER.
    CertificateDer,
    /// The key as PKCS#8, DER, not encrypted.
    KeyDer,
    /// The certificate, then its issuers, PEM.
    Fullchain,
    /// The certificate, its issuers and the key, PEM, in one file.
    Combined,
    /// The key as PKCS#8, PEM, encrypted in the modern way.
    EncryptedKey {
        /// What protects it.
        passphrase: Secret,
    },
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Programs disagree about how such a passphrase becomes bytes.
    #[error(
        "the passphrase holds a character that is not printable ASCII; not all programs agree on such"
    )]
    Passphrase,
    /// A name that programs cannot take.
    #[error("the alias must be 1 to {LONGEST_ALIAS} printable ASCII characters")]
    Alias,
    /// The library that writes it failed.
    #[error("it cannot be encrypted: {0}")]
    Encryption(String),
}

impl Export {
    /// Whether the key can be had from what is written.
    pub fn holds_key(&self) -> bool {
        !matches!(self, Self::CertificateDer | Self::Fullchain)
    }

    /// Whether it can be written, whatever the certificate will be.
    pub fn check(&self) -> Result<(), ExportError> {
        let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match self {
            Self::Pkcs12 { passphrase, .. } | Self::EncryptedKey { passphrase }
                if !printable(passphrase.reveal()) =>
            {
                Err(ExportError::Passphrase)
            }
            Self::Pkcs12 { alias, .. }
                if !printable(alias) || alias.is_empty() || alias.len() > LONGEST_ALIAS =>
            {
                Err(ExportError::Alias)
            }
            _ => Ok(()),
        }
    }

    /// The file's content. The key must be that of the chain's leaf: it is not looked at here.
    pub fn encode(
        &self,
        chain: &Chain,
        key: &PrivateKey,
    ) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        self.check()?;
        Ok(Zeroizing::new(match self {
            Self::Pkcs12 { encryption, passphrase, alias } => {
                pkcs12(chain, key, *encryption, passphrase.reveal(), alias)
                    .map_err(|error| ExportError::Encryption(error.to_string()))?
            }
            Self::CertificateDer => chain.leaf().der.clone(),
            Self::KeyDer => key.der().to_vec(),
            Self::Fullchain => chain.fullchain_pem().into_bytes(),
            Self::Combined => {
                let (certificates, key) = (chain.fullchain_pem(), key.to_pem());
                [certificates.as_bytes(), key.as_bytes()].concat()
            }
            Self::EncryptedKey { passphrase } => {
                let der = encrypted_key(key, passphrase.reveal())
                    .map_err(|error| ExportError::Encryption(error.to_string()))?;
                pem::encode(ENCRYPTED_KEY, &der).as_bytes().to_vec()
            }
        }))
    }

    /// Whether a file holds what [`Self::encode`] would write: the same bytes, or what opens with the
    /// same passphrase, is encrypted in the same way and has the same in it.
    pub fn is_same(&self, found: &[u8], chain: &Chain, key: &PrivateKey) -> bool {
        match self {
            Self::Pkcs12 { encryption, passphrase, alias } => {
                encryption.is_named_in(found)
                    && is_pkcs12_of(found, chain, key, passphrase.reveal(), alias)
            }
            Self::EncryptedKey { passphrase } => is_key_encrypted(found, key, passphrase.reveal()),
            Self::CertificateDer | Self::KeyDer | Self::Fullchain | Self::Combined => {
                self.encode(chain, key).is_ok_and(|bytes| bytes.as_slice() == found)
            }
        }
    }
}

impl Encryption {
    /// The number under which files name it (RFC 8018, A.4; RFC 7292, C), as it stands in them.
    fn identifier(self) -> &'static [u8] {
        match self {
            Self::Modern => &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13],
            Self::Legacy => &[6, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3],
        }
    }

    /// Whether `bytes` are encrypted so.
    fn is_named_in(self, bytes: &[u8]) -> bool {
        let identifier = self.identifier();
        bytes.windows(identifier.len()).any(|found| found == identifier)
    }
}

fn pkcs12(
    chain: &Chain,
    key: &PrivateKey,
    encryption: Encryption,
    passphrase: &str,
    alias: &str,
) -> Result<Vec<u8>, p12_keystore::error::Error> {
    let certificates =
        chain.certificates().map(|one| p12_keystore::Certificate::from_der(&one.der));
    let entry = PrivateKeyChain::new(
        chain.leaf().sha256.as_bytes(),
        p12_keystore::PrivateKey::from_der(key.der())?,
        certificates.collect::<Result<Vec<_>, _>>()?,
    );
    let mut store = KeyStore::new();
    store.add_entry(alias, KeyStoreEntry::PrivateKeyChain(entry));
    let (algorithm, authentication, iterations) = match encryption {
        Encryption::Modern => {
            (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256, ITERATIONS)
        }
        Encryption::Legacy => (
            EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc,
            MacAlgorithm::HmacSha1,
            LEGACY_ITERATIONS,
        ),
    };
    store
        .writer(passphrase)
        .encryption_algorithm(algorithm)
        .encryption_iterations(iterations)
        .mac_algorithm(authentication)
        .mac_iterations(iterations)
        .write()
}

/// Whether a PKCS#12 file holds just this, and nothing besides.
fn is_pkcs12_of(
    found: &[u8],
    chain: &Chain,
    key: &PrivateKey,
    passphrase: &str,
    alias: &str,
) -> bool {
    let Ok(archive) = Pkcs12Archive::from_pkcs12(found, passphrase) else { return false };
    let [bag] = archive.keys.as_slice() else { return false };
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der());
    bag.friendly_name.as_deref() == Some(alias)
        && bag.key.as_der() == key.der()
        && certificates.eq(chain.certificates().map(|one| one.der.as_slice()))
}

/// EncryptedPrivateKeyInfo (RFC 5958, 3).
fn encrypted_key(key: &PrivateKey, passphrase: &str) -> Result<Vec<u8>, pkcs8::Error> {
    let (mut salt, mut vector) = ([0; 16], [0; 16]);
    for bytes in [&mut salt, &mut vector] {
        aws_lc_rs::rand::fill(bytes).map_err(|_| pkcs8::pkcs5::Error::EncryptFailed)?;
    }
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, vector)?;
    let encrypted =
        PrivateKeyInfoRef::try_from(key.der())?.encrypt_with_params(parameters, passphrase)?;
    Ok(encrypted.as_bytes().to_vec())
}

/// Whether a file holds just this key.
fn is_key_encrypted(found: &[u8], key: &PrivateKey, passphrase: &str) -> bool {
    let Ok(blocks) = pem::blocks(found) else { return false };
    let [block] = blocks.as_slice() else { return false };
    let Ok(der) = block.decode() else { return false };
    EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
        .and_then(|info| info.decrypt(passphrase))
        .is_ok_and(|found| found.as_bytes() == key.der())
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
