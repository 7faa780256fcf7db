//! `certplan resume` for many runs: each goes on in its own world, all of them at the same time.
//!
//! One after the other would not do: a run that waits for the CA may wait for days, and those behind
//! it would never be looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::arguments::ResumeArguments;
use super::super::budget::Budgets;
use super::super::connections::Settings;
use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::super::interrupt::watch_signals;
use super::super::open_files;
use super::super::plan_edits::{Replacement, compare};
use super::super::resume::{load, obstacle, obstacle_of_replacement};
use super::super::sandbox_scenario::SCENARIO;
use super::super::session::{Session, holder, lock};
use super::super::state_directory::StateDirectory;
use super::display::Display;
use super::driving::{DEFAULT_JOBS, Lineup};
use super::outcome::Outcome;
use super::recap::{Done, Telling, conclude};
use crate::driver::{BatchSettings, Member};
use crate::engine::Engine;
use crate::report::RecapResult;
use crate::store::{RunSummary, SqliteStore, TargetKey, TargetLock};
use crate::types::{BatchId, RunId, Timestamp};
use crate::upkeep::DuePolicy;

/// The world that a run acts in: the embedded sandbox, or addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    sandbox: bool,
    endpoints: BTreeMap<String, String>,
    /// Where the keys come from, as the stored plan says.
    connections: String,
}

/// The runs of one world.
#[derive(Default)]
struct Party {
    lineup: Lineup,
    /// What follows another plan from here on.
    replacements: Vec<(RunId, Replacement)>,
    /// One of them; they are alike in what makes a world.
    latest: Option<Engine>,
}

/// Of so many runs it is explained what an edited plan means for them.
const EXPLAINED: usize = 5;

/// Goes on with all of `runs` at the same time.
pub(in crate::cli) async fn go_on_with_many(
    runs: Vec<RunSummary>,
    arguments: &ResumeArguments,
    settings: &Settings,
    state: &StateDirectory,
    store: &Arc<SqliteStore>,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let began_at = Timestamp::now();
    open_files::allow_many(DEFAULT_JOBS.min(runs.len()), None)?;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(runs.len());
    let mut worlds: BTreeMap<World, Party> = BTreeMap::new();
    // A thousand explanations of one edited file help nobody.
    let explain = arguments.use_current_plan || runs.len() <= EXPLAINED;
    let mut expected = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        outcomes.push(Outcome::settled(RecapResult::NotStarted, "it was not reached".to_owned()));
        let ready = prepare(run, arguments, explain, state, store, console).await;
        let (lock, engine, replacement) = match ready {
            Ok(ready) => ready,
            Err(refused) => {
                if let Some(outcome) = outcomes.get_mut(place) {
                    *outcome = Outcome { run: Some(run.id.clone()), ..refused };
                }
                continue;
            }
        };
        let header = &engine.state().header;
        let mut endpoints = header.endpoints.clone();
        // The embedded sandbox is one world, wherever it listened; its scenario makes the rules.
        endpoints.retain(|name, _| !header.sandbox || name == SCENARIO);
        let connections = format!("{:?}", engine.plan().connections);
        let world = World { sandbox: header.sandbox, endpoints, connections };
        let party = worlds.entry(world).or_default();
        party.lineup.add(place, Member::Existing(run.id.clone()), Some(lock));
        party.replacements.extend(replacement.map(|replacement| (run.id.clone(), replacement)));
        party.latest = Some(engine);
        expected.push((run.id.clone(), run.target.clone()));
    }
    let batch = BatchId::from_random(uuid::Uuid::new_v4().as_u64_pair().0);
    let settled = runs.len() - expected.len();
    console.talk(&format!("batch {batch}: {} runs to go on with", expected.len()));
    let display = Display::new(console, runs.len(), settled);
    expected.iter().for_each(|(run, target)| display.expect(run, target));
    let budgets = Budgets::new(state, settings, console)?;
    display.watch(budgets.opened());
    let stop = watch_signals(console)?;
    // The world of the embedded sandbox is one at a time.
    let embedded = tokio::sync::Mutex::new(());
    let driven = worlds.into_iter().enumerate().map(|(number, (world, party))| {
        let (display, budgets, stop) = (&display, &budgets, stop.clone());
        let embedded = &embedded;
        // Each world is a batch of its own in the store; the first carries the name.
        let id = match number {
            0 => batch.clone(),
            _ => BatchId::from_random(uuid::Uuid::new_v4().as_u64_pair().0),
        };
        async move {
            let _turn = if world.sandbox { Some(embedded.lock().await) } else { None };
            let observer = display.observer();
            let Some(engine) = &party.latest else { return Ok(Vec::new()) };
            let session =
                Session::of_world(state, store, engine, settings, observer, budgets, console)
                    .await?
                    .acting(arguments.really_act);
            for (run, Replacement { stored, event, .. }) in party.replacements {
                let mut engine = session.driver.load(&run).await?;
                session.driver.replace_plan(&run, &mut engine, stored, event).await?;
            }
            let plain = BatchSettings {
                program: super::super::PROGRAM.to_owned(),
                ..BatchSettings::default()
            };
            let session = session.in_batch(state, DEFAULT_JOBS, None);
            party.lineup.drive(&id, session, &plain, display, stop).await
        }
    });
    for ends in futures_util::future::join_all(driven).await {
        for (place, end) in ends? {
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = end;
            }
        }
    }
    let rows = runs.into_iter().zip(outcomes);
    let rows = rows.map(|(run, outcome)| outcome.row(run.target, run.plan)).collect();
    let done = Done { batch: Some(batch), rows, began_at, requests: display.counts() };
    let telling = Telling {
        form: Telling::form(None, arguments.output.output),
        metrics_file: None,
        policy: DuePolicy::default(),
        settings: Settings::default(),
        sandbox: false,
    };
    conclude(done, &telling, state, store.as_ref(), console).await
}

/// Locks and reads a run; says why it cannot go on.
async fn prepare(
    run: &RunSummary,
    arguments: &ResumeArguments,
    explain: bool,
    state: &StateDirectory,
    store: &Arc<SqliteStore>,
    console: &Console,
) -> Result<(TargetLock, Engine, Option<Replacement>), Outcome> {
    let key =
        TargetKey { plan: run.plan.clone(), target: run.target.clone(), sandbox: run.sandbox };
    let failed = |error: CliError| {
        let result = match error.code {
            ExitCode::Locked => RecapResult::Locked,
            _ => RecapResult::Failed,
        };
        Outcome::settled(result, error.message)
    };
    let holder = holder(&format!("run {}", run.id));
    let lock = lock(state, &key, &holder, arguments.wait.wait, console).await.map_err(failed)?;
    let engine = load(store, &run.id).await.map_err(failed)?;
    if let Some(error) = obstacle(store, &run.id, &engine).await.map_err(failed)? {
        return Err(failed(error));
    }
    let replacement = match explain {
        true => compare(&engine, arguments.use_current_plan, console).map_err(failed)?,
        false => None,
    };
    if let Some(replacement) = &replacement
        && let Some(error) = obstacle_of_replacement(store, &run.id, &engine, &replacement.plan)
            .await
            .map_err(failed)?
    {
        return Err(failed(error));
    }
    Ok((lock, engine, replacement))
}

/// The runs of a batch, in its order.
pub(in crate::cli) async fn runs_of_batch(
    store: &SqliteStore,
    batch: &str,
    runs: Vec<RunSummary>,
) -> Result<Vec<RunSummary>, CliError> {
    use crate::store::Store as _;
    let id = BatchId::parse(batch).map_err(|error| CliError::usage(error.to_string()))?;
    let members: Vec<RunId> = store.batch_runs(&id).await?;
    let mut by_id: std::collections::HashMap<RunId, RunSummary> =
        runs.into_iter().map(|run| (run.id.clone(), run)).collect();
    Ok(members.iter().filter_map(|id| by_id.remove(id)).collect())
}
