//! Reading a template's code for what it refers to: paths, filters, tests, operators, statements.
//!
//! minijinja says whether a template is right and which variables it has, but not where they stand
//! and not what follows them, and it overlooks a sliced list. This scanner never decides whether a
//! template is right; where it is in doubt it reports more, so that the compiler refuses.

mod blocks;
mod comparisons;

use std::ops::Range;

pub(super) use blocks::{alternatives, blocks};
pub(super) use comparisons::{Comparison, Constant};

/// What a template's code consists of, as far as the compiler asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scan {
    pub(super) paths: Vec<Path>,
    pub(super) filters: Vec<Word>,
    pub(super) tests: Vec<Word>,
    /// The first word of each `{% … %}`.
    pub(super) statements: Vec<Word>,
    /// `*` and `**`.
    pub(super) products: Vec<Range<usize>>,
    /// Paths that are compared with something written out.
    pub(super) comparisons: Vec<Comparison>,
    /// Every identifier that is not behind a `.`, a `|` or an `is`.
    pub(super) names: Vec<Word>,
}

/// A word and its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// A chain such as `steps.order.status` or `steps.put.records[0].name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<Segment>,
    pub(super) range: Range<usize>,
    pub(super) follows: Follows,
}

/// A link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Name(Word),
    /// `[0]`
    Index(Range<usize>),
}

/// What stands behind a chain, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// `| default(…)`
    Default,
    /// `is defined` or `is undefined`
    DefinedTest,
    /// `[…]` with anything but a number
    Lookup,
    /// `(…)`
    Call,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ident,
    Number,
    Text,
    Sign,
}

#[derive(Debug, Clone)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    start: usize,
}

impl Token<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn word(&self) -> Word {
        Word { text: self.text.to_owned(), range: self.start..self.end() }
    }

    fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != Kind::Text
    }
}

/// Reads an expression.
pub(super) fn scan_expression(text: &str) -> Scan {
    let mut scan = Scan::default();
    collect(&tokens(text), &mut scan);
    scan
}

/// Reads a text with `{{ … }}` and `{% … %}` in it.
pub(super) fn scan_text(text: &str) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[open..];
        let statement = rest.starts_with("{%");
        if rest.starts_with("{#") && !raw {
            at = rest.find("#}").map_or(text.len(), |end| open + end + 2);
        } else if statement || (rest.starts_with("{{") && !raw) {
            let closer = if statement { "%}" } else { "}}" };
            let (inside, end) = block(text, open + 2, closer);
            let first = inside.iter().find(|token| token.kind == Kind::Ident);
            if let (true, Some(first)) = (statement, first) {
                if raw && first.text != "endraw" {
                    at = open + 2;
                    continue;
                }
                raw = first.text == "raw";
                scan.statements.push(first.word());
            }
            collect(&inside, &mut scan);
            at = (end + 2).min(text.len());
        } else {
            at = open + 1;
        }
    }
    scan
}

/// The tokens of the block that begins at `from`, and where it ends: the first `closer` outside of
/// a text.
fn block<'t>(text: &'t str, from: usize, closer: &str) -> (Vec<Token<'t>>, usize) {
    let mut tokens = Vec::new();
    let mut at = from;
    while at < text.len() && !text[at..].starts_with(closer) {
        let (token, next) = token(text, at);
        tokens.extend(token);
        at = next;
    }
    (tokens, at)
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (token, next) = token(text, at);
        tokens.extend(token);
        at = next;
    }
    tokens
}

/// The token at `at`, unless that is white space, and where the next one begins.
fn token(text: &str, at: usize) -> (Option<Token<'_>>, usize) {
    let rest = &text[at..];
    let Some(c) = rest.chars().next() else { return (None, text.len()) };
    let take = |keep: fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
    let (kind, length) = match c {
        c if c.is_whitespace() => return (None, at + c.len_utf8()),
        '"' | '\'' => (Kind::Text, text_length(rest, c)),
        c if c.is_ascii_digit() => (Kind::Number, take(|c| c.is_ascii_digit())),
        c if c == '_' || c.is_alphabetic() => {
            (Kind::Ident, take(|c| c == '_' || c.is_alphanumeric()))
        }
        _ if rest.starts_with("**") || rest.starts_with("==") => (Kind::Sign, 2),
        c => (Kind::Sign, c.len_utf8()),
    };
    (Some(Token { kind, text: &rest[..length], start: at }), at + length)
}

/// The length of a quoted text, quotes included; an unclosed one runs to the end.
fn text_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn collect(tokens: &[Token<'_>], scan: &mut Scan) {
    comparisons::collect(tokens, scan);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|index| tokens.get(index));
        let behind = |text: &str| before.is_some_and(|before| before.is(text));
        at += 1;
        match token.kind {
            Kind::Sign if token.is("*") || token.is("**") => {
                scan.products.push(token.start..token.end());
            }
            Kind::Ident if behind("|") => scan.filters.push(token.word()),
            Kind::Ident if behind("is") || (behind("not") && is_test(tokens, at - 1)) => {
                if !token.is("not") {
                    scan.tests.push(token.word());
                }
            }
            Kind::Ident if behind(".") => {}
            // The name of a keyword argument: `tojson(indent=2)`.
            Kind::Ident if tokens.get(at).is_some_and(|next| next.is("=")) => {}
            Kind::Ident => {
                scan.names.push(token.word());
                let (path, next) = chain(tokens, at - 1);
                scan.paths.push(path);
                at = next;
            }
            Kind::Sign | Kind::Number | Kind::Text => {}
        }
    }
}

/// Whether the identifier at `at` is the name of a test behind `is not`.
fn is_test(tokens: &[Token<'_>], at: usize) -> bool {
    at.checked_sub(2).and_then(|index| tokens.get(index)).is_some_and(|token| token.is("is"))
}

/// The chain that begins at `at`, and the index of the token behind it.
fn chain(tokens: &[Token<'_>], at: usize) -> (Path, usize) {
    let mut segments = vec![Segment::Name(tokens[at].word())];
    let mut end = tokens[at].end();
    let mut next = at + 1;
    loop {
        let ahead = |count: usize| tokens.get(next + count);
        match (ahead(0), ahead(1), ahead(2)) {
            (Some(dot), Some(name), _) if dot.is(".") && name.kind == Kind::Ident => {
                segments.push(Segment::Name(name.word()));
                end = name.end();
                next += 2;
            }
            (Some(open), Some(number), Some(close))
                if open.is("[") && number.kind == Kind::Number && close.is("]") =>
            {
                segments.push(Segment::Index(open.start..close.end()));
                end = close.end();
                next += 3;
            }
            _ => break,
        }
    }
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|token| token.is(text));
    let not = usize::from(is(next + 1, "not"));
    let follows = if is(next, "[") {
        Follows::Lookup
    } else if is(next, "(") {
        Follows::Call
    } else if is(next, "|") && (is(next + 1, "default") || is(next + 1, "d")) {
        Follows::Default
    } else if is(next, "is") && (is(next + 1 + not, "defined") || is(next + 1 + not, "undefined")) {
        Follows::DefinedTest
    } else {
        Follows::Other
    };
    (Path { segments, range: tokens[at].start..end, follows }, next)
}

impl Path {
    /// The name at `index`, when there is one.
    pub(super) fn name(&self, index: usize) -> Option<&Word> {
        match self.segments.get(index) {
            Some(Segment::Name(word)) => Some(word),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(scan: &Scan, text: &str) -> Vec<(String, Follows)> {
        let path = |path: &Path| (text[path.range.clone()].to_owned(), path.follows);
        scan.paths.iter().map(path).collect()
    }

    #[test]
    fn paths_are_found_with_what_follows_them() {
        let text = "steps.a.b | default(inputs.x) ~ steps.c.d[0].e if run.id is not defined else \
                    steps[x] ~ 'steps.no.no' ~ target.f()";
        let found = paths(&scan_expression(text), text);
        let expected = [
            ("steps.a.b", Follows::Default),
            ("inputs.x", Follows::Other),
            ("steps.c.d[0].e", Follows::Other),
            ("run.id", Follows::DefinedTest),
            ("steps", Follows::Lookup),
            ("target.f", Follows::Call),
        ];
        for (path, follows) in expected {
            assert!(found.contains(&(path.to_owned(), follows)), "{path}: {found:?}");
        }
        assert!(!found.iter().any(|(path, _)| path.contains("no.no")));
    }

    #[test]
    fn only_code_is_read_and_quoted_braces_do_not_end_it() {
        let text = "inputs.a {{ '}}' ~ inputs.b }} {# inputs.c #} {% if inputs.d %}x{% endif %}\
                    {% raw %}{{ inputs.e }}{% endraw %} it's {{ inputs.f | upper }}";
        let scan = scan_text(text);
        let found: Vec<String> = paths(&scan, text).into_iter().map(|(path, _)| path).collect();
        for (path, there) in
            [("a", false), ("b", true), ("c", false), ("d", true), ("e", false), ("f", true)]
        {
            let path = format!("inputs.{path}");
            assert_eq!(found.contains(&path), there, "{path}: {found:?}");
        }
        let statements: Vec<&str> = scan.statements.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(statements, ["if", "endif", "raw", "endraw"]);
        assert_eq!(scan.filters[0].text, "upper");
    }

    #[test]
    fn a_sliced_list_is_a_reference_too() {
        let text = "steps.a.records[1:2]";
        assert_eq!(
            paths(&scan_expression(text), text),
            [("steps.a.records".to_owned(), Follows::Lookup)]
        );
    }
}
