//! How messages call a value that somebody wrote.

use serde_json::Value;

use crate::types::{printable, shorten};

/// A value as messages show it: its kind and a short form of what it says.
pub fn describe(value: &Value) -> String {
    let show = |text: &str| shorten(&printable(text), 60);
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("boolean `{value}`"),
        Value::Number(number) => format!("number `{number}`"),
        Value::String(text) => format!("string `{}`", show(text)),
        Value::Array(items) => format!("list `{}`", show(&Value::Array(items.clone()).to_string())),
        Value::Object(_) => format!("map `{}`", show(&value.to_string())),
    }
}
