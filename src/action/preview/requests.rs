//! From an action and its parameters to the requests that it sends.

use serde_json::{Map, Value, json};

use super::{PartlyKnown, plain, shown, text};
use crate::action::regfish::records::OWNERSHIP_MARK;
use crate::api::http::{Method, Request};
use crate::plan::{Partly, placeholder};

/// A request that a step sends when it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRequest {
    /// The method.
    pub method: Method,
    /// The path below the base URL; unknown parts are placeholders.
    pub path: String,
    /// The body, with placeholders.
    pub body: Option<Value>,
    /// How often it is sent at least when all goes well.
    pub at_least: u32,
    /// When and what for, in a few words.
    pub note: String,
}

impl PlannedRequest {
    fn get(path: String, note: impl Into<String>) -> Self {
        Self { method: Method::Get, path, body: None, at_least: 1, note: note.into() }
    }

    fn post(path: String, body: Value, note: impl Into<String>) -> Self {
        Self { method: Method::Post, body: Some(body), ..Self::get(path, note) }
    }

    fn perhaps(self) -> Self {
        Self { at_least: 0, ..self }
    }
}

/// The requests of one attempt of a step, in order. A step that waits repeats them.
pub fn requests(uses: &str, parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    match uses {
        "regfish.list_products" => list_products(parameters),
        "regfish.resolve_organization" => resolve_organization(parameters),
        "regfish.create_order" => create_order(parameters),
        "regfish.complete_order" => complete_order(parameters),
        "regfish.wait_dns_records" => vec![PlannedRequest::get(
            certificate(parameters, &[]),
            "until the order says which DNS records prove its names",
        )],
        "regfish.put_records" => put_records(parameters),
        "regfish.delete_records" => delete_records(),
        "regfish.find_certificate" => find_certificate(parameters),
        "regfish.advise_renewal" => {
            vec![PlannedRequest::get(certificate(parameters, &[]), "what it says of its end")]
        }
        "regfish.reissue" => reissue(parameters),
        "regfish.wait_issued" => wait_issued(parameters),
        "regfish.download" => download(parameters),
        "digicert.order_validation" => vec![order_validation(parameters)],
        _ => Vec::new(),
    }
}

fn list_products(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let sku = text(parameters, "sku").unwrap_or_default();
    let note = match requirements(parameters).as_slice() {
        [] => format!("must list `{sku}`"),
        musts => format!("must list `{sku}` with {}", musts.join(", ")),
    };
    vec![PlannedRequest::get(path(&["tls", "products"]), note)]
}

/// What the product must be, for example `validation_level ov`.
pub(super) fn requirements(parameters: &PartlyKnown) -> Vec<String> {
    match shown(parameters, "require") {
        Some(Value::Object(require)) => {
            require.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect()
        }
        Some(other) => vec![plain(&other)],
        None => Vec::new(),
    }
}

fn resolve_organization(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let wanted = text(parameters, "match").unwrap_or_default();
    let organizations = path(&["tls", "organization"]);
    let Some(create) = shown(parameters, "create") else {
        let note = format!("must list one usable organization `{wanted}`");
        return vec![PlannedRequest::get(organizations, note)];
    };
    vec![
        PlannedRequest::get(organizations.clone(), format!("looks for `{wanted}` first")),
        PlannedRequest::post(
            organizations,
            create,
            "only when there is none: sent once, never repeated blindly",
        )
        .perhaps(),
    ]
}

fn find_certificate(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let given = text(parameters, "certificate_id").is_some_and(|id| !id.trim().is_empty());
    let one = PlannedRequest::get(certificate(parameters, &[]), "what it says of itself");
    if given {
        // An unknown id may turn out empty; then it is looked for by its names.
        return vec![one];
    }
    let all = path(&["tls", "certificate"]);
    vec![PlannedRequest::get(all, "looks for a certificate of these names"), one]
}

fn reissue(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let mut body = Map::new();
    for name in ["csr", "dcv_method", "comments"] {
        body.extend(shown(parameters, name).map(|value| (name.to_owned(), value)));
    }
    vec![
        PlannedRequest::get(
            certificate(parameters, &[]),
            "notes what is there before, so that a lost answer can be found again",
        ),
        PlannedRequest::post(
            certificate(parameters, &["reissue"]),
            Value::Object(body),
            "sent once, never repeated blindly",
        ),
    ]
}

fn wait_issued(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let status = PlannedRequest::get(certificate(parameters, &[]), "until it is issued");
    let is_new = ["public_key_sha256", "former_serial_number"];
    if !is_new.iter().any(|name| parameters.contains_key(*name)) {
        return vec![status];
    }
    let pem = certificate(parameters, &["download", "pem"]);
    vec![status, PlannedRequest::get(pem, "until it is the new certificate that is served")]
}

fn delete_records() -> Vec<PlannedRequest> {
    let zone = format!("/dns/{}/rr", placeholder("zone"));
    let record = format!("/dns/rr/{}", placeholder("id"));
    vec![
        PlannedRequest::get(zone, "reads each zone once, asking for longer names first").perhaps(),
        PlannedRequest {
            method: Method::Delete,
            ..PlannedRequest::get(record, "for each record that this run made")
        }
        .perhaps(),
    ]
}

fn create_order(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let certificates = path(&["tls", "certificate"]);
    let mut body = Map::new();
    for name in ["sku", "common_name"] {
        body.extend(shown(parameters, name).map(|value| (name.to_owned(), value)));
    }
    body.extend(further_names(parameters).map(|names| ("dns_names".to_owned(), names)));
    for name in ["csr", "dcv_method", "dcv_emails", "org_id", "validity_days"] {
        let value = shown(parameters, name).filter(|value| *value != json!([]));
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    let renewed = shown(parameters, "renewal_of");
    body.extend(renewed.map(|value| ("renewal_of_certificate_id".to_owned(), value)));
    let former = text(parameters, "renewal_of").map(|id| {
        let note = "the certificate that is renewed must be there";
        PlannedRequest::get(format!("{certificates}/{id}"), note)
    });
    former
        .into_iter()
        .chain(vec![
            PlannedRequest::get(
                certificates.clone(),
                "notes what is there before, so that a lost answer can be found again",
            ),
            PlannedRequest::post(
                certificates,
                Value::Object(body),
                "costs money: sent once, never repeated blindly",
            ),
        ])
        .collect()
}

/// The names beside the common name, each once; nothing when there are none (contract A.4).
fn further_names(parameters: &PartlyKnown) -> Option<Value> {
    let common_name = shown(parameters, "common_name");
    let Value::Array(names) = shown(parameters, "dns_names")? else {
        return shown(parameters, "dns_names");
    };
    let mut further: Vec<Value> = Vec::new();
    for name in names {
        if Some(&name) != common_name.as_ref() && !further.contains(&name) {
            further.push(name);
        }
    }
    (!further.is_empty()).then_some(Value::Array(further))
}

fn complete_order(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    if leaves_it_to_a_person(parameters) {
        let note = "until a person has completed the order in the Console";
        return vec![PlannedRequest::get(certificate(parameters, &[]), note)];
    }
    let body = json!({ "org_id": shown(parameters, "org_id") });
    let note = "unless a person has completed the order in the Console by then";
    vec![
        PlannedRequest::get(certificate(parameters, &[]), "looks before it changes anything"),
        PlannedRequest::post(certificate(parameters, &["complete"]), body, note).perhaps(),
        PlannedRequest::get(
            certificate(parameters, &[]),
            "looks again when the answer leaves doubt",
        )
        .perhaps(),
    ]
}

/// Whether the API is never asked to complete the order.
pub(super) fn leaves_it_to_a_person(parameters: &PartlyKnown) -> bool {
    shown(parameters, "fallback").is_some() || shown(parameters, "org_id").is_none()
}

fn put_records(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let ttl = shown(parameters, "ttl");
    let body = |kind: &str, name: &str, data: &str| {
        json!({
            "type": kind,
            "name": name,
            "data": data,
            "ttl": ttl,
            "annotation": format!("{OWNERSHIP_MARK}; run {}", placeholder("run.id")),
        })
    };
    let zone = format!("/dns/{}/rr", placeholder("zone"));
    let stale = PlannedRequest {
        method: Method::Delete,
        ..PlannedRequest::get(
            format!("/dns/rr/{}", placeholder("id")),
            "only a record that an earlier run put there and that points elsewhere",
        )
    }
    .perhaps();
    let make =
        |body, note: String| PlannedRequest::post(path(&["dns", "rr"]), body, note).perhaps();
    let Some(records) = parameters.get("records") else { return Vec::new() };
    let Value::Array(known) = records.shown() else {
        let list = plain(&records.shown());
        let read = "reads each zone once, asking for longer names first";
        return vec![
            PlannedRequest::get(zone, read).perhaps(),
            stale,
            make(
                body(&placeholder("type"), &placeholder("name"), &placeholder("value")),
                format!("for each of {list} that is not there yet"),
            ),
        ];
    };
    let mut planned = Vec::new();
    if !known.is_empty() {
        let read = "reads each zone once, asking for longer names first";
        planned.push(PlannedRequest::get(zone, read));
        planned.push(stale);
    }
    for record in &known {
        let field = |name: &str| record.get(name).map_or_else(|| placeholder(name), plain);
        let record = body(&field("type"), &dotted(&field("name")), &dotted(&field("value")));
        planned.push(make(record, "unless it is there already".to_owned()));
    }
    planned
}

/// Names are sent in lower case and with their dot (contract A.7, A.12); a placeholder is no name.
fn dotted(name: &str) -> String {
    let name = name.trim_end_matches('.');
    let name = if name.contains('‹') { name.to_owned() } else { name.to_ascii_lowercase() };
    format!("{name}.")
}

fn download(parameters: &PartlyKnown) -> Vec<PlannedRequest> {
    let pem = PlannedRequest::get(
        certificate(parameters, &["download", "pem"]),
        "until the API has it ready; then it is proved against key and names",
    );
    if parameters.contains_key("names") {
        return vec![pem];
    }
    vec![PlannedRequest::get(certificate(parameters, &[]), "for the names that it must hold"), pem]
}

fn order_validation(parameters: &PartlyKnown) -> PlannedRequest {
    let id = match parameters.get("order_id") {
        Some(Partly::Known(Value::String(id))) => path(&[id.trim()]),
        Some(unknown) => format!("/{}", plain(&unknown.shown())),
        None => format!("/{}", placeholder("order_id")),
    };
    let query = match shown(parameters, "include_risk_check") {
        Some(Value::Bool(true)) => "?include_risk_check=true",
        _ => "",
    };
    let note = match text(parameters, "until").as_deref() {
        Some("approved") => "until nothing of the validation blocks the order",
        _ => "what of its validation blocks the order",
    };
    let order = path(&["order", "certificate"]);
    PlannedRequest::get(format!("{order}{id}/validation{query}"), note)
}

/// The path of a certificate, whose id is rarely known.
fn certificate(parameters: &PartlyKnown, below: &[&str]) -> String {
    let id = match parameters.get("certificate_id") {
        // Looked for by its names, it has no id yet.
        Some(Partly::Known(Value::String(id))) if id.trim().is_empty() => {
            format!("/{}", placeholder("certificate_id"))
        }
        Some(Partly::Known(Value::String(id))) => path(&[id]),
        Some(unknown) => format!("/{}", plain(&unknown.shown())),
        None => format!("/{}", placeholder("certificate_id")),
    };
    format!("{}{id}{}", path(&["tls", "certificate"]), path(below))
}

/// A path of known segments, encoded as the client does it.
fn path(segments: &[&str]) -> String {
    Request::new(Method::Get, segments).path
}
