//! A small CA for the tests of this module: roots, intermediates and leaves, with any kind of key.
//!
//! Only for tests: nothing in here checks anything.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PublicKeyData, SerialNumber, date_time_ymd,
};

use super::pem;

/// From when every certificate is valid, unless a test says otherwise.
pub(super) const NOT_BEFORE: &str = "2026-01-01T00:00:00Z";
/// Until when every certificate is valid.
pub(super) const NOT_AFTER: &str = "2026-07-01T00:00:00Z";

/// A CA certificate and the key that signs for it.
pub(super) struct Issuing {
    pub(super) der: Vec<u8>,
    params: CertificateParams,
    key: KeyPair,
}

impl Issuing {
    /// A root with a P-256 key.
    pub(super) fn root(name: &str) -> Self {
        Self::root_with(name, KeyPair::generate().unwrap())
    }

    /// A root with the given key.
    pub(super) fn root_with(name: &str, key: KeyPair) -> Self {
        let params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, params, key }
    }

    /// An intermediate with a P-256 key, signed by this one.
    pub(super) fn intermediate(&self, name: &str) -> Self {
        self.issuer(name, KeyPair::generate().unwrap(), |_| {})
    }

    /// An intermediate as a test wants it, signed by this one.
    pub(super) fn issuer(
        &self,
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
        change(&mut params);
        Self { der: self.sign(&params, &key), params, key }
    }

    /// A leaf for the names, the first of which is the common name.
    pub(super) fn leaf(&self, key: &impl PublicKeyData, names: &[&str]) -> Vec<u8> {
        self.leaf_with(key, names, |_| {})
    }

    /// A leaf as a test wants it.
    pub(super) fn leaf_with(
        &self,
        key: &impl PublicKeyData,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = params(names.first().unwrap_or(&"nobody"), IsCa::NoCa);
        let texts: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        params.subject_alt_names = CertificateParams::new(texts).unwrap().subject_alt_names;
        change(&mut params);
        self.sign(&params, key)
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Vec<u8> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).unwrap().der().to_vec()
    }
}

/// A certificate as PEM.
pub(super) fn certificate_pem(der: &[u8]) -> String {
    pem::encode("CERTIFICATE", der).to_string()
}

fn params(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 7, 1);
    // The first bit is set, so that the encoding needs a sign byte.
    params.serial_number = Some(SerialNumber::from_slice(&[0x9a, 0x01]));
    params.is_ca = is_ca;
    params
}
