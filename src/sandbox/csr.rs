//! Reading a certificate signing request: the names it holds and proof that its key signed it.
//!
//! What the request wants beyond names (usages, a longer life) is ignored: a CA decides itself.

use std::collections::BTreeSet;

use rcgen::SubjectPublicKeyInfo;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::world::normal_name;

/// A request whose signature was verified.
pub(super) struct CheckedCsr {
    /// Subject common names and DNS names, lower-case, without a trailing dot.
    pub(super) names: BTreeSet<String>,
    /// The key that the certificate will hold.
    pub(super) public_key: SubjectPublicKeyInfo,
    /// RSA keys may also encipher.
    pub(super) is_rsa: bool,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CsrError {
    /// No PEM block with the right label, or not the DER of a request.
    #[error("csr is not a PEM certificate request")]
    Unreadable,
    /// Whoever made it does not have the key.
    #[error("csr signature is invalid")]
    Signature,
    /// RSA below 2048 bits, or a curve that public CAs do not take.
    #[error("csr key must be RSA of 2048 bits or more, or EC P-256 or P-384")]
    Key,
    /// An IP address, for example.
    #[error("csr holds a name that is no DNS name")]
    Name,
}

const SMALLEST_RSA_BITS: usize = 2_048;

impl CheckedCsr {
    /// Reads and verifies a request in PEM.
    pub(super) fn from_pem(pem: &str) -> Result<Self, CsrError> {
        let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| CsrError::Unreadable)?;
        if !matches!(block.label.as_str(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
            return Err(CsrError::Unreadable);
        }
        let (rest, request) = X509CertificationRequest::from_der(&block.contents)
            .map_err(|_| CsrError::Unreadable)?;
        if !rest.is_empty() {
            return Err(CsrError::Unreadable);
        }
        request.verify_signature().map_err(|_| CsrError::Signature)?;

        let info = &request.certification_request_info;
        let is_rsa = match info.subject_pki.parsed().map_err(|_| CsrError::Key)? {
            PublicKey::RSA(key) if key.key_size() >= SMALLEST_RSA_BITS => true,
            PublicKey::EC(point) if matches!(point.key_size(), 256 | 384) => false,
            _ => return Err(CsrError::Key),
        };
        // rcgen's own reader takes the key's algorithm from the signature, which is wrong for a
        // P-384 key that signs with SHA-256; hence the key information itself.
        let public_key =
            SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| CsrError::Key)?;

        let mut names = BTreeSet::new();
        for attribute in info.subject.iter_common_name() {
            names.insert(normal_name(attribute.as_str().map_err(|_| CsrError::Name)?));
        }
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(alternative) = extension {
                for name in &alternative.general_names {
                    let GeneralName::DNSName(name) = name else { return Err(CsrError::Name) };
                    names.insert(normal_name(name));
                }
            }
        }
        Ok(Self { names, public_key, is_rsa })
    }
}
