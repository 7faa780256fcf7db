//! `Engine`: decides what happens next in one run. It does nothing itself.
//!
//! It is a pure state machine: no clock, no files, no network, no chance; `now` is a parameter. The
//! driver asks for decisions, stores them as events, and only then gives them back to be applied;
//! what is to be done is read off the applied state. So a command can only exist as a consequence
//! of recorded events.

mod advance;
mod another_turn;
mod asked_anew;
mod cancel;
mod command;
mod outcome;
mod plan_change;
mod preview;
mod rendering;
mod reopen;
mod resume;
#[cfg(test)]
mod tests;
mod undo;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use another_turn::LeftAsItIs;
pub use asked_anew::asked_anew;
pub use cancel::CancelRefusal;
pub use command::{Command, Poll};
pub use plan_change::StepChange;
pub use preview::{Answer, Prospect, Refusal, StepPreview, preview, preview_with_refusals};

use crate::graph::{CycleError, StepGraph};
use crate::plan::{Plan, Repeat, Signature, Step, find_signature};
use crate::run::{Event, EventKind, FoldError, RunHeader, RunState, StepState};
use crate::types::{RunId, StepId, Timestamp};

/// The number of the rules in this module. A run keeps the number it began with; a program that no
/// longer has those rules must refuse the run instead of guessing.
pub const SEMANTICS: u32 = 1;

/// Times that the engine's rules use and a plan does not.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// After a lost answer: how long to wait before the server is first asked what exists.
    pub first_look_delay: Duration,
    /// How long "nothing found" must hold before an order is sent again: the vendor's list may lag
    /// behind, and how far is not known (contract E.1).
    pub settling_delay: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { first_look_delay: Duration::from_secs(2), settling_delay: Duration::from_secs(60) }
    }
}

/// One run: its plan, its state, and what is due when.
#[derive(Debug)]
pub struct Engine {
    run: RunId,
    plan: Arc<Plan>,
    graph: StepGraph,
    state: RunState,
    settings: EngineSettings,
    /// When waiting steps look again. Not recorded while a look shows nothing new: an order in
    /// vetting is looked at thousands of times.
    next_looks: BTreeMap<StepId, Timestamp>,
    /// How often in a row the server could not be asked what became of an order.
    failed_looks: BTreeMap<StepId, u32>,
}

/// Why the engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The events do not make a run.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The stored plan has a cycle, which no compiler lets through.
    #[error(transparent)]
    Cycle(#[from] CycleError),
    /// The run follows rules that this program does not have.
    #[error("the run follows rules {found} of the engine; this program has rules {SEMANTICS}")]
    Semantics {
        /// The number of the run.
        found: u32,
    },
    /// The stored plan does not fit the events.
    #[error("the run has step `{0}`, which its stored plan does not have")]
    StepNotInPlan(StepId),
    /// The plan names an action that this program does not have.
    #[error("step `{step}` uses `{action}`, which this program does not have")]
    UnknownAction {
        /// The step.
        step: StepId,
        /// The action.
        action: String,
    },
    /// An outcome came that nobody asked for; a fault of this program.
    #[error("step `{step}`, which is {state}, cannot take the outcome `{outcome}`")]
    UnexpectedOutcome {
        /// The step.
        step: StepId,
        /// Its state.
        state: &'static str,
        /// The outcome's name.
        outcome: &'static str,
    },
}

impl Engine {
    /// The engine of a new run. Its first event must be stored before anything is done.
    pub fn start(
        run: RunId,
        plan: Arc<Plan>,
        header: RunHeader,
        settings: EngineSettings,
        now: Timestamp,
    ) -> Result<(Self, Event), EngineError> {
        let event = Event { sequence: 1, at: now, kind: EventKind::RunStarted(header) };
        let engine = Self::load(run, plan, std::slice::from_ref(&event), settings)?;
        Ok((engine, event))
    }

    /// The engine of a stored run, as its events left it.
    pub fn load(
        run: RunId,
        plan: Arc<Plan>,
        events: &[Event],
        settings: EngineSettings,
    ) -> Result<Self, EngineError> {
        let state = RunState::fold(events)?;
        if state.header.semantics != SEMANTICS {
            return Err(EngineError::Semantics { found: state.header.semantics });
        }
        for id in state.steps.keys() {
            let step = plan.steps.get(id).ok_or_else(|| EngineError::StepNotInPlan(id.clone()))?;
            signature(step)?;
        }
        let graph = plan.graph()?;
        Ok(Self {
            run,
            plan,
            graph,
            state,
            settings,
            next_looks: BTreeMap::new(),
            failed_looks: BTreeMap::new(),
        })
    }

    /// Puts decisions into the form in which they are stored.
    pub fn number(&self, kinds: Vec<EventKind>, now: Timestamp) -> Vec<Event> {
        // A clock that was set back must not make a run's history run backwards.
        let at = now.max(self.state.updated_at);
        let first = self.state.last_sequence + 1;
        kinds
            .into_iter()
            .zip(first..)
            .map(|(kind, sequence)| Event { sequence, at, kind })
            .collect()
    }

    /// Where events lead that are not stored yet. Fails when they do not fit the state.
    pub fn foresee(&self, events: &[Event]) -> Result<RunState, EngineError> {
        let mut state = self.state.clone();
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// The same with everything that follows from these events by itself, until something outside
    /// must happen. What follows is added to them, so that one write stores all of it.
    pub fn foresee_all(
        &mut self,
        events: &mut Vec<Event>,
        now: Timestamp,
    ) -> Result<RunState, EngineError> {
        let before = self.state.clone();
        let followed = self.follow(events, now);
        let foreseen = std::mem::replace(&mut self.state, before);
        followed.map(|()| foreseen)
    }

    fn follow(&mut self, events: &mut Vec<Event>, now: Timestamp) -> Result<(), EngineError> {
        for event in &*events {
            self.state.apply(event)?;
        }
        loop {
            let next = self.number(self.advance(now), now);
            if next.is_empty() {
                return Ok(());
            }
            for event in &next {
                self.state.apply(event)?;
            }
            events.extend(next);
        }
    }

    /// Enters the state that was foreseen for events which are stored by now.
    pub fn enter(&mut self, foreseen: RunState) {
        self.state = foreseen;
        let waits = |state: &RunState, step: &StepId| {
            state
                .steps
                .get(step)
                .is_some_and(|record| matches!(record.state, StepState::Waiting { .. }))
        };
        self.next_looks.retain(|step, _| waits(&self.state, step));
    }

    /// The run's state.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The run's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether an order of this step counts as sent, and its answer is not known yet.
    pub fn is_sent(&self, step: &StepId) -> bool {
        matches!(self.step_state(step), Some(StepState::Sent { .. }))
    }

    fn step_state(&self, id: &StepId) -> Option<&StepState> {
        self.state.steps.get(id).map(|record| &record.state)
    }

    fn is_finally(&self, id: &StepId) -> bool {
        self.plan.steps.get(id).is_some_and(|step| step.finally)
    }

    fn attempts(&self, id: &StepId) -> u32 {
        self.state.steps.get(id).map_or(0, |record| record.history.attempts)
    }
}

fn signature(step: &Step) -> Result<&'static Signature, EngineError> {
    find_signature(&step.uses).ok_or_else(|| EngineError::UnknownAction {
        step: step.id.clone(),
        action: step.uses.clone(),
    })
}

fn is_reconciled(step: &Step) -> bool {
    find_signature(&step.uses).is_some_and(|signature| signature.repeat == Repeat::Reconcile)
}

fn obtains_certificate(step: &Step) -> bool {
    find_signature(&step.uses).is_some_and(Signature::obtains_certificate)
}
