//! Bounds on what a template may make, kept while its result is converted.

use minijinja::Value;
use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value as Json};

/// Bytes of text in one result.
pub(super) const LARGEST_TEXT: usize = 1024 * 1024;
/// Bytes of text in all results of one context together: of all templates of a step.
pub(super) const LARGEST_CONTEXT: usize = 4 * 1024 * 1024;
const MOST_VALUES: usize = 100_000;
const DEEPEST: usize = 32;

/// A minijinja value as JSON. Fails, in words, when it is too large or no data at all.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    Converter { text: LARGEST_TEXT, values: MOST_VALUES }.convert(value, DEEPEST)
}

/// Whether [`to_json`] would let this value through as it is.
pub(super) fn fits(value: &Json) -> bool {
    let mut room = Converter { text: LARGEST_TEXT, values: MOST_VALUES };
    room.takes(value, DEEPEST)
}

/// The bytes of text in a value.
pub(super) fn text_in(value: &Json) -> usize {
    match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(text_in).sum(),
        Json::Object(entries) => {
            entries.iter().map(|(name, item)| name.len() + text_in(item)).sum()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}

struct Converter {
    text: usize,
    values: usize,
}

impl Converter {
    fn convert(&mut self, value: &Value, depth: usize) -> Result<Json, String> {
        let spent = self.values.checked_sub(1);
        self.values = spent.ok_or_else(|| format!("it has more than {MOST_VALUES} values"))?;
        if depth == 0 {
            return Err(format!("it is nested more than {DEEPEST} levels deep"));
        }
        match value.kind() {
            ValueKind::Undefined => Err("a part of it is undefined".to_owned()),
            ValueKind::None => Ok(Json::Null),
            ValueKind::Bool => Ok(Json::Bool(value.is_true())),
            ValueKind::Number => number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()).map(Json::String),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter().map_err(|_| "it cannot be listed".to_owned())?;
                items.map(|item| self.convert(&item, depth - 1)).collect()
            }
            ValueKind::Map => {
                let mut object = Map::new();
                for key in value.try_iter().map_err(|_| "it cannot be listed".to_owned())? {
                    let Some(name) = key.as_str() else {
                        return Err("a key of a map in it is no text".to_owned());
                    };
                    let item = value.get_item(&key).map_err(|_| "a key is missing".to_owned())?;
                    let name = self.text(name)?;
                    object.insert(name, self.convert(&item, depth - 1)?);
                }
                Ok(Json::Object(object))
            }
            _ => Err("it is no value that a plan can hold".to_owned()),
        }
    }

    fn text(&mut self, text: &str) -> Result<String, String> {
        if self.takes_text(text) {
            return Ok(text.to_owned());
        }
        Err(format!("it has more than {LARGEST_TEXT} bytes of text"))
    }

    fn takes_text(&mut self, text: &str) -> bool {
        let left = self.text.checked_sub(text.len());
        self.text = left.unwrap_or_default();
        left.is_some()
    }

    fn takes(&mut self, value: &Json, depth: usize) -> bool {
        let left = self.values.checked_sub(1);
        self.values = left.unwrap_or_default();
        let inner = depth.saturating_sub(1);
        left.is_some()
            && depth > 0
            && match value {
                Json::Null | Json::Bool(_) => true,
                Json::Number(number) => number.is_i64() || number.is_f64(),
                Json::String(text) => self.takes_text(text),
                Json::Array(items) => items.iter().all(|item| self.takes(item, inner)),
                Json::Object(object) => object
                    .iter()
                    .all(|(name, item)| self.takes_text(name) && self.takes(item, inner)),
            }
    }
}

fn number(value: &Value) -> Result<Json, String> {
    if value.is_integer() {
        let number = value.as_i64().ok_or_else(|| "it holds a number out of range".to_owned())?;
        return Ok(Json::from(number));
    }
    let number = f64::try_from(value.clone()).ok().and_then(Number::from_f64);
    number.map(Json::Number).ok_or_else(|| "it holds a number out of range".to_owned())
}

/// A sink for text that stops at the limit.
#[derive(Default)]
pub(super) struct BoundedText {
    pub(super) bytes: Vec<u8>,
    /// Whether something was cut off.
    pub(super) full: bool,
}

impl std::io::Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > LARGEST_TEXT {
            self.full = true;
            return Err(std::io::Error::other("the result is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
