//! `TestFile` and `Case`: what is played, and what shall come of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::expectation::Expectation;
use super::imitation::Imitations;
use crate::document::{Position, SourceFile};
use crate::plan::Plan;
use crate::sandbox::Scenario;

/// The cases of one plan.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The plan as written.
    pub plan_source: SourceFile,
    /// The cases, in the order of the file; each has a name of its own.
    pub cases: Vec<Case>,
}

/// One run of the plan in a world of its own.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, fit to print.
    pub name: String,
    /// Where it stands in the file.
    pub place: Position,
    /// The values of the plan's inputs, defaults included.
    pub inputs: Map<String, Value>,
    /// How the world differs from the usual one.
    pub scenario: Scenario,
    /// What stands for programs and servers that the sandbox does not imitate.
    pub imitate: Imitations,
    /// Virtual time that the whole case may take.
    pub limit: Duration,
    /// Where the program is killed and started again.
    pub kill_at: Option<KillAt>,
    /// What shall come of the run when it first stands still.
    pub expect: Expectation,
    /// How it is resumed after that, one time after the other.
    pub then: Vec<Act>,
}

/// A resumption of a run that stands still.
#[derive(Debug, Clone)]
pub struct Act {
    /// How long the run stands still before.
    pub after: Duration,
    /// What stands for programs and servers from then on, for the steps that it names.
    pub imitate: Imitations,
    /// What shall come of it.
    pub expect: Expectation,
}

/// Where the program is killed, each time in a fresh world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KillAt {
    /// After each event of the run.
    EveryEvent,
    /// After these events, counted from 1.
    Events(Vec<u32>),
}
