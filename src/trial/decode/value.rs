//! Single values as test files write them: durations, texts, numbers of things.

use std::time::Duration;

use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::{ValueType, explain_mismatches};
use crate::types::parse_duration;

pub(super) fn decode_duration(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Duration> {
    let text = decoder.duration_text(fields, name)?;
    match parse_duration(&text.value) {
        Ok(duration) => Some(duration),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-duration", error.to_string())
                    .at(text.span, "this is no duration"),
            );
            None
        }
    }
}

pub(super) fn first_key(node: &Node) -> Span {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
        _ => node.span,
    }
}

pub(super) fn text(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<String> {
    decoder.text(fields, name).map(|text| text.value)
}

pub(super) fn texts(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<String>> {
    fields.get(name)?;
    let what = format!("an item of `{name}`");
    let items = decoder.items(fields, name)?;
    Some(items.iter().filter_map(|item| decoder.text_of(item, &what)).map(|t| t.value).collect())
}

pub(super) fn boolean(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<bool> {
    let (_, node) = fields.get(name)?;
    let value = explain_mismatches(node, &ValueType::Boolean, &fields.name_of(name), decoder)?;
    value.as_bool()
}

/// A number of things.
pub(super) fn count(number: &Located<i64>, decoder: &mut Decoder<'_>) -> Option<u32> {
    let count = u32::try_from(number.value).ok();
    if count.is_none() {
        decoder.push(
            Diagnostic::error("out-of-range", "nothing can happen so many times")
                .at(number.span, "expected 0 or more"),
        );
    }
    count
}
