//! `test_schema`: the JSON Schema (2020-12) of test files, for editors.
//!
//! It never refuses what the parser accepts; the parser refuses more, because it knows the plan.

use serde_json::{Value, json};

use super::expectation::{Outcome, StepWord};
use super::imitation::ShownCertificate;
use crate::sandbox::{scenario_body_schema, scenario_definitions};

/// The schema of a test file.
pub fn test_schema() -> Value {
    let mut schema = file();
    schema["$defs"]["scenario"] = scenario_body_schema();
    if let (Value::Object(ours), Value::Object(more)) =
        (&mut schema["$defs"], scenario_definitions())
    {
        ours.extend(more);
    }
    schema
}

fn file() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "certplan tests",
        "description": "Cases that `certplan test` plays with a plan in an imitated world.",
        "type": "object",
        "properties": {
            "certplan_test": { "const": 1, "description": "The version of the format." },
            "plan": {
                "type": "string",
                "description": "The plan, relative to this file; by default `NAME.yaml` for \
                                `NAME.test.yaml`.",
            },
            "description": { "type": "string", "description": "What the cases are about." },
            "inputs": inputs("Inputs that all cases give, unless they give others."),
            "scenario": scenario("The world of all cases that describe none of their own."),
            "imitate": { "$ref": "#/$defs/imitate" },
            "cases": {
                "type": "array",
                "description": "The cases. Each is a run of the plan in a world of its own.",
                "minItems": 1,
                "items": { "$ref": "#/$defs/case" },
            },
        },
        "required": ["certplan_test", "cases"],
        "additionalProperties": false,
        "$defs": {
            "case": case(),
            "act": act(),
            "expect": expect(),
            "imitate": imitate(),
            "imitated_answer": imitated_answer(),
            "wanted": wanted(),
            "count": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        },
    })
}

fn inputs(description: &str) -> Value {
    json!({ "type": ["object", "null"], "description": description })
}

fn scenario(description: &str) -> Value {
    json!({
        "anyOf": [{ "$ref": "#/$defs/scenario" }, { "type": ["string", "null"] }],
        "description": format!("{description} A scenario, or the path of a scenario file."),
    })
}

fn duration(description: &str) -> Value {
    json!({
        "type": "string",
        "pattern": "^\\s*([0-9]+(ms|s|m|h|d))+\\s*$",
        "description": format!("{description} For example `90s`, `30m`, `7d`."),
    })
}

fn case() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "description": "What the case shows." },
            "description": { "type": "string", "description": "More about it." },
            "inputs": inputs("The inputs of the plan."),
            "scenario": scenario("How the world differs from the usual one."),
            "imitate": { "$ref": "#/$defs/imitate" },
            "limit": duration("Virtual time that the case may take; `90d` by default."),
            "kill_at": {
                "description": "Where the program is killed and the run resumed, each time in a \
                                fresh world: after every event, or after those with these numbers. \
                                Every time it must end in the same way, with as many orders and keys.",
                "anyOf": [
                    { "const": "every_event" },
                    { "type": "integer", "minimum": 1, "maximum": 100_000 },
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": { "type": "integer", "minimum": 1, "maximum": 100_000 },
                    },
                ],
            },
            "expect": { "$ref": "#/$defs/expect" },
            "then": {
                "description": "How the run is resumed after that, one time after the other.",
                "anyOf": [
                    { "$ref": "#/$defs/act" },
                    { "type": "array", "maxItems": 20, "items": { "$ref": "#/$defs/act" } },
                ],
            },
        },
        "required": ["name", "expect"],
        "additionalProperties": false,
    })
}

fn imitate() -> Value {
    json!({
        "type": "object",
        "description": "What stands for the programs and servers that steps reach (`command.run`, \
                        `http.request`, `tls.check_served`), for each step. What a case says goes \
                        before what the file says.",
        "additionalProperties": {
            "anyOf": [
                { "const": "really", "description": "The step really acts." },
                { "$ref": "#/$defs/imitated_answer" },
                {
                    "type": "array",
                    "description": "One answer after the other; the last one from then on.",
                    "minItems": 1,
                    "maxItems": 100,
                    "items": { "$ref": "#/$defs/imitated_answer" },
                },
            ],
        },
    })
}

fn imitated_answer() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let shown: Vec<&str> = ShownCertificate::WORDS.iter().map(|(word, _)| *word).collect();
    let answer = |description: &str, properties: Value| {
        json!({
            "type": "object",
            "description": description,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    json!({
        "anyOf": [
            { "const": "succeeds", "description": "What lets the step succeed." },
            answer("For `command.run`: the program ends.", json!({
                "exit_code": { "type": "integer", "minimum": 0, "maximum": 255 },
                "stdout": text("Its output."),
                "stderr": text("Its error output."),
            })),
            answer("For `http.request`: the server answers.", json!({
                "status": { "type": "integer", "minimum": 100, "maximum": 599 },
                "headers": { "type": "object", "additionalProperties": { "type": "string" } },
                "json": { "description": "The body, as JSON." },
                "text": text("The body as it is."),
            })),
            answer("For `tls.check_served`: the server shows a certificate.", json!({
                "serves": { "enum": shown },
            })),
            answer("Nobody answers, or nothing starts.", json!({
                "error": text("The reason."),
            })),
        ],
    })
}

fn act() -> Value {
    json!({
        "type": "object",
        "properties": {
            "after": duration("How long the run stands still before it is resumed."),
            "imitate": { "$ref": "#/$defs/imitate" },
            "expect": { "$ref": "#/$defs/expect" },
        },
        "required": ["expect"],
        "additionalProperties": false,
    })
}

fn expect() -> Value {
    let outcomes: Vec<Value> = Outcome::WORDS
        .iter()
        .map(|(word, _, meaning)| json!({ "const": word, "description": meaning }))
        .collect();
    let states: Vec<&str> = StepWord::ALL.iter().map(|(word, _)| *word).collect();
    let text = |description: &str| json!({ "type": "string", "description": description });
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let count = json!({ "$ref": "#/$defs/count" });
    let object = |properties: Value| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let request = {
        let mut request = object(json!({
            "call": {
                "type": "string",
                "pattern": "^\\s*\\S+\\s+[/*]\\S*\\s*$",
                "description": "Only these: a method and a path, such as `POST /tls/certificate`. In \
                                the path `*` is anything but a slash, `**` is anything.",
            },
            "status": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "exactly": count,
            "at_least": count,
            "at_most": count,
        }));
        request["anyOf"] = json!([{ "required": ["exactly"] }, { "required": ["at_least"] }, { "required": ["at_most"] }]);
        request
    };
    let order = object(json!({
        "common_name": text("The common name."),
        "dns_names": names,
        "product": text("The product's sku."),
        "status": text("The status that the API shows."),
        "organization": text("The organization's public id; `none` when there is none."),
        "action_required": { "type": "boolean" },
    }));
    json!({
        "type": "object",
        "properties": {
            "outcome": { "anyOf": outcomes, "description": "How the run stands." },
            "description": text("Why this is right."),
            "reason": text("A part of the reason why it failed, is parked or in doubt."),
            "step": text("The step at which it failed, is parked or in doubt."),
            "steps": {
                "type": "object",
                "description": "How single steps stand.",
                "additionalProperties": {
                    "anyOf": [
                        { "enum": states },
                        object(json!({
                            "state": { "enum": states },
                            "reason": text("A part of what there is to say about it."),
                            "attempts": count,
                        })),
                    ],
                },
            },
            "outputs": {
                "type": "object",
                "description": "What steps have recorded: `STEP.FIELD`, and the value.",
                "propertyNames": { "pattern": "^[^.]+\\.." },
                "additionalProperties": { "$ref": "#/$defs/wanted" },
            },
            "orders": {
                "description": "How many orders were placed, or which ones; one at most unless it \
                                says otherwise.",
                "anyOf": [count, { "type": "array", "items": order }],
            },
            "requests": {
                "description": "How many requests were sent.",
                "anyOf": [request, { "type": "array", "items": request }],
            },
            "files": {
                "type": "array",
                "items": { "type": "string", "not": { "pattern": "^/" } },
                "description": "Files that were written; `*` is anything.",
            },
            "no_files": {
                "type": "array",
                "items": { "type": "string", "not": { "pattern": "^/" } },
                "description": "Files that must not have been written.",
            },
            "certificate": {
                "description": "What the certificate says.",
                "type": "object",
                "properties": { "names": names, "days": { "type": "integer" } },
                "additionalProperties": false,
            },
            "records": {
                "type": "array",
                "description": "The DNS records that are left behind, all of them.",
                "items": object(json!({
                    "name": text("The full name; `*` is anything."),
                    "type": text("The type, such as `CNAME`."),
                    "value": text("The data; `*` is anything."),
                })),
            },
            "within": duration("How much virtual time it may have taken."),
        },
        "required": ["outcome"],
        "additionalProperties": false,
    })
}

fn wanted() -> Value {
    json!({
        "description": "A value; or `matches` (a regular expression for the whole text), `contains` \
                        (a part of a text, an item of a list), `absent: true`.",
    })
}
