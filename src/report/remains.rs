//! `remains`: what is left of a run that is not gone on with, here and at the vendor.

use super::run_records::{RunRecord, run_records};
use crate::run::{RunState, StepState};
use crate::types::{StepId, printable};

/// What is left of a run, a sentence each. Nothing in here was asked for just now: it is what the
/// events say.
pub fn remains(state: &RunState) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(id) = &state.certificate_id {
        let place = console_address(state);
        let place = place.map(|url| format!(", for example at {url}")).unwrap_or_default();
        lines.push(format!(
            "The order of certificate {id} stays as it is at the vendor. certplan knows no call that \
             cancels it; a person can do that in the Console{place}."
        ));
    }
    for record in run_records(state).into_iter().filter(RunRecord::is_left) {
        let RunRecord { name, kind, step, .. } = record;
        lines.push(format!("The DNS record {name} {kind} of step `{step}` is still there."));
    }
    for (step, path) in texts(state, "key_file") {
        if state.certificate_id.is_some() {
            lines.push(format!("The private key of step `{step}` stays in {path}."));
        }
    }
    for (_, path) in texts(state, "fullchain_file") {
        lines.push(format!("The certificate stays in {path}."));
    }
    if lines.is_empty() {
        lines.push("Nothing was ordered, and nothing is left at the vendor.".to_owned());
    }
    lines
}

/// Where the Console shows the order, in the vendor's own words.
fn console_address(state: &RunState) -> Option<String> {
    let parked = state.steps.values().find_map(|record| match &record.state {
        StepState::Parked { reason } => reason.completion_url.clone(),
        _ => None,
    });
    parked.or_else(|| texts(state, "completion_url").into_iter().next().map(|(_, url)| url))
}

/// A field of the outputs that have it as a text, with the step.
fn texts(state: &RunState, field: &str) -> Vec<(String, String)> {
    let text = |id: &StepId| {
        let value = state.output(id)?.get(field)?.as_str()?;
        Some((id.to_string(), printable(value)))
    };
    state.steps.keys().filter_map(text).collect()
}
