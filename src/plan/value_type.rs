//! `ValueType`: the types of inputs, parameters and outputs, and whether a value has one.
//!
//! One small type language for everything that flows between steps. It must not know where a value
//! came from; who checks adds the place to the message.

use std::fmt;
use std::path::{Component, Path};

use crate::document::describe;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::SecretSource;
use super::template::{has_code, parse_expression};
use crate::types::{DomainName, parse_duration, printable};

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Any text.
    String,
    /// A whole number within the bounds, both included.
    Integer {
        /// The smallest value allowed.
        minimum: Option<i64>,
        /// The largest value allowed.
        maximum: Option<i64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A domain name; normalised to lower-case ASCII.
    Domain,
    /// An e-mail address, checked for its shape only.
    Email,
    /// A duration such as `15s`; stays text.
    Duration,
    /// A path; its use decides where it may lead.
    Path,
    /// One of these words.
    Enum(Vec<String>),
    /// A list whose items all have one type.
    List(Box<Self>),
    /// A map from text to anything.
    Map,
    /// A map with known fields.
    Record(Vec<Field>),
    /// A map from text to values of one type.
    MapOf(Box<Self>),
    /// A program and its arguments, for no shell.
    Command,
    /// Where a secret is found; the secret itself is in no value.
    Secret,
    /// An expression that is evaluated later, over these names.
    Expression(Vec<String>),
    /// A value of any type.
    Any,
}

/// A named, typed part of a record, of an action's parameters or of its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name, in snake case.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What it means, in one sentence without a full stop.
    pub description: String,
    /// Whether it may be missing (or null).
    pub presence: Presence,
}

/// Whether a field must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is always there.
    Required,
    /// It may be missing or null.
    Optional,
    /// When it is missing, this value stands in.
    Default(Value),
}

/// A value that does not have the type it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}{}", display_at(at), display_reason(reason))]
pub struct Mismatch {
    /// Where inside the value, for example `[2].name`; empty for the value itself.
    pub at: String,
    /// The type that was wanted.
    pub expected: String,
    /// What was there, shortened and printable.
    pub found: String,
    /// The rule that is broken, when the kind of value alone does not say it.
    pub reason: Option<String>,
}

fn display_at(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("at `{at}`: ") }
}

fn display_reason(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

impl fmt::Display for ValueType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => formatter.write_str("string"),
            Self::Integer { minimum: None, maximum: None } => formatter.write_str("integer"),
            Self::Integer { minimum: Some(minimum), maximum: Some(maximum) } => {
                write!(formatter, "integer from {minimum} to {maximum}")
            }
            Self::Integer { minimum: Some(minimum), maximum: None } => {
                write!(formatter, "integer of at least {minimum}")
            }
            Self::Integer { minimum: None, maximum: Some(maximum) } => {
                write!(formatter, "integer of at most {maximum}")
            }
            Self::Boolean => formatter.write_str("boolean"),
            Self::Domain => formatter.write_str("domain"),
            Self::Email => formatter.write_str("email"),
            Self::Duration => formatter.write_str("duration"),
            Self::Path => formatter.write_str("path"),
            Self::Enum(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                write!(formatter, "one of {}", words.join(", "))
            }
            Self::List(item) => write!(formatter, "list of {}", item.plural()),
            Self::Map => formatter.write_str("map"),
            Self::Record(fields) => write!(formatter, "record of {}", names(fields)),
            Self::MapOf(item) => write!(formatter, "map of {}", item.plural()),
            Self::Command => formatter.write_str("command"),
            Self::Secret => formatter.write_str("secret"),
            Self::Expression(_) => formatter.write_str("expression"),
            Self::Any => formatter.write_str("any value"),
        }
    }
}

fn names(fields: &[Field]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    names.join(", ")
}

impl ValueType {
    /// What several values of this type are called.
    fn plural(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Enum(_) => format!("words, each {self}"),
            Self::List(item) => format!("lists of {}", item.plural()),
            Self::Record(fields) => format!("records of {}", names(fields)),
            Self::Any => "anything".to_owned(),
            Self::Integer { .. } => self.to_string().replacen("integer", "integers", 1),
            _ => format!("{self}s"),
        }
    }

    /// Checks `value` and returns it in its normal form (a domain in lower case, defaults filled
    /// in), or everything about it that is wrong.
    pub fn check(&self, value: &Value) -> Result<Value, Vec<Mismatch>> {
        let mut mismatches = Vec::new();
        let normal = self.check_at(value, "", &mut mismatches);
        if mismatches.is_empty() { Ok(normal) } else { Err(mismatches) }
    }

    /// Whether a value of the type `other` can be used where this type is wanted.
    ///
    /// False means never; a true still leaves bounds and words to [`Self::check`] once the value is
    /// known.
    pub fn accepts(&self, other: &Self) -> bool {
        match (self, other) {
            // A secret is only ever named, and what is run later is only ever written.
            (Self::Secret | Self::Expression(_), _) | (_, Self::Secret) => false,
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::MapOf(item), Self::MapOf(other)) => item.accepts(other),
            (Self::MapOf(_), Self::Map | Self::Record(_)) => true,
            (Self::Map, Self::MapOf(_)) => true,
            (Self::Command, Self::List(item)) => item.is_text(),
            (Self::List(item), Self::Command) => item.is_text(),
            (Self::List(item), Self::List(other)) => item.accepts(other),
            (Self::Map, Self::Record(_)) | (Self::Record(_), Self::Map) => true,
            (Self::Record(fields), Self::Record(others)) => fields.iter().all(|field| match others
                .iter()
                .find(|other| other.name == field.name)
            {
                Some(other) => field.value_type.accepts(&other.value_type),
                None => field.presence != Presence::Required,
            }),
            (wanted, given) if wanted.is_text() && given.is_text() => true,
            (wanted, given) => std::mem::discriminant(wanted) == std::mem::discriminant(given),
        }
    }

    /// Whether its values are texts in YAML and JSON.
    pub fn is_text(&self) -> bool {
        matches!(
            self,
            Self::String | Self::Domain | Self::Email | Self::Duration | Self::Path | Self::Enum(_)
        )
    }

    fn check_at(&self, value: &Value, at: &str, mismatches: &mut Vec<Mismatch>) -> Value {
        let mut refuse = |reason: Option<String>| {
            mismatches.push(Mismatch {
                at: at.to_owned(),
                expected: self.to_string(),
                found: describe(value),
                reason,
            });
            Value::Null
        };
        match (self, value) {
            (Self::Any, _) | (Self::Boolean, Value::Bool(_)) | (Self::Map, Value::Object(_)) => {
                value.clone()
            }
            (Self::String, Value::String(_)) => value.clone(),
            (Self::Integer { minimum, maximum }, Value::Number(number)) => match number.as_i64() {
                Some(number)
                    if minimum.is_none_or(|minimum| number >= minimum)
                        && maximum.is_none_or(|maximum| number <= maximum) =>
                {
                    value.clone()
                }
                _ => refuse(None),
            },
            (Self::Domain, Value::String(text)) => match DomainName::parse(text) {
                Ok(name) => Value::String(name.into()),
                Err(error) => refuse(Some(error.reason.to_owned())),
            },
            (Self::Email, Value::String(text)) => {
                let shape = text.split_once('@').is_some_and(|(local, host)| {
                    !local.is_empty()
                        && !local.contains(char::is_whitespace)
                        && DomainName::parse(host).is_ok()
                });
                if shape {
                    value.clone()
                } else {
                    refuse(Some("write for example `admin@example.com`".to_owned()))
                }
            }
            (Self::Duration, Value::String(text)) => match parse_duration(text) {
                Ok(_) => value.clone(),
                Err(_) => refuse(Some("write for example `15s`, `30m`, `7d`".to_owned())),
            },
            (Self::Path, Value::String(text)) => match path_fault(text) {
                None => value.clone(),
                Some(reason) => refuse(Some(reason.to_owned())),
            },
            (Self::Enum(words), Value::String(text)) if words.contains(text) => value.clone(),
            (Self::List(item), Value::Array(items)) => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, value)| {
                        item.check_at(value, &format!("{at}[{index}]"), mismatches)
                    })
                    .collect(),
            ),
            (Self::MapOf(item), Value::Object(object)) => {
                let check = |(name, value): (&String, &Value)| {
                    let at = format!("{at}.{}", printable(name));
                    (name.clone(), item.check_at(value, at.trim_start_matches('.'), mismatches))
                };
                Value::Object(object.iter().map(check).collect())
            }
            (Self::Command, Value::Array(words)) => match command_fault(words) {
                None => value.clone(),
                Some(reason) => refuse(Some(reason.to_owned())),
            },
            (Self::Secret, Value::Object(object))
                if serde_json::from_value::<SecretSource>(Value::Object(object.clone()))
                    .is_ok() =>
            {
                value.clone()
            }
            (Self::Expression(names), Value::String(text)) => match expression_fault(text, names) {
                None => value.clone(),
                Some(reason) => refuse(Some(reason)),
            },
            (Self::Record(fields), Value::Object(object)) => {
                Value::Object(check_fields(fields, object, at, mismatches))
            }
            _ => refuse(None),
        }
    }
}

/// Checks an object against its fields and returns it in its normal form: unknown keys are mistakes,
/// defaults are filled in. Fails with everything that is wrong.
pub fn check_record(
    fields: &[Field],
    object: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    let normal = check_fields(fields, object, "", &mut mismatches);
    if mismatches.is_empty() { Ok(normal) } else { Err(mismatches) }
}

fn check_fields(
    fields: &[Field],
    object: &Map<String, Value>,
    at: &str,
    mismatches: &mut Vec<Mismatch>,
) -> Map<String, Value> {
    let join = |name: &str| {
        if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
    };
    for name in object.keys().filter(|name| !fields.iter().any(|field| field.name == **name)) {
        mismatches.push(Mismatch {
            at: join(&printable(name)),
            expected: Record(fields).to_string(),
            found: "an unknown field".to_owned(),
            reason: None,
        });
    }
    let mut normal = Map::new();
    for field in fields {
        match (object.get(&field.name), &field.presence) {
            (None | Some(Value::Null), Presence::Optional) => {}
            (None | Some(Value::Null), Presence::Default(default)) => {
                normal.insert(field.name.clone(), default.clone());
            }
            (None, Presence::Required) => mismatches.push(Mismatch {
                at: join(&field.name),
                expected: field.value_type.to_string(),
                found: "nothing".to_owned(),
                reason: None,
            }),
            (Some(value), _) => {
                let value = field.value_type.check_at(value, &join(&field.name), mismatches);
                normal.insert(field.name.clone(), value);
            }
        }
    }
    normal
}

struct Record<'a>(&'a [Field]);

impl fmt::Display for Record<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "one of the fields {}", names(self.0))
    }
}

/// Why a text cannot be a path inside a declared directory, if it cannot.
fn path_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.chars().any(char::is_control) {
        return Some("it has control characters");
    }
    if Path::new(text).components().any(|part| part == Component::ParentDir) {
        return Some("`..` could lead out of the directory");
    }
    None
}

/// Why these words cannot be run, if they cannot.
fn command_fault(words: &[Value]) -> Option<&'static str> {
    let Some(first) = words.first() else { return Some("it has no words") };
    if words.iter().any(|word| !word.is_string()) {
        return Some("each word must be a string");
    }
    if words.iter().filter_map(Value::as_str).any(|word| word.contains('\0')) {
        return Some("a word holds a null character");
    }
    (first.as_str() == Some("")).then_some("the program has no name")
}

/// Why a text cannot be evaluated over these names, if it cannot.
fn expression_fault(text: &str, names: &[String]) -> Option<String> {
    if has_code(text) {
        return Some("it is an expression already; write it without braces".to_owned());
    }
    let code = match parse_expression(text) {
        Ok(code) => code,
        Err(error) => return Some(error.reason),
    };
    let root = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
    let strange = code.variables.iter().map(root).find(|name| !names.contains(name))?;
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("it can read {}, but no `{}`", known.join(", "), printable(&strange)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_in_their_normal_form() {
        let list = ValueType::List(Box::new(ValueType::Domain));
        assert_eq!(
            list.check(&json!(["WWW.Example.com.", "*.example.com"])),
            Ok(json!(["www.example.com", "*.example.com"]))
        );
    }

    #[test]
    fn everything_that_is_wrong_is_reported_with_its_place() {
        let list = ValueType::List(Box::new(ValueType::Domain));
        let mismatches = list.check(&json!(["a b", "example.com", 3])).unwrap_err();
        let texts: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "at `[0]`: expected domain, found string `a b`: it needs at least two labels, \
                 such as `example.com`",
                "at `[2]`: expected domain, found number `3`",
            ]
        );
    }

    #[test]
    fn bounds_are_part_of_the_message() {
        let days = ValueType::Integer { minimum: Some(1), maximum: Some(199) };
        let mismatch = days.check(&json!(200)).unwrap_err().remove(0);
        assert_eq!(mismatch.to_string(), "expected integer from 1 to 199, found number `200`");
    }

    #[test]
    fn a_record_fills_defaults_and_refuses_unknown_fields() {
        let record = ValueType::Record(vec![Field {
            name: "ttl".to_owned(),
            value_type: ValueType::Integer { minimum: None, maximum: None },
            description: String::new(),
            presence: Presence::Default(json!(300)),
        }]);
        assert_eq!(record.check(&json!({})), Ok(json!({"ttl": 300})));
        let mismatch = record.check(&json!({"tlt": 1})).unwrap_err().remove(0);
        assert_eq!(
            mismatch.to_string(),
            "at `tlt`: expected one of the fields `ttl`, found an unknown field"
        );
    }

    #[test]
    fn a_path_may_not_climb() {
        assert!(ValueType::Path.check(&json!("certs/../../etc")).is_err());
        assert!(ValueType::Path.check(&json!("certs/www.example.com")).is_ok());
    }

    #[test]
    fn text_types_stand_in_for_one_another_until_the_value_is_known() {
        assert!(ValueType::Domain.accepts(&ValueType::String));
        assert!(!ValueType::Domain.accepts(&ValueType::Boolean));
        assert!(
            !ValueType::List(Box::new(ValueType::Domain))
                .accepts(&ValueType::List(Box::new(ValueType::Boolean)))
        );
    }
}
