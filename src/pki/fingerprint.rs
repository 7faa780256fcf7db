//! `Fingerprint`: the SHA-256 digest by which keys and certificates are told apart.
//!
//! A plain value that says nothing about what was digested; the field or function that hands it out
//! does.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::types::{printable, shorten};

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256 fingerprint of 64 hexadecimal digits")]
pub struct FingerprintError {
    /// The offending text, shortened and made printable.
    pub text: String,
}

impl Fingerprint {
    /// Digests `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut value = [0; digest::SHA256_OUTPUT_LEN];
        value.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(value)
    }

    /// The digest itself.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads 64 hexadecimal digits; upper case and the colons that `openssl` prints are accepted.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let refuse = || FingerprintError { text: shorten(&printable(text), 80) };
        let mut digits = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16));
        let mut value = [0; digest::SHA256_OUTPUT_LEN];
        for byte in &mut value {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(refuse());
            };
            *byte = u8::try_from(high * 16 + low).map_err(|_| refuse())?;
        }
        if digits.next().is_some() { Err(refuse()) } else { Ok(Self(value)) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        Self::parse(&text)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_fingerprint_is_sha_256_in_lower_case() {
        assert_eq!(Fingerprint::of(b"").to_string(), EMPTY);
    }

    #[test]
    fn a_fingerprint_reads_back_from_json_and_from_the_form_with_colons() {
        let fingerprint = Fingerprint::of(b"");
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(json, format!("\"{EMPTY}\""));
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), fingerprint);
        let colons: Vec<&str> = (0..32).map(|byte| &EMPTY[2 * byte..2 * byte + 2]).collect();
        assert_eq!(Fingerprint::parse(&colons.join(":").to_uppercase()), Ok(fingerprint));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in ["", "e3b0", &EMPTY[1..], &format!("{EMPTY}0"), &EMPTY.replace('e', "g")] {
            assert!(Fingerprint::parse(text).is_err(), "{text}");
        }
    }
}
