//! `Line`: one line of a text as people read it: its indentation, its key, its value, its comment.
//!
//! A guess from the looks of the line, for texts that are no YAML. It decides nothing: what it says
//! is tried out before anybody hears of it.

use crate::document::source::Span;

/// One line, without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

impl<'t> Line<'t> {
    /// The line that holds the byte `at`.
    pub(super) fn at(text: &'t str, at: usize) -> Self {
        let at = text.floor_char_boundary(at);
        let start = part(text, 0, at).rfind('\n').map_or(0, |newline| newline + 1);
        let end = part(text, at, text.len()).find('\n').map_or(text.len(), |newline| at + newline);
        let end = start + part(text, start, end).trim_end_matches('\r').len();
        Self { text, span: Span::new(start, end) }
    }

    /// What stands on the line.
    pub(super) fn written(self) -> &'t str {
        part(self.text, self.span.start, self.span.end)
    }

    pub(super) fn next(self) -> Option<Self> {
        let newline = self.span.end + part(self.text, self.span.end, self.text.len()).find('\n')?;
        (newline + 1 < self.text.len()).then(|| Self::at(self.text, newline + 1))
    }

    /// The nearest line above that is neither empty nor a comment.
    pub(super) fn above(self) -> Option<Self> {
        let mut line = self;
        loop {
            line = Self::at(self.text, line.span.start.checked_sub(1)?);
            if !line.is_idle() {
                return Some(line);
            }
        }
    }

    /// Whether it is empty or a comment.
    pub(super) fn is_idle(self) -> bool {
        let written = self.written().trim_start();
        written.is_empty() || written.starts_with('#')
    }

    /// How many bytes of blanks and tabs stand before the first word.
    pub(super) fn indentation(self) -> usize {
        let written = self.written();
        written.len() - written.trim_start_matches([' ', '\t']).len()
    }

    /// Where the first word begins.
    pub(super) fn start(self) -> usize {
        self.span.start + self.indentation()
    }

    /// What stands there without indentation, comment and blanks at the end.
    pub(super) fn content(self) -> Span {
        let written = self.written();
        let mut quote = None;
        let mut end = written.len();
        for (index, character) in written.char_indices() {
            let before = written[..index].chars().next_back().is_none_or(char::is_whitespace);
            match (quote, character) {
                (Some(open), _) if open == character => quote = None,
                (None, '"' | '\'') if before => quote = Some(character),
                (None, '#') if before => {
                    end = index;
                    break;
                }
                _ => {}
            }
        }
        let end = written[..end].trim_end().len().max(self.indentation());
        Span::new(self.start(), self.span.start + end)
    }

    /// Where the comment begins, taking no account of quotes; the end of the line without one.
    pub(super) fn before_any_comment(self) -> usize {
        let written = self.written();
        let end = written.find(" #").unwrap_or(written.len());
        self.span.start + written[..end].trim_end().len()
    }

    /// Behind the dashes of lists that begin on this line.
    pub(super) fn behind_dashes(self) -> usize {
        let mut at = self.start();
        while let Some(rest) = part(self.text, at, self.span.end).strip_prefix("- ") {
            at = self.span.end - rest.trim_start().len();
        }
        at
    }

    /// The key, and what stands behind its colon. Without a colon all is value.
    pub(super) fn entry(self) -> (Option<Span>, Span) {
        let (start, end) = (self.behind_dashes(), self.content().end);
        let whole = Span::new(start, end);
        let Some(content) = self.text.get(start..end) else { return (None, whole) };
        let quoted = content.chars().next().filter(|c| matches!(c, '"' | '\''));
        let from =
            quoted.and_then(|quote| content[1..].find(quote).map(|at| at + 2)).unwrap_or_default();
        let colon = content[from..].find(": ").map(|at| from + at);
        let colon = colon.or_else(|| content.ends_with(':').then(|| content.len() - 1));
        let Some(colon) = colon else { return (None, whole) };
        let rest = &content[colon + 1..];
        let value = end - rest.trim_start().len();
        (Some(Span::new(start, start + colon)), Span::new(value, end))
    }
}

/// The bytes of `text` from `start` up to `end`; nothing when there are none.
pub(super) fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// `text` in the quotes that change least.
pub(super) fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_people_read_it() {
        let text = "x:\n  - a key: b # c: d\n\n  # e\n  f: '#g'\n";
        let line = Line::at(text, 8);
        let slice = |span: Span| &text[span.start..span.end];
        let (key, value) = line.entry();
        assert_eq!((slice(key.unwrap()), slice(value)), ("a key", "b"));
        assert_eq!((line.indentation(), slice(line.content())), (2, "- a key: b"));
        let last = Line::at(text, text.len() - 2);
        assert_eq!(slice(last.entry().1), "'#g'");
        assert_eq!(last.above().unwrap().written(), line.written());
        assert_eq!(line.above().unwrap().above().map(|line| line.span), None);
    }
}
