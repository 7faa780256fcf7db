//! Slips with quotes: texts that need some, quotes that are not closed, quotes inside quotes.

use granit_parser::ErrorKind;

use super::line::{Line, part, quoted};
use super::probe::{Cause, Problem};
use super::word::key_in_quotes;
use super::{Scene, Slip};
use crate::document::source::Span;
use crate::document::suggest::nearest;

const PUT_IN_QUOTES: &str = "put it in quotes";

/// An alias without an anchor is nearly always a text that begins with `*`; a tag can be a text that
/// begins with `!`.
pub(super) fn of_alias_or_tag(scene: &Scene<'_>) -> Vec<Slip> {
    match scene.problem.cause {
        Cause::Alias(place) => of_alias(scene, place),
        Cause::Tag(place) => of_tag(scene, place),
        Cause::Syntax(_) => Vec::new(),
    }
}

fn of_alias(scene: &Scene<'_>, place: Span) -> Vec<Slip> {
    let rest = part(scene.text, place.start, scene.line.span.end);
    let ends = |c: char| c.is_whitespace() || [',', ']', '}', '#'].contains(&c);
    let word = rest[..rest.find(ends).unwrap_or(rest.len())].trim_end_matches(':');
    let is_name = |c: char| c.is_alphanumeric() || ['.', '-', '_'].contains(&c);
    let whole = Span::new(place.start, place.start + word.len());
    if word.starts_with("*.") && word[1..].chars().all(is_name) {
        let mut slip = Slip::new(
            format!("`{word}` must stand in quotes"),
            whole,
            "without them, a `*` in YAML refers to an anchor `&…`",
        )
        .mend(whole, quoted(word), PUT_IN_QUOTES);
        slip.code = "yaml-alias";
        return std::iter::once(slip).chain(key_in_quotes(scene.line)).collect();
    }
    let anchors = anchors_above(scene);
    let nearest = nearest(word.trim_start_matches('*'), anchors.iter().copied());
    let merges = part(scene.text, 0, place.start).trim_end().ends_with("<<:");
    let mut slip = Slip::new(
        "this alias names an anchor that does not exist",
        whole,
        "no `&…` with this name stands above",
    );
    slip.code = "yaml-alias";
    if let Some(nearest) = nearest {
        let advice = format!("did you mean `*{nearest}`?");
        return vec![slip.mend(whole, format!("*{nearest}"), advice)];
    }
    if merges || word.len() == rest.trim_end().len() && !anchors.is_empty() {
        return vec![slip.help("an anchor stands above, such as `&name` behind a key")];
    }
    let mut slips = of_value(scene);
    slips.push(
        slip.help("a text that begins with `*` must stand in quotes, such as `\"*.example.com\"`"),
    );
    slips
}

/// The names of anchors that stand above the line of the problem.
fn anchors_above<'t>(scene: &Scene<'t>) -> Vec<&'t str> {
    let is_name = |c: char| c.is_alphanumeric() || ['_', '-'].contains(&c);
    let above = part(scene.text, 0, scene.line.span.start);
    above
        .split(" &")
        .skip(1)
        .map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
        .filter(|name| !name.is_empty())
        .take(100)
        .collect()
}

/// The tags of other tools, which stand for something there.
const FOREIGN_TAGS: [&str; 14] = [
    "env",
    "vault",
    "secret",
    "file",
    "include",
    "ref",
    "sub",
    "getatt",
    "reference",
    "unsafe",
    "encrypted",
    "op",
    "sops",
    "join",
];

fn of_tag(scene: &Scene<'_>, place: Span) -> Vec<Slip> {
    let name = part(scene.text, place.start + 1, place.end);
    let label = "a word that begins with `!` is a tag in YAML";
    let mut slip = Slip::new("a tag has no meaning here", place, label);
    slip.code = "yaml-tag";
    let root = name.split('.').next().unwrap_or_default();
    if ["inputs", "steps", "target", "run"].contains(&root) {
        let sign = Span::new(place.start, place.start + 1);
        return vec![slip.mend(sign, "not ", "an expression says `not`")];
    }
    if FOREIGN_TAGS.contains(&name.to_ascii_lowercase().as_str()) {
        let help = "leave the tag out; a secret is named under `connections` with `env`, `file` or \
                    `command`";
        return vec![slip.help(help)];
    }
    let mut slips: Vec<Slip> = of_value(scene);
    slips.push(slip.help("leave it out, or put the text in quotes"));
    slips
}

/// Quotes that are not closed, or closed too early, and backslashes in them.
pub(super) fn of_text(scene: &Scene<'_>) -> Vec<Slip> {
    let Cause::Syntax(kind) = &scene.problem.cause else { return Vec::new() };
    match kind {
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            let mut slips = of_inner_quotes(scene);
            slips.extend(of_open_quote(scene));
            slips
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => of_backslash(scene),
        _ => of_open_quote(scene),
    }
}

/// Whether the reader gave up because of a text in quotes.
pub(super) fn is_about_quotes(problem: &Problem) -> bool {
    matches!(
        problem.cause,
        Cause::Syntax(
            ErrorKind::UnclosedQuotedScalar
                | ErrorKind::InvalidQuotedScalarIndent
                | ErrorKind::DocumentIndicatorInQuotedScalar
                | ErrorKind::InvalidTrailingSingleQuotedScalar
                | ErrorKind::InvalidTrailingDoubleQuotedScalar
        )
    )
}

/// The quote that was open when the reader gave up.
fn opening(scene: &Scene<'_>) -> Option<(usize, char)> {
    let text = scene.text;
    let mut at = scene.problem.settled;
    let last = scene.problem.at.max(at);
    while at <= last {
        let rest = text.get(at..)?;
        let found = at + rest.find(['"', '\''])?;
        if found > last {
            return None;
        }
        let quote = part(text, found, text.len()).chars().next()?;
        let before = part(text, 0, found).chars().next_back();
        if !before.is_none_or(|c| c.is_whitespace() || ['[', '{', ',', ':'].contains(&c)) {
            at = found + 1;
            continue;
        }
        let line = Line::at(text, found);
        let close =
            part(text, found + 1, line.span.end).find(quote).map(|length| found + 1 + length);
        match close {
            Some(close) if close < last && ends_well(part(text, close + 1, line.span.end)) => {
                at = close + 1;
            }
            _ => return Some((found, quote)),
        }
    }
    None
}

/// Whether a quoted text may end before `rest` of its line.
fn ends_well(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with([',', ']', '}', ':', '#'])
}

fn of_inner_quotes(scene: &Scene<'_>) -> Vec<Slip> {
    let text = scene.text;
    let Some((open, quote)) = opening(scene) else { return Vec::new() };
    let Some(close) = part(text, 0, scene.problem.at).rfind(quote).filter(|close| *close > open)
    else {
        return Vec::new();
    };
    let line = Line::at(text, open);
    if close > line.span.end {
        return Vec::new();
    }
    let begin = Span::new(open, open + 1);
    let slip = || {
        Slip::new(
            format!("the text goes on behind its closing `{quote}`"),
            Span::new(close, close + 1),
            format!("this `{quote}` ends the text"),
        )
        .also(begin, "the text begins here")
    };
    let mut slips: Vec<Slip> = part(text, close + 1, line.span.end)
        .match_indices(quote)
        .map(|(length, _)| close + 1 + length)
        .filter(|end| ends_well(part(text, end + 1, line.span.end)))
        .take(4)
        .map(|end| {
            let inner = part(text, open + 1, end);
            let (replacement, advice) = requoted(inner, quote);
            slip().mend(Span::new(open, end + 1), replacement, advice)
        })
        .collect();
    let end = line.content().end.max(line.before_any_comment());
    if let Some(whole) = text.get(open..end) {
        slips.push(slip().mend(Span::new(open, end), quoted(whole), "put quotes around all of it"));
    }
    slips
}

/// `inner`, which holds the quote that it stood in, in quotes that let it.
fn requoted(inner: &str, quote: char) -> (String, &'static str) {
    if quote == '\'' && !inner.contains(['"', '\\']) {
        (format!("\"{inner}\""), "put it in the other quotes")
    } else if quote == '\'' {
        (format!("'{}'", inner.replace('\'', "''")), "write `''` for a `'` inside")
    } else if inner.contains("{{") && !inner.contains('\'') {
        (format!("\"{}\"", inner.replace('"', "'")), "use the other quotes inside")
    } else if inner.contains('\\') {
        (format!("\"{}\"", inner.replace('"', "\\\"")), "write `\\\"` for a `\"` inside")
    } else {
        (format!("'{}'", inner.replace('\'', "''")), "put it in the other quotes")
    }
}

fn of_open_quote(scene: &Scene<'_>) -> Vec<Slip> {
    let Some((open, quote)) = opening(scene) else { return Vec::new() };
    let line = Line::at(scene.text, open);
    let rest = part(scene.text, open + 1, line.span.end);
    let mut ends =
        vec![line.before_any_comment(), line.span.start + line.written().trim_end().len()];
    ends.extend(rest.find([']', '}', ',']).map(|length| open + 1 + length));
    if open == line.behind_dashes() {
        ends.extend(rest.find(':').map(|length| open + 1 + length));
    }
    ends.retain(|end| *end > open);
    ends.dedup();
    ends.into_iter()
        .map(|end| {
            Slip::new(
                format!("this `{quote}` is not closed"),
                Span::new(open, open + 1),
                "the text in quotes begins here, and never ends",
            )
            .mend(Span::new(end, end), quote.to_string(), "close it")
        })
        .collect()
}

fn of_backslash(scene: &Scene<'_>) -> Vec<Slip> {
    let text = scene.text;
    let Some((open, '"')) = opening(scene) else { return Vec::new() };
    let line = Line::at(text, open);
    let Some(length) = part(text, open + 1, line.span.end).find('"') else { return Vec::new() };
    let inner = part(text, open + 1, open + 1 + length);
    let Some(backslash) = first_odd_escape(inner).map(|at| open + 1 + at) else {
        return Vec::new();
    };
    let escape: String = part(text, backslash, text.len()).chars().take(2).collect();
    let escape = crate::types::printable(&escape);
    let place = Span::new(backslash, (backslash + escape.len()).min(line.span.end));
    let whole = Span::new(open, open + length + 2);
    let slip = Slip::new(
        format!("`{escape}` has no meaning in double quotes"),
        place,
        "a backslash begins an escape here, such as `\\n`",
    );
    vec![slip.mend(
        whole,
        format!("'{}'", inner.replace('\'', "''")),
        "put it in single quotes, in which a backslash is a backslash",
    )]
}

/// Where a backslash stands before what it cannot escape.
fn first_odd_escape(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            let (_, escaped) = characters.next()?;
            let hex = match escaped {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ if "0abt\tnvfre \"/\\N_LP".contains(escaped) => 0,
                _ => return Some(at),
            };
            let digits = part(text, at + 2, text.len())
                .chars()
                .take(hex)
                .filter(char::is_ascii_hexdigit)
                .count();
            if digits < hex {
                return Some(at);
            }
        }
    }
    None
}

/// A text that must stand in quotes: the value on the line, or the item in brackets.
pub(super) fn of_value(scene: &Scene<'_>) -> Vec<Slip> {
    let at = scene.problem.at;
    let in_bracket = scene.problem.open.last().is_some_and(|open| open.bracket);
    let mut places = Vec::new();
    if in_bracket {
        places.extend(items(scene));
    }
    let (_, value) = scene.line.entry();
    if value.start <= at && at <= scene.line.span.end {
        places.push(value);
    }
    places.into_iter().filter_map(|place| in_quotes(scene, place)).collect()
}

/// The item in brackets that holds the place, with each end that it could have.
fn items(scene: &Scene<'_>) -> Vec<Span> {
    let (text, line) = (scene.text, scene.line);
    let at = scene.problem.at.min(line.span.end);
    let before = part(text, line.span.start, at);
    let begins = ["{ ", "[ ", "{", "[", ", ", ": "];
    let begin = begins
        .iter()
        .filter_map(|mark| before.rfind(mark).map(|found| found + mark.len()))
        .max()
        .unwrap_or_else(|| line.indentation());
    let start = line.span.start + begin;
    let start =
        start + (at.max(start) - start) - part(text, start, at.max(start)).trim_start().len();
    let ends =
        part(text, at, line.span.end).match_indices([',', ']', '}']).map(|(index, _)| at + index);
    ends.chain([line.span.end])
        .map(|end| Span::new(start, start + part(text, start, end.max(start)).trim_end().len()))
        .filter(|span| span.end > span.start)
        .take(5)
        .collect()
}

fn in_quotes(scene: &Scene<'_>, place: Span) -> Option<Slip> {
    let value = scene.text.get(place.start..place.end)?;
    let first = value.chars().next().filter(|c| !matches!(c, '"' | '\''))?;
    let slip = if value.starts_with("{{") || (first != '[' && first != '{' && value.contains("{{"))
    {
        let mut slip = Slip::new(
            "a template must stand in quotes",
            place,
            "YAML reads `{` as the begin of a map",
        );
        slip.code = "unquoted-template";
        slip
    } else if matches!(first, '[' | '{') {
        return None;
    } else if "@`%*&!|>?-,".contains(first) {
        let sign = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
        let label = format!("{sign} has a meaning of its own in YAML");
        Slip::new(format!("a text that begins with {sign} must stand in quotes"), place, label)
    } else if value.contains(": ") || value.ends_with(':') {
        let label = "YAML takes what stands before a `: ` for a key";
        Slip::new("a text that holds `: ` must stand in quotes", place, label)
    } else if let Some(sign) = value.chars().find(|c| "[]{},".contains(*c)) {
        let message = format!("in brackets, a text that holds `{sign}` must stand in quotes");
        Slip::new(message, place, format!("YAML takes the `{sign}` for its own"))
    } else {
        Slip::new("this text must stand in quotes", place, "YAML reads it in its own way")
    };
    Some(slip.mend(place, quoted(value), PUT_IN_QUOTES))
}
