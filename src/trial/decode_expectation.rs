//! Reading what stands under `expect`, checked against the plan.

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::decode::decode_duration;
use super::expectation::{
    CertificateExpectation, Expectation, OrderExpectation, Orders, Outcome, RecordExpectation,
    RequestExpectation, StepExpectation, StepWord, Wanted,
};
use super::output_path::{OutputPath, RawPath};
use super::pattern::Pattern;
use crate::document::decode::{Decoder, Fields, Located, with_article};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::{Plan, Signature, ValueType, explain_mismatches, find_signature};
use crate::sandbox::PathPattern;
use crate::types::{StepId, printable, shorten};

const KEYS: [&str; 13] = [
    "outcome",
    "reason",
    "step",
    "steps",
    "outputs",
    "orders",
    "requests",
    "files",
    "no_files",
    "certificate",
    "records",
    "within",
    "description",
];

/// Bytes that a compiled pattern may take.
const LARGEST_PATTERN: usize = 256 * 1024;

/// Reads an expectation; `at` is the key that it stands under.
pub(super) fn decode_expectation(
    node: &Node,
    at: Span,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<Expectation> {
    let fields = decoder.fields(node, at, "`expect`", &KEYS)?;
    decoder.require(&fields, "outcome", "say how it ends, for example `outcome: issued`");
    decoder.text(&fields, "description");
    let words = Outcome::WORDS.map(|(word, outcome, _)| (word, outcome));
    let outcome = decoder.word(&fields, "outcome", &words);
    let reason = decoder.text(&fields, "reason");
    let step = decoder.text(&fields, "step");
    for (key, given) in [("reason", &reason), ("step", &step)] {
        if let (Some(outcome), Some(given)) = (outcome, given)
            && outcome.is_success()
        {
            let message =
                format!("a run that is `{}` stands at no step, for no reason", outcome.as_str());
            decoder.push(
                Diagnostic::error("stray-key", message)
                    .at(given.span, format!("so `{key}` has no meaning here")),
            );
        }
    }
    let step = step.and_then(|step| known_step(&step, plan, decoder));
    Some(Expectation {
        reason: reason.map(|reason| reason.value),
        step,
        steps: decode_steps(&fields, plan, decoder),
        outputs: decode_outputs(&fields, plan, decoder),
        orders: decode_orders(&fields, decoder),
        requests: decode_requests(&fields, decoder),
        files: decode_paths(&fields, "files", decoder),
        no_files: decode_paths(&fields, "no_files", decoder),
        certificate: decode_certificate(&fields, decoder),
        records: decode_records(&fields, decoder),
        within: decode_duration(&fields, "within", decoder),
        outcome: outcome?,
    })
}

/// The step of the plan that is meant.
fn known_step(name: &Located<String>, plan: &Plan, decoder: &mut Decoder<'_>) -> Option<StepId> {
    if let Some(step) = plan.steps.get(name.value.as_str()) {
        return Some(step.id.clone());
    }
    let known = || plan.steps.keys().map(StepId::as_str);
    let shown = shorten(&printable(&name.value), 60);
    let diagnostic = Diagnostic::error(
        "unknown-step",
        format!("the plan `{}` has no step `{shown}`", plan.name),
    )
    .at(name.span, "unknown step");
    decoder.push(match nearest(&name.value, known()) {
        Some(near) => diagnostic.suggest(name.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("steps: {}", list(known()))),
    });
    None
}

/// The entries of a map with free keys.
fn entries<'n>(
    fields: &Fields<'n>,
    name: &str,
    help: &str,
    decoder: &mut Decoder<'_>,
) -> &'n [(crate::document::node::Key, Node)] {
    match fields.get(name) {
        None => &[],
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        Some((_, node)) => {
            decoder.wrong_kind_because(node, &fields.name_of(name), "a map", Some(help));
            &[]
        }
    }
}

fn decode_steps(
    fields: &Fields<'_>,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Vec<(StepId, StepExpectation)> {
    let help = "for example `steps: { complete: skipped }`";
    let mut steps = Vec::new();
    for (key, node) in entries(fields, "steps", help, decoder) {
        let name = Located { value: key.name.clone(), span: key.span };
        let step = known_step(&name, plan, decoder);
        let what = format!("step `{}`", shorten(&printable(&key.name), 60));
        let expected = if node.as_str().is_some() {
            let state = decoder.word_of(node, &what, &StepWord::ALL);
            StepExpectation { state, ..StepExpectation::default() }
        } else {
            let keys = ["state", "reason", "attempts"];
            let Some(fields) = decoder.fields(node, key.span, &what, &keys) else { continue };
            let attempts = decoder.integer(&fields, "attempts");
            StepExpectation {
                state: decoder.word(&fields, "state", &StepWord::ALL),
                reason: decoder.text(&fields, "reason").map(|reason| reason.value),
                attempts: attempts.and_then(|number| count(&number, decoder)),
            }
        };
        steps.extend(step.map(|step| (step, expected)));
    }
    steps
}

fn decode_outputs(
    fields: &Fields<'_>,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Vec<(OutputPath, Wanted)> {
    let help = "for example `outputs: { order.action_required: true }`";
    let mut outputs = Vec::new();
    for (key, node) in entries(fields, "outputs", help, decoder) {
        let Some(raw) = RawPath::parse(&key.name) else {
            decoder.push(
                Diagnostic::error("bad-name", "this is no place in the outputs of steps")
                    .at(key.span, "expected a step and a field")
                    .help("for example `order.status` or `validation.dns_records[0].name`"),
            );
            continue;
        };
        let value_type = known_field(&raw, key.span, plan, decoder);
        let wanted = decode_wanted(node, value_type.as_ref(), &key.name, decoder);
        let step = StepId::parse(&raw.step).ok();
        if let (Some(step), Some(wanted)) = (step, wanted) {
            outputs.push((OutputPath { step, field: raw.field, way: raw.way }, wanted));
        }
    }
    outputs
}

/// The type of the value that a path leads to, when the plan can tell.
fn known_field(
    raw: &RawPath,
    span: Span,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<ValueType> {
    let place = Span::new(span.start, span.start + raw.step.len().min(span.end - span.start));
    let name = Located { value: raw.step.clone(), span: place };
    let step = known_step(&name, plan, decoder)?;
    let signature = find_signature(&plan.steps.get(&step)?.uses)?;
    let Some(field) = signature.output_field(&raw.field) else {
        decoder.push(unknown_field(signature, raw, span));
        return None;
    };
    let path = OutputPath { step, field: raw.field.clone(), way: raw.way.clone() };
    match path.type_at(&field.value_type) {
        Ok(found) => found.cloned(),
        Err((part, here)) => {
            decoder.push(
                Diagnostic::error(
                    "unknown-field",
                    format!("there is no `{}` in `{path}`", printable(&part)),
                )
                .at(span, format!("what stands before it is {}", with_article(&here.to_string()))),
            );
            None
        }
    }
}

fn unknown_field(signature: &Signature, raw: &RawPath, span: Span) -> Diagnostic {
    let known = || signature.output.iter().map(|field| field.name.as_str());
    let name = shorten(&printable(&raw.field), 60);
    let diagnostic = Diagnostic::error(
        "unknown-field",
        format!("`{}` returns no field `{name}`", signature.name),
    )
    .at(span, "unknown field");
    match nearest(&raw.field, known()) {
        Some(near) => {
            let better = format!("{}.{near}", raw.step);
            diagnostic.suggest(span, better, format!("did you mean `{near}`?"))
        }
        None => diagnostic.help(format!("fields: {}", list(known()))),
    }
}

fn decode_wanted(
    node: &Node,
    value_type: Option<&ValueType>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Wanted> {
    let what = format!("`{}`", shorten(&printable(name), 80));
    if let Kind::Map(entries) = &node.kind
        && !matches!(value_type, Some(ValueType::Map | ValueType::Record(_)))
    {
        let at = entries.first().map_or(node.span, |(key, _)| key.span);
        let fields = decoder.fields(node, at, &what, &["matches", "contains", "absent"])?;
        if let Some(pattern) = decoder.text(&fields, "matches") {
            return decode_regex(&pattern, decoder);
        }
        if let Some((_, part)) = fields.get("contains") {
            return Some(Wanted::Contains(part.to_value()));
        }
        if let Some((_, Node { kind: Kind::Bool(true), .. })) = fields.get("absent") {
            return Some(Wanted::Absent);
        }
        decoder.require(
            &fields,
            "matches",
            "or `contains: …`, or `absent: true`, or a plain value",
        );
        return None;
    }
    match value_type {
        Some(value_type) => {
            explain_mismatches(node, value_type, &what, decoder).map(Wanted::Equals)
        }
        None => Some(Wanted::Equals(node.to_value())),
    }
}

fn decode_regex(pattern: &Located<String>, decoder: &mut Decoder<'_>) -> Option<Wanted> {
    let build = |text: &str| -> Result<Regex, regex_lite::Error> {
        RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build()
    };
    // Alone first: `a)(b` must not become right by what is put around it.
    let regex = build(&pattern.value).and_then(|_| build(&format!("^(?:{})$", pattern.value)));
    match regex {
        Ok(regex) => Some(Wanted::Matches { pattern: printable(&pattern.value), regex }),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-pattern", "this is no regular expression")
                    .at(pattern.span, printable(&error.to_string())),
            );
            None
        }
    }
}

fn decode_orders(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Orders> {
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

fn decode_requests(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<RequestExpectation> {
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
            Ok(path) => return Some((method.to_uppercase(), path)),
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

fn decode_paths(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Vec<Pattern> {
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

fn decode_certificate(
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

fn decode_records(
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

fn first_key(node: &Node) -> Span {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
        _ => node.span,
    }
}

fn text(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<String> {
    decoder.text(fields, name).map(|text| text.value)
}

fn texts(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<Vec<String>> {
    fields.get(name)?;
    let what = format!("an item of `{name}`");
    let items = decoder.items(fields, name)?;
    Some(items.iter().filter_map(|item| decoder.text_of(item, &what)).map(|t| t.value).collect())
}

fn boolean(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<bool> {
    let (_, node) = fields.get(name)?;
    let value = explain_mismatches(node, &ValueType::Boolean, &fields.name_of(name), decoder)?;
    value.as_bool()
}

/// A number of things.
fn count(number: &Located<i64>, decoder: &mut Decoder<'_>) -> Option<u32> {
    let count = u32::try_from(number.value).ok();
    if count.is_none() {
        decoder.push(
            Diagnostic::error("out-of-range", "nothing can happen so many times")
                .at(number.span, "expected 0 or more"),
        );
    }
    count
}

/// The value of an output as a report shows it.
pub(super) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "no value".to_owned(), crate::document::describe)
}
