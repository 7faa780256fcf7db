//! `Shared`: what runs that are driven together have in common.
//!
//! A run on its own shares nothing: then everything in here is absent and costs nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::answers::SharedAnswers;
use super::names::NameLocks;
use super::slots::{Haste, Slot, Slots};
use crate::plan::Plan;
use crate::run::{Intent, RunPhase, RunResult};
use crate::store::{Store, StoreError, StoredPlan};
use crate::types::{Rest, RunId, StepId, Timestamp};

type Unfinished = (Timestamp, Arc<BTreeSet<RunId>>);
type Plans = HashMap<(String, u32), Arc<Plan>>;

/// What runs that are driven together have in common.
#[derive(Debug, Default)]
pub struct Shared {
    /// How many actions may be performed at the same time; who waits holds no slot.
    slots: Option<Slots>,
    answers: Option<SharedAnswers>,
    names: Option<Arc<NameLocks>>,
    orders: Option<Arc<Allowance>>,
    /// Compiled plans by digest and rules: a thousand runs of one plan keep it once.
    plans: Option<Mutex<Plans>>,
    /// The runs that have not come to their end, and when they were read.
    unfinished: Option<tokio::sync::Mutex<Option<Unfinished>>>,
}

/// How old the list of unfinished runs may be that the runs of a batch share.
const UNFINISHED_AGE: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// The work was called back before it got a slot; nothing was done.
pub(super) struct TurnedAway;

/// How many orders may be sent, and which are: `--max-orders`. Runs in different worlds can have one
/// together.
#[derive(Debug)]
pub struct Allowance {
    most: usize,
    let_go: Mutex<BTreeSet<(RunId, StepId)>>,
}

impl Allowance {
    /// For so many orders.
    pub fn of(orders: usize) -> Self {
        Self { most: orders, let_go: Mutex::default() }
    }

    /// Whether a step may order. One that was let may try again as often as it has to: all of its
    /// attempts make one order.
    fn lets(&self, run: &RunId, step: &StepId) -> bool {
        let order = (run.clone(), step.clone());
        // A set is whole after every statement.
        let mut let_go = self.let_go.lock().unwrap_or_else(PoisonError::into_inner);
        let_go.contains(&order) || (let_go.len() < self.most && let_go.insert(order))
    }
}

impl Shared {
    /// For a batch with so many slots, which may send as many orders as are allowed.
    pub fn in_batch(jobs: usize, orders: Option<Arc<Allowance>>) -> Self {
        Self {
            slots: Some(Slots::new(jobs)),
            answers: Some(SharedAnswers::default()),
            names: None,
            orders,
            plans: Some(Mutex::default()),
            unfinished: Some(tokio::sync::Mutex::default()),
        }
    }

    /// Waits for a slot, and rests meanwhile. Fails when the work is called back.
    pub(super) async fn slot(&self, haste: Haste) -> Result<Option<Slot>, TurnedAway> {
        let Some(slots) = &self.slots else { return Ok(None) };
        let wait = match slots.take(haste) {
            Ok(slot) => return Ok(Some(slot)),
            Err(wait) => wait,
        };
        let (rest, mark) = Rest::begin();
        drop(mark);
        let Some(work) = rest.work().cloned() else {
            // A slot is passed on or free, never lost, so there is no error to tell of.
            return Ok(wait.await.ok());
        };
        tokio::select! {
            slot = wait => Ok(slot.ok()),
            () = work.released() => {
                work.turn_away();
                Err(TurnedAway)
            }
        }
    }

    /// The same, with the validation names that runs must not need at the same time.
    #[must_use]
    pub fn with_names(self, names: NameLocks) -> Self {
        Self { names: Some(Arc::new(names)), ..self }
    }

    pub(super) fn names(&self) -> Option<&Arc<NameLocks>> {
        self.names.as_ref()
    }

    pub(super) fn answers(&self) -> Option<&SharedAnswers> {
        self.answers.as_ref()
    }

    /// The compiled form of a stored plan; the error says why it cannot be read.
    pub(super) fn plan(&self, stored: &StoredPlan) -> Result<Arc<Plan>, String> {
        let read = || {
            let plan: Plan =
                serde_json::from_str(&stored.compiled).map_err(|error| error.to_string())?;
            Ok(Arc::new(plan))
        };
        let Some(plans) = &self.plans else { return read() };
        let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stored.digest.clone(), stored.semantics);
        if let Some(plan) = plans.get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan = read()?;
        plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// The runs that have not come to their end. The runs of a batch share what was read a moment
    /// ago: a run that has ended since only makes another one wait a little longer.
    pub(super) async fn unfinished(
        &self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Arc<BTreeSet<RunId>>, StoreError> {
        let Some(shared) = &self.unfinished else { return read_unfinished(store).await };
        let mut shared = shared.lock().await;
        if let Some((at, unfinished)) = shared.as_ref()
            && now.duration_since(*at) < UNFINISHED_AGE
        {
            return Ok(Arc::clone(unfinished));
        }
        let unfinished = read_unfinished(store).await?;
        *shared = Some((now, Arc::clone(&unfinished)));
        Ok(unfinished)
    }

    /// Whether what a step is about to send may be sent; an order is counted then. What costs
    /// nothing is not limited.
    pub(super) fn may_order(&self, run: &RunId, step: &StepId, intent: &Intent) -> bool {
        let Some(allowance) = &self.orders else { return true };
        match intent {
            Intent::Order(_) => allowance.lets(run, step),
            Intent::Reissue(_) | Intent::Organization(_) => true,
        }
    }
}

async fn read_unfinished(store: &dyn Store) -> Result<Arc<BTreeSet<RunId>>, StoreError> {
    let ended = [
        RunPhase::Finished(RunResult::Succeeded),
        RunPhase::Finished(RunResult::Failed),
        RunPhase::Cancelled,
    ]
    .map(RunPhase::name);
    let runs = store.list_runs().await?.into_iter();
    let unfinished = runs.filter(|run| !ended.contains(&run.phase.as_str()));
    Ok(Arc::new(unfinished.map(|run| run.id).collect()))
}
