//! What the YAML reader's errors mean, in words that help whoever wrote the file.
//!
//! The reader speaks to programmers ("set DuplicateKeyPolicy"); its words are never shown. What
//! people slip in is told by [`super::slip`]; the rest, limits above all, is told here.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::diagnostic::Diagnostic;
use super::slip;
use super::source::{FileLimits, SourceFile, Span};
use super::yaml::{DEEPEST, MOST_ALIASES};

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

/// Whether people make this mistake with single characters and words, so that [`slip`] can tell it.
pub(crate) fn is_a_slip(error: &Error) -> bool {
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => is_a_slip(error),
        Error::MultipleDocuments { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. }
        | Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::NonFiniteFloat { .. }
        | Error::MergeValueNotMapOrSeqOfMaps { .. } => false,
        other => !is_too_deep(other),
    }
}

fn is_too_deep(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("nesting") || text.contains("recursion limit")
}

/// A slip that nobody has thought of.
fn syntax(error: &Error, span: Span, file: &SourceFile) -> Diagnostic {
    if is_too_deep(error) {
        return Diagnostic::error(
            "yaml-too-large",
            format!("the file is nested too deeply; {DEEPEST} levels are allowed"),
        )
        .at(span, "the limit is reached here");
    }
    let (span, words) =
        slip::words(file).unwrap_or((span, "this is none of what could stand here"));
    Diagnostic::error("yaml-syntax", "the file is not YAML").at(span, words)
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
