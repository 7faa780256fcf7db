//! `CaseResult`: what came of a case, for whoever shows it.

use std::time::Duration;

use super::kill::Kill;
use crate::document::Position;
use crate::run::{Event, RunPhase};
use crate::sandbox::LoggedRequest;
use crate::trial::{Case, Mismatch};
use crate::types::StepId;

/// Why a case could not be played to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no world to play it in.
    #[error("{0}")]
    World(String),
    /// The run could not be driven.
    #[error("the run broke off: {0}")]
    Drive(String),
    /// The run would go on for longer than the case may take.
    #[error("after {0} of virtual time the run still waits; `limit` bounds a case")]
    Limit(String),
    /// A step acts on what is not imitated, and the case does not say what comes of it.
    #[error(
        "the step `{step}` (`{uses}`) acts outside of the imitated world, and the case does not say \
         what comes of it: add `imitate: {{ {step}: succeeds }}`, or another answer, or `really`"
    )]
    NotImitated {
        /// The step.
        step: StepId,
        /// Its action.
        uses: String,
    },
    /// It takes too much real time.
    #[error("the run still goes on after {0} of real time")]
    Stuck(String),
}

/// What came of a case.
#[derive(Debug)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Where it stands in its file.
    pub place: Position,
    /// Why it could not be played.
    pub problem: Option<Problem>,
    /// Each time that the run stood still.
    pub stands: Vec<Stand>,
    /// What came of the kills, when there were any.
    pub kills: Option<Kills>,
    /// What happened.
    pub recording: Option<Recording>,
    /// How long its performances took, in real time, waiting for room not counted.
    pub took: Duration,
}

/// A run that stands still, held against what was expected.
#[derive(Debug)]
pub struct Stand {
    /// How it stands.
    pub phase: RunPhase,
    /// What is not as expected.
    pub mismatches: Vec<Mismatch>,
}

/// What came of killing the program.
#[derive(Debug)]
pub struct Kills {
    /// How many there were.
    pub number: usize,
    /// Those that the run did not survive.
    pub failures: Vec<KillFailure>,
}

/// A kill that changed what came of the run.
#[derive(Debug)]
pub struct KillFailure {
    /// The kill.
    pub kill: Kill,
    /// What it changed.
    pub what: String,
    /// What happened, when it was played.
    pub recording: Option<Recording>,
}

/// What happened in one play. Texts that differ from play to play are replaced.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The events of the run.
    pub events: Vec<Event>,
    /// The requests that the sandbox saw.
    pub requests: Vec<LoggedRequest>,
}

impl CaseResult {
    pub(super) fn new(case: &Case) -> Self {
        Self {
            name: case.name.clone(),
            place: case.place,
            problem: None,
            stands: Vec::new(),
            kills: None,
            recording: None,
            took: Duration::ZERO,
        }
    }

    /// Whether everything is as expected.
    pub fn is_good(&self) -> bool {
        self.problem.is_none()
            && self.stands.iter().all(|stand| stand.mismatches.is_empty())
            && self.kills.as_ref().is_none_or(|kills| kills.failures.is_empty())
    }
}
