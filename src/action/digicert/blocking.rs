//! What of its validation keeps an order from being issued, in words. Pure.
//!
//! Only what DigiCert says is done counts as done: a word that is not known blocks, and so does
//! what is missing. The opposite would call an order approved that is not.

use crate::api::digicert::{DnsNameValidation, OrderValidation, OrganizationValidation};

/// Something that blocks an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocking {
    /// What it is, for people.
    pub(super) words: String,
    /// Waiting alone will not help.
    pub(super) needs_a_person: bool,
    /// The order has come to its end.
    pub(super) ended: bool,
}

impl Blocking {
    fn waits(words: String) -> Self {
        Self { words, needs_a_person: false, ended: false }
    }

    fn for_a_person(words: String) -> Self {
        Self { needs_a_person: true, ..Self::waits(words) }
    }
}

/// Everything that blocks: the order itself, its organization, its domains, their risk.
pub(super) fn blocking(validation: &OrderValidation) -> Vec<Blocking> {
    let status = validation.order_status.as_deref();
    // Whatever the lists say, there is a certificate (contract B.5).
    if status == Some("issued") {
        return Vec::new();
    }
    let mut blocking: Vec<Blocking> = status.and_then(order).into_iter().collect();
    blocking.extend(organization(validation));
    blocking.extend(domains(validation));
    blocking
}

/// What the order's own status blocks. `pending` and its like are on their way by themselves, and
/// an unknown word says nothing against an order whose checks are all done.
fn order(status: &str) -> Option<Blocking> {
    match status {
        "rejected" | "denied" | "canceled" | "cancelled" | "revoked" | "expired" => {
            let words = format!("the order has come to its end ({status})");
            Some(Blocking { ended: true, ..Blocking::waits(words) })
        }
        "needs_approval" => Some(Blocking::for_a_person(
            "the order waits for approval in its CertCentral account".to_owned(),
        )),
        "needs_csr" => Some(Blocking::for_a_person(
            "the order has no certificate request (CSR) yet".to_owned(),
        )),
        _ => None,
    }
}

fn organization(validation: &OrderValidation) -> Vec<Blocking> {
    let name = validation.organization_name.as_deref().or(validation.organization_id.as_deref());
    let checks = &validation.organization_validations;
    match name {
        Some(name) if checks.is_empty() => {
            vec![Blocking::waits(format!("organization {name}: no check of it is shown"))]
        }
        _ => checks.iter().filter_map(|check| organization_check(name, check)).collect(),
    }
}

/// One check of the organization, with those of its parts that are not done.
fn organization_check(name: Option<&str>, check: &OrganizationValidation) -> Option<Blocking> {
    if check.status.as_deref() == Some("active") {
        return None;
    }
    let open = |state: Option<&str>| !matches!(state, Some("complete" | "active"));
    let details = check.verification_details.iter();
    let mut parts: Vec<String> = details
        .filter(|(_, state)| open(Some(state)))
        .map(|(member, state)| part(member, state))
        .collect();
    let contacts = check.verified_contacts.iter();
    parts.extend(contacts.filter(|contact| open(contact.status.as_deref())).map(|contact| {
        let who = contact.name.as_deref().or(contact.last_name.as_deref());
        format!("contact {}", who.unwrap_or("without a name"))
    }));
    let kind = check.name.as_deref().or(check.kind.as_deref()).unwrap_or("unnamed");
    let status = check.status.as_deref().unwrap_or("of unknown status");
    let of = name.map(|name| format!("organization {name}, ")).unwrap_or_default();
    let what = match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    };
    Some(Blocking::waits(format!("{of}check {kind} is {status}{what}")))
}

/// A part of a check, in words and with the API's own name for it (contract B.1).
fn part(member: &str, state: &str) -> String {
    let words = match member {
        "organization_type" => "kind of organization",
        "organization_status" => "registration",
        "address_verification" => "address",
        "blacklist_fraud" | "blacklist_fraud_malware" => "fraud lists",
        "request_authenticity" => "call to confirm the request",
        "operational_existence" => "business operation",
        "place_of_business_verification" => "place of business",
        "phone_number_verification" => "phone number",
        "approver_verification" => "approver",
        "approver_blacklist" => "fraud lists for the approver",
        "logo_trademark" => "trademark of the logo",
        _ => return format!("`{member}` is {state}"),
    };
    let state = if state == "pending" { String::new() } else { format!(" is {state}") };
    format!("{words} (`{member}`){state}")
}

fn domains(validation: &OrderValidation) -> Vec<Blocking> {
    let entries = &validation.dns_name_validations;
    if entries.is_empty() {
        return vec![Blocking::waits("no domain of the order is shown".to_owned())];
    }
    let proofs = entries.iter().filter_map(|entry| proof(entry, validation));
    proofs.chain(entries.iter().filter_map(risk)).collect()
}

/// A domain that is not proved: by which method at which name it is to be.
fn proof(entry: &DnsNameValidation, validation: &OrderValidation) -> Option<Blocking> {
    if entry.status.as_deref() == Some("approved") {
        return None;
    }
    let status = entry.status.as_deref().unwrap_or("of unknown status");
    let mut words = format!("domain {} is {status}", domain(entry));
    // Only what differs from the order stands at the domain (contract B.1).
    let method = entry.method.as_deref().or(validation.order_dcv_method.as_deref());
    if let Some(method) = method {
        words.push_str(&format!(", to be proved by {method}"));
        match (&entry.name_scope, validation.order_name_scope.as_deref(), &entry.base_domain) {
            (Some(name), _, _) | (None, Some("base_domain"), Some(name)) => {
                words.push_str(&format!(" at {name}"));
            }
            (None, Some("fqdn"), _) => words.push_str(" at each of its names"),
            (None, Some(scope), _) => words.push_str(&format!(" (scope {scope})")),
            (None, None, _) => {}
        }
    }
    Some(Blocking::waits(words))
}

/// A domain with a risk: DigiCert looks at it, or it takes a talk with them.
fn risk(entry: &DnsNameValidation) -> Option<Blocking> {
    let domain = domain(entry);
    match entry.risk_status.as_deref()? {
        "pass" => None,
        "under_review" => {
            Some(Blocking::waits(format!("risk check of {domain} is under review at DigiCert")))
        }
        "failed" => Some(Blocking::for_a_person(format!(
            "risk check of {domain} failed, which only DigiCert's support can lift"
        ))),
        other => Some(Blocking::waits(format!("risk check of {domain} is {other}"))),
    }
}

/// What an entry is about: its base domain, or its names.
fn domain(entry: &DnsNameValidation) -> String {
    match (&entry.base_domain, entry.dns_names.as_slice()) {
        (Some(base), [only]) if only != base => format!("{base} (for {only})"),
        (Some(base), _) => base.clone(),
        (None, [first, .., _]) => format!("{first} and others"),
        (None, [only]) => only.clone(),
        (None, []) => "without a name".to_owned(),
    }
}
