//! Slips of people who write YAML, told from what is left of the text.
//!
//! The reader of YAML knows where it gave up, which is seldom where the slip is. So the usual slips
//! are tried: each is a [`Slip`] that says what would be written otherwise. Only when the reader gets
//! further with it is the slip believed, and the one with which it gets furthest is told. The text is
//! then read on as if it were mended, for the next one.

mod bracket;
mod indentation;
mod line;
mod probe;
mod quote;
mod word;

use line::Line;
use probe::{Cause, Problem, first_problem};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{SourceFile, Span};

/// So many slips of one file are told.
const MOST: usize = 10;

/// So many bytes are read again in search of slips, all attempts together.
const MOST_READ: usize = 24 * 1024 * 1024;

/// What may be wrong, and how the text would be without it.
#[derive(Debug, Clone)]
struct Slip {
    code: &'static str,
    message: String,
    /// The place at which a person would mend it.
    place: Span,
    label: String,
    also: Option<(Span, String)>,
    help: Option<String>,
    /// The changes, in the order of the text; none when only a person can tell.
    mend: Vec<(Span, String)>,
    /// The sentence that introduces the change.
    advice: String,
}

impl Slip {
    fn new(message: impl Into<String>, place: Span, label: impl Into<String>) -> Self {
        Self {
            code: "yaml-syntax",
            message: message.into(),
            place,
            label: label.into(),
            also: None,
            help: None,
            mend: Vec::new(),
            advice: String::new(),
        }
    }

    /// The change that mends it, and the sentence that introduces it.
    fn mend(
        mut self,
        span: Span,
        replacement: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        self.mend.push((span, replacement.into()));
        self.advice = advice.into();
        self
    }

    fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.also = Some((span, text.into()));
        self
    }

    fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// The text and the problem in it.
struct Scene<'t> {
    text: &'t str,
    problem: &'t Problem,
    /// The line on which the reader gave up.
    line: Line<'t>,
}

impl Scene<'_> {
    /// What could have been meant, the likeliest first.
    fn slips(&self) -> Vec<Slip> {
        if !matches!(self.problem.cause, Cause::Syntax(_)) {
            return quote::of_alias_or_tag(self);
        }
        let mut slips = word::at_the_place(self);
        slips.extend(quote::of_text(self));
        if quote::is_about_quotes(self.problem) && !slips.is_empty() {
            // Whatever makes a text in quotes longer would be a way out, too.
            return slips;
        }
        slips.extend(bracket::all(self));
        slips.extend(word::of_entries(self));
        slips.extend(indentation::all(self));
        slips.extend(quote::of_value(self));
        slips
    }
}

/// A change that was made: where, how many bytes went and how many came.
struct Change {
    start: usize,
    removed: usize,
    inserted: usize,
}

/// Reports the slips of a file that is no YAML; false when none is recognised.
pub(super) fn report(file: &SourceFile, diagnostics: &mut Diagnostics) -> bool {
    report_within(MOST_READ, file, diagnostics)
}

/// The same, reading no more than `left` bytes again.
fn report_within(mut left: usize, file: &SourceFile, diagnostics: &mut Diagnostics) -> bool {
    let mut text = file.text().to_owned();
    let mut changes: Vec<Change> = Vec::new();
    let mut found = false;
    for _ in 0..MOST {
        let Some(problem) = first_problem(&text) else { break };
        let Some(slip) = likeliest(&text, &problem, &mut left) else { break };
        found = true;
        diagnostics.push(diagnostic(&slip, &changes, diagnostics));
        if slip.mend.is_empty() {
            break;
        }
        for (span, replacement) in slip.mend.iter().rev() {
            text.replace_range(span.start..span.end, replacement);
            changes.push(Change {
                start: span.start,
                removed: span.end - span.start,
                inserted: replacement.len(),
            });
        }
    }
    found
}

/// The slip with which the reader gets furthest. Without one that helps, one that is certain without
/// any change.
fn likeliest(text: &str, problem: &Problem, left: &mut usize) -> Option<Slip> {
    let scene = Scene { text, problem, line: Line::at(text, problem.at) };
    let mut best: Option<(usize, Slip)> = None;
    let mut certain = None;
    for slip in scene.slips() {
        if slip.mend.is_empty() {
            certain.get_or_insert(slip);
            continue;
        }
        let Some(rest) = left.checked_sub(problem.at) else { break };
        *left = rest;
        let Some(reached) = reach(&scene, &slip) else { continue };
        if best.as_ref().is_none_or(|(furthest, _)| reached > *furthest) {
            best = Some((reached, slip));
        }
        if reached == usize::MAX {
            break;
        }
    }
    best.map(|(_, slip)| slip).or(certain)
}

/// How far the reader gets with the slip mended; none when not beyond the line of the problem.
fn reach(scene: &Scene<'_>, slip: &Slip) -> Option<usize> {
    let mut text = scene.text.to_owned();
    for (span, replacement) in slip.mend.iter().rev() {
        text.replace_range(span.start..span.end, replacement);
    }
    let Some(problem) = first_problem(&text) else { return Some(usize::MAX) };
    let added: usize = slip.mend.iter().map(|(_, replacement)| replacement.len()).sum();
    let removed: usize = slip.mend.iter().map(|(span, _)| span.end - span.start).sum();
    let reached = (problem.at + removed).saturating_sub(added);
    (reached > scene.line.span.end.max(scene.problem.at)).then_some(reached)
}

/// The slip, with its places as they are in the file.
fn diagnostic(slip: &Slip, changes: &[Change], diagnostics: &Diagnostics) -> Diagnostic {
    let origin = |span: Span| Span::new(origin(span.start, changes), origin(span.end, changes));
    let mut diagnostic = Diagnostic::error(slip.code, slip.message.clone())
        .at(origin(slip.place), slip.label.clone());
    if let Some((span, text)) = &slip.also {
        diagnostic = diagnostic.also(origin(*span), text.clone());
    }
    diagnostic.help.extend(slip.help.clone());
    match slip.mend.as_slice() {
        [(span, replacement)] if !diagnostics.is_masked(origin(*span)) => {
            diagnostic.suggest(origin(*span), replacement.clone(), slip.advice.clone())
        }
        [] => diagnostic,
        _ => diagnostic.help(slip.advice.clone()),
    }
}

/// Where the byte `offset` of the changed text is in the file.
fn origin(mut offset: usize, changes: &[Change]) -> usize {
    for change in changes.iter().rev() {
        if offset >= change.start + change.inserted {
            offset = offset - change.inserted + change.removed;
        } else if offset > change.start {
            offset = change.start + (offset - change.start).min(change.removed);
        }
    }
    offset
}

/// What the reader expected, for a slip that nobody has thought of.
pub(super) fn words(file: &SourceFile) -> Option<(Span, &'static str)> {
    let problem = first_problem(file.text())?;
    let Cause::Syntax(kind) = problem.cause else { return None };
    let place = Span::new(problem.at, problem.at + 1);
    Some((file.clamp(place), word::of_kind(&kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Vec<(usize, String)> {
        let file = SourceFile::new("x.yaml", text);
        let mut diagnostics = Diagnostics::new(&file);
        let found = report(&file, &mut diagnostics);
        assert_eq!(found, !diagnostics.is_empty(), "{text}");
        let entries = diagnostics.entries();
        entries.map(|entry| (entry.line, entry.message.to_owned())).collect()
    }

    #[test]
    fn several_slips_are_told_at_their_places_in_the_file() {
        let text = "a: [1\nok: 1\nb: 'x\nok2: 1\nc: d: e\nok3: 1\nf g\nok4: 1\nh: \"y\n";
        let lines: Vec<usize> = told(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 3, 5, 7, 9]);
    }

    #[test]
    fn a_change_that_does_not_help_is_not_told() {
        // One of the two brackets is not what keeps this from being YAML.
        assert_eq!(told("a: b\n]}]}]} [: {: }:\n"), []);
        assert_eq!(told("a: { b: 1 }\n"), []);
    }

    #[test]
    fn a_file_is_read_again_a_few_times_only() {
        let text = "- {a: 1, b: x}\n".repeat(100) + "a b\n";
        let file = SourceFile::new("x.yaml", &text);
        let found = |left| report_within(left, &file, &mut Diagnostics::new(&file));
        assert!(found(10 * text.len()));
        assert!(!found(text.len() / 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn no_text_is_too_odd_to_be_told(
            text in "([a-cä01x.!@%*&|>?~-]{1,4}|[:,\\[\\]{}\"'#= \t\u{a0}\r\n-]|: |- |\n  |\n|\\{\\{|\\\\){0,32}",
        ) {
            told(&text);
        }
    }
}
