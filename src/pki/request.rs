//! `CertificateRequest`: the CSR that an order carries, made here or read from outside.
//!
//! A value of this type was made here with its key, or had its signature verified with its own
//! public key: either way the key that it names is the one it was made with. It holds nothing secret.
//! What this process has made is known again by its digest, and needs no proof by its signature.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rcgen::{CertificateParams, DistinguishedName, DnType};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::fingerprint::Fingerprint;
use super::key::{KeyType, PrivateKey};
use super::pem::{self, PemError};
use crate::types::{DomainName, DomainNameError};

/// The labels in use (RFC 7468, section 7); the second is what older tools write.
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
/// The upper bound of a common name (RFC 5280, appendix A.1, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;
/// No request with the names of one order comes near it.
const MAX_BYTES: usize = 256 * 1024;
/// Digests of the requests that were made here and have not been read back yet.
static MADE_HERE: Mutex<BTreeSet<Fingerprint>> = Mutex::new(BTreeSet::new());
/// Of more requests than this, the rest is verified when it is read back.
const MOST_MADE_HERE: usize = 32 * 1024;

/// Why there is no certificate request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A certificate cannot carry so long a common name.
    #[error(
        "the common name `{name}` has {} characters, and a certificate can hold 64",
        name.as_str().len()
    )]
    CommonNameTooLong {
        /// The name that was asked for.
        name: DomainName,
    },
    /// The cryptographic library failed.
    #[error("cannot make a certificate request: {reason}")]
    Creation {
        /// What the library says.
        reason: String,
    },
    /// More text than any request has.
    #[error("it has {length} bytes, and no certificate request is larger than {MAX_BYTES}")]
    TooLarge {
        /// The length of the text.
        length: usize,
    },
    /// The text is broken PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The text does not hold exactly one block.
    #[error("there are {count} PEM blocks in it, and exactly one certificate request is wanted")]
    NotOne {
        /// How many blocks there are.
        count: usize,
    },
    /// The block is something else.
    #[error("it holds a `{label}`, and a `CERTIFICATE REQUEST` is wanted")]
    WrongBlock {
        /// The label that was found.
        label: String,
    },
    /// The label is right and the content is not.
    #[error("the block in it holds no PKCS#10 certificate request")]
    Unreadable,
    /// The signature was not made with the key inside, or not by an algorithm that is known.
    #[error("its signature does not verify with the public key in it")]
    BadSignature,
    /// A name that is not a domain name.
    #[error("it asks for a name that cannot be ordered: {0}")]
    BadName(#[from] DomainNameError),
    /// An alternative name of another kind, such as an address.
    #[error("it asks for an alternative name that is no DNS name")]
    NotDnsName,
    /// No name at all.
    #[error("it asks for no name")]
    NoName,
}

/// A signed request for a certificate (PKCS#10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    pem: String,
    names: Vec<DomainName>,
    public_key_sha256: Fingerprint,
    key_type: Option<KeyType>,
}

/// Makes a request for `common_name` and `dns_names`, signed by `key`.
///
/// The subject is the common name alone: the CA takes the organization from its own records and
/// ignores or refuses what a request says. The common name is the first alternative name too,
/// because clients look only there; a name that is listed twice is asked for once.
pub fn create_csr(
    key: &PrivateKey,
    common_name: &DomainName,
    dns_names: &[DomainName],
) -> Result<CertificateRequest, RequestError> {
    if common_name.as_str().len() > MAX_COMMON_NAME {
        return Err(RequestError::CommonNameTooLong { name: common_name.clone() });
    }
    let mut names: Vec<String> = Vec::with_capacity(dns_names.len() + 1);
    for name in std::iter::once(common_name).chain(dns_names) {
        if !names.iter().any(|known| known == name.as_str()) {
            names.push(name.to_string());
        }
    }
    let creation = |error: rcgen::Error| RequestError::Creation { reason: error.to_string() };
    let mut params = CertificateParams::new(names).map_err(creation)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name.as_str());
    let request = params.serialize_request(key.pair()).map_err(creation)?;
    // Read back, so that a request made here is one that can be read.
    let made = CertificateRequest::from_request(request.der(), &parse(request.der())?)?;
    let mut known = made_here();
    if known.len() < MOST_MADE_HERE {
        known.insert(Fingerprint::of(request.der()));
    }
    Ok(made)
}

fn made_here() -> MutexGuard<'static, BTreeSet<Fingerprint>> {
    // The set is whole after every statement, so a poisoned lock is still right.
    MADE_HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse(der: &[u8]) -> Result<X509CertificationRequest<'_>, RequestError> {
    match X509CertificationRequest::from_der(der) {
        Ok(([], request)) => Ok(request),
        _ => Err(RequestError::Unreadable),
    }
}

impl CertificateRequest {
    /// Reads one request and verifies its signature with the key in it, unless it is, byte for
    /// byte, one that this process has just made.
    pub fn from_pem(text: &str) -> Result<Self, RequestError> {
        if text.len() > MAX_BYTES {
            return Err(RequestError::TooLarge { length: text.len() });
        }
        let blocks = pem::blocks(text.as_bytes())?;
        let [block] = blocks.as_slice() else {
            return Err(RequestError::NotOne { count: blocks.len() });
        };
        if !LABELS.contains(&block.label.as_str()) {
            return Err(RequestError::WrongBlock { label: block.label.clone() });
        }
        let der = block.decode()?;
        let request = parse(&der)?;
        if !made_here().remove(&Fingerprint::of(&der)) {
            request.verify_signature().map_err(|_| RequestError::BadSignature)?;
        }
        Self::from_request(&der, &request)
    }

    fn from_request(
        der: &[u8],
        request: &X509CertificationRequest<'_>,
    ) -> Result<Self, RequestError> {
        let public_key = &request.certification_request_info.subject_pki;
        Ok(Self {
            pem: pem::encode(LABELS[0], der).to_string(),
            names: names_in(request)?,
            public_key_sha256: Fingerprint::of(public_key.raw),
            key_type: KeyType::of(public_key),
        })
    }

    /// The request as PEM, as an order sends it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The names asked for, the common name first, each once.
    pub fn names(&self) -> &[DomainName] {
        &self.names
    }

    /// The digest of the public key (SubjectPublicKeyInfo, DER).
    pub fn public_key_sha256(&self) -> Fingerprint {
        self.public_key_sha256
    }

    /// What kind of key it was made with; `None` for one that this program does not make.
    pub fn key_type(&self) -> Option<KeyType> {
        self.key_type
    }
}

fn names_in(request: &X509CertificationRequest<'_>) -> Result<Vec<DomainName>, RequestError> {
    let mut names = Vec::new();
    let mut add = |text: &str| -> Result<(), RequestError> {
        let name = DomainName::parse(text)?;
        if !names.contains(&name) {
            names.push(name);
        }
        Ok(())
    };
    for attribute in request.certification_request_info.subject.iter_common_name() {
        let text = attribute.as_str().map_err(|_| RequestError::NotDnsName)?;
        add(text)?;
    }
    for extension in request.requested_extensions().into_iter().flatten() {
        let alternative = match extension {
            ParsedExtension::SubjectAlternativeName(alternative) => alternative,
            ParsedExtension::ParseError { .. } => return Err(RequestError::Unreadable),
            _ => continue,
        };
        for name in &alternative.general_names {
            let GeneralName::DNSName(text) = name else {
                return Err(RequestError::NotDnsName);
            };
            add(text)?;
        }
    }
    if names.is_empty() { Err(RequestError::NoName) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, SanType};

    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn foreign(
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<CertificateRequest, RequestError> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        change(&mut params);
        let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
        CertificateRequest::from_pem(&pem)
    }

    #[test]
    fn a_request_asks_for_each_name_once_with_the_common_name_first_and_the_keys_fingerprint() {
        for key_type in [KeyType::EcP256, KeyType::EcP384, KeyType::Rsa2048] {
            let key = PrivateKey::generate(key_type).unwrap();
            let names = [name("b.example"), name("WWW.example.com"), name("*.b.example")];
            let request = create_csr(&key, &name("www.example.com"), &names).unwrap();
            assert_eq!(
                request.names(),
                [name("www.example.com"), name("b.example"), name("*.b.example")]
            );
            assert_eq!(request.public_key_sha256(), key.public_key_sha256());
            assert_eq!(request.key_type(), Some(key_type));
            assert_eq!(CertificateRequest::from_pem(request.pem()), Ok(request.clone()));
        }
    }

    #[test]
    fn a_common_name_that_no_certificate_can_hold_is_refused_before_it_is_ordered() {
        let key = PrivateKey::generate(KeyType::EcP256).unwrap();
        let long = name(&format!("{}.example", "a".repeat(60)));
        let error = create_csr(&key, &long, &[]).unwrap_err();
        assert!(error.to_string().ends_with("has 68 characters, and a certificate can hold 64"));
    }

    #[test]
    fn a_changed_request_does_not_verify() {
        let key = PrivateKey::generate(KeyType::EcP256).unwrap();
        let request = create_csr(&key, &name("www.example.com"), &[]).unwrap();
        let mut der = pem::blocks(request.pem().as_bytes()).unwrap()[0].decode().unwrap();
        let at = der.windows(3).position(|part| part == b"www").unwrap();
        der[at] = b'x';
        let changed = pem::encode(LABELS[0], &der);
        assert_eq!(CertificateRequest::from_pem(&changed), Err(RequestError::BadSignature));
    }

    #[test]
    fn a_request_from_outside_must_ask_for_domain_names_only() {
        let from_outside = foreign(|params| {
            params.subject_alt_names = vec![SanType::DnsName("A.example.com".try_into().unwrap())];
        });
        assert_eq!(from_outside.unwrap().names(), [name("a.example.com")]);
        assert_eq!(foreign(|_| {}), Err(RequestError::NoName));
        let address = foreign(|params| {
            params.subject_alt_names = vec![SanType::IpAddress("192.0.2.1".parse().unwrap())];
        });
        assert_eq!(address, Err(RequestError::NotDnsName));
        let company = foreign(|params| {
            params.distinguished_name.push(DnType::CommonName, "Example Ltd");
        });
        assert!(matches!(company, Err(RequestError::BadName(_))));
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        let key = PrivateKey::generate(KeyType::EcP256).unwrap().to_pem();
        let junk = "-----BEGIN CERTIFICATE REQUEST-----\nQQ==\n-----END CERTIFICATE REQUEST-----";
        for (text, error) in [
            ("", RequestError::NotOne { count: 0 }),
            (&key, RequestError::WrongBlock { label: "PRIVATE KEY".to_owned() }),
            (junk, RequestError::Unreadable),
            (&"x".repeat(MAX_BYTES + 1), RequestError::TooLarge { length: MAX_BYTES + 1 }),
        ] {
            assert_eq!(CertificateRequest::from_pem(text), Err(error));
        }
    }
}
