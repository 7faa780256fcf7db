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

    /// The runs of a target, the newest first.
    pub(super) async fn runs_of(
        &mut self,
        store: &dyn Store,
        plan: &str,
        target: &str,
    ) -> Result<Vec<ReadRun>, CliError> {
        let key = (plan.to_owned(), target.to_owned());
        let ids: Vec<RunId> =
            self.runs.get(&key).into_iter().flatten().map(|run| run.id.clone()).collect();
        let mut read = Vec::with_capacity(ids.len());
        let mut newest = true;
        for id in ids {
            let stored = store.load_run(&id).await?;
            let state = RunState::fold(&stored.events).map_err(|error| {
                CliError::failure(format!("run `{id}` cannot be read: {error}"))
            })?;
            let plan = self.plan(&id, &stored.plan)?;
            let view = RunResultView::new(&id, &state, None);
            let files_are_gone = view.file_paths().iter().any(|path| !Path::new(path).exists());
            // What an older run has brought is not in place any more, and need not be.
            let issued = Issued::of(&state).filter(|_| std::mem::take(&mut newest));
            let in_place = issued.as_ref().and_then(in_place);
            read.push(ReadRun { id, state, plan, files_are_gone, in_place });
        }
        Ok(read)
    }

    fn plan(&mut self, run: &RunId, stored: &StoredPlan) -> Result<Arc<Plan>, CliError> {
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
