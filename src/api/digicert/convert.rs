//! From DigiCert's words to ours: texts made printable and bounded, words in lower case. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{DnsNameValidation, OrderValidation, OrganizationValidation, VerifiedContact};
use super::wire::{
    WireContact, WireNameValidation, WireOrderValidation, WireOrganizationValidation,
};
use crate::types::{DigicertOrderId, printable, shorten};

/// How much of a text for people is kept.
const TEXT_LIMIT: usize = 400;

/// More than any order has (250 names), and few enough to be kept with every look.
const MOST_NAMES: usize = 1000;

/// More checks, contacts and parts of a check than there are.
const MOST_CHECKS: usize = 50;

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("neither `order_status` nor `dns_name_validations` is in it")]
    Empty,
    #[error("it is about order `{found}`")]
    OtherOrder { found: String },
    #[error("`{field}` has {found} entries, more than {most}")]
    TooMany { field: &'static str, found: usize, most: usize },
}

/// What an answer says about the order that was asked for.
///
/// Fails when it is about another order, when it says nothing, and when it is longer than any real
/// one: what was left out could be what is not approved.
pub(super) fn order_validation(
    order: &DigicertOrderId,
    wire: WireOrderValidation,
) -> Result<OrderValidation, AnswerError> {
    if let Some(found) = wire.order_id.filter(|found| found.trim() != order.as_str()) {
        return Err(AnswerError::OtherOrder { found: shorten(&printable(&found), 60) });
    }
    if wire.order_status.is_none() && wire.dns_name_validations.is_empty() {
        return Err(AnswerError::Empty);
    }
    let (checks, names) = (wire.organization_validations, wire.dns_name_validations);
    at_most("organization_validations", checks.len(), MOST_CHECKS)?;
    at_most("dns_name_validations", names.len(), MOST_NAMES)?;
    Ok(OrderValidation {
        order_id: order.clone(),
        order_status: wire.order_status.map(word),
        order_name_scope: wire.order_name_scope.map(word),
        order_dcv_method: wire.order_dcv_method.map(word),
        organization_id: wire.organization_id.map(prose),
        organization_name: wire.organization_name.map(prose),
        organization_validations: checks.into_iter().map(organization_validation).collect(),
        dns_name_validations: names.into_iter().map(name_validation).collect(),
    })
}

fn at_most(field: &'static str, found: usize, most: usize) -> Result<(), AnswerError> {
    if found > most { Err(AnswerError::TooMany { field, found, most }) } else { Ok(()) }
}

fn organization_validation(wire: WireOrganizationValidation) -> OrganizationValidation {
    OrganizationValidation {
        kind: wire.kind.map(word),
        name: wire.name.map(prose),
        description: wire.description.map(prose),
        date_created: wire.date_created.map(prose),
        validated_until: wire.validated_until.map(prose),
        status: wire.status.map(word),
        verified_contacts: wire
            .verified_contacts
            .into_iter()
            .take(MOST_CHECKS)
            .map(contact)
            .collect(),
        verification_details: details(wire.verification_details.unwrap_or_default()),
    }
}

/// The parts of a check; what is no word is left out, it is neither `pending` nor `complete`.
fn details(wire: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let words = wire.into_iter().filter_map(|(member, state)| {
        let state = state.as_str()?.to_owned();
        Some((shorten(&printable(member.trim()), 60), word(state)))
    });
    words.take(MOST_CHECKS).collect()
}

fn contact(wire: WireContact) -> VerifiedContact {
    VerifiedContact {
        user_id: wire.user_id.map(prose),
        name: wire.name.map(prose),
        first_name: wire.first_name.map(prose),
        last_name: wire.last_name.map(prose),
        job_title: wire.job_title.map(prose),
        telephone: wire.telephone.map(prose),
        email: wire.email.map(prose),
        status: wire.status.map(word),
    }
}

fn name_validation(wire: WireNameValidation) -> DnsNameValidation {
    DnsNameValidation {
        domain_id: wire.domain_id.map(prose),
        status: wire.status.map(word),
        risk_status: wire.risk_status.map(word),
        method: wire.method.map(word),
        name_scope: wire.name_scope.map(prose),
        dns_names: wire.dns_names.into_iter().take(MOST_NAMES).map(prose).collect(),
        base_domain: wire.base_domain.map(prose),
    }
}

fn word(text: String) -> String {
    shorten(&printable(text.trim()), 60).to_lowercase()
}

fn prose(text: String) -> String {
    shorten(&printable(text.trim()), TEXT_LIMIT)
}
