//! What the regfish API sends and takes, as it is written there.
//!
//! Every field is optional and reads whatever it can: answers differ between versions of the API
//! (contract A.0, A.15), and a field that nobody needs must not lose a certificate. These types go
//! no further than `convert`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::api::tolerant::{flag, integer, object, text, texts};

/// The frame around every JSON answer (contract A.0).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireEnvelope {
    /// Decides alone whether the request succeeded.
    #[serde(deserialize_with = "flag")]
    pub(super) success: Option<bool>,
    #[serde(deserialize_with = "integer")]
    pub(super) code: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(super) message: Option<String>,
    /// May carry good news: a deletion is confirmed in here.
    #[serde(deserialize_with = "text")]
    pub(super) error: Option<String>,
    /// Can be missing on success.
    pub(super) response: Value,
}

/// A record that is written as an object: a list would be read by position otherwise.
#[derive(Debug)]
pub(super) struct WireObject<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WireObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// A product of the catalog (contract A.2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireProduct {
    #[serde(deserialize_with = "text")]
    pub(super) sku: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) ca: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) recommended: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub(super) validation_level: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) organization_required: Option<bool>,
}

/// An organization, whole or as the short form inside a certificate (contract A.3).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireOrganization {
    /// A number before March 2026.
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    /// Its name in the long form.
    #[serde(deserialize_with = "text")]
    pub(super) organization: Option<String>,
    /// Its name in the short form.
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) usable_for_ordering: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub(super) address: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) postal_code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) city: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) country_code: Option<String>,
}

/// A certificate (contract A.6).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireCertificate {
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) order_state: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) common_name: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) dns_names: Vec<String>,
    #[serde(deserialize_with = "text")]
    pub(super) product: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) action_required: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub(super) pending_reason: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) pending_message: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) completion_url: Option<String>,
    /// `hdl_…`, null, or a number from before March 2026.
    #[serde(deserialize_with = "text")]
    pub(super) organization_id: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) organization: Option<WireOrganization>,
    #[serde(deserialize_with = "object")]
    pub(super) validation: Option<WireValidation>,
    #[serde(deserialize_with = "object")]
    pub(super) reissue: Option<WireReissue>,
    #[serde(deserialize_with = "integer")]
    pub(super) validity_days: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(super) valid_from: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) valid_until: Option<String>,
    #[serde(deserialize_with = "integer")]
    pub(super) renewal_bonus_days: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(super) contract_valid_from: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) contract_valid_until: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) serial_number: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) certificate_pem_available: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub(super) renewal_supported: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub(super) reissue_supported: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub(super) revocation_scope: Option<String>,
}

/// How control over the names is shown (contract A.7).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireValidation {
    #[serde(deserialize_with = "text")]
    pub(super) method: Option<String>,
    pub(super) dns_records: Value,
    #[serde(deserialize_with = "texts")]
    pub(super) email_targets: Vec<String>,
}

/// The part of a certificate that tells of a running reissue (contract A.9).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireReissue {
    /// A number, unlike the certificate's id.
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) requested_at: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) validation: Option<WireValidation>,
}

/// A record to put; its data is called `value` here and `data` by the DNS API (contract A.7).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireValidationRecord {
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) value: Option<String>,
}

/// A zone of the list of zones (contract A.12).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireZone {
    #[serde(deserialize_with = "text")]
    pub(super) domain: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) active: Option<bool>,
}

/// A record of a zone (contract A.12).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireRecord {
    #[serde(deserialize_with = "integer")]
    pub(super) id: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(rename = "type", deserialize_with = "text")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) data: Option<String>,
    #[serde(deserialize_with = "integer")]
    pub(super) ttl: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(super) annotation: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub(super) auto: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub(super) active: Option<bool>,
}

/// The body of an order (contract A.4).
#[derive(Debug, Serialize)]
pub(super) struct WireOrder<'a> {
    pub(super) sku: &'a str,
    pub(super) common_name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dns_names: Vec<&'a str>,
    pub(super) csr: &'a str,
    pub(super) dcv_method: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) dcv_emails: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) org_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewal_of_certificate_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) validity_days: Option<u32>,
}

/// The body of a reissue (contract A.8).
#[derive(Debug, Serialize)]
pub(super) struct WireReissueRequest<'a> {
    pub(super) csr: &'a str,
    pub(super) dcv_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) common_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dns_names: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comments: Option<&'a str>,
}

/// The body that completes a staged order (contract A.5).
#[derive(Debug, Serialize)]
pub(super) struct WireCompletion<'a> {
    pub(super) org_id: &'a str,
}

/// The body that makes a record (contract A.12).
#[derive(Debug, Serialize)]
pub(super) struct WireNewRecord<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) name: String,
    pub(super) data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotation: Option<&'a str>,
}
