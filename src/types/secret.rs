//! `Secret`: a text that cannot be printed, serialized or compared by accident.

use std::fmt;

use memchr::memmem::Finder;
use zeroize::Zeroizing;

/// A credential. `Debug` and `Display` show `***`; the memory is cleared when it is dropped.
///
/// There is deliberately no `Serialize`: a secret can be recorded nowhere.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced by `***`.
    ///
    /// A server may echo a credential in its answer; that must not reach a message either.
    pub fn mask_in(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_MASKED {
            text.to_owned()
        } else {
            text.replace(self.0.as_str(), "***")
        }
    }
}

impl Secret {
    /// Like [`Secret::mask_in`], for bytes that may be no text.
    pub fn mask_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.0.len() < SHORTEST_MASKED {
            return bytes;
        }
        // Answers have megabytes, and nearly none holds the key.
        let key = Finder::new(self.0.as_bytes());
        if key.find(&bytes).is_none() {
            return bytes;
        }
        let (mut masked, mut rest) = (Vec::with_capacity(bytes.len()), bytes.as_slice());
        while let Some(at) = key.find(rest) {
            masked.extend_from_slice(&rest[..at]);
            masked.extend_from_slice(b"***");
            rest = &rest[at + self.0.len()..];
        }
        masked.extend_from_slice(rest);
        masked
    }
}

/// Shorter texts are no keys, and stand in many an answer by chance.
const SHORTEST_MASKED: usize = 4;

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("key.with=odd".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "*** *** Some(\n    ***,\n)"
        );
        assert_eq!(secret.mask_in("bad key key.with=odd!"), "bad key ***!");
        let masked = secret.mask_bytes(b"\xffkey.with=oddkey.with=odd key".to_vec());
        assert_eq!(masked, b"\xff****** key");
    }
}
