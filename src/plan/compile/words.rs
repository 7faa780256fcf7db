//! The words of a template that are no references: filters, tests, statements, unknown names.

use std::collections::BTreeSet;
use std::ops::Range;

use super::foreign_template::meaning;
use super::reference::{Checker, Place, ROOTS};
use super::value::explain_mismatches;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::suggest::{list, nearest};
use crate::plan::filters::{FUNCTIONS, STATEMENTS, filter_names, test_names};
use crate::plan::scan::{Follows, Path, Scan};
use crate::plan::template::{Code, SyntaxError, has_code, parse_expression};
use crate::plan::value_type::ValueType;
use crate::types::printable;

/// What other languages call `none`.
const NOTHING: [&str; 3] = ["null", "nil", "undefined"];

impl Checker<'_, '_, '_> {
    /// Reports a template that does not compile.
    pub(super) fn syntax_error(&mut self, node: &Node, error: &SyntaxError, offset: usize) {
        let span = self.span(Place { node, offset }, &error.range);
        if let Some(statement) = error.reason.strip_prefix("there is no statement ") {
            let message = format!("templates have no statement `{statement}`");
            self.decoder.push(
                Diagnostic::error("unknown-template-word", message)
                    .at(span, "unknown statement")
                    .help(format!("statements: {}", list(STATEMENTS.iter().copied()))),
            );
            return;
        }
        let diagnostic =
            Diagnostic::error("template-syntax", "this template is not complete or not right")
                .at(span, &error.reason);
        let help = match self.decoder.file.slice(span).chars().next() {
            _ if error.reason.contains("end") => None,
            Some('=') => Some("two values are compared with `==`"),
            Some('&') => Some("that two things hold is written `and`"),
            Some('|') => Some("that one of two things holds is written `or`"),
            Some('?') => Some("one of two values is written `A if CONDITION else B`"),
            Some('!') => Some("that something does not hold is written `not`"),
            _ => None,
        };
        self.decoder.push(help.into_iter().fold(diagnostic, Diagnostic::help));
    }

    /// Filters, tests, statements and operators.
    pub(super) fn words(&mut self, scan: &Scan, place: Place<'_>) {
        let filters: Vec<&str> = filter_names().collect();
        let tests: Vec<&str> = test_names().collect();
        let statements: Vec<&str> = STATEMENTS.to_vec();
        for (words, known, kind) in [
            (&scan.filters, filters, "filter"),
            (&scan.tests, tests, "test"),
            (&scan.statements, statements, "statement"),
        ] {
            for word in words.iter().filter(|word| !known.contains(&word.text.as_str())) {
                let span = self.span(place, &word.range);
                let diagnostic = Diagnostic::error(
                    "unknown-template-word",
                    format!("templates have no {kind} `{}`", word.text),
                )
                .at(span, format!("unknown {kind}"));
                self.decoder.push(match nearest(&word.text, known.iter().copied()) {
                    Some(near) => diagnostic.suggest(span, near, format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!("{kind}s: {}", list(known.iter().copied()))),
                });
            }
        }
        for product in &scan.products {
            let span = self.span(place, product);
            self.decoder.push(
                Diagnostic::error("template-product", "templates cannot multiply")
                    .at(span, "a short template could make an endless text with this"),
            );
        }
    }

    /// An expression over the parts of an answer, which is evaluated when the answer is there.
    pub(super) fn answer_expression(
        &mut self,
        node: &Node,
        text: &str,
        (value_type, names): (&ValueType, &[String]),
        what: &str,
    ) {
        let place = Place { node, offset: 0 };
        let code = match parse_expression(text) {
            // The braces are what is wrong with it.
            _ if has_code(text) => {
                explain_mismatches(node, value_type, &format!("`{what}`"), self.decoder);
                return;
            }
            Err(error) => return self.syntax_error(node, &error, 0),
            Ok(code) => code,
        };
        let roots: BTreeSet<&str> =
            code.variables.iter().filter_map(|path| path.split('.').next()).collect();
        let known = || names.iter().map(String::as_str);
        for root in roots.into_iter().filter(|root| known().all(|name| name != *root)) {
            let word = code.scan.names.iter().find(|word| word.text == root);
            let span = word.map_or(node.span, |word| self.span(place, &word.range));
            let title = format!("`{what}` cannot see `{}`", printable(root));
            let diagnostic = Diagnostic::error("unknown-name", title).at(span, "unknown name");
            let diagnostic = match nearest(root, known()) {
                Some(near) => diagnostic.suggest(span, near, format!("did you mean `{near}`?")),
                None => diagnostic,
            };
            self.decoder.push(diagnostic.help(format!("it sees {} of the answer", list(known()))));
        }
        for range in code.scan.paths.iter().filter_map(|path| upper_case_header(text, path)) {
            let (span, name) = (self.span(place, &range), text[range].to_ascii_lowercase());
            self.decoder.push(
                Diagnostic::error("unknown-name", "the headers of an answer have lower-case names")
                    .at(span, "there is never one of this name")
                    .suggest(span, &name, format!("write `{name}`")),
            );
        }
    }

    /// Names that are neither visible nor bound inside the template.
    pub(super) fn unknown_roots(&mut self, code: &Code, place: Place<'_>) {
        let roots: BTreeSet<&str> =
            code.variables.iter().filter_map(|path| path.split('.').next()).collect();
        for root in roots.iter().filter(|root| !ROOTS.contains(root) && !FUNCTIONS.contains(root)) {
            let word = code.scan.names.iter().find(|word| word.text == **root);
            let span = word.map_or(place.node.span, |word| self.span(place, &word.range));
            if self.is_part_of_an_unknown_name(span) {
                continue;
            }
            let diagnostic =
                Diagnostic::error("unknown-name", format!("templates cannot see `{root}`"))
                    .at(span, "unknown name");
            let better = if self.known.inputs.contains_key(*root) {
                Some(format!("inputs.{root}"))
            } else if self.known.steps.iter().any(|step| step.id.as_str() == *root) {
                Some(format!("steps.{root}"))
            } else if NOTHING.contains(root) {
                Some("none".to_owned())
            } else {
                // What another tool calls like that is no slip.
                nearest(root, ROOTS).filter(|_| meaning(root).is_none()).map(str::to_owned)
            };
            self.decoder.push(match better {
                Some(better) => {
                    let text = format!("did you mean `{better}`?");
                    diagnostic.suggest(span, better, text)
                }
                None if self.decoder.file.text()[..span.start].ends_with('-') => {
                    diagnostic.help("the `-` before it is read as a minus")
                }
                None => {
                    let seen = format!("templates see {}", list(ROOTS));
                    meaning(root).into_iter().fold(diagnostic, Diagnostic::help).help(seen)
                }
            });
        }
    }

    /// Whether `span` is the `name` of `inputs.my-name`, of which `my` was reported.
    fn is_part_of_an_unknown_name(&self, span: crate::document::source::Span) -> bool {
        let before = self.decoder.file.text().get(..span.start).unwrap_or_default();
        let is_part = |c: char| c.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&c);
        let chain = before.rsplit(|c| !is_part(c)).next().unwrap_or_default();
        let Some((path, _)) = chain.split_once('-').filter(|_| chain.ends_with('-')) else {
            return false;
        };
        match path.split_once('.') {
            Some(("inputs", name)) => !self.known.inputs.contains_key(name),
            Some(("steps", name)) => self.known.step(name).is_none(),
            _ => false,
        }
    }
}

/// Where `headers['Name']` names a header with capitals, if that is what a path looks up.
fn upper_case_header(text: &str, path: &Path) -> Option<Range<usize>> {
    let alone = path.segments.len() == 1 && path.follows == Follows::Lookup;
    path.name(0).filter(|root| alone && root.text == "headers")?;
    let after = text.get(path.range.end..)?;
    let rest = after.trim_start().strip_prefix('[')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let name = rest[1..].split(quote).next().filter(|name| *name != name.to_ascii_lowercase())?;
    let start = text.len() - rest.len() + 1;
    Some(start..start + name.len())
}
