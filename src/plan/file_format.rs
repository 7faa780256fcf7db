//! `FileFormat`: the encodings in which a certificate and its key can be put into a folder.

use serde::{Deserialize, Serialize};

/// The files of every set that comes from a download.
pub const PEM_FILES: [&str; 4] = ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"];

/// Names in the folder of a download that are not files of a set.
const LAYOUT: [&str; 3] = ["sets", "current", "previous"];

/// The longest name of a file, in bytes.
const LONGEST_NAME: usize = 200;

/// Why a file of a set cannot have this name, if it cannot. What writes the files refuses the same; a
/// test there holds both to each other.
pub fn file_name_fault(name: &str) -> Option<&'static str> {
    if LAYOUT.contains(&name) {
        Some("the folder has something else of that name")
    } else if name.is_empty() {
        Some("it is empty")
    } else if name.len() > LONGEST_NAME {
        Some("it is too long")
    } else if name.starts_with('.') {
        Some("it begins with a dot")
    } else if name.contains('/') {
        Some("it is a name, not a path")
    } else if crate::types::printable(name) != name {
        Some("it holds control characters")
    } else {
        None
    }
}

/// How a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// Key, certificate and issuers, AES-256 and SHA-256.
    Pkcs12,
    /// The same with Triple DES and SHA-1.
    Pkcs12Legacy,
    /// The certificate.
    CertificateDer,
    /// The key, PKCS#8.
    KeyDer,
    /// The key, PKCS#8, PEM, encrypted.
    KeyEncrypted,
    /// The certificate and its issuers, PEM.
    Fullchain,
    /// The certificate, its issuers and the key, PEM.
    Combined,
}

impl FileFormat {
    /// All of them, in the order in which documentation lists them.
    pub const ALL: [Self; 7] = [
        Self::Pkcs12,
        Self::Pkcs12Legacy,
        Self::CertificateDer,
        Self::KeyDer,
        Self::KeyEncrypted,
        Self::Fullchain,
        Self::Combined,
    ];

    /// The format that plans call `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The word that plans use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pkcs12 => "pkcs12",
            Self::Pkcs12Legacy => "pkcs12-legacy",
            Self::CertificateDer => "certificate-der",
            Self::KeyDer => "key-der",
            Self::KeyEncrypted => "key-encrypted",
            Self::Fullchain => "fullchain",
            Self::Combined => "combined",
        }
    }

    /// The name of such a file when a plan gives none.
    pub fn default_file(self) -> &'static str {
        match self {
            Self::Pkcs12 => "keystore.p12",
            Self::Pkcs12Legacy => "keystore-legacy.p12",
            Self::CertificateDer => "cert.der",
            Self::KeyDer => "privkey.der",
            Self::KeyEncrypted => "privkey-encrypted.pem",
            Self::Fullchain => "fullchain.pem",
            Self::Combined => "combined.pem",
        }
    }

    /// Whether a passphrase protects it; then there must be one, and otherwise there cannot.
    pub fn needs_passphrase(self) -> bool {
        matches!(self, Self::Pkcs12 | Self::Pkcs12Legacy | Self::KeyEncrypted)
    }

    /// Whether the key in it has a name under which programs find it.
    pub fn has_alias(self) -> bool {
        matches!(self, Self::Pkcs12 | Self::Pkcs12Legacy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_written_in_runs_as_in_plans() {
        for format in FileFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
            assert_eq!(FileFormat::parse(format.as_str()), Some(format));
        }
        assert_eq!(FileFormat::parse("jks"), None);
    }
}
