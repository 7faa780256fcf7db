//! Reading YAML: from text to a tree of [`Node`]s.
//!
//! The one place that calls serde-saphyr, with the options that make YAML mean what it says (`NO`
//! is text, `010` is text) and with a budget that no plan needs. Nothing here knows what a plan is.

use std::collections::HashSet;
use std::fmt;

use granit_parser::{Event, Parser};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Options, Spanned};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Key, Kind, Node, mask, may_hold_secret};
use super::slip;
use super::source::{FileLimits, SourceFile, Span};
use super::yaml_error::{explain, is_a_slip};
use super::yaml_plain;

/// How deep a file may nest. A plan has some eight levels; 64, the reader's own limit, overflows
/// the 2 MiB stack of a thread in a build without optimisation (measured: 40 KiB per level).
pub(crate) const DEEPEST: usize = 24;

/// Aliases repeat what they stand for, so that few are enough.
pub(crate) const MOST_ALIASES: usize = 1_000;

/// Reads one YAML document of the size of a plan. What cannot be read is reported; then there is no
/// tree.
pub(crate) fn parse(file: &SourceFile, diagnostics: &mut Diagnostics) -> Option<Node> {
    parse_within(file, FileLimits::PLAN, diagnostics)
}

/// The same for a file with limits of its own.
pub(crate) fn parse_within(
    file: &SourceFile,
    limits: FileLimits,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let tree = match yaml_plain::read(file, limits) {
        Some(tree) => tree,
        None => {
            let tree = parse_thoroughly(file, limits, diagnostics)?;
            doubt_unused_anchors(file, diagnostics);
            tree
        }
    };
    if file.text().contains(ODD_QUOTES) {
        doubt_odd_quotes(&tree, file, diagnostics);
    }
    Some(tree)
}

/// The quotes of printed books.
const ODD_QUOTES: [char; 6] = ['“', '”', '„', '‘', '’', '‚'];

/// Doubts texts in quotes that are signs like others to YAML.
fn doubt_odd_quotes(tree: &Node, file: &SourceFile, diagnostics: &mut Diagnostics) {
    match &tree.kind {
        Kind::String(text) => {
            let is_quoted = text.starts_with(ODD_QUOTES) && text.ends_with(ODD_QUOTES);
            if is_quoted && file.slice(tree.span) == text {
                diagnostics.push(
                    Diagnostic::warning("odd-quotes", "these quotes are part of the text")
                        .at(tree.span, "only `\"` and `'` are quotes in YAML")
                        .help("write `\"…\"`; if they are meant, put such quotes around all of it"),
                );
            }
        }
        Kind::Seq(items) => {
            items.iter().for_each(|item| doubt_odd_quotes(item, file, diagnostics));
        }
        Kind::Map(entries) => {
            entries.iter().for_each(|(_, value)| doubt_odd_quotes(value, file, diagnostics));
        }
        _ => {}
    }
}

/// Doubts anchors that no alias uses: nearly always it is a text that begins with `&`.
fn doubt_unused_anchors(file: &SourceFile, diagnostics: &mut Diagnostics) {
    if !file.text().contains('&') {
        return;
    }
    let options = granit_parser::options! { emit_comments: false, emit_anchor_events: true };
    let mut anchors: Vec<(usize, Span)> = Vec::new();
    let mut used = HashSet::new();
    for (event, span) in Parser::new_from_str_with_options(file.text(), options).flatten() {
        match event {
            Event::Anchor(id, _) => {
                let place = span.byte_range().unwrap_or_default();
                anchors.push((id, Span::new(place.start, place.end)));
            }
            Event::Alias(id) => drop(used.insert(id)),
            _ => {}
        }
    }
    for (_, place) in anchors.into_iter().filter(|(id, _)| !used.contains(id)) {
        diagnostics.push(
            Diagnostic::warning("unused-anchor", "no alias uses this anchor")
                .at(place, "a word that begins with `&` is an anchor in YAML, and no text")
                .help("leave it out; a text that begins with `&` must stand in quotes"),
        );
    }
}

/// Reads whatever YAML can say, and explains what it cannot.
pub(super) fn parse_thoroughly(
    file: &SourceFile,
    limits: FileLimits,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let read = |policy| {
        let options = options(policy, limits);
        serde_saphyr::from_str_with_options::<RawNode>(file.text(), options)
    };
    let raw = match read(DuplicateKeyPolicy::Error) {
        // Read again to find every repeated key, and whatever else is wrong with the plan: people
        // want all mistakes at once. The plan is refused in any case.
        Err(error) if is_duplicate_key(&error) => read(DuplicateKeyPolicy::PassThrough),
        result => result,
    };
    match raw {
        Ok(raw) => Some(Tree { file, diagnostics }.node(raw)),
        Err(error) => {
            mask_lines(file, diagnostics);
            if !(is_a_slip(&error) && slip::report(file, diagnostics)) {
                diagnostics.push(explain(&error, file, limits));
            }
            None
        }
    }
}

fn options(duplicate_keys: DuplicateKeyPolicy, limits: FileLimits) -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        duplicate_keys: duplicate_keys,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: limits.values,
            max_events: 4 * limits.values,
            max_aliases: MOST_ALIASES,
        },
    }
}

fn is_duplicate_key(error: &serde_saphyr::Error) -> bool {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { .. } => true,
        serde_saphyr::Error::AliasError { error, .. } => is_duplicate_key(error),
        _ => false,
    }
}

/// Hides what stands behind the usual names of secrets, line by line, when there is no tree that
/// would tell what is what.
fn mask_lines(file: &SourceFile, diagnostics: &mut Diagnostics) {
    let mut offset = 0;
    for line in file.text().split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let found = ["api_key", "apikey", "api-key", "token", "secret", "password"]
            .iter()
            .filter_map(|word| lower.find(word).map(|at| at + word.len()))
            .min();
        if let Some(found) = found {
            let value = line[found..].trim_start_matches(['"', '\'', ':', ' ', '\t']);
            let start = offset + line.len() - value.len();
            diagnostics.mask(Span::new(start, start + value.trim_end().len()));
        }
        offset += line.len();
    }
}

/// A node as the deserializer gives it: keys may still be anything.
struct RawNode {
    kind: RawKind,
    place: Place,
}

/// What is needed of a location: there are many nodes, and the reader's own form is much larger.
#[derive(Clone, Copy)]
struct Place {
    /// Offset and length in bytes, when the reader knows them.
    bytes: Option<(u32, u32)>,
    line: u32,
    column: u32,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let span = location.span();
        let bytes = span
            .byte_offset()
            .map(|offset| (small(offset), small(span.byte_len().unwrap_or_default())));
        Self { bytes, line: small(location.line()), column: small(location.column()) }
    }
}

enum RawKind {
    Scalar(Kind),
    Seq(Vec<RawNode>),
    Map(Vec<(RawNode, RawNode)>),
}

impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawKind>::deserialize(deserializer)?;
        Ok(Self { kind: spanned.value, place: spanned.defined.into() })
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = RawKind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawKind, E> {
        // Beyond the range of an integer it can only be refused, so that the digits do not matter.
        let kind = i64::try_from(value).map_or(Kind::Float(1e19), Kind::Integer);
        Ok(RawKind::Scalar(kind))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawKind::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Map(entries))
    }
}

/// Turns raw nodes into nodes; reports keys that are not text or not unique.
struct Tree<'a> {
    file: &'a SourceFile,
    diagnostics: &'a mut Diagnostics,
}

impl Tree<'_> {
    fn node(&mut self, raw: RawNode) -> Node {
        let span = self.span(raw.place, &raw.kind);
        let kind = match raw.kind {
            RawKind::Scalar(kind) => kind,
            RawKind::Seq(items) => {
                let items = items.into_iter().flat_map(|item| self.without_dash(item));
                let items: Vec<RawNode> = items.collect();
                Kind::Seq(items.into_iter().map(|item| self.node(item)).collect())
            }
            RawKind::Map(entries) => Kind::Map(self.entries(entries)),
        };
        Node { kind, span }
    }

    fn entries(&mut self, raw: Vec<(RawNode, RawNode)>) -> Vec<(Key, Node)> {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raw.len());
        let mut seen = std::collections::HashMap::<String, Span>::new();
        for (key, value) in raw {
            let key = self.node(key);
            let value = self.node(value);
            let Some(name) = key.as_str().map(str::to_owned) else {
                self.refuse_key(&key);
                continue;
            };
            if let Some(first) = seen.get(&name) {
                if may_hold_secret(&name) {
                    mask(&value, self.diagnostics);
                }
                let shown = crate::types::printable(&name);
                self.diagnostics.push(
                    Diagnostic::error("duplicate-key", format!("the key `{shown}` is given twice"))
                        .at(key.span, "given again here")
                        .also(*first, "first given here")
                        .help("keep one of the two"),
                );
                continue;
            }
            seen.insert(name.clone(), key.span);
            entries.push((Key { name, span: key.span }, value));
        }
        entries
    }

    /// The items that `item` was meant to be: where its first key comes again on a line of its own,
    /// a dash is missing.
    fn without_dash(&mut self, item: RawNode) -> Vec<RawNode> {
        let RawKind::Map(entries) = item.kind else { return vec![item] };
        let name = |key: &RawNode| match &key.kind {
            RawKind::Scalar(Kind::String(name)) => Some(name.clone()),
            _ => None,
        };
        let first = entries.first().and_then(|(key, _)| Some((name(key)?, key.place)));
        let mut place = item.place;
        let mut items: Vec<(Place, Vec<(RawNode, RawNode)>)> = Vec::new();
        for (key, value) in entries {
            let again = first.as_ref().is_some_and(|(first, at)| {
                !items.is_empty()
                    && name(&key).as_ref() == Some(first)
                    && at.line < key.place.line
                    && at.column == key.place.column
            });
            if again {
                place = key.place;
                self.miss_dash(&key, first.as_ref().map(|(_, place)| *place));
            }
            match items.last_mut().filter(|_| !again) {
                Some((_, entries)) => entries.push((key, value)),
                None => items.push((place, vec![(key, value)])),
            }
        }
        if items.is_empty() {
            items.push((place, Vec::new()));
        }
        items
            .into_iter()
            .map(|(place, entries)| RawNode { kind: RawKind::Map(entries), place })
            .collect()
    }

    fn miss_dash(&mut self, key: &RawNode, first: Option<Place>) {
        let span = self.span(key.place, &key.kind);
        let shown = crate::types::printable(self.file.slice(span));
        let mut diagnostic =
            Diagnostic::error("duplicate-key", format!("the key `{shown}` is given twice"))
                .at(span, "without a `- ` before it, this belongs to the item above");
        if let Some(first) = first {
            let place = self.span(first, &key.kind);
            diagnostic = diagnostic.also(place, "the item begins here");
        }
        let Some(blanks) = span.start.checked_sub(2).map(|start| Span::new(start, span.start))
        else {
            return self.diagnostics.push(diagnostic);
        };
        let is_free = self.file.slice(blanks) == "  ";
        self.diagnostics.push(if is_free {
            diagnostic.suggest(blanks, "- ", "begin a new item, if that was meant")
        } else {
            diagnostic.help("keep one of the two")
        });
    }

    fn refuse_key(&mut self, key: &Node) {
        let doubled_brace = matches!(key.kind, Kind::Map(_)) && self.file.slice(key.span) == "{";
        let diagnostic = if doubled_brace {
            unquoted_template(key.span.start, self.file)
        } else {
            Diagnostic::error("key-not-text", "a key must be text")
                .at(key.span, "this is no text")
                .help("put the key in quotes")
        };
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, place: Place, kind: &RawKind) -> Span {
        let number = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let (start, length) = match place.bytes {
            Some((start, length)) => (number(start), number(length)),
            None => (self.file.offset(number(place.line), number(place.column)), 0),
        };
        let mut span = self.file.clamp(Span::new(start, start + length));
        if matches!(kind, RawKind::Scalar(Kind::String(_))) {
            // A block scalar's span runs to the begin of what follows it.
            let written = self.file.slice(span);
            span.end -= written.len() - written.trim_end().len();
        }
        span
    }
}

/// `{{ … }}` without quotes, whose second brace is at `inner`.
fn unquoted_template(inner: usize, file: &SourceFile) -> Diagnostic {
    let diagnostic = Diagnostic::error("unquoted-template", "a template must stand in quotes");
    let start = inner.saturating_sub(1);
    let rest = file.text().get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let end = line.find("}}").map(|at| at + 2).filter(|_| line.starts_with("{{"));
    match end {
        Some(end) if !line[..end].contains('"') => {
            let place = Span::new(start, start + end);
            diagnostic.at(place, "YAML reads `{` as the begin of a map").suggest(
                place,
                format!("\"{}\"", &line[..end]),
                "put it in quotes",
            )
        }
        _ => diagnostic
            .at(Span::new(inner, inner + 1), "YAML reads this `{` as the begin of a map")
            .help("write `\"{{ … }}\"`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Result<Value, String> {
        let file = SourceFile::new("plan.yaml", text);
        let mut diagnostics = Diagnostics::new(&file);
        let node = parse(&file, &mut diagnostics);
        match node {
            Some(node) if !diagnostics.has_errors() => Ok(node.to_value()),
            _ => Err(diagnostics.render(false)),
        }
    }

    #[test]
    fn scalars_mean_what_they_say() {
        let text = "[NO, on, yes, y, 010, 1_000, 12:30:45, 2026-11-21, 1.10, 0x1F, '1', \"1\", \
                    1, true, ~, null, 1e3]";
        assert_eq!(
            read(text),
            Ok(json!([
                "NO",
                "on",
                "yes",
                "y",
                "010",
                "1_000",
                "12:30:45",
                "2026-11-21",
                1.10,
                31,
                "1",
                "1",
                1,
                true,
                null,
                null,
                1000.0
            ]))
        );
    }

    #[test]
    fn merge_keys_and_aliases_are_understood() {
        let text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n";
        assert_eq!(
            read(text),
            Ok(json!({"a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2}}))
        );
    }

    #[test]
    fn carriage_returns_do_no_harm() {
        assert_eq!(read("a: 1\r\nb: |\r\n  x\r\n  y\r\n"), Ok(json!({"a": 1, "b": "x\ny\n"})));
    }

    #[test]
    fn the_inside_of_a_scalar_is_found_when_it_is_written_as_it_is() {
        let text =
            "- plain {{ x }}\n- \"quoted {{ x }}\"\n- 'it''s {{ x }}'\n- |\n  a\n  {{ x }}\n";
        let file = SourceFile::new("plan.yaml", text);
        let tree = parse(&file, &mut Diagnostics::new(&file)).unwrap();
        let Kind::Seq(items) = &tree.kind else { panic!("not a list") };
        for item in items {
            let at = item.as_str().unwrap().find("{{ x }}").unwrap();
            let span = item.inside(at..at + 7, &file);
            assert_eq!(file.slice(span), "{{ x }}");
        }
    }

    #[test]
    fn attacks_are_bounded_and_explained() {
        let deep = "[".repeat(10_000);
        let nested: String = (0..3_000).fold(String::new(), |mut text, depth| {
            text.push_str(&" ".repeat(depth));
            text.push_str("a:\n");
            text
        });
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let alias = format!("*a{}", level - 1);
            let items = vec![alias; 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let quadratic =
            format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 20_000].join(", "));
        let aliases = vec!["*a"; 99].join(", ");
        let long_text = format!("a: &a {}\nb: [{aliases}]\n", "x".repeat(4_000_000));
        let long_list = format!("a: &a [{}]\nb: [{aliases}]\n", vec!["1"; 20_000].join(", "));
        let sequences = "- ".repeat(10_000);
        for (text, reason) in [
            (deep.as_str(), "nested too deeply"),
            (nested.as_str(), "nested too deeply"),
            (sequences.as_str(), "nested too deeply"),
            (bomb.as_str(), "too many"),
            (quadratic.as_str(), "too many"),
            (long_text.as_str(), "too many or too long"),
            (long_list.as_str(), "too many"),
        ] {
            let message = read(text).unwrap_err();
            let head: String = message.chars().take(300).collect();
            assert!(message.contains(reason), "{head}");
        }
    }
}
