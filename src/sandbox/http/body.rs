//! `Fields`: reading a JSON body field by field, so that each refusal names the field.

use serde_json::{Map, Value};

use crate::sandbox::world::Refusal;
use crate::types::DomainName;

/// The members of a JSON object from outside. Unknown ones are ignored, `null` counts as absent.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Refusal::invalid("the request body must be a JSON object")),
            Err(_) => Err(Refusal::invalid("the request body is not JSON")),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// True when the field is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refusal::invalid(format!("{name} must be a string"))),
        }
    }

    /// A text that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Result<String, Refusal> {
        self.optional_text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::invalid(format!("{name} is required")))
    }

    /// An id that is a text, or a number as ids once were.
    pub(super) fn optional_id(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.get(name) {
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            _ => Ok(self.optional_text(name)?.filter(|id| !id.is_empty())),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || Refusal::invalid(format!("{name} must be an array of strings"));
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.get(name)
            .map(|value| {
                value.as_i64().ok_or_else(|| Refusal::invalid(format!("{name} must be an integer")))
            })
            .transpose()
    }
}

/// A fully qualified name in the field `field`.
pub(super) fn domain_name(field: &str, text: &str) -> Result<DomainName, Refusal> {
    DomainName::parse(text).map_err(|error| Refusal::invalid(format!("{field}: {error}")))
}
