//! `Budget`: the gate that keeps a connection within what its service allows, for all runs of all
//! programs that use it together.
//!
//! The decisions are pure (`window`, `condition`, `ledger`, `queue`): when may the next request go,
//! and whose is it? Around them is little: a file that programs share, a queue that people wait in,
//! one timer. It delays requests; it never repeats one, and knows nothing of what they say.

mod condition;
mod counts;
mod file;
mod gate;
mod ledger;
mod pause;
mod queue;
mod standing;
#[cfg(test)]
mod tests;
mod window;

pub use counts::RequestCounts;
pub use file::{budget_file, budget_place};
pub use gate::{Budget, BudgetSettings, DEFAULT_JOBS, Jitter};
pub use pause::{Pause, PauseFile};
pub use standing::{Standing, Usage, shared_budgets};
pub use window::{Window, Windows, WindowsError};

/// Microseconds since 1970.
type Micros = i64;
