//! `Node`: a tree of values in which each knows its place in the file.
//!
//! What YAML means is decided in [`super::yaml`]; nothing here knows what a plan is.

use std::ops::Range;

use serde_json::{Number, Value};

use super::diagnostic::Diagnostics;
use super::source::{SourceFile, Span};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The scalar with its quotes; for a map or list its first character, or nothing.
    pub(crate) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Seq(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Node {
    /// The value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Integer(number) => Value::from(*number),
            Kind::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Seq(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.to_value())).collect(),
            ),
        }
    }

    /// The text, when it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is `{{ … }}` without quotes, which YAML reads as a map in a map. The tree has
    /// reported it.
    pub(crate) fn is_unquoted_template(&self, file: &SourceFile) -> bool {
        matches!(self.kind, Kind::Map(_)) && file.text()[self.span.start..].starts_with("{{")
    }

    /// Whether this text stands without quotes and is made of digits, such as `0600`: a text here, and
    /// a number to other readers of YAML.
    pub(crate) fn is_number_elsewhere(&self, file: &SourceFile) -> bool {
        let Some(text) = self.as_str() else { return false };
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == '_')
            && file.slice(self.span) == text
    }

    /// Where the part `range` of this text stands in the file.
    ///
    /// Exact when the text is written as it is (plain, or quoted without escapes); otherwise the
    /// part is searched for, and when that does not settle it the whole scalar is the place.
    pub(crate) fn inside(&self, range: Range<usize>, file: &SourceFile) -> Span {
        let Some(text) = self.as_str() else { return self.span };
        let written = file.slice(self.span);
        let quoted = usize::from(written.starts_with(['"', '\'']));
        if written.get(quoted..quoted + text.len()) == Some(text) {
            return self.span.part(quoted + range.start..quoted + range.end);
        }
        let Some(part) = text.get(range).filter(|part| !part.is_empty()) else { return self.span };
        let mut found = written.match_indices(part);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => self.span.part(at..at + part.len()),
            _ => self.span,
        }
    }
}

/// Whether a value under a key of this name could be a secret that strayed into the file.
pub(crate) fn may_hold_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["key", "token", "secret", "password", "credential", "regfish", "digicert"]
        .iter()
        .any(|word| name.contains(word))
}

/// Hides every scalar in `node` from all output.
pub(crate) fn mask(node: &Node, diagnostics: &mut Diagnostics) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|item| mask(item, diagnostics)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| mask(value, diagnostics)),
        _ => diagnostics.mask(node.span),
    }
}
