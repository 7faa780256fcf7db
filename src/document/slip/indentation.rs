//! Slips of indentation: tabs, blanks that are none, lines that fit nothing above them.

use granit_parser::ErrorKind;

use super::line::{Line, part};
use super::probe::Cause;
use super::{Scene, Slip};
use crate::document::source::Span;

/// So many lines above are looked at for an indentation that fits.
const LINES_ABOVE: usize = 40;

/// So many lines are moved together.
const LARGEST_BLOCK: usize = 2_000;

/// What could be wrong with the indentation at the place.
pub(super) fn all(scene: &Scene<'_>) -> Vec<Slip> {
    let mut slips = tabs(scene);
    slips.extend(odd_blank(scene));
    if scene.problem.open.last().is_none_or(|open| !open.bracket) {
        slips.extend(moved(scene));
    }
    slips
}

fn begins_with_tab(line: Line<'_>) -> bool {
    part(line.text, line.span.start, line.start()).contains('\t') && !line.is_idle()
}

fn tabs(scene: &Scene<'_>) -> Vec<Slip> {
    let near = [Some(scene.line), scene.line.next()];
    let Some(first) = near.into_iter().flatten().find(|line| begins_with_tab(*line)) else {
        return Vec::new();
    };
    let mut lines = vec![first];
    let mut line = first;
    while let Some(next) = line.next().filter(|_| lines.len() < LARGEST_BLOCK) {
        if begins_with_tab(next) {
            lines.push(next);
        }
        line = next;
    }
    let tab = first.span.start + first.written().find('\t').unwrap_or_default();
    let slip = || {
        let slip = Slip::new(
            "a tab stands in the indentation",
            Span::new(tab, first.start()),
            "YAML is indented with blanks only",
        );
        match lines.len() {
            1 => slip,
            2 => slip.help("one more line begins with a tab"),
            count => slip.help(format!("{} more lines begin with tabs", count - 1)),
        }
    };
    let mut slips: Vec<Slip> = columns(first)
        .into_iter()
        .map(|column| {
            let place = Span::new(first.span.start, first.start());
            slip().mend(place, " ".repeat(column), "indent with blanks")
        })
        .filter(|_| lines.len() == 1)
        .collect();
    for width in [2, 4, 8] {
        let mut slip = slip();
        slip.advice = "indent with blanks; most editors can do it for a whole file".to_owned();
        for line in &lines {
            let written = part(line.text, line.span.start, line.start());
            let blanks = written.replace('\t', &" ".repeat(width));
            slip.mend.push((Span::new(line.span.start, line.start()), blanks));
        }
        slips.push(slip);
    }
    let is_about_tabs = matches!(
        scene.problem.cause,
        Cause::Syntax(
            ErrorKind::TabNotAllowed
                | ErrorKind::TabInBlockIndentation
                | ErrorKind::TabInIndentation
                | ErrorKind::TabInPlainScalar
        )
    );
    if is_about_tabs {
        slips.push(slip().help("indent with blanks"));
    }
    slips
}

/// A blank in an indentation that is another character than the one of the space bar.
fn odd_blank(scene: &Scene<'_>) -> Option<Slip> {
    let settled = Line::at(scene.text, scene.problem.settled.min(scene.problem.at));
    let mut line = settled.above().unwrap_or(settled);
    loop {
        let lead = line.written().len() - line.written().trim_start().len();
        let written = &line.written()[..lead];
        let odd =
            written.char_indices().find(|(_, c)| !c.is_ascii() || matches!(c, '\u{b}' | '\u{c}'));
        if let Some((at, character)) = odd {
            let place = Span::new(line.span.start, line.span.start + lead);
            let at = line.span.start + at;
            let blanks = " ".repeat(written.chars().count());
            let code = u32::from(character);
            return Some(
                Slip::new(
                    "the indentation holds a character that only looks like a blank",
                    Span::new(at, at + character.len_utf8()),
                    format!("U+{code:04X}, often copied from a web page"),
                )
                .mend(place, blanks, "indent with blanks of the space bar"),
            );
        }
        line = line.next().filter(|next| next.span.start <= scene.problem.at)?;
    }
}

/// The indentations that a line could have after those above it, the nearest first.
fn columns(line: Line<'_>) -> Vec<usize> {
    let mut columns = Vec::new();
    let mut above = line.above();
    for _ in 0..LINES_ABOVE {
        let Some(other) = above else { break };
        columns.push(other.indentation());
        columns.push(other.behind_dashes() - other.span.start);
        if columns.len() <= 2 {
            columns.push(other.indentation() + 2);
            columns.push(other.behind_dashes() - other.span.start + 2);
        }
        if other.indentation() == 0 {
            break;
        }
        above = other.above();
    }
    let own = line.indentation();
    columns.retain(|column| *column != own);
    columns.sort_by_key(|column| (column.abs_diff(own), *column));
    columns.dedup();
    columns.truncate(6);
    columns
}

/// The line, alone or with what stands below it, where it would fit.
fn moved(scene: &Scene<'_>) -> Vec<Slip> {
    let Cause::Syntax(kind) = &scene.problem.cause else { return Vec::new() };
    if matches!(kind, ErrorKind::UnexpectedCharacter { .. }) {
        return Vec::new();
    }
    let line = scene.line;
    if line.is_idle() || begins_with_tab(line) {
        return Vec::new();
    }
    let own = line.indentation();
    let block = below(line);
    let mut slips = Vec::new();
    for column in columns(line) {
        let slip = || {
            Slip::new(
                "the indentation fits none of the lines above",
                line.content(),
                format!("indented with {}", blanks(own)),
            )
        };
        let advice = format!("indent it with {}", blanks(column));
        slips.push(slip().mend(
            Span::new(line.span.start, line.start()),
            " ".repeat(column),
            advice.clone(),
        ));
        if block.len() > 1 {
            let mut slip = slip();
            slip.advice = format!("{advice}, and what belongs to it alike");
            for line in &block {
                let indentation = (line.indentation() + column).saturating_sub(own);
                let place = Span::new(line.span.start, line.start());
                slip.mend.push((place, " ".repeat(indentation)));
            }
            slips.push(slip);
        }
    }
    slips
}

/// The line and those below it that are indented as deeply or deeper.
fn below(line: Line<'_>) -> Vec<Line<'_>> {
    let mut block = vec![line];
    let mut next = line.next();
    while let Some(other) = next.filter(|_| block.len() < LARGEST_BLOCK) {
        if !other.is_idle() {
            if other.indentation() < line.indentation() {
                break;
            }
            block.push(other);
        }
        next = other.next();
    }
    block
}

fn blanks(count: usize) -> String {
    match count {
        0 => "no blank".to_owned(),
        1 => "one blank".to_owned(),
        _ => format!("{count} blanks"),
    }
}
