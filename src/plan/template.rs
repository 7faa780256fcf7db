//! `Parsed`: a string of a plan as a template, and what it refers to.
//!
//! Decides whether a string is a literal, one expression (whose value keeps its type) or text with
//! templates in it. It knows the language of templates, not the plan they stand in.

use std::ops::Range;

use minijinja::Error;

use super::filters::environment;
use super::scan::{Scan, scan_expression, scan_text};
use crate::types::printable;

/// A template that compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// No template at all.
    Literal,
    /// Exactly one `{{ … }}`: its inside and where in the string that begins.
    Expression { inside: String, offset: usize, code: Code },
    /// Text with templates in it.
    Text { code: Code },
}

/// What the code of a template refers to; ranges count from the begin of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// The code as it is written; of a text with templates in it, the whole.
    pub(super) text: String,
    /// Whether it is such a text.
    pub(super) is_text: bool,
    pub(super) scan: Scan,
    /// Every variable that is not bound inside, as a dotted path.
    pub(super) variables: Vec<String>,
    /// Whether the code is one path and nothing else.
    pub(super) is_path: bool,
}

/// Why a template does not compile; the range counts from the begin of the string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) reason: String,
    pub(super) range: Range<usize>,
}

/// No template is longer: text of that size belongs into a file.
pub(super) const LONGEST_TEMPLATE: usize = 16 * 1024;

/// Whether a string holds any template code.
pub(super) fn has_code(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Reads a string of a plan.
pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    if !has_code(text) {
        return Ok(Parsed::Literal);
    }
    check_length(text)?;
    if let Some((inside, offset)) = single_expression(text)
        && let Ok(code) = parse_expression(inside)
    {
        return Ok(Parsed::Expression { inside: inside.to_owned(), offset, code });
    }
    match environment().template_from_named_str("plan", text) {
        Ok(template) => {
            let variables = template.undeclared_variables(true);
            let (scan, variables) = (scan_text(text), sorted(variables));
            let code =
                Code { text: text.to_owned(), is_text: true, scan, variables, is_path: false };
            Ok(Parsed::Text { code })
        }
        Err(error) => Err(syntax_error(&error, text)),
    }
}

/// Reads an expression, such as a condition.
pub(super) fn parse_expression(text: &str) -> Result<Code, SyntaxError> {
    check_length(text)?;
    match environment().compile_expression(text) {
        Ok(expression) => {
            let scan = scan_expression(text);
            let whole = text.trim().len();
            let is_path = scan.paths.len() == 1 && scan.paths[0].range.len() == whole;
            let variables = sorted(expression.undeclared_variables(true));
            Ok(Code { text: text.to_owned(), is_text: false, scan, variables, is_path })
        }
        Err(error) => Err(syntax_error(&error, text)),
    }
}

fn check_length(text: &str) -> Result<(), SyntaxError> {
    if text.len() <= LONGEST_TEMPLATE {
        return Ok(());
    }
    let reason =
        format!("it has {} bytes; a template may have {LONGEST_TEMPLATE} at most", text.len());
    // The first of its many lines is place enough.
    let first_line = text.find('\n').unwrap_or(text.len()).min(80);
    Err(SyntaxError { reason, range: 0..text.floor_char_boundary(first_line) })
}

fn sorted(variables: std::collections::HashSet<String>) -> Vec<String> {
    let mut variables: Vec<String> = variables.into_iter().collect();
    variables.sort();
    variables
}

/// The inside of a string that begins with `{{` and ends with `}}`, and where it begins. Whether it
/// is *one* expression shows when it compiles: the inside of `{{ a }}{{ b }}` does not.
fn single_expression(text: &str) -> Option<(&str, usize)> {
    let trimmed = text.trim();
    let inside = trimmed.strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside).trim();
    let offset = inside.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some((inside, offset)).filter(|(inside, _)| !inside.is_empty())
}

/// minijinja's names of things, and what is seen in the file.
const WORDS: [(&str, &str); 5] = [
    ("end of variable block", "`}}`"),
    ("end of block", "`%}`"),
    ("end of input", "end"),
    ("expected identifier", "expected a name"),
    ("unknown statement", "there is no statement"),
];

fn syntax_error(error: &Error, text: &str) -> SyntaxError {
    let reason = error.detail().map_or_else(|| error.kind().to_string(), printable);
    let reason = WORDS.iter().fold(reason, |reason, (theirs, ours)| reason.replace(theirs, ours));
    let range = error.range().filter(|range| range.end <= text.len());
    SyntaxError { reason, range: range.unwrap_or(0..text.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_is_one_expression_is_told_from_text() {
        for (text, inside) in [
            ("{{ inputs.x }}", Some("inputs.x")),
            ("  {{ inputs.x }}\n", Some("inputs.x")),
            ("{{- inputs.x -}}", Some("inputs.x")),
            ("{{ '}}' }}", Some("'}}'")),
            ("{{ {'a': {'b': 1}} }}", Some("{'a': {'b': 1}}")),
            ("{{ a }}{{ b }}", None),
            ("{{ a }}-{{ b }}", None),
            ("x{{ a }}", None),
            ("{% if a %}x{% endif %}", None),
        ] {
            let found = match parse(text) {
                Ok(Parsed::Expression { inside, offset, .. }) => {
                    assert!(text[offset..].starts_with(&inside));
                    Some(inside)
                }
                Ok(_) => None,
                Err(error) => panic!("{text}: {error:?}"),
            };
            assert_eq!(found.as_deref(), inside, "{text}");
        }
        assert_eq!(parse("plain } } text"), Ok(Parsed::Literal));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let text = "x {{ inputs.a + }} y";
        let error = parse(text).unwrap_err();
        assert_eq!(&text[error.range.clone()], "}}");
        assert!(error.reason.contains("unexpected `}}`"), "{}", error.reason);
    }
}
