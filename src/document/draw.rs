//! Drawing diagnostics in the style of rustc: the line of the file, carets, remarks, changes.
//!
//! The only place that knows annotate-snippets. A pure function from data to text; printing it is
//! somebody else's work.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Elsewhere, Label, Severity};
use super::source::{SourceFile, Span};

/// Wide enough for every line of a plan that is pleasant to read; longer ones are cut around the
/// caret. Fixed, so that the same mistake reads the same everywhere.
const WIDTH: usize = 140;

/// Lines around a place that are kept, though only those with a remark are shown.
const SLACK: usize = 2;

/// Places further apart than this are not shown in one piece.
const LARGEST_WINDOW: usize = 64 * 1024;

/// Of a line longer than this, only what stands around the place is shown.
const LONGEST_LINE: usize = 2_000;

/// So many bytes of an endless line are shown before and behind the begin of the place.
const AROUND: (usize, usize) = (50, 80);

/// All diagnostics, one after the other, each followed by an empty line.
pub(crate) fn draw(diagnostics: &Diagnostics, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(WIDTH).decor_style(DecorStyle::Ascii);
    let shown = diagnostics.shown_text();
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let groups = groups(diagnostic, diagnostics.file(), &shown);
        let drawn = renderer.render(&groups);
        drawn.lines().filter(|line| !is_empty_origin(line)).for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
        text.push('\n');
    }
    if diagnostics.omitted() > 0 {
        let message = format!("{} more mistakes are not shown", diagnostics.omitted());
        let title = Level::ERROR.primary_title(&message);
        text.push_str(&renderer.render(&[Group::with_title(title)]));
        text.push_str("\n\n");
    }
    text
}

/// Whether a line says only that the snippet below it has no place of its own, as one of an
/// [`Excerpt`] has none: a line of a file always has its number before it.
fn is_empty_origin(line: &str) -> bool {
    let mut in_colour = false;
    let written = line.chars().filter(|c| {
        let hidden = in_colour || *c == '\u{1b}';
        in_colour = hidden && *c != 'm';
        !hidden && !c.is_whitespace()
    });
    written.eq(":::".chars())
}

/// The lines of the file that a snippet can touch: drawing takes time for every line it is given.
struct Window<'a> {
    file: &'a SourceFile,
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(spans: impl Iterator<Item = Span>, file: &'a SourceFile, shown: &'a str) -> Self {
        let whole = spans
            .reduce(|one, other| Span::new(one.start.min(other.start), one.end.max(other.end)));
        let (window, line) = file.lines_around(whole.unwrap_or_default(), SLACK);
        let text = shown.get(window.start..window.end).unwrap_or_default();
        Self { file, text, start: window.start, line }
    }

    /// Whether it can be shown as it is: no line is endless.
    fn can_be_shown(&self) -> bool {
        self.text.lines().all(|line| line.len() <= LONGEST_LINE)
    }

    fn range(&self, span: Span) -> Range<usize> {
        let span = self.file.clamp(span);
        let inside = |offset: usize| offset.saturating_sub(self.start).min(self.text.len());
        inside(span.start)..inside(span.end)
    }
}

/// The part of an endless line around a place, with `…` where it is cut.
struct Excerpt {
    text: String,
    line: usize,
    /// Where the part begins in the file, and how many bytes of `…` stand before it.
    start: usize,
    lead: usize,
}

impl Excerpt {
    fn around(span: Span, file: &SourceFile, shown: &str) -> Self {
        let span = file.clamp(span);
        let (whole, line) = file.lines_around(Span::new(span.start, span.start), 0);
        let written = shown.get(whole.start..whole.end).unwrap_or_default();
        let written = written.trim_end_matches(['\n', '\r']);
        let place = span.start - whole.start;
        let start = written.floor_char_boundary(place.saturating_sub(AROUND.0));
        let end = written.ceil_char_boundary((place + AROUND.1).min(written.len()));
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        let (before, behind) = (cut(start > 0), cut(end < written.len()));
        let text = format!("{before}{}{behind}", written.get(start..end).unwrap_or_default());
        Self { text, line, start: whole.start + start, lead: before.len() }
    }

    /// The place in the part; none when it is not in there as a whole.
    fn range(&self, span: Span) -> Option<Range<usize>> {
        let inside = |offset: usize| Some(offset.checked_sub(self.start)? + self.lead);
        let (start, end) = (inside(span.start)?, inside(span.end)?);
        (end <= self.text.len() && self.text.is_char_boundary(end)).then_some(start..end)
    }

    /// The place in the part, or as much of it as is there.
    fn range_of_begin(&self, span: Span) -> Range<usize> {
        let start = (span.start.saturating_sub(self.start) + self.lead).min(self.text.len());
        let end = (span.end.saturating_sub(self.start) + self.lead).clamp(start, self.text.len());
        self.text.floor_char_boundary(start)..self.text.floor_char_boundary(end)
    }

    /// As a snippet whose place is said elsewhere: a column of the part is none of the file.
    fn snippet<'a, T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text.clone()).line_start(self.line)
    }
}

fn groups<'a>(diagnostic: &'a Diagnostic, file: &'a SourceFile, shown: &'a str) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    if let Some(primary) = &diagnostic.primary {
        let near = |label: &&Label| label.span.start.abs_diff(primary.span.start) < LARGEST_WINDOW;
        let (near, far): (Vec<&Label>, Vec<&Label>) = diagnostic.secondary.iter().partition(near);
        let spans = std::iter::once(primary).chain(near.iter().copied()).map(|label| label.span);
        let window = Window::around(spans, file, shown);
        if window.can_be_shown() {
            let annotation = AnnotationKind::Primary.span(window.range(primary.span));
            let mut snippet = Snippet::source(window.text)
                .line_start(window.line)
                .path(file.name())
                .annotation(annotation.label(label(&primary.text)));
            for secondary in near {
                let annotation = AnnotationKind::Context.span(window.range(secondary.span));
                snippet = snippet.annotation(annotation.label(label(&secondary.text)));
            }
            group = group.element(snippet);
        } else {
            let place = file.position(primary.span.start);
            let origin = Origin::path(file.name()).line(place.line).char_column(place.column);
            let excerpt = Excerpt::around(primary.span, file, shown);
            let mut snippet = excerpt.snippet().annotation(
                AnnotationKind::Primary
                    .span(excerpt.range_of_begin(primary.span))
                    .label(label(&primary.text)),
            );
            let mut others = Vec::new();
            for secondary in near {
                match excerpt.range(secondary.span) {
                    Some(range) => {
                        let annotation = AnnotationKind::Context.span(range);
                        snippet = snippet.annotation(annotation.label(label(&secondary.text)));
                    }
                    None => others.push(secondary),
                }
            }
            group = group.element(origin).element(snippet);
            for other in others {
                let place = file.position(other.span.start);
                let text = format!("line {}, column {}: {}", place.line, place.column, other.text);
                group = group.element(Level::NOTE.message(text));
            }
        }
        for far in far {
            let line = file.position(far.span.start).line;
            group = group.element(Level::NOTE.message(format!("line {line}: {}", far.text)));
        }
    } else {
        group = group.element(Origin::path(file.name()));
    }
    for place in &diagnostic.elsewhere {
        group = elsewhere(group, place);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let mut groups = vec![group];
    if let Some(suggestion) = &diagnostic.suggestion {
        let window = Window::around(std::iter::once(suggestion.span), file, shown);
        let title = Group::with_title(Level::HELP.secondary_title(&suggestion.text));
        if window.can_be_shown() {
            let patch = Patch::new(window.range(suggestion.span), &suggestion.replacement);
            let snippet = Snippet::source(window.text).line_start(window.line).path(file.name());
            groups.push(title.element(snippet.patch(patch)));
        } else {
            let excerpt = Excerpt::around(suggestion.span, file, shown);
            let range = excerpt.range(suggestion.span);
            let range = range.filter(|_| suggestion.replacement.len() <= AROUND.1);
            groups.push(match range {
                Some(range) => {
                    let patch = Patch::new(range, &suggestion.replacement);
                    title.element(excerpt.snippet().patch(patch))
                }
                None => title,
            });
        }
    }
    groups
}

/// A place in another file, below those of the file itself.
fn elsewhere<'a>(group: Group<'a>, place: &'a Elsewhere) -> Group<'a> {
    let file = &place.file;
    let window = Window::around(std::iter::once(place.label.span), file, file.text());
    if window.can_be_shown() {
        let annotation = AnnotationKind::Context.span(window.range(place.label.span));
        let snippet = Snippet::source(window.text).line_start(window.line).path(file.name());
        return group.element(snippet.annotation(annotation.label(label(&place.label.text))));
    }
    let line = file.position(place.label.span.start).line;
    let text = format!("{}:{line}: {}", file.name(), place.label.text);
    group.element(Level::NOTE.message(text))
}

fn label(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_one(text: &str, diagnostic: Diagnostic) -> String {
        let file = SourceFile::new("plan.yaml", text);
        let mut diagnostics = Diagnostics::new(&file);
        diagnostics.push(diagnostic);
        draw(&diagnostics, false)
    }

    #[test]
    fn of_an_endless_line_the_part_around_the_place_is_shown() {
        let text = format!("a: 1\nb: {}ключ: {}\n", "x".repeat(50_000), "ä".repeat(50_000));
        let at = text.find("ключ").unwrap();
        let place = Span::new(at, at + "ключ".len());
        let diagnostic = Diagnostic::error("x", "too much")
            .at(place, "this")
            .also(Span::new(5, 6), "begun here")
            .suggest(place, "key", "write `key`");
        let drawn = draw_one(&text, diagnostic);
        assert!(drawn.contains("--> plan.yaml:2:50004"), "{drawn}");
        let lines: Vec<&str> = drawn.lines().collect();
        let shown = lines.iter().position(|line| line.contains("…xx")).unwrap();
        let column = |line: &str, text: &str| {
            line.find(text).map(|at| line[..at].chars().count()).unwrap_or_default()
        };
        assert_eq!(column(lines[shown], "ключ"), column(lines[shown + 1], "^^^^ this"), "{drawn}");
        assert!(lines[shown].ends_with("ä…") && drawn.contains("key: ä"), "{drawn}");
        assert!(drawn.contains("line 2, column 1: begun here"), "{drawn}");
        assert!(drawn.len() < 1_500 && !drawn.contains(":::"), "{drawn}");
    }

    #[test]
    fn a_place_far_away_is_told_by_its_line() {
        let text = format!("a: 1\n{}a: 2\n", "# x\n".repeat(100_000));
        let at = text.len() - 5;
        let diagnostic = Diagnostic::error("x", "twice")
            .at(Span::new(at, at + 1), "again")
            .also(Span::new(0, 1), "first given here");
        let drawn = draw_one(&text, diagnostic);
        assert!(drawn.contains("plan.yaml:100002:1"), "{drawn}");
        assert!(drawn.contains("line 1: first given here"), "{drawn}");
    }
}
