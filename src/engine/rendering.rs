//! From templates to checked parameters: what a step sees, and whether its values have their types.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Engine;
use crate::plan::{
    Context, Mismatch, Partly, Presence, Step, Template, check_record, condition_partly,
    evaluate_condition, find_signature, render, render_partly,
};
use crate::run::{Destination, StepState};
use crate::types::{StepId, Timestamp, printable, shorten};

/// Whether the step's condition holds; the error is a sentence for people.
pub(super) fn condition(step: &Step, context: &Context) -> Result<bool, String> {
    match &step.when {
        None => Ok(true),
        Some(expression) => {
            evaluate_condition(expression, context).map_err(|error| format!("`when`: {error}"))
        }
    }
}

/// The step's parameters in their normal form; the error is a sentence for people.
pub(super) fn parameters(step: &Step, context: &Context) -> Result<Map<String, Value>, String> {
    let signature = find_signature(&step.uses)
        .ok_or_else(|| format!("the action `{}` does not exist", step.uses))?;
    let mut values = Map::new();
    for (name, template) in &step.with {
        let value =
            render(template, context).map_err(|error| format!("parameter `{name}`: {error}"))?;
        values.insert(name.clone(), value);
    }
    check_record(&signature.parameters, &values).map_err(|mismatches| misfit(step, &mismatches))
}

/// What does not fit, each with the code that it comes from.
pub(super) fn misfit(step: &Step, mismatches: &[Mismatch]) -> String {
    let text = |mismatch: &Mismatch| match written(step, &mismatch.at) {
        Some(code) => format!("{mismatch}; it comes from `{code}`"),
        None => mismatch.to_string(),
    };
    let texts: Vec<String> = mismatches.iter().map(text).collect();
    format!("the parameters do not fit: {}", texts.join("; "))
}

/// The code that stands at a place in the parameters, or around it; none when all is written out.
fn written(step: &Step, at: &str) -> Option<String> {
    let mut parts = at.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let mut template = step.with.get(parts.next()?)?;
    loop {
        template = match template {
            Template::Literal(_) => return None,
            Template::Expression(code) => return Some(brief(&format!("{{{{ {code} }}}}"))),
            Template::Text(text) => return Some(brief(text)),
            Template::List(items) => items.get(parts.next()?.parse::<usize>().ok()?)?,
            Template::Map(entries) => entries.get(parts.next()?)?,
        }
    }
}

fn brief(code: &str) -> String {
    shorten(&printable(code), 80)
}

/// The parameters of a step as far as they can be told now; of a step that is done, those that do
/// not hang on an output that was taken back.
pub(super) fn known_parameters(step: &Step, context: &Context) -> Map<String, Value> {
    let known = |(name, template): (&String, &Template)| {
        Some((name.clone(), render(template, context).ok()?))
    };
    step.with.iter().filter_map(known).collect()
}

impl Engine {
    /// The folders that steps which are not done yet will put files into, as far as that is known.
    pub(super) fn destinations(&self) -> Vec<Destination> {
        let destination = |step: &Step| {
            let signature = find_signature(&step.uses)?;
            let parameter = signature.installs?;
            let known = |(name, value): (String, Partly)| Some((name, value.known()?.clone()));
            let parameters: Map<String, Value> =
                self.parameters_ahead(step)?.into_iter().filter_map(known).collect();
            let folder = parameters.get(parameter)?.as_str()?.to_owned();
            Some(Destination {
                folder,
                target: self.state.header.target.clone(),
                parameters,
                brings_pem: signature.brings_pem(),
            })
        };
        self.plan.steps.values().filter_map(destination).collect()
    }

    /// The parameters of a step that may still run, as far as they are known; none when it is done,
    /// or will be skipped. `step` may be of a plan that the run is to follow from here on.
    pub fn parameters_ahead(&self, step: &Step) -> Option<IndexMap<String, Partly>> {
        if let Some(StepState::Succeeded { .. } | StepState::Skipped) = self.step_state(&step.id) {
            return None;
        }
        let header = &self.state.header;
        let outputs = self.outputs_before(step);
        let context = Context::before_run(&header.inputs, &header.target, outputs);
        if let Some(Ok(Some(false))) =
            step.when.as_ref().map(|when| condition_partly(when, &context))
        {
            return None;
        }
        // What is wrong with a parameter is said when the step's turn has come.
        let known = |(name, template): (&String, &Template)| {
            Some((name.clone(), render_partly(template, &context).ok()?))
        };
        Some(step.with.iter().filter_map(known).collect())
    }

    /// The outputs that the step's templates can read, as far as they are settled. Whatever they
    /// read is among its needs: the compiler has put it there.
    fn outputs_before(&self, step: &Step) -> Vec<(StepId, Value)> {
        let outputs = step.needs.iter().filter_map(|id| {
            let output = self.visible_output(id)?;
            Some((id.clone(), output))
        });
        outputs.collect()
    }

    /// What the step's templates may see: inputs, target, run, and the outputs of what it needs.
    pub(super) fn context(&self, step: &Step, now: Timestamp) -> Context {
        let header = &self.state.header;
        let outputs = self.outputs_before(step);
        Context::new(&header.inputs, &header.target, outputs, &self.run).with_now(now)
    }

    /// A succeeded step shows all its fields, absent ones as null. A step that was skipped or may
    /// fail is null itself: its fields are undefined, so that `default` and `is defined` work and
    /// anything else is an error.
    fn visible_output(&self, id: &StepId) -> Option<Value> {
        match self.step_state(id)? {
            StepState::Succeeded { output } => visible(self.plan.steps.get(id)?, output),
            StepState::Skipped | StepState::Failed { .. } | StepState::Blocked { .. } => {
                Some(Value::Null)
            }
            _ => None,
        }
    }
}

/// The output of a succeeded step as templates see it.
pub(super) fn visible(step: &Step, output: &Map<String, Value>) -> Option<Value> {
    let mut visible = output.clone();
    for field in &find_signature(&step.uses)?.output {
        if field.presence == Presence::Optional {
            visible.entry(field.name.clone()).or_insert(Value::Null);
        }
    }
    Some(Value::Object(visible))
}
