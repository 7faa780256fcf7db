//! `scenario_schema`.

use serde_json::{Value, json};

/// The schema of a scenario.
pub fn scenario_schema() -> Value {
    json!({})
}
