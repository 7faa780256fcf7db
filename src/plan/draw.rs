//! Drawing diagnostics in the style of rustc: the line of the file, carets, remarks, changes.
//!
//! The only place that knows annotate-snippets. A pure function from data to text; printing it is
//! somebody else's work.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::source::{SourceFile, Span};

/// Wide enough for every line of a plan that is pleasant to read; longer ones are cut around the
/// caret. Fixed, so that the same mistake reads the same everywhere.
const WIDTH: usize = 140;

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
    text
}

fn groups<'a>(diagnostic: &'a Diagnostic, file: &'a SourceFile, shown: &'a str) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    let range = |span: Span| {
        let span = file.clamp(span);
        span.start..span.end
    };
    match &diagnostic.primary {
        None => group = group.element(Origin::path(file.name())),
        Some(primary) => {
            let mut snippet = Snippet::source(shown).path(file.name()).annotation(
                AnnotationKind::Primary.span(range(primary.span)).label(label(&primary.text)),
            );
            for secondary in &diagnostic.secondary {
                let annotation = AnnotationKind::Context.span(range(secondary.span));
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
        let patch = Patch::new(range(suggestion.span), &suggestion.replacement);
        groups.push(
            Group::with_title(Level::HELP.secondary_title(&suggestion.text))
                .element(Snippet::source(shown).path(file.name()).patch(patch)),
        );
    }
    groups
}

fn label(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
