//! Runs for tests: a header and a fold in which only what a test is about need be said.

use std::collections::BTreeMap;

use super::{Event, EventKind, PlanReference, RunHeader, RunState};
use crate::types::{StepId, Timestamp};

/// A run of the plan `dv` for the target `a`, with these steps.
pub(crate) fn header(steps: impl IntoIterator<Item = StepId>) -> RunHeader {
    RunHeader {
        plan: PlanReference {
            name: "dv".to_owned(),
            file: "dv.yaml".to_owned(),
            digest: String::new(),
        },
        target: "a".to_owned(),
        inputs: serde_json::Map::new(),
        steps: steps.into_iter().collect(),
        endpoints: BTreeMap::new(),
        sandbox: false,
        directory: String::new(),
        semantics: 1,
        program: "certplan".to_owned(),
        earlier_runs: Vec::new(),
        orders_known: None,
    }
}

/// The run that began so, and to which then this happened, all of it at the epoch.
pub(crate) fn run(header: RunHeader, kinds: impl IntoIterator<Item = EventKind>) -> RunState {
    let kinds = std::iter::once(EventKind::RunStarted(header)).chain(kinds);
    let at = Timestamp::UNIX_EPOCH;
    let events = kinds.zip(1..).map(|(kind, sequence)| Event { sequence, at, kind });
    RunState::fold(&events.collect::<Vec<_>>()).unwrap()
}
