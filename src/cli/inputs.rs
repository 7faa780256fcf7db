//! `NAME=VALUE` arguments, and the inputs and target that they make.

use serde_json::{Map, Value};

use super::error::CliError;
use crate::plan::{GivenValue, Plan, resolve_inputs};
use crate::types::{printable, shorten};

/// The plan's inputs from `--input` arguments and defaults.
pub(super) fn inputs(plan: &Plan, arguments: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut given = Vec::new();
    for argument in arguments {
        let (name, value) = name_and_value("--input", argument)?;
        given.push((name.to_owned(), GivenValue::Text(value.to_owned())));
    }
    resolve_inputs(plan, &given).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CliError::usage(texts.join("\n       ")).hint(format!(
            "`{}` needs: {}",
            plan.name,
            describe(plan)
        ))
    })
}

/// The target's name: the one given, or the common name, or the plan's own.
pub(super) fn target(plan: &Plan, given: Option<String>, inputs: &Map<String, Value>) -> String {
    given
        .map(|name| shorten(&printable(&name), 200))
        .or_else(|| inputs.get("common_name")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| plan.name.clone())
}

/// Splits `NAME=VALUE`.
pub(super) fn name_and_value<'a>(
    option: &str,
    argument: &'a str,
) -> Result<(&'a str, &'a str), CliError> {
    // The value is not repeated: somebody may have put a secret there.
    argument.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        let example = match option {
            "--set" => "connections.regfish.base_url=…",
            _ => "common_name=www.example.com",
        };
        CliError::usage(format!("`{option}` takes NAME=VALUE, for example `{example}`"))
    })
}

fn describe(plan: &Plan) -> String {
    let texts: Vec<String> = plan
        .inputs
        .iter()
        .map(|(name, input)| {
            let default = input
                .default
                .as_ref()
                .map(|value| format!(", default {value}"))
                .unwrap_or_default();
            format!("{name} ({}{default})", input.value_type)
        })
        .collect();
    if texts.is_empty() { "no inputs".to_owned() } else { texts.join("; ") }
}
