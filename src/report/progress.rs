//! `Progress`: a line for each thing that happens, while it happens.

use indexmap::IndexMap;

use super::style::Style;
use super::wording::{between, cancelled, headline, moment, park_reason};
use crate::run::{BindingKind, Event, EventKind, PauseReason, ReopenReason, RunResult};
use crate::types::{StepId, Timestamp};

/// Turns the events of one run into lines. Remembers only what later lines need.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    width: usize,
    began: IndexMap<StepId, Timestamp>,
}

impl Progress {
    /// For a run whose events come one by one, from its first or from any later one.
    pub fn new(style: Style, steps: impl Iterator<Item = usize>) -> Self {
        Self { style, width: steps.max().unwrap_or(0), began: IndexMap::new() }
    }

    /// The lines for one event; many events have none.
    pub fn lines(&mut self, event: &Event) -> Vec<String> {
        let (style, at) = (self.style, event.at);
        match &event.kind {
            EventKind::RunStarted(_)
            | EventKind::IntentRecorded { .. }
            | EventKind::IntentWithdrawn { .. }
            | EventKind::IntentSettled { .. } => Vec::new(),
            EventKind::StepReopened { step, reason } => match reason {
                ReopenReason::Changed { origin, seen_by } if step != seen_by => {
                    let text = format!(
                        "done again: what `{origin}` found has changed, as `{seen_by}` sees"
                    );
                    vec![self.line(&style.waiting("↻"), step, &text)]
                }
                ReopenReason::Undone { by } if step != by => {
                    let text = format!("done again: `{by}` has taken it back");
                    vec![self.line(&style.waiting("↻"), step, &text)]
                }
                ReopenReason::Retried { origin } => {
                    let text = format!("done again: it came after `{origin}`, which had failed");
                    vec![self.line(&style.waiting("↻"), step, &text)]
                }
                ReopenReason::NothingOrdered => {
                    let text = "done again: a person has said that nothing was ordered";
                    vec![self.line(&style.waiting("↻"), step, text)]
                }
                ReopenReason::Changed { .. }
                | ReopenReason::Undone { .. }
                | ReopenReason::Resumed => Vec::new(),
            },
            EventKind::PlanReplaced { plan, .. } => {
                let text = format!("  what has not begun follows {} as it is now", plan.file);
                vec![style.faint(&text)]
            }
            EventKind::RunResumed { .. } => vec![style.faint("  going on where it stopped")],
            EventKind::StepStarted { step, .. } => {
                self.began.entry(step.clone()).or_insert(at);
                Vec::new()
            }
            EventKind::StepSkipped { step } => {
                vec![self.line(&style.faint("-"), step, "skipped: its condition is false")]
            }
            EventKind::StepWaiting { step, observation, next_look } => {
                let text =
                    format!("{}; looks again in {}", observation.summary, between(at, *next_look));
                vec![self.line(&style.waiting("…"), step, &text)]
            }
            EventKind::AttemptFailed { step, error, retry_at } => {
                let text = format!("{error}; tries again in {}", between(at, *retry_at));
                vec![self.line(&style.waiting("!"), step, &text)]
            }
            EventKind::OutcomeUnknown { step, error, look_at, looks_without_finding } => {
                let what = if *looks_without_finding == 0 {
                    format!("it is not known whether the order arrived: {error}")
                } else {
                    "the list shows no such order; it may lag behind".to_owned()
                };
                let text = format!("{what}; asks the API in {}", between(at, *look_at));
                vec![self.line(&style.waiting("?"), step, &text)]
            }
            EventKind::CertificateBound { step, certificate_id, binding } => match binding {
                BindingKind::Ordered | BindingKind::Reissued => Vec::new(),
                BindingKind::Adopted => {
                    let text = format!(
                        "the order had arrived: certificate {certificate_id} is new and fits, so \
                         it is adopted; nothing is ordered again"
                    );
                    vec![self.line(&style.good("✓"), step, &text)]
                }
            },
            EventKind::StepSucceeded { step, output } => {
                let took = self.took(step, at);
                let text = format!("{}{took}", headline(output));
                vec![self.line(&style.good("✓"), step, &text)]
            }
            EventKind::StepFailed { step, error } => {
                vec![self.line(&style.bad("✗"), step, &error.message)]
            }
            EventKind::StepParked { step, reason } => {
                let mut lines = vec![self.line(&style.waiting("‖"), step, &park_reason(reason))];
                if let Some(url) = &reason.completion_url {
                    lines.push(self.continuation(&format!("a person can act here: {url}")));
                }
                lines
            }
            EventKind::StepInDoubt { step, message, candidates } => {
                let mut lines = vec![self.line(&style.bad("?"), step, message)];
                for candidate in candidates {
                    let text = format!("{}: {}", candidate.certificate_id, candidate.description);
                    lines.push(self.continuation(&text));
                }
                lines
            }
            EventKind::StepBlocked { step, by } => {
                vec![self.line(&style.faint("-"), step, &format!("blocked: it needs `{by}`"))]
            }
            EventKind::RunPaused { reason, stopped_by } => {
                let text = match reason {
                    PauseReason::Parked => "parked",
                    PauseReason::InDoubt => "in doubt",
                    PauseReason::Interrupted => "interrupted",
                };
                let why = stopped_by.map(|why| format!(": {why}")).unwrap_or_default();
                vec![style.waiting(&format!("  {text} at {}{why}", moment(at)))]
            }
            EventKind::RunFinished { result: RunResult::Succeeded } => Vec::new(),
            EventKind::RunFinished { result: RunResult::Failed } => vec![style.bad("  failed")],
            EventKind::RunCancelled { reason, .. } => {
                let text = format!("  {}", cancelled(reason.as_deref()));
                vec![style.waiting(&text)]
            }
        }
    }

    fn line(&self, mark: &str, step: &StepId, text: &str) -> String {
        let (width, step) = (self.width, step.as_str());
        format!("  {mark} {step:width$}  {text}").trim_end().to_owned()
    }

    fn continuation(&self, text: &str) -> String {
        format!("    {:width$}  {text}", "", width = self.width)
    }

    /// How long a step took, when that is worth saying.
    fn took(&self, step: &StepId, at: Timestamp) -> String {
        let Some(began) = self.began.get(step) else { return String::new() };
        if at.duration_since(*began).as_secs() == 0 {
            return String::new();
        }
        self.style.faint(&format!("  after {}", between(*began, at)))
    }
}
