//! `certplan resume`: goes on with a run, from what is recorded.

use super::PROGRAM;
use super::arguments::{OutputFormat, ResumeArguments};
use super::connections::{self, Settings};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals;
use super::outcome;
use super::session::{Session, holder, progress, steps, target_key};
use super::state_directory::{StateDirectory, find_run, nothing_here};
use super::status::lines;
use crate::engine::{Engine, EngineSettings};
use crate::plan::Plan;
use crate::report::run_table;
use crate::run::{RunPhase, RunResult, RunState};
use crate::store::{SqliteStore, Store, StoreError};
use crate::types::RunId;

pub(super) async fn resume(
    arguments: ResumeArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let settings = Settings::parse(&arguments.settings.set)?;
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else { return Err(nothing_here(&state)) };
    let format = arguments.output.output;
    let Some(text) = &arguments.run else { return offer(&store, format, console).await };
    let run = find_run(&store, text).await?.id;

    // The lock comes first: what is read before it may be old by the time it is held.
    let key = target_key(&load(&store, &run).await?);
    let _lock = state.locks().lock(&key, &holder(&format!("run {run}")))?;
    let engine = load(&store, &run).await?;
    let recorded = engine.state();
    if recorded.phase == RunPhase::Finished(RunResult::Succeeded) {
        console.talk(&format!("run {run} has succeeded; there is nothing to go on with"));
        let root = recorded.header.sandbox.then(|| state.sandbox_root().display().to_string());
        return outcome::conclude(&run, recorded, root, format, console);
    }

    refuse_second_order(&store, &run, recorded).await?;

    let header = recorded.header.clone();
    console.talk(&format!("{} for {}: run {run}", header.plan.name, header.target));
    let observer = progress(console, steps(recorded));
    let session = if header.sandbox {
        let latest = Some(recorded.updated_at);
        Session::embedded(&state, store, latest, observer, console).await?
    } else {
        let base_url = match header.endpoints.get("regfish") {
            Some(recorded) => Some(connections::recorded_base_url(recorded, &settings)?),
            None => None,
        };
        Session::real(&state, store, engine.plan(), base_url, observer).await?
    };
    let stop = watch_signals(console)?;
    let mut engine = session.driver.load(&run).await?;
    session.driver.resume(&run, &mut engine, PROGRAM).await?;
    let engine = session.driver.drive(&run, engine, stop).await?;
    let code = outcome::conclude(&run, engine.state(), session.sandbox_root(), format, console);
    session.end().await;
    code
}

/// A run that has not ordered yet must not do so after another one did for the same target.
async fn refuse_second_order(
    store: &SqliteStore,
    run: &RunId,
    recorded: &RunState,
) -> Result<(), CliError> {
    if recorded.may_have_ordered() {
        return Ok(());
    }
    let header = &recorded.header;
    let other = store.list_runs().await?.into_iter().find(|other| {
        other.id != *run
            && other.started_at > recorded.started_at
            && other.certificate_id.is_some()
            && other.plan == header.plan.name
            && other.target == header.target
            && other.sandbox == header.sandbox
    });
    match other {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "run `{run}` has ordered nothing, and the later run `{}` has ordered for the same \
                 target since; going on would order a second certificate",
                other.id
            );
            let hint = format!("`certplan show {}` says what became of it", other.id);
            Err(CliError::usage(message).hint(hint))
        }
    }
}

/// The run as it is stored.
async fn load(store: &SqliteStore, run: &RunId) -> Result<Engine, CliError> {
    let stored = store.load_run(run).await?;
    let plan: Plan = serde_json::from_str(&stored.plan.compiled).map_err(|error| {
        StoreError::Corrupt { what: format!("the plan of run `{run}`"), reason: error.to_string() }
    })?;
    Engine::load(run.clone(), plan.into(), &stored.events, EngineSettings::default())
        .map_err(|error| crate::driver::DriveError::from(error).into())
}

/// Without a run: which ones could go on.
async fn offer(
    store: &SqliteStore,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let mut runs = store.list_runs().await?;
    runs.retain(|run| run.phase != RunPhase::Finished(RunResult::Succeeded).name());
    match format {
        OutputFormat::Json => console.json(&runs)?,
        OutputFormat::Text if runs.is_empty() => console.talk("no run has stopped on its way"),
        OutputFormat::Text => {
            for line in run_table(&lines(&runs), console.out_style()) {
                console.data(&line);
            }
            console.talk("go on with one of them: certplan resume RUN");
        }
    }
    Ok(ExitCode::Success)
}
