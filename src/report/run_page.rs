//! `run_page`: everything about one run: what it is, where its steps stand, what happened when.

use std::collections::BTreeSet;

use super::progress::Progress;
use super::result::{RunResultView, step_detail};
use super::run_table::paint_phase;
use super::style::Style;
use super::wording::{between, moment};
use crate::run::{Event, EventKind, RunState, StepRecord, StepState};
use crate::types::{RunId, StepId};

/// The page as lines. `view` and `events` are of the same run; `finally` are its steps that run at
/// the end.
pub fn run_page(
    run: &RunId,
    state: &RunState,
    events: &[Event],
    view: &RunResultView,
    finally: &BTreeSet<StepId>,
    style: Style,
) -> Vec<String> {
    let header = &state.header;
    let mut page = view.lines();
    let mut row = |name: &str, value: String| page.push(format!("{name:<17} {value}"));
    row("target", header.target.clone());
    row("plan", format!("{} ({})", header.plan.name, header.plan.file));
    let world = if header.sandbox { " (embedded sandbox; its clock is virtual)" } else { "" };
    for (connection, endpoint) in &header.endpoints {
        row(connection, format!("{endpoint}{world}"));
    }
    row("started", moment(state.started_at));
    row("last event", moment(state.updated_at));

    page.push(String::new());
    page.push(style.strong("Steps"));
    let width = state.steps.keys().map(|step| step.as_str().len()).max().unwrap_or(0);
    let (last, first): (Vec<_>, Vec<_>) =
        state.steps.iter().partition(|(step, _)| finally.contains(*step));
    for (step, record) in first {
        page.extend(step_lines(step, record, width, style));
    }
    if !last.is_empty() {
        page.push(String::new());
        page.push(style.strong("Finally"));
    }
    for (step, record) in last {
        page.extend(step_lines(step, record, width, style));
    }

    if !view.records.is_empty() {
        page.push(String::new());
        page.push(style.strong("DNS records"));
    }
    for record in &view.records {
        page.push(format!("  {} {} {}", record.name, record.kind, record.value));
        page.push(format!("    {}", record.fate()));
    }

    page.push(String::new());
    page.push(style.strong("Timeline"));
    page.extend(timeline(events, style));
    page.push(String::new());
    page.push(style.faint(&format!("All details: certplan events {run}")));
    page
}

/// What happened when: a line or more for each event, with the time since the first.
pub fn timeline(events: &[Event], style: Style) -> Vec<String> {
    let Some(first) = events.first() else { return Vec::new() };
    let steps = || events.iter().filter_map(|event| event.kind.step());
    let widths = || steps().map(|step| step.as_str().len());
    let (mut progress, width) = (Progress::new(style, widths()), widths().max().unwrap_or(0));
    let mut timeline = Vec::new();
    for event in events {
        let mut lines = progress.lines(event);
        if lines.is_empty() {
            lines.extend(quiet_line(event, width));
        }
        for line in lines {
            let offset = format!("+{}", between(first.at, event.at));
            timeline.push(format!("  {offset:>9} {line}"));
        }
    }
    timeline
}

/// Where a step stands.
fn step_lines(step: &StepId, record: &StepRecord, width: usize, style: Style) -> Vec<String> {
    let phase = paint_phase(&format!("{:<9}", record.state.name()), style);
    let attempts = match record.history.attempts {
        0 | 1 => String::new(),
        attempts => format!(" ({attempts} attempts)"),
    };
    let detail = step_detail(&record.state);
    let line = format!("  {:<width$}  {phase}  {detail}{attempts}", step.as_str());
    let mut lines = vec![line.trim_end().to_owned()];
    if let StepState::Parked { reason } = &record.state
        && let Some(url) = &reason.completion_url
    {
        lines.push(format!("  {:<width$}  {:9}  a person can act here: {url}", "", ""));
    }
    lines
}

/// A line for events that are too quiet to be shown while they happen.
fn quiet_line(event: &Event, width: usize) -> Option<String> {
    let text = match &event.kind {
        EventKind::RunStarted(header) => return Some(format!("  started by {}", header.program)),
        EventKind::StepStarted { attempt: 1, .. } => "started".to_owned(),
        EventKind::StepStarted { attempt, .. } => format!("attempt {attempt}"),
        EventKind::IntentRecorded { .. } => "about to order; recorded what will be sent".to_owned(),
        EventKind::IntentWithdrawn { .. } => "refused; nothing was ordered".to_owned(),
        EventKind::IntentSettled { .. } => "what was sent is there".to_owned(),
        EventKind::CertificateBound { certificate_id, .. } => {
            format!("owns certificate {certificate_id}")
        }
        EventKind::StepReopened { .. } => "gets another chance".to_owned(),
        EventKind::RunFinished { .. } => return Some("  finished".to_owned()),
        _ => return None,
    };
    let step = event.kind.step()?;
    Some(format!("    {:<width$}  {text}", step.as_str()))
}
