//! `Ca`: a root, an intermediate, and leaves for the keys of the requests it is given.
//!
//! It decides names, validity and usages itself and takes nothing but the public key from a
//! request. It says in every subject that it is no real CA. It does not know orders or time.

use std::time::Duration;

use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, CustomExtension,
    DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use super::csr::{CheckedCsr, CsrError};
use super::world::{IssueRequest, Issued};
use crate::types::Timestamp;

/// The organization in the CA's own names. Whoever sees a certificate of the sandbox shall know.
const LOUD_NAME: &str = "certplan sandbox - NOT A REAL CA";

/// The comment in every certificate: a viewer shows it beside names that a customer has chosen.
const LOUD_COMMENT: &str =
    "NOT A REAL CA: made by the certplan sandbox for tests. Nobody was checked; trust nothing.";

/// Where that comment stands: Netscape's comment, which programs still show in words.
const COMMENT_IDENTIFIER: [u64; 7] = [2, 16, 840, 1, 113_730, 1, 13];

/// A signing authority.
pub(super) struct Ca {
    state: CaState,
    issuer: Issuer<'static, KeyPair>,
}

/// What must be kept for the root to stay the same after a restart.
///
/// The root's own key is not among it: nothing but the one intermediate is ever signed by it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct CaState {
    root_pem: String,
    intermediate_pem: String,
    intermediate_key_pem: String,
}

/// Why the CA could not work.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The request cannot be read (any more).
    #[error("cannot read the request: {0}")]
    Csr(String),
    /// The cryptography refused.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A time that no certificate can hold.
    #[error("`{0}` is no time for a certificate")]
    Time(Timestamp),
}

impl From<CsrError> for CaError {
    fn from(error: CsrError) -> Self {
        Self::Csr(error.to_string())
    }
}

/// The longest common name that X.520 allows; names beyond stand in the alternative names only.
const LONGEST_COMMON_NAME: usize = 64;

const SECONDS_OF_DAY: i64 = 86_400;

impl Ca {
    /// Makes a new root and intermediate, valid since long ago so that no clock is too early.
    pub(super) fn generate() -> Result<Self, CaError> {
        let root_params = authority("certplan sandbox root", BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(root_params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let intermediate_key_pem = key.serialize_pem();
        let mut params = authority("certplan sandbox issuer", BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        let intermediate: Certificate = params.signed_by(&key, &root)?;
        let state = CaState {
            root_pem: root.pem(),
            intermediate_pem: intermediate.pem(),
            intermediate_key_pem,
        };
        Ok(Self { state, issuer: Issuer::new(params, key) })
    }

    /// The authority that was kept.
    pub(super) fn restore(state: CaState) -> Result<Self, CaError> {
        let key = KeyPair::from_pem(&state.intermediate_key_pem)?;
        let issuer = Issuer::from_ca_cert_pem(&state.intermediate_pem, key)?;
        Ok(Self { state, issuer })
    }

    /// What [`Ca::restore`] needs. It holds a private key.
    pub(super) fn state(&self) -> &CaState {
        &self.state
    }

    /// The root, for those who want to verify.
    pub(super) fn root_pem(&self) -> &str {
        &self.state.root_pem
    }

    /// Signs a certificate that begins on the midnight before `begin`.
    ///
    /// `serial` becomes the serial number (its topmost bits give way to a positive sign).
    pub(super) fn issue(
        &self,
        request: &IssueRequest,
        issued_at: Timestamp,
        begin: Timestamp,
        serial: u128,
    ) -> Result<Issued, CaError> {
        let csr = CheckedCsr::from_pem(&request.csr)?;
        let (valid_from, valid_until) = validity(begin, request.validity_days)?;
        // Never zero and never negative, and always 16 bytes long.
        let serial = (serial >> 2 | 1 << 125).to_be_bytes();

        let mut params = CertificateParams::default();
        params.distinguished_name = subject(request)?;
        for name in &request.names {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        let the_beginning = date_time_ymd(1970, 1, 1);
        params.not_before = the_beginning + seconds_since_1970(valid_from)?;
        params.not_after = the_beginning + seconds_since_1970(valid_until)?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if csr.is_rsa {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions.push(comment());
        let leaf = params.signed_by(&csr.public_key, &self.issuer)?;

        Ok(Issued {
            at: issued_at,
            chain_pem: format!("{}{}", leaf.pem(), self.state.intermediate_pem),
            serial_number: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
            valid_from,
            valid_until,
        })
    }
}

/// From midnight (UTC) on, so many whole days: the last second is part of the certificate's life
/// (RFC 5280 4.1.2.5), so it ends a second before midnight.
fn validity(begin: Timestamp, days: u16) -> Result<(Timestamp, Timestamp), CaError> {
    let second = |second| Timestamp::from_second(second).map_err(|_| CaError::Time(begin));
    let midnight = begin.as_second().div_euclid(SECONDS_OF_DAY) * SECONDS_OF_DAY;
    let end = midnight + i64::from(days) * SECONDS_OF_DAY - 1;
    Ok((second(midnight)?, second(end)?))
}

fn subject(request: &IssueRequest) -> Result<DistinguishedName, CaError> {
    let mut subject = DistinguishedName::new();
    if let Some((name, country)) = &request.organization {
        let country = PrintableString::try_from(country.as_str())?;
        subject.push(DnType::CountryName, DnValue::PrintableString(country));
        subject.push(DnType::OrganizationName, name);
    }
    let short = request.names.first().filter(|name| name.len() <= LONGEST_COMMON_NAME);
    if let Some(common_name) = short {
        subject.push(DnType::CommonName, common_name);
    }
    Ok(subject)
}

fn authority(common_name: &str, constraints: BasicConstraints) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, LOUD_NAME);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.custom_extensions.push(comment());
    params
}

/// The warning as an extension that nobody needs to understand.
fn comment() -> CustomExtension {
    // An IA5String (DER tag 22) with one byte of length.
    let length = u8::try_from(LOUD_COMMENT.len()).unwrap_or_default();
    let content = [&[22, length][..], LOUD_COMMENT.as_bytes()].concat();
    CustomExtension::from_oid_content(&COMMENT_IDENTIFIER, content)
}

/// rcgen speaks of time in another crate's words; only seconds since 1970 are needed.
fn seconds_since_1970(at: Timestamp) -> Result<Duration, CaError> {
    u64::try_from(at.as_second()).map(Duration::from_secs).map_err(|_| CaError::Time(at))
}

#[cfg(test)]
mod tests {
    use rcgen::{PKCS_ECDSA_P384_SHA384, PublicKeyData};
    use x509_parser::certificate::X509Certificate;
    use x509_parser::pem::Pem;
    use x509_parser::prelude::FromDer;

    use super::*;

    fn blocks(pem: &str) -> Vec<Pem> {
        Pem::iter_from_buffer(pem.as_bytes()).map(Result::unwrap).collect()
    }

    fn certificate(block: &Pem) -> X509Certificate<'_> {
        X509Certificate::from_der(&block.contents).unwrap().1
    }

    fn request(key: &KeyPair, names: &[&str]) -> IssueRequest {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        // What a request wants besides names is none of its business.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name = DistinguishedName::new();
        IssueRequest {
            csr: params.serialize_request(key).unwrap().pem().unwrap(),
            names,
            validity_days: 90,
            organization: Some(("Example GmbH".to_owned(), "DE".to_owned())),
        }
    }

    #[test]
    fn a_chain_verifies_from_the_leaf_to_the_root_even_after_a_restart() {
        let made = Ca::generate().unwrap();
        let ca = Ca::restore(made.state().clone()).unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let begin = "2026-11-20T17:30:00Z".parse().unwrap();
        let issued =
            ca.issue(&request(&key, &["a.example", "b.example"]), begin, begin, u128::MAX).unwrap();

        let (chain, root) = (blocks(&issued.chain_pem), blocks(made.root_pem()));
        let [leaf, issuer] = &chain[..] else { panic!("two certificates") };
        let (leaf, issuer, root) = (certificate(leaf), certificate(issuer), certificate(&root[0]));
        for (subject, authority) in [(&leaf, &issuer), (&issuer, &root), (&root, &root)] {
            subject.verify_signature(Some(authority.public_key())).unwrap();
            assert_eq!(subject.issuer(), authority.subject());
        }
        assert!(root.subject().to_string().contains("NOT A REAL CA"));
        assert!(leaf.issuer().to_string().contains("NOT A REAL CA"));
        for certificate in [&leaf, &issuer, &root] {
            let comment = certificate
                .extensions()
                .iter()
                .find(|extension| extension.oid.to_id_string() == "2.16.840.1.113730.1.13")
                .unwrap();
            let (tag, length, text) = (comment.value[0], comment.value[1], &comment.value[2..]);
            assert_eq!((tag, usize::from(length)), (22, text.len()));
            assert_eq!(text, LOUD_COMMENT.as_bytes());
            assert!(!comment.critical && length < 128);
        }
        assert_eq!(leaf.public_key().raw, key.subject_public_key_info());
        assert_eq!(leaf.subject().to_string(), "C=DE, O=Example GmbH, CN=a.example");
        assert!(!leaf.is_ca());
        let usage = leaf.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && !usage.key_cert_sign());
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(names.len(), 2);
        assert_eq!(issued.valid_from.to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(issued.valid_until.to_string(), "2027-02-17T23:59:59Z");
        assert_eq!(leaf.validity().not_before.timestamp(), issued.valid_from.as_second());
        assert_eq!(leaf.validity().not_after.timestamp(), issued.valid_until.as_second());
        assert_eq!(format!("{:X}", leaf.serial), issued.serial_number);
    }

    #[test]
    fn requests_that_prove_nothing_are_refused() {
        let key = KeyPair::generate().unwrap();
        let good = request(&key, &["a.example"]).csr;
        let names = CheckedCsr::from_pem(&good).unwrap().names;
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a.example"]);

        let mut der = blocks(&good).remove(0).contents;
        *der.last_mut().unwrap() ^= 1;
        let forged = pem_block("CERTIFICATE REQUEST", &der);
        let weak = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        for (pem, error) in [
            (String::new(), CsrError::Unreadable),
            ("-----BEGIN CERTIFICATE REQUEST-----".to_owned(), CsrError::Unreadable),
            (key.serialize_pem(), CsrError::Unreadable),
            (pem_block("CERTIFICATE REQUEST", &[0x30, 0x80]), CsrError::Unreadable),
            (forged, CsrError::Signature),
            (request(&weak, &["a.example"]).csr, CsrError::Key),
            (request(&key, &["192.0.2.1"]).csr, CsrError::Name),
        ] {
            assert_eq!(CheckedCsr::from_pem(&pem).err(), Some(error), "{pem}");
        }
    }

    fn pem_block(label: &str, der: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in der.chunks(3) {
            let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for index in 0..4 {
                let sextet = bits >> (18 - 6 * index) & 63;
                text.push(if index <= group.len() { char::from(ALPHABET[sextet]) } else { '=' });
            }
        }
        let lines: Vec<String> = text
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }
}
