//! `Effort`: what the run of one target would buy and ask, told before it runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::error::CliError;
use super::super::foresight::looked_up_product;
use super::super::graph::costs_money;
use super::super::preview_asker::{Asker, question};
use super::choice::Choice;
use crate::action::preview::{Fact, facts, refusal, requests_in_batch};
use crate::engine::{Answer, Prospect, StepPreview, asked_anew, preview_with_refusals};
use crate::plan::{Plan, Share};
use crate::run::RunState;
use crate::store::{Store, StoreError};
use crate::types::{StepId, Timestamp};
use crate::upkeep::Decision;

/// What a run would do that somebody pays or waits for.
#[derive(Debug, Default)]
pub(super) struct Effort {
    pub(super) orders: Vec<ForeseenOrder>,
    /// About so many requests of its own.
    pub(super) requests: u32,
    /// What it asks together with others, each once for all that ask the same.
    pub(super) shared: BTreeSet<String>,
    /// Whether its names are proved by DNS records.
    pub(super) by_dns: bool,
    /// Why it would fail, when that is certain.
    pub(super) fails: Option<String>,
    /// Whether what the API answered is the reason.
    pub(super) fails_by_answer: bool,
}

/// An order that a run would place.
#[derive(Debug, Serialize)]
pub(super) struct ForeseenOrder {
    pub(super) product: String,
    pub(super) names: Vec<String>,
    /// Whether nothing decides against it any more.
    pub(super) certain: bool,
}

/// What is to be done for a target, by its decision, and by what `asker` learns if there is one.
pub(super) async fn effort(
    choice: &Choice,
    store: Option<&dyn Store>,
    asker: Option<&mut Asker>,
    now: Timestamp,
) -> Result<Effort, CliError> {
    match (&choice.decision, store) {
        (Decision::Start { .. }, _) => {
            let subject = Subject {
                plan: &choice.plan.plan,
                inputs: &choice.inputs,
                target: &choice.target,
                now,
            };
            subject.foresee(BTreeMap::new(), asker).await
        }
        (Decision::Resume { run, has_ordered, .. }, Some(store)) => {
            let stored = store.load_run(run).await?;
            let state = RunState::fold(&stored.events).map_err(|error| {
                CliError::failure(format!("run `{run}` cannot be read: {error}"))
            })?;
            // A run goes on by the plan that it began with.
            let plan: Plan = serde_json::from_str(&stored.plan.compiled).map_err(|error| {
                let what = format!("the plan of run `{run}`");
                StoreError::Corrupt { what, reason: error.to_string() }
            })?;
            let mut answers = answers(&plan, &state);
            // What it had found out is asked once more when its order was refused.
            asked_anew(&plan, &state).unwrap_or_default().iter().for_each(|step| {
                answers.remove(step);
            });
            let inputs = &state.header.inputs;
            let subject = Subject { plan: &plan, inputs, target: &choice.target, now };
            let mut effort = subject.foresee(answers, asker).await?;
            if *has_ordered {
                effort.orders.clear();
            }
            Ok(effort)
        }
        _ => Ok(Effort::default()),
    }
}

/// What the steps of a run have brought so far.
fn answers(plan: &Plan, state: &RunState) -> BTreeMap<StepId, Answer> {
    let output = |step: &StepId| Some((step.clone(), Answer::Output(state.output(step)?.clone())));
    plan.steps.keys().filter_map(output).collect()
}

/// A run that is looked at before it runs.
struct Subject<'a> {
    plan: &'a Plan,
    inputs: &'a Map<String, Value>,
    target: &'a str,
    now: Timestamp,
}

impl Subject<'_> {
    async fn foresee(
        &self,
        mut answers: BTreeMap<StepId, Answer>,
        asker: Option<&mut Asker>,
    ) -> Result<Effort, CliError> {
        let asked = match asker {
            Some(asker) => {
                asker.ask_all(self.plan, &mut answers, |answers| self.evaluate(answers)).await?
            }
            None => BTreeSet::new(),
        };
        let steps = self.evaluate(&answers)?;
        Ok(sum(self.plan, &steps, &asked))
    }

    fn evaluate(&self, answers: &BTreeMap<StepId, Answer>) -> Result<Vec<StepPreview>, CliError> {
        let Self { plan, inputs, target, now } = self;
        preview_with_refusals(plan, inputs, target, answers, *now, refusal)
            .map_err(|error| CliError::usage(error.to_string()))
    }
}

/// What the steps cost together. Those that were `asked` will be asked by the run as well.
fn sum(plan: &Plan, steps: &[StepPreview], asked: &BTreeSet<StepId>) -> Effort {
    let mut effort = Effort::default();
    let product = looked_up_product(plan, steps);
    for preview in steps {
        let Some(step) = plan.steps.get(&preview.id) else { continue };
        if let (Prospect::Fails(reason), None) = (&preview.prospect, &effort.fails) {
            effort.fails = Some(format!("step `{}` would fail: {reason}", step.id));
            effort.fails_by_answer = asked.contains(&step.id);
        }
        let fact = facts(&step.uses, &preview.parameters);
        if let Some(Fact::Order { validation, .. }) = &fact {
            effort.by_dns |= validation != "email";
        }
        let would_run = match preview.prospect {
            Prospect::Runs | Prospect::Perhaps => true,
            _ => asked.contains(&step.id),
        };
        if !would_run {
            continue;
        }
        let requests = requests_in_batch(&step.uses, &preview.parameters);
        match step.share {
            Share::Batch => drop(effort.shared.insert(question(step, preview))),
            Share::Run => effort.requests += requests,
        }
        if let Some(Fact::Order { sku, names, .. }) = fact.filter(|_| costs_money(&step.uses)) {
            let product = product.clone().unwrap_or(sku);
            let certain = preview.prospect == Prospect::Runs;
            effort.orders.push(ForeseenOrder { product, names, certain });
        }
    }
    effort
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::{GivenValue, parse_plan, resolve_inputs};

    fn foreseen(text: &str, given: &[(&str, &str)]) -> Effort {
        let file = SourceFile::new("plan.yaml", text);
        let plan = parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap().0;
        let given: Vec<(String, GivenValue)> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), GivenValue::Text((*value).to_owned())))
            .collect();
        let inputs = resolve_inputs(&plan, &given).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let subject = Subject { plan: &plan, inputs: &inputs, target: "a", now };
        sum(&plan, &subject.evaluate(&BTreeMap::new()).unwrap(), &BTreeSet::new())
    }

    #[test]
    fn a_staged_certificate_costs_five_requests_in_a_batch_a_plain_one_four_and_cleaning_up_two() {
        // The same numbers are counted at a server in `tests/it/batches.rs`.
        for (keep_records, more) in [("true", 0), ("false", 2)] {
            let given = [
                ("common_name", "a.example.com"),
                ("keep_records", keep_records),
                ("organization", "Example GmbH"),
            ];
            let staged = foreseen(include_str!("../../../plans/ov-staged.yaml"), &given);
            assert_eq!((staged.requests, staged.shared.len()), (5 + more, 2), "{staged:?}");
            let plain = foreseen(include_str!("../../../plans/dv.yaml"), &given[..2]);
            assert_eq!((plain.requests, plain.shared.len()), (4 + more, 1), "{plain:?}");
        }
    }

    #[test]
    fn an_order_is_named_by_the_product_that_is_looked_up() {
        let dv = include_str!("../../../plans/dv.yaml");
        let effort = foreseen(dv, &[("common_name", "a.example.com")]);
        let [order] = effort.orders.as_slice() else { panic!("{effort:?}") };
        assert_eq!((order.product.as_str(), order.certain), ("RapidSSL", true));
        assert_eq!(order.names, ["a.example.com"]);
        assert!(effort.by_dns && effort.fails.is_none());
        let email = include_str!("../../../plans/dv-email.yaml");
        let given = [("common_name", "a.example.com"), ("dcv_emails", "admin@example.com")];
        assert!(!foreseen(email, &given).by_dns);
    }
}
