//! When a run whose order was refused is gone on with: what is looked up anew before it orders.
//!
//! The product or the organization that it had found may be what the order was refused for. As long
//! as nothing was ordered, looking once more costs nothing, and what was built on the answers is
//! built again.

use std::collections::BTreeSet;

use super::{Engine, obtains_certificate};
use crate::graph::StepGraph;
use crate::plan::{Plan, Repeat, Step, find_signature};
use crate::run::{RunPhase, RunResult, RunState, StepState};
use crate::types::StepId;

impl Engine {
    /// The steps that have succeeded, or were skipped, and are done again before the order.
    pub(super) fn asked_anew(&self) -> BTreeSet<StepId> {
        found(&self.plan, &self.graph, &self.state).unwrap_or_default()
    }
}

/// For a run that failed at its order and has certainly ordered nothing: the steps that are done
/// again when it is gone on with, although they had come to a good end. None when it did not fail
/// at its order, and when what it had found out cannot be found out anew: then a new run is the
/// better way.
pub fn asked_anew(plan: &Plan, state: &RunState) -> Option<BTreeSet<StepId>> {
    found(plan, &plan.graph().ok()?, state)
}

fn found(plan: &Plan, graph: &StepGraph, state: &RunState) -> Option<BTreeSet<StepId>> {
    if state.phase != RunPhase::Finished(RunResult::Failed) || state.may_have_ordered() {
        return None;
    }
    let state_of = |id: &StepId| state.steps.get(id).map(|record| &record.state);
    let begun = |id: &StepId| {
        !matches!(state_of(id), None | Some(StepState::Pending | StepState::Blocked { .. }))
    };
    let is_finally = |id: &StepId| plan.steps.get(id).is_some_and(|step| step.finally);
    let mut failed = false;
    for order in plan.steps.values().filter(|step| obtains_certificate(step)) {
        match state_of(&order.id) {
            None | Some(StepState::Pending | StepState::Blocked { .. }) => continue,
            Some(StepState::Failed { .. }) => failed = true,
            Some(_) => return None,
        }
        // Steps that went on without it are built on there being none.
        if graph.dependents(&order.id).iter().any(|id| begun(id) && !is_finally(id)) {
            return None;
        }
    }
    if !failed {
        return None;
    }
    let mut again = BTreeSet::new();
    let mut next: Vec<&Step> = plan
        .steps
        .values()
        .filter(|step| looks_up(step) && !step.finally)
        .filter(|step| matches!(state_of(&step.id), Some(StepState::Succeeded { .. })))
        .collect();
    while let Some(step) = next.pop() {
        if !again.insert(step.id.clone()) {
            continue;
        }
        let dependents = graph.dependents(&step.id);
        for dependent in dependents.iter().filter_map(|id| plan.steps.get(id)) {
            match state_of(&dependent.id) {
                _ if dependent.finally => {}
                Some(StepState::Succeeded { .. } | StepState::Skipped) => {
                    if !(looks_up(dependent) || repeats_safely(dependent)) {
                        return None;
                    }
                    next.push(dependent);
                }
                // What has not come to a good end is taken up in any case.
                _ => {}
            }
        }
    }
    Some(again)
}

/// Whether a step only asks what there is at the vendor. What had to be made stays.
fn looks_up(step: &Step) -> bool {
    let looks_up = find_signature(&step.uses).is_some_and(|signature| signature.can_be_shared());
    looks_up && !step.with.contains_key("create")
}

fn repeats_safely(step: &Step) -> bool {
    find_signature(&step.uses).is_some_and(|signature| signature.repeat == Repeat::Safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::parse_plan;
    use crate::run::{ErrorKind, EventKind, StepError, Values, testing};

    /// A plan that orders what it has looked up, with these further steps.
    fn plan(further: &str) -> Plan {
        let text = format!(
            "certplan: 1\nname: x\nsteps:\n  \
             - {{ id: product, uses: regfish.list_products, with: {{ sku: RapidSSL }} }}\n  \
             - {{ id: key, uses: x509.create_csr, with: {{ key_type: ec-p256, common_name: \
                a.example.com }} }}\n  \
             - {{ id: order, uses: regfish.create_order, with: {{ sku: '{{{{ steps.product.sku \
                }}}}', common_name: a.example.com, csr: '{{{{ steps.key.csr }}}}' }} }}\n{further}"
        );
        let file = SourceFile::new("plan.yaml", &text);
        parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap().0
    }

    fn id(step: &str) -> StepId {
        StepId::parse(step).unwrap()
    }

    /// A run in which these steps have succeeded, then that one failed.
    fn failed(plan: &Plan, done: &[&str], failed: &str) -> RunState {
        let header = testing::header(plan.steps.keys().cloned());
        let started = |step: &str| EventKind::StepStarted {
            step: id(step),
            attempt: 1,
            parameters: Values::default(),
            deadline: None,
        };
        let mut kinds = Vec::new();
        for step in done {
            kinds.push(started(step));
            kinds.push(EventKind::StepSucceeded { step: id(step), output: Values::default() });
        }
        let error = StepError::new(ErrorKind::Refused, "no");
        kinds.push(started(failed));
        kinds.push(EventKind::StepFailed { step: id(failed), error });
        kinds.push(EventKind::RunFinished { result: RunResult::Failed });
        testing::run(header, kinds)
    }

    fn asked(further: &str, done: &[&str], at: &str) -> Option<Vec<String>> {
        let plan = plan(further);
        let again = asked_anew(&plan, &failed(&plan, done, at))?;
        Some(again.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_was_looked_up_is_looked_up_anew_and_the_key_stays() {
        assert_eq!(asked("", &["product", "key"], "order").unwrap(), ["product"]);
        assert_eq!(asked("", &["product"], "key"), None, "it did not come to its order");
    }

    #[test]
    fn what_was_built_on_it_is_built_again_unless_it_may_not_be_done_twice() {
        let checked = "  - { id: check, uses: assert, with: { that: [{ check: '{{ \
                       steps.product.sku is defined }}', message: x }] } }\n";
        let done = ["product", "key", "check"];
        assert_eq!(asked(checked, &done, "order").unwrap(), ["check", "product"]);
        let told = "  - { id: check, uses: command.run, with: { argv: [tell, '{{ \
                    steps.product.sku }}'] } }\n";
        assert_eq!(asked(told, &done, "order"), None);
    }

    #[test]
    fn a_run_that_went_on_without_its_order_is_left_as_it_is() {
        let gone_on =
            "  - { id: check, uses: command.run, needs: [order], with: { argv: [tell] } }\n";
        assert_eq!(asked(gone_on, &["product", "key", "check"], "order"), None);
    }
}
