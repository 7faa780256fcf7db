//! The validation status of an order: what is proved, what is checked, what is missing
//! (contract B.1).

use serde_json::{Map, Value, json};

use super::{order_status, with_offset};
use crate::sandbox::world::{
    Check, Dcv, Order, Organization, Risk, Submission, Token, World, stable_number,
};
use crate::types::Timestamp;

/// The whole answer.
pub(super) fn body(order: &Order, world: &World, now: Timestamp, with_risk: bool) -> Value {
    // A reissue in progress is what the CA validates now.
    let open = order.open_submission();
    let first = order.submission.as_ref().map(|submission| (submission, &order.dcv));
    let Some((submission, dcv)) = open.or(first) else { return json!({}) };
    let is_ov = order.submission.as_ref().is_some_and(|submission| submission.vetted);
    let method = match dcv {
        Dcv::DnsCnameToken => "dns-cname-token",
        Dcv::Email(_) => "email",
    };
    let mut body = json!({
        "order_id": order.provider_order.unwrap_or_default().to_string(),
        "order_status": order_status(order, now),
        "order_name_scope": "base_domain",
        "order_dcv_method": method,
    });
    if is_ov && let Some(organization) = bound(order, world) {
        let first = order.submission.as_ref().unwrap_or(submission);
        body["organization_id"] = stable_number(&organization.id).to_string().into();
        body["organization_name"] = organization.details.organization.clone().into();
        body["organization_validations"] =
            json!([organization_validation(organization, first, world, now)]);
    }
    let names = submission.tokens.iter().map(|token| {
        let names = names_of(order, token, world);
        name_validation(token, &names, submission.risk, method, is_ov, with_risk)
    });
    body["dns_name_validations"] = names.collect();
    body
}

pub(super) fn bound<'world>(order: &Order, world: &'world World) -> Option<&'world Organization> {
    world.organization(order.organization_id.as_deref()?)
}

/// One entry: the checks are done one after the other, and with the last it becomes active.
fn organization_validation(
    organization: &Organization,
    submission: &Submission,
    world: &World,
    now: Timestamp,
) -> Value {
    let timing = &world.rules.timing;
    let mut details = Map::new();
    for check in Check::ALL {
        let done_at = submission.checked_at(check, timing.vetting);
        let state = if done_at.is_some_and(|at| at <= now) { "complete" } else { "pending" };
        details.insert(member(check).to_owned(), state.into());
    }
    let vetted_at = submission.vetted_at(timing.vetting).filter(|at| *at <= now);
    let status = if vetted_at.is_some() { "active" } else { "pending" };
    let contact = details["request_authenticity"] == "complete";
    let person = &organization.details;
    let mut validation = json!({
        "type": "ov",
        "name": "OV",
        "description": "Normal Organization Validation",
        // The documented pending example has this date, too.
        "date_created": with_offset(vetted_at.unwrap_or(submission.at)),
        "status": status,
        "verified_contacts": [{
            "user_id": "0",
            "name": format!("{} {}", person.first_name, person.last_name),
            "first_name": person.first_name,
            "last_name": person.last_name,
            "job_title": "Certificate Manager",
            "telephone": person.phone,
            "email": person.email,
            "status": if contact { "active" } else { "pending" },
        }],
        "verification_details": details,
    });
    if let Some(end) = vetted_at.and_then(|at| at.checked_add(timing.organization_lifetime).ok()) {
        validation["validated_until"] = with_offset(end).into();
    }
    validation
}

fn member(check: Check) -> &'static str {
    match check {
        Check::OrganizationType => "organization_type",
        Check::OrganizationStatus => "organization_status",
        Check::AddressVerification => "address_verification",
        Check::BlacklistFraud => "blacklist_fraud",
        Check::RequestAuthenticity => "request_authenticity",
    }
}

fn name_validation(
    token: &Token,
    names: &[&str],
    risk: Risk,
    method: &str,
    is_ov: bool,
    with_risk: bool,
) -> Value {
    let approved = token.proved_at.is_some();
    let mut entry = json!({
        "status": if approved { "approved" } else { "unapproved" },
        "dns_names": names,
        "base_domain": token.base_domain,
    });
    if is_ov {
        entry["domain_id"] = stable_number(&token.base_domain).to_string().into();
    } else if !approved {
        // OV names them only where a domain differs from its order, which is never here.
        entry["method"] = method.into();
        entry["name_scope"] = token.base_domain.clone().into();
    }
    // DV orders show it always.
    if with_risk || !is_ov {
        entry["risk_status"] = match risk {
            Risk::Pass => "pass",
            Risk::UnderReview => "under_review",
            Risk::Failed => "failed",
        }
        .into();
    }
    entry
}

fn names_of<'order>(order: &'order Order, token: &Token, world: &World) -> Vec<&'order str> {
    let zones = &world.rules.zones;
    let names = order.names().into_iter();
    names
        .filter(|name| zones.base_domain(name.without_wildcard()) == token.base_domain)
        .map(|name| name.as_str())
        .collect()
}
