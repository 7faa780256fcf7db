//! `changes`: in what a plan asks today for another certificate than it did then.
//!
//! What counts is what the CA signs and what is paid for: names, product, organization, kind of
//! key. Everything else (a TTL, a folder, a reload command) can change without another certificate.
//! Both sides are evaluated in the same way, so that a rewritten plan which asks for the same is no
//! change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::engine::{Prospect, StepPreview, preview};
use crate::plan::Plan;
use crate::types::{DomainName, Timestamp};

/// One respect in which another certificate is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The respect: `names`, `product`, `organization`, `key type`.
    pub what: &'static str,
    /// What was asked for.
    pub was: String,
    /// What is asked for.
    pub is: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, was, is } = self;
        write!(formatter, "{what}: `{was}` is now `{is}`")
    }
}

/// What differs between the certificate that `then` asked for and the one that `now` asks for.
///
/// What cannot be told before a run (it comes from an answer of the API) is not compared.
pub fn changes(
    then: (&Plan, &Map<String, Value>),
    now: (&Plan, &Map<String, Value>),
    target: &str,
    at: Timestamp,
) -> Vec<Change> {
    let (then, now) = (asked_for(then, target, at), asked_for(now, target, at));
    let respects = ["names", "product", "organization", "key type"];
    let differs = |what: &'static str| {
        let (was, is) = (then.get(what)?, now.get(what)?);
        // Products are written in any case, and domain names are normal already.
        let differs = !was.eq_ignore_ascii_case(is);
        differs.then(|| Change { what, was: was.clone(), is: is.clone() })
    };
    respects.into_iter().filter_map(differs).collect()
}

fn asked_for(
    (plan, inputs): (&Plan, &Map<String, Value>),
    target: &str,
    at: Timestamp,
) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    let Ok(steps) = preview(plan, inputs, target, &BTreeMap::new(), at) else { return found };
    for step in &steps {
        let runs = matches!(step.prospect, Prospect::Runs | Prospect::Perhaps);
        let Some(uses) = plan.steps.get(&step.id).filter(|_| runs).map(|step| &step.uses) else {
            continue;
        };
        let text = |name: &str| Some(step.parameters.get(name)?.known()?.as_str()?.to_owned());
        let read = match uses.as_str() {
            "regfish.list_products" => vec![("product", text("sku"))],
            "regfish.resolve_organization" => vec![("organization", text("match"))],
            "x509.create_csr" => vec![("key type", text("key_type")), ("names", names(step))],
            "regfish.create_order" => vec![
                ("product", text("sku")),
                ("organization", text("org_id")),
                ("names", names(step)),
            ],
            _ => Vec::new(),
        };
        for (what, value) in read {
            if let Some(value) = value {
                found.insert(what, value);
            }
        }
    }
    found
}

/// The set of names in a fixed order; none when a part of it is not known.
fn names(step: &StepPreview) -> Option<String> {
    let first = step.parameters.get("common_name")?.known()?.as_str()?;
    let further = match step.parameters.get("dns_names") {
        Some(names) => names.known()?.as_array()?.clone(),
        None => Vec::new(),
    };
    let normal = |name: &str| {
        DomainName::parse(name).map_or_else(|_| name.to_owned(), |name| name.to_string())
    };
    let names: BTreeSet<String> =
        further.iter().filter_map(Value::as_str).chain([first]).map(normal).collect();
    Some(names.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::parse_plan;
    use serde_json::json;

    const PLAN: &str = include_str!("../../plans/ov-staged.yaml");

    fn plan(text: &str) -> Plan {
        let file = SourceFile::new("plan.yaml", text);
        parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap().0
    }

    fn inputs(changed: &[(&str, Value)]) -> Map<String, Value> {
        let mut inputs = json!({
            "common_name": "www.example.com", "dns_names": ["example.com"], "product": "SecureSite",
            "organization": "Example GmbH", "validity_days": 199,
        });
        for (name, value) in changed {
            inputs[*name] = value.clone();
        }
        inputs.as_object().unwrap().clone()
    }

    fn drift(changed: &[(&str, Value)]) -> Vec<String> {
        let plan = plan(PLAN);
        let (then, now) = (inputs(&[]), inputs(changed));
        let at = Timestamp::UNIX_EPOCH;
        let changes = changes((&plan, &then), (&plan, &now), "www.example.com", at);
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn another_certificate_is_named_in_each_respect() {
        assert_eq!(
            drift(&[("dns_names", json!(["api.example.com"])), ("product", json!("RapidSSL"))]),
            [
                "names: `example.com, www.example.com` is now `api.example.com, www.example.com`",
                "product: `SecureSite` is now `RapidSSL`",
            ]
        );
        assert_eq!(
            drift(&[("organization", json!("hdl_1"))]),
            ["organization: `Example GmbH` is now `hdl_1`"]
        );
    }

    #[test]
    fn what_the_certificate_does_not_depend_on_is_no_change() {
        assert_eq!(drift(&[]), [""; 0]);
        assert_eq!(drift(&[("product", json!("securesite"))]), [""; 0]);
        assert_eq!(
            drift(&[
                ("common_name", json!("example.com")),
                ("dns_names", json!(["www.example.com"]))
            ]),
            [""; 0]
        );
        assert_eq!(drift(&[("validity_days", json!(90))]), [""; 0]);
    }

    #[test]
    fn another_kind_of_key_in_the_plan_is_a_change() {
        let (then, now) = (plan(PLAN), plan(&PLAN.replace("ec-p256", "rsa-3072")));
        assert_ne!(then, now);
        let values = inputs(&[]);
        let found = changes((&then, &values), (&now, &values), "x", Timestamp::UNIX_EPOCH);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), "key type: `ec-p256` is now `rsa-3072`");
    }
}
