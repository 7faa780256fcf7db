//! `certplan status`: a line for each run.

use super::arguments::{OutputFormat, StatusArguments};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::pause::pause_line;
use super::state_directory::StateDirectory;
use crate::report::{RunLine, run_table};
use crate::run::RunPhase;
use crate::store::{RunSummary, Store, TargetKey};

pub(super) async fn status(
    arguments: StatusArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let mut runs = match state.open_for_looking()? {
        Some(store) => store.list_runs().await?,
        None => Vec::new(),
    };
    runs.iter_mut().for_each(|run| name_stopped(run, &state));
    if let Some(line) = pause_line(&state) {
        console.talk(&console.talk_style().waiting(&line));
    }
    match arguments.output.output {
        OutputFormat::Json => console.json(&runs)?,
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

/// A run that counts as running, and that nobody works on, was stopped without a word.
pub(super) fn name_stopped(run: &mut RunSummary, state: &StateDirectory) {
    let key =
        TargetKey { plan: run.plan.clone(), target: run.target.clone(), sandbox: run.sandbox };
    if run.phase == RunPhase::Running.name() && !state.locks().is_held(&key) {
        run.phase = "stopped".to_owned();
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
