//! `inventory_schema`: the JSON Schema (2020-12) of inventories in YAML, for editors.
//!
//! It never refuses what the parser accepts. Which inputs there are, and of what type, is known to
//! the plan only, so that the parser refuses much more.

use serde_json::{Value, json};

/// What makes a text a template; none stands in an inventory.
const TEMPLATE_PATTERN: &str = r"\{[{%#]";

/// The schema of an inventory.
pub fn inventory_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "certplan inventory",
        "description": "An inventory of certplan: the certificates to get, each a target with its \
                        inputs and its plan.",
        "type": "object",
        "properties": {
            "certplan_inventory": {
                "const": 1,
                "description": "The version of the inventory format.",
            },
            "plan": plan("The plan of targets in this file that have no other."),
            "defaults": inputs("Inputs of every target in this file that does not give them."),
            "groups": {
                "type": ["object", "null"],
                "description": "Settings that targets share. Every file of an inventory can use \
                                them.",
                "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$", "not": { "const": "all" } },
                "additionalProperties": { "$ref": "#/$defs/group" },
            },
            "targets": {
                "type": "object",
                "minProperties": 1,
                "description": "The certificates to get, each by its name; the name of a domain is \
                                its common name as well.",
                "propertyNames": { "pattern": r"^[^-\s/,:!?\[\]][^\s/,:!?\[\]]{0,252}$" },
                "additionalProperties": { "$ref": "#/$defs/target" },
            },
        },
        "required": ["certplan_inventory"],
        "anyOf": [{ "required": ["targets"] }, { "required": ["groups"] }],
        "additionalProperties": false,
        "$defs": {
            "value": {
                "description": "A plain value; the plan says of which type.",
                "anyOf": [
                    { "type": ["boolean", "number"] },
                    { "type": "string", "not": { "pattern": TEMPLATE_PATTERN } },
                    { "type": "array", "items": { "$ref": "#/$defs/part" } },
                    { "type": "object", "additionalProperties": { "$ref": "#/$defs/part" } },
                ],
            },
            "part": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/value" }] },
            "group": {
                "type": ["object", "null"],
                "properties": {
                    "plan": plan("The plan of targets in this group."),
                    "inputs": inputs("Inputs of the targets in this group."),
                },
                "additionalProperties": false,
            },
            "target": {
                "type": ["object", "null"],
                "properties": {
                    "plan": plan("The plan that gets this certificate."),
                    "groups": {
                        "type": ["array", "null"],
                        "items": { "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$" },
                        "uniqueItems": true,
                        "description": "The groups whose settings it has.",
                    },
                    "inputs": inputs("What the plan needs to know of this certificate."),
                },
                "additionalProperties": false,
            },
        },
    })
}

fn plan(description: &str) -> Value {
    json!({ "type": "string", "pattern": r"\S", "description": format!("{description} A path, relative to this file.") })
}

fn inputs(description: &str) -> Value {
    json!({
        "type": ["object", "null"],
        "description": description,
        "additionalProperties": { "$ref": "#/$defs/value" },
    })
}
