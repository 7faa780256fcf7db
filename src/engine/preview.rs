//! What would happen: a plan evaluated before it runs, as far as its inputs tell.
//!
//! The same rules as in a run (order, conditions, types, who blocks whom), with one more word for a
//! value: unknown. Nothing is assumed about an answer that nobody has given; answers that somebody
//! did ask for can be put in, and carry the evaluation further.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::rendering::{misfit, visible};
use crate::graph::{CycleError, StepGraph};
use crate::plan::{
    Context, Given, OnFailure, Partly, Plan, Step, Template, check_fields, condition_partly,
    find_signature, missing_name, names_differ, order_of, render_partly,
};
use crate::types::{StepId, Timestamp, printable};

/// What a step answered when it was asked beforehand.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Its output.
    Output(Map<String, Value>),
    /// It does not work; the reason, for people.
    Failed(String),
}

/// What would become of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Prospect {
    /// It would run.
    Runs,
    /// Whether it would run depends on something unknown.
    Perhaps,
    /// Its condition is false.
    Skipped,
    /// It was asked already.
    Answered(Map<String, Value>),
    /// It would fail, for this reason.
    Fails(String),
    /// It would not be reached: this step would fail.
    Blocked(StepId),
}

/// How the reason begins of a step that fails unless it is skipped.
const IF_IT_RUNS: &str = "if it runs: ";

impl Prospect {
    /// Why the step will fail, whatever is answered.
    pub fn fails_for_certain(&self) -> Option<&str> {
        match self {
            Self::Fails(reason) if !reason.starts_with(IF_IT_RUNS) => Some(reason),
            _ => None,
        }
    }
}

/// A step as far as it can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct StepPreview {
    /// The step.
    pub id: StepId,
    /// What would become of it.
    pub prospect: Prospect,
    /// Its parameters in their normal form; empty for a step that would not run.
    pub parameters: IndexMap<String, Partly>,
}

/// Evaluates every step of a plan, in the order in which they can run.
///
/// `answers` are of steps that were really asked. Fails only for a plan that no compiler has
/// checked.
pub fn preview(
    plan: &Plan,
    inputs: &Map<String, Value>,
    target: &str,
    answers: &BTreeMap<StepId, Answer>,
    now: Timestamp,
) -> Result<Vec<StepPreview>, CycleError> {
    preview_with_refusals(plan, inputs, target, answers, now, |_, _, _| None)
}

/// Why an action will do nothing at this time, given its parameters, if it will refuse for certain.
pub type Refusal = fn(&str, &IndexMap<String, Partly>, Timestamp) -> Option<String>;

/// The same, where a step also fails that its action refuses.
pub fn preview_with_refusals(
    plan: &Plan,
    inputs: &Map<String, Value>,
    target: &str,
    answers: &BTreeMap<StepId, Answer>,
    now: Timestamp,
    refusal: Refusal,
) -> Result<Vec<StepPreview>, CycleError> {
    let graph = plan.graph()?;
    let mut evaluation = Evaluation {
        plan,
        graph: &graph,
        inputs,
        target,
        answers,
        now,
        room: ROOM,
        refusal,
        done: vec![],
    };
    for step in graph.order().iter().filter_map(|id| plan.steps.get(id)) {
        let context = evaluation.context(step).with_room(evaluation.room);
        let preview = evaluation.step(step, &context);
        evaluation.room -= context.made_of(evaluation.room);
        evaluation.done.push(preview);
    }
    Ok(evaluation.done)
}

/// All steps of a preview are there at the same time; a run has one after the other.
const ROOM: usize = 64 * 1024 * 1024;

struct Evaluation<'a> {
    plan: &'a Plan,
    graph: &'a StepGraph,
    inputs: &'a Map<String, Value>,
    target: &'a str,
    answers: &'a BTreeMap<StepId, Answer>,
    now: Timestamp,
    /// Bytes of text that the parameters of the other steps may have.
    room: usize,
    refusal: Refusal,
    done: Vec<StepPreview>,
}

impl Evaluation<'_> {
    fn step(&self, step: &Step, context: &Context) -> StepPreview {
        let result =
            |prospect, parameters| StepPreview { id: step.id.clone(), prospect, parameters };
        let fails = |reason| result(Prospect::Fails(reason), IndexMap::new());
        if let Some(by) = self.blocked_by(step) {
            return result(Prospect::Blocked(by), IndexMap::new());
        }
        let holds = match step.when.as_ref().map(|when| condition_partly(when, context)) {
            None => Some(true),
            Some(Ok(holds)) => holds,
            Some(Err(error)) => return fails(format!("`when`: {error}")),
        };
        if holds == Some(false) {
            return result(Prospect::Skipped, IndexMap::new());
        }
        let parameters = parameters(step, context).and_then(|parameters| {
            let reason = self.other_names(step, &parameters);
            match reason.or_else(|| self.not_ordered(step, &parameters)) {
                Some(reason) => Err(reason),
                None => Ok(parameters),
            }
        });
        let parameters = parameters.and_then(|parameters| {
            let reason = broken(&step.uses, &parameters);
            match reason.or_else(|| self.refused(step, &parameters)) {
                Some(reason) => Err(reason),
                None => Ok(parameters),
            }
        });
        let parameters = match parameters {
            Ok(parameters) => parameters,
            // A step that may be skipped fails only if it is not; saying so early is no invention.
            Err(reason) if holds.is_none() => return fails(format!("{IF_IT_RUNS}{reason}")),
            Err(reason) => return fails(reason),
        };
        let prospect = match (self.answers.get(&step.id), holds) {
            (Some(Answer::Output(output)), _) => Prospect::Answered(output.clone()),
            (Some(Answer::Failed(reason)), _) => Prospect::Fails(reason.clone()),
            (None, Some(_)) => Prospect::Runs,
            (None, None) => Prospect::Perhaps,
        };
        result(prospect, parameters)
    }

    /// Why a download will not be proved: it expects what the order does not hold.
    fn not_ordered(&self, step: &Step, parameters: &IndexMap<String, Partly>) -> Option<String> {
        if step.uses != "regfish.download" {
            return None;
        }
        let order = order_of(&self.plan.steps, step)?;
        let order = self.done.iter().find(|preview| preview.id == order.id)?;
        let (_, name) = missing_name(&order.parameters, parameters)?;
        Some(format!("`{name}` is expected, and step `{}` does not order it", order.id))
    }

    /// Why an order does not fit the request that another step makes for it.
    fn other_names(&self, step: &Step, parameters: &IndexMap<String, Partly>) -> Option<String> {
        let Some(Template::Expression(csr)) = step.with.get("csr") else { return None };
        let id = csr.strip_prefix("steps.")?.strip_suffix(".csr")?;
        let request = self.done.iter().find(|preview| preview.id.as_str() == id)?;
        let uses = &self.plan.steps.get(&request.id)?.uses;
        names_differ((&step.uses, parameters), (uses, &request.parameters))
    }

    /// Why the action of a step that has no answer yet would do nothing.
    fn refused(&self, step: &Step, parameters: &IndexMap<String, Partly>) -> Option<String> {
        match self.answers.get(&step.id) {
            Some(_) => None,
            None => (self.refusal)(&step.uses, parameters, self.now),
        }
    }

    fn blocked_by(&self, step: &Step) -> Option<StepId> {
        let is_finally = |id: &StepId| self.plan.steps.get(id).is_some_and(|step| step.finally);
        let blocks = |need: &&StepId| {
            if step.finally != is_finally(need) {
                return false;
            }
            let goes_on = self
                .plan
                .steps
                .get(*need)
                .is_some_and(|step| step.on_failure == OnFailure::Continue);
            let fails = self.prospect(need).is_some_and(|prospect| {
                matches!(prospect, Prospect::Fails(_) | Prospect::Blocked(_))
            });
            fails && !goes_on
        };
        step.needs.iter().find(blocks).cloned()
    }

    fn prospect(&self, id: &StepId) -> Option<&Prospect> {
        self.done.iter().find(|preview| preview.id == *id).map(|preview| &preview.prospect)
    }

    /// The outputs that are settled; all others are absent, which is what unknown means.
    fn context(&self, step: &Step) -> Context {
        let settled = self.graph.ancestors(&step.id).into_iter().filter_map(|id| {
            let output = match self.prospect(&id)? {
                Prospect::Answered(output) => visible(self.plan.steps.get(&id)?, output)?,
                Prospect::Skipped | Prospect::Fails(_) | Prospect::Blocked(_) => Value::Null,
                Prospect::Runs | Prospect::Perhaps => return None,
            };
            Some((id, output))
        });
        Context::before_run(self.inputs, self.target, settled).with_now(self.now)
    }
}

/// What an `assert` says of expectations that are false whatever is answered.
fn broken(uses: &str, parameters: &IndexMap<String, Partly>) -> Option<String> {
    if uses != "assert" {
        return None;
    }
    let part = |item: &Partly, name: &str| match item {
        Partly::Known(value) => value.get(name).cloned().map(Partly::Known),
        Partly::Map(entries) => entries.get(name).cloned(),
        _ => None,
    };
    let message = |item: &Partly| {
        let is_false = part(item, "check") == Some(Partly::Known(Value::Bool(false)));
        let shown = part(item, "message").filter(|_| is_false)?.shown();
        Some(printable(shown.as_str().unwrap_or_default()))
    };
    let messages: Vec<String> = match parameters.get("that")? {
        Partly::Known(Value::Array(items)) => {
            items.iter().filter_map(|item| message(&Partly::Known(item.clone()))).collect()
        }
        Partly::List(items) => items.iter().filter_map(message).collect(),
        _ => Vec::new(),
    };
    (!messages.is_empty()).then(|| messages.join("; "))
}

fn parameters(step: &Step, context: &Context) -> Result<IndexMap<String, Partly>, String> {
    let signature = find_signature(&step.uses)
        .ok_or_else(|| format!("the action `{}` does not exist", step.uses))?;
    let mut values = IndexMap::new();
    for (name, template) in &step.with {
        let value = render_partly(template, context)
            .map_err(|error| format!("parameter `{name}`: {error}"))?;
        values.insert(name.clone(), value);
    }
    let parameters = check_fields(&signature.parameters, &values)
        .map_err(|mismatches| misfit(step, &mismatches))?;
    let given = Given { parameters: &parameters, timeout: step.timeout };
    let breaches = signature.breaches(&given).into_iter().filter(|breach| !breach.is_doubt);
    let texts: Vec<String> = breaches.map(|breach| breach.to_string()).collect();
    if texts.is_empty() { Ok(parameters) } else { Err(texts.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::parse_plan;
    use serde_json::json;

    const PLAN: &str = "certplan: 1\nname: x\ninputs:\n  wanted: { type: boolean, default: true }\n  days: { type: integer, default: 90 }\nsteps:\n  \
        - { id: product, uses: regfish.list_products, with: { sku: RapidSSL } }\n  \
        - { id: key, uses: x509.create_csr, when: inputs.wanted, with: { common_name: a.example.com } }\n  \
        - id: order\n    uses: regfish.create_order\n    when: inputs.wanted\n    with:\n      sku: \"{{ steps.product.sku }}\"\n      common_name: a.example.com\n      csr: \"{{ steps.key.csr }}\"\n      validity_days: \"{{ inputs.days }}\"\n  \
        - id: complete\n    uses: regfish.complete_order\n    when: inputs.wanted and steps.order.action_required | default(false)\n    with: { certificate_id: \"{{ steps.order.certificate_id | default('X') }}\", org_id: hdl_1 }\n";

    fn see(inputs: Value, answers: &[(&str, Answer)]) -> Vec<StepPreview> {
        let file = SourceFile::new("plan.yaml", PLAN);
        let (plan, _) = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap();
        let answers = answers
            .iter()
            .map(|(id, answer)| (StepId::parse(id).unwrap(), answer.clone()))
            .collect();
        preview(&plan, inputs.as_object().unwrap(), "a", &answers, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn prospects(steps: &[StepPreview]) -> Vec<String> {
        let line = |step: &StepPreview| format!("{}: {:?}", step.id, step.prospect);
        steps.iter().map(line).collect()
    }

    #[test]
    fn what_depends_on_an_answer_stays_open_to_the_end() {
        let steps = see(json!({"wanted": true, "days": 90}), &[]);
        let expected = ["product: Runs", "key: Runs", "order: Runs", "complete: Perhaps"];
        assert_eq!(prospects(&steps), expected);
        let order = &steps[2].parameters;
        assert_eq!(order["sku"].shown(), json!("‹steps.product.sku›"));
        assert_eq!(order["validity_days"], Partly::Known(json!(90)));
        assert_eq!(order["dcv_method"], Partly::Known(json!("dns-cname-token")));
    }

    #[test]
    fn a_step_that_is_skipped_for_certain_settles_those_that_ask_for_it() {
        let steps = see(json!({"wanted": false, "days": 90}), &[]);
        let expected = ["product: Runs", "key: Skipped", "order: Skipped", "complete: Skipped"];
        assert_eq!(prospects(&steps), expected);
    }

    #[test]
    fn an_answer_carries_the_evaluation_further() {
        let output = json!({"sku": "rapidssl"}).as_object().unwrap().clone();
        let steps =
            see(json!({"wanted": true, "days": 90}), &[("product", Answer::Output(output))]);
        assert_eq!(steps[2].parameters["sku"], Partly::Known(json!("rapidssl")));
    }

    #[test]
    fn an_expectation_that_the_inputs_break_stops_what_waits_for_it() {
        let text = "certplan: 1\nname: x\ninputs:\n  wanted: { type: boolean }\nsteps:\n  \
            - { id: other, uses: regfish.list_products, with: { sku: RapidSSL } }\n  \
            - id: sane\n    uses: assert\n    with:\n      that:\n        \
            - { check: \"{{ inputs.wanted }}\", message: \"not wanted\" }\n        \
            - { check: \"{{ steps.other.name == 'x' }}\", message: unknown }\n  \
            - { id: key, uses: x509.create_csr, needs: [sane], with: { common_name: a.example.com } }\n";
        let file = SourceFile::new("plan.yaml", text);
        let (plan, _) = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap();
        let see = |wanted: bool| {
            let inputs = json!({ "wanted": wanted });
            let now = Timestamp::UNIX_EPOCH;
            prospects(
                &preview(&plan, inputs.as_object().unwrap(), "a", &BTreeMap::new(), now).unwrap(),
            )
        };
        assert_eq!(see(true), ["other: Runs", "sane: Runs", "key: Runs"]);
        let stopped =
            ["other: Runs", "sane: Fails(\"not wanted\")", "key: Blocked(StepId(\"sane\"))"];
        assert_eq!(see(false), stopped);
    }

    #[test]
    fn a_step_that_must_fail_says_why_and_blocks_the_rest() {
        let steps = see(json!({"wanted": true, "days": 900}), &[]);
        let Prospect::Fails(reason) = &steps[2].prospect else { panic!("{steps:?}") };
        assert!(
            reason.contains(
                "at `validity_days`: expected integer from 1 to 825, found number `900`; it comes \
                 from `{{ inputs.days }}`"
            ),
            "{reason}"
        );
        assert_eq!(steps[3].prospect, Prospect::Blocked(StepId::parse("order").unwrap()));
        let refused = Answer::Failed("there is no product `RapidSSL`".to_owned());
        let steps = see(json!({"wanted": true, "days": 90}), &[("product", refused)]);
        assert_eq!(steps[2].prospect, Prospect::Blocked(StepId::parse("product").unwrap()));
    }
}
