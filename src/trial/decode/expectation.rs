//! What stands under `expect`: how the run ends, and how its steps stand then.

use super::outputs::decode_outputs;
use super::value::{count, decode_duration};
use super::world::{
    decode_certificate, decode_orders, decode_paths, decode_records, decode_requests,
};
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::Plan;
use crate::trial::expectation::{Expectation, Outcome, StepExpectation, StepWord};
use crate::types::{StepId, printable, shorten};

const KEYS: [&str; 13] = [
    "outcome",
    "reason",
    "step",
    "steps",
    "outputs",
    "orders",
    "requests",
    "files",
    "no_files",
    "certificate",
    "records",
    "within",
    "description",
];

/// Reads an expectation; `at` is the key that it stands under.
pub(super) fn decode_expectation(
    node: &Node,
    at: Span,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<Expectation> {
    let fields = decoder.fields(node, at, "`expect`", &KEYS)?;
    decoder.require(&fields, "outcome", "say how it ends, for example `outcome: issued`");
    decoder.text(&fields, "description");
    let words = Outcome::WORDS.map(|(word, outcome, _)| (word, outcome));
    let outcome = decoder.word(&fields, "outcome", &words);
    let reason = decoder.text(&fields, "reason");
    let step = decoder.text(&fields, "step");
    for (key, given) in [("reason", &reason), ("step", &step)] {
        if let (Some(outcome), Some(given)) = (outcome, given)
            && outcome.is_success()
        {
            let message =
                format!("a run that is `{}` stands at no step, for no reason", outcome.as_str());
            decoder.push(
                Diagnostic::error("stray-key", message)
                    .at(given.span, format!("so `{key}` has no meaning here")),
            );
        }
    }
    let step = step.and_then(|step| known_step(&step, plan, decoder));
    Some(Expectation {
        reason: reason.map(|reason| reason.value),
        step,
        steps: decode_steps(&fields, plan, decoder),
        outputs: decode_outputs(&fields, plan, decoder),
        orders: decode_orders(&fields, decoder),
        requests: decode_requests(&fields, decoder),
        files: decode_paths(&fields, "files", decoder),
        no_files: decode_paths(&fields, "no_files", decoder),
        certificate: decode_certificate(&fields, decoder),
        records: decode_records(&fields, decoder),
        within: decode_duration(&fields, "within", decoder),
        outcome: outcome?,
    })
}

/// The step of the plan that is meant.
pub(super) fn known_step(
    name: &Located<String>,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Option<StepId> {
    if let Some(step) = plan.steps.get(name.value.as_str()) {
        return Some(step.id.clone());
    }
    let known = || plan.steps.keys().map(StepId::as_str);
    let shown = shorten(&printable(&name.value), 60);
    let diagnostic = Diagnostic::error(
        "unknown-step",
        format!("the plan `{}` has no step `{shown}`", plan.name),
    )
    .at(name.span, "unknown step");
    decoder.push(match nearest(&name.value, known()) {
        Some(near) => diagnostic.suggest(name.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("steps: {}", list(known()))),
    });
    None
}

/// The entries of a map with free keys.
pub(super) fn entries<'n>(
    fields: &Fields<'n>,
    name: &str,
    help: &str,
    decoder: &mut Decoder<'_>,
) -> &'n [(Key, Node)] {
    match fields.get(name) {
        None => &[],
        Some((_, Node { kind: Kind::Map(entries), .. })) => entries,
        Some((_, node)) => {
            decoder.wrong_kind_because(node, &fields.name_of(name), "a map", Some(help));
            &[]
        }
    }
}

fn decode_steps(
    fields: &Fields<'_>,
    plan: &Plan,
    decoder: &mut Decoder<'_>,
) -> Vec<(StepId, StepExpectation)> {
    let help = "for example `steps: { complete: skipped }`";
    let mut steps = Vec::new();
    for (key, node) in entries(fields, "steps", help, decoder) {
        let name = Located { value: key.name.clone(), span: key.span };
        let step = known_step(&name, plan, decoder);
        let what = format!("step `{}`", shorten(&printable(&key.name), 60));
        let expected = if node.as_str().is_some() {
            let state = decoder.word_of(node, &what, &StepWord::ALL);
            StepExpectation { state, ..StepExpectation::default() }
        } else {
            let keys = ["state", "reason", "attempts"];
            let Some(fields) = decoder.fields(node, key.span, &what, &keys) else { continue };
            let attempts = decoder.integer(&fields, "attempts");
            StepExpectation {
                state: decoder.word(&fields, "state", &StepWord::ALL),
                reason: decoder.text(&fields, "reason").map(|reason| reason.value),
                attempts: attempts.and_then(|number| count(&number, decoder)),
            }
        };
        steps.extend(step.map(|step| (step, expected)));
    }
    steps
}
