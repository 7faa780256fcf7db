//! `faults:` of a scenario: which calls, which of them, and what is done to them.

use super::happening::{WORDS, deed, happening};
use super::reading::{
    at_top, boolean, count, domain, duration, duration_of, exclude, in_range, items, seed,
};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::sandbox::endpoints;
use crate::sandbox::fault::{CannedAnswer, Fault, FaultAction, Hiding};
use crate::sandbox::path_pattern::PathPattern;
use crate::sandbox::random_faults::{RandomFault, RandomFaults};
use crate::types::printable;

pub(super) const KEYS: [&str; 6] = ["call", "target", "nth", "every", "times", "do"];
pub(super) const ANSWER_KEYS: [&str; 7] =
    ["status", "message", "body", "content_type", "headers", "retry_after", "after_commit"];
pub(super) const HIDE_KEYS: [&str; 2] = ["lists", "for"];
pub(super) const RANDOM_KEYS: [&str; 3] = ["seed", "share", "kinds"];

/// The methods of the imitated API; `*` is any.
pub(super) const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "DELETE", "PUT", "*"];

/// What can be done to a call, and what it means.
pub(super) const DEEDS: [(&str, &str); 9] = [
    ("answer", "this answer comes; nothing happens, unless `after_commit` is set"),
    ("html", "the page of a proxy in trouble: 502"),
    ("empty", "200 without a body"),
    ("drop_before_commit", "the connection ends without an answer, and nothing happened"),
    ("drop_after_commit", "the connection ends without an answer, although everything happened"),
    ("cut", "everything happened, and half an answer comes"),
    ("stall", "everything happened, and no answer ever comes"),
    ("delay", "it happens that much later"),
    ("hide", "everything happened, and the list lacks the order for a while"),
];

/// The seed of random faults that name none.
const DEFAULT_SEED: u64 = 1;

pub(super) fn faults(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<Fault> {
    let items = items(fields, "faults", decoder).unwrap_or_default();
    items.iter().filter_map(|item| fault(item, decoder)).collect()
}

pub(super) fn fault(node: &Node, decoder: &mut Decoder<'_>) -> Option<Fault> {
    let fields = decoder.fields(node, at_top(node), "a fault", &KEYS)?;
    decoder.require(&fields, "call", "which calls, for example `call: POST /tls/certificate`");
    decoder.require(&fields, "do", "what is done to them, for example `do: drop_after_commit`");
    let target = domain(&fields, "target", decoder);
    let nth = count(&fields, "nth", 1, decoder);
    let every = count(&fields, "every", 1, decoder);
    let times = count(&fields, "times", 1, decoder);
    let action = action(&fields, decoder);
    let (method, path) = call(&fields, decoder)?;
    check_served(&fields, &method, &path, action.as_ref(), decoder)?;
    // Whoever says `every` means all of them.
    let usual_times = if every.is_some() { u32::MAX } else { 1 };
    Some(Fault {
        method,
        path,
        target,
        nth: nth.or(every).unwrap_or(1),
        every: every.unwrap_or(1),
        times: times.unwrap_or(usual_times),
        action: action?,
    })
}

fn call(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<(String, PathPattern)> {
    let text = decoder.text(fields, "call")?;
    let mut words = text.value.split_whitespace();
    let (Some(method), Some(path), None) = (words.next(), words.next(), words.next()) else {
        decoder.push(
            Diagnostic::error("bad-call", format!("{} is no call", fields.name_of("call")))
                .at(text.span, "expected a method and a path")
                .help("for example `POST /tls/certificate` or `GET /tls/certificate/*`"),
        );
        return None;
    };
    let (_, node) = fields.get("call")?;
    let method_span = node.inside(0..method.len(), decoder.file);
    let span = if text.value.starts_with(method) { method_span } else { text.span };
    let name = Node { kind: Kind::String(method.to_owned()), span };
    let methods = METHODS.map(|method| (method, method));
    let method = decoder.word_of(&name, "the method of a call", &methods)?;
    match PathPattern::parse(path) {
        Ok(path) => Some((method.to_owned(), path)),
        Err(error) => {
            decoder.push(
                Diagnostic::error("bad-call", format!("`{}` is no path", printable(path)))
                    .at(text.span, error.to_string()),
            );
            None
        }
    }
}

/// A fault at a call that never comes does nothing, and nobody would notice. Only an answer can be
/// given where the sandbox has none of its own; there a slip is still one.
fn check_served(
    fields: &Fields<'_>,
    method: &str,
    path: &PathPattern,
    action: Option<&FaultAction>,
    decoder: &mut Decoder<'_>,
) -> Option<()> {
    let Err(unserved) = endpoints::find(method, path) else { return Some(()) };
    if matches!(action, Some(FaultAction::Answer(_))) && !unserved.is_slip {
        return Some(());
    }
    let (_, node) = fields.get("call")?;
    decoder.push(unserved.diagnostic(method, path, node.span));
    None
}

fn action(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<FaultAction> {
    let (_, node) = fields.get("do")?;
    let names: Vec<&'static str> = deed_names().collect();
    let (name, parameters) = deed(node, &names, decoder)?;
    match (name, parameters) {
        ("answer", Some(node)) => answer(node, decoder),
        ("delay", Some(node)) => Some(FaultAction::Delay(duration_of(node, "`delay`", decoder)?)),
        ("hide", Some(node)) => hide(node, decoder),
        ("answer" | "delay" | "hide", None) => {
            let example = match name {
                "answer" => "do: { answer: { status: 503 } }",
                "delay" => "do: { delay: 30s }",
                _ => "do: { hide: { lists: 3 } }",
            };
            decoder.push(
                Diagnostic::error("missing-key", format!("`{name}` does not say enough"))
                    .at(node.span, "more is needed here")
                    .help(format!("for example `{example}`")),
            );
            None
        }
        _ => match simple(name) {
            Some(action) => {
                if let Some(parameters) = parameters {
                    decoder.push(
                        Diagnostic::error("stray-key", format!("`{name}` takes nothing"))
                            .at(parameters.span, "leave this out")
                            .help(format!("write `do: {name}`")),
                    );
                }
                Some(action)
            }
            None => Some(FaultAction::Happen(happening(name, parameters, node, decoder)?)),
        },
    }
}

/// The names of all that can be done to a call.
pub(super) fn deed_names() -> impl Iterator<Item = &'static str> {
    DEEDS.iter().map(|(name, _)| *name).chain(WORDS.iter().map(|(name, _, _)| *name))
}

/// What takes no parameters.
fn simple(name: &str) -> Option<FaultAction> {
    Some(match name {
        "html" => FaultAction::Html,
        "empty" => FaultAction::Answer(CannedAnswer::text(200, "", "")),
        "drop_before_commit" => FaultAction::DropBeforeCommit,
        "drop_after_commit" => FaultAction::DropAfterCommit,
        "cut" => FaultAction::CutAnswer,
        "stall" => FaultAction::Stall,
        _ => return None,
    })
}

fn hide(node: &Node, decoder: &mut Decoder<'_>) -> Option<FaultAction> {
    let fields = decoder.fields(node, at_top(node), "`hide`", &HIDE_KEYS)?;
    exclude(&fields, "lists", "for", decoder);
    let lists = count(&fields, "lists", 1, decoder).map(Hiding::Lists);
    let time = duration(&fields, "for", decoder).map(Hiding::For);
    if fields.get("lists").is_none() {
        decoder.require(&fields, "for", "for example `{ lists: 3 }` or `{ for: 2m }`");
    }
    lists.or(time).map(FaultAction::Hide)
}

fn answer(node: &Node, decoder: &mut Decoder<'_>) -> Option<FaultAction> {
    let fields = decoder.fields(node, at_top(node), "`answer`", &ANSWER_KEYS)?;
    decoder.require(&fields, "status", "the HTTP status, for example `status: 503`");
    exclude(&fields, "message", "body", decoder);
    exclude(&fields, "message", "content_type", decoder);
    let status = status(&fields, decoder);
    let message = decoder.text(&fields, "message").map(|text| text.value);
    let content_type = decoder.text(&fields, "content_type").map(|text| text.value);
    let headers = headers(&fields, decoder);
    let retry_after = duration(&fields, "retry_after", decoder);
    let after_commit = boolean(&fields, "after_commit", decoder).unwrap_or(false);
    let status = status?;
    let mut canned = match fields.get("body") {
        None => CannedAnswer::refusal(status, message.as_deref().unwrap_or("a scripted answer")),
        Some((_, node)) => match &node.kind {
            Kind::String(text) => CannedAnswer::text(status, "text/plain; charset=utf-8", text),
            _ => CannedAnswer::json(status, &node.to_value()),
        },
    };
    canned.content_type = content_type.unwrap_or(canned.content_type);
    canned.headers.extend(headers);
    if let Some(pause) = retry_after {
        canned = canned.retry_after(pause.as_secs());
    }
    Some(if after_commit { FaultAction::Instead(canned) } else { FaultAction::Answer(canned) })
}

fn status(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<u16> {
    let status = decoder.integer(fields, "status")?;
    in_range(&status, &fields.name_of("status"), 200, 599, decoder)
        .and_then(|status| u16::try_from(status).ok())
}

/// The headers, each of which HTTP allows.
fn headers(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<(String, String)> {
    let Some((_, node)) = fields.get("headers") else { return Vec::new() };
    let Kind::Map(entries) = &node.kind else {
        let help = Some("for example `headers: { x-request-id: abc }`");
        decoder.wrong_kind_because(node, &fields.name_of("headers"), "a map", help);
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, value) in entries {
        let Some(text) = decoder.text_of(value, &format!("header `{}`", printable(&key.name)))
        else {
            continue;
        };
        let is_name = axum::http::HeaderName::from_bytes(key.name.as_bytes()).is_ok();
        let is_value = axum::http::HeaderValue::from_str(&text.value).is_ok();
        if is_name && is_value {
            headers.push((key.name.clone(), text.value));
        } else {
            let span = if is_name { text.span } else { key.span };
            decoder.push(
                Diagnostic::error("bad-name", "this is no header of HTTP")
                    .at(span, "names and values are plain characters in one line"),
            );
        }
    }
    headers
}

pub(super) fn random_faults(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<RandomFaults> {
    let (_, node) = fields.get("random_faults")?;
    let fields = decoder.fields(node, at_top(node), "`random_faults`", &RANDOM_KEYS)?;
    decoder.require(&fields, "share", "how many calls are hit, for example `share: 5%`");
    let seed = seed(&fields, "seed", decoder).unwrap_or(DEFAULT_SEED);
    let kinds = match items(&fields, "kinds", decoder) {
        None => RandomFault::usual(),
        Some(items) => {
            let words = RandomFault::WORDS.map(|(word, kind, _)| (word, kind));
            let what = "an item of `kinds`";
            items.iter().filter_map(|item| decoder.word_of(item, what, &words)).collect()
        }
    };
    if let Some((_, Node { kind: Kind::Integer(number), span })) = fields.get("share") {
        decoder.push(
            Diagnostic::error("out-of-range", format!("{} has no unit", fields.name_of("share")))
                .at(*span, "a part of all calls")
                .suggest(*span, format!("{number}%"), "say that it is a percentage"),
        );
        return None;
    }
    let share = decoder.text(&fields, "share")?;
    match share.value.parse() {
        Ok(share) => Some(RandomFaults { seed, share, kinds }),
        Err(error) => {
            decoder.push(
                Diagnostic::error("out-of-range", format!("{} is none", fields.name_of("share")))
                    .at(share.span, error.to_string()),
            );
            None
        }
    }
}
