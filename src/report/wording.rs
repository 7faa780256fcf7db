//! Short texts for outputs, times and states.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::run::{ParkReason, WaitsFor};
use crate::types::{Timestamp, format_duration, printable, shorten};

/// What a step's output says in a few words: the fields that people look for.
pub(super) fn headline(output: &Map<String, Value>) -> String {
    let text = |name: &str| output.get(name).and_then(Value::as_str);
    if let Some(summary) = text("summary") {
        return shorten(&printable(summary), 300);
    }
    if let Some(directory) = text("directory") {
        let mut words = format!("proved and put into {directory}");
        // It holds a key and is still there, so it must not go unsaid.
        words.extend(text("not_removed").map(|reason| format!("; {reason}")));
        return printable(&words);
    }
    if let Some(records) = output.get("dns_records").or_else(|| output.get("records")) {
        return records_headline(records);
    }
    if let Some(deleted) = output.get("deleted").and_then(Value::as_array) {
        return deletion_headline(deleted, output.get("kept").and_then(Value::as_array));
    }
    if let (Some(kind), Some(file)) = (text("key_type"), text("key_file")) {
        let reused = output.get("reused_key").and_then(Value::as_bool) == Some(true);
        let used = if reused { ", used again," } else { "" };
        return format!("{kind} key{used} in {}", printable(file));
    }
    if let Some(id) = text("certificate_id") {
        let mut words = vec![id.to_owned()];
        words.extend(text("order_state").or_else(|| text("status")).map(str::to_owned));
        words.extend(text("pending_reason").map(str::to_owned));
        words.extend(text("organization_id").map(|id| format!("organization {id}")));
        return printable(&words.join(", "));
    }
    if let Some(sku) = text("sku") {
        let level = text("validation_level").map(|level| format!(" ({level})"));
        return printable(&format!("{sku}{}", level.unwrap_or_default()));
    }
    match (text("name"), text("id")) {
        (Some(name), Some(id)) => printable(&format!("{name} ({id})")),
        _ => String::new(),
    }
}

fn deletion_headline(deleted: &[Value], kept: Option<&Vec<Value>>) -> String {
    let field = |record: &Value, name: &str| {
        shorten(&printable(record.get(name).and_then(Value::as_str).unwrap_or("?")), 80)
    };
    let named = |records: &[Value]| {
        let names: Vec<String> = records.iter().map(|record| field(record, "name")).collect();
        shorten(&names.join(", "), 200)
    };
    let kept = kept.map(Vec::as_slice).unwrap_or_default();
    let gone = (!deleted.is_empty()).then(|| format!("deleted {}", named(deleted)));
    let stays = kept
        .iter()
        .map(|record| format!("left {} alone: {}", field(record, "name"), field(record, "reason")));
    let words: Vec<String> = gone.into_iter().chain(stays).collect();
    if words.is_empty() { "no record was put".to_owned() } else { shorten(&words.join("; "), 300) }
}

fn records_headline(records: &Value) -> String {
    let Some(records) = records.as_array() else { return String::new() };
    let field = |record: &Value, name: &str| {
        shorten(&printable(record.get(name).and_then(Value::as_str).unwrap_or("?")), 80)
    };
    let show = |record: &Value| {
        let made = match record.get("created").and_then(Value::as_bool) {
            Some(true) => " (made)",
            Some(false) => " (was there)",
            None => "",
        };
        format!(
            "{} {} {}{made}",
            field(record, "name"),
            field(record, "type"),
            field(record, "value")
        )
    };
    match records.as_slice() {
        [] => "no record is needed".to_owned(),
        [record] => show(record),
        [first, rest @ ..] => format!("{} and {} more", show(first), rest.len()),
    }
}

/// Why a step is parked, in one line.
pub(super) fn park_reason(reason: &ParkReason) -> String {
    let who = match reason.waits_for {
        WaitsFor::Person => "waits for a person",
        WaitsFor::CertificateAuthority => "waits for the CA",
        WaitsFor::Outside => "waits for something outside",
    };
    format!("{who}: {} ({})", reason.message, reason.code)
}

/// Where a person can act for a parked run, and since when that is awaited; for people.
pub fn parked_note(since: Timestamp, completion_url: Option<&str>) -> String {
    let since = moment(since);
    match completion_url {
        Some(url) => format!("parked since {since}; a person can act here: {}", printable(url)),
        None => format!("parked since {since}"),
    }
}

/// That a person ended a run, with the reason if there is one.
pub(super) fn cancelled(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("cancelled: {}", shorten(&printable(reason), 200)),
        None => "cancelled".to_owned(),
    }
}

/// The time from one moment to another; nothing when it runs backwards.
///
/// Whole seconds are enough from a few seconds on, and `30s` must not read as `29s` because some
/// milliseconds have passed since it was decided.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    let elapsed = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    if elapsed < Duration::from_secs(5) {
        return format_duration(elapsed);
    }
    format_duration(Duration::from_secs((elapsed + Duration::from_millis(500)).as_secs()))
}

/// A moment to the second.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
