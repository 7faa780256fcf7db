//! `Limit`: which targets of an inventory are meant: names, globs, groups, exclusions.
//!
//! `shops,!staging` as the users of Ansible know it: parts separated by `,` or `:`; a part is the name
//! of a target or of a group, or a glob over the names of targets; `!` takes away what was picked
//! before, whatever the order in which the parts are written. Without any part that picks, every
//! target is picked.

use std::fmt;

use super::model::{Inventory, Target};
use crate::document::suggest::{list, nearest};
use crate::types::{printable, shorten};

/// A part is no longer; nobody types more.
const LONGEST: usize = 300;

/// The part that every target fits.
const ALL: &str = "all";

/// A pattern, read but not yet applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    excludes: bool,
    text: String,
}

/// Why a pattern picks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitError {
    /// It has no parts, or one is empty.
    Empty,
    /// A part is longer than any name.
    TooLong,
    /// A part is neither a target, nor a group, nor a glob that fits a target.
    Unknown {
        /// The part, printable.
        part: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// The groups there are.
        groups: Vec<String>,
    },
    /// The parts are known, and nothing is left.
    NothingLeft,
}

impl fmt::Display for LimitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("a part of the pattern is empty"),
            Self::TooLong => formatter.write_str("a part of the pattern is longer than any name"),
            Self::Unknown { part, nearest: Some(near), .. } => {
                write!(
                    formatter,
                    "no target and no group is called `{part}`; did you mean `{near}`?"
                )
            }
            Self::Unknown { part, .. } if is_glob(part) => {
                write!(formatter, "no target is called like `{part}`")
            }
            Self::Unknown { part, groups, .. } if groups.is_empty() => {
                write!(formatter, "no target is called `{part}`, and there are no groups")
            }
            Self::Unknown { part, groups, .. } => {
                let groups = list(groups.iter().map(String::as_str));
                write!(formatter, "no target and no group is called `{part}`; groups: {groups}")
            }
            Self::NothingLeft => formatter.write_str("the pattern leaves no target"),
        }
    }
}

impl std::error::Error for LimitError {}

impl Limit {
    /// Reads a pattern such as `shops,*.example.com,!api.example.com`. Fails when a part is empty.
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        let part = |written: &str| {
            let written = written.trim();
            let (excludes, name) = match written.strip_prefix('!') {
                Some(name) => (true, name.trim()),
                None => (false, written),
            };
            match name.chars().count() {
                0 => Err(LimitError::Empty),
                1..=LONGEST => Ok(Part { excludes, text: name.to_owned() }),
                _ => Err(LimitError::TooLong),
            }
        };
        let parts = text.split([',', ':']).map(part).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    /// A part that picks the target of this name and no other one: the name alone would be a glob, or
    /// the word for all of them.
    pub fn exactly(name: &str) -> String {
        match name {
            ALL => "[a]ll".to_owned(),
            _ => name.replace('*', "[*]"),
        }
    }

    /// The places of the targets that are meant, in the order of the inventory. Fails when a part
    /// fits nothing, so that a slip never runs too much or too little, and when nothing is left.
    pub fn pick(&self, inventory: &Inventory) -> Result<Vec<usize>, LimitError> {
        let picks_any = self.parts.iter().any(|part| !part.excludes);
        let mut picked = vec![!picks_any; inventory.targets.len()];
        // What picks comes first, so that the order of the parts does not matter.
        for excludes in [false, true] {
            for part in self.parts.iter().filter(|part| part.excludes == excludes) {
                let mut fits_any = false;
                for (target, picked) in inventory.targets.iter().zip(&mut picked) {
                    if fits(&part.text, target) {
                        fits_any = true;
                        *picked = !excludes;
                    }
                }
                let is_group = inventory.groups.iter().any(|group| group.as_str() == part.text);
                if !fits_any && !is_group {
                    return Err(unknown(&part.text, inventory));
                }
            }
        }
        let places = picked.iter().enumerate().filter(|(_, picked)| **picked);
        let places: Vec<usize> = places.map(|(index, _)| index).collect();
        if places.is_empty() { Err(LimitError::NothingLeft) } else { Ok(places) }
    }
}

fn fits(part: &str, target: &Target) -> bool {
    part == ALL
        || target.name.as_str() == part
        || target.groups.iter().any(|group| group.as_str() == part)
        || (is_glob(part) && matches(part, target.name.as_str()))
}

fn unknown(part: &str, inventory: &Inventory) -> LimitError {
    let groups = inventory.groups.iter().map(|group| group.as_str());
    let targets = inventory.targets.iter().map(|target| target.name.as_str());
    let near = if is_glob(part) { None } else { nearest(part, groups.clone().chain(targets)) };
    LimitError::Unknown {
        part: shorten(&printable(part), 60),
        nearest: near.map(str::to_owned),
        groups: groups.map(str::to_owned).collect(),
    }
}

fn is_glob(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// Whether a glob fits a whole name: `*` stands for any characters, `?` for one, `[a-c]` for one of
/// these and `[!a]` for one other, so that `[*]` is the asterisk itself. In time proportional to both
/// lengths.
fn matches(glob: &str, name: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut from) = (0, 0);
    // Where to go on when what follows the last `*` does not fit here.
    let mut last_star: Option<(usize, usize)> = None;
    while from < name.len() {
        match one(&glob[at..], name[from]) {
            Some(0) => {
                last_star = Some((at, from));
                at += 1;
            }
            Some(length) => {
                at += length;
                from += 1;
            }
            None => {
                let Some((star, begin)) = last_star else { return false };
                last_star = Some((star, begin + 1));
                at = star + 1;
                from = begin + 1;
            }
        }
    }
    glob[at..].iter().all(|c| *c == '*')
}

/// How many characters of the glob stand for `c`, if the first of them do; none of them for a `*`.
fn one(glob: &[char], c: char) -> Option<usize> {
    match glob {
        ['*', ..] => Some(0),
        ['?', ..] => Some(1),
        ['[', rest @ ..] => match class(rest, c) {
            Some((fits, length)) => fits.then_some(length + 1),
            // Never closed: the bracket itself.
            None => (c == '[').then_some(1),
        },
        [first, ..] => (*first == c).then_some(1),
        [] => None,
    }
}

/// Whether a class such as `a-c]` or `!x]` has `c`, and how long it is.
fn class(rest: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let begin = usize::from(negated);
    // A bracket right at the begin is a member.
    let close = rest.iter().skip(begin + 1).position(|c| *c == ']')? + begin + 1;
    let members = &rest[begin..close];
    let mut found = false;
    let mut at = 0;
    while let Some(first) = members.get(at) {
        match members.get(at + 1..at + 3) {
            Some(['-', last]) => {
                found |= (*first..=*last).contains(&c);
                at += 3;
            }
            _ => {
                found |= *first == c;
                at += 1;
            }
        }
    }
    Some((found != negated, close + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::inventory::{Format, InventoryFile, Plans, resolve};
    use proptest::prelude::*;

    fn inventory() -> Inventory {
        let text = "certplan_inventory: 1
groups: { shops: {}, staging: {}, empty: {} }
targets:
  www.example.com: { groups: [shops] }
  api.example.com: { groups: [shops, staging] }
  \"*.example.com\": {}
  www.example.org: { groups: [staging] }
";
        let file = InventoryFile::parse(&SourceFile::new("i.yaml", text), Format::Yaml);
        resolve(vec![file], &Plans::default()).inventory
    }

    fn picked(pattern: &str) -> Result<String, String> {
        let inventory = inventory();
        let places = Limit::parse(pattern).and_then(|limit| limit.pick(&inventory));
        let names = |places: Vec<usize>| -> Vec<String> {
            places.into_iter().map(|place| inventory.targets[place].name.to_string()).collect()
        };
        places.map(|places| names(places).join(" ")).map_err(|error| error.to_string())
    }

    #[test]
    fn names_groups_globs_and_exclusions_pick_in_the_order_of_the_inventory() {
        for (pattern, names) in [
            ("all", "www.example.com api.example.com *.example.com www.example.org"),
            ("www.example.org,www.example.com", "www.example.com www.example.org"),
            ("shops", "www.example.com api.example.com"),
            ("shops:!staging", "www.example.com"),
            ("!staging, shops", "www.example.com"),
            ("!shops", "*.example.com www.example.org"),
            ("www.*", "www.example.com www.example.org"),
            ("*.example.com", "www.example.com api.example.com *.example.com"),
            ("[*].example.com", "*.example.com"),
            ("[a-c]pi.example.???", "api.example.com"),
            ("[!aw]*", "*.example.com"),
            ("www.example.com,empty", "www.example.com"),
        ] {
            assert_eq!(picked(pattern).as_deref(), Ok(names), "{pattern}");
        }
    }

    #[test]
    fn a_name_can_be_picked_whatever_it_would_mean_as_a_pattern() {
        let names = ["all", "*.example.com", "www.example.com", "*", "*all*"];
        let targets: String = names.iter().map(|name| format!("  \"{name}\": {{}}\n")).collect();
        let text = format!("certplan_inventory: 1\ntargets:\n{targets}");
        let file = InventoryFile::parse(&SourceFile::new("i.yaml", &text), Format::Yaml);
        let inventory = resolve(vec![file], &Plans::default()).inventory;
        for (place, name) in names.into_iter().enumerate() {
            let pattern = Limit::exactly(name);
            let limit = Limit::parse(&pattern).unwrap();
            assert_eq!(limit.pick(&inventory), Ok(vec![place]), "{pattern}");
        }
    }

    #[test]
    fn a_slip_is_an_error_and_never_nothing() {
        for (pattern, words) in [
            (
                "www.exmaple.com",
                "no target and no group is called `www.exmaple.com`; did you mean `www.example.com`?",
            ),
            ("all,!stagin", "no target and no group is called `stagin`; did you mean `staging`?"),
            ("*.example.net", "no target is called like `*.example.net`"),
            (
                "backend-1",
                "no target and no group is called `backend-1`; groups: `shops`, `staging`, `empty`",
            ),
            ("shops,,staging", "a part of the pattern is empty"),
            ("", "a part of the pattern is empty"),
            ("!", "a part of the pattern is empty"),
            ("empty", "the pattern leaves no target"),
            ("shops,!all", "the pattern leaves no target"),
        ] {
            assert_eq!(picked(pattern).unwrap_err(), words, "{pattern}");
        }
    }

    #[test]
    fn a_glob_made_to_be_slow_is_not() {
        let name = "a".repeat(253);
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &name));
    }

    /// The rules of globs without classes, written for reading only.
    fn slowly(glob: &[char], name: &[char]) -> bool {
        match (glob, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                slowly(rest, name) || (!name.is_empty() && slowly(glob, &name[1..]))
            }
            (['?', rest @ ..], [_, others @ ..]) => slowly(rest, others),
            ([c, rest @ ..], [other, others @ ..]) if c == other => slowly(rest, others),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_means_what_its_rules_say(glob in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&glob, &name), slowly(&characters(&glob), &characters(&name)));
        }

        #[test]
        fn no_pattern_makes_it_panic(text in ".{0,40}") {
            let _ = picked(&text);
        }
    }
}
