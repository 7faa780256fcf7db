//! The words of a template that are no references: filters, tests, statements, unknown names.

use std::collections::BTreeSet;

use super::reference::{Checker, Place, ROOTS};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::suggest::{list, nearest};
use crate::plan::filters::{FUNCTIONS, STATEMENTS, filter_names, test_names};
use crate::plan::scan::Scan;
use crate::plan::template::{Code, SyntaxError};

impl Checker<'_, '_, '_> {
    /// Reports a template that does not compile.
    pub(super) fn syntax_error(&mut self, node: &Node, error: &SyntaxError, offset: usize) {
        let span = self.span(Place { node, offset }, &error.range);
        let diagnostic =
            Diagnostic::error("template-syntax", "this template is not complete or not right")
                .at(span, &error.reason);
        let assigns = self.decoder.file.slice(span).starts_with('=');
        self.decoder.push(if assigns && !error.reason.contains("end") {
            diagnostic.help("two values are compared with `==`")
        } else {
            diagnostic
        });
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

    /// Names that are neither visible nor bound inside the template.
    pub(super) fn unknown_roots(&mut self, code: &Code, place: Place<'_>) {
        let roots: BTreeSet<&str> =
            code.variables.iter().filter_map(|path| path.split('.').next()).collect();
        for root in roots.iter().filter(|root| !ROOTS.contains(root) && !FUNCTIONS.contains(root)) {
            let word = code.scan.names.iter().find(|word| word.text == **root);
            let span = word.map_or(place.node.span, |word| self.span(place, &word.range));
            let diagnostic =
                Diagnostic::error("unknown-name", format!("templates cannot see `{root}`"))
                    .at(span, "unknown name");
            let better = if self.known.inputs.contains_key(*root) {
                Some(format!("inputs.{root}"))
            } else if self.known.steps.iter().any(|step| step.id.as_str() == *root) {
                Some(format!("steps.{root}"))
            } else {
                nearest(root, ROOTS).map(str::to_owned)
            };
            self.decoder.push(match better {
                Some(better) => {
                    let text = format!("did you mean `{better}`?");
                    diagnostic.suggest(span, better, text)
                }
                None if self.decoder.file.text()[..span.start].ends_with('-') => {
                    diagnostic.help("the `-` before it is read as a minus")
                }
                None => diagnostic.help(format!("templates see {}", list(ROOTS))),
            });
        }
    }
}
