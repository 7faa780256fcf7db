//! What is to be done about a target: nothing, go on with a run, or start a new one, and why.
//!
//! [`decide`] looks at the runs that a target has had, at what its plan asks for today, and at the
//! clock that it is given. It starts nothing and reads no file: the same question gets the same
//! answer, in a preview as in a batch.

mod decision;
mod drift;
mod due;
mod in_place;
mod issued;
mod leftover;

pub use decision::{Decision, PastRun, Remedy, StartReason, Wanted, decide, order_anew};
pub use drift::{Change, changes};
pub use due::{DuePolicy, DuePolicyError};
pub use in_place::InPlace;
pub use issued::Issued;
pub use leftover::{Claims, NamedRecord, RecordNeed, RunClaims};
