//! What other runs of this state folder have ordered for the names that a plan is about to order for.
//!
//! A plan that was renamed is another plan, and its targets are others: nothing but the names shows
//! that the certificate is there already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::error::CliError;
use crate::engine::{Prospect, preview};
use crate::plan::{Partly, Plan, Signature, find_signature};
use crate::run::{Intent, RunPhase, RunResult, RunState};
use crate::store::{FoldedRun, RecordedOrder, RunSummary, Store};
use crate::types::{CertificateId, DomainName, RunId, Timestamp};
use crate::upkeep::Issued;

/// Something that a run has sent, or may have, and for which names.
pub(super) struct Ordered {
    pub(super) names: BTreeSet<DomainName>,
    /// The certificate that it follows.
    renewal_of: Option<CertificateId>,
    /// When the last was heard of it.
    at: Option<Timestamp>,
}

/// An order that a plan would place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// The first one for these names.
    First(BTreeSet<DomainName>),
    /// One that follows this certificate, whose names are known to be ordered.
    Renewal(CertificateId),
}

/// A run of another plan that has ordered for the same names, or has renewed the same certificate,
/// or may have.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) run: RunId,
    /// When the last was heard of its order.
    pub(super) at: Option<Timestamp>,
    /// Why a second certificate would be one too many; none when it would not.
    pub(super) problem: Option<String>,
    /// Whether its order is still under way, as far as anybody knows.
    pub(super) is_open: bool,
    /// Whether a person has given it up: then nothing more comes of it.
    pub(super) is_given_up: bool,
}

/// The runs of one world that have ordered, or may have.
#[derive(Debug, Default)]
pub(super) struct OrderedNames {
    runs: Vec<(RunSummary, RunState)>,
    /// For which names, the newest run first.
    by_wanted: BTreeMap<Wanted, Vec<(usize, Option<Timestamp>)>>,
    /// Runs that have ordered and cannot be read any more, and for which names.
    unreadable: Vec<(RunId, String)>,
}

impl OrderedNames {
    /// Reads them all, for many targets.
    pub(super) async fn read(store: &dyn Store, sandbox: bool) -> Result<Self, CliError> {
        // In this order: what is recorded between the two is not taken for something unreadable.
        let orders = store.orders().await?;
        Ok(Self::of(store.fold_runs().await?, orders, sandbox))
    }

    /// Reads those that can matter to a run of `plan`: it need not wait for thousands of others.
    pub(super) async fn read_for(
        store: &dyn Store,
        sandbox: bool,
        (plan, target, inputs): (&Plan, &str, &Map<String, Value>),
        now: Timestamp,
    ) -> Result<Self, CliError> {
        Self::read_for_orders(store, sandbox, &wanted(plan, target, inputs, now)).await
    }

    /// Reads those that can matter to such orders.
    pub(super) async fn read_for_orders(
        store: &dyn Store,
        sandbox: bool,
        wanted: &BTreeSet<Wanted>,
    ) -> Result<Self, CliError> {
        let mut names = BTreeSet::new();
        for wanted in wanted {
            match wanted {
                // What is the first of the names in one order is a further one in the other.
                Wanted::First(all) => names.extend(all.iter().cloned()),
                // Which names they are stands in the runs alone.
                Wanted::Renewal(_) => return Self::read(store, sandbox).await,
            }
        }
        let keys: BTreeSet<String> = wanted.iter().filter_map(Wanted::names_key).collect();
        let mut orders = store.orders().await?;
        orders.retain(|order| keys.contains(&order.names));
        Ok(Self::of(store.fold_runs_for(&names).await?, orders, sandbox))
    }

    fn of(runs: Vec<(RunSummary, FoldedRun)>, orders: Vec<RecordedOrder>, sandbox: bool) -> Self {
        let mut ordered = Self::default();
        let mut readable = BTreeSet::new();
        for (run, state) in runs {
            if run.sandbox != sandbox {
                continue;
            }
            let Ok(state) = state else { continue };
            readable.insert(run.id.clone());
            if !state.may_have_ordered() {
                continue;
            }
            for Ordered { names, renewal_of, at } in ordered_by(&state) {
                let renewal = renewal_of.map(Wanted::Renewal);
                for wanted in [Wanted::First(names)].into_iter().chain(renewal) {
                    ordered.by_wanted.entry(wanted).or_default().push((ordered.runs.len(), at));
                }
            }
            ordered.runs.push((run, state));
        }
        let of_others = orders
            .into_iter()
            .filter(|order| order.sandbox == sandbox && !readable.contains(&order.run));
        ordered.unreadable = of_others.map(|order| (order.run, order.names)).collect();
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
        if self.runs.is_empty() && self.unreadable.is_empty() {
            return Vec::new();
        }
        self.elsewhere_for(&wanted(plan, target, inputs, now), &plan.name, target, now)
    }

    /// The same for orders that are known already.
    pub(super) fn elsewhere_for(
        &self,
        wanted: &BTreeSet<Wanted>,
        plan: &str,
        target: &str,
        now: Timestamp,
    ) -> Vec<Elsewhere> {
        let same = wanted.iter().filter_map(|wanted| self.by_wanted.get(wanted)).flatten();
        let same = same.filter_map(|(index, at)| Some((self.runs.get(*index)?, *at)));
        let others = same.filter(|((run, _), _)| run.plan != plan || run.target != target);
        let readable = others.map(|((run, state), at)| Elsewhere {
            run: run.id.clone(),
            at,
            problem: problem(run, state, now),
            is_open: state.has_open_order(),
            is_given_up: state.phase == RunPhase::Cancelled,
        });
        let keys: BTreeSet<String> = wanted.iter().filter_map(Wanted::names_key).collect();
        let unreadable = self.unreadable.iter().filter(|(_, names)| keys.contains(names));
        let unreadable = unreadable.map(|(run, names)| Elsewhere {
            run: run.clone(),
            at: None,
            problem: Some(format!(
                "run `{run}` has ordered for {names}, and can no longer be read (`certplan doctor`)"
            )),
            is_open: true,
            is_given_up: false,
        });
        readable.chain(unreadable).collect()
    }
}

impl Wanted {
    /// The names as [`Intent::names_key`] writes them.
    fn names_key(&self) -> Option<String> {
        let Self::First(names) = self else { return None };
        Some(names.iter().map(DomainName::as_str).collect::<Vec<_>>().join(", "))
    }
}

/// What a run has ordered, or may have.
pub(super) fn ordered_by(state: &RunState) -> impl Iterator<Item = Ordered> {
    state.steps.values().filter_map(|record| {
        let (names, renewal_of) = match record.history.sent.as_ref()? {
            Intent::Order(order) => {
                let names = order.names.iter().chain([&order.common_name]).cloned().collect();
                (names, order.renewal_of.clone())
            }
            Intent::Reissue(reissue) => (reissue.names.clone(), None),
            Intent::Organization(_) => return None,
        };
        Some(Ordered { names, renewal_of, at: record.changed_at })
    })
}

/// Every order that a plan would place, as far as its inputs tell.
pub(super) fn wanted(
    plan: &Plan,
    target: &str,
    inputs: &Map<String, Value>,
    now: Timestamp,
) -> BTreeSet<Wanted> {
    // A plan with a cycle is refused elsewhere.
    let steps = preview(plan, inputs, target, &BTreeMap::new(), now).unwrap_or_default();
    let orders = |id| {
        let signature = plan.steps.get(id).and_then(|step| find_signature(&step.uses));
        signature.is_some_and(Signature::costs_money)
    };
    let places = |prospect: &Prospect| matches!(prospect, Prospect::Runs | Prospect::Perhaps);
    let named = steps.iter().filter_map(|step| match step.parameters.get("certificate_id") {
        Some(Partly::Known(Value::String(id))) => CertificateId::parse(id).ok(),
        _ => None,
    });
    let mut wanted = BTreeSet::new();
    for step in steps.iter().filter(|step| orders(&step.id) && places(&step.prospect)) {
        match step.parameters.get("renewal_of") {
            None | Some(Partly::Known(Value::Null)) => {}
            Some(Partly::Known(Value::String(id))) => {
                wanted.extend(CertificateId::parse(id).ok().map(Wanted::Renewal));
                continue;
            }
            // It comes from an answer. What is asked for is a certificate that the plan names.
            Some(_) => {
                wanted.extend(named.clone().map(Wanted::Renewal));
                continue;
            }
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
        wanted.extend(names.collect::<Option<BTreeSet<DomainName>>>().map(Wanted::First));
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
        // Whether a program works on it or it was stopped without a word is not known here.
        RunPhase::Running => Some(format!("{of} has ordered for {names}, and is not finished")),
        phase @ (RunPhase::Paused(_) | RunPhase::Finished(RunResult::Failed)) => {
            let phase = phase.name();
            Some(format!("{of} has ordered for {names}, and is not finished ({phase})"))
        }
    }
}
