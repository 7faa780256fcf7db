//! Taking up one of many runs: locks it, reads it, and says why it cannot go on. One that another
//! program works on waits for its turn, and keeps no other from going on.

use std::sync::Arc;

use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::super::needed_secrets::{Imitated, SecretSearch, of_recorded_run};
use super::super::plan_edits::{Replacement, compare};
use super::super::resume::{load, obstacle, obstacle_of_replacement};
use super::super::session::{holder, lock};
use super::super::state_directory::StateDirectory;
use super::choice::buys;
use super::outcome::Outcome;
use crate::driver::{BatchRun, Driver};
use crate::engine::Engine;
use crate::store::{RunSummary, SqliteStore, TargetKey, TargetLock};
use crate::types::RunId;

/// Where runs are kept, who is told, and what is made of edited plans.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) state: &'a StateDirectory,
    pub(super) store: &'a Arc<SqliteStore>,
    pub(super) console: &'a Console,
    pub(super) use_current_plan: bool,
    /// Whether to say what an edited plan means for each run.
    pub(super) explain: bool,
    pub(super) really_act: bool,
    pub(super) search: &'a SecretSearch,
}

/// A run that goes on.
pub(super) struct Member {
    /// Where its row stands in the recap.
    pub(super) row: usize,
    pub(super) run: RunId,
    /// Whether it may send an order of its own, that of the sandbox not counted.
    pub(super) may_order: bool,
    key: TargetKey,
    hold: Hold,
}

enum Hold {
    /// It is ours; the plan that it follows from here on, if that is another one.
    Ours(TargetLock, Option<Box<Replacement>>),
    /// Another program works on it, and we wait for that.
    Busy,
}

impl Member {
    /// Whether it waits for another program.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.hold, Hold::Busy)
    }
}

/// What becomes of a run that was selected.
pub(super) enum TakingUp {
    GoesOn { member: Box<Member>, engine: Box<Engine> },
    Settled(Outcome),
}

impl Place<'_> {
    /// Locks and reads a run. With `wait`, one that somebody else works on goes on in its turn.
    pub(super) async fn take_up(&self, run: &RunSummary, row: usize, wait: bool) -> TakingUp {
        match self.try_to_take_up(run, row, wait).await {
            Ok((member, engine)) => {
                TakingUp::GoesOn { member: Box::new(member), engine: Box::new(engine) }
            }
            Err(error) => {
                let outcome = Outcome::refused(error.code, error.message);
                TakingUp::Settled(Outcome { run: Some(run.id.clone()), ..outcome })
            }
        }
    }

    async fn try_to_take_up(
        &self,
        run: &RunSummary,
        row: usize,
        wait: bool,
    ) -> Result<(Member, Engine), CliError> {
        let key =
            TargetKey { plan: run.plan.clone(), target: run.target.clone(), sandbox: run.sandbox };
        let holder = holder(&format!("run {}", run.id));
        let lock = match lock(self.state, &key, &holder, false, self.console).await {
            Ok(lock) => Some(lock),
            Err(error) if error.code == ExitCode::Locked && wait => None,
            Err(error) => return Err(error),
        };
        let engine = load(self.store, &run.id).await?;
        let hold = match lock {
            Some(lock) => {
                if let Some(error) = obstacle(self.store, &run.id, &engine).await? {
                    return Err(error);
                }
                let replacement = self.replacement(&run.id, &engine).await?;
                self.refuse_without_secrets(&engine, replacement.as_ref()).await?;
                Hold::Ours(lock, replacement.map(Box::new))
            }
            None => Hold::Busy,
        };
        let buys = buys(engine.plan()) || matches!(&hold, Hold::Ours(_, Some(_)));
        let may_order = buys && !run.sandbox && !engine.state().may_have_ordered();
        Ok((Member { row, run: run.id.clone(), may_order, key, hold }, engine))
    }

    async fn replacement(
        &self,
        run: &RunId,
        engine: &Engine,
    ) -> Result<Option<Replacement>, CliError> {
        if !self.explain {
            return Ok(None);
        }
        let replacement = compare(engine, self.use_current_plan, self.console)?;
        if let Some(Replacement { plan, .. }) = &replacement
            && let Some(error) = obstacle_of_replacement(self.store, run, engine, plan).await?
        {
            return Err(error);
        }
        Ok(replacement)
    }

    /// A run that has not ordered goes on only when every secret is there that its steps will need.
    async fn refuse_without_secrets(
        &self,
        engine: &Engine,
        replacement: Option<&Replacement>,
    ) -> Result<(), CliError> {
        let state = engine.state();
        if state.may_have_ordered() {
            return Ok(());
        }
        let plan = replacement.map_or_else(|| engine.plan(), |replacement| &replacement.plan);
        let imitated = Imitated::of(state.header.sandbox, self.really_act);
        let needed = of_recorded_run(engine, plan, imitated);
        self.search.look(&needed, true).await.refusal().map_or(Ok(()), Err)
    }

    /// The run as the batch drives it, in a world of its own; or why it cannot go on.
    pub(super) async fn ready(&self, member: Member, driver: &Driver) -> Result<BatchRun, Outcome> {
        let Member { run, key, hold, .. } = member;
        match hold {
            Hold::Ours(lock, replacement) => {
                if let Err(error) = follow(driver, &run, replacement.map(|boxed| *boxed)).await {
                    let outcome = Outcome::refused(error.code, error.message);
                    return Err(Outcome { run: Some(run), ..outcome });
                }
                Ok(BatchRun::ours(run, lock))
            }
            Hold::Busy => {
                let (state, store) = (self.state.clone(), Arc::clone(self.store));
                let (console, driver) = (self.console.clone(), driver.clone());
                let (explain, use_current_plan) = (self.explain, self.use_current_plan);
                let (really_act, search) = (self.really_act, self.search.clone());
                let id = run.clone();
                let turn = async move {
                    let (state, store, console) = (&state, &store, &console);
                    let search = &search;
                    let place = Place {
                        state,
                        store,
                        console,
                        use_current_plan,
                        explain,
                        really_act,
                        search,
                    };
                    place.turn(&id, &key, &driver).await.map_err(|error| error.message)
                };
                Ok(BatchRun::waiting(run, Box::pin(turn)))
            }
        }
    }

    /// Waits until whoever works on the target is done, and looks what has become of the run.
    async fn turn(
        &self,
        run: &RunId,
        key: &TargetKey,
        driver: &Driver,
    ) -> Result<TargetLock, CliError> {
        let holder = holder(&format!("run {run}"));
        let lock = lock(self.state, key, &holder, true, self.console).await?;
        let engine = load(self.store, run).await?;
        if let Some(error) = obstacle(self.store, run, &engine).await? {
            return Err(error);
        }
        let replacement = self.replacement(run, &engine).await?;
        self.refuse_without_secrets(&engine, replacement.as_ref()).await?;
        follow(driver, run, replacement).await?;
        Ok(lock)
    }
}

/// Lets a run follow another plan from here on.
async fn follow(
    driver: &Driver,
    run: &RunId,
    replacement: Option<Replacement>,
) -> Result<(), CliError> {
    if let Some(Replacement { stored, event, .. }) = replacement {
        let mut engine = driver.load(run).await?;
        driver.replace_plan(run, &mut engine, stored, event).await?;
    }
    Ok(())
}
