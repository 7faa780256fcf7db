//! `PrivateKey`: generating, reading and writing the key of a certificate.
//!
//! The key never shows itself: `Debug` prints its type and fingerprint, and the encoded form is
//! cleared from memory when it is dropped. This module writes no file; whoever does must have the
//! key on disk before anything is ordered for it.

use std::fmt;

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData,
    RsaKeySize, SignatureAlgorithm,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use x509_parser::der_parser;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::{Zeroize, Zeroizing};

use super::fingerprint::Fingerprint;
use super::pem::{self, PemError};
use crate::types::{printable, shorten};

/// The label of an unencrypted PKCS#8 key (RFC 7468, section 10).
const LABEL: &str = "PRIVATE KEY";

/// The kinds of key that a certificate can be ordered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// ECDSA on P-256; the one to take unless something old must connect.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// A text that names no key type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a key type; there are `ec-p256`, `ec-p384`, `rsa-2048`, `rsa-3072`, `rsa-4096`"
)]
pub struct UnknownKeyType {
    /// The offending text, shortened and made printable.
    pub text: String,
}

impl KeyType {
    /// Every type, the preferred one first.
    pub const ALL: [Self; 5] =
        [Self::EcP256, Self::EcP384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// Reads the spelling of [`Self::as_str`].
    pub fn parse(text: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL
            .into_iter()
            .find(|key_type| key_type.as_str() == text)
            .ok_or_else(|| UnknownKeyType { text: shorten(&printable(text), 40) })
    }

    /// The spelling in plans, for example `ec-p256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcP256 => "ec-p256",
            Self::EcP384 => "ec-p384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        }
    }

    /// The type of a public key; `None` if it is none of these.
    pub(super) fn of(public_key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        match public_key.parsed().ok()? {
            PublicKey::EC(_) => {
                let curve = public_key.algorithm.parameters.as_ref()?.as_oid().ok()?;
                match curve {
                    curve if curve == OID_EC_P256 => Some(Self::EcP256),
                    curve if curve == OID_NIST_EC_P384 => Some(Self::EcP384),
                    _ => None,
                }
            }
            PublicKey::RSA(rsa) => match rsa.key_size() {
                2048 => Some(Self::Rsa2048),
                3072 => Some(Self::Rsa3072),
                4096 => Some(Self::Rsa4096),
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is broken PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The text holds no PEM block at all.
    #[error("there is no PEM block `PRIVATE KEY` in it")]
    NoKey,
    /// The text holds more than one block.
    #[error("there are {count} PEM blocks in it, and exactly one key is wanted")]
    Several {
        /// How many blocks there are.
        count: usize,
    },
    /// The block is something else, or a key in another encoding.
    #[error("it holds a `{label}`, and an unencrypted PKCS#8 `PRIVATE KEY` is wanted")]
    WrongBlock {
        /// The label that was found.
        label: String,
    },
    /// The label is right and the content is not.
    #[error("the block `PRIVATE KEY` in it holds no usable PKCS#8 key")]
    Unreadable,
    /// A key, but of a type that no certificate is ordered for.
    #[error(
        "its key type is not supported; there are `ec-p256`, `ec-p384`, `rsa-2048`, `rsa-3072`, `rsa-4096`"
    )]
    Unsupported,
    /// The cryptographic library failed.
    #[error("cannot generate a key of type `{key_type}`")]
    Generation {
        /// What was asked for.
        key_type: KeyType,
    },
}

/// A private key of one of the known types.
pub struct PrivateKey {
    pair: KeyPair,
    key_type: KeyType,
}

impl PrivateKey {
    /// Makes a new random key. RSA takes up to seconds: keep it off the async threads.
    pub fn generate(key_type: KeyType) -> Result<Self, KeyError> {
        let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        let pair = match key_type {
            KeyType::EcP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            KeyType::EcP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            KeyType::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyType::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyType::Rsa4096 => rsa(RsaKeySize::_4096),
        }
        .map_err(|_| KeyError::Generation { key_type })?;
        Ok(Self { pair, key_type })
    }

    /// Reads one unencrypted PKCS#8 key. No error ever quotes the content.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text.as_bytes())?;
        if let Some(other) = blocks.iter().find(|block| block.label != LABEL) {
            return Err(KeyError::WrongBlock { label: other.label.clone() });
        }
        let block = match blocks.as_slice() {
            [] => return Err(KeyError::NoKey),
            [block] => block,
            several => return Err(KeyError::Several { count: several.len() }),
        };
        let der = block.decode()?;
        // Named, not guessed: the library would try one algorithm after the other.
        let algorithm = algorithm(&der)?;
        let der = PrivatePkcs8KeyDer::from(der.as_slice());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm)
            .map_err(|_| KeyError::Unreadable)?;
        let public_key = pair.subject_public_key_info();
        let key_type = SubjectPublicKeyInfo::from_der(&public_key)
            .ok()
            .and_then(|(_, public_key)| KeyType::of(&public_key))
            .ok_or(KeyError::Unsupported)?;
        Ok(Self { pair, key_type })
    }

    /// The key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(LABEL, self.der())
    }

    /// The key as PKCS#8 DER.
    pub(super) fn der(&self) -> &[u8] {
        self.pair.serialized_der()
    }

    /// What kind of key it is.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The digest of the public key (SubjectPublicKeyInfo, DER), as in the request and certificate.
    pub fn public_key_sha256(&self) -> Fingerprint {
        Fingerprint::of(&self.pair.subject_public_key_info())
    }

    /// The pair that signs, for the request.
    pub(super) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.pair.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({}, {})", self.key_type, self.public_key_sha256())
    }
}

/// The algorithm of a PKCS#8 key: it is a version, then a sequence that names the algorithm. PKCS#1
/// has a number there, SEC 1 an octet string; both are written under this label by mistake.
fn algorithm(der: &[u8]) -> Result<&'static SignatureAlgorithm, KeyError> {
    let Ok(([], object)) = der_parser::parse_der(der) else { return Err(KeyError::Unreadable) };
    let named = object.as_sequence().ok().and_then(|parts| parts.get(1)?.as_sequence().ok());
    let [name, parameters @ ..] = named.ok_or(KeyError::Unreadable)?.as_slice() else {
        return Err(KeyError::Unreadable);
    };
    let name = name.as_oid().map_err(|_| KeyError::Unreadable)?;
    let curve = parameters.first().and_then(|curve| curve.as_oid().ok());
    match curve {
        None if *name == OID_PKCS1_RSAENCRYPTION => Ok(&PKCS_RSA_SHA256),
        Some(curve) if *name == OID_KEY_TYPE_EC_PUBLIC_KEY && *curve == OID_EC_P256 => {
            Ok(&PKCS_ECDSA_P256_SHA256)
        }
        Some(curve) if *name == OID_KEY_TYPE_EC_PUBLIC_KEY && *curve == OID_NIST_EC_P384 => {
            Ok(&PKCS_ECDSA_P384_SHA384)
        }
        _ => Err(KeyError::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_types_read_back_and_others_are_refused_with_the_list() {
        for key_type in KeyType::ALL {
            assert_eq!(KeyType::parse(key_type.as_str()), Ok(key_type));
        }
        let message = KeyType::parse("rsa-1024").unwrap_err().to_string();
        assert!(message.starts_with("`rsa-1024` is not a key type; there are `ec-p256`"));
        for key_type in KeyType::ALL {
            let name = format!("`{key_type}`");
            assert!(message.contains(&name) && KeyError::Unsupported.to_string().contains(&name));
        }
    }

    #[test]
    fn a_key_reads_back_as_the_same_key() {
        for key_type in [KeyType::EcP256, KeyType::EcP384, KeyType::Rsa2048] {
            let key = PrivateKey::generate(key_type).unwrap();
            let pem = key.to_pem();
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            let again = PrivateKey::from_pem(&pem).unwrap();
            assert_eq!(again.key_type(), key_type);
            assert_eq!(again.public_key_sha256(), key.public_key_sha256());
            assert_eq!(again.to_pem(), pem);
        }
    }

    #[test]
    fn large_rsa_keys_have_the_size_that_was_asked_for() {
        for key_type in [KeyType::Rsa3072, KeyType::Rsa4096] {
            let key = PrivateKey::generate(key_type).unwrap();
            assert_eq!(PrivateKey::from_pem(&key.to_pem()).unwrap().key_type(), key_type);
        }
    }

    #[test]
    fn debug_shows_the_type_and_the_fingerprint_only() {
        let key = PrivateKey::generate(KeyType::EcP256).unwrap();
        assert_eq!(format!("{key:?}"), format!("PrivateKey(ec-p256, {})", key.public_key_sha256()));
    }

    #[test]
    fn what_is_no_pkcs8_key_is_refused_with_the_reason() {
        let key = PrivateKey::generate(KeyType::EcP256).unwrap().to_pem();
        let relabelled = key.replace("PRIVATE", "EC PRIVATE");
        let twice = format!("{}{}", *key, *key);
        let junk = "-----BEGIN PRIVATE KEY-----\nQQ==\n-----END PRIVATE KEY-----\n";
        for (text, error) in [
            ("", KeyError::NoKey),
            ("<html>", KeyError::NoKey),
            (&twice, KeyError::Several { count: 2 }),
            (&relabelled, KeyError::WrongBlock { label: "EC PRIVATE KEY".to_owned() }),
            (junk, KeyError::Unreadable),
        ] {
            assert_eq!(PrivateKey::from_pem(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn another_encoding_or_algorithm_under_the_right_label_is_refused() {
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        assert_eq!(PrivateKey::from_pem(&ed25519).unwrap_err(), KeyError::Unsupported);
        // SEC 1: a sequence of the version 1 and an octet string.
        let sec1 = pem::encode(LABEL, &[0x30, 0x06, 0x02, 0x01, 0x01, 0x04, 0x01, 0x07]);
        assert_eq!(PrivateKey::from_pem(&sec1).unwrap_err(), KeyError::Unreadable);
    }
}
