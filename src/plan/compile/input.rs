//! Declarations of inputs: their types and defaults.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::value::explain_mismatches;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Severity};
use crate::document::node::{Kind, Node};
use crate::document::suggest::{list, nearest};
use crate::plan::inputs::{compile_pattern, matches_pattern};
use crate::plan::model::Input;
use crate::plan::raw::RawInput;
use crate::plan::template::has_code;
use crate::plan::value_type::ValueType;
use crate::types::printable;

const TYPES: [&str; 10] =
    ["string", "integer", "boolean", "domain", "email", "duration", "path", "list", "map", "enum"];

/// The inputs, and the names of those with a mistake in their declaration.
pub(super) fn compile_inputs(
    raw: &[RawInput<'_>],
    decoder: &mut Decoder<'_>,
) -> (IndexMap<String, Input>, BTreeSet<String>) {
    let mut faulty = BTreeSet::new();
    let mut inputs = IndexMap::new();
    for raw in raw {
        let before = decoder.diagnostics.count(Severity::Error);
        inputs.insert(raw.name.name.clone(), compile_input(raw, decoder));
        if decoder.diagnostics.count(Severity::Error) > before {
            faulty.insert(raw.name.name.clone());
        }
    }
    (inputs, faulty)
}

fn compile_input(raw: &RawInput<'_>, decoder: &mut Decoder<'_>) -> Input {
    let what = format!("input `{}`", printable(&raw.name.name));
    let declared = raw.value_type.as_ref().and_then(|name| named_type(name, raw, &what, decoder));
    check_stray_keys(raw, declared.as_ref(), &what, decoder);
    // A type that cannot be read was reported; anything goes from here on.
    let value_type = declared.unwrap_or(ValueType::Any);
    let default = raw.default.and_then(|node| check_default(node, &value_type, &what, decoder));
    let pattern = raw.pattern.as_ref().and_then(|pattern| check_pattern(pattern, &what, decoder));
    if let (Some(pattern), Some(Value::String(text)), Some(node)) =
        (&pattern, &default, raw.default)
        && !matches_pattern(pattern, text)
    {
        decoder.push(
            Diagnostic::error("pattern-mismatch", format!("the default of {what} is not allowed"))
                .at(node.span, format!("it does not match `{}`", printable(pattern))),
        );
    }
    Input { value_type, description: raw.description.clone(), default, pattern }
}

fn named_type(
    name: &Located<String>,
    raw: &RawInput<'_>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<ValueType> {
    match name.value.as_str() {
        "integer" => {
            let (minimum, maximum) = (raw.minimum.as_ref(), raw.maximum.as_ref());
            if let (Some(low), Some(high)) = (minimum, maximum)
                && low.value > high.value
            {
                decoder.push(
                    Diagnostic::error("empty-range", format!("no number fits {what}"))
                        .at(high.span, "the maximum is below the minimum")
                        .also(low.span, "the minimum"),
                );
                // No default could be right.
                return Some(ValueType::Integer { minimum: None, maximum: None });
            }
            Some(ValueType::Integer {
                minimum: minimum.map(|bound| bound.value),
                maximum: maximum.map(|bound| bound.value),
            })
        }
        "list" => match &raw.items {
            Some(items) => simple_type(items, decoder).map(|item| ValueType::List(Box::new(item))),
            None => {
                decoder.push(
                    Diagnostic::error("missing-key", format!("{what} does not say what it lists"))
                        .at(name.span, "a list of what?")
                        .help("add the type of its items, for example `items: domain`"),
                );
                Some(ValueType::List(Box::new(ValueType::Any)))
            }
        },
        "enum" => enum_type(name, raw.values, what, decoder),
        _ => simple_type(name, decoder),
    }
}

/// A type that is told by its name alone.
fn simple_type(name: &Located<String>, decoder: &mut Decoder<'_>) -> Option<ValueType> {
    match name.value.as_str() {
        "string" => Some(ValueType::String),
        "integer" => Some(ValueType::Integer { minimum: None, maximum: None }),
        "boolean" => Some(ValueType::Boolean),
        "domain" => Some(ValueType::Domain),
        "email" => Some(ValueType::Email),
        "duration" => Some(ValueType::Duration),
        "path" => Some(ValueType::Path),
        "map" => Some(ValueType::Map),
        other => {
            let diagnostic = Diagnostic::error(
                "unknown-type",
                format!("there is no type `{}`", printable(other)),
            )
            .at(name.span, "unknown type here");
            decoder.push(match synonym(other).or_else(|| nearest(other, TYPES)) {
                Some(near) => {
                    diagnostic.suggest(name.span, near, format!("did you mean `{near}`?"))
                }
                None => diagnostic.help(format!("types: {}", list(TYPES))),
            });
            None
        }
    }
}

/// The type of this name, or of the name that another language has for it.
pub(in crate::plan) fn type_called(name: &str) -> Option<&'static str> {
    TYPES.into_iter().find(|known| *known == name).or_else(|| synonym(name))
}

/// What other languages call our types.
fn synonym(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().as_str() {
        "str" | "text" => "string",
        "int" | "number" => "integer",
        "bool" => "boolean",
        "hostname" | "fqdn" | "dns" => "domain",
        "mail" => "email",
        "array" => "list",
        "object" | "dict" => "map",
        "choice" => "enum",
        _ => return None,
    })
}

fn enum_type(
    name: &Located<String>,
    values: Option<&Node>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<ValueType> {
    let Some(node) = values else {
        decoder.push(
            Diagnostic::error("missing-key", format!("{what} does not say which words it allows"))
                .at(name.span, "one of which words?")
                .help("add them, for example `values: [dv, ov]`"),
        );
        return None;
    };
    let Kind::Seq(items) = &node.kind else {
        decoder.wrong_kind(node, &format!("`values` of {what}"), "a list of words");
        return None;
    };
    let words: Vec<String> = items
        .iter()
        .filter_map(|item| decoder.text_of(item, &format!("a word of {what}")))
        .map(|word| word.value)
        .collect();
    if words.is_empty() {
        decoder.push(
            Diagnostic::error("empty-range", format!("no word fits {what}"))
                .at(node.span, "this list has no words"),
        );
    }
    Some(ValueType::Enum(words))
}

fn check_pattern(
    pattern: &Located<String>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<String> {
    match compile_pattern(&pattern.value) {
        Ok(_) => Some(pattern.value.clone()),
        Err(error) => {
            decoder.push(
                Diagnostic::error(
                    "bad-pattern",
                    format!("`pattern` of {what} is no regular expression"),
                )
                .at(pattern.span, printable(&error.to_string()))
                .help("in single quotes a `\\` means itself, for example `pattern: '[a-z]+\\.example'`"),
            );
            None
        }
    }
}

/// Keys that mean nothing for the type would be overlooked silently.
fn check_stray_keys(
    raw: &RawInput<'_>,
    declared: Option<&ValueType>,
    what: &str,
    decoder: &mut Decoder<'_>,
) {
    let Some(declared) = declared else { return };
    let integer = matches!(declared, ValueType::Integer { .. });
    let pattern = raw.pattern.as_ref().map(|pattern| pattern.span);
    let stray = [
        ("minimum", raw.minimum.as_ref().map(|bound| bound.span), integer, "integer"),
        ("maximum", raw.maximum.as_ref().map(|bound| bound.span), integer, "integer"),
        (
            "items",
            raw.items.as_ref().map(|items| items.span),
            matches!(declared, ValueType::List(_)),
            "list",
        ),
        (
            "values",
            raw.values.map(|node| node.span),
            matches!(declared, ValueType::Enum(_)),
            "enum",
        ),
        ("pattern", pattern, *declared == ValueType::String, "string"),
    ];
    for (key, span, fits, owner) in stray {
        if let (Some(span), false) = (span, fits) {
            decoder.push(
                Diagnostic::error("stray-key", format!("`{key}` has no meaning for {what}"))
                    .at(span, format!("only the type `{owner}` has `{key}`")),
            );
        }
    }
}

fn check_default(
    node: &Node,
    value_type: &ValueType,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Value> {
    let what = format!("the default of {what}");
    if let Some(template) = find_template(node) {
        decoder.push(
            Diagnostic::error("template-in-default", format!("{what} cannot hold a template"))
                .at(template.span, "inputs are known before anything else")
                .help("use the template in the step that reads the input"),
        );
        return None;
    }
    let default = explain_mismatches(node, value_type, &what, decoder)?;
    let item_type = match value_type {
        ValueType::List(item) => item,
        other => other,
    };
    let items = match &node.kind {
        Kind::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if item_type.is_text() {
        items.iter().for_each(|item| decoder.doubt_digits(item));
    }
    Some(default)
}

/// The first text with a template in it.
pub(in crate::plan) fn find_template(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::String(text) => has_code(text).then_some(node),
        Kind::Seq(items) => items.iter().find_map(find_template),
        Kind::Map(entries) => entries.iter().find_map(|(_, value)| find_template(value)),
        Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) => None,
    }
}
