//! `certplan schema`: the JSON Schema of what people write, and of the events that they read.

use super::arguments::{SchemaArguments, SchemaOf};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use crate::inventory::inventory_schema;
use crate::plan::plan_schema;
use crate::sandbox::scenario_schema;
use crate::trial::test_schema;
use serde_json::Value;

/// Written by hand; tests hold every event that is recorded in them to it.
const EVENT_SCHEMA: &str = include_str!("../../schemas/event.schema.json");

pub(super) fn schema(arguments: &SchemaArguments, console: &Console) -> Result<ExitCode, CliError> {
    let text = match arguments.of {
        SchemaOf::Plan => schema_text(&plan_schema())?,
        SchemaOf::Inventory => schema_text(&inventory_schema())?,
        SchemaOf::Scenario => schema_text(&scenario_schema())?,
        SchemaOf::Test => schema_text(&test_schema())?,
        SchemaOf::Event => EVENT_SCHEMA.to_owned(),
    };
    console.data(text.trim_end());
    Ok(ExitCode::Success)
}

/// A schema as a file.
pub(super) fn schema_text(schema: &Value) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(schema)
        .map_err(|error| CliError::failure(format!("the schema is no JSON: {error}")))?;
    Ok(text + "\n")
}
