//! Results as plain data, for `--output json`.

use serde::Serialize;

use super::text::{kill_line, mismatches, requests};
use super::{Played, Report};
use crate::rehearsal::CaseResult;
use crate::report::{Style, timeline};
use crate::types::machine_word;

/// Everything that was played.
#[derive(Debug, Serialize)]
pub(super) struct ReportView {
    passed: usize,
    failed: usize,
    milliseconds: u64,
    files: Vec<FileView>,
}

/// A test file.
#[derive(Debug, Serialize)]
struct FileView {
    file: String,
    plan: String,
    cases: Vec<CaseView>,
}

/// A case.
#[derive(Debug, Serialize)]
struct CaseView {
    name: String,
    line: usize,
    passed: bool,
    milliseconds: u64,
    /// Why it could not be played to its end.
    problem: Option<String>,
    /// How the run stood each time that it stood still.
    phases: Vec<String>,
    mismatches: Vec<MismatchView>,
    /// How often the program was killed.
    kills: usize,
    /// The kills that changed what came of the run.
    failed_kills: Vec<String>,
    /// Only for a case that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<String>,
}

/// Something that is not as expected.
#[derive(Debug, Serialize)]
struct MismatchView {
    what: String,
    expected: String,
    found: String,
}

pub(super) fn view(report: &Report) -> ReportView {
    let failed = report.failed();
    ReportView {
        passed: report.results().count() - failed,
        failed,
        milliseconds: milliseconds(report.took),
        files: report.files.iter().map(file_view).collect(),
    }
}

fn file_view(file: &Played) -> FileView {
    FileView {
        file: file.name.clone(),
        plan: file.plan.clone(),
        cases: file.results.iter().map(case_view).collect(),
    }
}

fn case_view(result: &CaseResult) -> CaseView {
    let passed = result.is_good();
    let recording = result.recording.as_ref().filter(|_| !passed);
    let failures = result.kills.iter().flat_map(|kills| &kills.failures);
    let trimmed =
        |lines: Vec<String>| lines.into_iter().map(|line| line.trim().to_owned()).collect();
    CaseView {
        name: result.name.clone(),
        line: result.place.line,
        passed,
        milliseconds: milliseconds(result.took),
        problem: result.problem.as_ref().map(ToString::to_string),
        phases: result.stands.iter().map(|stand| machine_word(stand.phase.name())).collect(),
        mismatches: mismatches(result)
            .map(|(what, mismatch)| MismatchView {
                what,
                expected: mismatch.expected.clone(),
                found: mismatch.found.clone(),
            })
            .collect(),
        kills: result.kills.as_ref().map_or(0, |kills| kills.number),
        failed_kills: failures.map(|failure| kill_line(failure, result)).collect(),
        timeline: recording
            .map(|recording| trimmed(timeline(&recording.events, Style::new(false))))
            .unwrap_or_default(),
        requests: recording.map(|recording| trimmed(requests(recording))).unwrap_or_default(),
    }
}

fn milliseconds(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
