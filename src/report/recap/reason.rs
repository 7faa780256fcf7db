//! `standstill_reason`: why a run stands where it stands, in one line.

use crate::report::result::step_detail;
use crate::run::{RunPhase, RunResult, RunState, StepState};

/// The one thing that somebody should know about a run that is not being worked on.
///
/// Of several failed steps the first in the order of the plan: later ones may follow from it.
pub fn standstill_reason(state: &RunState) -> String {
    let wanted: fn(&StepState) -> bool = match state.phase {
        RunPhase::Finished(RunResult::Succeeded) => return String::new(),
        RunPhase::Finished(RunResult::Failed) => |step| matches!(step, StepState::Failed { .. }),
        RunPhase::Paused(crate::run::PauseReason::Parked) => {
            |step| matches!(step, StepState::Parked { .. })
        }
        RunPhase::Paused(crate::run::PauseReason::InDoubt) => {
            |step| matches!(step, StepState::InDoubt { .. })
        }
        _ => |step| {
            matches!(
                step,
                StepState::Started(_)
                    | StepState::Sent { .. }
                    | StepState::Waiting { .. }
                    | StepState::Retrying { .. }
                    | StepState::Unknown { .. }
            )
        },
    };
    let found = state.steps.iter().find(|(_, record)| wanted(&record.state));
    found.map_or_else(String::new, |(id, record)| {
        let detail = step_detail(&record.state);
        if detail.is_empty() { format!("at `{id}`") } else { format!("{id}: {detail}") }
    })
}
