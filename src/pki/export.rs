//! `Export`: a certificate and its key in the encodings that programs want which read no PEM.
//!
//! What is written depends on nothing but what goes in: the same chain, key and passphrase make the
//! same bytes.

use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, DERWriterSeq, Tag, construct_der};
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::chain::Chain;
use super::encryption::{Encryption, EncryptionError, Salts};
use super::key::PrivateKey;
use super::pem;
use crate::types::Secret;

/// The label of an encrypted PKCS#8 key (RFC 7468, section 11).
const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";
/// Names are shown in lists, and some programs cut longer ones.
const LONGEST_ALIAS: usize = 100;

/// Content types and bags (RFC 7292, 4; RFC 2315, 14).
const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const ENCRYPTED_DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 6];
const KEY_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 2];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
const LOCAL_KEY_ID: &[u64] = &[1, 2, 840, 113_549, 1, 9, 21];

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
    /// The cryptographic library failed.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
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
                pkcs12(chain, key, *encryption, passphrase.reveal(), alias)?
            }
            Self::CertificateDer => chain.leaf().der.clone(),
            Self::KeyDer => key.der().to_vec(),
            Self::Fullchain => chain.fullchain_pem().into_bytes(),
            Self::Combined => {
                let (certificates, key) = (chain.fullchain_pem(), key.to_pem());
                [certificates.as_bytes(), key.as_bytes()].concat()
            }
            Self::EncryptedKey { passphrase } => {
                let salts = Salts::new(key.der(), &[passphrase.reveal().as_bytes()]);
                let der = encrypted_key(key, Encryption::Modern, passphrase.reveal(), &salts)?;
                pem::encode(ENCRYPTED_KEY, &der).as_bytes().to_vec()
            }
        }))
    }
}

/// EncryptedPrivateKeyInfo (RFC 5958, 3).
fn encrypted_key(
    key: &PrivateKey,
    encryption: Encryption,
    passphrase: &str,
    salts: &Salts,
) -> Result<Vec<u8>, EncryptionError> {
    let (encrypted, algorithm) = encryption.encrypt(key.der(), passphrase, salts, "key")?;
    Ok(construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&algorithm);
            writer.next().write_bytes(&encrypted);
        });
    }))
}

/// PFX (RFC 7292, 4): the certificates encrypted, the key encrypted by itself, and both protected
/// from change.
fn pkcs12(
    chain: &Chain,
    key: &PrivateKey,
    encryption: Encryption,
    passphrase: &str,
    alias: &str,
) -> Result<Vec<u8>, EncryptionError> {
    let form: &[u8] = match encryption {
        Encryption::Modern => b"modern",
        Encryption::Legacy => b"legacy",
    };
    let mut content = vec![form, passphrase.as_bytes(), alias.as_bytes()];
    content.extend(chain.certificates().map(|certificate| certificate.der.as_slice()));
    let salts = Salts::new(key.der(), &content);
    let certificates = certificate_bags(chain, alias);
    let (certificates, algorithm) =
        encryption.encrypt(&certificates, passphrase, &salts, "certificates")?;
    let key = key_bag(&encrypted_key(key, encryption, passphrase, &salts)?, chain.leaf(), alias);
    let safe = construct_der(|writer| {
        writer.write_sequence(|writer| {
            write_encrypted(writer.next(), &certificates, &algorithm);
            write_data(writer.next(), &key);
        });
    });
    Ok(construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(3);
            write_data(writer.next(), &safe);
            encryption.write_mac(writer.next(), &safe, passphrase, &salts);
        });
    }))
}

/// ContentInfo with content as it is.
fn write_data(writer: DERWriter<'_>, content: &[u8]) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(DATA));
        writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(content));
    });
}

/// ContentInfo with encrypted content.
fn write_encrypted(writer: DERWriter<'_>, encrypted: &[u8], algorithm: &[u8]) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(ENCRYPTED_DATA));
        writer.next().write_tagged(Tag::context(0), |writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(0);
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(DATA));
                    writer.next().write_der(algorithm);
                    writer.next().write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_bytes(encrypted);
                    });
                });
            });
        });
    });
}

fn certificate_bags(chain: &Chain, alias: &str) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            for (index, certificate) in chain.certificates().enumerate() {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(CERTIFICATE_BAG));
                    writer.next().write_tagged(Tag::context(0), |writer| {
                        writer.write_sequence(|writer| {
                            let kind = ObjectIdentifier::from_slice(X509_CERTIFICATE);
                            writer.next().write_oid(&kind);
                            writer.next().write_tagged(Tag::context(0), |writer| {
                                writer.write_bytes(&certificate.der);
                            });
                        });
                    });
                    // What has the key's attributes is the key's certificate.
                    if index == 0 {
                        write_attributes(writer, certificate, alias);
                    }
                });
            }
        });
    })
}

fn key_bag(encrypted: &[u8], leaf: &Certificate, alias: &str) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&ObjectIdentifier::from_slice(KEY_BAG));
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_der(encrypted));
                write_attributes(writer, leaf, alias);
            });
        });
    })
}

fn write_attributes(writer: &mut DERWriterSeq<'_>, leaf: &Certificate, alias: &str) {
    writer.next().write_set_of(|writer| {
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(FRIENDLY_NAME));
            writer.next().write_set_of(|writer| writer.next().write_bmp_string(alias));
        });
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(LOCAL_KEY_ID));
            writer.next().write_set_of(|writer| writer.next().write_bytes(leaf.sha256.as_bytes()));
        });
    });
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
