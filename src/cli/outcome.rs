//! The end of `run` and `resume`: what was achieved, what to do next, which exit code.

use std::sync::Arc;

use super::arguments::OutputFormat;
use super::console::Console;
use super::error::{CliError, step_hint};
use super::exit::ExitCode;
use crate::report::RunResultView;
use crate::run::{PauseReason, RunPhase, RunResult, RunState, StepRecord, StepState, WaitsFor};
use crate::types::RunId;

/// Where a run stands when the program is done with it.
pub(super) struct Ending {
    view: RunResultView,
    hints: Vec<String>,
    code: ExitCode,
}

impl Ending {
    pub(super) fn new(run: &RunId, state: &RunState, sandbox_root: Option<String>) -> Self {
        Self {
            view: RunResultView::new(run, state, sandbox_root),
            hints: hints(run, state),
            code: exit_code(state.phase),
        }
    }
}

/// Prints the result of one run and gives the exit code.
pub(super) fn conclude(
    ending: Ending,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    match format {
        OutputFormat::Json => console.json(&ending.view)?,
        OutputFormat::Text => print(&ending.view, console),
    }
    for hint in &ending.hints {
        console.talk(&format!("{} {hint}", console.talk_style().strong("hint:")));
    }
    Ok(ending.code)
}

fn print(view: &RunResultView, console: &Console) {
    console.talk("");
    for line in view.lines() {
        console.data(&line);
    }
}

/// The exit code that a phase means.
fn exit_code(phase: RunPhase) -> ExitCode {
    match phase {
        RunPhase::Finished(RunResult::Succeeded) => ExitCode::Success,
        RunPhase::Finished(RunResult::Failed) | RunPhase::Cancelled => ExitCode::Failed,
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
        RunPhase::Finished(RunResult::Succeeded) | RunPhase::Cancelled => {}
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
            let person = |record: &Arc<StepRecord>| {
                matches!(&record.state, StepState::Parked { reason }
                    if reason.waits_for == WaitsFor::Person)
            };
            if state.header.sandbox && state.steps.values().any(person) {
                hints.push(
                    "the sandbox ended with this program; `certplan sandbox --state-file \
                     .certplan/sandbox/world.json` serves its Console again"
                        .to_owned(),
                );
            }
            hints.push(format!("`certplan resume {run}` goes on{certificate}"));
        }
    }
    hints
}
