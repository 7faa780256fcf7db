//! `timing:`, `name_servers:` and `limits:` of a scenario: when things happen, and how often.

use std::time::Duration;

use super::reading::{at_top, count, duration, duration_of, items};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::sandbox::limits::{RateLimit, RateLimits};
use crate::sandbox::world::{LookPhase, Timing};

/// One of the durations of a [`Timing`].
type Part = fn(&mut Timing) -> &mut Duration;

/// A ready-made [`Timing`].
type Speed = fn() -> Timing;

/// The durations of a [`Timing`], their keys and what they mean.
pub(super) const DURATIONS: [(&str, Part, &str); 10] = [
    (
        "validation_after",
        |timing| &mut timing.validation_after,
        "from the completion of a staged order until its DNS records show",
    ),
    (
        "direct_validation_after",
        |timing| &mut timing.direct_validation_after,
        "from any other order until its DNS records show",
    ),
    ("listed_after", |timing| &mut timing.listed_after, "from an order until the list shows it"),
    (
        "vetting",
        |timing| &mut timing.vetting,
        "how long the CA checks the organization of an order",
    ),
    (
        "issuance",
        |timing| &mut timing.issuance,
        "from the last proof and check until the certificate is there",
    ),
    (
        "email_answer",
        |timing| &mut timing.email_answer,
        "how long somebody takes to answer the validation mail",
    ),
    (
        "organization_check",
        |timing| &mut timing.organization_check,
        "how long a new organization is checked before it can be used",
    ),
    (
        "organization_lifetime",
        |timing| &mut timing.organization_lifetime,
        "how long a checked organization can be used",
    ),
    (
        "validation_lifetime",
        |timing| &mut timing.validation_lifetime,
        "how long the proof of a domain covers later OV orders",
    ),
    (
        "token_lifetime",
        |timing| &mut timing.token_lifetime,
        "how long a DNS token lives before another takes its place",
    ),
];

/// The words of `speed`, and what they mean.
pub(super) const SPEEDS: [(&str, Speed, &str); 2] = [
    ("published", Timing::published, "as the CA publishes it: minutes, then longer"),
    ("quick", Timing::quick, "everything takes seconds"),
];

pub(super) const LOOK_KEYS: [&str; 2] = ["every", "lasting"];
pub(super) const LIMIT_KEYS: [&str; 2] = ["requests", "within"];
pub(super) const VENDORS: [&str; 2] = ["regfish", "digicert"];

/// More name servers than any zone has.
pub(super) const MOST_NAME_SERVERS: usize = 8;

/// What is otherwise than usual.
#[derive(Debug, Clone, Default)]
pub(super) struct TimingChanges {
    speed: Option<Speed>,
    durations: Vec<(Part, Duration)>,
    looks: Option<Vec<LookPhase>>,
}

impl TimingChanges {
    pub(super) fn apply(&self, timing: &mut Timing) {
        if let Some(speed) = self.speed {
            *timing = speed();
        }
        for (part, duration) in &self.durations {
            *part(timing) = *duration;
        }
        if let Some(looks) = &self.looks {
            timing.looks.clone_from(looks);
        }
    }
}

pub(super) fn timing(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> TimingChanges {
    let Some((_, node)) = fields.get("timing") else { return TimingChanges::default() };
    let keys: Vec<&str> =
        ["speed", "looks"].into_iter().chain(DURATIONS.iter().map(|(key, _, _)| *key)).collect();
    let Some(fields) = decoder.fields(node, at_top(node), "`timing`", &keys) else {
        return TimingChanges::default();
    };
    let mut changes = TimingChanges {
        speed: decoder.word(&fields, "speed", &SPEEDS.map(|(word, speed, _)| (word, speed))),
        durations: Vec::new(),
        looks: looks(&fields, decoder),
    };
    for (key, part, _) in DURATIONS {
        if let Some(duration) = duration(&fields, key, decoder) {
            changes.durations.push((part, duration));
        }
    }
    changes
}

fn looks(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<LookPhase>> {
    let items = items(fields, "looks", decoder)?;
    let phase = |item: &Node, decoder: &mut Decoder<'_>| {
        let fields = decoder.fields(item, at_top(item), "a phase of `looks`", &LOOK_KEYS)?;
        decoder.require(&fields, "every", "how often the CA looks, for example `every: 1m`");
        decoder.require(&fields, "lasting", "how long it does so, for example `lasting: 15m`");
        let every = duration(&fields, "every", decoder)?;
        let lasting = duration(&fields, "lasting", decoder)?;
        if let (true, Some((_, node))) = (every < SHORTEST_PAUSE, fields.get("every")) {
            decoder.push(
                Diagnostic::error("out-of-range", "the CA cannot look that often")
                    .at(node.span, "at least `1s`"),
            );
        }
        Some(LookPhase { every, lasting })
    };
    Some(items.iter().filter_map(|item| phase(item, decoder)).collect())
}

/// Each look is a question to the name servers; on a virtual clock days of them come at once.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) fn name_servers(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Duration>> {
    let (key, _) = fields.get("name_servers")?;
    let items = items(fields, "name_servers", decoder)?;
    if items.is_empty() || items.len() > MOST_NAME_SERVERS {
        decoder.push(
            Diagnostic::error(
                "out-of-range",
                format!("there cannot be {} name servers", items.len()),
            )
            .at(key.span, format!("from 1 to {MOST_NAME_SERVERS}"))
            .help("for example `name_servers: [0s, 5m]`: the second lags five minutes behind"),
        );
    }
    let what = "the lag of a name server";
    Some(items.iter().filter_map(|item| duration_of(item, what, decoder)).collect())
}

pub(super) fn limits(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<RateLimits> {
    let (_, node) = fields.get("limits")?;
    if let Kind::String(_) = node.kind {
        let words = [("published", true), ("none", false)];
        let published = decoder.word(fields, "limits", &words)?;
        return Some(if published { RateLimits::published() } else { RateLimits::default() });
    }
    let fields = decoder.fields(node, at_top(node), "`limits`", &VENDORS)?;
    Some(RateLimits {
        regfish: vendor_limits(&fields, VENDORS[0], decoder),
        digicert: vendor_limits(&fields, VENDORS[1], decoder),
    })
}

fn vendor_limits(fields: &Fields<'_>, vendor: &str, decoder: &mut Decoder<'_>) -> Vec<RateLimit> {
    let limit = |item: &Node, decoder: &mut Decoder<'_>| {
        let fields = decoder.fields(item, at_top(item), "a limit", &LIMIT_KEYS)?;
        decoder.require(&fields, "requests", "how many, for example `requests: 500`");
        decoder.require(&fields, "within", "in which time, for example `within: 60s`");
        Some(RateLimit {
            requests: usize::try_from(count(&fields, "requests", 1, decoder)?).ok()?,
            window: duration(&fields, "within", decoder)?,
        })
    };
    let items = items(fields, vendor, decoder).unwrap_or_default();
    items.iter().filter_map(|item| limit(item, decoder)).collect()
}
