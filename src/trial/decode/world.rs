//! What the run is expected to leave in the world: orders, requests, files, records.

use super::value::{boolean, count, first_key, text, texts};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Kind;
use crate::sandbox::{PathPattern, find_endpoint};
use crate::trial::expectation::{
    CertificateExpectation, OrderExpectation, Orders, RecordExpectation, RequestExpectation,
};
use crate::trial::pattern::Pattern;

pub(super) fn decode_orders(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Orders> {
    let (_, node) = fields.get("orders")?;
    let Kind::Seq(items) = &node.kind else {
        let number = decoder.integer(fields, "orders")?;
        return count(&number, decoder).map(|number| Orders::Count(number as usize));
    };
    let keys = ["common_name", "dns_names", "product", "status", "organization", "action_required"];
    let mut orders = Vec::new();
    for item in items {
        let Some(fields) = decoder.fields(item, first_key(item), "an order", &keys) else {
            continue;
        };
        orders.push(OrderExpectation {
            common_name: text(&fields, "common_name", decoder),
            dns_names: texts(&fields, "dns_names", decoder),
            product: text(&fields, "product", decoder),
            status: text(&fields, "status", decoder),
            organization: text(&fields, "organization", decoder),
            action_required: boolean(&fields, "action_required", decoder),
        });
    }
    Some(Orders::Each(orders))
}

pub(super) fn decode_requests(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Vec<RequestExpectation> {
    let Some((_, node)) = fields.get("requests") else { return Vec::new() };
    let items = match &node.kind {
        Kind::Seq(items) => items.as_slice(),
        Kind::Map(_) => std::slice::from_ref(node),
        _ => {
            let help = "for example `requests: { at_most: 40 }`";
            decoder.wrong_kind_because(node, &fields.name_of("requests"), "a list", Some(help));
            &[]
        }
    };
    let keys = ["call", "status", "exactly", "at_least", "at_most"];
    let mut requests = Vec::new();
    for item in items {
        let what = "an item of `requests`";
        let Some(fields) = decoder.fields(item, first_key(item), what, &keys) else { continue };
        let mut number = |name: &str| {
            let number = decoder.integer(&fields, name)?;
            count(&number, decoder).map(|number| number as usize)
        };
        let (exactly, at_least, at_most) =
            (number("exactly"), number("at_least"), number("at_most"));
        let status = number("status").and_then(|status| u16::try_from(status).ok());
        if ["exactly", "at_least", "at_most"].iter().all(|name| fields.get(name).is_none()) {
            decoder.push(
                Diagnostic::error("missing-key", "it does not say how many requests")
                    .at(first_key(item), "one of `exactly`, `at_least`, `at_most` is missing here"),
            );
        }
        requests.push(RequestExpectation {
            call: decode_call(&fields, decoder),
            status,
            at_least: at_least.or(exactly),
            at_most: at_most.or(exactly),
        });
    }
    requests
}

/// Which requests are meant, written as in a scenario: `POST /tls/certificate`.
fn decode_call(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<(String, PathPattern)> {
    let text = decoder.text(fields, "call")?;
    let mut words = text.value.split_whitespace();
    let reason = match (words.next(), words.next(), words.next()) {
        (Some(method), Some(path), None) => match PathPattern::parse(path) {
            Ok(path) => {
                let method = method.to_uppercase();
                // That none of these calls came would always be true.
                if let Err(unserved) = find_endpoint(&method, &path) {
                    decoder.push(unserved.diagnostic(&method, &path, text.span));
                }
                return Some((method, path));
            }
            Err(error) => error.to_string(),
        },
        _ => "expected a method and a path".to_owned(),
    };
    decoder.push(
        Diagnostic::error("bad-call", format!("{} is no call", fields.name_of("call")))
            .at(text.span, reason)
            .help("for example `POST /tls/certificate` or `* /tls/certificate/*`"),
    );
    None
}

pub(super) fn decode_paths(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Vec<Pattern> {
    let items = decoder.items(fields, name).unwrap_or_default();
    let mut paths = Vec::new();
    for item in items {
        let Some(path) = decoder.text_of(item, &format!("an item of `{name}`")) else { continue };
        if path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
            decoder.push(
                Diagnostic::error("bad-name", "a path in a test is relative to the run's folder")
                    .at(path.span, "this leads out of it")
                    .help("for example `certs/www.example.com/fullchain.pem`; `*` is anything"),
            );
            continue;
        }
        paths.push(Pattern::new(&path.value));
    }
    paths
}

pub(super) fn decode_certificate(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<CertificateExpectation> {
    let (key, node) = fields.get("certificate")?;
    let fields = decoder.fields(node, key.span, "`certificate`", &["names", "days"])?;
    Some(CertificateExpectation {
        names: texts(&fields, "names", decoder),
        days: decoder.integer(&fields, "days").map(|days| days.value),
    })
}

pub(super) fn decode_records(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<RecordExpectation>> {
    fields.get("records")?;
    let items = decoder.items(fields, "records")?;
    let mut records = Vec::new();
    for item in items {
        let keys = ["name", "type", "value"];
        let Some(fields) = decoder.fields(item, first_key(item), "a record", &keys) else {
            continue;
        };
        records.push(RecordExpectation {
            name: text(&fields, "name", decoder).map(|name| Pattern::new(&name.to_lowercase())),
            kind: text(&fields, "type", decoder).map(|kind| kind.to_uppercase()),
            value: text(&fields, "value", decoder).map(|value| Pattern::new(&value)),
        });
    }
    Some(records)
}
