//! Reading plain YAML fast: from the parser's events straight to a tree.
//!
//! Nearly every file is plain: no anchors and aliases, no tags, no merge keys, no mistake, no number
//! that is not a whole one. Such a file needs one pass and one tree. Whatever else there is, this
//! reader gives up without a word, and [`super::yaml`] reads the file anew and says what is wrong
//! with it. So it must never read anything differently; its tests compare the two.

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle, Span as EventSpan, StrInput};

use super::node::{Key, Kind, Node};
use super::source::{FileLimits, SourceFile, Span};

/// Deeper files are left to the other reader, which knows the limit.
const DEEPEST: usize = 16;

/// Below this many entries, comparing all names is cheaper than a set of them.
const FEW: usize = 8;

/// The tree of a plain file; none when the file is not plain.
pub(super) fn read(file: &SourceFile, limits: FileLimits) -> Option<Node> {
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(file.text(), options);
    let mut reader = Reader { file, parser, values: limits.values };
    reader.expect(|event| matches!(event, Event::StreamStart))?;
    reader.expect(|event| matches!(event, Event::DocumentStart(_, None)))?;
    let (event, span) = reader.next()?;
    let root = reader.node(event, span, DEEPEST)?;
    reader.expect(|event| matches!(event, Event::DocumentEnd))?;
    reader.expect(|event| matches!(event, Event::StreamEnd))?;
    Some(root)
}

struct Reader<'f> {
    file: &'f SourceFile,
    parser: Parser<'f, StrInput<'f>>,
    /// How many more values there may be.
    values: usize,
}

impl<'f> Reader<'f> {
    fn next(&mut self) -> Option<(Event<'f>, EventSpan)> {
        self.parser.next_event()?.ok()
    }

    fn expect(&mut self, wanted: fn(&Event<'_>) -> bool) -> Option<()> {
        self.next().filter(|(event, _)| wanted(event)).map(drop)
    }

    fn node(&mut self, event: Event<'f>, span: EventSpan, depth: usize) -> Option<Node> {
        self.values = self.values.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        let range = span.byte_range()?;
        let span = Span::new(range.start, range.end);
        match event {
            Event::Scalar(text, style, 0, None) => {
                let kind = match style {
                    ScalarStyle::Plain => plain(&text)?,
                    _ => Kind::String(text.into_owned()),
                };
                Some(Node { span: self.written(span, &kind), kind })
            }
            Event::SequenceStart(_, 0, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth)?),
                    }
                }
                Some(Node { kind: Kind::Seq(items), span })
            }
            Event::MappingStart(_, 0, None) => {
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, span) => entries.push(self.entry(event, span, depth)?),
                    }
                }
                names_are_unique(&entries).then_some(Node { kind: Kind::Map(entries), span })
            }
            _ => None,
        }
    }

    fn entry(&mut self, event: Event<'f>, span: EventSpan, depth: usize) -> Option<(Key, Node)> {
        let Node { kind: Kind::String(name), span } = self.node(event, span, depth)? else {
            return None;
        };
        // A merge key.
        if name == "<<" {
            return None;
        }
        let (event, place) = self.next()?;
        Some((Key { name, span }, self.node(event, place, depth)?))
    }

    /// A block scalar's span runs to the begin of what follows it.
    fn written(&self, mut span: Span, kind: &Kind) -> Span {
        if matches!(kind, Kind::String(_)) {
            let written = self.file.slice(span);
            span.end -= written.len() - written.trim_end().len();
        }
        span
    }
}

fn names_are_unique(entries: &[(Key, Node)]) -> bool {
    if entries.len() <= FEW {
        return entries.iter().enumerate().all(|(index, (key, _))| {
            entries[..index].iter().all(|(other, _)| other.name != key.name)
        });
    }
    let hash = foldhash::fast::RandomState::default();
    let mut seen = HashSet::with_capacity_and_hasher(entries.len(), hash);
    entries.iter().all(|(key, _)| seen.insert(key.name.as_str()))
}

/// What a text without quotes means, when that is beyond doubt.
fn plain(text: &str) -> Option<Kind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Kind::Null),
        "true" | "True" | "TRUE" => return Some(Kind::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Kind::Bool(false)),
        _ => {}
    }
    let as_text = || Some(Kind::String(text.to_owned()));
    let first = text.as_bytes().first().copied().unwrap_or_default();
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return as_text();
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    let has_radix =
        ["0x", "0X", "0o", "0O", "0b", "0B"].iter().any(|mark| unsigned.starts_with(mark));
    // Infinity and "not a number" begin with a dot; beside them and the digits of another radix, a
    // number has no letter but the `e` of its exponent.
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E');
    if !has_radix && !unsigned.starts_with('.') && text.bytes().any(is_letter) {
        return as_text();
    }
    let is_whole = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole && (first != b'0' || text.len() == 1) {
        return text.parse().ok().map(Kind::Integer);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Diagnostics, yaml};
    use proptest::prelude::*;
    use std::path::Path;

    /// Whether the file is plain; then both readers give the same tree.
    fn agree(text: &str) -> bool {
        let file = SourceFile::new("x.yaml", text);
        let Some(tree) = read(&file, FileLimits::PLAN) else { return false };
        let mut diagnostics = Diagnostics::new(&file);
        let other = yaml::parse_thoroughly(&file, FileLimits::PLAN, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}\n{}", diagnostics.render(false));
        assert_eq!(Some(tree), other, "{text}");
        true
    }

    #[test]
    fn the_plans_that_ship_are_plain() {
        for folder in
            ["plans", "tests/fixtures/plans_invalid", "tests/fixtures/inventories_invalid"]
        {
            let mut plain = 0;
            for entry in
                std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap()
            {
                let path = entry.unwrap().path();
                let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let is_plain = is_yaml && agree(&text);
                assert!(is_plain || !is_yaml || folder != "plans", "{}", path.display());
                plain += usize::from(is_plain);
            }
            assert!(plain > 1, "{folder}");
        }
    }

    #[test]
    fn scalars_of_every_kind_are_read_alike_or_left_alone() {
        for text in [
            "1und1.example",
            "0",
            "010",
            "-1",
            "+1",
            "1e3",
            "1.5",
            ".5",
            ".inf",
            "-.INF",
            ".nan",
            "0x1f",
            "0o7",
            "0b1",
            "1_000",
            "12:30:45",
            "2026-11-21",
            "999999999999999999",
            "9999999999999999999",
            "True",
            "yes",
            "~",
            "null",
            "",
            "a b",
            "'it''s'",
            "\"a\\nb\"",
            "|\n  a\n  b\n",
            ">-\n  a\n  b\n",
            "!x a",
            "&a b",
            "*a",
            "3com.example",
            "-x",
            "1.2.3.4",
            "- a",
            "{a: 1, a: 2}",
            "{<<: {a: 1}}",
            "{1: a}",
            "[a, [b, {c: }]]",
            "{ }",
            "[ ]",
        ] {
            agree(&format!("{text}\n"));
            agree(&format!("a: {text}\n"));
            agree(&format!("b:\r\n  - {text}\r\nc:\r\n"));
            agree(&format!("\"ä\": {text} # x\n"));
        }
        assert!(agree("a: 1und1.example\n") && !agree("a: .inf\n") && !agree("a: 1.5\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_read_fast_is_read_alike(
            text in "([a-c01x.eE_+~-]{1,4}|[:,\\[\\]{}\"'#&*!|> \n-]|: |- |\n  |\n){0,24}",
        ) {
            agree(&text);
        }
    }
}
