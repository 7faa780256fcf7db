//! `OutputPath`: where a value stands in the outputs of a run, such as `order.status` or
//! `validation.dns_records[0].name`.

use std::fmt;

use serde_json::Value;

use crate::plan::ValueType;
use crate::run::RunState;
use crate::types::StepId;

/// A step, a field of its output, and the way down from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPath {
    /// The step.
    pub step: StepId,
    /// The field of its output.
    pub field: String,
    /// The way down.
    pub(super) way: Vec<Turn>,
}

/// One turn of the way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Field(String),
    Item(usize),
}

/// A path as written, before anybody looked whether there is such a step.
pub(super) struct RawPath {
    pub(super) step: String,
    pub(super) field: String,
    pub(super) way: Vec<Turn>,
}

impl RawPath {
    /// Reads `STEP.FIELD`, with `.NAME` and `[NUMBER]` behind it. None when it is nothing like it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (step, rest) = text.split_once('.')?;
        let mut parts = rest.split('.');
        let (field, mut way) = Self::part(parts.next()?)?;
        for part in parts {
            let (name, items) = Self::part(part)?;
            way.push(Turn::Field(name));
            way.extend(items);
        }
        (!step.is_empty()).then(|| Self { step: step.to_owned(), field, way })
    }

    /// `name[0][1]`.
    fn part(text: &str) -> Option<(String, Vec<Turn>)> {
        let (name, items) = text.split_once('[').map_or((text, None), |(n, rest)| (n, Some(rest)));
        let mut way = Vec::new();
        if let Some(items) = items {
            for item in items.strip_suffix(']')?.split("][") {
                way.push(Turn::Item(item.parse().ok()?));
            }
        }
        (!name.is_empty()).then(|| (name.to_owned(), way))
    }
}

impl OutputPath {
    /// The value in the recorded outputs, if it is there.
    pub fn find<'s>(&self, state: &'s RunState) -> Option<&'s Value> {
        let mut value = state.output(&self.step)?.get(&self.field)?;
        for turn in &self.way {
            value = match turn {
                Turn::Field(name) => value.get(name)?,
                Turn::Item(index) => value.get(index)?,
            };
        }
        Some(value)
    }

    /// The type at the end of the way, beginning at the type of the field. Fails with the part of
    /// the way that leads nowhere.
    pub(super) fn type_at<'t>(
        &self,
        field: &'t ValueType,
    ) -> Result<Option<&'t ValueType>, (String, &'t ValueType)> {
        let mut here = field;
        for turn in &self.way {
            here = match (turn, here) {
                (_, ValueType::Any | ValueType::Map) => return Ok(None),
                (Turn::Item(_), ValueType::List(item)) => item,
                (Turn::Field(name), ValueType::Record(fields)) => {
                    match fields.iter().find(|field| field.name == *name) {
                        Some(field) => &field.value_type,
                        None => return Err((name.clone(), here)),
                    }
                }
                (Turn::Field(name), _) => return Err((name.clone(), here)),
                (Turn::Item(index), _) => return Err((format!("[{index}]"), here)),
            };
        }
        Ok(Some(here))
    }
}

impl fmt::Display for OutputPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.step, self.field)?;
        for turn in &self.way {
            match turn {
                Turn::Field(name) => write!(formatter, ".{name}")?,
                Turn::Item(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_down_into_lists_and_records() {
        let path = RawPath::parse("validation.dns_records[0].name").unwrap();
        assert_eq!((path.step.as_str(), path.field.as_str()), ("validation", "dns_records"));
        assert_eq!(path.way, [Turn::Item(0), Turn::Field("name".to_owned())]);
        assert_eq!(RawPath::parse("a.b[1][2]").unwrap().way, [Turn::Item(1), Turn::Item(2)]);
        for text in ["order", ".x", "order.", "a.b[", "a.b[x]", "a.[0]", "a.b..c"] {
            assert!(RawPath::parse(text).is_none(), "{text}");
        }
    }
}
