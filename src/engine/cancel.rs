//! How a run is ended by a person, and when it cannot be.

use super::Engine;
use crate::run::{EventKind, RunPhase, RunResult};
use crate::types::StepId;

/// Why a run cannot be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefusal {
    /// It has done what it was to do.
    #[error("it has succeeded; there is nothing to cancel")]
    Succeeded,
    /// It was cancelled before.
    #[error("it was cancelled before")]
    Cancelled,
    /// An order may be under way, and only this run can tell which certificate is its own.
    #[error("what became of the order of step `{0}` is not known")]
    Unanswered(StepId),
}

impl Engine {
    /// The events that end the run on our side, for good. What the vendor has of it stays as it is.
    ///
    /// An order whose answer is unknown must be settled first: without its run nobody could tell
    /// any more whose it is, and the next order for the same names would be a second one.
    pub fn cancel(
        &self,
        program: &str,
        reason: Option<String>,
    ) -> Result<Vec<EventKind>, CancelRefusal> {
        match self.state.phase {
            RunPhase::Cancelled => return Err(CancelRefusal::Cancelled),
            RunPhase::Finished(RunResult::Succeeded) => return Err(CancelRefusal::Succeeded),
            RunPhase::Running | RunPhase::Paused(_) | RunPhase::Finished(RunResult::Failed) => {}
        }
        match self.state.unanswered() {
            Some(step) => Err(CancelRefusal::Unanswered(step.clone())),
            None => Ok(vec![EventKind::RunCancelled { program: program.to_owned(), reason }]),
        }
    }
}
