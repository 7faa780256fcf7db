//! `Problem`: the first place at which a text stops being YAML that a file may hold, and what was
//! open there.
//!
//! Reads events only and builds no tree, so that a text can be read again for each way to mend it.

use granit_parser::{ErrorKind, Event, Parser, StructureStyle};

use crate::document::source::Span;

/// What stopped the reader.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// The rules of YAML.
    Syntax(ErrorKind),
    /// An alias (`*name`) without an anchor; its place.
    Alias(Span),
    /// A tag (`!name`); its place.
    Tag(Span),
}

/// A list or map that is not at its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Open {
    /// Where it begins: at its bracket, or at its first key or dash.
    pub(super) start: usize,
    /// Whether it stands in brackets.
    pub(super) bracket: bool,
    /// Whether it is a list.
    pub(super) list: bool,
}

/// Where reading stopped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    /// The byte at which the reader gave up.
    pub(super) at: usize,
    pub(super) cause: Cause,
    /// From the outermost to the innermost.
    pub(super) open: Vec<Open>,
    /// Up to here all was well.
    pub(super) settled: usize,
}

/// The first problem of `text`; none when there is none.
pub(super) fn first_problem(text: &str) -> Option<Problem> {
    let options = granit_parser::options! { emit_comments: false, emit_unresolved_aliases: true };
    let mut open: Vec<Open> = Vec::new();
    let mut settled = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, place) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let at = text.floor_char_boundary(at);
                return Some(Problem {
                    at,
                    cause: Cause::Syntax(error.kind().clone()),
                    open,
                    settled,
                });
            }
        };
        let range = place.byte_range().unwrap_or(0..0);
        let span = Span::new(range.start, range.end);
        let tag = place.tag_span().and_then(|tag| tag.byte_range());
        let local = tag.filter(|tag| !text[tag.clone()].starts_with("!!"));
        let cause = match (&event, local) {
            (Event::UnresolvedAlias(_), _) => Some(Cause::Alias(span)),
            (_, Some(tag)) => Some(Cause::Tag(Span::new(tag.start, tag.end))),
            _ => None,
        };
        if let Some(cause) = cause {
            let (Cause::Alias(place) | Cause::Tag(place)) = &cause else { continue };
            return Some(Problem { at: place.start, cause, open, settled });
        }
        match event {
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => open.push(Open {
                start: span.start,
                bracket: matches!(style, StructureStyle::Flow),
                list: matches!(event, Event::SequenceStart(..)),
            }),
            Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
            _ => {}
        }
        settled = settled.max(span.end);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_at_a_problem_is_known() {
        let problem = first_problem("a:\n  - b: { c: [1, 2\n").unwrap();
        let open: Vec<(usize, bool, bool)> =
            problem.open.iter().map(|open| (open.start, open.bracket, open.list)).collect();
        assert_eq!(
            open,
            [
                (0, false, false),
                (5, false, true),
                (7, false, false),
                (10, true, false),
                (15, true, true)
            ]
        );
        assert_eq!(first_problem("a: [1, {b: 2}]\n"), None);
    }

    #[test]
    fn an_alias_and_a_tag_are_problems_too() {
        let cause = |text| first_problem(text).map(|problem| problem.cause);
        assert_eq!(cause("a: *b c\n"), Some(Cause::Alias(Span::new(3, 5))));
        assert_eq!(cause("a: !b c\n"), Some(Cause::Tag(Span::new(3, 5))));
        assert_eq!(cause("a: &b c\nd: *b\n"), None);
    }
}
