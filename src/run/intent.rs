//! `Intent`: what is about to be sent exactly once, with all that is needed to recognise it later.
//!
//! It is recorded before anything is sent. Texts in here are those of the plan; nothing is secret.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tagged::tagged_enum;
use crate::types::{CertificateId, DomainName, OrganizationId, Timestamp};

/// What the key of an organization begins with. No name of a certificate has a space in it.
const AN_ORGANIZATION: &str = "the organization ";

tagged_enum! {
    /// What is about to be sent exactly once.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Intent {
        /// An order of a certificate (contract A.13, row 1).
        Order(OrderIntent),
        /// Another certificate of an order that is there (contract A.13, row 4).
        Reissue(ReissueIntent),
        /// A new organization (contract A.13, row 9).
        Organization(OrganizationIntent),
    }
}

/// An order, and which certificates there were before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderIntent {
    /// Fingerprint of the public key in the request: the only hard proof, after issuance.
    pub public_key_sha256: String,
    /// The product.
    pub sku: String,
    /// The certificate's first name.
    pub common_name: DomainName,
    /// All its names, the first included.
    pub names: BTreeSet<DomainName>,
    /// The organization sent with the order.
    pub organization_id: Option<String>,
    /// The term ordered, in days.
    pub validity_days: Option<i64>,
    /// The certificate that this one follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_of: Option<CertificateId>,
    /// Every certificate id that the account showed before the order was sent.
    pub known_certificate_ids: BTreeSet<CertificateId>,
}

/// A reissue, and what the certificate showed before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReissueIntent {
    /// The certificate, whose id stays.
    pub certificate_id: CertificateId,
    /// Fingerprint of the public key in the request: the only hard proof, after issuance.
    pub public_key_sha256: String,
    /// All names of the certificate.
    pub names: BTreeSet<DomainName>,
    /// The serial number of the certificate that is served now.
    pub former_serial_number: Option<String>,
    /// The latest reissue before this one, when the certificate showed one.
    pub known_reissue: Option<KnownReissue>,
}

/// What tells a reissue from another one of the same certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownReissue {
    /// Its number, as text.
    pub id: Option<String>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
}

/// A new organization, and which ones there were before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationIntent {
    /// Its name.
    pub name: String,
    /// Street and number.
    pub address: String,
    /// Two letters.
    pub country_code: String,
    /// Every organization id that the account showed before.
    pub known_organization_ids: BTreeSet<OrganizationId>,
}

impl Intent {
    /// What nobody else may send while this is unanswered, as one text: equal for equal sets of
    /// names, and for equal organizations.
    pub fn names_key(&self) -> String {
        let all: BTreeSet<&str> = match self {
            Self::Order(order) => {
                order.names.iter().chain([&order.common_name]).map(DomainName::as_str).collect()
            }
            Self::Reissue(reissue) => reissue.names.iter().map(DomainName::as_str).collect(),
            Self::Organization(organization) => {
                let OrganizationIntent { name, country_code, .. } = organization;
                return format!("{AN_ORGANIZATION}{name} in {country_code}").to_lowercase();
            }
        };
        all.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// What is under way for a [`Self::names_key`], in words that follow "run … is".
    pub fn doing(names_key: &str) -> String {
        match names_key.starts_with(AN_ORGANIZATION) {
            true => format!("creating {names_key}"),
            false => format!("ordering for {names_key}"),
        }
    }

    /// Whether a certificate comes of it, which may cost money and binds the run.
    pub fn obtains_certificate(&self) -> bool {
        match self {
            Self::Order(_) | Self::Reissue(_) => true,
            Self::Organization(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_said_as_what_it_is() {
        let organization = Intent::Organization(OrganizationIntent {
            name: "Example GmbH".to_owned(),
            address: "Beispielweg 1".to_owned(),
            country_code: "DE".to_owned(),
            known_organization_ids: BTreeSet::new(),
        });
        let words = Intent::doing(&organization.names_key());
        assert_eq!(words, "creating the organization example gmbh in de");
        assert_eq!(Intent::doing("a.example.com"), "ordering for a.example.com");
    }
}
