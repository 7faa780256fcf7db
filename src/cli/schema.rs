//! `certplan schema`: the JSON Schema of what people write.

use super::arguments::{SchemaArguments, SchemaOf};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use crate::plan::plan_schema;

pub(super) fn schema(arguments: &SchemaArguments, console: &Console) -> Result<ExitCode, CliError> {
    let text = match arguments.of {
        SchemaOf::Plan => schema_text()?,
    };
    console.data(text.trim_end());
    Ok(ExitCode::Success)
}

/// The schema of plans as a file.
pub(super) fn schema_text() -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(&plan_schema())
        .map_err(|error| CliError::failure(format!("the schema is no JSON: {error}")))?;
    Ok(text + "\n")
}
