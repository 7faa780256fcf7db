//! `Event::from_stored`: reads an event as a store keeps it, quickly.
//!
//! Nearly all events of a run are of three kinds. The general decoder has to keep all their fields
//! until it has seen the kind; where the kind stands in front, as this program writes it, they are
//! decoded straight away. What is read is the same.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::event::{Event, EventKind};
use super::outcome::Observation;
use crate::types::{StepId, Timestamp};

#[derive(Deserialize)]
struct Stored<'a> {
    sequence: u32,
    at: Timestamp,
    #[serde(borrow)]
    kind: &'a RawValue,
}

#[derive(Deserialize)]
struct Started {
    step: StepId,
    attempt: u32,
    parameters: Map<String, Value>,
    deadline: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Waiting {
    step: StepId,
    observation: Observation,
    next_look: Timestamp,
}

#[derive(Deserialize)]
struct Succeeded {
    step: StepId,
    output: Map<String, Value>,
}

impl Event {
    /// Reads the JSON text of an event. Fails when it is none.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        let Stored { sequence, at, kind } = serde_json::from_str(text)?;
        Ok(Self { sequence, at, kind: read_kind(kind.get())? })
    }
}

fn read_kind(text: &str) -> Result<EventKind, serde_json::Error> {
    let begins = |kind: &str| {
        let rest = text.strip_prefix("{\"type\":\"").and_then(|rest| rest.strip_prefix(kind));
        rest.is_some_and(|rest| rest.starts_with('"'))
    };
    if begins("step_started") {
        let Started { step, attempt, parameters, deadline } = serde_json::from_str(text)?;
        return Ok(EventKind::StepStarted { step, attempt, parameters, deadline });
    }
    if begins("step_succeeded") {
        let Succeeded { step, output } = serde_json::from_str(text)?;
        return Ok(EventKind::StepSucceeded { step, output });
    }
    if begins("step_waiting") {
        let Waiting { step, observation, next_look } = serde_json::from_str(text)?;
        return Ok(EventKind::StepWaiting { step, observation, next_look });
    }
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kinds() -> Vec<Value> {
        let seen = json!({ "summary": "pending", "seen": { "dns_records": [{ "name": "a" }] } });
        vec![
            json!({ "type": "step_started", "step": "order", "attempt": 2,
                    "parameters": { "z": 1, "a": [null, "\u{e9}"] }, "deadline": null }),
            json!({ "type": "step_started", "step": "order", "attempt": 1, "parameters": {},
                    "deadline": "2026-03-01T00:00:00Z" }),
            json!({ "type": "step_succeeded", "step": "order", "output": { "b": true, "a": 1.5 } }),
            json!({ "type": "step_waiting", "step": "issued", "observation": seen,
                    "next_look": "2026-03-01T00:00:00Z" }),
            json!({ "type": "step_waiting", "step": "issued", "observation": { "summary": "" },
                    "next_look": "2026-03-01T00:00:00Z" }),
            json!({ "type": "step_skipped", "step": "order" }),
            json!({ "type": "run_paused", "reason": "parked" }),
            json!({ "step": "order", "output": {}, "type": "step_succeeded" }),
        ]
    }

    #[test]
    fn what_is_read_quickly_is_what_the_general_decoder_reads() {
        for kind in kinds() {
            let event = json!({ "sequence": 3, "at": "2026-03-01T00:00:00.5Z", "kind": kind });
            for text in [event.to_string(), format!("{event:#}")] {
                let slow: Event = serde_json::from_str(&text).unwrap();
                assert_eq!(Event::from_stored(&text).unwrap(), slow, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_event_for_one_is_none_for_the_other() {
        let whole = json!({ "sequence": 3, "at": "2026-03-01T00:00:00Z", "kind": kinds()[0] });
        let whole = whole.to_string();
        let ends = (0..whole.len()).filter(|end| whole.is_char_boundary(*end));
        let mut broken: Vec<String> = ends.map(|end| whole[..end].to_owned()).collect();
        broken.push(whole.replace("step_started", "step_startled"));
        broken.push(whole.replace("\"attempt\":2,", ""));
        broken.push(whole.replace("order", "no step"));
        for text in broken {
            assert!(serde_json::from_str::<Event>(&text).is_err(), "{text}");
            assert!(Event::from_stored(&text).is_err(), "{text}");
        }
    }
}
