//! The end of `run` and `resume`: what was achieved, what to do next, which exit code.

use super::arguments::OutputFormat;
use super::console::Console;
use super::error::{CliError, step_hint};
use super::exit::ExitCode;
use crate::report::RunResultView;
use crate::run::{PauseReason, RunPhase, RunResult, RunState, StepState};
use crate::types::RunId;

/// Prints the result and gives the exit code.
pub(super) fn conclude(
    run: &RunId,
    state: &RunState,
    sandbox_root: Option<String>,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let view = RunResultView::new(run, state, sandbox_root);
    match format {
        OutputFormat::Json => console.json(&view)?,
        OutputFormat::Text => {
            console.talk("");
            for line in view.lines() {
                console.data(&line);
            }
        }
    }
    for hint in hints(run, state) {
        console.talk(&format!("{} {hint}", console.talk_style().strong("hint:")));
    }
    Ok(exit_code(state.phase))
}

/// The exit code that a phase means.
pub(super) fn exit_code(phase: RunPhase) -> ExitCode {
    match phase {
        RunPhase::Finished(RunResult::Succeeded) => ExitCode::Success,
        RunPhase::Finished(RunResult::Failed) => ExitCode::Failed,
        RunPhase::Paused(PauseReason::Parked) => ExitCode::Parked,
        RunPhase::Paused(PauseReason::InDoubt) => ExitCode::InDoubt,
        RunPhase::Paused(PauseReason::Interrupted) | RunPhase::Running => ExitCode::Interrupted,
    }
}

fn hints(run: &RunId, state: &RunState) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for record in state.steps.values() {
        if let StepState::Failed { error } = &record.state
            && let Some(hint) = step_hint(error.kind)
            && !hints.iter().any(|known| known == hint)
        {
            hints.push(hint.to_owned());
        }
    }
    let certificate = match &state.certificate_id {
        Some(id) => format!(" under certificate {id}"),
        None => String::new(),
    };
    match state.phase {
        RunPhase::Finished(RunResult::Succeeded) => {}
        RunPhase::Finished(RunResult::Failed) => {
            hints.push(format!("`certplan resume {run}` tries what failed again{certificate}"));
        }
        RunPhase::Paused(PauseReason::InDoubt) => {
            hints.push(format!(
                "nothing is ordered again by itself; `certplan resume {run}` asks the API once more"
            ));
            hints.push(format!(
                "look at the Console: `certplan adopt {run} --certificate-id ID` takes an order \
                 over, `certplan adopt {run} --none` says that there is none"
            ));
        }
        RunPhase::Paused(PauseReason::Parked | PauseReason::Interrupted) | RunPhase::Running => {
            hints.push(format!("`certplan resume {run}` goes on{certificate}"));
        }
    }
    hints
}
