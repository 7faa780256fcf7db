//! The plan language: from a YAML file to a [`Plan`] that can be run, or to every mistake in it.
//!
//! [`parse_plan`] reads and checks, [`resolve_inputs`] settles the inputs of one target, [`render()`]
//! and [`evaluate_condition`] evaluate what is left to evaluate when a step's turn has come. All of
//! it is pure: text in, values or diagnostics out; no file, no clock, no environment.

mod address;
mod certificate_origin;
mod compile;
mod elsewhere;
mod expression;
mod file_format;
mod filter_functions;
mod filter_signatures;
mod filters;
mod foreign_file;
pub(crate) mod foreseen;
mod inputs;
mod issuable;
mod limits;
pub(crate) mod literal;
mod manual;
mod model;
mod partial;
mod partial_check;
mod policy;
mod product;
mod raw;
mod raw_policy;
mod references;
mod render;
mod scan;
mod schedule;
mod schema;
mod secret_parameters;
mod shape;
mod signature;
mod template;
mod value_type;

#[cfg(test)]
mod tests;

use crate::document::decode::Decoder;
use crate::document::{Diagnostics, SourceFile, yaml};
pub use certificate_origin::order_of;
pub(crate) use compile::value::explain_mismatches;
pub use file_format::{FileFormat, PEM_FILES, file_name_fault};
pub use filters::{FilterDoc, FilterTypes, builtin_filters, filter_types, own_filters};
pub use inputs::{GivenValue, InputError, resolve_inputs};
pub use issuable::{LONGEST_COMMON_NAME, MOST_NAMES, NameFault, name_fault};
pub use manual::{ActionDoc, FieldDoc, VariableDoc, actions_markdown, filters_markdown};
pub use model::{Connection, Input, OnFailure, Plan, SecretSource, Share, Step, Template};
pub use partial::{Partly, condition_partly, placeholder, render_partly};
pub use partial_check::check_fields;
pub use policy::{OnTimeout, PassingFailure, PollPolicy, RetryPolicy};
pub use product::{PRODUCTS, documented_product, is_for_single_names, nearest_product};
pub use render::{Context, RenderError, evaluate_condition, render};
pub use schedule::{LONGEST_SOLD_DAYS, ValidityLimit, ValiditySchedule};
pub use schema::plan_schema;
pub use secret_parameters::{NamedSecret, may_name_secrets, named_secrets};
pub use signature::{
    Breach, Given, Repeat, Rule, Signature, Undoing, find as find_signature, missing_name,
    names_differ, nearest_action, signatures,
};
pub use value_type::{Field, Mismatch, Presence, ValueType, check_record};

/// Reads and checks a plan. Gives the plan and what is doubtful about it, or everything that is
/// wrong with it.
pub fn parse_plan(file: &SourceFile) -> Result<(Plan, Diagnostics), Diagnostics> {
    check_plan(file, None)
}

/// The same, and doubts every validity above `limit`: the one that counts on the day of the caller.
pub fn check_plan(
    file: &SourceFile,
    limit: Option<&ValidityLimit>,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new(file);
    if let Some(foreign) = foreign_file::by_name(file) {
        diagnostics.push(foreign);
        return Err(diagnostics);
    }
    let root = yaml::parse(file, &mut diagnostics);
    let mut decoder = Decoder { file, diagnostics: &mut diagnostics };
    let raw = root.as_ref().and_then(|root| raw::decode(root, &mut decoder));
    match raw.map(|raw| compile::compile(&raw, limit, &mut decoder)) {
        Some(plan) if !diagnostics.has_errors() => Ok((plan, diagnostics)),
        _ => Err(diagnostics),
    }
}
