//! A run as recorded facts: its events, and the state that is their fold.
//!
//! Pure: no clock, no files, no network. The same transition table serves a live run and a replay.

mod event;
mod intent;
mod outcome;
mod put_back;
mod state;
mod tagged;
#[cfg(test)]
pub(crate) mod testing;
mod transition;

pub use event::{
    BindingKind, Event, EventKind, PauseReason, PlanReference, ReopenReason, RunHeader, RunResult,
    StopReason, Values,
};
pub use intent::{Intent, KnownReissue, OrderIntent, OrganizationIntent, ReissueIntent};
pub use outcome::{
    BoundCertificate, Call, Candidate, Destination, ErrorKind, Observation, Outcome, ParkReason,
    Retry, StepError, WaitsFor,
};
pub use put_back::PutBack;
pub use state::{FoldError, Parked, RunPhase, RunState, StepRecord};
pub use transition::{Attempt, IllegalTransition, ParkedFor, StepHistory, StepState};
