//! `certplan status`: a line for each run.

use super::arguments::{OutputFormat, StatusArguments};
use super::batch::{DAMAGED, runs_of_batch};
use super::console::Console;
use super::doctor_state::forgotten_line;
use super::error::CliError;
use super::exit::ExitCode;
use super::standstill::standstill;
use super::state_directory::StateDirectory;
use crate::report::{RunLine, run_table};
use crate::run::RunPhase;
use crate::store::{FoldedRun, RunSummary, SqliteStore, Store, StoreError, TargetKey};
use crate::types::{Timestamp, printable};

pub(super) async fn status(
    arguments: StatusArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let states = states(&arguments.only)?;
    let store = state.open_for_looking()?;
    let mut runs = match &store {
        Some(store) => read_all(store.as_ref()).await?,
        None => Vec::new(),
    };
    if let (Some(batch), Some(store)) = (&arguments.batch, &store) {
        runs = runs_of_batch(store.as_ref(), batch, runs).await?;
    }
    runs.iter_mut().for_each(|run| name_stopped(run, &state));
    let all = runs.len();
    runs.retain(|run| {
        (states.is_empty() || states.contains(&run.phase.as_str()))
            && arguments.plan.as_ref().is_none_or(|plan| *plan == run.plan)
            && arguments.target.as_ref().is_none_or(|text| run.target.contains(text.as_str()))
    });
    if let Some(store) = &store
        && let Some(line) = forgotten_line(store).await
    {
        console.talk(&console.talk_style().bad(&line));
    }
    for line in standstill(&state, Timestamp::now()) {
        console.talk(&console.talk_style().waiting(&line));
    }
    match arguments.output.output {
        OutputFormat::Json => console.json(&runs)?,
        OutputFormat::Text if runs.is_empty() && all > 0 => {
            console.talk(&format!("none of {all} runs is of that kind"));
        }
        OutputFormat::Text if runs.is_empty() => {
            console.talk(&format!("no runs in `{}`", state.path().display()));
        }
        OutputFormat::Text => {
            for line in run_table(&lines(&runs), console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}

/// The line of each run. What it says is not trusted where the run itself cannot be read.
async fn read_all(store: &SqliteStore) -> Result<Vec<RunSummary>, StoreError> {
    let runs = store.fold_runs().await?.into_iter();
    let line = |(mut run, state): (RunSummary, FoldedRun)| {
        if state.is_err() {
            run.phase = DAMAGED.to_owned();
        }
        run
    };
    Ok(runs.map(line).collect())
}

/// Where runs can stand, as people write it and as it is shown.
const STATES: [(&str, &str); 9] = [
    ("running", "running"),
    ("stopped", STOPPED),
    ("parked", "parked"),
    ("in-doubt", "in doubt"),
    ("interrupted", "interrupted"),
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
    ("damaged", DAMAGED),
];

/// A run that nobody works on although it counts as running.
const STOPPED: &str = "stopped";

fn states(wanted: &[String]) -> Result<Vec<&'static str>, CliError> {
    let state = |word: &String| {
        let found = STATES.iter().find(|(name, _)| *name == word.trim());
        found.map(|(_, shown)| *shown).ok_or_else(|| {
            let known: Vec<&str> = STATES.iter().map(|(name, _)| *name).collect();
            CliError::usage(format!("`--only`: no run is ever `{}`", printable(word)))
                .hint(format!("runs are {}", known.join(", ")))
        })
    };
    wanted.iter().map(state).collect()
}

/// A run that counts as running, and that nobody works on, was stopped without a word.
pub(super) fn name_stopped(run: &mut RunSummary, state: &StateDirectory) {
    let key =
        TargetKey { plan: run.plan.clone(), target: run.target.clone(), sandbox: run.sandbox };
    if run.phase == RunPhase::Running.name() && !state.locks().is_held(&key) {
        run.phase = STOPPED.to_owned();
    }
}

/// What the table shows of each run.
pub(super) fn lines(runs: &[RunSummary]) -> Vec<RunLine> {
    let line = |run: &RunSummary| RunLine {
        run: run.id.clone(),
        phase: run.phase.clone(),
        plan: run.plan.clone(),
        target: run.target.clone(),
        sandbox: run.sandbox,
        certificate_id: run.certificate_id.clone(),
        updated_at: run.updated_at,
    };
    runs.iter().map(line).collect()
}
