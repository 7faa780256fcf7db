//! The end of `run` and `resume`: what was achieved, what to do next, which exit code.

use std::sync::Arc;

use super::arguments::OutputFormat;
use super::console::Console;
use super::error::{CliError, may_be_the_plan, step_hint};
use super::exit::ExitCode;
use crate::plan::Plan;
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
    pub(super) fn new(
        run: &RunId,
        plan: &Plan,
        state: &RunState,
        sandbox_root: Option<String>,
    ) -> Self {
        Self {
            view: RunResultView::new(run, state, sandbox_root),
            hints: hints(run, plan, state),
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

fn hints(run: &RunId, plan: &Plan, state: &RunState) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    let mut by_the_plan = false;
    for (id, record) in &state.steps {
        let StepState::Failed { error } = &record.state else { continue };
        let uses = plan.steps.get(id).map_or("", |step| step.uses.as_str());
        by_the_plan |= may_be_the_plan(uses, error.kind);
        if let Some(hint) = step_hint(uses, error.kind)
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
            if by_the_plan {
                hints.push(format!(
                    "when the plan was wrong, mend its file: `certplan resume {run} \
                     --use-current-plan` goes on with the mended one"
                ));
            }
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

#[cfg(test)]
mod tests {
    use super::super::error::{may_be_the_plan, step_hint};
    use crate::run::ErrorKind;

    #[test]
    fn a_server_that_wants_a_token_is_not_taken_for_the_api() {
        let hint = step_hint("http.request", ErrorKind::Unauthorized).unwrap();
        assert!(hint.contains("secret_headers") && !hint.contains("REGFISH_API_KEY"), "{hint}");
        let hint = step_hint("regfish.create_order", ErrorKind::Unauthorized).unwrap();
        assert!(hint.contains("REGFISH_API_KEY"), "{hint}");
    }

    #[test]
    fn a_program_that_cannot_be_started_gets_a_hint_of_its_own() {
        let hint = step_hint("command.run", ErrorKind::File).unwrap();
        assert!(hint.contains("without a shell"), "{hint}");
        assert_eq!(step_hint("regfish.download", ErrorKind::File), None);
    }

    #[test]
    fn the_plan_is_doubted_only_where_it_can_be_wrong() {
        assert!(may_be_the_plan("command.run", ErrorKind::Refused));
        assert!(may_be_the_plan("regfish.create_order", ErrorKind::Value));
        assert!(!may_be_the_plan("regfish.create_order", ErrorKind::Unreachable));
        assert!(!may_be_the_plan("http.request", ErrorKind::RateLimited));
    }
}
