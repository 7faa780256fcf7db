//! What DigiCert sends, as it is written there (contract B.1).
//!
//! Every field is optional and reads whatever it can: the documentation itself shows several shapes.
//! These types go no further than `convert`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::tolerant::{entries, object, text, texts};

/// The whole answer; there is no envelope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireOrderValidation {
    /// A text here, a number in other calls.
    #[serde(deserialize_with = "text")]
    pub(super) order_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) order_status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) order_name_scope: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) order_dcv_method: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) organization_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) organization_name: Option<String>,
    /// Left out for DV.
    #[serde(deserialize_with = "entries")]
    pub(super) organization_validations: Vec<WireOrganizationValidation>,
    #[serde(deserialize_with = "entries")]
    pub(super) dns_name_validations: Vec<WireNameValidation>,
}

/// One check of an organization.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireOrganizationValidation {
    #[serde(rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) description: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) date_created: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) validated_until: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "entries")]
    pub(super) verified_contacts: Vec<WireContact>,
    #[serde(deserialize_with = "object")]
    pub(super) verification_details: Option<BTreeMap<String, Value>>,
}

/// A person whom DigiCert checks, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireContact {
    #[serde(deserialize_with = "text")]
    pub(super) user_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) first_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) last_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) job_title: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) telephone: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) email: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
}

/// The check of one domain.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireNameValidation {
    #[serde(deserialize_with = "text")]
    pub(super) domain_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) risk_status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) method: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) name_scope: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) dns_names: Vec<String>,
    #[serde(deserialize_with = "text")]
    pub(super) base_domain: Option<String>,
}
