//! Results as people read them: a line for each case, then everything about those that failed.

use std::time::Duration;

use super::{Played, Report};
use crate::rehearsal::{CaseResult, Kill, KillFailure, Recording};
use crate::report::{Style, timeline};
use crate::run::Event;
use crate::sandbox::LoggedRequest;
use crate::trial::Mismatch;
use crate::types::{Timestamp, format_duration, printable, shorten};

/// Lines of a timeline that are shown: the last ones.
const LONGEST_TIMELINE: usize = 60;

/// Requests that are shown: the last ones.
const MOST_REQUESTS: usize = 40;

/// Kills that are named.
const MOST_KILLS: usize = 10;

/// Names longer than this do not push the column of times away.
const WIDEST: usize = 72;

/// The width of the column of names.
pub(super) fn width(names: &[String]) -> usize {
    names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(WIDEST)
}

/// The line above the cases of a file.
pub(super) fn heading(file: &str, plan: &str, style: Style) -> String {
    format!("{} {}", style.strong(&printable(file)), style.faint(&format!("({})", printable(plan))))
}

/// The line of a case.
pub(super) fn line(result: &CaseResult, width: usize, style: Style) -> String {
    let mark = if result.is_good() { style.good("✓") } else { style.bad("✗") };
    let kills = match &result.kills {
        Some(kills) => format!("  {} kills", kills.number),
        None => String::new(),
    };
    let took = style.faint(&format!("{:>7}{kills}", duration(result.took)));
    format!("  {mark} {:<width$}  {took}", result.name)
}

/// What follows when all cases are played.
pub(super) fn ending(report: &Report, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for file in &report.files {
        for result in file.results.iter().filter(|result| !result.is_good()) {
            lines.push(String::new());
            lines.extend(failure(file, result, style));
        }
    }
    lines.push(String::new());
    lines.push(summary(report, style));
    lines
}

fn summary(report: &Report, style: Style) -> String {
    let (all, failed) = (report.results().count(), report.failed());
    let files = counted(report.files.len(), "file");
    let took = duration(report.took);
    let passed = all - failed;
    if failed == 0 {
        return format!(
            "{} in {files}; {took}",
            style.good(&format!("{} passed", counted(all, "case")))
        );
    }
    let failed = style.bad(&format!("{failed} failed"));
    format!("{failed}, {passed} passed of {} in {files}; {took}", counted(all, "case"))
}

/// Everything about a case that failed, as plain lines.
pub(super) fn failure(file: &Played, result: &CaseResult, style: Style) -> Vec<String> {
    let place = format!("{}:{}", printable(&file.name), result.place.line);
    let mut lines = vec![format!("{} {place}: {}", style.bad("✗"), style.strong(&result.name))];
    lines.extend(
        result.problem.iter().map(|problem| format!("  {}", printable(&problem.to_string()))),
    );
    for (what, mismatch) in mismatches(result) {
        lines.push(format!("  {}", style.strong(&what)));
        lines.push(format!("    expected  {}", style.good(&mismatch.expected)));
        lines.push(format!("    found     {}", style.bad(&mismatch.found)));
    }
    let mut recording = result.recording.as_ref();
    if let Some(kills) = &result.kills {
        for failure in kills.failures.iter().take(MOST_KILLS) {
            lines.push(format!("  {}", kill_line(failure, result)));
        }
        if kills.failures.len() > MOST_KILLS {
            lines.push(format!("  and {} more kills", kills.failures.len() - MOST_KILLS));
        }
        let first = kills
            .failures
            .iter()
            .find_map(|failure| Some((failure.kill, failure.recording.as_ref()?)));
        if let Some((kill, of_kill)) = first {
            lines.push(format!("  What follows is the run that was killed {kill}."));
            recording = Some(of_kill);
        }
    }
    if let Some(recording) = recording {
        lines.extend(story(recording, style));
    }
    lines
}

/// What is not as expected, each with its place in the case.
pub(super) fn mismatches(result: &CaseResult) -> impl Iterator<Item = (String, &Mismatch)> {
    result.stands.iter().enumerate().flat_map(|(index, stand)| {
        stand.mismatches.iter().map(move |mismatch| {
            let place = match index.checked_sub(1) {
                None => "expect".to_owned(),
                Some(act) => format!("then[{act}].expect"),
            };
            (format!("{place}.{}", mismatch.what), mismatch)
        })
    })
}

/// What a kill has changed, in a line.
pub(super) fn kill_line(failure: &KillFailure, result: &CaseResult) -> String {
    let event = event_name(failure.kill, result.recording.as_ref());
    let what = shorten(&printable(&failure.what), 600);
    format!("killed {}{event}: {what}", failure.kill)
}

fn event_name(kill: Kill, recording: Option<&Recording>) -> String {
    let event = recording
        .and_then(|recording| recording.events.iter().find(|event| event.sequence == kill.event));
    match event.map(|event| (event.kind.name(), event.kind.step())) {
        Some((name, Some(step))) => format!(" ({name} of `{step}`)"),
        Some((name, None)) => format!(" ({name})"),
        None => String::new(),
    }
}

/// The timeline and the requests.
fn story(recording: &Recording, style: Style) -> Vec<String> {
    let mut lines = vec![format!("  {}", style.strong("Timeline"))];
    lines.extend(last(timeline(&recording.events, style), LONGEST_TIMELINE, "lines"));
    lines.push(format!("  {}", style.strong("Requests")));
    lines.extend(last(requests(recording), MOST_REQUESTS, "requests"));
    lines
}

/// What stands in the place of a status where a connection was cut.
const NO_ANSWER: &str = "no answer";

/// The requests, a line each, in columns.
pub(super) fn requests(recording: &Recording) -> Vec<String> {
    let start = recording.events.first().map(|event: &Event| event.at);
    let is_cut = recording.requests.iter().any(|request| request.status.is_none());
    let width = if is_cut { NO_ANSWER.len() } else { 3 };
    let line = |request: &LoggedRequest| {
        let status = request.status.map_or_else(|| NO_ANSWER.to_owned(), |code| code.to_string());
        let path = shorten(&printable(&request.path), 120);
        let offset = format!("+{}", since(start, request.at));
        format!("  {offset:>9}   {status:<width$}  {} {path}", printable(&request.method))
    };
    recording.requests.iter().map(line).collect()
}

fn since(start: Option<Timestamp>, at: Timestamp) -> String {
    let elapsed = start.and_then(|start| Duration::try_from(at.duration_since(start)).ok());
    format_duration(elapsed.unwrap_or_default())
}

/// The last of many lines, with a word about the others.
fn last(lines: Vec<String>, most: usize, noun: &str) -> Vec<String> {
    let left_out = lines.len().saturating_sub(most);
    let word = (left_out > 0).then(|| format!("    … {left_out} earlier {noun}"));
    word.into_iter().chain(lines.into_iter().skip(left_out)).collect()
}

fn duration(took: Duration) -> String {
    format_duration(took)
}

/// "1 case", "2 cases".
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
