//! `Decoder` and `Fields`: taking a tree apart, key by key, and reporting everything at once.
//!
//! General tools; which keys a file has is known to its own module. A wrong value yields `None`, so that
//! the caller goes on with the next one.

use super::describe::describe;
use super::diagnostic::{Diagnostic, Diagnostics, Suggestion};
use super::node::{Key, Kind, Node, mask, may_hold_secret};
use super::source::{SourceFile, Span};
use super::suggest::{is_slip, list, nearest};
use crate::types::printable;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// What is being read, and what was found wrong with it.
pub(crate) struct Decoder<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) diagnostics: &'a mut Diagnostics,
}

/// The entries of a map whose keys are known.
pub(crate) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// Where to point when a key is missing.
    span: Span,
    /// For messages, for example "step `order`".
    what: String,
    /// Keys of ours that a key of another tool stands for; they are not missing.
    stood_for: Vec<&'static str>,
}

/// What a key of another tool is in our words.
#[derive(Debug)]
pub(crate) struct Translation {
    stands_for: &'static [&'static str],
    help: Option<&'static str>,
    suggestion: Option<Suggestion>,
    may_hold_secret: bool,
}

/// Translates a key with its value, which stands among these entries of a file.
pub(crate) type Translate = fn(&Key, &Node, &[(Key, Node)], &SourceFile) -> Option<Translation>;

impl Translation {
    /// A key that stands for these of ours.
    pub(crate) fn to(stands_for: &'static [&'static str]) -> Self {
        Self { stands_for, help: None, suggestion: None, may_hold_secret: false }
    }

    /// A key under which secrets may stand; nothing shows them.
    pub(crate) fn secret() -> Self {
        Self { may_hold_secret: true, ..Self::to(&[]) }
    }

    /// How a plan says it.
    pub(crate) fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// The change that is right as it stands, if there is one.
    pub(crate) fn suggestion(self, suggestion: Option<Suggestion>) -> Self {
        Self { suggestion, ..self }
    }
}

impl<'a> Decoder<'a> {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports that `node` is not what is needed.
    pub(crate) fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str) {
        self.wrong_kind_because(node, what, expected, None);
    }

    /// The same with a hint how it is written.
    pub(crate) fn wrong_kind_because(
        &mut self,
        node: &Node,
        what: &str,
        expected: &str,
        help: Option<&str>,
    ) {
        if node.is_unquoted_template(self.file) {
            return;
        }
        let found = match node.kind {
            Kind::Map(_) => "map".to_owned(),
            Kind::Seq(_) => "list".to_owned(),
            _ => describe(&node.to_value()),
        };
        let diagnostic = Diagnostic::error("wrong-type", format!("{what} must be {expected}"))
            .at(node.span, format!("this is {}", with_article(&found)));
        let diagnostic = match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        };
        self.push(match behind_the_colon(node, self.file).filter(|_| expected == "a map") {
            Some(place) => diagnostic.suggest(place, " ", "write a blank behind the `:` of a key"),
            None => diagnostic,
        });
    }

    /// The entries of the map `node`, whose keys must be among `known`.
    ///
    /// `at` is where a missing key is reported: a block map itself has no visible extent.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        at: Span,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        self.translated_fields(node, at, what, known, |_, _, _, _| None)
    }

    /// The same, where the keys of other tools are translated. A slip of a known key is one.
    pub(crate) fn translated_fields<'n>(
        &mut self,
        node: &'n Node,
        at: Span,
        what: &str,
        known: &[&str],
        translate: Translate,
    ) -> Option<Fields<'n>> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong_kind(node, what, "a map");
            return None;
        };
        let mut stood_for = Vec::new();
        for (key, value) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let is_slip = is_slip(&key.name, known.iter().copied());
            match translate(key, value, entries, self.file).filter(|_| !is_slip) {
                Some(translation) => {
                    stood_for.extend(translation.stands_for);
                    self.translated_key(key, value, what, translation);
                }
                None => self.unknown_key(key, value, (what, entries), known, None),
            }
        }
        Some(Fields { entries, span: at, what: what.to_owned(), stood_for })
    }

    fn translated_key(&mut self, key: &Key, value: &Node, what: &str, translation: Translation) {
        if translation.may_hold_secret || may_hold_secret(&key.name) {
            self.mask(value);
        }
        let mut diagnostic = no_such_key(key, what);
        diagnostic.help.extend(translation.help.map(str::to_owned));
        diagnostic.suggestion = translation.suggestion;
        self.push(diagnostic);
    }

    /// Reports every key that is not among `known`; `help` says what one without a likeness was
    /// probably meant for.
    pub(crate) fn known_keys(
        &mut self,
        entries: &[(Key, Node)],
        what: &str,
        known: &[&str],
        help: Option<&str>,
    ) {
        for (key, value) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            self.unknown_key(key, value, (what, entries), known, help);
        }
    }

    fn unknown_key(
        &mut self,
        key: &Key,
        value: &Node,
        (what, entries): (&str, &[(Key, Node)]),
        known: &[&str],
        help: Option<&str>,
    ) {
        if may_hold_secret(&key.name) {
            self.mask(value);
        }
        let diagnostic = no_such_key(key, what);
        let is_there = |near: &str| entries.iter().any(|(key, _)| key.name == near);
        self.push(match nearest(&key.name, known.iter().copied()) {
            Some(near) if is_there(near) => diagnostic
                .help(format!("did you mean `{near}`? it is there already: keep one of them")),
            Some(near) => self.suggest_near(diagnostic, key.span, near),
            None => {
                let diagnostic =
                    diagnostic.help(format!("known keys: {}", list(known.iter().copied())));
                help.into_iter().fold(diagnostic, Diagnostic::help)
            }
        });
    }

    /// Suggests `near` for what stands at `span`, in its quotes: where JSON is read, it stays JSON.
    pub(crate) fn suggest_near(
        &self,
        diagnostic: Diagnostic,
        span: Span,
        near: &str,
    ) -> Diagnostic {
        let written = self.file.slice(span);
        let quote = ["\"", "'"].into_iter().find(|quote| written.starts_with(quote));
        let quote = quote.unwrap_or_default();
        diagnostic.suggest(span, format!("{quote}{near}{quote}"), format!("did you mean `{near}`?"))
    }

    /// Hides every scalar in `node` from all output.
    pub(crate) fn mask(&mut self, node: &Node) {
        mask(node, self.diagnostics);
    }

    /// The value of `name` as text.
    pub(crate) fn text(&mut self, fields: &Fields<'_>, name: &str) -> Option<Located<String>> {
        let (_, node) = fields.get(name)?;
        self.text_of(node, &fields.name_of(name))
    }

    /// `node` as text.
    pub(crate) fn text_of(&mut self, node: &Node, what: &str) -> Option<Located<String>> {
        if let Some(text) = node.as_str() {
            self.doubt_digits(node);
            return Some(Located { value: text.to_owned(), span: node.span });
        }
        if matches!(node.kind, Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_)) {
            let written = self.file.slice(node.span);
            self.push(
                Diagnostic::error("wrong-type", format!("{what} must be text"))
                    .at(node.span, format!("this is {}", with_article(&describe(&node.to_value()))))
                    .suggest(node.span, format!("\"{written}\""), "put it in quotes"),
            );
            return None;
        }
        self.wrong_kind(node, what, "text");
        None
    }

    /// Warns of a text of digits without quotes. Editors that know the schema call it a mistake, and
    /// other programs write it back as another number.
    pub(crate) fn doubt_digits(&mut self, node: &Node) {
        if node.is_number_elsewhere(self.file) {
            let written = self.file.slice(node.span);
            let title =
                format!("`{written}` is a text here, and a number to other readers of YAML");
            self.push(
                Diagnostic::warning("unquoted-digits", title)
                    .at(node.span, "this is taken for a text")
                    .suggest(node.span, format!("\"{written}\""), "put it in quotes"),
            );
        }
    }

    /// The value of `name` as the text of a duration.
    pub(crate) fn duration_text(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
    ) -> Option<Located<String>> {
        let (_, node) = fields.get(name)?;
        if let Kind::Integer(number) = node.kind {
            self.push(
                Diagnostic::error("bad-duration", format!("{} has no unit", fields.name_of(name)))
                    .at(node.span, "seconds, minutes, hours or days?")
                    .suggest(node.span, format!("{number}s"), "say the unit, for example"),
            );
            return None;
        }
        self.text(fields, name)
    }

    /// The value of `name` as a list.
    pub(crate) fn items<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n [Node]> {
        let (_, node) = fields.get(name)?;
        match &node.kind {
            Kind::Seq(items) => Some(items),
            Kind::String(text) => {
                let diagnostic = Diagnostic::error(
                    "wrong-type",
                    format!("{} must be a list", fields.name_of(name)),
                )
                .at(node.span, format!("this is a string `{}`", printable(text)));
                let (list, advice) = as_list(self.file.slice(node.span));
                self.push(diagnostic.suggest(node.span, list, advice));
                None
            }
            _ => {
                self.wrong_kind(node, &fields.name_of(name), "a list");
                None
            }
        }
    }

    /// The value of `name` as a whole number.
    pub(crate) fn integer(&mut self, fields: &Fields<'_>, name: &str) -> Option<Located<i64>> {
        let (_, node) = fields.get(name)?;
        match &node.kind {
            Kind::Integer(value) => Some(Located { value: *value, span: node.span }),
            Kind::String(text) if text.parse::<i64>().is_ok() => {
                self.push(
                    Diagnostic::error(
                        "wrong-type",
                        format!("{} must be a whole number", fields.name_of(name)),
                    )
                    .at(node.span, format!("this is {}", with_article(&describe(&node.to_value()))))
                    .suggest(node.span, text, "leave out the quotes"),
                );
                None
            }
            _ => {
                self.wrong_kind(node, &fields.name_of(name), "a whole number");
                None
            }
        }
    }

    /// The value of `name`, which must be among `words`.
    pub(crate) fn word<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let (_, node) = fields.get(name)?;
        self.word_of(node, &fields.name_of(name), words)
    }

    /// `node`, which must be among `words`.
    pub(crate) fn word_of<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        if matches!(node.kind, Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_)) {
            let written = printable(self.file.slice(node.span));
            let known = list(words.iter().map(|(word, _)| *word));
            self.push(
                Diagnostic::error("wrong-word", format!("{what} cannot be `{written}`"))
                    .at(node.span, format!("expected one of {known}")),
            );
            return None;
        }
        let text = self.text_of(node, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*value);
        }
        let known = words.iter().map(|(word, _)| *word);
        let diagnostic = Diagnostic::error(
            "wrong-word",
            format!("{what} cannot be `{}`", printable(&text.value)),
        )
        .at(text.span, format!("expected one of {}", list(known.clone())));
        self.push(match nearest(&text.value, known) {
            Some(near) => self.suggest_near(diagnostic, text.span, near),
            None => diagnostic,
        });
        None
    }

    /// Reports that `name` is missing, when it is.
    pub(crate) fn require(&mut self, fields: &Fields<'_>, name: &str, help: &str) {
        let stood_for = fields.stood_for.contains(&name) || fields.has_slip_of(name);
        if fields.get(name).is_none() && !stood_for {
            self.push(
                Diagnostic::error("missing-key", format!("{} has no `{name}`", fields.what))
                    .at(fields.span, format!("`{name}` is missing here"))
                    .help(help),
            );
        }
    }
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key, node))
    }

    /// Whether a key looks like a slip of `name`; it is reported as an unknown key.
    pub(crate) fn has_slip_of(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| nearest(&key.name, [name]).is_some())
    }

    /// The value of `name`, or of a key that looks like a slip of it: to know what is referred to.
    pub(crate) fn meant(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        let translated = self.stood_for.contains(&name);
        let slip = |(key, _): &&(Key, Node)| !translated && nearest(&key.name, [name]).is_some();
        self.get(name).or_else(|| self.entries.iter().find(slip).map(|(key, node)| (key, node)))
    }

    /// How messages call the value of `name`.
    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("`{name}` of {}", self.what)
    }
}

fn no_such_key(key: &Key, what: &str) -> Diagnostic {
    let name = printable(&key.name);
    Diagnostic::error("unknown-key", format!("{what} has no key `{name}`"))
        .at(key.span, "unknown key")
}

/// "string `x`" → "a string `x`".
pub(crate) fn with_article(found: &str) -> String {
    match found.chars().next() {
        _ if found == "null" || found.starts_with("one of ") => found.to_owned(),
        Some('a' | 'e' | 'i' | 'o') => format!("an {found}"),
        _ => format!("a {found}"),
    }
}

/// Where a blank is missing in `key:value`, which is a text without it.
fn behind_the_colon(node: &Node, file: &SourceFile) -> Option<Span> {
    let text = node.as_str().filter(|text| file.slice(node.span) == *text)?;
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    let at = node.span.start + key.len() + 1;
    (is_key && !value.is_empty() && !value.starts_with([' ', '/'])).then(|| Span::new(at, at))
}

/// A text that stands where a list belongs, as the list that was probably meant.
fn as_list(written: &str) -> (String, &'static str) {
    let lines = || written.lines().map(str::trim).filter(|line| !line.is_empty());
    let item = |line: &str| line.strip_prefix('-').map_or(line, str::trim).to_owned();
    let is_quoted = written.starts_with(['"', '\'', '|', '>']);
    if !is_quoted && lines().all(|line| line.starts_with('-')) {
        let items: Vec<String> = lines().map(item).collect();
        (format!("[{}]", items.join(", ")), "write a blank behind each `-`, or a list in brackets")
    } else if !is_quoted && lines().count() > 1 {
        let items: Vec<String> = lines().map(item).collect();
        (format!("[{}]", items.join(", ")), "write a `- ` before each item, or a list in brackets")
    } else {
        (format!("[{written}]"), "write a list, even of one")
    }
}
