//! `Partly`: the value of a template of which something is not known yet.
//!
//! Before a run, the outputs of its steps are unknown. This renders as far as it goes and never
//! invents an answer: what is unknown is simply absent from the context, so that an expression
//! which gets by without it has its value, and one that touches it has none.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::model::Template;
use super::render::{Context, RenderError, evaluate_condition, render};
use super::scan::{Scan, alternatives, blocks, scan_expression, scan_text};
use super::template::{Parsed, parse};
use crate::types::{printable, shorten};

/// A value that is known as a whole, in parts, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Partly {
    /// All of it.
    Known(Json),
    /// Nothing of it: it is the value of this expression.
    Unknown(String),
    /// A text with unknown parts, as it is shown.
    Text {
        /// The text with a placeholder for each unknown part.
        shown: String,
        /// The expressions that are unknown.
        unknown: Vec<String>,
    },
    /// A list with something unknown in it.
    List(Vec<Self>),
    /// A map with something unknown in it.
    Map(IndexMap<String, Self>),
}

/// An expression in a placeholder is cut here; nobody reads further.
const LONGEST_EXPRESSION: usize = 120;

/// How something unknown is shown.
pub fn placeholder(expression: &str) -> String {
    let words: Vec<&str> = expression.split_whitespace().collect();
    format!("‹{}›", shorten(&printable(&words.join(" ")), LONGEST_EXPRESSION))
}

impl Partly {
    /// A list of these; known when all of them are.
    pub(super) fn list(items: Vec<Self>) -> Self {
        match items.iter().map(|item| item.known().cloned()).collect() {
            Some(values) => Self::Known(Json::Array(values)),
            None => Self::List(items),
        }
    }

    /// A map of these; known when all of them are.
    pub(super) fn map(entries: IndexMap<String, Self>) -> Self {
        let known = |(name, item): (&String, &Self)| {
            item.known().map(|value| (name.clone(), value.clone()))
        };
        match entries.iter().map(known).collect::<Option<Map<String, Json>>>() {
            Some(values) => Self::Known(Json::Object(values)),
            None => Self::Map(entries),
        }
    }

    /// The value, when all of it is known.
    pub fn known(&self) -> Option<&Json> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value with a placeholder for everything that is unknown.
    pub fn shown(&self) -> Json {
        match self {
            Self::Known(value) => value.clone(),
            Self::Unknown(expression) => Json::String(placeholder(expression)),
            Self::Text { shown, .. } => Json::String(shown.clone()),
            Self::List(items) => items.iter().map(Self::shown).collect(),
            Self::Map(entries) => Json::Object(
                entries.iter().map(|(name, item)| (name.clone(), item.shown())).collect(),
            ),
        }
    }

    /// The expressions that are unknown, in the order in which they stand.
    pub fn unknown(&self) -> Vec<&str> {
        match self {
            Self::Known(_) => Vec::new(),
            Self::Unknown(expression) => vec![expression],
            Self::Text { unknown, .. } => unknown.iter().map(String::as_str).collect(),
            Self::List(items) => items.iter().flat_map(Self::unknown).collect(),
            Self::Map(entries) => entries.values().flat_map(Self::unknown).collect(),
        }
    }
}

/// As much of the value as is known. Fails only for reasons that no answer can mend.
pub fn render_partly(template: &Template, context: &Context) -> Result<Partly, RenderError> {
    match template {
        Template::Literal(value) => Ok(Partly::Known(value.clone())),
        Template::Expression(expression) => match render(template, context) {
            Ok(value) => Ok(Partly::Known(value)),
            Err(_) if touches_unknown(&scan_expression(expression), context) => {
                Ok(Partly::Unknown(expression.clone()))
            }
            Err(error) => Err(error),
        },
        Template::Text(text) => match render(template, context) {
            Ok(value) => Ok(Partly::Known(value)),
            Err(_) if touches_unknown(&scan_text(text), context) => Ok(text_partly(text, context)),
            Err(error) => Err(error),
        },
        Template::List(items) => {
            let items = items.iter().map(|item| render_partly(item, context));
            Ok(Partly::list(items.collect::<Result<_, _>>()?))
        }
        Template::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(name, item)| Ok((name.clone(), render_partly(item, context)?)));
            Ok(Partly::map(entries.collect::<Result<_, RenderError>>()?))
        }
    }
}

/// Whether a condition holds; nothing when that depends on something unknown.
pub fn condition_partly(expression: &str, context: &Context) -> Result<Option<bool>, RenderError> {
    match evaluate_condition(expression, context) {
        Ok(holds) => Ok(Some(holds)),
        Err(_) if touches_unknown(&scan_expression(expression), context) => {
            Ok(decided_anyway(expression, context))
        }
        Err(error) => Err(error),
    }
}

/// Whether a condition is decided by the parts of it that are known: one false part of an `and`,
/// one true part of an `or`.
fn decided_anyway(expression: &str, context: &Context) -> Option<bool> {
    let alternatives = alternatives(expression)?;
    let part = |part: &&str| evaluate_condition(part, context).ok();
    let all = |parts: &Vec<&str>| {
        let parts: Vec<Option<bool>> = parts.iter().map(part).collect();
        if parts.contains(&Some(false)) {
            Some(false)
        } else {
            parts.into_iter().collect::<Option<Vec<bool>>>().map(|_| true)
        }
    };
    let alternatives: Vec<Option<bool>> = alternatives.iter().map(all).collect();
    if alternatives.contains(&Some(true)) {
        Some(true)
    } else {
        alternatives.into_iter().collect::<Option<Vec<bool>>>().map(|_| false)
    }
}

/// Whether the code names anything that the context does not have.
fn touches_unknown(scan: &Scan, context: &Context) -> bool {
    scan.paths.iter().any(|path| {
        let name = |index: usize| path.name(index).map(|word| word.text.as_str());
        match (name(0), name(1)) {
            (Some(root @ "steps"), Some(step)) => !context.has(&[root, step]),
            (Some(root @ "run"), _) => !context.has(&[root]),
            _ => false,
        }
    })
}

/// A text of which at least a part is unknown. Each unknown `{{ … }}` becomes its placeholder, in
/// the template, so that everything else is rendered as always. What cannot be taken apart in this
/// way, such as a loop over something unknown, is unknown as a whole.
fn text_partly(text: &str, context: &Context) -> Partly {
    let mut template = String::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut at = 0;
    for block in blocks(text) {
        let inside = &text[block.clone()];
        let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
        let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside).trim();
        let alone = Template::Expression(inside.to_owned());
        let is_unknown =
            touches_unknown(&scan_expression(inside), context) && render(&alone, context).is_err();
        if is_unknown {
            // The braces stay, and with them what they do to the space around.
            let Some(start) = text[block.clone()].find(inside) else { continue };
            let start = block.start + start;
            template.push_str(&text[at..start]);
            template.push_str(&Json::String(placeholder(inside)).to_string());
            at = start + inside.len();
            unknown.push(inside.to_owned());
        }
    }
    template.push_str(&text[at..]);
    // A placeholder that is no string literal for the template language would be an invention.
    let rendered = match parse(&template) {
        Ok(Parsed::Text { .. } | Parsed::Expression { .. }) => {
            render(&Template::Text(template), context)
        }
        _ => return Partly::Unknown(text.to_owned()),
    };
    match rendered {
        Ok(Json::String(shown)) if !unknown.is_empty() => Partly::Text { shown, unknown },
        _ => Partly::Unknown(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::StepId;
    use serde_json::json;

    fn context() -> Context {
        let inputs = json!({"name": "www.example.com", "legacy": false, "days": 90});
        let step = |id: &str, output: Json| (StepId::parse(id).unwrap(), output);
        let steps = [step("product", json!({"sku": "RapidSSL"})), step("skipped", Json::Null)];
        Context::before_run(inputs.as_object().unwrap(), "www", steps)
    }

    fn expression(text: &str) -> Partly {
        render_partly(&Template::Expression(text.to_owned()), &context()).unwrap()
    }

    fn text(text: &str) -> Json {
        render_partly(&Template::Text(text.to_owned()), &context()).unwrap().shown()
    }

    #[test]
    fn what_needs_no_answer_is_known_and_what_needs_one_is_not() {
        assert_eq!(expression("inputs.days"), Partly::Known(json!(90)));
        assert_eq!(expression("steps.product.sku"), Partly::Known(json!("RapidSSL")));
        for unknown in [
            "steps.order.certificate_id",
            "steps.order.certificate_id | upper",
            "steps.order.pending_reason | default('none')",
            "'yes' if steps.order.pending_reason is defined else 'no'",
            "steps.order.certificate_id is defined",
            "steps.order is defined",
            "steps.order.records[0] | default('none')",
            "[steps.order.certificate_id]",
            "inputs.legacy or steps.order.action_required",
            "not steps.order.action_required",
            "steps.order.certificate_id == 'X'",
            "run.id",
        ] {
            assert_eq!(expression(unknown), Partly::Unknown(unknown.to_owned()));
        }
    }

    #[test]
    fn an_expression_that_gets_by_without_the_answer_has_its_value() {
        for (text, value) in [
            ("inputs.legacy and steps.order.action_required", json!(false)),
            ("'rsa' if inputs.legacy else 'ec'", json!("ec")),
            ("steps.order.x if inputs.legacy else inputs.name", json!("www.example.com")),
            ("steps.skipped.id | default('none')", json!("none")),
            ("steps.skipped is defined", json!(false)),
        ] {
            assert_eq!(expression(text), Partly::Known(value), "{text}");
        }
    }

    #[test]
    fn a_text_shows_what_is_known_around_what_is_not() {
        for (template, shown) in [
            (
                "certs/{{ inputs.name }}/{{ steps.order.id }}",
                "certs/www.example.com/‹steps.order.id›",
            ),
            ("a {{- steps.order.id }} b", "a‹steps.order.id› b"),
            ("{{ inputs.legacy or steps.a.b }}!", "‹inputs.legacy or steps.a.b›!"),
            (
                "{% for n in [1, 2] %}{{ n }}:{{ steps.a.b }} {% endfor %}",
                "1:‹steps.a.b› 2:‹steps.a.b› ",
            ),
            ("{{ steps.a.b ~ '\"}}' }}.", "‹steps.a.b ~ '\"}}'›."),
            ("{% raw %}{{ steps.a.b }}{% endraw %}{{ steps.c.d }}", "{{ steps.a.b }}‹steps.c.d›"),
        ] {
            assert_eq!(text(template), json!(shown), "{template}");
        }
        // What cannot be taken apart is unknown as a whole.
        let whole = "{% if steps.a.b %}yes{% endif %}";
        assert_eq!(text(whole), json!(format!("‹{whole}›")));
    }

    #[test]
    fn a_mistake_that_no_answer_can_mend_is_still_one() {
        for wrong in ["steps.skipped.id", "inputs.nothing", "inputs.name + 1"] {
            let template = Template::Expression(wrong.to_owned());
            assert!(render_partly(&template, &context()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_condition_is_true_false_or_open() {
        for (condition, holds) in [
            ("inputs.days > 3", Some(true)),
            ("inputs.legacy and steps.order.action_required", Some(false)),
            ("steps.order.action_required", None),
            ("not steps.order.action_required", None),
            ("steps.order.action_required and inputs.legacy", Some(false)),
            ("steps.order.action_required or inputs.days == 90", Some(true)),
            ("steps.a.b and inputs.legacy or inputs.days > 3", Some(true)),
            ("steps.a.b and inputs.legacy or steps.a.b", None),
            ("not (steps.a.b and inputs.legacy)", None),
            ("inputs.legacy if steps.a.b else true and true", None),
            ("steps.a.b == 'x and y' and inputs.days", None),
        ] {
            assert_eq!(condition_partly(condition, &context()), Ok(holds), "{condition}");
        }
        assert!(condition_partly("inputs.days", &context()).is_err());
    }
}
