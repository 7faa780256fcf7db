//! The inputs that a test file gives to its plan, checked against the types that the plan declares.

use serde_json::{Map, Value};

use super::Common;
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::{GivenValue, InputError, Plan, explain_mismatches, resolve_inputs};
use crate::types::printable;

pub(super) fn input_entries<'n>(
    fields: &Fields<'n>,
    decoder: &mut Decoder<'_>,
) -> &'n [(Key, Node)] {
    match fields.get("inputs") {
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        None | Some((_, Node { kind: Kind::Null, .. })) => &[],
        Some((_, node)) => {
            let help = "give each input by its name, for example `common_name: www.example.com`";
            decoder.wrong_kind_because(node, &fields.name_of("inputs"), "a map", Some(help));
            &[]
        }
    }
}

/// Reports inputs that the plan does not have, and values that do not fit. True when all are well.
pub(super) fn check_inputs(
    entries: &[(Key, Node)],
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> bool {
    let mut well = true;
    for (key, node) in entries {
        let name = printable(&key.name);
        if let Some(input) = plan.inputs.get(&key.name) {
            let what = format!("the input `{name}`");
            well &= explain_mismatches(node, &input.value_type, &what, decoder).is_some();
            continue;
        }
        well = false;
        let known = || plan.inputs.keys().map(String::as_str);
        let diagnostic = Diagnostic::error(
            "unknown-input",
            format!("the plan `{}` has no input `{name}`", plan.name),
        )
        .at(key.span, "unknown input");
        decoder.push(match nearest(&key.name, known()) {
            Some(near) => diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")),
            None if plan.inputs.is_empty() => diagnostic.help("it has none"),
            None => diagnostic.help(format!("inputs: {}", list(known()))),
        });
    }
    well
}

/// The inputs of a case, over those that all cases have in common.
pub(super) fn decode_inputs(
    fields: &Fields<'_>,
    start: Span,
    common: &Common<'_, '_>,
    decoder: &mut Decoder<'_>,
) -> Option<Map<String, Value>> {
    let own = input_entries(fields, decoder);
    if !(check_inputs(own, common.plan, decoder) && common.inputs_fit) {
        return None;
    }
    let all = common.inputs.iter().chain(own);
    let given: Vec<(String, GivenValue)> =
        all.map(|(key, node)| (key.name.clone(), GivenValue::Value(node.to_value()))).collect();
    let errors = match resolve_inputs(common.plan, &given) {
        Ok(values) => return Some(values),
        Err(errors) => errors,
    };
    for error in errors {
        let place = |name: &str| {
            let mut entries = own.iter().chain(common.inputs);
            entries.find(|(key, _)| key.name == name).map(|(_, node)| node.span)
        };
        match &error {
            InputError::Missing { name, .. } => decoder.push(
                Diagnostic::error("missing-input", error.to_string())
                    .at(start, "this case does not give it")
                    .help(format!("add it: `inputs: {{ {name}: … }}`")),
            ),
            InputError::Invalid { name, .. } => decoder.push(
                Diagnostic::error("wrong-type", error.to_string())
                    .at(place(name).unwrap_or(start), "this value"),
            ),
            // Said before, with its place.
            InputError::Unknown { .. } => {}
        }
    }
    None
}
