//! `SourceFile` and `Span`: the text of a file and places in it.
//!
//! The text is kept exactly as it was read (only a byte order mark is dropped), so that a place in
//! it is a place in the file. It never opens a file: whoever has the bytes hands them over.

use std::ops::Range;
use std::sync::Arc;

use super::decode::with_article;
use super::diagnostic::{Diagnostic, Diagnostics};

/// How much a file of one kind may hold; what holds more is a mistake or an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// What the file is, for messages.
    pub kind: &'static str,
    /// Bytes.
    pub bytes: usize,
    /// Values, the parts of lists and maps included.
    pub values: usize,
}

impl FileLimits {
    /// A plan, or another file of its size. Nobody writes a larger one by hand.
    pub const PLAN: Self = Self { kind: "plan", bytes: 5 * 1024 * 1024, values: 250_000 };

    /// An inventory, which programs write, too: some 200,000 targets.
    pub const INVENTORY: Self =
        Self { kind: "inventory", bytes: 32 * 1024 * 1024, values: 4_000_000 };
}

/// A file that people wrote. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins.
    lines: Arc<[usize]>,
}

/// A range of bytes in a [`SourceFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A place as people count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Span {
    /// The range from `start` up to `end`; an end before the start makes it empty.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The part `range` of this span, counted from its start.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        Self::new(self.start + range.start, self.start + range.end)
    }
}

impl SourceFile {
    /// A file with this `name` (for messages) and `text`.
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let begins = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self { name: name.into(), text: text.into(), lines }
    }

    /// Takes the bytes of a plan, or of another file that is no larger. Fails when there are too
    /// many of them or when they are not UTF-8.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        Self::from_bytes_within(name, bytes, FileLimits::PLAN)
    }

    /// The same for a file with limits of its own.
    pub fn from_bytes_within(
        name: &str,
        bytes: &[u8],
        limits: FileLimits,
    ) -> Result<Self, Diagnostics> {
        if bytes.len() > limits.bytes {
            let mut diagnostics = Diagnostics::new(&Self::new(name, ""));
            diagnostics.push(
                Diagnostic::error(
                    "file-too-large",
                    format!(
                        "the file is too large: {} may have {} bytes at most",
                        with_article(limits.kind),
                        limits.bytes
                    ),
                )
                .help("is this the right file?"),
            );
            return Err(diagnostics);
        }
        std::str::from_utf8(bytes).map(|text| Self::new(name, text)).map_err(|error| {
            let without_mark = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let file = Self::new(name, &String::from_utf8_lossy(without_mark));
            let mark = bytes.len() - without_mark.len();
            let offset = error.valid_up_to();
            let at = offset - mark;
            let byte = bytes.get(offset).copied().unwrap_or_default();
            let mut diagnostics = Diagnostics::new(&file);
            diagnostics.push(
                Diagnostic::error("not-utf8", "the file is not UTF-8 text")
                    .at(
                        Span::new(at, at + '\u{fffd}'.len_utf8()),
                        format!("byte 0x{byte:02x} at offset {offset} does not belong here"),
                    )
                    .help("save the file as UTF-8"),
            );
            diagnostics
        })
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of `span`; empty when the span is not inside the text.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Where the byte `offset` is, as people count.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.boundary(offset);
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied();
        let column = self.text[begin.unwrap_or_default()..offset].chars().count() + 1;
        Position { line, column }
    }

    /// The whole lines around `span`, with `slack` more on both sides, and the number of the first.
    pub(crate) fn lines_around(&self, span: Span, slack: usize) -> (Span, usize) {
        let span = self.clamp(span);
        let first = self.position(span.start).line.saturating_sub(1 + slack);
        let last = self.position(span.end).line + slack;
        let begin = |index: usize| self.lines.get(index).copied().unwrap_or(self.text.len());
        (Span::new(begin(first), begin(last)), first + 1)
    }

    /// The byte at `line` and `column`, both from 1; the nearest one when there is none.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let Some(begin) = self.lines.get(line.saturating_sub(1)).copied() else {
            return self.text.len();
        };
        let end = self.lines.get(line.max(1)).copied().unwrap_or(self.text.len());
        let rest = self.text[begin..end].trim_end_matches(['\n', '\r']);
        let inside = rest.char_indices().nth(column.saturating_sub(1));
        begin + inside.map_or(rest.len(), |(index, _)| index)
    }

    /// `span` cut to the text and to whole characters.
    pub(crate) fn clamp(&self, span: Span) -> Span {
        Span::new(self.boundary(span.start), self.boundary(span.end))
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_come_back_as_offsets() {
        let file = SourceFile::new("plan.yaml", "ä: 1\r\nöü: x\n");
        let offset = file.text().find('x').unwrap();
        assert_eq!(file.position(offset), Position { line: 2, column: 5 });
        assert_eq!(file.offset(2, 5), offset);
        assert_eq!(file.offset(1, 99), file.text().find('\r').unwrap());
        assert_eq!(file.offset(99, 1), file.text().len());
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        let file = SourceFile::from_bytes("plan.yaml", b"\xef\xbb\xbfname: x").unwrap();
        assert_eq!(file.text(), "name: x");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_with_their_place() {
        let error = SourceFile::from_bytes("plan.yaml", b"a: 1\nname: M\xfcller\n").unwrap_err();
        let text = error.render(false);
        assert!(text.contains("byte 0xfc at offset 12"), "{text}");
        assert!(text.contains("plan.yaml:2:8"), "{text}");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let bytes = vec![b' '; FileLimits::PLAN.bytes + 1];
        let error = SourceFile::from_bytes("plan.yaml", &bytes).unwrap_err();
        let text = error.render(false);
        // Who reads a larger file stops soon behind the limit: nobody knows how large it is.
        assert!(text.contains("a plan may have 5242880 bytes at most"), "{text}");
    }
}
