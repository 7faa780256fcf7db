//! Drawing diagnostics in the style of rustc: the line of the file, carets, remarks, changes.
//!
//! The only place that knows annotate-snippets. A pure function from data to text; printing it is
//! somebody else's work.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::source::{SourceFile, Span};

/// Wide enough for every line of a plan that is pleasant to read; longer ones are cut around the
/// caret. Fixed, so that the same mistake reads the same everywhere.
const WIDTH: usize = 140;

/// Lines around a place that are kept, though only those with a remark are shown.
const SLACK: usize = 2;

/// All diagnostics, one after the other, each followed by an empty line.
pub(super) fn draw(diagnostics: &Diagnostics, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(WIDTH).decor_style(DecorStyle::Ascii);
    let shown = diagnostics.shown_text();
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let groups = groups(diagnostic, diagnostics.file(), &shown);
        text.push_str(&renderer.render(&groups));
        text.push_str("\n\n");
    }
    if diagnostics.omitted() > 0 {
        let message = format!("{} more mistakes are not shown", diagnostics.omitted());
        let title = Level::ERROR.primary_title(&message);
        text.push_str(&renderer.render(&[Group::with_title(title)]));
        text.push_str("\n\n");
    }
    text
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

    fn range(&self, span: Span) -> Range<usize> {
        let span = self.file.clamp(span);
        let inside = |offset: usize| offset.saturating_sub(self.start).min(self.text.len());
        inside(span.start)..inside(span.end)
    }
}

fn groups<'a>(diagnostic: &'a Diagnostic, file: &'a SourceFile, shown: &'a str) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    match &diagnostic.primary {
        None => group = group.element(Origin::path(file.name())),
        Some(primary) => {
            let labels = std::iter::once(primary).chain(&diagnostic.secondary);
            let window = Window::around(labels.map(|label| label.span), file, shown);
            let annotation = AnnotationKind::Primary.span(window.range(primary.span));
            let mut snippet = Snippet::source(window.text)
                .line_start(window.line)
                .path(file.name())
                .annotation(annotation.label(label(&primary.text)));
            for secondary in &diagnostic.secondary {
                let annotation = AnnotationKind::Context.span(window.range(secondary.span));
                snippet = snippet.annotation(annotation.label(label(&secondary.text)));
            }
            group = group.element(snippet);
        }
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let mut groups = vec![group];
    if let Some(suggestion) = &diagnostic.suggestion {
        let window = Window::around(std::iter::once(suggestion.span), file, shown);
        let patch = Patch::new(window.range(suggestion.span), &suggestion.replacement);
        let snippet = Snippet::source(window.text).line_start(window.line).path(file.name());
        groups.push(
            Group::with_title(Level::HELP.secondary_title(&suggestion.text))
                .element(snippet.patch(patch)),
        );
    }
    groups
}

fn label(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
