//! What other runs of this state folder have ordered for the names that a plan is about to order for.
//!
//! A plan that was renamed is another plan, and its targets are others: nothing but the names shows
//! that the certificate is there already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::error::CliError;
use crate::engine::{Prospect, preview};
use crate::plan::{Partly, Plan};
use crate::run::{Intent, RunPhase, RunResult, RunState};
use crate::store::{FoldedRun, RunSummary, Store};
use crate::types::{DomainName, RunId, Timestamp};
use crate::upkeep::Issued;

/// Something that a run has sent, or may have, and for which names.
pub(super) struct Ordered {
    pub(super) names: BTreeSet<DomainName>,
    /// When the last was heard of it.
    at: Option<Timestamp>,
}

/// A run of another plan that has ordered for the same names, or may have.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) run: RunId,
    /// When the last was heard of its order.
    pub(super) at: Option<Timestamp>,
    /// Why a second certificate would be one too many; none when it would not.
    pub(super) problem: Option<String>,
}

/// The runs of one world that have ordered, or may have.
#[derive(Debug, Default)]
pub(super) struct OrderedNames {
    runs: Vec<(RunSummary, RunState)>,
    /// For which names, the newest run first.
    by_names: BTreeMap<BTreeSet<DomainName>, Vec<(usize, Option<Timestamp>)>>,
}

impl OrderedNames {
    /// Reads them all, for many targets.
    pub(super) async fn read(store: &dyn Store, sandbox: bool) -> Result<Self, CliError> {
        Ok(Self::of(store.fold_runs().await?, sandbox))
    }

    /// Reads those that can matter to a run of `plan`: it need not wait for thousands of others.
    pub(super) async fn read_for(
        store: &dyn Store,
        sandbox: bool,
        (plan, target, inputs): (&Plan, &str, &Map<String, Value>),
        now: Timestamp,
    ) -> Result<Self, CliError> {
        // What is the first of the names in one order is a further one in the other.
        let names: BTreeSet<DomainName> =
            wanted_names(plan, target, inputs, now).into_iter().flatten().collect();
        Ok(Self::of(store.fold_runs_for(&names).await?, sandbox))
    }

    /// What cannot be read is left out; `doctor` finds it.
    fn of(runs: Vec<(RunSummary, FoldedRun)>, sandbox: bool) -> Self {
        let mut ordered = Self::default();
        for (run, state) in runs {
            let Ok(state) = state else { continue };
            if run.sandbox != sandbox || !state.may_have_ordered() {
                continue;
            }
            for Ordered { names, at } in ordered_by(&state) {
                ordered.by_names.entry(names).or_default().push((ordered.runs.len(), at));
            }
            ordered.runs.push((run, state));
        }
        ordered
    }

    /// The runs of other plans, or of other targets of the plan, that have ordered for what `plan`
    /// would order for.
    pub(super) fn elsewhere(
        &self,
        plan: &Plan,
        target: &str,
        inputs: &Map<String, Value>,
        now: Timestamp,
    ) -> Vec<Elsewhere> {
        if self.runs.is_empty() {
            return Vec::new();
        }
        let wanted = wanted_names(plan, target, inputs, now);
        let same = wanted.iter().filter_map(|names| self.by_names.get(names)).flatten();
        let same = same.filter_map(|(index, at)| Some((self.runs.get(*index)?, *at)));
        let others = same.filter(|((run, _), _)| run.plan != plan.name || run.target != target);
        others
            .map(|((run, state), at)| Elsewhere {
                run: run.id.clone(),
                at,
                problem: problem(run, state, now),
            })
            .collect()
    }
}

/// What a run has ordered, or may have.
pub(super) fn ordered_by(state: &RunState) -> impl Iterator<Item = Ordered> {
    state.steps.values().filter_map(|record| {
        let names = match record.history.sent.as_ref()? {
            Intent::Order(order) => {
                order.names.iter().chain([&order.common_name]).cloned().collect()
            }
            Intent::Reissue(reissue) => reissue.names.clone(),
            Intent::Organization(_) => return None,
        };
        Some(Ordered { names, at: record.changed_at })
    })
}

/// The names of every first order that a plan would place, as far as its inputs tell. What is
/// renewed is known to be there.
fn wanted_names(
    plan: &Plan,
    target: &str,
    inputs: &Map<String, Value>,
    now: Timestamp,
) -> BTreeSet<BTreeSet<DomainName>> {
    // A plan with a cycle is refused elsewhere.
    let steps = preview(plan, inputs, target, &BTreeMap::new(), now).unwrap_or_default();
    let orders = |id| plan.steps.get(id).is_some_and(|step| step.uses == "regfish.create_order");
    let places = |prospect: &Prospect| matches!(prospect, Prospect::Runs | Prospect::Perhaps);
    let mut wanted = BTreeSet::new();
    for step in steps.iter().filter(|step| orders(&step.id) && places(&step.prospect)) {
        let renews = step.parameters.get("renewal_of");
        if renews.is_some_and(|value| !matches!(value, Partly::Known(Value::Null))) {
            continue;
        }
        let texts = |name: &str| match step.parameters.get(name) {
            Some(Partly::Known(Value::String(text))) => Some(vec![text.clone()]),
            Some(Partly::Known(Value::Array(items))) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            None | Some(Partly::Known(Value::Null)) => Some(Vec::new()),
            Some(_) => None,
        };
        let Some((first, others)) = texts("common_name").zip(texts("dns_names")) else { continue };
        let names = first.iter().chain(&others).map(|name| DomainName::parse(name).ok());
        wanted.extend(names.collect::<Option<BTreeSet<DomainName>>>());
    }
    wanted
}

fn problem(run: &RunSummary, state: &RunState, now: Timestamp) -> Option<String> {
    let of = format!("run `{}` of plan `{}` for target `{}`", run.id, run.plan, run.target);
    let names = "exactly these names";
    match state.phase {
        RunPhase::Cancelled => {
            Some(format!("{of} was cancelled, and its order for {names} stays at the vendor"))
        }
        RunPhase::Finished(RunResult::Succeeded) => match Issued::of(state) {
            Some(issued) if issued.valid_until <= now => None,
            Some(issued) => {
                let until = issued.valid_until.strftime("%Y-%m-%d");
                Some(format!("{of} has a certificate for {names}, valid until {until}"))
            }
            None => Some(format!("{of} has ordered for {names}")),
        },
        phase @ (RunPhase::Running
        | RunPhase::Paused(_)
        | RunPhase::Finished(RunResult::Failed)) => {
            let phase = phase.name();
            Some(format!("{of} has ordered for {names}, and is not finished ({phase})"))
        }
    }
}
