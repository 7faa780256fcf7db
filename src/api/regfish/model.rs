//! What the rest of the program knows of regfish: certificates, products, organizations, records.
//!
//! Names are lower-case and without a trailing dot, texts are printable, ids are checked. None of
//! these types can be read from JSON: only `convert` makes them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::types::{CertificateId, DomainName, OrganizationId, Timestamp};

/// The readable part of a list, and what could not be read of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing<T> {
    /// In the server's order.
    pub items: Vec<T>,
    /// A line for every item that was left out.
    pub unreadable: Vec<String>,
    /// False when the answer held no list at all, which may or may not mean an empty one.
    pub explicit: bool,
}

/// All certificates that the key can see, and what could not be read of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CertificateList {
    /// In the server's order.
    pub certificates: Vec<Arc<Certificate>>,
    /// A line for every certificate that was left out.
    pub unreadable: Vec<String>,
    /// False when the answer held no list at all, which may or may not mean an empty one.
    pub explicit: bool,
}

/// A product that can be ordered (contract A.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Product {
    /// The catalog's own spelling; orders use it verbatim.
    pub sku: String,
    /// For people.
    pub name: Option<String>,
    /// `dv`, `ov`, …, lower-case: its case differs between answers.
    pub kind: Option<String>,
    /// Who signs.
    pub ca: Option<String>,
    /// The vendor's advice.
    pub recommended: Option<bool>,
    /// `dv`, `ov`, …, lower-case; taken from the kind when older catalogs leave it out.
    pub validation_level: Option<String>,
    /// Unknown when the catalog does not say.
    pub organization_required: Option<bool>,
}

/// An organization that orders can be bound to (contract A.3).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Organization {
    /// Its public id.
    pub id: OrganizationId,
    /// Its name.
    pub name: Option<String>,
    /// `ready`, `validated`, …: an open set.
    pub status: Option<String>,
    /// Unknown when the answer does not say.
    pub usable_for_ordering: Option<bool>,
    /// Street and number.
    pub address: Option<String>,
    /// Where it is.
    pub postal_code: Option<String>,
    /// Where it is.
    pub city: Option<String>,
    /// Two capital letters (ISO 3166-1).
    pub country_code: Option<String>,
}

/// An organization to make: the nine fields of contract A.3, all of which are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Its name, as the register of companies has it.
    pub organization: String,
    /// Of the person to talk to.
    pub first_name: String,
    /// Of the person to talk to.
    pub last_name: String,
    /// Street and number.
    pub address: String,
    /// Where it is.
    pub postal_code: String,
    /// Where it is.
    pub city: String,
    /// Two letters (ISO 3166-1).
    pub country_code: String,
    /// Of the person to talk to.
    pub phone: String,
    /// Of the person to talk to.
    pub email: String,
}

/// What is to be changed about an organization; what is absent stays as it is (contract A.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `NewOrganization`")]
pub struct OrganizationChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How a validated organization is changed: by another that takes its place, possibly under
    /// another id, and is validated anew (contract A.3: inferred).
    #[serde(rename = "edit_mode", skip_serializing_if = "Option::is_none")]
    pub edit_mode: Option<EditMode>,
}

/// How an organization is changed (contract A.3: the only value seen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EditMode {
    /// A new record takes the place of the old one.
    CreateReplacement,
}

impl Organization {
    /// True when the API says so; the status alone promises nothing (contract A.3).
    pub fn is_usable(&self) -> bool {
        self.usable_for_ordering == Some(true)
    }
}

/// A certificate, from staged order to the end of its life under one id (contract A.6).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// The same through the whole life of an order.
    pub id: CertificateId,
    /// Where it stands.
    pub status: CertificateStatus,
    /// The CA's word for the order: an open set, for display only.
    pub order_state: Option<String>,
    /// As ordered.
    pub common_name: Option<String>,
    /// As ordered.
    pub dns_names: Vec<String>,
    /// Its sku.
    pub product: Option<String>,
    /// The only reliable sign that a person or an organization is needed (contract A.6).
    pub action_required: bool,
    /// May be absent when action is required, and linger when it is not.
    pub pending_reason: Option<String>,
    /// Text for people.
    pub pending_message: Option<String>,
    /// Verbatim. Can linger after the order was completed (contract A.6).
    pub completion_url: Option<String>,
    /// Absent while no organization is bound.
    pub organization_id: Option<OrganizationId>,
    /// What shows control over the names, of the order and of a running reissue together; empty
    /// while there is nothing to show.
    pub validation: Validation,
    /// The latest reissue, while the API shows one.
    pub reissue: Option<Reissue>,
    /// The purchased term, not the real lifetime.
    pub validity_days: Option<u32>,
    /// Start of the current certificate.
    pub valid_from: Option<Timestamp>,
    /// End of the current certificate.
    pub valid_until: Option<Timestamp>,
    /// What a renewal added to its term; known once it is issued (contract A.4).
    pub renewal_bonus_days: Option<u32>,
    /// Start of the order.
    pub contract_valid_from: Option<Timestamp>,
    /// End of the order, within which a reissue is free.
    pub contract_valid_until: Option<Timestamp>,
    /// Of the current certificate.
    pub serial_number: Option<String>,
    /// A download may still be refused for a while (contract A.10).
    pub pem_available: bool,
    /// Unknown when the answer does not say.
    pub renewal_supported: Option<bool>,
    /// Unknown when the answer does not say.
    pub reissue_supported: Option<bool>,
    /// `certificate` when the order lives on after the revocation, `order` when it is dead, too.
    pub revocation_scope: Option<String>,
}

/// Another certificate of the same order, for another key (contract A.8, A.9).
///
/// While it runs the certificate stays `issued`, and its download is the former one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reissue {
    /// Tells it from other reissues of the certificate; a number on the wire.
    pub id: Option<String>,
    /// The API's word for where it stands, lower-case.
    pub status: String,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
}

/// Where a reissue stands (contract A.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReissuePhase {
    /// It goes on; a word that is not known counts as this, so that it is watched on.
    Running,
    /// The new certificate is there.
    Issued,
    /// It came to nothing; the former certificate stays as it is.
    Failed,
}

impl Reissue {
    /// Where it stands.
    pub fn phase(&self) -> ReissuePhase {
        match self.status.as_str() {
            "issued" => ReissuePhase::Issued,
            "cancelled" | "canceled" | "rejected" | "failed" => ReissuePhase::Failed,
            _ => ReissuePhase::Running,
        }
    }
}

/// What shows control over the names, of the order and of a running reissue together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Validation {
    /// `dns-cname-token` or `email`.
    pub method: Option<String>,
    /// A set: without duplicates, and its order means nothing (contract A.7).
    pub records: Vec<ValidationRecord>,
    /// Where the CA's mails go.
    pub email_targets: Vec<String>,
}

/// A record that the CA wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ValidationRecord {
    /// Lower-case, without a trailing dot.
    pub name: String,
    /// Upper-case, such as `CNAME`.
    pub kind: String,
    /// A CNAME's is lower-case and without a trailing dot; any other is verbatim.
    pub value: String,
}

/// Where a certificate stands (contract A.6, A.11).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum CertificateStatus {
    Pending,
    Issued,
    /// Its download still works (contract A.15).
    Expired,
    /// Before or after issuance; the API has several words for it.
    Cancelled,
    Rejected,
    Revoked,
    /// A word that is not known here, or the API's own `unknown`: keep watching. The API says it
    /// while it cannot map the CA's state, so it is no failure (contract A.11).
    Unknown(String),
}

impl CertificateStatus {
    /// Reads the API's word; every word is accepted.
    pub fn from_word(word: &str) -> Self {
        let word = word.trim().to_lowercase();
        match word.as_str() {
            "pending" => Self::Pending,
            "issued" => Self::Issued,
            "expired" => Self::Expired,
            "cancelled" | "canceled" | "order_cancelled" | "order_canceled" => Self::Cancelled,
            "rejected" => Self::Rejected,
            // The exact words are not documented (contract A.6).
            _ if word.contains("revoked") => Self::Revoked,
            _ => Self::Unknown(crate::types::shorten(&crate::types::printable(&word), 60)),
        }
    }

    /// The status as one word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Issued => "issued",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
            Self::Unknown(word) => word,
        }
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for CertificateStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How control over the names is to be shown (contract A.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DcvMethod {
    /// A CNAME at `_dnsauth`.
    DnsCnameToken,
    /// A link in a mail.
    Email,
}

impl DcvMethod {
    /// Reads the API's word for it.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::DnsCnameToken, Self::Email].into_iter().find(|method| method.as_str() == word)
    }

    /// The API's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsCnameToken => "dns-cname-token",
            Self::Email => "email",
        }
    }
}

/// What is ordered (contract A.4). An order costs money and cannot be repeated safely.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderRequest {
    /// The catalog's own spelling.
    pub sku: String,
    /// The main name.
    pub common_name: DomainName,
    /// Further names; the main name and duplicates among them are not sent.
    pub dns_names: Vec<DomainName>,
    /// The request for the certificate, PEM.
    pub csr: String,
    /// How control is shown.
    pub dcv_method: DcvMethod,
    /// For the e-mail method.
    pub dcv_emails: Vec<String>,
    /// With a usable one the order is not staged.
    pub org_id: Option<OrganizationId>,
    /// The certificate that this one follows.
    pub renewal_of: Option<CertificateId>,
    /// The term.
    pub validity_days: Option<u32>,
}

/// What is asked for in a reissue (contract A.8). Not idempotent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReissueRequest {
    /// The request for the certificate, PEM.
    pub csr: String,
    /// How control is shown.
    pub dcv_method: DcvMethod,
    /// The order's first name; when absent the API takes it from the order.
    pub common_name: Option<DomainName>,
    /// Exactly the order's further names; when absent the API takes them from the order.
    pub dns_names: Option<Vec<DomainName>>,
    /// A note that the CA keeps with the request.
    pub comments: Option<String>,
}

/// A zone of the account, without its records (contract A.12).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneName {
    /// Lower-case, without a trailing dot.
    pub name: String,
    /// False when it is switched off; unknown when the answer does not say.
    pub active: Option<bool>,
}

/// A record as it stands in a zone (contract A.12).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DnsRecord {
    /// The server's number for it; deletions need it.
    pub id: i64,
    /// Lower-case, fully qualified, without a trailing dot.
    pub name: String,
    /// Upper-case, such as `CNAME`.
    pub kind: String,
    /// A CNAME's is lower-case and without a trailing dot; any other is verbatim.
    pub data: String,
    /// In seconds.
    pub ttl: Option<u32>,
    /// A note that travels with the record.
    pub annotation: Option<String>,
    /// Managed by the system; not to be touched.
    pub auto: bool,
    /// False when it is switched off.
    pub active: bool,
}

/// A record to make. Trailing dots are added when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewRecord {
    /// Fully qualified; the server finds the zone by it (contract A.12).
    pub name: String,
    /// Such as `CNAME`.
    pub kind: String,
    /// A CNAME's target is taken as fully qualified.
    pub data: String,
    /// From 60 to 604800 seconds (contract A.12).
    pub ttl: Option<u32>,
    /// A note that travels with the record.
    pub annotation: Option<String>,
}

/// What became of a record to make.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum CreateRecord {
    /// It is there now.
    Created(DnsRecord),
    /// A record with this name, type and data was there before (contract A.12).
    Exists,
}

/// A zone that the key manages, and its records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Zone {
    /// Lower-case, without a trailing dot.
    pub name: String,
    /// Every record of the zone.
    pub records: Vec<DnsRecord>,
}
