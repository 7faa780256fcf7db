//! Reading scalars that are written now one way, now another (contract A.3, A.15,
//! B.1).
//!
//! A value of the wrong type reads as absent: what is needed is asked for by `convert`, which names
//! the field; what is not needed must not lose the whole answer.

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// A text; numbers are taken as written. An empty text is no text.
pub(in crate::api) fn text<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<String>, D::Error> {
    Ok(as_text(Value::deserialize(source)?))
}

/// A list of texts; what is no text in it is left out, and a single text counts as a list.
pub(in crate::api) fn texts<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(source)? {
        Value::Array(items) => items.into_iter().filter_map(as_text).collect(),
        other => as_text(other).into_iter().collect(),
    })
}

/// A truth value, also as text or as 0 and 1.
pub(in crate::api) fn flag<'de, D: Deserializer<'de>>(source: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(source)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        _ => None,
    })
}

/// A whole number, also as text.
pub(in crate::api) fn integer<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(source)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// An object; null, an empty list and the like read as absent.
pub(in crate::api) fn object<'de, D, T>(source: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(source)?;
    Ok(if value.is_object() { serde_json::from_value(value).ok() } else { None })
}

/// A list of objects. An item that cannot be read stands in it as an empty one: that something is
/// there can matter as much as what it says.
pub(in crate::api) fn entries<'de, D, T>(source: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let items = match Value::deserialize(source)? {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        other => vec![other],
    };
    let read = |item: Value| {
        if item.is_object() { serde_json::from_value(item).ok() } else { None }.unwrap_or_default()
    };
    Ok(items.into_iter().map(read).collect())
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_read_however_they_are_written() {
        assert_eq!(text(json!("hdl_1")).unwrap(), Some("hdl_1".to_owned()));
        assert_eq!(text(json!(42)).unwrap(), Some("42".to_owned()));
        for none in [json!(null), json!(" "), json!({}), json!([]), json!(true)] {
            assert_eq!(text(none).unwrap(), None);
        }
        for (value, read) in [
            (json!(true), Some(true)),
            (json!("True"), Some(true)),
            (json!(0), Some(false)),
            (json!("0"), Some(false)),
            (json!("maybe"), None),
            (json!(2), None),
        ] {
            assert_eq!(flag(value).unwrap(), read);
        }
        for (value, read) in
            [(json!(7), Some(7)), (json!("7"), Some(7)), (json!(7.5), None), (json!(null), None)]
        {
            assert_eq!(integer(value).unwrap(), read);
        }
        assert_eq!(texts(json!(["a", 1, null])).unwrap(), ["a", "1"]);
        assert_eq!(texts(json!("a")).unwrap(), ["a"]);
        assert_eq!(texts(json!(null)).unwrap(), Vec::<String>::new());
    }
}
