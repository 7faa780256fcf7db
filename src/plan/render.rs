//! Rendering: templates and conditions become values, with what a run knows as their context.
//!
//! Pure and bounded: strict about what is undefined, limited in work and in the size of results. An
//! error names the expression and the reason, never the values of variables.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Serde, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::{Map, Value as Json, json};

use super::filters::{NOW, NULL_IN_TEXT, environment};
use super::limits::{BoundedText, LARGEST_CONTEXT, LARGEST_TEXT, fits, text_in, to_json};
use super::model::Template;
use super::scan::{Follows, Path, Scan, Segment, scan_expression, scan_text};
use crate::types::{RunId, StepId, Timestamp, printable, shorten};

/// What templates of one run can see.
#[derive(Debug)]
pub struct Context {
    root: Map<String, Json>,
    /// The steps that have no output.
    without_output: BTreeSet<String>,
    /// The same in the form that expressions are evaluated over, as soon as one asks for it.
    value: OnceLock<Value>,
    /// How many bytes of text may still be made of it: many small results are large, too.
    room: AtomicUsize,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot evaluate `{expression}`: {reason}")]
pub struct RenderError {
    /// The expression or text as the plan has it, shortened.
    pub expression: String,
    /// What went wrong, in one line.
    pub reason: String,
}

impl Context {
    /// The context of a run.
    ///
    /// `steps` are the outputs that may be read. A step that was skipped, or that failed with
    /// `on_failure: continue`, has no output: give null for it, so that a template can ask whether
    /// a field `is defined` and put a `default` in its place.
    pub fn new(
        inputs: &Map<String, Json>,
        target: &str,
        steps: impl IntoIterator<Item = (StepId, Json)>,
        run: &RunId,
    ) -> Self {
        let mut context = Self::before_run(inputs, target, steps);
        context.root.insert("run".to_owned(), json!({ "id": run.as_str() }));
        context
    }

    /// The same at this time, which `days_until` counts from. Without it that filter fails.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.root.insert(NOW.to_owned(), Json::from(now.as_second()));
        self
    }

    /// A context of nothing but these values, for an expression over an answer.
    pub fn of(values: Map<String, Json>) -> Self {
        Self {
            root: values,
            without_output: BTreeSet::new(),
            value: OnceLock::new(),
            room: AtomicUsize::new(LARGEST_CONTEXT),
        }
    }

    /// The same with less room for results, in bytes of text.
    #[must_use]
    pub fn with_room(self, room: usize) -> Self {
        Self { room: AtomicUsize::new(room.min(LARGEST_CONTEXT)), ..self }
    }

    /// How many bytes of text were made of it, if it had `room` at first.
    pub fn made_of(&self, room: usize) -> usize {
        room.min(LARGEST_CONTEXT).saturating_sub(self.room.load(Ordering::Relaxed))
    }

    /// Lets a result through, as long as there is room.
    fn let_through(&self, expression: &str, value: Json) -> Result<Json, RenderError> {
        let took = text_in(&value);
        let left = |room: usize| room.checked_sub(took);
        match self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(value),
            Err(_) => {
                let reason = "together with what is evaluated before it, the result is too large";
                Err(failed(expression, reason.to_owned()))
            }
        }
    }

    fn value(&self) -> Value {
        self.value.get_or_init(|| Value::from(Serde(&self.root))).clone()
    }

    /// The context before a run: there is no run id yet, and `steps` has only the steps whose
    /// output is settled. What is not in it is unknown, and reading it is an error.
    pub fn before_run(
        inputs: &Map<String, Json>,
        target: &str,
        steps: impl IntoIterator<Item = (StepId, Json)>,
    ) -> Self {
        let mut without_output = BTreeSet::new();
        let mut settled = Map::new();
        for (id, output) in steps {
            if output.is_null() {
                without_output.insert(id.as_str().to_owned());
            }
            settled.insert(id.into(), if output.is_null() { json!({}) } else { output });
        }
        let root = [
            ("inputs", Json::Object(inputs.clone())),
            ("target", json!(target)),
            ("steps", Json::Object(settled)),
        ];
        let root = root.map(|(name, value)| (name.to_owned(), value));
        Self { without_output, ..Self::of(root.into_iter().collect()) }
    }

    /// Whether there is something at this path.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        path.is_empty() || self.at(path.iter().copied()).is_some()
    }

    fn at<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> Option<&Json> {
        let first = self.root.get(path.next()?)?;
        path.try_fold(first, |value, name| value.as_object()?.get(name))
    }

    /// The code with everything in it that asks whether something is there as this context can
    /// answer it.
    ///
    /// `steps.ID is defined` means whether the step has an output. And of a path that is asked for,
    /// or has a `default`, a part in the middle may be missing, too: it ends where nothing is left.
    fn answerable<'t>(&self, code: &'t str, scan: impl Fn(&str) -> Scan) -> Cow<'t, str> {
        if !["|", "defined"].iter().any(|word| code.contains(word)) {
            return Cow::Borrowed(code);
        }
        let asked = |path: &Path| matches!(path.follows, Follows::Default | Follows::DefinedTest);
        let mut result = Cow::Borrowed(code);
        for path in scan(code).paths.iter().rev().filter(|path| asked(path)) {
            if let Some(instead) = self.shortest(path, code) {
                result.to_mut().replace_range(path.range.clone(), &instead);
            }
        }
        result
    }

    /// A path as far as it leads, and one step beyond, when it leads nowhere.
    fn shortest(&self, path: &Path, code: &str) -> Option<String> {
        let name = |index: usize| path.name(index).map(|word| word.text.as_str());
        let step = name(1).filter(|_| name(0) == Some("steps"));
        if let (Some(step), 2) = (step, path.segments.len()) {
            let has_output = self.has(&["steps", step]) && !self.without_output.contains(step);
            return (!has_output).then(|| format!("steps.{step}.output"));
        }
        let mut value = self.root.get(name(0)?)?;
        for (count, segment) in path.segments.iter().enumerate().skip(1) {
            let (next, end) = match segment {
                Segment::Name(word) => (value.get(word.text.as_str()), word.range.end),
                Segment::Index(range) => {
                    let index = code.get(range.start + 1..range.end - 1)?.trim().parse::<usize>();
                    (value.get(index.ok()?), range.end)
                }
            };
            match next {
                Some(next) => value = next,
                // An unknown step is no missing part: what it returns is not known.
                None if step.is_some() && count == 1 => return None,
                None if count + 1 == path.segments.len() => return None,
                None => return Some(code.get(path.range.start..end)?.to_owned()),
            }
        }
        None
    }

    /// What an expression means that is a path and nothing else, such as `steps.order.status`: most
    /// are, and need no interpreter. None for any other expression, and where nothing is found; then
    /// the interpreter knows what to say.
    fn plain_path(&self, expression: &str) -> Option<&Json> {
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let path = expression.trim();
        if !path.split('.').all(is_name) {
            return None;
        }
        self.at(path.split('.')).filter(|value| fits(value))
    }
}

/// The value of a template. Fails when an expression in it fails or its result is too large.
pub fn render(template: &Template, context: &Context) -> Result<Json, RenderError> {
    match template {
        Template::Literal(value) => Ok(value.clone()),
        Template::Expression(expression) => {
            let value = match context.plain_path(expression) {
                Some(value) => value.clone(),
                None => to_json(&evaluate(expression, context)?)
                    .map_err(|reason| failed(expression, format!("the result: {reason}")))?,
            };
            context.let_through(expression, value)
        }
        Template::Text(text) => {
            let value = render_text(text, context)?;
            context.let_through(text, Json::String(value))
        }
        Template::List(items) => items.iter().map(|item| render(item, context)).collect(),
        Template::Map(entries) => entries
            .iter()
            .map(|(name, item)| Ok((name.clone(), render(item, context)?)))
            .collect::<Result<Map<String, Json>, RenderError>>()
            .map(Json::Object),
    }
}

/// Whether a condition holds. Null counts as false; anything else that is no boolean is an error.
pub fn evaluate_condition(expression: &str, context: &Context) -> Result<bool, RenderError> {
    match context.plain_path(expression) {
        Some(Json::Bool(holds)) => return Ok(*holds),
        Some(Json::Null) => return Ok(false),
        _ => {}
    }
    let value = evaluate(expression, context)?;
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true()),
        ValueKind::None => Ok(false),
        kind => Err(failed(expression, format!("a condition must be true or false, not {kind}"))),
    }
}

fn evaluate(expression: &str, context: &Context) -> Result<Value, RenderError> {
    let code = context.answerable(expression, scan_expression);
    let value = environment()
        .compile_expression(&code)
        .and_then(|compiled| compiled.eval(context.value()))
        .map_err(|error| explain(&error, expression))?;
    // An expression that evaluates to undefined is no error for minijinja.
    if value.is_undefined() {
        return Err(failed(expression, "it is undefined".to_owned()));
    }
    Ok(value)
}

fn render_text(text: &str, context: &Context) -> Result<String, RenderError> {
    let code = context.answerable(text, scan_text);
    let template = environment()
        .template_from_named_str("plan", &code)
        .map_err(|error| explain(&error, text))?;
    let mut sink = BoundedText::default();
    let result = template.render_captured_to(context.value(), &mut sink).map(drop);
    if sink.full {
        let reason = format!("the result: it has more than {LARGEST_TEXT} bytes of text");
        return Err(failed(text, reason));
    }
    result.map_err(|error| explain(&error, text))?;
    String::from_utf8(sink.bytes).map_err(|_| failed(text, "the result is no text".to_owned()))
}

/// minijinja's own long form would print the values of variables; only kind and detail are used,
/// and the detail only where it holds names and no values.
fn explain(error: &Error, expression: &str) -> RenderError {
    let detail = error.detail().map(printable);
    let reason = match (error.kind(), detail) {
        (ErrorKind::OutOfFuel, _) => {
            "it takes too many steps; is there an endless loop?".to_owned()
        }
        (ErrorKind::UndefinedError, Some(detail)) => detail,
        // The name may have been computed: `map(inputs.x)`.
        (kind @ (ErrorKind::UnknownFilter | ErrorKind::UnknownTest), _) => kind.to_string(),
        (ErrorKind::InvalidOperation, Some(detail)) if detail == NULL_IN_TEXT => detail,
        (ErrorKind::UndefinedError, None) => "a part of it is undefined".to_owned(),
        (ErrorKind::InvalidOperation, Some(detail))
            if detail.starts_with("unable to calculate") =>
        {
            "a calculation has no result".to_owned()
        }
        (kind, Some(detail)) => format!("{kind}: {}", shorten(&detail, 200)),
        (kind, None) => kind.to_string(),
    };
    failed(expression, reason)
}

fn failed(expression: &str, reason: String) -> RenderError {
    RenderError { expression: shorten(&printable(expression.trim()), 120), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let inputs = json!({
            "names": ["a.example", "b.example"],
            "days": 199,
            "secretive": "hunter2",
            "empty": null,
        });
        let step = |id: &str, output: Json| (StepId::parse(id).unwrap(), output);
        Context::new(
            inputs.as_object().unwrap(),
            "www",
            [
                step("order", json!({"certificate_id": "7K9", "completion_url": null})),
                step("skipped", Json::Null),
            ],
            &RunId::from_random(7),
        )
    }

    fn expression(text: &str) -> Result<Json, RenderError> {
        render(&Template::Expression(text.to_owned()), &context())
    }

    fn text(text: &str) -> Result<Json, RenderError> {
        render(&Template::Text(text.to_owned()), &context())
    }

    #[test]
    fn an_expression_keeps_its_type_and_text_is_text() {
        assert_eq!(expression("inputs.names"), Ok(json!(["a.example", "b.example"])));
        assert_eq!(expression("inputs.days"), Ok(json!(199)));
        assert_eq!(expression("steps.order.completion_url"), Ok(Json::Null));
        assert_eq!(text("certs/{{ target }}/{{ inputs.days }}"), Ok(json!("certs/www/199")));
    }

    #[test]
    fn time_is_what_the_caller_says_and_no_template_reads_it() {
        let days = Template::Expression("'2026-12-01' | days_until".to_owned());
        assert!(render(&days, &context()).is_err());
        let noon: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(render(&days, &context().with_now(noon)), Ok(json!(9)));
        for template in ["{{ now }}", "{{ ' now' }}"] {
            let text = render(&Template::Text(template.to_owned()), &context().with_now(noon));
            assert!(text.is_err() || text == Ok(json!(" now")), "{text:?}");
        }
    }

    #[test]
    fn text_is_never_escaped_as_html() {
        assert_eq!(text("{{ '<a & b>' }}"), Ok(json!("<a & b>")));
    }

    #[test]
    fn null_in_the_middle_of_a_text_is_an_error_and_not_a_word() {
        let error = text("certs/{{ steps.order.completion_url }}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot evaluate `certs/{{ steps.order.completion_url }}`: a value in this text is \
             null; `| default('…')` puts another in its place"
        );
        let given = "certs/{{ steps.order.completion_url | default('x') }}";
        assert_eq!(text(given), Ok(json!("certs/x")));
        let asked =
            "a{% if steps.order.completion_url %}{{ steps.order.completion_url }}{% endif %}";
        assert_eq!(text(asked), Ok(json!("a")));
        assert!(text("a {{ inputs.nothing }}").unwrap_err().reason.contains("undefined"));
    }

    #[test]
    fn a_list_with_templates_is_rendered_item_by_item() {
        let list = Template::List(vec![
            Template::Literal(json!(1)),
            Template::Expression("inputs.days".to_owned()),
        ]);
        assert_eq!(render(&list, &context()), Ok(json!([1, 199])));
    }

    #[test]
    fn many_results_of_one_step_are_bounded_together_whatever_they_are_made_of() {
        let big = "x".repeat(300_000);
        let inputs = json!({ "big": big });
        let inputs = inputs.as_object().unwrap();
        let run = RunId::from_random(1);
        let texts = ["inputs.big", "inputs.big ~ ''", "[inputs.big]"];
        let text = Template::Text("{% for i in range(3) %}{{ inputs.big }}{% endfor %}".to_owned());
        let templates = texts.map(|text| Template::Expression(text.to_owned()));
        for template in templates.into_iter().chain([text]) {
            let context = Context::new(inputs, "www", [], &run);
            let list = |items| Template::List(vec![template.clone(); items]);
            assert!(render(&list(4), &context).is_ok());
            let error = render(&list(20), &context).unwrap_err();
            assert!(error.reason.contains("too large"), "{error}");
        }
    }

    #[test]
    fn a_skipped_step_has_no_fields_but_can_be_asked() {
        assert_eq!(expression("steps.skipped.id | default('x')"), Ok(json!("x")));
        assert_eq!(expression("steps.skipped.id is defined"), Ok(json!(false)));
        let error = expression("steps.skipped.id").unwrap_err();
        assert_eq!(error.to_string(), "cannot evaluate `steps.skipped.id`: it is undefined");
    }

    #[test]
    fn a_part_of_what_a_skipped_step_does_not_have_can_have_a_default() {
        for (code, value) in [
            ("steps.skipped.list[0] | default('x')", json!("x")),
            ("steps.skipped.list[0].name | d('x') ~ inputs.days", json!("x199")),
            ("steps.order.completion_url.a.b | default('x')", json!("x")),
            ("inputs.names[7] | default('x')", json!("x")),
            ("inputs.names[7].a.b is defined", json!(false)),
            ("inputs.names[1] | default('x')", json!("b.example")),
            ("steps.skipped.list[0].name is undefined", json!(true)),
        ] {
            assert_eq!(expression(code), Ok(value), "{code}");
        }
        let whole = "{{ steps.skipped.list[0].a | default('x') }}-{{ inputs.names[9].b | d('y') }}";
        assert_eq!(text(whole), Ok(json!("x-y")));
        assert!(expression("steps.skipped.list[0]").is_err());
        assert!(expression("steps.nobody.list[0] | default('x')").is_err());
    }

    #[test]
    fn a_step_as_a_whole_can_be_asked_whether_it_has_an_output() {
        for (code, value) in [
            ("steps.skipped is defined", false),
            ("steps.skipped is not defined", true),
            ("steps.order is defined", true),
            ("steps.order is undefined or steps.order.certificate_id == '7K9'", true),
            ("steps.skipped is defined and steps.skipped.x == 1", false),
        ] {
            assert_eq!(evaluate_condition(code, &context()), Ok(value), "{code}");
        }
        assert!(evaluate_condition("steps.unknown is defined", &context()).is_err());
        let asked = "{% if steps.skipped is defined %}{{ steps.skipped.x }}{% endif %}.";
        assert_eq!(text(asked), Ok(json!(".")));
    }

    #[test]
    fn a_condition_is_true_or_false_and_null_is_false() {
        assert_eq!(evaluate_condition("inputs.days > 3", &context()), Ok(true));
        assert_eq!(evaluate_condition("steps.order.completion_url", &context()), Ok(false));
        let error = evaluate_condition("inputs.days", &context()).unwrap_err();
        assert_eq!(error.reason, "a condition must be true or false, not number");
        let error = evaluate_condition("inputs.nothing", &context()).unwrap_err();
        assert_eq!(error.reason, "it is undefined");
    }

    #[test]
    fn errors_never_hold_values() {
        for text in [
            "inputs.secretive + 1",
            "inputs.secretive | int",
            "inputs.secretive.x.y",
            "inputs.secretive / 2",
            "inputs.secretive | punycode",
            "inputs.secretive[0:1:0]",
            "inputs.secretive | float",
            "-inputs.secretive",
            "inputs.secretive()",
            "range(inputs.secretive)",
            "inputs.secretive < 3",
            "[1] | map(inputs.secretive) | list",
            "{}[inputs.secretive].x",
            "inputs[inputs.secretive].x",
            "[1] | select(inputs.secretive) | list",
            "'%s' % inputs.secretive",
            "[inputs.secretive] | sum",
            "inputs.secretive | round",
            "inputs.secretive | abs",
            "{1: 2} | dictsort(by=inputs.secretive)",
            "inputs.secretive | first | int",
            "inputs.secretive | items",
            "inputs.secretive | tojson(inputs.secretive)",
            "loop(inputs.secretive)",
        ] {
            if let Err(error) = expression(text) {
                assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
            }
        }
    }

    #[test]
    fn work_and_results_are_bounded() {
        for (template, reason) in [
            (
                "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}",
                "too many steps",
            ),
            ("{{ 'aaaaaaaaaa' * 9000000 }}", "more than 1048576 bytes"),
            ("{% for a in range(20000) %}{{ 'x' * 1000 }}{% endfor %}", "more than 1048576 bytes"),
        ] {
            let error = text(template).unwrap_err();
            assert!(error.reason.contains(reason), "{error}");
        }
        for (template, reason) in [
            ("'aaaaaaaaaa' * 9000000", "more than 1048576 bytes"),
            ("[[1] * 10000] * 10000", "more than 100000 values"),
        ] {
            let error = expression(template).unwrap_err();
            assert!(error.reason.contains(reason), "{error}");
        }
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        assert!(expression(&deep).unwrap_err().reason.contains("32 levels"));
    }
}
