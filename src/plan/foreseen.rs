//! [`RuledStep`]: a step whose parameters are made of inputs, held against values of these.
//!
//! What an input brings is known before a run begins: its default with the plan, its value with the
//! target. What a step is bound to refuse of it is told then, and not when its turn has come. What
//! answers, the target's name, the run or the day decide stays open.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::expression::conditions::conjuncts;
use super::model::{Step, Template};
use super::partial::{Partly, render_partly};
use super::partial_check::check_fields;
use super::render::{Context, RenderError, evaluate_condition};
use super::scan::{Scan, scan_expression, scan_text};
use super::signature::{Breach, Given, Signature, find};
use super::value_type::Mismatch;

/// The filter whose value depends on the day.
const ASKS_TIME: &str = "days_until";

/// A step that reads inputs.
#[derive(Debug)]
pub(crate) struct RuledStep<'p> {
    pub(crate) step: &'p Step,
    signature: &'static Signature,
    /// The inputs that each parameter reads.
    reads: IndexMap<&'p str, BTreeSet<String>>,
    /// What is refused anyway.
    misfit: BTreeSet<String>,
    /// What is wrong with it whatever the inputs are: that is told with the plan.
    anyway: Vec<Breach>,
}

/// What a step refuses of the inputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The inputs that are to blame.
    pub(crate) inputs: BTreeSet<String>,
    /// The parameter that is refused.
    pub(crate) parameter: String,
    /// Whether that is made of them; otherwise another parameter is.
    pub(crate) is_made_of_them: bool,
    pub(crate) reason: Reason,
}

/// Why a step refuses something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    /// It does not have the type.
    Misfits(Mismatch),
    /// A template has no value.
    Fails(String),
    /// A rule of the action forbids it.
    Breaks(Breach),
}

impl<'p> RuledStep<'p> {
    /// The step, when it reads inputs in its parameters. Parameters that are known to `misfit` anyway
    /// are not looked at.
    pub(crate) fn of(step: &'p Step, misfit: &BTreeSet<String>) -> Option<Self> {
        let signature = find(&step.uses)?;
        let mut reads = IndexMap::new();
        for (name, template) in step.with.iter().filter(|(name, _)| !misfit.contains(*name)) {
            let mut inputs = BTreeSet::new();
            collect(template, &mut inputs);
            if !inputs.is_empty() {
                reads.insert(name.as_str(), inputs);
            }
        }
        if reads.is_empty() {
            return None;
        }
        let misfit = misfit.clone();
        let mut ruled = Self { step, signature, reads, misfit, anyway: Vec::new() };
        let nothing = Context::of(serde_json::Map::new());
        let written = ruled.values(&nothing, &mut Vec::new());
        ruled.anyway = ruled.breaches(written, &mut Vec::new());
        Some(ruled)
    }

    /// All inputs that it reads.
    pub(crate) fn inputs(&self) -> BTreeSet<&str> {
        self.reads.values().flatten().map(String::as_str).collect()
    }

    /// How many templates have to be evaluated for it.
    pub(crate) fn work(&self) -> usize {
        self.reads.len()
    }

    /// What the step refuses of the inputs in the context, as far as they are there.
    pub(crate) fn refusals(&self, context: &Context) -> Vec<Refusal> {
        let is_false = |part: &String| {
            is_settled(&scan_expression(part), part, context)
                && evaluate_condition(part, context) == Ok(false)
        };
        if self.step.when.iter().flat_map(|when| conjuncts(when)).any(|part| is_false(&part)) {
            return Vec::new();
        }
        let mut refusals = Vec::new();
        let values = self.values(context, &mut refusals);
        let breaches = self.breaches(values, &mut refusals);
        for breach in breaches.into_iter().filter(|breach| !self.anyway.contains(breach)) {
            let Some(parameter) = breach.at.first().cloned() else { continue };
            refusals.push(self.refusal(&parameter, Reason::Breaks(breach)));
        }
        refusals
    }

    fn refusal(&self, parameter: &str, reason: Reason) -> Refusal {
        let own = self.reads.get(parameter);
        // A rule on several parameters may be told at another of them.
        let all = || self.reads.values().flatten().cloned().collect();
        let (inputs, is_made_of_them) = (own.cloned().unwrap_or_else(all), own.is_some());
        Refusal { inputs, parameter: parameter.to_owned(), is_made_of_them, reason }
    }

    /// The parameters as far as they are known.
    fn values(&self, context: &Context, refusals: &mut Vec<Refusal>) -> IndexMap<String, Partly> {
        let mut values = IndexMap::new();
        for (name, template) in &self.step.with {
            let value = match self.misfit.contains(name) {
                true => Partly::Unknown(name.clone()),
                false => settled(template, context).unwrap_or_else(|error| {
                    refusals.push(self.refusal(name, Reason::Fails(error.reason)));
                    Partly::Unknown(name.clone())
                }),
            };
            values.insert(name.clone(), value);
        }
        values
    }

    /// What the rules say of these values; what does not have its type is a refusal.
    fn breaches(
        &self,
        mut values: IndexMap<String, Partly>,
        refusals: &mut Vec<Refusal>,
    ) -> Vec<Breach> {
        let fields = &self.signature.parameters;
        let parameters = match check_fields(fields, &values) {
            Ok(parameters) => parameters,
            Err(mismatches) => {
                for mismatch in mismatches {
                    let name = mismatch.at.split(['.', '[']).next().unwrap_or_default().to_owned();
                    values.insert(name.clone(), Partly::Unknown(name.clone()));
                    if self.reads.contains_key(name.as_str()) {
                        refusals.push(self.refusal(&name, Reason::Misfits(mismatch)));
                    }
                }
                match check_fields(fields, &values) {
                    Ok(parameters) => parameters,
                    Err(_) => return Vec::new(),
                }
            }
        };
        self.signature.breaches(&Given { parameters: &parameters, timeout: self.step.timeout })
    }
}

/// A template as far as the inputs in the context tell.
fn settled(template: &Template, context: &Context) -> Result<Partly, RenderError> {
    match template {
        Template::Literal(value) => Ok(Partly::Known(value.clone())),
        Template::Expression(code) => match is_settled(&scan_expression(code), code, context) {
            true => render_partly(template, context),
            false => Ok(Partly::Unknown(code.clone())),
        },
        Template::Text(text) => match is_settled(&scan_text(text), text, context) {
            true => render_partly(template, context),
            false => Ok(Partly::Text { shown: text.clone(), unknown: Vec::new() }),
        },
        Template::List(items) => {
            let items = items.iter().map(|item| settled(item, context));
            Ok(Partly::list(items.collect::<Result<_, _>>()?))
        }
        Template::Map(entries) => {
            let entry =
                |(name, item): (&String, &Template)| Ok((name.clone(), settled(item, context)?));
            Ok(Partly::map(entries.iter().map(entry).collect::<Result<_, RenderError>>()?))
        }
    }
}

/// Whether the code reads nothing but inputs that are there.
fn is_settled(scan: &Scan, code: &str, context: &Context) -> bool {
    let is_known = |path: &super::scan::Path| {
        let name = |index: usize| path.name(index).map(|word| word.text.as_str());
        match (name(0), name(1)) {
            (Some(root @ "inputs"), Some(input)) => context.has(&[root, input]),
            (Some("inputs" | "steps" | "target" | "batch" | "run"), _) => false,
            _ => true,
        }
    };
    scan.paths.iter().all(is_known) && !code.contains(ASKS_TIME)
}

/// The inputs that a template reads.
fn collect(template: &Template, inputs: &mut BTreeSet<String>) {
    let mut read = |scan: Scan| {
        let of_inputs = scan
            .paths
            .into_iter()
            .filter(|path| path.name(0).is_some_and(|root| root.text == "inputs"));
        inputs.extend(of_inputs.filter_map(|path| Some(path.name(1)?.text.clone())));
    };
    match template {
        Template::Literal(_) => {}
        Template::Expression(code) => read(scan_expression(code)),
        Template::Text(text) => read(scan_text(text)),
        Template::List(items) => items.iter().for_each(|item| collect(item, inputs)),
        Template::Map(entries) => entries.values().for_each(|item| collect(item, inputs)),
    }
}
