//! From the API's words to ours: ids are checked, names and times normalised, texts made printable.
//!
//! Pure. Something that is needed and missing is an error that names the field; something optional
//! that cannot be read counts as absent.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{
    Certificate, CertificateStatus, DnsRecord, NewRecord, OrderRequest, Organization, Product,
    Reissue, ReissuePhase, ReissueRequest, Validation, ValidationRecord, ZoneName,
};
use super::wire::{
    WireCertificate, WireNewRecord, WireOrder, WireOrganization, WireProduct, WireRecord,
    WireReissueRequest, WireValidation, WireValidationRecord, WireZone,
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
            address: wire.address.map(prose),
            postal_code: wire.postal_code.map(prose),
            city: wire.city.map(prose),
            country_code: wire.country_code.map(|code| prose(code).to_uppercase()),
        })
    }
}

impl FromWire for Certificate {
    type Wire = WireCertificate;
    const WHAT: &'static str = "certificate";

    fn from_wire(mut wire: WireCertificate) -> Result<Self, FieldError> {
        let id = wire.id.ok_or(FieldError::Missing { field: "id" })?;
        let bound = wire.organization_id.or_else(|| wire.organization?.id);
        let reissue_validation = wire.reissue.as_mut().and_then(|it| it.validation.take());
        let reissue = wire.reissue.map(|wire| Reissue {
            id: wire.id.map(prose),
            status: word(wire.status.unwrap_or_else(|| "unknown".to_owned())),
            requested_at: wire.requested_at.and_then(|text| time(&text)),
        });
        let over = |reissue: &Reissue| reissue.phase() != ReissuePhase::Running;
        let reissue_validation = reissue_validation.filter(|_| !reissue.as_ref().is_some_and(over));
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
            validation: validation(wire.validation, reissue_validation),
            reissue,
            validity_days: wire.validity_days.and_then(|days| u32::try_from(days).ok()),
            valid_from: wire.valid_from.and_then(|text| time(&text)),
            valid_until: wire.valid_until.and_then(|text| time(&text)),
            renewal_bonus_days: wire.renewal_bonus_days.and_then(|days| u32::try_from(days).ok()),
            contract_valid_from: wire.contract_valid_from.and_then(|text| time(&text)),
            contract_valid_until: wire.contract_valid_until.and_then(|text| time(&text)),
            serial_number: wire.serial_number.map(prose),
            pem_available: wire.certificate_pem_available.unwrap_or(false),
            renewal_supported: wire.renewal_supported,
            reissue_supported: wire.reissue_supported,
            revocation_scope: wire.revocation_scope.map(word),
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

impl FromWire for ZoneName {
    type Wire = WireZone;
    const WHAT: &'static str = "zone";

    fn from_wire(wire: WireZone) -> Result<Self, FieldError> {
        let name = wire.domain.ok_or(FieldError::Missing { field: "domain" })?;
        Ok(Self { name: normal_host(&name), active: wire.active })
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

/// The reissue as it is sent; the main name is not repeated among the others (contract A.8).
pub(super) fn wire_reissue(wanted: &ReissueRequest) -> WireReissueRequest<'_> {
    let common_name = wanted.common_name.as_ref().map(DomainName::as_str);
    WireReissueRequest {
        csr: &wanted.csr,
        dcv_method: wanted.dcv_method.as_str(),
        common_name,
        dns_names: wanted.dns_names.as_ref().map(|names| {
            let names = names.iter().map(DomainName::as_str);
            names.filter(|name| Some(*name) != common_name).collect()
        }),
        comments: wanted.comments.as_deref(),
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

/// Records can stand in either place, or in both at once (contract A.15). A name bears one CNAME
/// only: where a reissue wants another one than the order did, the order's has had its time.
fn validation(order: Option<WireValidation>, reissue: Option<WireValidation>) -> Validation {
    let [order, reissue] = [order, reissue].map(|wire| wire.map(one_validation));
    let (mut union, reissue) = match (order, reissue) {
        (Some(order), Some(reissue)) => (order, reissue),
        (one, other) => return one.or(other).unwrap_or_default(),
    };
    union.method = reissue.method.or(union.method);
    let former = std::mem::take(&mut union.records);
    let is_new = |record: &&ValidationRecord| !former.contains(record);
    let replaced: Vec<&ValidationRecord> = reissue.records.iter().filter(is_new).collect();
    for record in former.iter().chain(&reissue.records) {
        let has_had_its_time = former.contains(record)
            && replaced.iter().any(|new| new.name == record.name && new.kind == record.kind);
        if !has_had_its_time && !union.records.contains(record) {
            union.records.push(record.clone());
        }
    }
    for target in reissue.email_targets {
        if !union.email_targets.contains(&target) {
            union.email_targets.push(target);
        }
    }
    union
}

fn one_validation(wire: WireValidation) -> Validation {
    let mut one = Validation { method: wire.method.map(word), ..Validation::default() };
    let records = match wire.dns_records {
        Value::Array(records) => records,
        _ => Vec::new(),
    };
    for record in records.into_iter().filter_map(validation_record) {
        if !one.records.contains(&record) {
            one.records.push(record);
        }
    }
    for target in wire.email_targets.into_iter().map(prose) {
        if !one.email_targets.contains(&target) {
            one.email_targets.push(target);
        }
    }
    one
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
