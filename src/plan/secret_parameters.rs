//! [`NamedSecret`]: a secret that the parameters of a step point to. Where they are found is part of a
//! plan, so that somebody can look for all of them before the first is needed.

use indexmap::IndexMap;
use serde_json::Value;

use super::model::{Plan, SecretSource};
use super::partial::Partly;
use super::signature::{Signature, find};
use super::value_type::ValueType;
use crate::types::printable;

/// A secret that a step reads when its turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    /// Where in the parameters it is named, such as `secret_environment.TOKEN`.
    pub at: String,
    /// Where it is found.
    pub source: SecretSource,
}

/// The secrets that parameters in their normal form point to, in their order. What is not known of
/// the parameters yet points to nothing.
pub fn named_secrets(
    signature: &Signature,
    parameters: &IndexMap<String, Partly>,
) -> Vec<NamedSecret> {
    let mut found = Vec::new();
    for field in &signature.parameters {
        if let Some(value) = parameters.get(&field.name) {
            collect(&field.value_type, value, &field.name, &mut found);
        }
    }
    found
}

/// Whether a step of the plan is given anything that can point to a secret.
pub fn may_name_secrets(plan: &Plan) -> bool {
    plan.steps.values().any(|step| {
        let Some(signature) = find(&step.uses) else { return false };
        let given = signature.parameters.iter().filter(|field| step.with.contains_key(&field.name));
        given.into_iter().any(|field| holds_secret(&field.value_type))
    })
}

fn holds_secret(value_type: &ValueType) -> bool {
    match value_type {
        ValueType::Secret => true,
        ValueType::List(item) | ValueType::MapOf(item) => holds_secret(item),
        ValueType::Record(fields) => fields.iter().any(|field| holds_secret(&field.value_type)),
        _ => false,
    }
}

fn collect(value_type: &ValueType, value: &Partly, at: &str, found: &mut Vec<NamedSecret>) {
    if !holds_secret(value_type) {
        return;
    }
    match (value_type, value) {
        (ValueType::Secret, Partly::Known(value)) => {
            if let Ok(source) = serde_json::from_value(value.clone()) {
                found.push(NamedSecret { at: at.to_owned(), source });
            }
        }
        (ValueType::List(item), Partly::Known(Value::Array(items))) => {
            for (index, value) in items.iter().enumerate() {
                collect(item, &Partly::Known(value.clone()), &format!("{at}[{index}]"), found);
            }
        }
        (ValueType::List(item), Partly::List(items)) => {
            for (index, value) in items.iter().enumerate() {
                collect(item, value, &format!("{at}[{index}]"), found);
            }
        }
        (_, Partly::Known(Value::Object(entries))) => {
            for (name, value) in entries {
                within(value_type, name, &Partly::Known(value.clone()), at, found);
            }
        }
        (_, Partly::Map(entries)) => {
            for (name, value) in entries {
                within(value_type, name, value, at, found);
            }
        }
        _ => {}
    }
}

/// An entry of a map or of a record.
fn within(around: &ValueType, name: &str, value: &Partly, at: &str, found: &mut Vec<NamedSecret>) {
    let value_type = match around {
        ValueType::MapOf(item) => Some(&**item),
        ValueType::Record(fields) => {
            fields.iter().find(|field| field.name == name).map(|field| &field.value_type)
        }
        _ => None,
    };
    if let Some(value_type) = value_type {
        collect(value_type, value, &format!("{at}.{}", printable(name)), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(action: &str, parameters: &[(&str, Partly)]) -> Vec<String> {
        let parameters =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let named = named_secrets(find(action).unwrap(), &parameters);
        named.into_iter().map(|secret| secret.at).collect()
    }

    #[test]
    fn secrets_are_found_in_maps_in_lists_and_beside_what_is_unknown() {
        let known = Partly::Known(json!({ "A": { "env": "X" }, "B": { "file": "y" } }));
        let command = [("secret_environment", known), ("environment", Partly::Known(json!({})))];
        assert_eq!(
            places("command.run", &command),
            ["secret_environment.A", "secret_environment.B"]
        );
        let file = IndexMap::from([
            ("format".to_owned(), Partly::Known(json!("pkcs12"))),
            ("file".to_owned(), Partly::Unknown("steps.a.b".to_owned())),
            ("passphrase".to_owned(), Partly::Known(json!({ "credential": "z" }))),
        ]);
        let formats = Partly::List(vec![Partly::Unknown("x".to_owned()), Partly::Map(file)]);
        assert_eq!(places("regfish.download", &[("formats", formats)]), ["formats[1].passphrase"]);
    }

    #[test]
    fn what_looks_like_a_source_and_is_none_is_left_alone() {
        let json = Partly::Known(json!({ "env": "X", "passphrase": { "env": "Y" } }));
        assert_eq!(places("http.request", &[("json", json)]), [""; 0]);
    }
}
