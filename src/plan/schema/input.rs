//! The declaration of an input as a schema: which keys go with which type.

use serde_json::{Map, Value, json};

use super::never;
use super::value::{TEMPLATE_PATTERN, literal};
use crate::plan::value_type::ValueType;

/// The types that need nothing but their name, and what they stand for.
fn simple_types() -> [(&'static str, ValueType, &'static str); 8] {
    [
        ("string", ValueType::String, "Any text."),
        (
            "integer",
            ValueType::Integer { minimum: None, maximum: None },
            "A whole number; `minimum` and `maximum` bound it.",
        ),
        ("boolean", ValueType::Boolean, "`true` or `false`."),
        ("domain", ValueType::Domain, "A domain name; written in lower-case ASCII from then on."),
        ("email", ValueType::Email, "An e-mail address."),
        ("duration", ValueType::Duration, "A duration such as `15s`, `1h30m` or `7d`."),
        ("path", ValueType::Path, "A path that does not lead out of its folder."),
        ("map", ValueType::Map, "A map from text to anything."),
    ]
}

/// The declaration of an input.
pub(super) fn input() -> Value {
    let simple = simple_types();
    let names: Vec<&str> = simple.iter().map(|(name, _, _)| *name).collect();
    let mut types: Vec<Value> = simple
        .iter()
        .map(|(name, _, meaning)| json!({ "const": name, "description": meaning }))
        .collect();
    types.push(json!({ "const": "list", "description": "A list; `items` says of what." }));
    types.push(json!({ "const": "enum", "description": "One of the words under `values`." }));
    let mut rules: Vec<Value> =
        simple.iter().map(|(name, value_type, _)| rule(name, default(value_type))).collect();
    rules.push(rule("list", json!({ "type": "array" })));
    rules.push(rule("enum", without_template(json!({ "type": "string" }))));
    rules.extend(simple.iter().map(|(name, value_type, _)| items_rule(name, value_type)));
    json!({
        "type": "object",
        "properties": {
            "type": { "anyOf": types, "description": "The type of the value." },
            "description": { "type": "string", "description": "What it is." },
            "default": {
                "description": "The value when none is given; without one the input is required.",
            },
            "minimum": { "type": "integer", "description": "The smallest number allowed." },
            "maximum": { "type": "integer", "description": "The largest number allowed." },
            "items": { "enum": names, "description": "The type of the items of a list." },
            "values": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "string" },
                "description": "The words of an enum.",
            },
            "pattern": {
                "type": "string",
                "description": "A regular expression that a string must match as a whole.",
            },
        },
        "required": ["type"],
        "additionalProperties": false,
        "allOf": rules,
    })
}

/// A default, which cannot hold a template.
fn default(value_type: &ValueType) -> Value {
    let schema = literal(value_type);
    if value_type.is_text() { without_template(schema) } else { schema }
}

fn without_template(schema: Value) -> Value {
    json!({ "allOf": [schema, { "not": { "pattern": TEMPLATE_PATTERN } }] })
}

/// Which keys a type has, of those that not all types have.
fn rule(name: &str, default: Value) -> Value {
    let own: &[&str] = match name {
        "integer" => &["minimum", "maximum"],
        "list" => &["items"],
        "enum" => &["values"],
        "string" => &["pattern"],
        _ => &[],
    };
    let mut properties = Map::from_iter([("default".to_owned(), default)]);
    for (key, owner) in [
        ("minimum", "integer"),
        ("maximum", "integer"),
        ("items", "list"),
        ("values", "enum"),
        ("pattern", "string"),
    ] {
        if !own.contains(&key) {
            let message = format!("Only the type `{owner}` has `{key}`.");
            properties.insert(key.to_owned(), never(&message));
        }
    }
    let mut then = json!({ "properties": properties });
    if matches!(name, "list" | "enum") {
        then["required"] = json!(own);
    }
    json!({ "if": is("type", name), "then": then })
}

/// The default of a list has items of its type.
fn items_rule(name: &str, value_type: &ValueType) -> Value {
    let default = json!({ "type": "array", "items": default(value_type) });
    json!({ "if": is("items", name), "then": { "properties": { "default": default } } })
}

fn is(key: &str, word: &str) -> Value {
    json!({ "properties": { key: { "const": word } }, "required": [key] })
}
