//! `PutBack`: that a run itself has put the former files back in place of those that it brought.
//!
//! Read from the outputs of its steps; nothing here opens a file.

use serde::Serialize;
use serde_json::{Map, Value};

use super::state::RunState;
use crate::types::StepId;

/// What is in place at the end of a run, when it is not what the run brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PutBack {
    /// The step that put it back.
    pub by: StepId,
    /// The folder.
    pub directory: String,
    /// The set that is in place.
    pub set: String,
    /// The set that the run brought, which lies beside it.
    pub left: String,
}

impl PutBack {
    /// What the run has put back; none while what it brought is in place, or when it brought nothing.
    pub fn of(state: &RunState) -> Option<Self> {
        let outputs = || state.steps.keys().filter_map(|id| Some((id, state.output(id)?)));
        let mut brought = outputs().filter(|(_, output)| output.contains_key("fullchain_file"));
        let (_, brought) = brought.next_back()?;
        let (directory, left) = (text(brought, "directory")?, text(brought, "set")?);
        let leaves = |item: &Value| {
            let item = item.as_object();
            item.and_then(|item| text(item, "directory")) == Some(directory)
                && item.and_then(|item| text(item, "set")) == Some(left)
        };
        let back = |output: &Map<String, Value>| {
            let items = output.get("left").and_then(Value::as_array);
            items.is_some_and(|items| items.iter().any(leaves))
        };
        let (by, output) = outputs().find(|(_, output)| back(output))?;
        Some(Self {
            by: by.clone(),
            directory: directory.to_owned(),
            set: text(output, "set")?.to_owned(),
            left: left.to_owned(),
        })
    }
}

fn text<'a>(output: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    output.get(name)?.as_str()
}
