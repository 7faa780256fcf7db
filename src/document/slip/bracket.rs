//! Slips with `[ … ]` and `{ … }`: not closed, closed twice, closed by the other one, a comma missing.

use granit_parser::ErrorKind;

use super::line::{Line, part};
use super::probe::{Cause, Open};
use super::{Scene, Slip};
use crate::document::source::Span;

/// What could be wrong with the brackets at the place.
pub(super) fn all(scene: &Scene<'_>) -> Vec<Slip> {
    let Cause::Syntax(kind) = &scene.problem.cause else { return Vec::new() };
    let mut slips = Vec::new();
    match kind {
        ErrorKind::MisplacedFlowCollectionEnd => slips.extend(stray(scene)),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            slips.extend(mismatched(scene, *open, *close));
        }
        _ => {}
    }
    let brackets: Vec<Open> =
        scene.problem.open.iter().copied().filter(|open| open.bracket).collect();
    if !brackets.is_empty() {
        slips.extend(missing_comma(scene));
        slips.extend(unclosed(scene, &brackets));
    }
    if let ErrorKind::UnclosedFlowCollection { .. } = kind {
        let at = scene.problem.at;
        let known = brackets.iter().any(|open| open.start == at);
        if !known {
            slips.extend(unclosed(scene, &[Open { start: at, bracket: true, list: false }]));
        }
        slips.push(never_closed(scene, at));
    }
    slips
}

fn closing(bracket: &str) -> &'static str {
    if bracket.starts_with('[') { "]" } else { "}" }
}

fn bracket_at(text: &str, at: usize) -> &str {
    text.get(at..at + 1).unwrap_or_default()
}

fn stray(scene: &Scene<'_>) -> Option<Slip> {
    let at = scene.problem.at;
    let bracket = bracket_at(scene.text, at);
    let place = Span::new(at, at + bracket.len());
    (!bracket.is_empty()).then(|| {
        Slip::new(format!("this `{bracket}` closes nothing"), place, "nothing is open here").mend(
            place,
            "",
            "leave it out",
        )
    })
}

fn mismatched(scene: &Scene<'_>, open: char, close: char) -> Vec<Slip> {
    let (text, start) = (scene.text, scene.problem.at);
    let wanted = closing(bracket_at(text, start));
    let Some(at) = part(text, start, text.len()).find(close).map(|length| start + length) else {
        return Vec::new();
    };
    let slip = || {
        Slip::new(
            format!("`{open}` is closed by `{close}`"),
            Span::new(at, at + 1),
            format!("`{wanted}` is expected here"),
        )
        .also(Span::new(start, start + 1), "opened here")
    };
    let place = at - (part(text, start, at).len() - part(text, start, at).trim_end().len());
    vec![
        slip().mend(Span::new(at, at + 1), wanted, format!("write `{wanted}`")),
        slip().mend(Span::new(place, place), wanted, format!("close the `{open}` before")),
    ]
}

fn missing_comma(scene: &Scene<'_>) -> Vec<Slip> {
    let text = scene.text;
    let before =
        part(text, scene.line.span.start, scene.problem.at.min(scene.line.span.end)).trim_end();
    let word = before.rfind([' ', '\t']).unwrap_or_default();
    let ends = [before[..word].trim_end().len(), before.len()];
    ends.into_iter()
        .filter(|length| *length > scene.line.indentation())
        .filter(|length| !before[..*length].ends_with([':', ',', '[', '{']))
        .filter(|length| {
            let rest = part(text, scene.line.span.start + length, scene.line.span.end);
            let next = rest.trim_start();
            next.len() < rest.len() && !next.starts_with([':', ','])
        })
        .map(|length| {
            let at = scene.line.span.start + length;
            let rest = part(text, at, scene.line.span.end);
            let begin = at + rest.len() - rest.trim_start().len();
            let end = part(text, begin, text.len())
                .chars()
                .next()
                .map_or(begin, |c| begin + c.len_utf8());
            Slip::new(
                "a `,` is missing",
                Span::new(begin, end),
                "without a `,` before it, this belongs to the value",
            )
            .mend(Span::new(at, at), ",", "put a comma between the two")
        })
        .collect()
}

fn unclosed(scene: &Scene<'_>, brackets: &[Open]) -> Vec<Slip> {
    let text = scene.text;
    let Some(innermost) = brackets.last() else { return Vec::new() };
    let line = Line::at(text, innermost.start);
    let same_line: String = brackets
        .iter()
        .rev()
        .filter(|open| open.start >= line.span.start)
        .map(|open| closing(bracket_at(text, open.start)))
        .collect();
    let one = closing(bracket_at(text, innermost.start)).to_owned();
    let mut ends = vec![line.content().end];
    if let Some(above) = scene.line.above().filter(|above| above.span.start > line.span.start) {
        ends.push(above.content().end);
    }
    ends.push(text.trim_end().len());
    let opening = bracket_at(text, innermost.start);
    let airy = part(text, innermost.start + 1, text.len()).starts_with(' ');
    let mut slips = Vec::new();
    for end in ends.into_iter().filter(|end| *end > innermost.start) {
        for closing in [&one, &same_line] {
            slips.push(never_closed(scene, innermost.start).mend(
                Span::new(end, end),
                if airy { format!(" {closing}") } else { closing.clone() },
                format!("close the `{opening}`"),
            ));
            if one == same_line {
                break;
            }
        }
    }
    slips
}

fn never_closed(scene: &Scene<'_>, at: usize) -> Slip {
    let bracket = bracket_at(scene.text, at);
    let what = if bracket == "[" { "a list" } else { "a map" };
    Slip::new(
        format!("this `{bracket}` is not closed"),
        Span::new(at, at + bracket.len()),
        format!("{what} in brackets begins here, and never ends"),
    )
}
