//! What the outputs of steps are expected to be, checked against what their actions return.

use regex_lite::{Regex, RegexBuilder};

use super::expectation::{entries, known_step};
use crate::document::decode::{Decoder, Fields, Located, with_article};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::{Plan, Signature, ValueType, explain_mismatches, find_signature};
use crate::trial::expectation::Wanted;
use crate::trial::output_path::{OutputPath, RawPath};
use crate::types::{StepId, printable, shorten};

/// Bytes that a compiled pattern may take.
const LARGEST_PATTERN: usize = 256 * 1024;

pub(super) fn decode_outputs(
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
