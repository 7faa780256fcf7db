//! `resolve_inputs`: the values of one target, checked against what the plan declares.
//!
//! Values from a command line are text and are read by the declared type; values from an inventory
//! have types already. All mistakes are reported at once.

use regex_lite::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::model::{Input, Plan};
use super::value_type::ValueType;
use crate::document::describe;
use crate::document::diagnostic::Diagnostics;
use crate::document::source::SourceFile;
use crate::document::suggest::{list, nearest};
use crate::document::yaml;
use crate::types::printable;

/// Bytes that a compiled pattern may take.
const LARGEST_PATTERN: usize = 256 * 1024;

/// A value that somebody gave for an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenValue {
    /// As on a command line; the declared type says how it is read.
    Text(String),
    /// A value with a type.
    Value(Value),
}

/// Why the inputs of a plan are not settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The plan declares no such input.
    #[error("the plan has no input `{name}`{}", candidates(nearest, known))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// An input without a default was not given.
    #[error("the input `{name}` ({value_type}) is missing{}", meaning(description))]
    Missing {
        /// The name.
        name: String,
        /// Its type.
        value_type: String,
        /// What the plan says about it.
        description: Option<String>,
    },
    /// The value does not have the type.
    #[error("the input `{name}` does not fit: {reason}")]
    Invalid {
        /// The name.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
}

fn candidates(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => "; it has none".to_owned(),
        None => format!("; it has {}", list(known.iter().map(String::as_str))),
    }
}

fn meaning(description: &Option<String>) -> String {
    description.as_ref().map(|text| format!(": {}", printable(text))).unwrap_or_default()
}

/// The value of every input of `plan`: given, or its default. Of two values for one input the later
/// one counts. Fails with everything that is wrong.
pub fn resolve_inputs(
    plan: &Plan,
    given: &[(String, GivenValue)],
) -> Result<Map<String, Value>, Vec<InputError>> {
    let mut errors: Vec<InputError> = Vec::new();
    for (name, _) in given.iter().filter(|(name, _)| !plan.inputs.contains_key(name)) {
        let known = plan.inputs.keys();
        errors.push(InputError::Unknown {
            name: printable(name),
            nearest: nearest(name, known.clone().map(String::as_str)).map(str::to_owned),
            known: known.cloned().collect(),
        });
    }
    let mut values = Map::new();
    for (name, input) in &plan.inputs {
        let given = given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value);
        match settle(name, input, given) {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(mut wrong) => errors.append(&mut wrong),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn settle(name: &str, input: &Input, given: Option<&GivenValue>) -> Result<Value, Vec<InputError>> {
    let invalid = |reason: String| InputError::Invalid { name: name.to_owned(), reason };
    let value = match given {
        Some(GivenValue::Value(value)) => value.clone(),
        Some(GivenValue::Text(text)) => {
            read(text, &input.value_type).map_err(|reason| vec![invalid(reason)])?
        }
        None => match &input.default {
            Some(default) => return Ok(default.clone()),
            None => {
                return Err(vec![InputError::Missing {
                    name: name.to_owned(),
                    value_type: input.value_type.to_string(),
                    description: input.description.clone(),
                }]);
            }
        },
    };
    let checked = input.value_type.check(&value);
    let checked = checked.map_err(|wrong| -> Vec<InputError> {
        wrong.iter().map(|mismatch| invalid(mismatch.to_string())).collect()
    })?;
    match (&input.pattern, checked.as_str()) {
        (Some(pattern), Some(text)) if !matches_pattern(pattern, text) => {
            let found = describe(&checked);
            Err(vec![invalid(format!("{found} does not match `{}`", printable(pattern)))])
        }
        _ => Ok(checked),
    }
}

/// Compiles the pattern of an input so that it must match a text as a whole. Linear in time; the
/// reader of the language bounds its size.
pub(super) fn compile_pattern(pattern: &str) -> Result<Regex, regex_lite::Error> {
    // Alone first: `a)(b` must not become right by what is put around it.
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build()?;
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(LARGEST_PATTERN).build()
}

/// Whether `text` as a whole matches. A pattern that does not compile was refused before.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    compile_pattern(pattern).is_ok_and(|regex| regex.is_match(text))
}

/// Reads a text as a value of `value_type`; what the text cannot be is left to the type check.
fn read(text: &str, value_type: &ValueType) -> Result<Value, String> {
    let as_text = || Value::String(text.to_owned());
    match value_type {
        ValueType::Integer { .. } => {
            Ok(text.trim().parse::<i64>().map_or_else(|_| as_text(), Value::from))
        }
        ValueType::Boolean => Ok(match text.trim() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => as_text(),
        }),
        ValueType::List(_) if text.trim_start().starts_with('[') => flow(text),
        ValueType::List(_) if text.trim().is_empty() => Ok(Value::Array(Vec::new())),
        ValueType::List(item) => text.split(',').map(|part| read(part.trim(), item)).collect(),
        ValueType::Map | ValueType::Record(_) => flow(text),
        ValueType::Any if text.trim_start().starts_with(['[', '{']) => flow(text),
        _ => Ok(as_text()),
    }
}

/// Reads YAML (and so JSON) in flow style.
fn flow(text: &str) -> Result<Value, String> {
    let file = SourceFile::new("", text);
    let mut diagnostics = Diagnostics::new(&file);
    match yaml::parse(&file, &mut diagnostics) {
        Some(node) if !diagnostics.has_errors() => Ok(node.to_value()),
        _ => {
            let reason = diagnostics.iter().next().map(|item| item.message.clone());
            let found = describe(&Value::String(text.to_owned()));
            Err(format!("{}, in {found}", reason.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::parse_plan;
    use serde_json::json;

    fn plan() -> Plan {
        let text = "certplan: 1\nname: x\ninputs:\n  name: { type: domain, description: what to order }\n  \
                    names: { type: list, items: domain, default: [] }\n  days: { type: integer, \
                    default: 199, maximum: 199 }\n  wild: { type: boolean, default: false }\n  \
                    level: { type: enum, values: [dv, ov], default: dv }\n  tags: { type: map, default: {} }\nsteps:\n  - { id: k, uses: \
                    x509.create_csr, with: { common_name: \"{{ inputs.name }}\" } }\n";
        match parse_plan(&SourceFile::new("plan.yaml", text)) {
            Ok((plan, _)) => plan,
            Err(diagnostics) => panic!("{}", diagnostics.render(false)),
        }
    }

    fn resolve(given: &[(&str, &str)]) -> Result<Value, Vec<String>> {
        let given: Vec<(String, GivenValue)> = given
            .iter()
            .map(|(name, text)| ((*name).to_owned(), GivenValue::Text((*text).to_owned())))
            .collect();
        resolve_inputs(&plan(), &given)
            .map(Value::Object)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn text_is_read_by_the_declared_type() {
        let given = [
            ("name", "WWW.Example.com"),
            ("names", "a.example.com, b.example.com"),
            ("days", "90"),
            ("wild", "true"),
            ("tags", "{a: 1}"),
        ];
        assert_eq!(
            resolve(&given),
            Ok(json!({
                "name": "www.example.com",
                "names": ["a.example.com", "b.example.com"],
                "days": 90,
                "wild": true,
                "level": "dv",
                "tags": {"a": 1},
            }))
        );
        let listed = resolve(&[("name", "a.example"), ("names", "[b.example, \"c.example\"]")]);
        assert_eq!(listed.unwrap()["names"], json!(["b.example", "c.example"]));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let given =
            [("nmae", "x"), ("days", "300"), ("wild", "yes"), ("level", "ev"), ("tags", "{")];
        assert_eq!(
            resolve(&given).unwrap_err(),
            [
                "the plan has no input `nmae`; did you mean `name`?",
                "the input `name` (domain) is missing: what to order",
                "the input `days` does not fit: expected integer of at most 199, found number `300`",
                "the input `wild` does not fit: expected boolean, found string `yes`",
                "the input `level` does not fit: expected one of `dv`, `ov`, found string `ev`",
                "the input `tags` does not fit: this `{` is not closed, in string `{`",
            ]
        );
    }

    #[test]
    fn a_text_must_match_its_pattern_as_a_whole() {
        let text = "certplan: 1\nname: x\ninputs:\n  ticket: { type: string, pattern: 'OPS-\\d+' }\n\
                    steps:\n  - { id: k, uses: regfish.list_products, with: { sku: \"{{ inputs.ticket }}\" } }\n";
        let (plan, _) = parse_plan(&SourceFile::new("plan.yaml", text)).unwrap();
        let resolve = |text: &str| {
            let given = [("ticket".to_owned(), GivenValue::Text(text.to_owned()))];
            resolve_inputs(&plan, &given)
        };
        assert_eq!(resolve("OPS-12").unwrap()["ticket"], json!("OPS-12"));
        assert_eq!(
            resolve("OPS-12; rm").unwrap_err()[0].to_string(),
            "the input `ticket` does not fit: string `OPS-12; rm` does not match `OPS-\\d+`"
        );
    }

    #[test]
    fn the_later_value_counts_and_typed_values_are_checked_as_they_are() {
        let given = [
            ("name".to_owned(), GivenValue::Text("a.example".to_owned())),
            ("name".to_owned(), GivenValue::Value(json!("b.example"))),
            ("days".to_owned(), GivenValue::Value(json!("90"))),
        ];
        let errors = resolve_inputs(&plan(), &given).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let values = resolve_inputs(&plan(), &given[..2]).unwrap();
        assert_eq!(values["name"], json!("b.example"));
    }
}
