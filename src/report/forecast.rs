//! `Forecast`: what a command would do with many targets, for people.
//!
//! A line for each target as long as that can be read; of many that are alike the first few and how
//! many more. Then the sums.

use super::preview::Row;
use super::style::Style;
use crate::types::{printable, shorten};

/// What would be done.
#[derive(Debug)]
pub struct Forecast {
    /// How many targets of which kind, in a line.
    pub headline: String,
    /// Whether anything was asked to know it.
    pub asked: bool,
    /// The targets, in the order in which they are shown.
    pub lines: Vec<ForecastLine>,
    /// The sums.
    pub sums: Vec<Row>,
}

/// What would be done for a target.
#[derive(Debug)]
pub struct ForecastLine {
    /// In one word.
    pub word: &'static str,
    /// How that looks.
    pub weight: Weight,
    /// The target.
    pub target: String,
    /// What and why.
    pub text: String,
    /// The same without what is of this target alone: equal ones are alike.
    pub alike: String,
}

/// How much a line matters to who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing is done.
    Quiet,
    /// Something goes on.
    Plain,
    /// Something is bought, or would be.
    Paid,
    /// Somebody has to look.
    Wrong,
}

/// More lines that are alike than this are shortened to [`SHOWN_ALIKE`].
const MOST_ALIKE: usize = 5;

const SHOWN_ALIKE: usize = 3;

/// More lines of one word than this nobody reads.
const MOST_OF_A_WORD: usize = 20;

/// A column for names is no wider.
const WIDEST_NAME: usize = 48;

/// A line that is shown, or what stands for those that are not.
enum Shown<'a> {
    Line(&'a ForecastLine),
    Rest { of: &'a ForecastLine, more: usize, alike: bool },
}

impl Forecast {
    /// The lines for people; with `all`, each target has its own.
    pub fn lines(&self, style: Style, all: bool) -> Vec<String> {
        let mut lines = vec![style.strong(&self.headline)];
        let sent = if self.asked { "nothing was sent but reads" } else { "nothing was sent" };
        lines.push(style.faint(&format!("{sent}, nothing was made")));
        lines.push(String::new());
        let shown = if all {
            self.lines.iter().map(Shown::Line).collect()
        } else {
            self.lines
                .chunk_by(|one, next| one.word == next.word)
                .flat_map(shortened)
                .collect::<Vec<_>>()
        };
        let name = |line: &ForecastLine| shorten(&printable(&line.target), WIDEST_NAME);
        let names = shown.iter().filter_map(|shown| match shown {
            Shown::Line(line) => Some(name(line).chars().count()),
            Shown::Rest { .. } => None,
        });
        let width = names.max().unwrap_or(0);
        let words = self.lines.iter().map(|line| line.word.len()).max().unwrap_or(0);
        for shown in &shown {
            let (of, name, text) = match shown {
                Shown::Line(line) => (*line, name(line), line.text.clone()),
                Shown::Rest { of, more, alike: true } => {
                    (*of, format!("… and {more} more"), of.alike.clone())
                }
                Shown::Rest { of, more, alike: false } => {
                    (*of, format!("… and {more} more"), "`--all` lists each".to_owned())
                }
            };
            let word = of.weight.paint(&format!("{:<words$}", of.word), style);
            lines.push(format!("  {word}  {name:<width$}  {}", printable(&text)));
        }
        lines.push(String::new());
        let width = self.sums.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let mut last = "";
        for Row { name, text } in &self.sums {
            let shown = if name == last { "" } else { name };
            last = name;
            let shown = style.faint(&format!("{shown:<width$}"));
            lines.push(format!("  {shown}  {}", printable(text)));
        }
        lines
    }
}

/// The lines of one word, of which those that are alike follow one another.
fn shortened(lines: &[ForecastLine]) -> Vec<Shown<'_>> {
    let mut shown = Vec::new();
    let mut told = 0;
    for alike in lines.chunk_by(|one, next| one.alike == next.alike) {
        let Some(first) = alike.first() else { continue };
        if shown.len() >= MOST_OF_A_WORD {
            shown.push(Shown::Rest { of: first, more: lines.len() - told, alike: false });
            break;
        }
        told += alike.len();
        if alike.len() <= MOST_ALIKE {
            shown.extend(alike.iter().map(Shown::Line));
        } else {
            shown.extend(alike.iter().take(SHOWN_ALIKE).map(Shown::Line));
            let more = alike.len() - SHOWN_ALIKE;
            shown.push(Shown::Rest { of: first, more, alike: true });
        }
    }
    shown
}

impl Weight {
    fn paint(self, word: &str, style: Style) -> String {
        match self {
            Self::Quiet => style.faint(word),
            Self::Plain => style.good(word),
            Self::Paid => style.waiting(word),
            Self::Wrong => style.bad(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(word: &'static str, target: &str, alike: &str) -> ForecastLine {
        let (target, alike) = (target.to_owned(), alike.to_owned());
        ForecastLine { word, weight: Weight::Quiet, text: format!("{alike}!"), target, alike }
    }

    fn shown(lines: Vec<ForecastLine>, all: bool) -> Vec<String> {
        let forecast =
            Forecast { headline: "n targets".to_owned(), asked: false, lines, sums: Vec::new() };
        let lines = forecast.lines(Style::new(false), all);
        lines[3..lines.len() - 1].to_vec()
    }

    fn alike(count: usize) -> Vec<ForecastLine> {
        (0..count).map(|number| line("new", &format!("t{number}"), "orders X")).collect()
    }

    #[test]
    fn few_targets_have_a_line_each() {
        let mut lines = alike(5);
        lines.push(line("keep", "long.example.com", "valid"));
        assert_eq!(shown(lines, false).len(), 6);
    }

    #[test]
    fn of_many_that_are_alike_the_first_stand_for_all() {
        assert_eq!(
            shown(alike(1000), false),
            [
                "  new  t0  orders X!",
                "  new  t1  orders X!",
                "  new  t2  orders X!",
                "  new  … and 997 more  orders X",
            ]
        );
        assert_eq!(shown(alike(1000), true).len(), 1000);
    }

    #[test]
    fn many_that_all_differ_end_with_how_many_more_there_are() {
        let lines = (0..50).map(|number| line("keep", "t", &format!("until {number}")));
        let shown = shown(lines.collect(), false);
        assert_eq!(shown.len(), 21);
        assert_eq!(shown[20], "  keep  … and 30 more  `--all` lists each");
    }
}
