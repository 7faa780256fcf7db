//! Doubts: what can be run, but is probably not what was meant.
//!
//! They are looked for only in a plan without mistakes: beside mistakes they would distract, and
//! could be their consequence.

use std::collections::BTreeSet;

use super::{StepInfo, folders, guards, hollow, nulls, relations};
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::Plan;
use crate::plan::raw::{RawInput, RawPlan, RawStep};
use crate::plan::schedule::ValidityLimit;
use crate::plan::template::{Parsed, parse};
use crate::types::{format_duration, printable};

/// The parameter that says how long the certificate shall be valid.
const VALIDITY: &str = "validity_days";

pub(super) fn warn(
    raw: &RawPlan<'_>,
    plan: &Plan,
    infos: &[StepInfo],
    used_inputs: &BTreeSet<String>,
    limit: Option<&ValidityLimit>,
    decoder: &mut Decoder<'_>,
) {
    for input in raw.inputs.iter().filter(|input| !used_inputs.contains(&input.name.name)) {
        unused_input(input, decoder);
    }
    guards::warn(plan, infos, decoder);
    nulls::warn(raw, plan, decoder);
    folders::warn(raw, plan, decoder);
    hollow::warn(raw, plan, decoder);
    relations::warn_of_deletions(raw, plan, decoder);
    for (step, info) in raw.steps.iter().zip(infos) {
        poll(step, plan, decoder);
        if let Some(limit) = limit
            && info.signature.is_some_and(|signature| signature.parameter(VALIDITY).is_some())
        {
            validity(step, &raw.inputs, limit, decoder);
        }
    }
}

fn unused_input(input: &RawInput<'_>, decoder: &mut Decoder<'_>) {
    let name = printable(&input.name.name);
    decoder.push(
        Diagnostic::warning("unused-input", format!("the input `{name}` is never used"))
            .at(input.name.span, "no step reads it")
            .help(format!("read it as `{{{{ inputs.{name} }}}}`, or leave it out")),
    );
}

/// A step looks at once, then every `every`, and once more when the time is over.
fn poll(raw: &RawStep<'_>, plan: &Plan, decoder: &mut Decoder<'_>) {
    let Some(step) = plan.steps.get(&raw.id.value) else { return };
    let (Some(policy), Some(written)) = (&step.poll, &raw.poll) else { return };
    let (every, timeout) = (format_duration(policy.every), format_duration(policy.timeout));
    let place = written.timeout.as_ref().or(written.every.as_ref());
    let place = place.map_or(written.key, |text| text.span);
    if policy.every >= policy.timeout {
        decoder.push(
            Diagnostic::warning(
                "poll-looks-twice",
                format!("step `{}` looks twice: at once, and when its time is over", step.id),
            )
            .at(place, format!("`timeout` is {timeout}, `every` is {every}"))
            .help("let it look more often, or wait for longer"),
        );
    }
    if let Some(attempt) = &raw.timeout
        && step.timeout >= policy.timeout
    {
        decoder.push(
            Diagnostic::warning(
                "poll-shorter-than-attempt",
                format!("one look of step `{}` may take as long as the whole wait", step.id),
            )
            .at(attempt.span, "the `timeout` of the step is that of one look")
            .also(place, format!("the whole wait ends after {timeout}"))
            .help("give one look less time, or the wait more"),
        );
    }
}

fn validity(
    raw: &RawStep<'_>,
    inputs: &[RawInput<'_>],
    limit: &ValidityLimit,
    decoder: &mut Decoder<'_>,
) {
    let entries = raw.with.map_or(&[][..], |(_, entries)| entries);
    let Some((_, node)) = entries.iter().find(|(key, _)| key.name == VALIDITY) else { return };
    let policy = entries.iter().find(|(key, _)| key.name == "validity_policy");
    if policy.is_some_and(|(_, node)| node.as_str() == Some("clamp")) {
        return; // What is allowed on the day is ordered.
    }
    if let Some(days) = too_many(node, limit) {
        decoder.push(too_long(days, node.span, limit));
        return;
    }
    let Some(input) = read_input(node, inputs) else { return };
    let default = input.default.and_then(|node| Some((too_many(node, limit)?, node.span)));
    let maximum = input.maximum.as_ref().map(|maximum| (maximum.value, maximum.span));
    let maximum = maximum.filter(|(days, _)| *days > limit.days);
    let remark = format!("`{}` takes it from here", raw.id.value);
    match (default, maximum) {
        (Some((days, span)), Some((_, maximum))) => decoder.push(
            too_long(days, span, limit)
                .also(maximum, "this allows as much")
                .also(node.span, remark),
        ),
        (Some((days, span)), None) | (None, Some((days, span))) => {
            decoder.push(too_long(days, span, limit).also(node.span, remark));
        }
        (None, None) => {}
    }
}

fn too_many(node: &Node, limit: &ValidityLimit) -> Option<i64> {
    match node.kind {
        Kind::Integer(days) if days > limit.days => Some(days),
        _ => None,
    }
}

/// The input that a value passes on as it is.
fn read_input<'r, 'n>(node: &Node, inputs: &'r [RawInput<'n>]) -> Option<&'r RawInput<'n>> {
    let Ok(Parsed::Expression { inside, .. }) = parse(node.as_str()?) else { return None };
    let name = inside.strip_prefix("inputs.")?;
    inputs.iter().find(|input| input.name.name == name)
}

fn too_long(days: i64, span: Span, limit: &ValidityLimit) -> Diagnostic {
    let allowed = limit.days;
    Diagnostic::warning(
        "validity-too-long",
        format!("the CA allows {allowed} days, and this asks for {days}"),
    )
    .at(span, format!("{allowed} at most since {}", limit.from))
    .help(format!("the limit is that of {}", printable(&limit.source)))
    .suggest(span, allowed.to_string(), "ask for less")
}
