//! What the steps of a plan refuse of the values of a target: told with the inventory, and not when the
//! run has come so far.
//!
//! Names of certificates are looked at elsewhere; they differ from target to target. What is judged
//! here is the same for most targets, and is judged once.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::model::{PlanPath, Target};
use super::orders::Written;
use super::quick::{QuickMap, QuickSet};
use super::scope::PreparedPlan;
use crate::document::decode::with_article;
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::source::Span;
use crate::plan::Context;
use crate::plan::foreseen::{Reason, Refusal, RuledStep};

/// So many different combinations of values are judged, so that no inventory takes long to check; the
/// rest is found out when it is previewed.
const MOST: usize = 200;

/// What is told of products and names by themselves.
const TOLD_ELSEWHERE: [&str; 4] =
    ["unknown-product", "no-public-name", "wildcard-product", "too-many-names"];

/// Reports every value that its plan is bound to refuse.
pub(super) fn check(
    targets: &[Target],
    written: &mut Written<'_>,
    ready: &QuickMap<PlanPath, Rc<PreparedPlan<'_>>>,
    found: &mut [Diagnostics],
) {
    let plans: QuickMap<&PlanPath, PlanRules<'_>> =
        ready.iter().filter_map(|(path, plan)| Some((path, PlanRules::of(plan)?))).collect();
    let mut judged: QuickMap<Combination<'_>, Rc<Vec<Told>>> = QuickMap::default();
    let mut told: QuickSet<(usize, Span, String)> = QuickSet::default();
    let mut last = None;
    for target in targets {
        // Targets with one scope have one plan.
        let scope = Arc::as_ptr(&target.scope).addr();
        let rules = match last {
            Some((same, rules)) if same == scope => rules,
            _ => target.plan.as_ref().and_then(|path| plans.get(path)),
        };
        last = Some((scope, rules));
        let Some(rules) = rules else { continue };
        let own = target.own.iter().filter(|(place, _)| rules.reads(*place));
        let combination = (scope, own.map(|(place, value)| (*place, value)).collect());
        let refusals = match judged.get(&combination) {
            Some(refusals) => Rc::clone(refusals),
            None if judged.len() >= MOST => continue,
            None => {
                let refusals = Rc::new(rules.judge(target));
                judged.insert(combination, Rc::clone(&refusals));
                refusals
            }
        };
        for (step, refusal) in refusals.iter() {
            // What only the plan says was told with the plan.
            let mut places = refusal.inputs.iter().filter_map(|it| written.input(target, it));
            let Some((file, span)) = places.next() else { continue };
            let diagnostic = diagnostic(step, refusal, span);
            if told.insert((file, span, refusal.parameter.clone())) {
                found[file].push(diagnostic);
            }
        }
    }
}

/// What targets share, by its address, and what a target itself says of the inputs that matter.
type Combination<'t> = (usize, Vec<(usize, &'t Value)>);

/// What is refused, and by which step.
type Told = (String, Refusal);

struct PlanRules<'p> {
    steps: Vec<RuledStep<'p>>,
    /// By the place of an input, whether they read it and it is no name.
    inputs: Vec<bool>,
}

impl<'p> PlanRules<'p> {
    fn of(prepared: &PreparedPlan<'p>) -> Option<Self> {
        let nothing = Default::default();
        let mut steps: Vec<RuledStep<'p>> =
            prepared.plan.steps.values().filter_map(|step| RuledStep::of(step, &nothing)).collect();
        let place = |name: &str| prepared.places.get(name).copied();
        let is_judged = |place: &usize| !prepared.names.contains(place);
        steps.retain(|step| step.inputs().into_iter().filter_map(place).any(|it| is_judged(&it)));
        let inputs = steps.iter().flat_map(|step| step.inputs().into_iter().filter_map(place));
        let inputs: QuickSet<usize> = inputs.filter(is_judged).collect();
        let is_read = |place: usize| inputs.contains(&place);
        let inputs_by_place = (0..prepared.plan.inputs.len()).map(is_read).collect();
        (!inputs.is_empty()).then_some(Self { steps, inputs: inputs_by_place })
    }

    fn reads(&self, place: usize) -> bool {
        self.inputs.get(place).copied().unwrap_or_default()
    }

    fn judge(&self, target: &Target) -> Vec<Told> {
        let names = target.scope.values.iter().enumerate();
        let known = names
            .filter(|(place, _)| self.reads(*place))
            .filter_map(|(place, (name, _))| Some((name.clone(), target.value(place)?.clone())));
        // Null stands for a value that was refused already.
        let inputs: Map<String, Value> = known.filter(|(_, value)| !value.is_null()).collect();
        let root = [("inputs".to_owned(), Value::Object(inputs))];
        let context = Context::of(root.into_iter().collect());
        let of_step = |step: &RuledStep<'p>| {
            let refusals = step.refusals(&context).into_iter().filter(is_told_here);
            refusals.map(|refusal| (step.step.id.to_string(), refusal)).collect::<Vec<_>>()
        };
        self.steps.iter().flat_map(of_step).collect()
    }
}

fn is_told_here(refusal: &Refusal) -> bool {
    match &refusal.reason {
        Reason::Breaks(breach) => !TOLD_ELSEWHERE.contains(&breach.code),
        Reason::Misfits(_) | Reason::Fails(_) => true,
    }
}

fn diagnostic(step: &str, refusal: &Refusal, span: Span) -> Diagnostic {
    let parameter = &refusal.parameter;
    let diagnostic = match &refusal.reason {
        Reason::Misfits(mismatch) => {
            let (expected, found) =
                (with_article(&mismatch.expected), with_article(&mismatch.found));
            let reason = mismatch.reason.as_ref().map(|reason| format!(": {reason}"));
            let message = format!("`{}` of step `{step}` needs {expected}", mismatch.at);
            Diagnostic::error("unusable-value", message)
                .at(span, format!("it would be {found}{}", reason.unwrap_or_default()))
        }
        Reason::Fails(reason) => {
            let message = format!("`{parameter}` of step `{step}` has no value with this");
            Diagnostic::error("unusable-value", message).at(span, reason.clone())
        }
        Reason::Breaks(breach) => {
            let diagnostic = match breach.is_doubt {
                true => Diagnostic::warning(breach.code, breach.message.clone()),
                false => Diagnostic::error(breach.code, breach.message.clone()),
            };
            let diagnostic = diagnostic.at(span, breach.remark.clone());
            breach.help.iter().cloned().fold(diagnostic, Diagnostic::help)
        }
    };
    diagnostic.help(match refusal.is_made_of_them {
        true => format!("it becomes `{parameter}` of step `{step}`"),
        false => format!("step `{step}` reads it"),
    })
}
