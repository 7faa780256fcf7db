//! The certificate resource as JSON (contract A.6, A.7, A.9).
//!
//! It borrows from the world: a list may hold thousands of them.

use serde::{Serialize, Serializer};

use super::organization_id::{OrganizationId, Place};

use crate::sandbox::world::{
    Behaviour, Dcv, DnsNames, Order, RevocationScope, Stage, Submission, TrailingDots,
    ValidationReuse, World,
};
use crate::types::{DomainName, Timestamp};

/// The resource. Fields that may be absent on the wire are left out, the others may be null.
#[derive(Debug, Serialize)]
pub(super) struct CertificateBody<'world> {
    id: &'world str,
    status: &'world str,
    order_state: &'world str,
    common_name: &'world str,
    dns_names: DomainNames<'world>,
    product: &'world str,
    provider: &'static str,
    action_required: bool,
    pending_reason: Option<&'world str>,
    pending_message: Option<&'static str>,
    completion_url: Option<String>,
    organization_id: Option<OrganizationId<'world>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationReference<'world>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation<'world>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reissue: Option<ReissueBody<'world>>,
    validity_days: u16,
    renewal_bonus_days: Option<u16>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    contract_valid_from: Option<Timestamp>,
    contract_valid_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<&'world str>,
    last_status_check: Option<Timestamp>,
    certificate_pem_available: bool,
    renewal_supported: bool,
    reissue_supported: bool,
    order_cancellable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_cancellation_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_cancellable_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_pending_scope: Option<&'static str>,
}

/// Names as an array of texts, without a copy of each.
#[derive(Debug)]
struct DomainNames<'world> {
    order: &'world Order,
    shown: DnsNames,
}

impl Serialize for DomainNames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (common_name, ordered) = (&self.order.common_name, &self.order.dns_names);
        let others = ordered.iter().filter(|name| **name != *common_name);
        match self.shown {
            DnsNames::AsOrdered => serializer.collect_seq(ordered.iter().map(DomainName::as_str)),
            DnsNames::WithCommonName => serializer
                .collect_seq(std::iter::once(common_name).chain(others).map(DomainName::as_str)),
            DnsNames::WithoutCommonName => serializer.collect_seq(others.map(DomainName::as_str)),
        }
    }
}

/// The short form, where the name is called `name` (contract A.3).
#[derive(Debug, Serialize)]
struct OrganizationReference<'world> {
    id: OrganizationId<'world>,
    name: &'world str,
    status: &'static str,
    usable_for_ordering: bool,
}

#[derive(Debug, Serialize)]
struct ReissueBody<'world> {
    id: u32,
    status: &'static str,
    common_name: &'world str,
    dns_names: DomainNames<'world>,
    order_state: &'static str,
    requested_at: Timestamp,
    last_updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation<'world>>,
}

#[derive(Debug, Serialize)]
struct Validation<'world> {
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_records: Option<Vec<ValidationRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_targets: Option<&'world [String]>,
}

/// The data is called `value` here and `data` in the DNS API (contract A.7).
#[derive(Debug, Serialize)]
struct ValidationRecord {
    name: String,
    r#type: &'static str,
    value: String,
}

impl<'world> CertificateBody<'world> {
    /// The resource as it is at `now`.
    pub(super) fn of(
        order: &'world Order,
        world: &'world World,
        base_url: &str,
        now: Timestamp,
    ) -> Self {
        let rules = &world.rules;
        let stage = order.stage(now);
        let is_staged = stage == Stage::Staged;
        let behaviour = &rules.behaviour;
        let lingers = behaviour.stale_hints && !is_staged;
        let (pending_reason, pending_message) = pending(stage, lingers);
        let is_open = matches!(stage, Stage::Submitted | Stage::Validating | Stage::Vetting);
        let pending_reason = match &behaviour.pending_reason {
            Some(reason) if is_open || is_staged => Some(reason.as_str()),
            _ => pending_reason,
        };
        let order_state = match &behaviour.pending_state {
            Some(state) if is_open => state,
            _ => order.order_state(now, &rules.timing),
        };
        let issued = order.issued.as_ref();
        let first_from = issued.map(|issued| issued.valid_from);
        let cancellable = order.cancellable(now);
        let revocation = order.revocation;
        let scope = |done: bool| {
            revocation.filter(|one| one.done_at.is_some() == done).map(|one| match one.scope {
                RevocationScope::Certificate => "certificate",
                RevocationScope::Order => "order",
            })
        };
        let shown = matches!(stage, Stage::Validating | Stage::Vetting)
            || (lingers && stage == Stage::Issued);
        let shown = shown && order.looks >= behaviour.validation_after_looks;
        Self {
            id: &order.id,
            status: match stage {
                Stage::Revoked(_) => &behaviour.revoked_status,
                _ => stage.status(),
            },
            order_state,
            common_name: order.common_name.as_str(),
            dns_names: DomainNames { order, shown: behaviour.dns_names },
            product: &order.sku,
            provider: "digicert",
            action_required: is_staged,
            pending_reason: pending_reason.filter(|_| behaviour.reasons),
            pending_message: pending_message.filter(|_| behaviour.reasons),
            completion_url: (is_staged || (lingers && order.organization_id.is_some()))
                .then(|| format!("{base_url}/my/certs/{}/complete", order.id)),
            organization_id: order
                .organization_id
                .as_deref()
                .and_then(|id| world.organization(id))
                .map(|one| OrganizationId::of(one, behaviour, Place::Certificate)),
            organization: organization(order, world, now),
            validation: order
                .submission
                .as_ref()
                .filter(|_| shown)
                .and_then(|submission| validation(submission, &order.dcv, world)),
            reissue: reissue(order, world, now),
            validity_days: order.validity_days,
            renewal_bonus_days: order.renewal_bonus_days,
            valid_from: first_from,
            valid_until: issued.map(|issued| issued.valid_until),
            contract_valid_from: order.contract.map(|contract| contract.from).or(first_from),
            contract_valid_until: order.contract_until(),
            serial_number: issued
                .filter(|_| behaviour.serial_numbers)
                .map(|issued| issued.serial_number.as_str()),
            last_status_check: order.last_status_check(now),
            certificate_pem_available: issued.is_some()
                && !(behaviour.honest_downloads && world.refuses_download(order, now)),
            renewal_supported: world.can_be_renewed(order, now),
            reissue_supported: order.can_be_reissued(now),
            order_cancellable: cancellable.is_some(),
            order_cancellation_mode: cancellable.map(|cancellable| cancellable.mode),
            order_cancellable_until: cancellable.and_then(|cancellable| cancellable.until),
            revocation_scope: scope(true),
            revocation_pending_scope: scope(false),
        }
    }
}

impl CertificateBody<'_> {
    /// As a list without details shows it (contract E.1).
    pub(super) fn without_details(self) -> Self {
        Self { organization: None, validation: None, reissue: None, ..self }
    }
}

fn pending(stage: Stage, lingers: bool) -> (Option<&'static str>, Option<&'static str>) {
    match stage {
        Stage::Staged => {
            (Some("organization_required"), Some("Select an organization to complete this order."))
        }
        Stage::Submitted | Stage::Validating => {
            (Some("validation_pending"), Some("Domain control validation is pending."))
        }
        Stage::Vetting => (None, Some("The certificate authority checks the organization.")),
        Stage::Issued if lingers => {
            (Some("validation_pending"), Some("Domain control validation is pending."))
        }
        Stage::Issued | Stage::Expired | Stage::Revoked(_) | Stage::Ended(_) => (None, None),
    }
}

fn organization<'world>(
    order: &Order,
    world: &'world World,
    now: Timestamp,
) -> Option<OrganizationReference<'world>> {
    let organization = world.organization(order.organization_id.as_deref()?)?;
    let timing = &world.rules.timing;
    let usable = organization.is_usable(now, timing);
    Some(OrganizationReference {
        id: OrganizationId::of(organization, &world.rules.behaviour, Place::Certificate),
        name: &organization.details.organization,
        // The word differs from the organization's own status (contract A.3).
        status: if usable { "validated" } else { organization.status(now, timing) },
        usable_for_ordering: usable,
    })
}

fn reissue<'world>(
    order: &'world Order,
    world: &World,
    now: Timestamp,
) -> Option<ReissueBody<'world>> {
    let reissue = order.reissue.as_ref()?;
    let (status, order_state) = reissue.state(now);
    Some(ReissueBody {
        id: reissue.id,
        status,
        common_name: order.common_name.as_str(),
        dns_names: DomainNames { order, shown: world.rules.behaviour.dns_names },
        order_state,
        requested_at: reissue.requested_at,
        last_updated_at: reissue.last_updated_at(),
        validation: match reissue.end {
            None => validation(&reissue.submission, &reissue.dcv, world),
            Some(_) => None,
        },
    })
}

/// What must be put where; nothing when an earlier validation still counts (contract A.7).
fn validation<'world>(
    submission: &Submission,
    dcv: &'world Dcv,
    world: &World,
) -> Option<Validation<'world>> {
    let behaviour = &world.rules.behaviour;
    let wanted = || submission.tokens.iter().filter(|token| !token.reused);
    if wanted().next().is_none() && behaviour.reuse == ValidationReuse::Absent {
        return None;
    }
    let (name_dot, value_dot) = match behaviour.dots {
        TrailingDots::Value => ("", "."),
        TrailingDots::Both => (".", "."),
        TrailingDots::Neither => ("", ""),
    };
    Some(match dcv {
        Dcv::Email(addresses) => {
            Validation { method: "email", dns_records: None, email_targets: Some(addresses) }
        }
        Dcv::DnsCnameToken => {
            let records = wanted().map(|token| ValidationRecord {
                name: cased(format!("{}{name_dot}", token.record_name()), behaviour),
                r#type: "CNAME",
                value: cased(format!("{}{value_dot}", token.record_value()), behaviour),
            });
            Validation {
                method: "dns-cname-token",
                dns_records: Some(records.collect()),
                email_targets: None,
            }
        }
    })
}

/// The text as it is, or with every other letter a capital (contract D.9).
fn cased(text: String, behaviour: &Behaviour) -> String {
    if !behaviour.mixed_case {
        return text;
    }
    let letter = |(place, letter): (usize, char)| match place % 2 {
        0 => letter.to_ascii_uppercase(),
        _ => letter,
    };
    text.chars().enumerate().map(letter).collect()
}
