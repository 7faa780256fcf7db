//! What an action would do with its parameters, told before it does it.
//!
//! Kept beside the actions, because it must say what they do: `tests/it/preview.rs` compares it
//! with what really arrives at a server. Pure; parameters may be unknown in parts.

mod facts;
mod requests;

use indexmap::IndexMap;
use serde_json::Value;

pub use facts::{Fact, PlannedRecord, facts};
pub use requests::{PlannedRequest, requests};

use crate::plan::Partly;

/// The parameters of a step, in their normal form.
pub type PartlyKnown = IndexMap<String, Partly>;

/// The actions that only read, and whose answer says something before anything is ordered.
const READS: [&str; 2] = ["regfish.list_products", "regfish.resolve_organization"];

/// Whether a preview may really ask: it changes nothing, and everything that it asks with is known.
pub fn may_be_asked(uses: &str, parameters: &PartlyKnown) -> bool {
    READS.contains(&uses) && parameters.values().all(|value| value.known().is_some())
}

/// A parameter as it is shown.
fn shown(parameters: &PartlyKnown, name: &str) -> Option<Value> {
    parameters.get(name).map(Partly::shown)
}

/// A parameter as text, as it is shown.
fn text(parameters: &PartlyKnown, name: &str) -> Option<String> {
    shown(parameters, name).map(|value| plain(&value))
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
