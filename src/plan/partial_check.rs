//! Types of values that are known in parts: what is known is checked now, the rest when it is known.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::partial::Partly;
use super::value_type::{Field, Mismatch, Presence, ValueType};
use crate::document::describe;
use crate::types::printable;

/// Checks the known parts of `value` against a type and gives them their normal form; what is
/// unknown is checked when it is known.
fn check_partly(value_type: &ValueType, value: &Partly) -> Result<Partly, Vec<Mismatch>> {
    match (value_type, value) {
        // What is wrong with a single word is told by a rule, at the word.
        (ValueType::Command, Partly::Known(Json::Array(words))) if !words.is_empty() => {
            ValueType::List(Box::new(ValueType::String))
                .check(&words.as_slice().into())
                .map(Partly::Known)
        }
        (_, Partly::Known(value)) => value_type.check(value).map(Partly::Known),
        (_, Partly::Unknown(_)) => Ok(value.clone()),
        (ValueType::Any, _) => Ok(value.clone()),
        (value_type, Partly::Text { .. }) if value_type.is_text() => Ok(value.clone()),
        (ValueType::Command, Partly::List(_)) => {
            check_partly(&ValueType::List(Box::new(ValueType::String)), value)
        }
        (ValueType::MapOf(item), Partly::Map(entries)) => {
            let mut wrong = Vec::new();
            let mut checked = IndexMap::new();
            for (name, value) in entries {
                match check_partly(item, value) {
                    Ok(value) => {
                        checked.insert(name.clone(), value);
                    }
                    Err(found) => wrong.extend(within(&printable(name), found)),
                }
            }
            if wrong.is_empty() { Ok(Partly::Map(checked)) } else { Err(wrong) }
        }
        (ValueType::List(item), Partly::List(items)) => {
            let mut wrong = Vec::new();
            let mut checked = Vec::new();
            for (index, value) in items.iter().enumerate() {
                match check_partly(item, value) {
                    Ok(value) => checked.push(value),
                    Err(found) => wrong.extend(within(&format!("[{index}]"), found)),
                }
            }
            if wrong.is_empty() { Ok(Partly::List(checked)) } else { Err(wrong) }
        }
        (ValueType::Record(fields), Partly::Map(entries)) => {
            check_fields(fields, entries).map(Partly::Map)
        }
        (ValueType::Map, Partly::Map(_)) => Ok(value.clone()),
        _ => Err(vec![Mismatch {
            at: String::new(),
            expected: value_type.to_string(),
            found: describe(&value.shown()),
            reason: None,
        }]),
    }
}

/// Checks the known parts of a record; defaults are filled in.
pub fn check_fields(
    fields: &[Field],
    entries: &IndexMap<String, Partly>,
) -> Result<IndexMap<String, Partly>, Vec<Mismatch>> {
    let mut wrong = Vec::new();
    let mut checked = IndexMap::new();
    for name in entries.keys().filter(|name| !fields.iter().any(|field| field.name == **name)) {
        wrong.push(Mismatch {
            at: printable(name),
            expected: "a known field".to_owned(),
            found: "an unknown one".to_owned(),
            reason: None,
        });
    }
    for field in fields {
        let given = entries.get(&field.name).filter(|value| value.known() != Some(&Json::Null));
        match (given, &field.presence) {
            (Some(value), _) => match check_partly(&field.value_type, value) {
                Ok(value) => {
                    checked.insert(field.name.clone(), value);
                }
                Err(found) => wrong.extend(within(&field.name, found)),
            },
            (None, Presence::Optional) => {}
            (None, Presence::Default(default)) => {
                checked.insert(field.name.clone(), Partly::Known(default.clone()));
            }
            (None, Presence::Required) => wrong.push(Mismatch {
                at: field.name.clone(),
                expected: field.value_type.to_string(),
                found: "nothing".to_owned(),
                reason: None,
            }),
        }
    }
    if wrong.is_empty() { Ok(checked) } else { Err(wrong) }
}

fn within(place: &str, found: Vec<Mismatch>) -> impl Iterator<Item = Mismatch> {
    found.into_iter().map(move |mismatch| {
        let joint = if mismatch.at.is_empty() || mismatch.at.starts_with('[') { "" } else { "." };
        Mismatch { at: format!("{place}{joint}{}", mismatch.at), ..mismatch }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_known_parts_of_a_list_are_checked_now() {
        let domains = ValueType::List(Box::new(ValueType::Domain));
        let list = |name: &str| {
            Partly::List(vec![Partly::Known(json!(name)), Partly::Unknown("steps.a.b".to_owned())])
        };
        let checked = check_partly(&domains, &list("WWW.Example.com")).unwrap();
        assert_eq!(checked.shown(), json!(["www.example.com", "‹steps.a.b›"]));
        let wrong = check_partly(&domains, &list("a b")).unwrap_err();
        assert!(wrong[0].to_string().starts_with("at `[0]`: expected domain"), "{}", wrong[0]);
    }

    #[test]
    fn the_known_parts_of_a_map_and_of_a_command_are_checked_now() {
        let unknown = || Partly::Unknown("steps.a.b".to_owned());
        let words = ValueType::MapOf(Box::new(ValueType::String));
        let map = |value: Json| {
            let entries = [("x", Partly::Known(value)), ("y", unknown())];
            Partly::Map(entries.map(|(name, value)| (name.to_owned(), value)).into())
        };
        assert!(check_partly(&words, &map(json!("1"))).is_ok());
        let wrong = check_partly(&words, &map(json!(1))).unwrap_err();
        assert!(wrong[0].to_string().starts_with("at `x`: expected string"), "{}", wrong[0]);
        let command = |word: Json| Partly::List(vec![Partly::Known(word), unknown()]);
        assert!(check_partly(&ValueType::Command, &command(json!("nginx"))).is_ok());
        assert!(check_partly(&ValueType::Command, &command(json!(1))).is_err());
    }
}
