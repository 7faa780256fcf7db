//! One case: its name, its inputs and world, when the program is killed, and what is resumed when.

use std::time::Duration;

use super::Common;
use super::expectation::decode_expectation;
use super::imitation::decode_imitations;
use super::inputs::decode_inputs;
use super::named_files::decode_scenario;
use super::value::decode_duration;
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::Plan;
use crate::trial::expectation::Expectation;
use crate::trial::model::{Act, Case, KillAt};
use crate::types::{printable, shorten};

const CASE_KEYS: [&str; 9] =
    ["name", "description", "inputs", "scenario", "imitate", "limit", "kill_at", "expect", "then"];

const ACT_KEYS: [&str; 3] = ["after", "imitate", "expect"];

/// A run that stands still is resumed no more often than this.
const MOST_ACTS: usize = 20;

/// Virtual time that a case may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(90 * 86_400);

/// The name of a case, and the case when all of it can be read.
pub(super) fn decode_case(
    node: &Node,
    index: usize,
    common: &Common<'_, '_>,
    decoder: &mut Decoder<'_>,
) -> Option<(Located<String>, Option<Case>)> {
    let number = format!("case number {}", index + 1);
    let Kind::Map(entries) = &node.kind else {
        let help = "a case begins with its name, `- name: …`; below it stands `expect: …`";
        decoder.wrong_kind_because(node, &number, "a map", Some(help));
        return None;
    };
    let start = entries.first().map_or(node.span, |(key, _)| key.span);
    let name =
        entries.iter().find(|(key, _)| key.name == "name").and_then(|(_, node)| node.as_str());
    let what = match name {
        Some(name) => format!("case `{}`", shorten(&printable(name), 60)),
        None => number,
    };
    let fields = decoder.fields(node, start, &what, &CASE_KEYS)?;
    decoder.require(&fields, "name", "say what it shows, for example `name: a lost answer`");
    let name = decode_name(&fields, decoder);
    decoder.text(&fields, "description");
    let inputs = decode_inputs(&fields, start, common, decoder);
    let scenario = match fields.get("scenario") {
        Some(_) => decode_scenario(&fields, common.folder, decoder),
        None => Some(common.scenario.clone()),
    };
    let mut imitate = common.imitate.clone();
    imitate.extend(decode_imitations(&fields, common.plan, decoder));
    let limit = decode_duration(&fields, "limit", decoder).unwrap_or(LIMIT);
    let kill_at = decode_kills(&fields, decoder);
    let expect = decode_expect(&fields, start, common.plan, decoder);
    let then = decode_acts(&fields, common.plan, decoder);
    let name = name?;
    let place = decoder.file.position(node_start(node, start).start);
    let case = inputs.zip(scenario).zip(expect).map(|((inputs, scenario), expect)| Case {
        name: name.value.clone(),
        place,
        inputs,
        scenario,
        imitate,
        limit,
        kill_at,
        expect,
        then,
    });
    Some((name, case))
}

fn node_start(node: &Node, first_key: Span) -> Span {
    if node.span.start == node.span.end { first_key } else { node.span }
}

fn decode_name(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    let name = decoder.text(fields, "name")?;
    let value = shorten(printable(&name.value).trim(), 120);
    if value.is_empty() {
        decoder.push(
            Diagnostic::error("bad-name", "the name of a case is empty")
                .at(name.span, "say what the case shows"),
        );
        return None;
    }
    Some(Located { value, span: name.span })
}

fn decode_kills(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<KillAt> {
    let (_, node) = fields.get("kill_at")?;
    let what = fields.name_of("kill_at");
    let items = match &node.kind {
        Kind::String(_) => {
            return decoder
                .word_of(node, &what, &[("every_event", ())])
                .map(|()| KillAt::EveryEvent);
        }
        Kind::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut events = Vec::new();
    for item in items {
        match item.kind {
            Kind::Integer(number) if (1..=100_000).contains(&number) => {
                events.extend(u32::try_from(number));
            }
            _ => {
                let help =
                    "`every_event`, or the numbers of events as `certplan events` shows them";
                let expected = "the number of an event, from 1 on";
                decoder.wrong_kind_because(item, &what, expected, Some(help));
            }
        }
    }
    if items.is_empty() {
        decoder.push(
            Diagnostic::error("out-of-range", format!("{what} names no event"))
                .at(node.span, "this list is empty")
                .help("`every_event` kills it after each of them"),
        );
    }
    Some(KillAt::Events(events))
}

fn decode_acts(fields: &Fields<'_>, plan: &Plan, decoder: &mut Decoder<'_>) -> Vec<Act> {
    let Some((_, node)) = fields.get("then") else { return Vec::new() };
    let items = match &node.kind {
        Kind::Seq(items) => items.as_slice(),
        Kind::Map(_) => std::slice::from_ref(node),
        _ => {
            decoder.wrong_kind(node, &fields.name_of("then"), "a list of resumptions");
            &[]
        }
    };
    if let Some(beyond) = items.get(MOST_ACTS) {
        decoder.push(
            Diagnostic::error("out-of-range", format!("the run is resumed {} times", items.len()))
                .at(beyond.span, format!("{MOST_ACTS} times at most")),
        );
    }
    let mut acts = Vec::new();
    for (index, item) in items.iter().enumerate().take(MOST_ACTS) {
        let start = match &item.kind {
            Kind::Map(entries) => entries.first().map_or(item.span, |(key, _)| key.span),
            _ => item.span,
        };
        let what = format!("resumption number {}", index + 1);
        let Some(fields) = decoder.fields(item, start, &what, &ACT_KEYS) else { continue };
        let after = decode_duration(&fields, "after", decoder).unwrap_or_default();
        let expect = decode_expect(&fields, start, plan, decoder);
        let imitate = decode_imitations(&fields, plan, decoder);
        acts.extend(expect.map(|expect| Act { after, imitate, expect }));
    }
    acts
}

fn decode_expect(
    fields: &Fields<'_>,
    start: Span,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<Expectation> {
    match fields.get("expect") {
        Some((key, node)) if node.kind != Kind::Null => {
            decode_expectation(node, key.span, plan, decoder)
        }
        found => {
            // A slip of the name is reported as an unknown key.
            let known = found.is_some();
            if known || !fields.has_slip_of("expect") {
                decoder.push(
                    Diagnostic::error("no-expectation", "nothing is expected here")
                        .at(found.map_or(start, |(key, _)| key.span), "whatever happens is right")
                        .help(
                            "say at least how it ends, for example `expect: { outcome: issued }`",
                        ),
                );
            }
            None
        }
    }
}
