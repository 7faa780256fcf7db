//! `Certificate`: one X.509 certificate, read into the facts that decisions need.
//!
//! Reading proves nothing: whether a certificate is the right one is decided in `proof`. Texts in it
//! were chosen by whoever made it, and are fit to print here.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use super::fingerprint::{Fingerprint, hex};
use crate::types::{Timestamp, printable, shorten};

/// Characters of a distinguished name that are shown.
const SHOWN: usize = 200;

/// Why bytes are no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no X.509 certificate ({reason})")]
pub struct CertificateError {
    /// What the parser stumbled over.
    pub reason: String,
}

/// How a signature fared under an issuer's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// It was made with this key.
    Good,
    /// It was not made with this key, or something was changed afterwards.
    Bad,
    /// It was made in a way that cannot be checked here.
    Unknown,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate as it was signed.
    pub der: Vec<u8>,
    /// Whom it is for, for people; compare certificates by fingerprint instead.
    pub subject: String,
    /// Who signed it, for people.
    pub issuer: String,
    /// The alternative names: DNS names in lower case, and addresses. The common name is not
    /// consulted, since no client does.
    pub names: Vec<String>,
    /// From when it is valid; this second included.
    pub not_before: Timestamp,
    /// Until when it is valid; this second included.
    pub not_after: Timestamp,
    /// The serial number, in lower-case hexadecimal digits.
    pub serial: String,
    /// The digest of the public key (SubjectPublicKeyInfo, DER).
    pub public_key_sha256: Fingerprint,
    /// The digest of the whole certificate, as browsers and `openssl` show it.
    pub sha256: Fingerprint,
    /// True if it may sign other certificates.
    pub is_ca: bool,
    /// The encoded names, which decide who issued whom.
    subject_der: Vec<u8>,
    issuer_der: Vec<u8>,
}

impl Certificate {
    /// Reads one certificate; bytes behind it are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let x509 = parse(der)?;
        let refuse = |error: X509Error| CertificateError { reason: error.to_string() };
        let alternative = x509.subject_alternative_name().map_err(refuse)?;
        let names = alternative.map_or(&[][..], |found| &found.value.general_names);
        let is_ca = x509.basic_constraints().map_err(refuse)?.is_some_and(|found| found.value.ca);
        let serial = match x509.raw_serial() {
            // The sign of the encoding, which no tool shows.
            [0, digits @ ..] if !digits.is_empty() => digits,
            digits => digits,
        };
        Ok(Self {
            der: der.to_vec(),
            subject: show(x509.subject()),
            issuer: show(x509.issuer()),
            names: names.iter().filter_map(name).collect(),
            not_before: timestamp(x509.validity().not_before),
            not_after: timestamp(x509.validity().not_after),
            serial: hex(serial),
            public_key_sha256: Fingerprint::of(x509.public_key().raw),
            sha256: Fingerprint::of(der),
            is_ca,
            subject_der: x509.subject().as_raw().to_vec(),
            issuer_der: x509.issuer().as_raw().to_vec(),
        })
    }

    /// True if `other` bears the name of this certificate's issuer. Says nothing about the key.
    pub(super) fn names_as_issuer(&self, other: &Self) -> bool {
        self.issuer_der == other.subject_der
    }

    /// Checks this certificate's signature with the key of `issuer`.
    pub(super) fn signature_by(&self, issuer: &Self) -> Signature {
        let (Ok(certificate), Ok(issuer)) = (parse(&self.der), parse(&issuer.der)) else {
            return Signature::Unknown;
        };
        match certificate.verify_signature(Some(issuer.public_key())) {
            Ok(()) => Signature::Good,
            Err(X509Error::SignatureUnsupportedAlgorithm) => Signature::Unknown,
            Err(_) => Signature::Bad,
        }
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], x509)) => Ok(x509),
        Ok((rest, _)) => {
            Err(CertificateError { reason: format!("{} bytes follow its end", rest.len()) })
        }
        Err(x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error)) => {
            Err(CertificateError { reason: error.to_string() })
        }
        Err(x509_parser::nom::Err::Incomplete(_)) => {
            Err(CertificateError { reason: "its end is missing".to_owned() })
        }
    }
}

fn show(name: &X509Name<'_>) -> String {
    shorten(&printable(&name.to_string()), SHOWN)
}

/// The names a client can connect to; others, such as e-mail addresses, do not matter here.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) => Some(printable(&text.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(bytes) => Some(Ipv4Addr::from(bytes).to_string()),
            Err(_) => {
                <[u8; 16]>::try_from(*bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string())
            }
        },
        _ => None,
    }
}

/// Times outside of what can be represented become the nearest that can.
///
/// `99991231235959Z`, which means "no end" (RFC 5280, 4.1.2.5), is one of them.
fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    let nearest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::{self, Issuing};

    #[test]
    fn a_certificate_is_read_into_its_facts() {
        let root = Issuing::root("Root");
        let key = rcgen::KeyPair::generate().unwrap();
        let der =
            root.leaf(&key, &["WWW.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]);
        let certificate = Certificate::from_der(&der).unwrap();
        assert_eq!(certificate.der, der);
        assert_eq!(certificate.subject, "CN=WWW.example.com");
        assert_eq!(certificate.issuer, "CN=Root");
        assert_eq!(
            certificate.names,
            ["www.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"]
        );
        assert_eq!(certificate.not_before, testing::NOT_BEFORE.parse().unwrap());
        assert_eq!(certificate.not_after, testing::NOT_AFTER.parse().unwrap());
        assert_eq!(certificate.serial, "9a01");
        assert_eq!(certificate.sha256, Fingerprint::of(&der));
        assert!(!certificate.is_ca);
        assert!(Certificate::from_der(&root.der).unwrap().is_ca);
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_the_reason() {
        let root = Issuing::root("Root");
        let longer = [root.der.as_slice(), b"\0\0"].concat();
        let error = Certificate::from_der(&longer).unwrap_err();
        assert_eq!(error.to_string(), "it is no X.509 certificate (2 bytes follow its end)");
        for der in [&b""[..], b"A", b"<html>", &root.der[..100], &root.der[1..]] {
            assert!(Certificate::from_der(der).is_err(), "{der:?}");
        }
    }

    #[test]
    fn names_in_a_certificate_cannot_command_a_terminal() {
        let root = Issuing::root("Evil\u{1b}[31m");
        let certificate = Certificate::from_der(&root.der).unwrap();
        assert_eq!(certificate.subject, "CN=Evil\u{fffd}[31m");
    }

    #[test]
    fn a_certificate_without_end_ends_at_the_last_second_that_can_be_told() {
        assert_eq!(timestamp(ASN1Time::from_timestamp(253_402_300_799).unwrap()), Timestamp::MAX);
    }
}
