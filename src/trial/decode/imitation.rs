//! Reading what stands under `imitate`, checked against the plan.

use std::collections::BTreeMap;

use super::expectation::known_step;
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::Plan;
use crate::trial::imitation::{ImitatedAnswer, Imitation, Imitations, ShownCertificate};
use crate::types::{printable, shorten};

/// The actions that reach what no sandbox imitates, with the keys of their answers.
const ACTIONS: [(&str, &[&str]); 3] = [
    ("command.run", &["exit_code", "stdout", "stderr", "error"]),
    ("http.request", &["status", "headers", "json", "text", "error"]),
    ("tls.check_served", &["serves", "error"]),
];

/// A step is looked at no more often than this with answers of its own.
const MOST_ANSWERS: usize = 100;

/// Reads the imitations of a file or of a case.
pub(super) fn decode_imitations(
    fields: &Fields<'_>,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Imitations {
    let entries = match fields.get("imitate") {
        None => return Imitations::new(),
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        Some((_, node)) => {
            let help = "give for each step what comes of it, for example `reload: succeeds`";
            decoder.wrong_kind_because(node, &fields.name_of("imitate"), "a map", Some(help));
            return Imitations::new();
        }
    };
    let mut imitations = Imitations::new();
    for (key, node) in entries {
        let name = Located { value: key.name.clone(), span: key.span };
        let Some(step) = known_step(&name, plan, decoder) else { continue };
        let uses = plan.steps.get(&step).map(|step| step.uses.as_str()).unwrap_or_default();
        let Some((_, keys)) = ACTIONS.iter().find(|(action, _)| *action == uses) else {
            decoder.push(not_for(uses, &key.name, key.span));
            continue;
        };
        let what = format!("the answer to `{}`", shorten(&printable(&key.name), 60));
        let imitation = decode_imitation(node, key.span, &what, (uses, keys), decoder);
        imitations.extend(imitation.map(|imitation| (step, imitation)));
    }
    imitations
}

fn not_for(uses: &str, step: &str, span: Span) -> Diagnostic {
    let message = format!("`{}` needs no imitation", shorten(&printable(step), 60));
    let diagnostic =
        Diagnostic::error("not-imitated", message).at(span, format!("it is a `{uses}`"));
    match uses.split('.').next() {
        Some("regfish" | "digicert" | "dns") => diagnostic
            .help("the sandbox answers; `scenario` says how its world differs from the usual one"),
        _ => diagnostic.help("it is carried out in the imitated world as in the real one"),
    }
}

type Action<'a> = (&'a str, &'a [&'a str]);

fn decode_imitation(
    node: &Node,
    at: Span,
    what: &str,
    action: Action<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Imitation> {
    let items = match &node.kind {
        Kind::String(word) if word == "really" => return Some(Imitation::Really),
        Kind::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() || items.len() > MOST_ANSWERS {
        let message = format!("{what} is a list of {} answers", items.len());
        decoder.push(
            Diagnostic::error("out-of-range", message)
                .at(node.span, format!("it may have from 1 to {MOST_ANSWERS}")),
        );
        return None;
    }
    let answers: Vec<ImitatedAnswer> =
        items.iter().filter_map(|item| decode_answer(item, at, what, action, decoder)).collect();
    (answers.len() == items.len()).then_some(Imitation::Answers(answers))
}

fn decode_answer(
    node: &Node,
    at: Span,
    what: &str,
    (uses, keys): Action<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<ImitatedAnswer> {
    match &node.kind {
        Kind::String(word) if word == "really" => {
            decoder.push(
                Diagnostic::error("wrong-word", "`really` stands alone")
                    .at(node.span, "a step really acts every time, or never"),
            );
            return None;
        }
        Kind::String(_) => {
            let words = Imitation::WORDS.map(|word| (word, ()));
            return decoder.word_of(node, what, &words).map(|()| ImitatedAnswer::Success);
        }
        Kind::Map(_) => {}
        _ => {
            let help = format!("`succeeds`, `really`, or a map with {}", backticked(keys));
            decoder.wrong_kind_because(node, what, "a map", Some(&help));
            return None;
        }
    }
    let fields = decoder.fields(node, at, what, keys)?;
    if let Some(answer) = decode_error(&fields, keys, decoder) {
        return answer;
    }
    match uses {
        "command.run" => decode_program(&fields, decoder),
        "http.request" => decode_server(&fields, decoder),
        _ => match fields.get("serves") {
            Some(_) => decoder
                .word(&fields, "serves", &ShownCertificate::WORDS)
                .map(ImitatedAnswer::Certificate),
            None => Some(ImitatedAnswer::Success),
        },
    }
}

fn backticked(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// An answer that is none. The outer none: there is no `error`; the inner one: it is wrong.
fn decode_error(
    fields: &Fields<'_>,
    keys: &[&str],
    decoder: &mut Decoder<'_>,
) -> Option<Option<ImitatedAnswer>> {
    let (key, _) = fields.get("error")?;
    let others = keys.iter().filter(|name| **name != "error");
    if let Some((other, _)) = others.filter_map(|name| fields.get(name)).next() {
        let message =
            format!("{} and `{}` exclude each other", fields.name_of("error"), other.name);
        decoder.push(
            Diagnostic::error("excluding-keys", message)
                .at(key.span, "with this there is no answer")
                .also(other.span, "and this is a part of one"),
        );
        return Some(None);
    }
    let reason = decoder.text(fields, "error");
    Some(reason.map(|reason| ImitatedAnswer::Error(shorten(&printable(&reason.value), 300))))
}

fn decode_program(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<ImitatedAnswer> {
    let exit_code = bounded(fields, "exit_code", 0..=255, decoder)?;
    let mut text = |name: &str| match fields.get(name) {
        Some(_) => decoder.text(fields, name).map(|text| text.value),
        None => Some(String::new()),
    };
    Some(ImitatedAnswer::Program {
        exit_code: exit_code.and_then(|code| i32::try_from(code).ok()),
        stdout: text("stdout")?,
        stderr: text("stderr")?,
    })
}

fn decode_server(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<ImitatedAnswer> {
    let status = bounded(fields, "status", 100..=599, decoder)?;
    let headers = decode_headers(fields, decoder)?;
    let body = match (fields.get("json"), fields.get("text")) {
        (Some((json, _)), Some((text, _))) => {
            let message = format!("{} and `text` exclude each other", fields.name_of("json"));
            decoder.push(
                Diagnostic::error("excluding-keys", message)
                    .at(text.span, "an answer has one body")
                    .also(json.span, "this is one already"),
            );
            return None;
        }
        (Some((_, node)), None) => node.to_value().to_string(),
        (None, Some(_)) => decoder.text(fields, "text")?.value,
        (None, None) => String::new(),
    };
    Some(ImitatedAnswer::Server {
        status: status.and_then(|status| u16::try_from(status).ok()),
        headers,
        body,
    })
}

fn decode_headers(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<BTreeMap<String, String>> {
    let Some((_, node)) = fields.get("headers") else { return Some(BTreeMap::new()) };
    let Kind::Map(entries) = &node.kind else {
        decoder.wrong_kind(node, &fields.name_of("headers"), "a map of texts");
        return None;
    };
    let mut headers = BTreeMap::new();
    for (key, node) in entries {
        let what = format!("the header `{}`", shorten(&printable(&key.name), 60));
        headers.insert(key.name.to_ascii_lowercase(), decoder.text_of(node, &what)?.value);
    }
    Some(headers)
}

/// A whole number within bounds. The inner none: it is not given.
fn bounded(
    fields: &Fields<'_>,
    name: &str,
    bounds: std::ops::RangeInclusive<i64>,
    decoder: &mut Decoder<'_>,
) -> Option<Option<i64>> {
    if fields.get(name).is_none() {
        return Some(None);
    }
    let number = decoder.integer(fields, name)?;
    if bounds.contains(&number.value) {
        return Some(Some(number.value));
    }
    let message = format!("{} cannot be {}", fields.name_of(name), number.value);
    decoder.push(
        Diagnostic::error("out-of-range", message)
            .at(number.span, format!("from {} to {}", bounds.start(), bounds.end())),
    );
    None
}
