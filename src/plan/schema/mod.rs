//! `plan_schema`: the JSON Schema (2020-12) of plans, for editors.
//!
//! Made from the tables that the compiler goes by. It never refuses what the parser accepts; the
//! parser refuses more, because a schema sees shapes and no references: names that do not exist,
//! circles, types of what a template gives, values against one another (a default against its own
//! bounds), and the finer rules of names and durations.

mod input;
mod value;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::policy::PassingFailure;
use super::signature::{Repeat, Signature, signatures};
use super::value_type::{Presence, ValueType};
use value::{EXPRESSION_PATTERN, TEMPLATE_PATTERN, literal, record, sentence, templated};

/// The schema of a plan.
pub fn plan_schema() -> Value {
    let mut definitions = json!({
        "template": {
            "type": "string",
            "pattern": TEMPLATE_PATTERN,
            "description": "A text with templates, such as `certs/{{ inputs.common_name }}`.",
        },
        "expression": {
            "type": "string",
            "pattern": EXPRESSION_PATTERN,
            "description": "Exactly one template, such as `{{ steps.order.certificate_id }}`; its \
                            value keeps its type.",
        },
        "duration": literal(&ValueType::Duration),
        "input": input::input(),
        "connection": connection(),
        "secret": secret(),
        "retry": retry(100),
        "poll": poll(),
        "step": step(),
    });
    for signature in signatures() {
        definitions[signature.name] = parameters(signature);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "certplan plan",
        "description": "A plan of certplan: the steps that order one TLS certificate.",
        "type": "object",
        "properties": {
            "certplan": { "const": 1, "description": "The version of the plan format." },
            "name": { "type": "string", "description": "The name of the plan." },
            "description": { "type": "string", "description": "What the plan is for." },
            "inputs": {
                "type": ["object", "null"],
                "description": "The values that the plan needs; templates read them as \
                                `inputs.NAME`.",
                "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "additionalProperties": { "$ref": "#/$defs/input" },
            },
            "connections": {
                "type": ["object", "null"],
                "description": "Where the API keys are found. Without an entry a key is read from \
                                the environment, such as `REGFISH_API_KEY`.",
                "properties": {
                    "regfish": { "$ref": "#/$defs/connection" },
                    "digicert": { "$ref": "#/$defs/connection" },
                },
                "additionalProperties": false,
            },
            "steps": {
                "type": "array",
                "description": "What is to be done. A step runs as soon as the steps are done that \
                                it reads from or that it `needs`.",
                "minItems": 1,
                "items": { "$ref": "#/$defs/step" },
            },
            "finally": {
                "type": ["array", "null"],
                "description": "What is done at the end of the run, whether it succeeded or failed; \
                                not while it is parked or in doubt. These steps read the others \
                                with `default(…)`, or after `when: steps.ID.FIELD is defined`.",
                "items": { "$ref": "#/$defs/step" },
            },
        },
        "required": ["certplan", "name", "steps"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn connection() -> Value {
    json!({
        "type": "object",
        "properties": {
            "api_key": { "$ref": "#/$defs/secret" },
            "base_url": {
                "type": "string",
                "pattern": "^https?://\\S",
                "not": { "pattern": TEMPLATE_PATTERN },
                "description": "The address, when it is not the vendor's usual one.",
            },
        },
        "required": ["api_key"],
        "additionalProperties": false,
    })
}

fn secret() -> Value {
    json!({
        "type": "object",
        "description": "Where the secret is found; the secret itself never stands in a plan.",
        "properties": {
            "env": {
                "type": "string",
                "pattern": "^[A-Z_][A-Z0-9_]*$",
                "description": "The environment variable that holds it.",
            },
            "file": { "type": "string", "description": "The file that holds it." },
            "command": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "string" },
                "description": "A program and its arguments; it prints the secret. No shell.",
            },
            "credential": {
                "type": "string",
                "minLength": 1,
                "pattern": "^[^/]+$",
                "description": "A credential that systemd gives to the service (LoadCredential=).",
            },
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}

fn retry(most_attempts: u32) -> Value {
    let words = PassingFailure::WORDS
        .map(|(word, _, meaning)| json!({ "const": word, "description": sentence(meaning) }));
    json!({
        "type": "object",
        "description": "How an attempt that failed for a passing reason is tried again.",
        "properties": {
            "attempts": {
                "type": "integer",
                "minimum": 1,
                "maximum": most_attempts,
                "description": "How many attempts there are at most, the first included.",
            },
            "backoff": duration("The delay after the first failed attempt; it doubles from then on."),
            "max_delay": duration("No delay is longer than this, unless the server asks for it."),
            "on": {
                "type": "array",
                "minItems": 1,
                "items": { "anyOf": words },
                "description": "Which failures are tried again; by default all that can pass.",
            },
        },
        "additionalProperties": false,
    })
}

fn poll() -> Value {
    json!({
        "type": "object",
        "description": "How a step that waits looks again.",
        "properties": {
            "every": duration("The pause between two looks."),
            "timeout": duration("How long it waits in all."),
            "on_timeout": {
                "anyOf": [
                    { "const": "park", "description": "The run is parked and can be resumed." },
                    { "const": "fail", "description": "The step fails." },
                ],
                "default": "park",
                "description": "What the end of the time means.",
            },
        },
        "additionalProperties": false,
    })
}

fn duration(description: &str) -> Value {
    json!({ "$ref": "#/$defs/duration", "description": description })
}

fn step() -> Value {
    let actions: Vec<Value> = signatures()
        .iter()
        .map(|signature| {
            json!({ "const": signature.name, "description": sentence(signature.summary) })
        })
        .collect();
    let rules: Vec<Value> = signatures().iter().map(rules).collect();
    json!({
        "type": "object",
        "properties": {
            "id": {
                "type": "string",
                "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$",
                "description": "The name of the step; templates read its output as \
                                `steps.ID.FIELD`.",
            },
            "uses": { "anyOf": actions, "description": "The action: what the step does." },
            "needs": {
                "type": "array",
                "items": { "type": "string" },
                "description": "Steps that must be done before, beside those that templates read \
                                from.",
            },
            "when": {
                "type": ["string", "boolean"],
                "not": { "type": "string", "pattern": TEMPLATE_PATTERN },
                "description": "An expression without braces; when it is false the step is skipped.",
            },
            "with": { "type": ["object", "null"], "description": "The parameters of the action." },
            "retry": { "$ref": "#/$defs/retry" },
            "poll": { "$ref": "#/$defs/poll" },
            "timeout": duration("How long one attempt may take. By default `2m`."),
            "on_failure": {
                "anyOf": [
                    { "const": "block", "description": "Steps that need this one do not run." },
                    { "const": "continue", "description": "They go on without it." },
                ],
                "default": "block",
                "description": "What a failure means for the steps that need this one.",
            },
            "share": {
                "anyOf": [
                    { "const": "run", "description": "Each run asks for itself." },
                    { "const": "batch", "description": "Equal questions of a batch are asked once." },
                ],
                "default": "run",
                "description": "Whether the answer is shared.",
            },
        },
        "required": ["id", "uses"],
        "additionalProperties": false,
        "allOf": rules,
    })
}

fn parameters(signature: &Signature) -> Value {
    let mut schema = record(&signature.parameters, templated);
    schema["description"] = json!(format!("The parameters of `{}`.", signature.name));
    if !signature.one_of.is_empty() {
        let given = |name: &&str| json!({ "required": [name] });
        schema["oneOf"] = signature.one_of.iter().map(given).collect();
    }
    schema
}

/// What the action of a step means for its other keys.
fn rules(signature: &Signature) -> Value {
    let name = signature.name;
    let parameters = json!({ "$ref": format!("#/$defs/{name}") });
    let required = !signature.one_of.is_empty()
        || signature.parameters.iter().any(|field| field.presence == Presence::Required);
    let mut properties = Map::new();
    let with =
        if required { parameters } else { json!({ "anyOf": [parameters, { "type": "null" }] }) };
    properties.insert("with".to_owned(), with);
    if signature.poll.is_none() {
        let message = format!("`{name}` does not wait, so `poll` has no meaning here.");
        properties.insert("poll".to_owned(), never(&message));
    }
    if !signature.can_be_shared() {
        properties.insert("share".to_owned(), json!({ "const": "run" }));
    }
    if signature.repeat == Repeat::Reconcile {
        properties.insert("retry".to_owned(), retry(signature.retry.attempts));
    }
    let mut then = json!({ "properties": properties });
    if required {
        then["required"] = json!(["with"]);
    }
    json!({
        "if": { "properties": { "uses": { "const": name } }, "required": ["uses"] },
        "then": then,
    })
}

/// A key that must not be there. `errorMessage` and `doNotSuggest` are what editors understand.
fn never(message: &str) -> Value {
    json!({ "not": {}, "description": message, "errorMessage": message, "doNotSuggest": true })
}
