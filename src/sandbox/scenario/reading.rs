//! Reading the values that scenarios are made of: durations, names, numbers, lists.

use std::time::Duration;

use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::types::{DomainName, Timestamp, parse_duration, printable, shorten};

/// Where a map begins, to point there when something is missing in it.
pub(super) fn at_top(node: &Node) -> Span {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
        _ => node.span,
    }
}

/// The items of the list `name`; none when it is not there.
pub(super) fn items<'n>(
    fields: &Fields<'n>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<&'n [Node]> {
    fields.get(name)?;
    decoder.items(fields, name)
}

/// The duration `name`.
pub(super) fn duration(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Duration> {
    let text = decoder.duration_text(fields, name)?;
    parsed_duration(&text, &fields.name_of(name), decoder)
}

/// `node` as a duration.
pub(super) fn duration_of(node: &Node, what: &str, decoder: &mut Decoder<'_>) -> Option<Duration> {
    if let Kind::Integer(number) = node.kind {
        decoder.push(
            Diagnostic::error("bad-duration", format!("{what} has no unit"))
                .at(node.span, "seconds, minutes, hours or days?")
                .suggest(node.span, format!("{number}s"), "say the unit, for example"),
        );
        return None;
    }
    let text = decoder.text_of(node, what)?;
    parsed_duration(&text, what, decoder)
}

fn parsed_duration(
    text: &Located<String>,
    what: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Duration> {
    match parse_duration(&text.value) {
        Ok(duration) => Some(duration),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-duration", format!("{what} is no duration"))
                    .at(text.span, error.to_string()),
            );
            None
        }
    }
}

/// The time `name`, such as `2026-03-01T09:00:00Z`.
pub(super) fn timestamp(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Timestamp> {
    let text = decoder.text(fields, name)?;
    match text.value.parse() {
        Ok(timestamp) => Some(timestamp),
        Err(_) => {
            let shown = shorten(&printable(&text.value), 40);
            decoder.push(
                Diagnostic::error("bad-time", format!("{} is no time", fields.name_of(name)))
                    .at(text.span, format!("`{shown}` is not written like `2026-03-01T09:00:00Z`")),
            );
            None
        }
    }
}

/// The seed `name`: a whole number.
pub(super) fn seed(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<u64> {
    let number = decoder.integer(fields, name)?;
    in_range(&number, &fields.name_of(name), 0, i64::MAX, decoder)
        .and_then(|seed| u64::try_from(seed).ok())
}

/// The number `name`, from `least` up.
pub(super) fn count(
    fields: &Fields<'_>,
    name: &str,
    least: u32,
    decoder: &mut Decoder<'_>,
) -> Option<u32> {
    let number = decoder.integer(fields, name)?;
    let most = MOST_COUNTED;
    in_range(&number, &fields.name_of(name), least.into(), most.into(), decoder)
        .and_then(|number| u32::try_from(number).ok())
}

/// Nobody counts further; the bound keeps every sum in range.
pub(super) const MOST_COUNTED: u32 = 1_000_000;

/// Reports a number that is not from `least` to `most`.
pub(super) fn in_range(
    number: &Located<i64>,
    what: &str,
    least: i64,
    most: i64,
    decoder: &mut Decoder<'_>,
) -> Option<i64> {
    if (least..=most).contains(&number.value) {
        return Some(number.value);
    }
    let range = if most == i64::MAX {
        format!("at least {least}")
    } else {
        format!("from {least} to {most}")
    };
    decoder.push(
        Diagnostic::error("out-of-range", format!("{what} cannot be {}", number.value))
            .at(number.span, range),
    );
    None
}

/// The value `name` as a boolean.
pub(super) fn boolean(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<bool> {
    let (_, node) = fields.get(name)?;
    if let Kind::Bool(value) = node.kind {
        return Some(value);
    }
    decoder.wrong_kind(node, &fields.name_of(name), "`true` or `false`");
    None
}

/// The domain name `name`.
pub(super) fn domain(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<DomainName> {
    let (_, node) = fields.get(name)?;
    domain_of(node, &fields.name_of(name), decoder)
}

/// `node` as a domain name.
pub(super) fn domain_of(node: &Node, what: &str, decoder: &mut Decoder<'_>) -> Option<DomainName> {
    let text = decoder.text_of(node, what)?;
    match DomainName::parse(&text.value) {
        Ok(name) => Some(name),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-name", format!("{what} is no domain name"))
                    .at(text.span, error.to_string()),
            );
            None
        }
    }
}

/// The domain names of the list `name`.
pub(super) fn domains(
    fields: &Fields<'_>,
    name: &str,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<DomainName>> {
    let items = items(fields, name, decoder)?;
    let what = format!("an item of {}", fields.name_of(name));
    Some(items.iter().filter_map(|item| domain_of(item, &what, decoder)).collect())
}

/// Reports two keys that exclude each other; the second is the one to leave out.
pub(super) fn exclude(fields: &Fields<'_>, first: &str, second: &str, decoder: &mut Decoder<'_>) {
    if let (Some((kept, _)), Some((key, _))) = (fields.get(first), fields.get(second)) {
        decoder.push(
            Diagnostic::error(
                "excluding-keys",
                format!("`{first}` and `{second}` exclude each other"),
            )
            .at(key.span, "leave this out")
            .also(kept.span, "or this"),
        );
    }
}
