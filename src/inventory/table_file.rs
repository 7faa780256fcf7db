//! An inventory that is a table: CSV with a header row, as spreadsheets write it.
//!
//! The header names the columns: `target`, `plan`, `groups`, and inputs of the plan. What is between
//! cells (`,`, `;` or a tab) is told by the header. An empty cell says nothing.

use std::borrow::Cow;

use super::raw::{InventoryFile, RawTarget};
use super::yaml_file::{bad_name, push_group};
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{SourceFile, Span};
use crate::document::suggest::nearest;
use crate::types::{TargetName, printable, shorten};

/// What is between the parts of a list in one cell.
pub(super) const LIST_SEPARATOR: char = '|';

/// What can be between cells.
const MARKS: [char; 3] = [',', ';', '\t'];

/// No table is wider; a row costs work for every column.
const MOST_COLUMNS: usize = 1_000;

/// A cell: its value, and its place without quotes.
struct Cell<'s> {
    value: Cow<'s, str>,
    span: Span,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
enum Column {
    Target,
    Plan,
    Groups,
    Input(Key),
    /// It was refused.
    Nothing,
}

impl Column {
    fn input(self) -> Option<Key> {
        match self {
            Self::Input(key) => Some(key),
            Self::Target | Self::Plan | Self::Groups | Self::Nothing => None,
        }
    }
}

/// Reads `file.source` into `file`.
pub(super) fn read(file: &mut InventoryFile) {
    let source = file.source.clone();
    let mut found = Diagnostics::new(&source);
    let mut decoder = Decoder { file: &source, diagnostics: &mut found };
    let mut rows = Rows { source: &source, offset: 0, separator: separator(source.text()) };
    if let Some(header) = rows.next(&mut decoder) {
        if let Some(columns) = columns(&header, &mut decoder) {
            while let Some(row) = rows.next(&mut decoder) {
                file.targets.extend(target(&row, &columns, &mut decoder));
            }
            file.columns = columns.into_iter().filter_map(Column::input).collect();
            if file.targets.is_empty() && !decoder.diagnostics.has_errors() {
                let end = Span::new(source.text().len(), source.text().len());
                decoder.push(
                    Diagnostic::error("no-targets", "the table has no rows below its header")
                        .at(header.first().map_or(end, |cell| cell.span), "the header")
                        .help("write one row per target"),
                );
            }
        }
    } else if !decoder.diagnostics.has_errors() {
        decoder.push(
            Diagnostic::error("empty-file", "the file is empty")
                .at(Span::default(), "a table was expected here")
                .help("the first row names the columns, for example `target,dns_names,groups`"),
        );
    }
    file.found = found;
}

/// What the header uses: names of columns hold none of these.
fn separator(text: &str) -> char {
    let header = text.lines().find(|line| !is_comment(line)).unwrap_or_default();
    MARKS.into_iter().find(|mark| header.contains(*mark)).unwrap_or(',')
}

/// A mark as messages call it.
fn mark_name(mark: char) -> String {
    match mark {
        '\t' => "a tab".to_owned(),
        mark => format!("`{mark}`"),
    }
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// The rows of a table, blank lines and comments left out.
struct Rows<'s> {
    source: &'s SourceFile,
    offset: usize,
    separator: char,
}

impl<'s> Rows<'s> {
    fn next(&mut self, decoder: &mut Decoder<'_>) -> Option<Vec<Cell<'s>>> {
        loop {
            let rest = &self.source.text()[self.offset..];
            if rest.is_empty() {
                return None;
            }
            let line = rest.split_inclusive('\n').next().unwrap_or_default();
            if !is_comment(line) {
                return self.row(decoder);
            }
            self.offset += line.len();
        }
    }

    /// One row, which may have quoted line breaks. None at a mistake after which nothing is certain.
    fn row(&mut self, decoder: &mut Decoder<'_>) -> Option<Vec<Cell<'s>>> {
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell(decoder)?);
            let rest = &self.source.text()[self.offset..];
            let mut characters = rest.chars();
            match characters.next() {
                Some(mark) if mark == self.separator => self.offset += mark.len_utf8(),
                Some('\r') => self.offset += 1 + usize::from(characters.next() == Some('\n')),
                Some('\n') => self.offset += 1,
                _ => {}
            }
            let went_on = rest.starts_with(self.separator);
            if !went_on || cells.len() > MOST_COLUMNS {
                return Some(cells);
            }
        }
    }

    fn cell(&mut self, decoder: &mut Decoder<'_>) -> Option<Cell<'s>> {
        let text = self.source.text();
        let blank = text[self.offset..].len() - text[self.offset..].trim_start_matches(' ').len();
        if text[self.offset + blank..].starts_with('"') {
            self.offset += blank;
            return self.quoted(decoder);
        }
        let rest = &text[self.offset..];
        let end = rest.find([self.separator, '\n', '\r']).unwrap_or(rest.len());
        let written = &rest[..end];
        let value = written.trim();
        let start = self.offset + (written.len() - written.trim_start().len());
        self.offset += end;
        Some(Cell { value: Cow::Borrowed(value), span: Span::new(start, start + value.len()) })
    }

    fn quoted(&mut self, decoder: &mut Decoder<'_>) -> Option<Cell<'s>> {
        let text = self.source.text();
        let start = self.offset + 1;
        let mut end = start;
        loop {
            match text[end..].find('"') {
                Some(at) if text[end + at + 1..].starts_with('"') => end += at + 2,
                Some(at) => {
                    end += at;
                    break;
                }
                None => {
                    decoder.push(
                        Diagnostic::error("table-syntax", "a quote is never closed")
                            .at(Span::new(start - 1, start), "it is opened here")
                            .help("a quote inside a quoted cell is written twice, `\"\"`"),
                    );
                    self.offset = text.len();
                    return None;
                }
            }
        }
        self.offset = end + 1;
        let rest = &text[self.offset..];
        let after = &rest[..rest.find([self.separator, '\n', '\r']).unwrap_or(rest.len())];
        if !after.trim().is_empty() {
            let at = self.offset + (after.len() - after.trim_start().len());
            decoder.push(
                Diagnostic::error("table-syntax", "there is more behind a closing quote")
                    .at(Span::new(at, at + after.trim().len()), "the cell ended before")
                    .help("a quote inside a quoted cell is written twice, `\"\"`"),
            );
        }
        self.offset += after.len();
        let written = &text[start..end];
        let value = match written.contains("\"\"") {
            true => Cow::Owned(written.replace("\"\"", "\"")),
            false => Cow::Borrowed(written),
        };
        Some(Cell { value, span: Span::new(start, end) })
    }
}

fn columns(header: &[Cell<'_>], decoder: &mut Decoder<'_>) -> Option<Vec<Column>> {
    if let Some(beyond) = header.get(MOST_COLUMNS) {
        decoder.push(
            Diagnostic::error("table-syntax", "the table has too many columns")
                .at(beyond.span, format!("a table may have {MOST_COLUMNS} at most")),
        );
        return None;
    }
    let names = |name: &str| header.iter().any(|cell| cell.value == name);
    if !names("target") && !names("common_name") {
        let diagnostic = Diagnostic::error(
            "missing-key",
            "the table has neither a column `target` nor a column `common_name`",
        );
        let meant = |cell: &Cell<'_>| {
            let near = nearest(cell.value.trim(), ["target", "common_name"])?;
            Some((cell.span, near))
        };
        let place = header.first().map_or_else(Span::default, |cell| cell.span);
        let diagnostic = match header.iter().find_map(meant) {
            Some((span, near)) => diagnostic
                .at(span, "the first row names the columns, and this one is called otherwise")
                .suggest(span, near, format!("did you mean `{near}`?")),
            None => diagnostic.at(place, "the first row names the columns").help(
                "for example `target,dns_names,groups,plan`; other columns are inputs of the plan",
            ),
        };
        decoder.push(diagnostic);
        return None;
    }
    let column = |(index, cell): (usize, &Cell<'_>)| {
        let first = header[..index].iter().find(|other| other.value == cell.value);
        let shown = shorten(&printable(&cell.value), 60);
        if cell.value.is_empty() {
            decoder.push(
                Diagnostic::error("table-syntax", format!("column {} has no name", index + 1))
                    .at(cell.span, "the header is empty here")
                    .help("every column is an input of the plan, or `target`, `plan` or `groups`"),
            );
            return Column::Nothing;
        }
        if let Some(first) = first {
            decoder.push(
                Diagnostic::error("duplicate-key", format!("the column `{shown}` is given twice"))
                    .at(cell.span, "given again here")
                    .also(first.span, "first given here")
                    .help("keep one of the two"),
            );
            return Column::Nothing;
        }
        match cell.value.as_ref() {
            "target" => Column::Target,
            "plan" => Column::Plan,
            "groups" => Column::Groups,
            name => Column::Input(Key { name: name.to_owned(), span: cell.span }),
        }
    };
    Some(header.iter().enumerate().map(column).collect())
}

fn target(row: &[Cell<'_>], columns: &[Column], decoder: &mut Decoder<'_>) -> Option<RawTarget> {
    let start = row.first().map_or_else(Span::default, |cell| cell.span);
    if row.len() != columns.len() {
        let (place, remark) = match row.get(columns.len()) {
            Some(beyond) => (beyond.span, "this cell has no column"),
            None => (row.last().map_or(start, |cell| cell.span), "the row ends here"),
        };
        let count = |cells: usize| format!("{cells} cell{}", if cells == 1 { "" } else { "s" });
        let message =
            format!("a row has {}, and the header has {}", count(row.len()), columns.len());
        let diagnostic = Diagnostic::error("table-syntax", message).at(place, remark);
        let divided = |mark: &char| row.first().is_some_and(|cell| cell.value.contains(*mark));
        let other = MARKS.iter().find(|mark| row.len() == 1 && divided(mark));
        decoder.push(match other {
            Some(mark) => diagnostic.help(format!(
                "{} divides this row, and {} the header: the header tells what is between cells",
                mark_name(*mark),
                mark_name(separator(decoder.file.text()))
            )),
            None => diagnostic.help(format!(
                "a text that holds {} must stand in quotes; an empty cell is left empty",
                mark_name(separator(decoder.file.text()))
            )),
        });
        return None;
    }
    let cells = || columns.iter().zip(row).filter(|(_, cell)| !cell.value.is_empty());
    let is_common_name = |column: &Column| match column {
        Column::Input(key) => key.name == "common_name",
        _ => false,
    };
    let named = cells()
        .find(|(column, _)| **column == Column::Target)
        .or_else(|| cells().find(|(column, _)| is_common_name(column)));
    let Some((_, cell)) = named else {
        decoder.push(
            Diagnostic::error("missing-key", "a row names no target")
                .at(start, "this row")
                .help("fill in `target`, or `common_name`"),
        );
        return None;
    };
    let name = TargetName::parse(&cell.value)
        .map_err(|error| bad_name(&error, cell.span, decoder))
        .ok()?;
    let mut target = RawTarget {
        name: Located { value: name, span: cell.span },
        plan: None,
        groups: Vec::new(),
        inputs: Vec::new(),
    };
    for (column, cell) in cells() {
        match column {
            Column::Plan => {
                let value = cell.value.clone().into_owned();
                target.plan = Some(Located { value, span: cell.span });
            }
            Column::Groups => groups(cell, &mut target, decoder),
            Column::Input(key) => {
                let kind = Kind::String(cell.value.clone().into_owned());
                target.inputs.push((key.clone(), Node { kind, span: cell.span }));
            }
            Column::Target | Column::Nothing => {}
        }
    }
    Some(target)
}

/// The parts of a list in a cell that are divided by something else than [`LIST_SEPARATOR`]; names
/// and numbers hold none of it.
fn other_separator(text: &str, span: Span, what: &str) -> Option<Diagnostic> {
    let between = |c: char| [',', ';'].contains(&c) || c.is_whitespace();
    let parts: Vec<&str> = text.split(between).filter(|part| !part.is_empty()).collect();
    let found = match text.chars().find(|c| between(*c) && !c.is_whitespace()) {
        Some(mark) => format!("`{mark}`"),
        // A text with blanks may be one that has no business here at all.
        None if parts.len() > 1 && parts.iter().all(|part| part.contains('.')) => {
            "blanks".to_owned()
        }
        None => return None,
    };
    let message = format!("`{LIST_SEPARATOR}` stands between the parts of `{what}` in a cell");
    Some(
        Diagnostic::error("table-syntax", message)
            .at(span, format!("they are divided by {found} here"))
            .suggest(span, parts.join(&LIST_SEPARATOR.to_string()), "write"),
    )
}

/// The same for the first part of a list that hides several.
pub(super) fn other_separator_in(list: &Node, what: &str) -> Option<Diagnostic> {
    let Kind::Seq(parts) = &list.kind else { return None };
    parts.iter().find_map(|part| other_separator(part.as_str()?, part.span, what))
}

fn groups(cell: &Cell<'_>, target: &mut RawTarget, decoder: &mut Decoder<'_>) {
    let mut start = 0;
    for part in cell.value.split(LIST_SEPARATOR) {
        let name = part.trim();
        let at = start + (part.len() - part.trim_start().len());
        start += part.len() + LIST_SEPARATOR.len_utf8();
        if !name.is_empty() {
            let span = cell.span.part(at..at + name.len());
            if let Some(diagnostic) = other_separator(name, span, "groups") {
                decoder.push(diagnostic);
                continue;
            }
            push_group(&mut target.groups, Located { value: name, span }, decoder);
        }
    }
}
