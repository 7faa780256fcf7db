//! What can be said of a new run before it begins: what it is bound to fail at, and what is hardly
//! meant.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::graph::costs_money;
use crate::action::preview::{Fact, facts};
use crate::engine::{Prospect, StepPreview, preview};
use crate::plan::{Given, OnFailure, Partly, Plan, Step, Template, find_signature};
use crate::types::Timestamp;

/// Every step of a new run as far as its inputs tell; none of a plan that no compiler has checked.
pub(super) fn foresee(plan: &Plan, inputs: &Map<String, Value>, target: &str) -> Vec<StepPreview> {
    preview(plan, inputs, target, &BTreeMap::new(), Timestamp::now()).unwrap_or_default()
}

/// What the run would fail at when its order is paid already: a step that must fail whatever is
/// answered, and that the order does not need.
pub(super) fn fails_after_order(plan: &Plan, steps: &[StepPreview]) -> Option<String> {
    let step_of = |preview: &StepPreview| plan.steps.get(&preview.id);
    let may_run =
        |preview: &&StepPreview| matches!(preview.prospect, Prospect::Runs | Prospect::Perhaps);
    steps.iter().filter(may_run).filter_map(step_of).find(|step| costs_money(&step.uses))?;
    steps.iter().find_map(|preview| {
        let reason = preview.prospect.fails_for_certain()?;
        let matters = step_of(preview)?.on_failure != OnFailure::Continue;
        matters
            .then(|| format!("step `{}` would fail, after the order is paid: {reason}", preview.id))
    })
}

/// What is hardly meant, by the inputs of the run; what the plan says by itself was told with it.
pub(super) fn doubts(plan: &Plan, steps: &[StepPreview]) -> Vec<String> {
    // One that an earlier answer names is not known yet: it is none to be judged.
    let is_known = |product: &String| {
        let known = |preview: &StepPreview| {
            preview.parameters.get("sku").and_then(Partly::known)?.as_str().map(str::to_owned)
        };
        steps.iter().filter_map(known).any(|sku| sku == *product)
    };
    let product = looked_up_product(plan, steps).filter(is_known);
    let may_run =
        |preview: &&StepPreview| matches!(preview.prospect, Prospect::Runs | Prospect::Perhaps);
    let of_step = |preview: &StepPreview| {
        let step = plan.steps.get(&preview.id)?;
        let signature = find_signature(&step.uses)?;
        let mut parameters = preview.parameters.clone();
        // The order is sent with what the catalog calls the product that was looked up.
        if let (Some(sku), Some(product)) = (parameters.get_mut("sku"), &product)
            && matches!(sku, Partly::Unknown(_))
        {
            *sku = Partly::Known(Value::String(product.clone()));
        }
        let given = Given { parameters: &parameters, timeout: step.timeout };
        let doubts = signature.breaches(&given).into_iter();
        let doubts = doubts.filter(|breach| breach.is_doubt && !is_written(step, &breach.at));
        Some(doubts.map(|breach| format!("step `{}`: {breach}", step.id)).collect::<Vec<_>>())
    };
    let mut doubts: Vec<String> =
        steps.iter().filter(may_run).filter_map(of_step).flatten().collect();
    doubts.dedup();
    doubts
}

/// Whether what is doubted stands in the plan itself.
fn is_written(step: &Step, at: &[String]) -> bool {
    let parameter = at.first().and_then(|name| step.with.get(name));
    matches!(parameter, Some(Template::Literal(_)) | None)
}

/// The product as the plan looks it up: what the order is sent with is the answer to that.
pub(super) fn looked_up_product(plan: &Plan, steps: &[StepPreview]) -> Option<String> {
    let mut products = steps.iter().filter_map(|preview| {
        match facts(&plan.steps.get(&preview.id)?.uses, &preview.parameters)? {
            Fact::Product { sku, .. } => Some(sku),
            _ => None,
        }
    });
    // With several of them nobody can say which one is ordered.
    products.next().filter(|_| products.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::{parse_plan, resolve_inputs};

    const RENEWAL: &str = include_str!("../../plans/renewal.yaml");

    #[test]
    fn a_product_that_an_answer_names_is_not_judged_before_there_is_one() {
        let doubts_of = |text: &str| {
            let file = SourceFile::new("plan.yaml", text);
            let (plan, _) = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap();
            let inputs = resolve_inputs(&plan, &[]).unwrap();
            doubts(&plan, &foresee(&plan, &inputs, "www"))
        };
        assert_eq!(doubts_of(RENEWAL), [""; 0]);
        let unknown = "sku: \"{{ inputs.common_name | replace('www.example.com', 'RapidSLL') }}\"";
        let text = RENEWAL.replace("sku: \"{{ steps.former.product | default('') }}\"", unknown);
        let found = doubts_of(&text);
        assert!(found.iter().any(|doubt| doubt.contains("a product `RapidSLL`")), "{found:?}");
    }
}
