//! `History`: the runs that targets have had, as far as somebody asks.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::super::error::CliError;
use super::super::in_place::in_place;
use crate::plan::Plan;
use crate::report::RunResultView;
use crate::run::RunState;
use crate::store::{RunSummary, Store, StoreError, StoredPlan};
use crate::types::{RunId, Timestamp};
use crate::upkeep::{InPlace, Issued, PastRun};

/// All runs of one world, by plan and target.
pub(super) struct History {
    /// The newest first.
    runs: HashMap<(String, String), Vec<RunSummary>>,
    plans: HashMap<(String, u32), Arc<Plan>>,
    latest: Option<Timestamp>,
}

/// A run that was read.
pub(super) struct ReadRun {
    pub(super) id: RunId,
    pub(super) state: RunState,
    plan: Arc<Plan>,
    files_are_gone: bool,
    pub(super) in_place: Option<InPlace>,
}

impl ReadRun {
    pub(super) fn past(&self) -> PastRun<'_> {
        PastRun {
            id: &self.id,
            state: &self.state,
            plan: &self.plan,
            files_are_gone: self.files_are_gone,
            in_place: self.in_place.as_ref(),
        }
    }
}

/// The runs of one target.
pub(super) struct TargetRuns {
    /// Those that can be read, the newest first.
    pub(super) read: Vec<ReadRun>,
    /// The newest of those that cannot.
    damaged: Option<DamagedRun>,
}

/// A run that cannot be read.
pub(super) struct DamagedRun {
    pub(super) id: RunId,
    /// Why.
    pub(super) reason: String,
    /// So many of the readable runs are newer.
    newer: usize,
}

impl TargetRuns {
    /// The run that cannot be read and that nobody must pass by: it may have ordered, and no newer
    /// one has, as far as can be read.
    pub(super) fn in_the_way(&self) -> Option<&DamagedRun> {
        let damaged = self.damaged.as_ref()?;
        let mut newer = self.read.iter().take(damaged.newer);
        (!newer.any(|run| run.state.may_have_ordered())).then_some(damaged)
    }
}

impl History {
    /// A line for each run; what happened in them is read when it is asked for.
    pub(super) async fn read(store: &dyn Store, sandbox: bool) -> Result<Self, CliError> {
        let mut history = Self { runs: HashMap::new(), plans: HashMap::new(), latest: None };
        for run in store.list_runs().await? {
            if run.sandbox == sandbox {
                history.latest = history.latest.max(Some(run.updated_at));
                let key = (run.plan.clone(), run.target.clone());
                history.runs.entry(key).or_default().push(run);
            }
        }
        Ok(history)
    }

    /// When the last event of any run was recorded: a clock that goes on starts no earlier.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// The runs of a target, and when each was written to last: equal when nothing has happened.
    pub(super) fn seen(&self, plan: &str, target: &str) -> Vec<(RunId, Timestamp)> {
        let key = (plan.to_owned(), target.to_owned());
        let runs = self.runs.get(&key).into_iter().flatten();
        runs.map(|run| (run.id.clone(), run.updated_at)).collect()
    }

    /// Every plan and target that has had a run.
    pub(super) fn targets(&self) -> Vec<(String, String)> {
        let mut targets: Vec<_> = self.runs.keys().cloned().collect();
        targets.sort();
        targets
    }

    /// The runs of a target. One that cannot be read is told of; fails only when nothing can be.
    pub(super) async fn runs_of(
        &mut self,
        store: &dyn Store,
        plan: &str,
        target: &str,
    ) -> Result<TargetRuns, CliError> {
        let key = (plan.to_owned(), target.to_owned());
        let runs: Vec<(RunId, Timestamp)> = self.seen(&key.0, &key.1);
        let mut found = TargetRuns { read: Vec::with_capacity(runs.len()), damaged: None };
        for (id, _) in runs {
            match self.read_run(store, &id).await {
                Ok(run) => found.read.push(run),
                Err(StoreError::Corrupt { what, reason }) if found.damaged.is_none() => {
                    let (reason, newer) = (format!("{what}: {reason}"), found.read.len());
                    found.damaged = Some(DamagedRun { id, reason, newer });
                }
                Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What an older run has brought is not in place any more, and need not be.
        let newest = found.read.iter_mut().find_map(|run| Some((Issued::of(&run.state)?, run)));
        if let Some((issued, run)) = newest {
            run.in_place = in_place(&issued);
        }
        Ok(found)
    }

    async fn read_run(&mut self, store: &dyn Store, id: &RunId) -> Result<ReadRun, StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt { what: format!("run `{id}`"), reason };
        let stored = match store.load_run(id).await {
            // It is listed, so its plan is what is missing.
            Err(StoreError::NoSuchRun(_)) => {
                return Err(corrupt("its plan is not there".to_owned()));
            }
            stored => stored?,
        };
        let state = RunState::fold(&stored.events).map_err(|error| corrupt(error.to_string()))?;
        let plan = self.plan(id, &stored.plan)?;
        let view = RunResultView::new(id, &state, None);
        let files_are_gone = view.file_paths().iter().any(|path| !Path::new(path).exists());
        Ok(ReadRun { id: id.clone(), state, plan, files_are_gone, in_place: None })
    }

    fn plan(&mut self, run: &RunId, stored: &StoredPlan) -> Result<Arc<Plan>, StoreError> {
        let key = (stored.digest.clone(), stored.semantics);
        if let Some(plan) = self.plans.get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan: Plan = serde_json::from_str(&stored.compiled).map_err(|error| {
            let what = format!("the plan of run `{run}`");
            StoreError::Corrupt { what, reason: error.to_string() }
        })?;
        let plan = Arc::new(plan);
        self.plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }
}
