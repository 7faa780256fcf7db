//! Slips of one line: a blank behind a colon or dash, a colon or dash that is missing, characters that
//! nobody sees, the marks of a merge; and what the reader's own complaints mean.

use granit_parser::ErrorKind;

use super::line::{Line, part, quoted};
use super::probe::Cause;
use super::{Scene, Slip};
use crate::document::source::Span;

/// Single characters and marks that cannot stand where they stand.
pub(super) fn at_the_place(scene: &Scene<'_>) -> Vec<Slip> {
    let mut slips = Vec::new();
    slips.extend(merge_marks(scene));
    slips.extend(control_character(scene));
    slips.extend(behind_block_mark(scene));
    slips.extend(list_beside_its_key(scene));
    slips
}

fn merge_marks(scene: &Scene<'_>) -> Option<Slip> {
    const MARKS: [&str; 4] = ["<<<<<<< ", "||||||| ", "=======", ">>>>>>> "];
    let near = [Some(scene.line), scene.line.next(), scene.line.above()];
    let line = near
        .into_iter()
        .flatten()
        .find(|line| MARKS.iter().any(|mark| line.written().starts_with(mark)))?;
    Some(
        Slip::new(
            "a merge conflict is not settled",
            Span::new(line.span.start, line.span.start + 7),
            "this line was left by a merge",
        )
        .help("decide which of the two versions stays, and delete the marks"),
    )
}

fn control_character(scene: &Scene<'_>) -> Option<Slip> {
    let rest = part(scene.text, scene.problem.at, scene.line.span.end);
    let (at, character) =
        rest.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\r'))?;
    let at = scene.problem.at + at;
    let place = Span::new(at, at + character.len_utf8());
    let code = u32::from(character);
    Some(
        Slip::new(
            "a control character stands in the text",
            place,
            format!("U+{code:04X}, which most editors do not show"),
        )
        .mend(place, "", "delete it"),
    )
}

/// `key: | text`: the text begins on the next line.
fn behind_block_mark(scene: &Scene<'_>) -> Option<Slip> {
    if scene.problem.cause != Cause::Syntax(ErrorKind::InvalidBlockScalarHeader) {
        return None;
    }
    let (key, value) = scene.line.entry();
    let key = key?;
    let written = scene.text.get(value.start..value.end)?;
    let mark: String = written.chars().take_while(|c| "|>+-0123456789".contains(*c)).collect();
    let rest = written[mark.len()..].trim_start();
    let first = mark.chars().next()?;
    let column = key.start - scene.line.span.start;
    Some(
        Slip::new(
            format!("nothing may stand behind the `{first}` on its line"),
            Span::new(value.end - rest.len(), value.end),
            "the text begins on the next line",
        )
        .mend(
            value,
            format!("{mark}\n{}{rest}", " ".repeat(column + 2)),
            "begin a new line",
        ),
    )
}

/// `key: - item`: the list begins on the next line.
fn list_beside_its_key(scene: &Scene<'_>) -> Option<Slip> {
    if scene.problem.cause != Cause::Syntax(ErrorKind::BlockSequenceEntryNotAllowed) {
        return None;
    }
    let (key, value) = scene.line.entry();
    let key = key?;
    let item = scene.text.get(value.start..value.end)?;
    item.strip_prefix("- ")?;
    let dash = value.start - scene.line.span.start;
    let goes_on = scene.line.next().is_some_and(|next| {
        next.indentation() == dash && next.written().trim_start().starts_with("- ")
    });
    let column = if goes_on { dash } else { key.start - scene.line.span.start + 2 };
    let colon = key.end + 1;
    Some(
        Slip::new(
            "a list cannot begin on the line of its key",
            Span::new(value.start, value.start + 1),
            "the first item belongs on the next line",
        )
        .mend(
            Span::new(colon, value.start),
            format!("\n{}", " ".repeat(column)),
            "begin a new line",
        )
        .help("if it is a text that begins with `- `, put it in quotes"),
    )
}

/// A dash or a colon, or the blank behind it, on the line of the problem or on the one before.
pub(super) fn of_entries(scene: &Scene<'_>) -> Vec<Slip> {
    if scene.problem.open.last().is_some_and(|open| open.bracket) {
        return Vec::new();
    }
    let mut slips = Vec::new();
    for line in [Some(scene.line), scene.line.above()].into_iter().flatten() {
        slips.extend(blank_behind_dash(line));
        slips.extend(dash(scene, line));
        slips.extend(key_in_quotes(line));
        slips.extend(colon(line));
    }
    slips.extend(first_dash(scene));
    slips
}

fn blank_behind_dash(line: Line<'_>) -> Option<Slip> {
    let start = line.start();
    let rest = part(line.text, start, line.span.end).strip_prefix('-')?;
    rest.starts_with(|c: char| !c.is_whitespace() && c != '-').then(|| {
        Slip::new(
            "a blank is missing behind the `-`",
            Span::new(start, start + 1),
            "with a blank behind it, this begins an item of a list",
        )
        .mend(Span::new(start + 1, start + 1), " ", "write a blank")
    })
}

/// An item of a list without its dash.
fn dash(scene: &Scene<'_>, line: Line<'_>) -> Option<Slip> {
    let list = scene.problem.open.iter().rev().find(|open| !open.bracket)?;
    let start = line.start();
    let column = list.start - Line::at(scene.text, list.start).span.start;
    (list.list && column == line.indentation() && !line.written().trim_start().starts_with('-'))
        .then(|| {
            Slip::new(
                "a `-` is missing",
                line.content(),
                "without a `- ` before it, this is no item of the list",
            )
            .also(Span::new(list.start, list.start + 1), "the list begins here")
            .mend(Span::new(start, start), "- ", "write a dash and a blank")
        })
}

/// The first item of a list without its dash, while the second one has it.
fn first_dash(scene: &Scene<'_>) -> Option<Slip> {
    let column = scene.line.indentation();
    let mut first = scene.line.above().filter(|above| above.indentation() >= column + 2)?;
    while let Some(above) = first.above().filter(|above| above.indentation() >= column + 2) {
        first = above;
    }
    let start = first.start();
    let fits = scene.line.written().trim_start().starts_with("- ")
        && first.indentation() == column + 2
        && first.text.get(start - 2..start) == Some("  ")
        && first.above().is_some_and(|above| above.written().trim_end().ends_with(':'));
    fits.then(|| {
        Slip::new(
            "a `-` is missing",
            first.content(),
            "without a `- ` before it, this is no item of the list",
        )
        .also(Span::new(scene.line.start(), scene.line.start() + 1), "the list begins only here")
        .mend(Span::new(start - 2, start), "- ", "write a dash and a blank")
    })
}

/// A key that begins with a sign of YAML's own, such as `*.example.com:`.
pub(super) fn key_in_quotes(line: Line<'_>) -> Option<Slip> {
    let key = line.entry().0?;
    let written = line.text.get(key.start..key.end)?;
    let sign = written.chars().next().filter(|c| "*&!@%`".contains(*c))?;
    Some(
        Slip::new(
            format!("a key that begins with `{sign}` must stand in quotes"),
            key,
            format!("`{sign}` has a meaning of its own in YAML"),
        )
        .mend(key, quoted(written), "put it in quotes"),
    )
}

fn colon(line: Line<'_>) -> Vec<Slip> {
    let start = line.behind_dashes();
    let end = line.content().end;
    let Some(content) = line.text.get(start..end) else { return Vec::new() };
    let is_word = |c: char| c.is_alphanumeric() || ['_', '.', '-'].contains(&c);
    let length = content.find(|c| !is_word(c)).unwrap_or(content.len());
    if length == 0 {
        return Vec::new();
    }
    let rest = &content[length..];
    let behind = start + length;
    let place = Span::new(start, behind);
    let value = rest.trim_start();
    if let Some(value) = value.strip_prefix('=') {
        let sign = end - value.len() - 1;
        let replaced = Span::new(behind, end - value.trim_start().len());
        return vec![
            Slip::new(
                "a `=` stands where a `:` belongs",
                Span::new(sign, sign + 1),
                "YAML writes `key: value`",
            )
            .mend(replaced, ": ", "write a colon"),
        ];
    }
    if rest.starts_with(':') && !rest[1..].starts_with([' ', '\t']) && rest.len() > 1 {
        return vec![
            Slip::new(
                "a blank is missing behind the `:`",
                Span::new(behind, behind + 1),
                "without a blank behind it, this is part of a text, and no key",
            )
            .mend(Span::new(behind + 1, behind + 1), " ", "write a blank"),
        ];
    }
    if rest.is_empty() || rest.starts_with([' ', '\t']) {
        return vec![
            Slip::new("a `:` is missing", place, "without a `:` behind it, this is no key").mend(
                Span::new(behind, behind),
                ":",
                "write a colon",
            ),
        ];
    }
    Vec::new()
}

/// What a complaint of the reader means to somebody who has never read the rules of YAML.
pub(super) fn of_kind(kind: &ErrorKind) -> &'static str {
    use ErrorKind as K;
    match kind {
        K::UnexpectedEof
        | K::UnexpectedEofBlockMapping
        | K::UnexpectedEofBlockSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofImplicitFlowMapping => "the file ends before something that was begun",
        K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::InvalidColonPlacement
        | K::BlockEntryInFlowCollection
        | K::InvalidFlowScalarIndent => {
            "this does not fit into the brackets: items are separated by `,` and end with the \
             bracket"
        }
        K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::InvalidIndentation
        | K::ExpectedNodeContent => "this fits neither the list nor the map above it",
        K::SimpleKeyExpected | K::InvalidSimpleKey | K::MappingKeyNotAllowed => {
            "a key with a `:` is expected here"
        }
        K::MappingValueNotAllowed | K::InvalidMappingValueWhitespace => "a `:` cannot stand here",
        K::UnclosedQuotedScalar
        | K::InvalidQuotedScalarIndent
        | K::DocumentIndicatorInQuotedScalar
        | K::InvalidTrailingDoubleQuotedScalar
        | K::InvalidTrailingSingleQuotedScalar => "a text in quotes does not end where it should",
        K::ExpectedDocumentStart | K::MissingDirectiveName | K::InvalidDirectiveName => {
            "a line that begins with `%` is for the reader of YAML, and this is none that it knows"
        }
        K::CommentNotSeparated | K::CommentInterceptedScalar => {
            "a comment cannot stand here: it needs a blank before its `#`"
        }
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabInPlainScalar
        | K::TabAtBlockScalarStart => "a tab cannot stand here: indent with blanks",
        K::UnexpectedCharacter { .. } => "nothing can begin with this character",
        _ => "this is none of what could stand here",
    }
}
