//! Both ways of reading a tagged enum come to the same, whatever is written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Tagged;
use crate::run::{EventKind, Intent};

tagged_enum! {
    /// An enum with every form that a variant can have.
    #[derive(Debug, Clone, PartialEq)]
    enum Sample {
        Empty,
        Named { number: u32, word: Option<String> },
        Inside(Inner),
    }
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Inner {
    number: u32,
    #[serde(default)]
    words: Vec<String>,
}

fn order() -> Value {
    json!({
        "type": "order", "public_key_sha256": "ab", "sku": "X", "common_name": "a.example.com",
        "names": ["a.example.com", "b.example.com"], "organization_id": null,
        "validity_days": 199, "renewal_of": "AAAAAAAAAAAA1", "known_certificate_ids": ["AAAAAAAAAAAA2"]
    })
}

fn intents() -> Vec<Value> {
    let reissue = json!({
        "type": "reissue", "certificate_id": "AAAAAAAAAAAA1", "public_key_sha256": "ab",
        "names": ["a.example.com"], "former_serial_number": "0a",
        "known_reissue": { "id": "7", "requested_at": "2026-01-01T00:00:00Z" }
    });
    let organization = json!({
        "type": "organization", "name": "Example GmbH", "address": "Beispielweg 1",
        "country_code": "DE", "known_organization_ids": ["hdl_AAAAAAAAAAAA1"]
    });
    vec![order(), reissue, organization]
}

/// One of each kind, and more where a field can be left out.
fn kinds() -> Vec<Value> {
    let error = json!({ "kind": "server", "message": "it said 500" });
    let (now, step) = ("2026-01-01T00:00:00Z", "order");
    let plan = json!({ "name": "dv", "file": "dv.yaml", "digest": "00" });
    let mut kinds = vec![
        json!({
            "type": "run_started", "plan": plan, "target": "a", "inputs": { "days": 7 },
            "steps": [step], "endpoints": { "regfish": "https://api.example" }, "sandbox": false,
            "directory": "/srv", "semantics": 1, "program": "test", "orders_known": 3,
            "earlier_runs": []
        }),
        json!({ "type": "run_resumed", "program": "test" }),
        json!({ "type": "plan_replaced", "plan": plan, "steps": [step], "inputs": {} }),
        json!({ "type": "step_skipped", "step": step }),
        json!({
            "type": "step_started", "step": step, "attempt": 1, "deadline": now,
            "parameters": { "list": [1, 2.5, { "deep": null }], "text": "ä\n\"" }
        }),
        json!({ "type": "step_started", "step": step, "attempt": 1, "parameters": {} }),
        json!({ "type": "intent_withdrawn", "step": step }),
        json!({ "type": "intent_settled", "step": step }),
        json!({
            "type": "step_waiting", "step": step, "next_look": now,
            "observation": { "summary": "pending", "seen": { "token": "x" } }
        }),
        json!({ "type": "attempt_failed", "step": step, "error": error, "retry_at": now }),
        json!({
            "type": "outcome_unknown", "step": step, "error": error, "look_at": now,
            "looks_without_finding": 0
        }),
        json!({
            "type": "certificate_bound", "step": step, "certificate_id": "AAAAAAAAAAAA1",
            "binding": "adopted"
        }),
        json!({ "type": "step_succeeded", "step": step, "output": { "status": "issued" } }),
        json!({ "type": "step_failed", "step": step, "error": error }),
        json!({
            "type": "step_parked", "step": step, "reason": {
                "waits_for": "person", "code": "x", "message": "y", "completion_url": null
            }
        }),
        json!({
            "type": "step_in_doubt", "step": step, "message": "two",
            "candidates": [{ "certificate_id": "AAAAAAAAAAAA1", "description": "one" }]
        }),
        json!({ "type": "step_blocked", "step": step, "by": "key" }),
        json!({ "type": "step_reopened", "step": step, "reason": { "type": "resumed" } }),
        json!({
            "type": "step_reopened", "step": step,
            "reason": { "seen_by": "issued", "type": "changed", "origin": "validation" }
        }),
        json!({ "type": "run_paused", "reason": "parked" }),
        json!({ "type": "run_finished", "result": "succeeded" }),
        json!({ "type": "run_cancelled", "program": "test", "reason": null }),
    ];
    kinds.extend(
        intents()
            .into_iter()
            .map(|intent| json!({ "type": "intent_recorded", "step": step, "intent": intent })),
    );
    kinds
}

/// Both ways of reading come to the same.
fn agree<T>(text: &str)
where
    T: for<'de> Tagged<'de> + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let fast = serde_json::from_str::<T>(text);
    let derived = T::tag_anywhere(&mut serde_json::Deserializer::from_str(text));
    match (&fast, &derived) {
        (Ok(fast), Ok(derived)) => assert_eq!(fast, derived, "{text}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{text}: {fast:?} is not {derived:?}"),
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let (fast, derived) = (T::deserialize(&value).ok(), T::tag_anywhere(&value).ok());
    assert_eq!(fast, derived, "{text}");
    assert_eq!(serde_json::from_value::<T>(value.clone()).ok(), derived, "{text}");
}

/// Fields in their order, as text: a field can stand there twice.
fn fields(value: &Value) -> Vec<(String, String)> {
    let fields = value.as_object().unwrap().iter();
    fields.map(|(name, value)| (format!("{name:?}"), value.to_string())).collect()
}

fn text_of(fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

const ODD: [&str; 9] =
    ["null", "3", "-1", "1e40", "\"x\"", "[]", "{}", "{\"type\":\"order\"}", "[[{\"a\":null}]]"];

/// Changes something; what, is a matter of chance.
fn spoil(fields: &mut Vec<(String, String)>, (what, one, other): (u8, u8, u8)) {
    let (one, other) = (usize::from(one), usize::from(other));
    let odd = ODD[other % ODD.len()].to_owned();
    if fields.is_empty() {
        return fields.push(("\"type\"".to_owned(), odd));
    }
    let (at, to) = (one % fields.len(), other % fields.len());
    match what % 7 {
        0 | 1 => fields.swap(at, to),
        2 => drop(fields.remove(at)),
        3 => fields.insert(at, ("\"surprise\"".to_owned(), odd)),
        4 => fields.insert(at, fields[to].clone()),
        5 => fields[at].1 = odd,
        // The same name, written in another way.
        _ => fields[at].0 = fields[at].0.replace("\"t", "\"\\u0074"),
    }
}

#[test]
fn every_kind_is_among_the_samples() {
    let unknown = serde_json::from_str::<EventKind>(r#"{"type":"?"}"#).unwrap_err().to_string();
    let known: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
    assert!(known.len() > 20, "{unknown}");
    let samples = kinds();
    for kind in known {
        assert!(samples.iter().any(|sample| sample["type"] == kind), "{kind}");
    }
}

#[test]
fn what_is_written_is_read_the_fast_way() {
    for sample in kinds() {
        let event: EventKind = serde_json::from_value(sample).unwrap();
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.starts_with(&format!("{{\"type\":\"{}\"", event.name())), "{text}");
        assert_eq!(serde_json::from_str::<EventKind>(&text).unwrap(), event);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &str| serde_json::from_str::<EventKind>(text).unwrap_err().to_string();
    let missing = error(r#"{"type":"step_blocked","step":"a"}"#);
    assert!(missing.starts_with("missing field `by`"), "{missing}");
    let unknown = error(r#"{"type":"step_forgotten"}"#);
    assert!(unknown.starts_with("unknown variant `step_forgotten`, expected one of"), "{unknown}");
    assert!(error(r#"{"step":"a"}"#).starts_with("missing field `type`"));
    assert!(error(r#"{"type":"run_paused","type":"x"}"#).starts_with("duplicate field `type`"));
    let odd = error("3");
    assert!(odd.contains("integer `3`, expected internally tagged enum EventKind"), "{odd}");
    let step = error(r#"{"type":"step_skipped","step":"a b"}"#);
    assert!(step.contains("`a b` is not a step id"), "{step}");
}

#[test]
fn lists_are_read_as_ever() {
    for text in [
        r#"["step_skipped", "order"]"#,
        r#"["step_skipped", {"step": "order"}]"#,
        r#"["run_resumed"]"#,
        "[]",
        r#"[{"type": "run_resumed"}, "x"]"#,
    ] {
        agree::<EventKind>(text);
    }
}

proptest! {
    #[test]
    fn an_event_is_read_as_serde_would_read_it(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<(u8, u8, u8)>(), 0..5),
    ) {
        let mut sample = fields(which.get(&kinds()));
        changes.into_iter().for_each(|change| spoil(&mut sample, change));
        agree::<EventKind>(&text_of(&sample));
    }

    #[test]
    fn an_intent_is_read_as_serde_would_read_it(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<(u8, u8, u8)>(), 0..5),
        inside in any::<bool>(),
    ) {
        let mut sample = fields(which.get(&intents()));
        changes.into_iter().for_each(|change| spoil(&mut sample, change));
        let text = text_of(&sample);
        agree::<Intent>(&text);
        let step = "\"step\": \"order\"";
        agree::<EventKind>(&match inside {
            true => format!("{{\"type\": \"intent_recorded\", {step}, \"intent\": {text}}}"),
            false => format!("{{\"intent\": {text}, {step}, \"type\": \"intent_recorded\"}}"),
        });
    }

    #[test]
    fn every_form_of_variant_is_read_as_serde_would_read_it(
        which in 0_usize..3,
        changes in prop::collection::vec(any::<(u8, u8, u8)>(), 0..5),
    ) {
        let samples = [
            json!({ "type": "empty" }),
            json!({ "type": "named", "number": 1, "word": "x" }),
            json!({ "type": "inside", "number": 1 }),
        ];
        let mut sample = fields(&samples[which]);
        changes.into_iter().for_each(|change| spoil(&mut sample, change));
        agree::<Sample>(&text_of(&sample));
    }
}
