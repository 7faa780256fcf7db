//! What an action would do with its parameters, told before it does it.
//!
//! Kept beside the actions, because it must say what they do: `tests/it/preview.rs` compares it
//! with what really arrives at a server. Pure; parameters may be unknown in parts.

mod facts;
mod in_batch;
mod requests;
mod term;

use indexmap::IndexMap;
use serde_json::Value;

pub use facts::{Fact, PlannedRecord, facts};
pub use in_batch::requests_in_batch;
pub use requests::{PlannedRequest, requests};
pub use term::{Term, refusal, term};

use crate::plan::Partly;

/// The parameters of a step, in their normal form.
pub type PartlyKnown = IndexMap<String, Partly>;

/// The actions that only read, and whose answer says something before anything is ordered.
const READS: [&str; 4] = [
    "regfish.list_products",
    "regfish.resolve_organization",
    "regfish.find_certificate",
    "regfish.advise_renewal",
];

/// Whether a preview may really ask: it changes nothing, and everything that it asks with is known.
pub fn may_be_asked(uses: &str, parameters: &PartlyKnown) -> bool {
    // What may have to be made cannot be told beforehand.
    let only_reads = READS.contains(&uses) && !parameters.contains_key("create");
    only_reads && parameters.values().all(|value| value.known().is_some())
}

/// A parameter as it is shown.
fn shown(parameters: &PartlyKnown, name: &str) -> Option<Value> {
    parameters.get(name).map(Partly::shown)
}

/// A parameter as text, as it is shown.
fn text(parameters: &PartlyKnown, name: &str) -> Option<String> {
    shown(parameters, name).map(|value| plain(&value))
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Presence, signatures};
    use serde_json::json;

    fn unknown_parameters(uses: &str) -> PartlyKnown {
        let signature = crate::plan::find_signature(uses).unwrap();
        let required =
            signature.parameters.iter().filter(|field| field.presence == Presence::Required);
        required
            .map(|field| (field.name.clone(), Partly::Unknown(format!("steps.x.{}", field.name))))
            .collect()
    }

    #[test]
    fn every_action_that_talks_to_an_api_says_what_it_sends() {
        for signature in signatures() {
            let requests = requests(signature.name, &unknown_parameters(signature.name));
            assert_eq!(requests.is_empty(), signature.connection.is_none(), "{}", signature.name);
        }
    }

    #[test]
    fn only_reads_are_asked_and_only_when_all_is_known() {
        for signature in signatures() {
            let parameters = unknown_parameters(signature.name);
            let asked = may_be_asked(signature.name, &parameters);
            assert!(!asked || parameters.is_empty(), "{}", signature.name);
            let known = parameters.keys().map(|name| (name.clone(), Partly::Known(json!("x"))));
            let known: PartlyKnown = known.collect();
            let writes = requests(signature.name, &known)
                .iter()
                .any(|request| request.method != crate::api::http::Method::Get);
            assert!(!(may_be_asked(signature.name, &known) && writes), "{}", signature.name);
        }
    }

    #[test]
    fn known_ids_are_encoded_and_unknown_ones_are_shown() {
        let with = |id: Partly| PartlyKnown::from([("certificate_id".to_owned(), id)]);
        let path = |parameters| requests("regfish.wait_issued", &parameters).remove(0).path;
        assert_eq!(path(with(Partly::Known(json!("a/b")))), "/tls/certificate/a%2Fb");
        let unknown = Partly::Unknown("steps.order.certificate_id".to_owned());
        assert_eq!(path(with(unknown)), "/tls/certificate/‹steps.order.certificate_id›");
    }
}
