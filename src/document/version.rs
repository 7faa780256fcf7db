//! The version key with which a file begins: `certplan: 1`, `certplan_inventory: 1`.

use super::decode::Decoder;
use super::diagnostic::Diagnostic;
use super::node::{Key, Kind, Node};
use super::source::Span;

/// A file format with its version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// What a file of it is called: "the plan".
    pub(crate) what: &'static str,
    /// The key that holds the version.
    pub(crate) key: &'static str,
    /// The version that this program knows.
    pub(crate) version: i64,
}

/// Whether the file can be read on: a missing or strange version is reported and taken for the known
/// one; a newer one is reported, and nothing else of the file is looked at.
pub(crate) fn check_version(
    format: Format,
    entries: &[(Key, Node)],
    root: &Node,
    decoder: &mut Decoder<'_>,
) -> bool {
    let Format { what, key: name, version: known } = format;
    let Some((_, version)) = entries.iter().find(|(key, _)| key.name == name) else {
        let first = entries.first().map_or(root.span, |(key, _)| key.span);
        decoder.push(
            Diagnostic::error("missing-version", format!("{what} does not say its format version"))
                .at(first, format!("`{name}: {known}` is missing above"))
                .suggest(
                    Span::new(first.start, first.start),
                    format!("{name}: {known}\n"),
                    "begin with it",
                ),
        );
        return true;
    };
    match version.kind {
        Kind::Integer(number) if number == known => true,
        Kind::Integer(newer) if newer > known => {
            decoder.push(
                Diagnostic::error(
                    "newer-version",
                    format!("{what} is written in format version {newer}"),
                )
                .at(version.span, format!("this program knows version {known}"))
                .help(format!("use a certplan that knows format version {newer}")),
            );
            false
        }
        _ => {
            decoder.push(
                Diagnostic::error("wrong-version", "this is no format version")
                    .at(version.span, format!("expected the number {known}"))
                    .suggest(version.span, known.to_string(), "write the number"),
            );
            true
        }
    }
}
