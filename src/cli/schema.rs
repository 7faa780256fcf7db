//! `certplan schema`: the JSON Schema of what people write.

use super::arguments::{SchemaArguments, SchemaOf};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use crate::plan::plan_schema;
use crate::sandbox::scenario_schema;

pub(super) fn schema(arguments: &SchemaArguments, console: &Console) -> Result<ExitCode, CliError> {
    let text = match arguments.of {
        SchemaOf::Plan => schema_text()?,
        SchemaOf::Scenario => text_of(&scenario_schema())?,
    };
    console.data(text.trim_end());
    Ok(ExitCode::Success)
}

/// The schema of plans as a file.
pub(super) fn schema_text() -> Result<String, CliError> {
    text_of(&plan_schema())
}

fn text_of(schema: &serde_json::Value) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(schema)
        .map_err(|error| CliError::failure(format!("the schema is no JSON: {error}")))?;
    Ok(text + "\n")
}
