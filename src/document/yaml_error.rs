//! What the YAML reader's errors mean, in words that help whoever wrote the file.
//!
//! The reader speaks to programmers ("set DuplicateKeyPolicy"); its words are used only where they
//! are plain.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::diagnostic::Diagnostic;
use super::source::{FileLimits, SourceFile, Span};
use super::yaml::{DEEPEST, MOST_ALIASES};
use crate::types::printable;

/// One error of the reader as a diagnostic.
pub(crate) fn explain(error: &Error, file: &SourceFile, limits: FileLimits) -> Diagnostic {
    let span = place(error, file);
    match error {
        Error::AliasError { error, .. } => explain(error, file, limits),
        Error::WithSnippet { error, .. } => explain(error, file, limits),
        Error::MultipleDocuments { .. } => {
            Diagnostic::error("several-documents", "the file holds more than one YAML document")
                .at(span, "a second one begins here")
                .help("write one plan per file, and no `---` inside it")
        }
        Error::UnsupportedTag { tag, .. } | Error::TaggedStructFieldName { tag, .. } => {
            let tag = printable(tag);
            Diagnostic::error("yaml-tag", format!("the tag `{tag}` has no meaning in a plan"))
                .at(span, "on this value")
                .help("leave the tag out; a secret is named under `connections` with `env`, `file` or `command`")
        }
        Error::UnknownAnchor { .. } => unknown_anchor(span, file),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            Diagnostic::error("yaml-alias", "an alias stands inside its own anchor")
                .at(span, "this would have no end")
        }
        Error::Budget { breach, .. } => budget(breach, span, limits),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            Diagnostic::error("yaml-too-large", "the file has too many nested aliases").at(span, "")
        }
        Error::NonFiniteFloat { .. } => {
            Diagnostic::error("yaml-number", "infinite and undefined numbers have no use in a plan")
                .at(span, "")
                .help("put it in quotes if it is meant as text")
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            Diagnostic::error("yaml-merge", "`<<` can only merge a map, or a list of maps")
                .at(span, "this is neither")
                .help("it takes in a map that has an anchor: `&name` there, `<<: *name` here")
        }
        other => syntax(other, span, file),
    }
}

/// Nearly always it is no alias at all, but a wildcard name without its quotes.
fn unknown_anchor(span: Span, file: &SourceFile) -> Diagnostic {
    let rest = &file.text()[span.start.min(file.text().len())..];
    let ends = |c: char| c.is_whitespace() || [',', ']', '}', '#'].contains(&c);
    let word = rest[..rest.find(ends).unwrap_or(rest.len())].trim_end_matches(':');
    let whole = file.clamp(Span::new(span.start, span.start + word.len()));
    let is_name = |c: char| c.is_alphanumeric() || ['.', '-', '_'].contains(&c);
    if word.starts_with("*.") && word[1..].chars().all(is_name) {
        return Diagnostic::error("yaml-alias", format!("`{word}` must stand in quotes"))
            .at(whole, "without them, a `*` in YAML refers to an anchor `&…`")
            .suggest(whole, format!("\"{word}\""), "put it in quotes");
    }
    Diagnostic::error("yaml-alias", "this alias names an anchor that does not exist")
        .at(whole, "no `&…` with this name stands above")
        .help("a text that begins with `*` must stand in quotes, such as `\"*.example.com\"`")
}

fn budget(breach: &BudgetBreach, span: Span, limits: FileLimits) -> Diagnostic {
    let message = match breach {
        BudgetBreach::Depth { .. } => {
            format!("the file is nested too deeply; {DEEPEST} levels are allowed")
        }
        BudgetBreach::Aliases { .. } | BudgetBreach::AliasAnchorRatio { .. } => {
            format!("the file has too many aliases; {MOST_ALIASES} are allowed, ten per anchor")
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            format!("the file has too many values; {} are allowed", limits.values)
        }
        _ => "the file has too many or too long values".to_owned(),
    };
    Diagnostic::error("yaml-too-large", message).at(span, "the limit is reached here")
}

/// Errors of the scanner come as text only; what people do most often wrong gets a hint.
fn syntax(error: &Error, span: Span, file: &SourceFile) -> Diagnostic {
    let text = printable(&error.to_string());
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if text.contains("nesting") || text.contains("recursion limit") {
        return Diagnostic::error(
            "yaml-too-large",
            format!("the file is nested too deeply; {DEEPEST} levels are allowed"),
        )
        .at(span, "the limit is reached here");
    }
    let diagnostic =
        Diagnostic::error("yaml-syntax", format!("this is not YAML: {text}")).at(span, "");
    let character = file.slice(Span::new(span.start, file.text().len())).chars().next();
    if text.contains("tabs") {
        diagnostic.help("indent with spaces")
    } else if text.contains("mapping values are not allowed") {
        diagnostic.help("a text that holds `: ` must stand in quotes")
    } else if let (true, Some(character @ ('@' | '`' | '%'))) =
        (text.starts_with("unexpected character"), character)
    {
        diagnostic.help(format!("a text that begins with `{character}` must stand in quotes"))
    } else if text.contains("flow mapping") && character == Some('[') {
        diagnostic.help("inside `{ … }` a text that holds `[` must stand in quotes")
    } else if text.contains("unclosed") {
        diagnostic.help("close it on the same level where it was opened")
    } else {
        diagnostic
    }
}

fn place(error: &Error, file: &SourceFile) -> Span {
    let Some(location) = error.location() else { return Span::default() };
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    let span = location.span();
    match (number(span.byte_offset()), number(span.byte_len())) {
        (Some(start), Some(length)) => file.clamp(Span::new(start, start + length)),
        _ => {
            let line = usize::try_from(location.line()).unwrap_or_default();
            let column = usize::try_from(location.column()).unwrap_or_default();
            let start = file.offset(line, column);
            let width = file.text()[start..].chars().next().filter(|c| !c.is_whitespace());
            Span::new(start, start + width.map_or(0, char::len_utf8))
        }
    }
}
