//! `Encryption`: what protects a key with a passphrase, in a modern form and one for old programs.
//!
//! Salts and initialization vectors are not drawn but derived from the key that is protected, the
//! passphrase and the content: they differ whenever any of these does, nobody can guess them without
//! the key, and the same export is the same bytes. So a step that is repeated after a crash finds
//! its own work again instead of making more of it.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use des::TdesEde3;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, construct_der};
use zeroize::Zeroizing;

/// What a guess costs: a tenth of a second for whoever knows the passphrase, for each try.
const ITERATIONS: u32 = 100_000;
/// What programs of the time could bear.
const LEGACY_ITERATIONS: u32 = 10_000;

/// PBES2 and its parts (RFC 8018, A.2, A.4, B.1.2, B.2.5).
const PBES2: &[u64] = &[1, 2, 840, 113_549, 1, 5, 13];
const PBKDF2: &[u64] = &[1, 2, 840, 113_549, 1, 5, 12];
const HMAC_SHA256: &[u64] = &[1, 2, 840, 113_549, 2, 9];
const AES_256_CBC: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 1, 42];
/// pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, C).
const SHA1_TRIPLE_DES: &[u64] = &[1, 2, 840, 113_549, 1, 12, 1, 3];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];

/// What a digest works on at once, in bytes, for SHA-1 and SHA-256 alike.
const BLOCK: usize = 64;

/// How content is encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// AES-256 with a key from PBKDF2, and SHA-256 throughout.
    Modern,
    /// Triple DES and SHA-1: all that Windows before Server 2019 and Java before 8u301 can read.
    Legacy,
}

/// The cryptographic library refused its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library cannot encrypt it")]
pub struct EncryptionError;

/// The source of salts for one export.
pub(super) struct Salts(hmac::Key);

impl Salts {
    /// `key` is the private key that is protected, `content` whatever else makes the export.
    pub(super) fn new(key: &[u8], content: &[&[u8]]) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        for part in content {
            // Lengths keep two parts from being taken for two others.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self(hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref()))
    }

    /// `N` bytes for one purpose; at most 32.
    fn salt<const N: usize>(&self, purpose: &str) -> [u8; N] {
        let tag = hmac::sign(&self.0, purpose.as_bytes());
        let mut salt = [0; N];
        salt.copy_from_slice(&tag.as_ref()[..N]);
        salt
    }
}

impl Encryption {
    /// `content` encrypted, and the AlgorithmIdentifier that says how, both as DER.
    pub(super) fn encrypt(
        self,
        content: &[u8],
        passphrase: &str,
        salts: &Salts,
        purpose: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), EncryptionError> {
        match self {
            Self::Modern => modern(content, passphrase, salts, purpose),
            Self::Legacy => Ok(legacy(content, passphrase, salts, purpose)),
        }
    }

    /// MacData of a PKCS#12 file over `content` (RFC 7292, 4).
    pub(super) fn write_mac(
        self,
        writer: DERWriter<'_>,
        content: &[u8],
        passphrase: &str,
        salts: &Salts,
    ) {
        let salt: [u8; 16] = salts.salt("authentication");
        let (oid, digest, algorithm, iterations) = match self {
            Self::Modern => (SHA256, &digest::SHA256, hmac::HMAC_SHA256, ITERATIONS),
            Self::Legacy => (
                SHA1,
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                LEGACY_ITERATIONS,
            ),
        };
        let length = digest.output_len();
        let key = derive(digest, Use::Authentication, passphrase, &salt, iterations, length);
        let tag = hmac::sign(&hmac::Key::new(algorithm, &key), content);
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
                    writer.next().write_null();
                });
                writer.next().write_bytes(tag.as_ref());
            });
            writer.next().write_bytes(&salt);
            writer.next().write_u32(iterations);
        });
    }
}

fn modern(
    content: &[u8],
    passphrase: &str,
    salts: &Salts,
    purpose: &str,
) -> Result<(Vec<u8>, Vec<u8>), EncryptionError> {
    let salt: [u8; 16] = salts.salt(purpose);
    let iv: [u8; 16] = salts.salt(&format!("{purpose}, initialization vector"));
    let mut key = Zeroizing::new([0; 32]);
    let iterations = NonZeroU32::new(ITERATIONS).ok_or(EncryptionError)?;
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &salt,
        passphrase.as_bytes(),
        key.as_mut_slice(),
    );
    let key = UnboundCipherKey::new(&AES_256, key.as_slice())
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .map_err(|_| EncryptionError)?;
    // Room for the padding: growing would leave a copy of the content in freed memory.
    let mut encrypted = Vec::with_capacity(content.len() + 16);
    encrypted.extend_from_slice(content);
    key.less_safe_encrypt(&mut encrypted, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| EncryptionError)?;
    let algorithm = construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(PBES2));
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(PBKDF2));
                    writer.next().write_sequence(|writer| {
                        writer.next().write_bytes(&salt);
                        writer.next().write_u32(ITERATIONS);
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(&ObjectIdentifier::from_slice(HMAC_SHA256));
                            writer.next().write_null();
                        });
                    });
                });
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(AES_256_CBC));
                    writer.next().write_bytes(&iv);
                });
            });
        });
    });
    Ok((encrypted, algorithm))
}

fn legacy(content: &[u8], passphrase: &str, salts: &Salts, purpose: &str) -> (Vec<u8>, Vec<u8>) {
    let salt: [u8; 8] = salts.salt(purpose);
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let derived =
        |wanted, length| derive(sha1, wanted, passphrase, &salt, LEGACY_ITERATIONS, length);
    let (mut key, iv) = (Array::default(), derived(Use::Vector, 8));
    key.copy_from_slice(&derived(Use::Encryption, 24));
    let cipher = TdesEde3::new(&key);
    zeroize::Zeroize::zeroize(key.as_mut_slice());
    let padding = 8 - content.len() % 8;
    let mut encrypted = Vec::with_capacity(content.len() + padding);
    encrypted.extend_from_slice(content);
    encrypted.resize(content.len() + padding, u8::try_from(padding).unwrap_or_default());
    // Cipher block chaining.
    let mut last = Array::default();
    last.copy_from_slice(&iv);
    for block in encrypted.chunks_exact_mut(8) {
        for (mixed, byte) in last.iter_mut().zip(&*block) {
            *mixed ^= byte;
        }
        cipher.encrypt_block(&mut last);
        block.copy_from_slice(&last);
    }
    let algorithm = construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(SHA1_TRIPLE_DES));
            writer.next().write_sequence(|writer| {
                writer.next().write_bytes(&salt);
                writer.next().write_u32(LEGACY_ITERATIONS);
            });
        });
    });
    (encrypted, algorithm)
}

/// What derived bytes are for (RFC 7292, B.3).
#[derive(Clone, Copy)]
enum Use {
    Encryption = 1,
    Vector = 2,
    Authentication = 3,
}

/// Bytes from a passphrase, in the way of PKCS#12 (RFC 7292, B.2).
fn derive(
    digest: &'static digest::Algorithm,
    wanted: Use,
    passphrase: &str,
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    // The passphrase in UTF-16, with a zero at its end.
    let units = passphrase.encode_utf16().chain([0]);
    let passphrase: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let mut input = Zeroizing::new([repeated(salt), repeated(&passphrase)].concat());
    let mut derived = Zeroizing::new(Vec::with_capacity(length + digest.output_len()));
    while derived.len() < length {
        let mut context = digest::Context::new(digest);
        context.update(&[wanted as u8; BLOCK]);
        context.update(&input);
        let mut hash = context.finish();
        for _ in 1..iterations {
            hash = digest::digest(digest, hash.as_ref());
        }
        derived.extend_from_slice(hash.as_ref());
        for block in input.chunks_exact_mut(BLOCK) {
            add(block, hash.as_ref());
        }
    }
    derived.truncate(length);
    derived
}

/// The bytes again and again, up to a whole number of blocks.
fn repeated(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().cycle().take(bytes.len().next_multiple_of(BLOCK)).collect()
}

/// Adds the repeated hash and one to a block, as numbers; what is carried over its end is lost.
fn add(block: &mut [u8], hash: &[u8]) {
    let mut carry = 1_u16;
    for index in (0..block.len()).rev() {
        carry += u16::from(block[index]) + u16::from(hash[index % hash.len()]);
        [_, block[index]] = carry.to_be_bytes();
        carry >>= 8;
    }
}
