//! `Choices`: for each target that is meant, what is to be done about it.
//!
//! Decided twice: once to know what is to be locked, and once more under the locks, because what was
//! read before a lock may be old by the time it is held.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::connections::{REGFISH, Settings, base_url};
use super::super::console::Console;
use super::super::error::CliError;
use super::super::inventory_files::LoadedInventory;
use super::super::plan_file::{LoadedPlan, load_plan};
use super::super::session::holder;
use super::super::state_directory::StateDirectory;
use super::Request;
use super::history::{History, ReadRun};
use super::order_anew::again_for;
use crate::inventory::{PlanPath, Target};
use crate::plan::{Plan, Repeat, find_signature};
use crate::store::{LockError, Store, StoredPlan, TargetKey, TargetLock};
use crate::types::{RunId, Timestamp};
use crate::upkeep::{Decision, DuePolicy, Remedy, StartReason, Wanted, decide, order_anew};

/// A plan of the inventory in the forms in which it is run and stored.
#[derive(Debug, Clone)]
pub(super) struct BatchPlan {
    pub(super) plan: Arc<Plan>,
    pub(super) stored: Arc<StoredPlan>,
    pub(super) file: String,
}

/// The targets that are meant, in the order of the inventory.
pub(super) struct Choices {
    pub(super) choices: Vec<Choice>,
    pub(super) sandbox: bool,
    /// When the last event of any run of this world was recorded.
    pub(super) latest: Option<Timestamp>,
    /// The newest order of the state file when the decisions began.
    pub(super) orders_known: u64,
}

/// A target and what is to be done about it.
pub(super) struct Choice {
    pub(super) target: String,
    pub(super) inputs: Map<String, Value>,
    pub(super) plan: BatchPlan,
    pub(super) decision: Decision,
    /// The runs that it has had, the newest first, and when each was written to last.
    pub(super) past: Vec<(RunId, Timestamp)>,
    pub(super) hold: Hold,
    /// Where the run talks to that is to go on.
    pub(super) endpoint: Option<String>,
    /// Where a new run would order, when that is known.
    address: Option<String>,
    /// Whether a person wants a new order for it, whatever there is.
    pub(super) again: bool,
}

/// Whether we may work on a target.
pub(super) enum Hold {
    /// Nothing is to be done, so nothing is locked.
    NotNeeded,
    /// It is ours.
    Locked(TargetLock),
    /// Somebody else works on it; who.
    Refused(String),
    /// Its lock cannot be had at all; the reason.
    Impossible(String),
}

/// Every plan that the inventory names, with its stored form.
pub(super) fn store_plans(
    loaded: &LoadedInventory,
    console: &Console,
) -> Result<HashMap<PlanPath, BatchPlan>, CliError> {
    let mut plans = HashMap::new();
    for path in loaded.plans.keys() {
        let LoadedPlan { plan, stored, file } = load_plan(path.as_path(), console)?;
        plans.insert(path.clone(), BatchPlan { plan, stored: Arc::new(stored), file });
    }
    Ok(plans)
}

impl Choices {
    pub(super) fn of(
        loaded: &LoadedInventory,
        plans: &HashMap<PlanPath, BatchPlan>,
        request: &Request,
        sandbox: bool,
    ) -> Result<Self, CliError> {
        let inventory = &loaded.inventory;
        let picked = match &request.limit {
            Some(limit) => limit
                .pick(inventory)
                .map_err(|error| CliError::usage(format!("`--limit`: {error}")))?,
            None => (0..inventory.targets.len()).collect(),
        };
        let again: HashSet<usize> = match &request.again {
            Some(again) => again
                .pick(inventory)
                .map_err(|error| CliError::usage(format!("`--again`: {error}")))?
                .into_iter()
                .collect(),
            None => HashSet::new(),
        };
        if let Some(left_out) = again.iter().find(|index| !picked.contains(index)) {
            let name = inventory.targets.get(*left_out).map(|target| target.name.to_string());
            let name = name.unwrap_or_default();
            return Err(CliError::usage(format!(
                "`--again` names `{name}`, and `--limit` does not"
            )));
        }
        let chosen =
            picked.iter().filter_map(|index| Some((index, inventory.targets.get(*index)?)));
        let choice = |(index, target): (&usize, &Target)| {
            let plan = target.plan.as_ref().and_then(|path| plans.get(path))?;
            Some(Choice {
                target: target.name.to_string(),
                inputs: target.inputs(),
                plan: plan.clone(),
                decision: Decision::Start { reason: StartReason::First },
                past: Vec::new(),
                hold: Hold::NotNeeded,
                endpoint: None,
                address: None,
                again: again.contains(index),
            })
        };
        Ok(Self {
            choices: chosen.filter_map(choice).collect(),
            sandbox,
            latest: None,
            orders_known: 0,
        })
    }

    /// Finds out where new runs would order. A run that began elsewhere and has ordered nothing there
    /// is in nobody's way then.
    pub(super) fn know_addresses(&mut self, settings: &Settings) {
        if self.sandbox {
            return;
        }
        let mut known: HashMap<*const Plan, Option<String>> = HashMap::new();
        for choice in &mut self.choices {
            let plan = &choice.plan.plan;
            let address = known.entry(Arc::as_ptr(plan)).or_insert_with(|| {
                // Whoever sends something says why an address cannot be read.
                base_url(&REGFISH, plan, settings).ok().map(|url| url.to_string())
            });
            choice.address.clone_from(address);
        }
    }

    /// The targets for which a new order follows an earlier one because a person said so, and the
    /// runs whose orders are still under way for them.
    pub(super) fn ordered_anew(&self) -> Vec<(&str, &[RunId])> {
        let anew =
            self.work().filter_map(|choice| Some((choice.target.as_str(), choice.order_anew()?)));
        anew.collect()
    }

    /// Decides about every target from what is recorded.
    pub(super) async fn decide(
        &mut self,
        store: &dyn Store,
        policy: &DuePolicy,
        apply_drift: bool,
    ) -> Result<(), CliError> {
        // Before anything is read: what is ordered from here on was not weighed.
        self.orders_known = store.newest_order().await?;
        let mut history = History::read(store, self.sandbox).await?;
        self.latest = history.latest();
        let now = Timestamp::now();
        for choice in &mut self.choices {
            choice.past = history.seen(&choice.plan.plan.name, &choice.target);
            choice.decide(&mut history, store, policy, apply_drift, now).await?;
        }
        self.mind_the_same_names(&history, store, now).await
    }

    /// Locks every target that is to be worked on.
    pub(super) fn lock(&mut self, state: &StateDirectory) {
        let holder = holder("a batch");
        let locks = state.locks();
        for choice in self.choices.iter_mut().filter(|choice| choice.is_work()) {
            let key = TargetKey {
                plan: choice.plan.plan.name.clone(),
                target: choice.target.clone(),
                sandbox: self.sandbox,
            };
            choice.hold = match locks.lock(&key, &holder) {
                Ok(lock) => Hold::Locked(lock),
                Err(LockError::Held { holder, .. }) => {
                    Hold::Refused(format!("{holder} works on it"))
                }
                Err(error) if error.is_held() => Hold::Refused(error.to_string()),
                Err(error) => Hold::Impossible(error.to_string()),
            };
        }
    }

    /// Decides once more about what is locked now, where something was recorded meanwhile.
    pub(super) async fn decide_again(
        &mut self,
        store: &dyn Store,
        policy: &DuePolicy,
        apply_drift: bool,
    ) -> Result<(), CliError> {
        let mut history = History::read(store, self.sandbox).await?;
        let now = Timestamp::now();
        for choice in &mut self.choices {
            let seen = history.seen(&choice.plan.plan.name, &choice.target);
            if seen != choice.past {
                choice.past = seen;
                // Somebody may just have ordered anew for it; once is what was meant.
                if choice.again && choice.is_work() {
                    let reason = "another process has just worked on it";
                    choice.hold = Hold::Refused(reason.to_owned());
                    continue;
                }
                choice.decide(&mut history, store, policy, apply_drift, now).await?;
            }
        }
        self.mind_the_same_names(&history, store, now).await?;
        // What has become somebody else's work meanwhile was never locked by us, and what has been
        // done meanwhile needs no lock any more.
        for choice in &mut self.choices {
            match (&choice.hold, choice.is_work()) {
                (Hold::NotNeeded, true) => {
                    choice.hold = Hold::Refused("another process has just worked on it".to_owned());
                }
                (Hold::Locked(_), false) => choice.hold = Hold::NotNeeded,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whose turn it is: decided to be worked on, and ours.
    pub(super) fn work(&self) -> impl Iterator<Item = &Choice> {
        self.choices.iter().filter(|choice| choice.is_ours())
    }

    /// The others: nothing is done for them.
    pub(super) fn rest(&self) -> impl Iterator<Item = &Choice> {
        self.choices.iter().filter(|choice| !choice.is_ours())
    }

    /// Target and plan of each, in the order of the inventory.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        let name = |choice: &Choice| (choice.target.clone(), choice.plan.plan.name.clone());
        self.choices.iter().map(name).collect()
    }

    /// How many orders may follow at most.
    pub(super) fn orders(&self) -> usize {
        self.work().filter(|choice| choice.may_order()).count()
    }
}

/// Whether a plan has a step that sends something which costs money, or must not be sent twice.
pub(super) fn buys(plan: &Plan) -> bool {
    plan.steps.values().any(|step| {
        find_signature(&step.uses).is_some_and(|signature| signature.repeat == Repeat::Reconcile)
    })
}

impl Choice {
    async fn decide(
        &mut self,
        history: &mut History,
        store: &dyn Store,
        policy: &DuePolicy,
        apply_drift: bool,
        now: Timestamp,
    ) -> Result<(), CliError> {
        let runs = history.runs_of(store, &self.plan.plan.name, &self.target).await?;
        let damaged = runs.in_the_way().map(|damaged| (damaged.id.clone(), damaged.reason.clone()));
        let runs = runs.read;
        let is_elsewhere = |run: &ReadRun| {
            let began_at = run.state.header.endpoints.get(REGFISH.name);
            let differs =
                self.address.as_ref().zip(began_at).is_some_and(|(now, then)| now != then);
            differs && !run.state.may_have_ordered()
        };
        let past: Vec<_> =
            runs.iter().filter(|run| !is_elsewhere(run)).map(ReadRun::past).collect();
        let anew = self.again.then(|| order_anew(&past, damaged.as_ref().map(|(run, _)| run)));
        let unreadable = || damaged.map(|damaged| self.ask_about_damaged(damaged));
        if let Some(decision) = anew.flatten().or_else(unreadable) {
            self.decision = decision;
            self.endpoint = None;
            return Ok(());
        }
        let wanted = Wanted {
            plan: &self.plan.plan,
            digest: &self.plan.stored.digest,
            target: &self.target,
            inputs: &self.inputs,
        };
        self.decision = decide(&past, &wanted, policy, apply_drift, now);
        self.endpoint = match &self.decision {
            Decision::Resume { run: open, .. } => runs
                .iter()
                .find(|run| run.id == *open)
                .and_then(|run| run.state.header.endpoints.get(REGFISH.name).cloned()),
            _ => None,
        };
        if let Some(ask) = self.leave_at_its_address() {
            self.decision = ask;
        }
        Ok(())
    }

    /// Where a new order follows an earlier one because a person said so: the runs whose orders are
    /// still under way for it.
    pub(super) fn order_anew(&self) -> Option<&[RunId]> {
        match &self.decision {
            Decision::Start { reason: StartReason::Again { open, .. } } => Some(open),
            _ => None,
        }
    }

    /// A run that has ordered goes on where it has, and everything that this command sends goes to
    /// one address: where that is another one, a person says which of the two is meant.
    fn leave_at_its_address(&self) -> Option<Decision> {
        let (Decision::Resume { run, .. }, Some(began_at), Some(now)) =
            (&self.decision, &self.endpoint, &self.address)
        else {
            return None;
        };
        let problem = began_elsewhere(run, began_at);
        (began_at != now).then(|| Decision::Ask {
            run: run.clone(),
            problem,
            remedy: Remedy::Person,
        })
    }

    /// A run that cannot be read is in the way.
    fn ask_about_damaged(&self, (run, reason): (RunId, String)) -> Decision {
        let problem = format!(
            "run {run} cannot be read, and may have ordered: {reason}; `{}` orders for this target \
             all the same",
            again_for(&self.target)
        );
        Decision::Ask { run, problem, remedy: Remedy::NewOrder }
    }

    /// Whether a run starts or goes on.
    pub(super) fn is_work(&self) -> bool {
        matches!(self.decision, Decision::Start { .. } | Decision::Resume { .. })
    }

    /// Whether it is to be worked on, by us.
    fn is_ours(&self) -> bool {
        self.is_work() && matches!(self.hold, Hold::Locked(_))
    }

    /// Whether it is to be worked on and somebody else does.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_work() && matches!(self.hold, Hold::Refused(_))
    }

    /// Whether the run may send an order of its own.
    fn may_order(&self) -> bool {
        let paid = buys(&self.plan.plan);
        match &self.decision {
            Decision::Start { .. } => paid,
            Decision::Resume { has_ordered, .. } => paid && !has_ordered,
            Decision::Keep { .. } | Decision::Ask { .. } => false,
        }
    }
}

/// Why a run is not gone on with by a command that sends to another address.
pub(super) fn began_elsewhere(run: &RunId, began_at: &str) -> String {
    format!("run {run} began at another address, {began_at}; `certplan resume {run}` goes on there")
}

#[cfg(test)]
mod tests;
