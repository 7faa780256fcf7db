//! `Diagnostic` and `Diagnostics`: what is wrong with a file, where, and how to mend it.
//!
//! Data only; [`super::draw`] makes text of it. Each diagnostic has a stable code, so that tools
//! can name it. A place that holds a secret by mistake is masked before anything shows it.

use serde::Serialize;

use super::source::{SourceFile, Span};

/// So many are shown of one file; who has more does not read them to the end.
pub(crate) const MOST_SHOWN: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but it is probably not what was meant.
    Warning,
}

/// A place with a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
}

/// A place with a remark in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other file, as it may be shown.
    pub file: SourceFile,
    /// The place in it.
    pub label: Label,
}

/// A change that mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What is replaced.
    pub span: Span,
    /// What takes its place.
    pub replacement: String,
    /// The sentence that introduces it, for example "did you mean `needs`?".
    pub text: String,
}

/// One mistake, or one doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name, for example `unknown-key`.
    pub code: &'static str,
    /// What is wrong: a lowercase fragment without a full stop.
    pub message: String,
    /// Where it is; none when it is about the whole file.
    pub primary: Option<Label>,
    /// Further places that explain it.
    pub secondary: Vec<Label>,
    /// Places in other files that explain it.
    pub elsewhere: Vec<Elsewhere>,
    /// How to mend it, in words.
    pub help: Vec<String>,
    /// How to mend it, as a change.
    pub suggestion: Option<Suggestion>,
}

impl Diagnostic {
    /// A mistake.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            elsewhere: Vec::new(),
            help: Vec::new(),
            suggestion: None,
        }
    }

    /// A doubt.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Adds a place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a place in another file that explains it.
    #[must_use]
    pub fn also_in(mut self, file: SourceFile, span: Span, text: impl Into<String>) -> Self {
        self.elsewhere.push(Elsewhere { file, label: Label { span, text: text.into() } });
        self
    }

    /// Adds a way to mend it, in words.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Sets the change that mends it.
    #[must_use]
    pub fn suggest(
        mut self,
        span: Span,
        replacement: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.suggestion =
            Some(Suggestion { span, replacement: replacement.into(), text: text.into() });
        self
    }
}

/// Everything that was found in one file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file: SourceFile,
    items: Vec<Diagnostic>,
    masked: Vec<Span>,
    /// Errors beyond [`MOST_SHOWN`].
    omitted: usize,
}

/// A diagnostic as plain data, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// The file's name.
    pub file: &'a str,
    /// The first line, from 1.
    pub line: usize,
    /// The first column, from 1, in characters.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// Further places that explain it, in this file and in others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related<'a>>,
    /// How to mend it.
    pub help: Vec<&'a str>,
    /// How to mend it, as a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<SuggestedChange<'a>>,
}

/// A place that explains a mistake, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What it has to do with the mistake.
    pub message: &'a str,
}

/// A change as plain data: the text from the first place up to the second becomes `replacement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuggestedChange<'a> {
    /// The first line, from 1.
    pub line: usize,
    /// The first column, from 1, in characters.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// What takes its place.
    pub replacement: &'a str,
}

impl Diagnostics {
    /// Nothing yet, about `file`.
    pub fn new(file: &SourceFile) -> Self {
        Self { file: file.clone(), items: Vec::new(), masked: Vec::new(), omitted: 0 }
    }

    /// Adds a diagnostic. The order of the file is kept; what was said already is not repeated, so
    /// that an alias does not repeat the mistakes of its anchor.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.items.contains(&diagnostic) {
            return;
        }
        if self.is_full() {
            self.omitted += usize::from(diagnostic.severity == Severity::Error);
            return;
        }
        let place = |item: &Diagnostic| item.primary.as_ref().map(|label| label.span);
        let before = self.items.partition_point(|item| place(item) <= place(&diagnostic));
        self.items.insert(before, diagnostic);
    }

    /// Hides the text of `span` wherever the source is shown: it may be a secret.
    pub(crate) fn mask(&mut self, span: Span) {
        self.masked.push(span);
    }

    /// Whether anything of `span` is hidden.
    pub(crate) fn is_masked(&self, span: Span) -> bool {
        self.masked.iter().any(|masked| span.start < masked.end && masked.start < span.end)
    }

    /// Whether no more are shown. Whoever would have to search for a good suggestion can spare it.
    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= MOST_SHOWN
    }

    /// Takes out what has this code, to be said in another way.
    pub(crate) fn take(&mut self, code: &str) -> Vec<Diagnostic> {
        let (taken, kept) =
            std::mem::take(&mut self.items).into_iter().partition(|item| item.code == code);
        self.items = kept;
        taken
    }

    /// Takes out what has this code: somebody else says it.
    pub(crate) fn leave_out(&mut self, code: &str) {
        self.items.retain(|item| item.code != code);
    }

    /// How many errors there are beyond those that are shown.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// How many there are of this severity, the omitted ones included.
    pub fn count(&self, severity: Severity) -> usize {
        let shown = self.items.iter().filter(|item| item.severity == severity).count();
        shown + if severity == Severity::Error { self.omitted } else { 0 }
    }

    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.omitted > 0 || self.items.iter().any(|item| item.severity == Severity::Error)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The diagnostics in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// The file that they are about.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// The diagnostics as plain data.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.items.iter().map(|item| {
            let span = item.primary.as_ref().map_or_else(Span::default, |label| label.span);
            let (start, end) = (self.file.position(span.start), self.file.position(span.end));
            let suggestion = item.suggestion.as_ref().map(|suggestion| {
                let span = suggestion.span;
                let (start, end) = (self.file.position(span.start), self.file.position(span.end));
                SuggestedChange {
                    line: start.line,
                    column: start.column,
                    end_line: end.line,
                    end_column: end.column,
                    replacement: &suggestion.replacement,
                }
            });
            let change = item.suggestion.as_ref().map(|suggestion| suggestion.text.as_str());
            let here = item.secondary.iter().map(|label| (&self.file, label));
            let there = item.elsewhere.iter().map(|place| (&place.file, &place.label));
            Entry {
                severity: item.severity,
                code: item.code,
                message: &item.message,
                file: self.file.name(),
                line: start.line,
                column: start.column,
                end_line: end.line,
                end_column: end.column,
                related: here.chain(there).map(|(file, label)| related(file, label)).collect(),
                help: change.into_iter().chain(item.help.iter().map(String::as_str)).collect(),
                suggestion,
            }
        })
    }

    /// The diagnostics as people read them, in the style of rustc.
    pub fn render(&self, colour: bool) -> String {
        super::draw::draw(self, colour)
    }

    /// The file as it may be shown beside the mistakes of another file.
    pub(crate) fn shown_file(&self) -> SourceFile {
        if self.masked.is_empty() {
            return self.file.clone();
        }
        SourceFile::new(self.file.name(), &self.shown_text())
    }

    /// The text of the file as it may be shown: as long as the file's, with masked places blotted
    /// out byte by byte.
    pub(crate) fn shown_text(&self) -> String {
        let mut text = self.file.text().as_bytes().to_vec();
        for span in self.masked.iter().map(|span| self.file.clamp(*span)) {
            let hidden = text.iter_mut().take(span.end).skip(span.start);
            for byte in hidden.filter(|byte| !matches!(byte, b'\n' | b'\r')) {
                *byte = b'*';
            }
        }
        // Whole characters were blotted out, so what is left is text.
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn related<'a>(file: &'a SourceFile, label: &'a Label) -> Related<'a> {
    let place = file.position(label.span.start);
    Related { file: file.name(), line: place.line, column: place.column, message: &label.text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_come_in_the_order_of_the_file_and_once() {
        let file = SourceFile::new("plan.yaml", "a\nb\n");
        let mut diagnostics = Diagnostics::new(&file);
        let late = Diagnostic::error("x", "late").at(Span::new(2, 3), "");
        diagnostics.push(late.clone());
        diagnostics.push(Diagnostic::error("x", "early").at(Span::new(0, 1), ""));
        diagnostics.push(late);
        let lines: Vec<(usize, &str)> =
            diagnostics.entries().map(|entry| (entry.line, entry.message)).collect();
        assert_eq!(lines, [(1, "early"), (2, "late")]);
    }

    #[test]
    fn more_mistakes_than_anybody_reads_are_only_counted() {
        let file = SourceFile::new("plan.yaml", "a\n");
        let mut diagnostics = Diagnostics::new(&file);
        for number in 0..MOST_SHOWN + 7 {
            diagnostics.push(Diagnostic::error("x", number.to_string()));
        }
        assert_eq!(diagnostics.omitted(), 7);
        assert_eq!(diagnostics.count(Severity::Error), MOST_SHOWN + 7);
        assert!(diagnostics.render(false).contains("7 more mistakes are not shown"));
    }

    #[test]
    fn what_is_masked_is_shown_nowhere() {
        let file = SourceFile::new("plan.yaml", "key: sesäm\nb: 1\n");
        let mut diagnostics = Diagnostics::new(&file);
        diagnostics.mask(Span::new(5, 11));
        diagnostics.push(Diagnostic::error("x", "no").at(Span::new(0, 3), ""));
        let text = diagnostics.render(false);
        assert!(text.contains("key: ******") && !text.contains("sesäm"), "{text}");
    }
}
