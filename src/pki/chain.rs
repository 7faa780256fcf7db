//! `Chain`: a leaf certificate and its issuers, as downloaded.
//!
//! Reads strictly what every server would later have to read, and writes it in one canonical form.
//! The order is kept as it came; whether it is right is decided in `proof`.

use super::certificate::{Certificate, CertificateError};
use super::pem::{self, PemError};

/// A chain of ten certificates has a tenth of this.
const MAX_BYTES: usize = 1024 * 1024;
/// Public chains have three or four; servers and clients give up at about ten.
const MAX_CERTIFICATES: usize = 10;
const LABEL: &str = "CERTIFICATE";

/// Why a text is no chain of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Nothing is there.
    #[error("there is no certificate in it: it is empty")]
    Empty,
    /// More text than any chain has.
    #[error("it has {length} bytes, and no chain is larger than {MAX_BYTES}")]
    TooLarge {
        /// The length of the text.
        length: usize,
    },
    /// No PEM block in it.
    #[error("there is no PEM certificate in it: it is {found}, {length} bytes long")]
    NoCertificate {
        /// What it looks like. The text itself is not quoted: nobody knows what it is.
        found: &'static str,
        /// The length of the text.
        length: usize,
    },
    /// The text is broken PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A private key, which has no place in a file that is handed out.
    #[error("it holds a private key (PEM block {position})")]
    PrivateKey {
        /// The block's position, from 1.
        position: usize,
    },
    /// A block of another kind.
    #[error("PEM block {position} is a `{label}`, and only certificates are wanted")]
    WrongBlock {
        /// The block's position, from 1.
        position: usize,
        /// The label that was found.
        label: String,
    },
    /// More certificates than any chain has.
    #[error("it holds {count} certificates, and no chain has more than {MAX_CERTIFICATES}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A block whose content is no certificate.
    #[error("PEM block {position} is labelled a certificate, but {error}")]
    NotACertificate {
        /// The block's position, from 1.
        position: usize,
        /// What is wrong with the content.
        error: CertificateError,
    },
}

/// One leaf and any number of issuers, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    leaf: Certificate,
    issuers: Vec<Certificate>,
}

impl Chain {
    /// Reads PEM certificates, the leaf first; text around them and carriage returns are tolerated.
    pub fn from_pem(text: &[u8]) -> Result<Self, ChainError> {
        if text.trim_ascii().is_empty() {
            return Err(ChainError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(ChainError::TooLarge { length: text.len() });
        }
        let blocks = pem::blocks(text)?;
        for (index, block) in blocks.iter().enumerate() {
            let position = index + 1;
            if block.label.ends_with("PRIVATE KEY") {
                return Err(ChainError::PrivateKey { position });
            }
            if block.label != LABEL {
                return Err(ChainError::WrongBlock { position, label: block.label.clone() });
            }
        }
        if blocks.len() > MAX_CERTIFICATES {
            return Err(ChainError::TooMany { count: blocks.len() });
        }
        let mut certificates = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.iter().enumerate() {
            let certificate = Certificate::from_der(&block.decode()?)
                .map_err(|error| ChainError::NotACertificate { position: index + 1, error })?;
            certificates.push(certificate);
        }
        let mut certificates = certificates.into_iter();
        match certificates.next() {
            Some(leaf) => Ok(Self { leaf, issuers: certificates.collect() }),
            None => Err(ChainError::NoCertificate { found: looks_like(text), length: text.len() }),
        }
    }

    /// The first certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All others, in order.
    pub fn issuers(&self) -> &[Certificate] {
        &self.issuers
    }

    /// The leaf, then the issuers.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.issuers)
    }

    /// The leaf as PEM (`cert.pem`).
    pub fn leaf_pem(&self) -> String {
        encode(std::iter::once(&self.leaf))
    }

    /// The issuers as PEM (`chain.pem`); empty if there are none.
    pub fn chain_pem(&self) -> String {
        encode(self.issuers.iter())
    }

    /// The leaf and the issuers as PEM (`fullchain.pem`).
    pub fn fullchain_pem(&self) -> String {
        encode(self.certificates())
    }
}

fn encode<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> String {
    certificates.map(|certificate| pem::encode(LABEL, &certificate.der).to_string()).collect()
}

/// A guess for people at what was sent instead.
fn looks_like(text: &[u8]) -> &'static str {
    match text.trim_ascii_start() {
        [b'<', ..] => "HTML or XML",
        [b'{' | b'[', ..] => "JSON",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [0x30, 0x80..=0x84, ..] => "binary (DER or PKCS#12)",
        text if text.contains(&0) => "binary",
        _ => "other text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::{Issuing, certificate_pem};

    fn three() -> Vec<Vec<u8>> {
        let root = Issuing::root("Root");
        let intermediate = root.intermediate("Intermediate");
        let leaf = intermediate.leaf(&rcgen::KeyPair::generate().unwrap(), &["www.example.com"]);
        vec![leaf, intermediate.der, root.der]
    }

    #[test]
    fn a_chain_is_written_in_one_form_whatever_stood_around_it() {
        let ders = three();
        let canonical: String = ders.iter().map(|der| certificate_pem(der)).collect();
        let decorated = format!("subject=CN\n{canonical}\nend").replace('\n', "\r\n");
        for text in [&canonical, &decorated] {
            let chain = Chain::from_pem(text.as_bytes()).unwrap();
            assert_eq!(chain.fullchain_pem(), canonical);
            assert_eq!(format!("{}{}", chain.leaf_pem(), chain.chain_pem()), canonical);
            assert_eq!(chain.leaf().subject, "CN=www.example.com");
            assert_eq!(chain.issuers().len(), 2);
        }
    }

    #[test]
    fn what_was_deployed_elsewhere_as_a_certificate_is_refused_here() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nQQ==\n-----END {label}-----\n");
        let good = certificate_pem(&three()[0]);
        for (text, message) in [
            (String::new(), "there is no certificate in it: it is empty"),
            (" \r\n".to_owned(), "there is no certificate in it: it is empty"),
            (
                "QQ==".to_owned(),
                "there is no PEM certificate in it: it is other text, 4 bytes long",
            ),
            (
                "<!DOCTYPE html>".to_owned(),
                "there is no PEM certificate in it: it is HTML or XML, 15 bytes long",
            ),
            (
                "{\"success\":true}".to_owned(),
                "there is no PEM certificate in it: it is JSON, 16 bytes long",
            ),
            (format!("{good}{}", block("EC PRIVATE KEY")), "it holds a private key (PEM block 2)"),
            (
                block("CERTIFICATE REQUEST"),
                "PEM block 1 is a `CERTIFICATE REQUEST`, and only certificates are wanted",
            ),
            (good.repeat(11), "it holds 11 certificates, and no chain has more than 10"),
            (
                " ".repeat(MAX_BYTES) + "x",
                "it has 1048577 bytes, and no chain is larger than 1048576",
            ),
            (
                good.replace("-----END", "----END"),
                "the PEM block `CERTIFICATE` that begins in line 1 has no end line",
            ),
        ] {
            assert_eq!(Chain::from_pem(text.as_bytes()).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn junk_in_a_certificate_block_is_refused_with_its_position() {
        let good = certificate_pem(&three()[0]);
        let junk = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n";
        let error = Chain::from_pem(format!("{good}{junk}").as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with(
                "PEM block 2 is labelled a certificate, but it is no X.509 certificate ("
            ),
            "{error}"
        );
        let der = three().remove(0);
        assert!(matches!(
            Chain::from_pem(&der),
            Err(ChainError::NoCertificate { found: "binary (DER or PKCS#12)", .. })
        ));
    }
}
