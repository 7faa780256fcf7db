//! From the API's words to ours: ids are checked, names and times normalised, texts made printable.
//!
//! Pure. Something that is needed and missing is an error that names the field; something optional
//! that cannot be read counts as absent.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{
    Certificate, CertificateStatus, DnsRecord, NewRecord, OrderRequest, Organization, Product,
    Validation, ValidationRecord,
};
use super::wire::{
    WireCertificate, WireNewRecord, WireOrder, WireOrganization, WireProduct, WireRecord,
    WireValidation, WireValidationRecord,
};
use crate::types::{
    CertificateId, DomainName, IdError, OrganizationId, Timestamp, printable, shorten,
};

/// How much of a text for people is kept.
const TEXT_LIMIT: usize = 1000;

/// Longer URLs are cut by browsers and terminals, and no completion page needs one.
const URL_LIMIT: usize = 2000;

/// Why a value of the API cannot become one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    #[error("it is no {what}")]
    Shape { what: &'static str },
    #[error("`{field}` is missing")]
    Missing { field: &'static str },
    #[error("`{field}` is unusable: {source}")]
    Id { field: &'static str, source: IdError },
}

/// Something of ours that is made from something of the API's.
pub(super) trait FromWire: Sized {
    type Wire: DeserializeOwned;
    /// What it is called in an error.
    const WHAT: &'static str;

    fn from_wire(wire: Self::Wire) -> Result<Self, FieldError>;

    fn from_value(value: Value) -> Result<Self, FieldError> {
        let shape = FieldError::Shape { what: Self::WHAT };
        if !value.is_object() {
            return Err(shape);
        }
        Self::from_wire(serde_json::from_value(value).map_err(|_| shape)?)
    }
}

impl FromWire for Product {
    type Wire = WireProduct;
    const WHAT: &'static str = "product";

    fn from_wire(wire: WireProduct) -> Result<Self, FieldError> {
        let kind = wire.kind.map(word);
        // Older catalogs know no level; the kind is the same word (contract A.2).
        let level = kind.clone().filter(|kind| matches!(kind.as_str(), "dv" | "ov" | "ev"));
        Ok(Self {
            sku: wire.sku.map(prose).ok_or(FieldError::Missing { field: "sku" })?,
            name: wire.name.map(prose),
            validation_level: wire.validation_level.map(word).or(level),
            kind,
            ca: wire.ca.map(word),
            recommended: wire.recommended,
            organization_required: wire.organization_required,
        })
    }
}

impl FromWire for Organization {
    type Wire = WireOrganization;
    const WHAT: &'static str = "organization";

    fn from_wire(wire: WireOrganization) -> Result<Self, FieldError> {
        let id = wire.id.ok_or(FieldError::Missing { field: "id" })?;
        Ok(Self {
            id: OrganizationId::parse(id.trim())
                .map_err(|source| FieldError::Id { field: "id", source })?,
            // Called `organization` in the long form and `name` in the short one (contract A.3).
            name: wire.organization.or(wire.name).map(prose),
            status: wire.status.map(word),
            usable_for_ordering: wire.usable_for_ordering,
        })
    }
}

impl FromWire for Certificate {
    type Wire = WireCertificate;
    const WHAT: &'static str = "certificate";

    fn from_wire(wire: WireCertificate) -> Result<Self, FieldError> {
        let id = wire.id.ok_or(FieldError::Missing { field: "id" })?;
        let bound = wire.organization_id.or_else(|| wire.organization?.id);
        Ok(Self {
            id: CertificateId::parse(id.trim())
                .map_err(|source| FieldError::Id { field: "id", source })?,
            status: CertificateStatus::from_word(wire.status.as_deref().unwrap_or("missing")),
            order_state: wire.order_state.map(prose),
            common_name: wire.common_name.map(|name| normal_host(&name)),
            dns_names: wire.dns_names.iter().map(|name| normal_host(name)).collect(),
            product: wire.product.map(prose),
            action_required: wire.action_required.unwrap_or(false),
            pending_reason: wire.pending_reason.map(word),
            pending_message: wire.pending_message.map(prose),
            completion_url: wire.completion_url.filter(|url| is_safe_link(url)),
            // Older answers wrote 0 for "none" where null stands now (contract A.6).
            organization_id: bound
                .filter(|id| id.trim() != "0")
                .and_then(|id| OrganizationId::parse(id.trim()).ok()),
            validation: validation(wire.validation, wire.reissue.and_then(|it| it.validation)),
            validity_days: wire.validity_days.and_then(|days| u32::try_from(days).ok()),
            valid_from: wire.valid_from.and_then(|text| time(&text)),
            valid_until: wire.valid_until.and_then(|text| time(&text)),
            contract_valid_until: wire.contract_valid_until.and_then(|text| time(&text)),
            serial_number: wire.serial_number.map(prose),
            pem_available: wire.certificate_pem_available.unwrap_or(false),
            renewal_supported: wire.renewal_supported,
            reissue_supported: wire.reissue_supported,
        })
    }
}

impl FromWire for DnsRecord {
    type Wire = WireRecord;
    const WHAT: &'static str = "DNS record";

    fn from_wire(wire: WireRecord) -> Result<Self, FieldError> {
        let kind = record_kind(&wire.kind.ok_or(FieldError::Missing { field: "type" })?);
        Ok(Self {
            id: wire.id.ok_or(FieldError::Missing { field: "id" })?,
            name: normal_host(&wire.name.ok_or(FieldError::Missing { field: "name" })?),
            data: record_data(&kind, &wire.data.unwrap_or_default()),
            kind,
            ttl: wire.ttl.and_then(|ttl| u32::try_from(ttl).ok()),
            annotation: wire.annotation.map(prose),
            auto: wire.auto.unwrap_or(false),
            active: wire.active.unwrap_or(true),
        })
    }
}

/// The order as it is sent; the main name is not repeated among the others (contract A.4).
pub(super) fn wire_order(order: &OrderRequest) -> WireOrder<'_> {
    let common_name = order.common_name.as_str();
    let mut dns_names: Vec<&str> = Vec::new();
    for name in order.dns_names.iter().map(DomainName::as_str) {
        if name != common_name && !dns_names.contains(&name) {
            dns_names.push(name);
        }
    }
    WireOrder {
        sku: &order.sku,
        common_name,
        dns_names,
        csr: &order.csr,
        dcv_method: order.dcv_method.as_str(),
        dcv_emails: &order.dcv_emails,
        org_id: order.org_id.as_ref().map(OrganizationId::as_str),
        renewal_of_certificate_id: order.renewal_of.as_ref().map(CertificateId::as_str),
        validity_days: order.validity_days,
    }
}

/// The record as it is sent. What a name without its dot would mean is not known (contract A.12).
pub(super) fn wire_record(record: &NewRecord) -> WireNewRecord<'_> {
    let dotted = |name: &str| format!("{}.", name.trim_end_matches('.'));
    let is_alias = record.kind.eq_ignore_ascii_case("CNAME");
    WireNewRecord {
        kind: &record.kind,
        name: dotted(&record.name),
        data: if is_alias { dotted(&record.data) } else { record.data.clone() },
        ttl: record.ttl,
        annotation: record.annotation.as_deref(),
    }
}

/// Records can stand in either place, or in both at once (contract A.15).
fn validation(order: Option<WireValidation>, reissue: Option<WireValidation>) -> Validation {
    let mut union = Validation::default();
    for wire in [order, reissue].into_iter().flatten() {
        union.method = union.method.or_else(|| wire.method.map(word));
        let records = match wire.dns_records {
            Value::Array(records) => records,
            _ => Vec::new(),
        };
        for record in records.into_iter().filter_map(validation_record) {
            if !union.records.contains(&record) {
                union.records.push(record);
            }
        }
        for target in wire.email_targets.into_iter().map(prose) {
            if !union.email_targets.contains(&target) {
                union.email_targets.push(target);
            }
        }
    }
    union
}

/// Nothing for a record that cannot be put: half of it, or a name that no zone could hold.
fn validation_record(value: Value) -> Option<ValidationRecord> {
    let wire: WireValidationRecord = serde_json::from_value(value).ok()?;
    let name = DomainName::parse(wire.name?.trim()).ok()?.as_str().to_owned();
    let kind = record_kind(wire.kind.as_deref().unwrap_or("CNAME"));
    let value = wire.value?;
    let value = if kind == "CNAME" {
        DomainName::parse(value.trim()).ok()?.as_str().to_owned()
    } else {
        record_data(&kind, &value)
    };
    Some(ValidationRecord { name, kind, value })
}

fn record_kind(kind: &str) -> String {
    shorten(&printable(kind.trim()), 20).to_ascii_uppercase()
}

/// Targets are compared lower-case and without the dot (contract A.12); other data as it is.
fn record_data(kind: &str, data: &str) -> String {
    if kind == "CNAME" { normal_host(data) } else { printable(data) }
}

/// A host name from outside: its spelling differs between sources (contract A.7).
pub fn normal_host(name: &str) -> String {
    let name = name.trim();
    printable(name.strip_suffix('.').unwrap_or(name)).to_lowercase()
}

fn word(text: String) -> String {
    shorten(&printable(text.trim()), 60).to_lowercase()
}

fn prose(text: String) -> String {
    shorten(&printable(text.trim()), TEXT_LIMIT)
}

/// A time, or nothing; servers also write "no time" as the beginning of the calendar.
fn time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok().filter(|time: &Timestamp| *time > Timestamp::UNIX_EPOCH)
}

/// True for a link that may be shown to a person to be opened.
fn is_safe_link(text: &str) -> bool {
    // The parser would silently drop line breaks, and a terminal obeys control characters.
    if text.len() > URL_LIMIT || printable(text) != text || text.contains(char::is_whitespace) {
        return false;
    }
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    let anonymous = url.username().is_empty() && url.password().is_none();
    let secure = match url.scheme() {
        "https" => true,
        "http" => crate::api::http::is_loopback(&url),
        _ => false,
    };
    anonymous && secure
}
