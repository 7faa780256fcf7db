//! How the validation of an order stands, as the rest of the program knows it (contract B.1).
//!
//! The fields have the API's own names, because plans read them under these names.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::types::DigicertOrderId;

/// How the validation of an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderValidation {
    /// The order that was asked about.
    pub order_id: DigicertOrderId,
    /// Such as `pending` or `issued` (contract B.5); an open set.
    pub order_status: Option<String>,
    /// `base_domain` or `fqdn`: at which name each domain is proved.
    pub order_name_scope: Option<String>,
    /// Such as `dns-cname-token`; how domains are proved that say nothing else.
    pub order_dcv_method: Option<String>,
    /// DigiCert's number of the organization.
    pub organization_id: Option<String>,
    /// Its name.
    pub organization_name: Option<String>,
    /// The checks of the organization; none for DV.
    pub organization_validations: Vec<OrganizationValidation>,
    /// The checks of the domains.
    pub dns_name_validations: Vec<DnsNameValidation>,
}

/// A check of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OrganizationValidation {
    /// Such as `ov` or `ev`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The check's name, such as `OV`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was completed; pending ones can have it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_created: Option<String>,
    /// How long it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validated_until: Option<String>,
    /// `pending` or `active`; absent when it cannot be read, which is no `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The persons who are checked with it.
    pub verified_contacts: Vec<VerifiedContact>,
    /// `pending` or `complete` for each part, such as `address_verification`.
    pub verification_details: BTreeMap<String, String>,
}

/// A person whom DigiCert checks together with the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VerifiedContact {
    /// `0` for somebody without an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `pending` or `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The check of one domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DnsNameValidation {
    /// DigiCert's number of the domain; absent for DV. Several entries can share one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<String>,
    /// `approved` or `unapproved`; absent when it cannot be read, which is no `approved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `pass`, `under_review` or `failed`; shown for DV, and when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_status: Option<String>,
    /// How it is to be proved, where that is not the order's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The name at which it is to be proved, where the order's scope does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_scope: Option<String>,
    /// The names of the certificate that it is about.
    pub dns_names: Vec<String>,
    /// The domain below which they lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_domain: Option<String>,
}
