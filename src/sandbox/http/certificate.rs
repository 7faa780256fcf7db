//! The certificate resource as JSON (contract A.6, A.7).

use serde::Serialize;

use crate::sandbox::world::{Dcv, Order, Stage, World};
use crate::types::Timestamp;

/// The resource. Fields that may be absent on the wire are left out, the others may be null.
#[derive(Debug, Serialize)]
pub(super) struct CertificateBody {
    id: String,
    status: &'static str,
    order_state: &'static str,
    common_name: String,
    dns_names: Vec<String>,
    product: String,
    provider: &'static str,
    action_required: bool,
    pending_reason: Option<&'static str>,
    pending_message: Option<&'static str>,
    completion_url: Option<String>,
    organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation>,
    validity_days: u16,
    renewal_bonus_days: Option<u16>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    contract_valid_from: Option<Timestamp>,
    contract_valid_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    last_status_check: Option<Timestamp>,
    certificate_pem_available: bool,
    renewal_supported: bool,
    reissue_supported: bool,
}

/// The short form, where the name is called `name` (contract A.3).
#[derive(Debug, Serialize)]
struct OrganizationReference {
    id: String,
    name: String,
    status: &'static str,
    usable_for_ordering: bool,
}

#[derive(Debug, Serialize)]
struct Validation {
    method: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns_records: Vec<ValidationRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_targets: Vec<String>,
}

/// The data is called `value` here and `data` in the DNS API (contract A.7).
#[derive(Debug, Serialize)]
struct ValidationRecord {
    name: String,
    r#type: &'static str,
    value: String,
}

impl CertificateBody {
    /// The resource as it is at `now`.
    pub(super) fn of(order: &Order, world: &World, base_url: &str, now: Timestamp) -> Self {
        let stage = order.stage(now);
        let is_staged = stage == Stage::Staged;
        let (pending_reason, pending_message) = pending(stage);
        let issued = order.issued.as_ref();
        let submission = order.submission.as_ref();
        Self {
            id: order.id.clone(),
            status: stage.status(),
            order_state: order.order_state(now, &world.rules.timing),
            common_name: order.common_name.to_string(),
            dns_names: order.dns_names.iter().map(ToString::to_string).collect(),
            product: order.sku.clone(),
            provider: "digicert",
            action_required: is_staged,
            pending_reason,
            pending_message,
            completion_url: is_staged.then(|| format!("{base_url}/my/certs/{}/complete", order.id)),
            organization_id: order.organization_id.clone(),
            organization: organization(order, world),
            validation: validation(order, stage),
            validity_days: order.validity_days,
            renewal_bonus_days: None,
            valid_from: issued.map(|issued| issued.valid_from),
            valid_until: issued.map(|issued| issued.valid_until),
            contract_valid_from: issued.map(|issued| issued.valid_from),
            contract_valid_until: issued.map(|issued| issued.valid_until),
            serial_number: issued.map(|issued| issued.serial_number.clone()),
            last_status_check: submission
                .map(|submission| submission.looked_at.unwrap_or(submission.at))
                .map(whole_second),
            certificate_pem_available: issued.is_some(),
            renewal_supported: matches!(stage, Stage::Issued | Stage::Expired),
            reissue_supported: stage == Stage::Issued,
        }
    }
}

fn pending(stage: Stage) -> (Option<&'static str>, Option<&'static str>) {
    match stage {
        Stage::Staged => {
            (Some("organization_required"), Some("Select an organization to complete this order."))
        }
        Stage::Submitted | Stage::Validating => {
            (Some("validation_pending"), Some("Domain control validation is pending."))
        }
        Stage::Vetting => (None, Some("The certificate authority checks the organization.")),
        Stage::Issued | Stage::Expired | Stage::Ended(_) => (None, None),
    }
}

fn organization(order: &Order, world: &World) -> Option<OrganizationReference> {
    let organization = world.organization(order.organization_id.as_deref()?)?;
    Some(OrganizationReference {
        id: organization.id.clone(),
        name: organization.details.organization.clone(),
        // The word differs from the organization's own status (contract A.3).
        status: if organization.usable { "validated" } else { organization.status() },
        usable_for_ordering: organization.usable,
    })
}

/// Shown while it is wanted: from the validation's beginning until the order is issued or ended.
fn validation(order: &Order, stage: Stage) -> Option<Validation> {
    let submission = order.submission.as_ref()?;
    if !matches!(stage, Stage::Validating | Stage::Vetting) {
        return None;
    }
    Some(match &order.dcv {
        Dcv::Email(addresses) => Validation {
            method: "email",
            dns_records: Vec::new(),
            email_targets: addresses.clone(),
        },
        Dcv::DnsCnameToken => Validation {
            method: "dns-cname-token",
            dns_records: submission
                .tokens
                .iter()
                .map(|token| ValidationRecord {
                    name: token.record_name(),
                    r#type: "CNAME",
                    value: token.record_value(),
                })
                .collect(),
            email_targets: Vec::new(),
        },
    })
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
