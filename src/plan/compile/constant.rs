//! Templates that read nothing: their value is known when the plan is checked, so a mistake in it is
//! told then and not when the plan runs.

use serde_json::Map;

use super::reference::{Checker, ROOTS};
use super::value::explain_value;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::source::Span;
use crate::plan::filters::FUNCTIONS;
use crate::plan::model::Template;
use crate::plan::render::{Context, evaluate_condition, render};
use crate::plan::scan::Word;
use crate::plan::template::Code;
use crate::plan::value_type::ValueType;

/// Constant templates are rare. Beyond so many the rest is found out when the plan is previewed, so
/// that no plan takes long to check.
const MOST: usize = 200;

/// The filter whose value depends on when it is asked.
const ASKS_TIME: &str = "days_until";

impl Checker<'_, '_, '_> {
    /// Renders a template that reads nothing; `span` is where its code stands.
    pub(super) fn constant(
        &mut self,
        node: &Node,
        span: Span,
        (template, code): (&Template, &Code),
        wanted: &ValueType,
        what: &str,
    ) {
        if !self.is_constant(code, template) {
            return;
        }
        match render(template, &Context::of(Map::new())) {
            Ok(value) => explain_value(node, &value, wanted, &format!("`{what}`"), self.decoder),
            Err(error) => self.template_fails(span, &error.reason),
        }
    }

    /// The same for a condition.
    pub(super) fn constant_condition(&mut self, node: &Node, expression: &str, code: &Code) {
        let template = Template::Expression(expression.to_owned());
        if self.is_constant(code, &template)
            && let Err(error) = evaluate_condition(expression, &Context::of(Map::new()))
        {
            self.template_fails(node.span, &error.reason);
        }
    }

    fn is_constant(&mut self, code: &Code, template: &Template) -> bool {
        let (Template::Expression(text) | Template::Text(text)) = template else { return false };
        let reads = |name: &Word| ROOTS.contains(&name.text.as_str());
        let known = |name: &String| FUNCTIONS.contains(&name.as_str());
        let reads = !code.variables.iter().all(known) || code.scan.names.iter().any(reads);
        // Products were refused already: there could be a very large text.
        let refused = !code.scan.products.is_empty();
        if reads || refused || text.contains(ASKS_TIME) || *self.constants >= MOST {
            return false;
        }
        *self.constants += 1;
        true
    }

    fn template_fails(&mut self, span: Span, reason: &str) {
        self.decoder.push(
            Diagnostic::error("template-fails", "this template can never be rendered")
                .at(span, reason.to_owned())
                .help("it reads nothing that could be different when the plan runs"),
        );
    }
}
