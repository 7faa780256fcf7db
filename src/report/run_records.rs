//! `RunRecord`: a DNS record that a run has put, whose it is, and what became of it.
//!
//! Read from what the steps have recorded; nobody is asked. What `certplan gc` or a person deleted
//! later is not known here.

use serde::Serialize;
use serde_json::Value;

use crate::run::RunState;
use crate::types::printable;

/// A record that a step of the run has made sure of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// Its full name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it points to.
    pub value: String,
    /// The step that wanted it.
    pub step: String,
    /// Whether this run made it; otherwise it was there, and is left alone.
    pub made: bool,
    /// The step that deleted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<String>,
}

impl RunRecord {
    /// Whether the run has left it behind.
    pub fn is_left(&self) -> bool {
        self.made && self.deleted_by.is_none()
    }

    /// Whose it is and what became of it.
    pub fn fate(&self) -> String {
        match (&self.deleted_by, self.made) {
            (Some(step), _) => format!("made by `{}`, deleted by `{step}`", self.step),
            (None, true) => format!("made by `{}`", self.step),
            (None, false) => format!("was there before `{}`; not ours", self.step),
        }
    }
}

/// The records of a run, in the order of its steps.
pub fn run_records(state: &RunState) -> Vec<RunRecord> {
    let mut records: Vec<RunRecord> = Vec::new();
    for (step, record) in listed(state, "records") {
        // Only the step that puts records says whether it made them.
        let Some(made) = record.get("created").and_then(Value::as_bool) else { continue };
        let [name, kind, value] = identity(record);
        let (step, deleted_by) = (step.to_owned(), None);
        records.push(RunRecord { name, kind, value, step, made, deleted_by });
    }
    for (step, gone) in listed(state, "deleted") {
        let gone = identity(gone);
        let same = |record: &&mut RunRecord| {
            [&record.name, &record.kind, &record.value] == [&gone[0], &gone[1], &gone[2]]
        };
        for record in records.iter_mut().filter(same) {
            record.deleted_by = Some(step.to_owned());
        }
    }
    records
}

/// The items of a list in the outputs of the steps, with the step.
fn listed<'s>(state: &'s RunState, field: &'s str) -> impl Iterator<Item = (&'s str, &'s Value)> {
    state.steps.keys().flat_map(move |step| {
        let items = state.output(step).and_then(|output| output.get(field)?.as_array());
        items.into_iter().flatten().map(move |item| (step.as_str(), item))
    })
}

/// Name, type and value, fit to print.
fn identity(record: &Value) -> [String; 3] {
    ["name", "type", "value"]
        .map(|field| printable(record.get(field).and_then(Value::as_str).unwrap_or("?")))
}
