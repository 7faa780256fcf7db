//! `InputChecker`: a value that stands in a file, against the declaration of an input.
//!
//! For files beside the plan that give inputs their values. A mistake is reported at the part of the
//! value that has it, in the words of the plan's own diagnostics.

use regex_lite::Regex;
use serde_json::Value;

use super::compile::input::find_template;
use super::compile::value::explain_mismatches;
use super::inputs::compile_pattern;
use super::model::Input;
use super::value_type::ValueType;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::types::printable;

/// Checks values of one input. Made once for many values.
pub(crate) struct InputChecker<'p> {
    input: &'p Input,
    pattern: Option<Regex>,
}

impl<'p> InputChecker<'p> {
    pub(crate) fn new(input: &'p Input) -> Self {
        // A pattern that does not compile was refused with the plan.
        let pattern = input.pattern.as_deref().and_then(|text| compile_pattern(text).ok());
        Self { input, pattern }
    }

    /// The value in its normal form. What is wrong with it is reported; `what` names it.
    pub(crate) fn check(
        &self,
        node: &Node,
        what: impl Fn() -> String,
        decoder: &mut Decoder<'_>,
    ) -> Option<Value> {
        if let Some(template) = find_template(node) {
            decoder.push(
                Diagnostic::error(
                    "template-in-inventory",
                    format!("{} cannot hold a template", what()),
                )
                .at(template.span, "an inventory holds plain values")
                .help("use the template in the step of the plan that reads the input"),
            );
            return None;
        }
        let Ok(value) = self.input.value_type.check(&node.to_value()) else {
            return explain_mismatches(node, &self.input.value_type, &what(), decoder);
        };
        match (&self.pattern, value.as_str()) {
            (Some(pattern), Some(text)) if !pattern.is_match(text) => {
                let pattern = printable(self.input.pattern.as_deref().unwrap_or_default());
                decoder.push(
                    Diagnostic::error("pattern-mismatch", format!("{} is not allowed", what()))
                        .at(node.span, format!("it does not match `{pattern}`")),
                );
                None
            }
            _ => Some(value),
        }
    }

    /// Whether it is a list of things that hold neither blanks nor commas.
    pub(crate) fn lists_words(&self) -> bool {
        let ValueType::List(item) = &self.input.value_type else { return false };
        matches!(**item, ValueType::Domain | ValueType::Email | ValueType::Integer { .. })
    }

    /// A cell of a table, whose values are all texts, as a value of the input's type: the parts of a
    /// list are separated by `separator`. What a text cannot be is left to [`Self::check`].
    pub(crate) fn read_cell(&self, node: &Node, separator: char) -> Option<Node> {
        let text = node.as_str()?;
        match &self.input.value_type {
            ValueType::List(item) => {
                let mut start = 0;
                let mut items = Vec::new();
                for part in text.split(separator) {
                    let kept = part.trim();
                    let at = start + (part.len() - part.trim_start().len());
                    start += part.len() + separator.len_utf8();
                    if !kept.is_empty() {
                        // A cell with doubled quotes is longer than its value; then the whole cell
                        // is the place.
                        let span = match node.span.end - node.span.start == text.len() {
                            true => node.span.part(at..at + kept.len()),
                            false => node.span,
                        };
                        items.push(Node { kind: simple(kept, item), span });
                    }
                }
                Some(Node { kind: Kind::Seq(items), span: node.span })
            }
            value_type => Some(Node { kind: simple(text, value_type), span: node.span }),
        }
    }
}

fn simple(text: &str, value_type: &ValueType) -> Kind {
    let as_text = || Kind::String(text.to_owned());
    match value_type {
        ValueType::Integer { .. } => {
            text.trim().parse::<i64>().map_or_else(|_| as_text(), Kind::Integer)
        }
        ValueType::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ => as_text(),
        },
        _ => as_text(),
    }
}
