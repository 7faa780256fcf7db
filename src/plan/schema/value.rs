//! Types as JSON Schemas: of literals, and of values that may be templates.

use serde_json::{Map, Value, json};

use crate::plan::value_type::{Field, Presence, ValueType};

/// What makes a string a template; the same rule as the parser's.
pub(super) const TEMPLATE_PATTERN: &str = r"\{[{%#]";

/// A string that is exactly one expression, whose value keeps its type.
pub(super) const EXPRESSION_PATTERN: &str = r"^\s*\{\{[\s\S]*\}\}\s*$";

/// Whole numbers with units, one after the other.
const DURATION_PATTERN: &str = r"^\s*([0-9]+(ms|d|h|m|s))+\s*$";

/// The shape only: two labels, however their dot is written. The parser looks closer.
const DOMAIN_PATTERN: &str = r"^[^ /]+[.\u3002\uFF0E\uFF61][^ /]+$";

/// A sentence from a fragment: "the kind of key" → "The kind of key."
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(characters).collect();
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

/// A value written out: no templates.
pub(super) fn literal(value_type: &ValueType) -> Value {
    match value_type {
        ValueType::String => json!({ "type": "string" }),
        ValueType::Integer { minimum, maximum } => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("integer"))]);
            schema.extend(minimum.map(|bound| ("minimum".to_owned(), json!(bound))));
            schema.extend(maximum.map(|bound| ("maximum".to_owned(), json!(bound))));
            Value::Object(schema)
        }
        ValueType::Boolean => json!({ "type": "boolean" }),
        ValueType::Domain => json!({ "type": "string", "pattern": DOMAIN_PATTERN }),
        ValueType::Email => json!({ "type": "string", "pattern": "^[^@]+@[^@]+$" }),
        ValueType::Duration => json!({ "type": "string", "pattern": DURATION_PATTERN }),
        ValueType::Path => json!({
            "type": "string",
            "minLength": 1,
            "not": { "pattern": r"(^|/)\.\.(/|$)" },
        }),
        ValueType::Enum(words) => json!({ "enum": words }),
        ValueType::List(item) => json!({ "type": "array", "items": literal(item) }),
        ValueType::Map => json!({ "type": "object" }),
        ValueType::Record(fields) => record(fields, literal),
        ValueType::MapOf(item) => {
            json!({ "type": "object", "additionalProperties": literal(item) })
        }
        ValueType::Command => json!({
            "type": "array", "items": { "type": "string" }, "minItems": 1,
        }),
        ValueType::Secret => json!({ "$ref": "#/$defs/secret" }),
        ValueType::Expression(_) => json!({
            "type": "string", "not": { "pattern": TEMPLATE_PATTERN },
        }),
        ValueType::Any => json!({}),
    }
}

/// A value that may be a template, or have templates inside.
pub(super) fn templated(value_type: &ValueType) -> Value {
    let expression = json!({ "$ref": "#/$defs/expression" });
    match value_type {
        ValueType::Any => json!({}),
        ValueType::String => json!({ "type": "string" }),
        // A secret is named where it is needed, and an expression is none twice.
        ValueType::Secret | ValueType::Expression(_) => literal(value_type),
        ValueType::MapOf(item) => json!({
            "anyOf": [{ "type": "object", "additionalProperties": templated(item) }, expression],
        }),
        ValueType::Command => json!({ "anyOf": [literal(value_type), expression] }),
        text if text.is_text() => {
            json!({ "anyOf": [literal(text), { "$ref": "#/$defs/template" }] })
        }
        ValueType::List(item) => {
            json!({ "anyOf": [{ "type": "array", "items": templated(item) }, expression] })
        }
        ValueType::Record(fields) => json!({ "anyOf": [record(fields, templated), expression] }),
        other => json!({ "anyOf": [literal(other), expression] }),
    }
}

/// A map with these fields and no others.
pub(super) fn record(fields: &[Field], of: fn(&ValueType) -> Value) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.clone(), property(field, of))).collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| field.name.as_str())
        .collect();
    let mut schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A field: its value, or null where it need not be given.
fn property(field: &Field, of: fn(&ValueType) -> Value) -> Value {
    let value = of(&field.value_type);
    let mut schema = match (&field.presence, value) {
        (Presence::Required, value) => value,
        (_, Value::Object(mut value)) => match value.get_mut("anyOf") {
            Some(Value::Array(choices)) => {
                choices.push(json!({ "type": "null" }));
                Value::Object(value)
            }
            _ => json!({ "anyOf": [value, { "type": "null" }] }),
        },
        (_, value) => value,
    };
    schema["description"] = json!(sentence(&field.description));
    if let Presence::Default(default) = &field.presence {
        schema["default"] = default.clone();
    }
    schema
}
