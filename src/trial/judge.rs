//! `judge`: what a case expects, held against what was found.

use std::collections::BTreeSet;

use super::expectation::{
    CertificateExpectation, Expectation, OrderExpectation, Orders, Outcome, RecordExpectation,
    RequestExpectation, StepExpectation,
};
use crate::run::{RunPhase, RunResult, RunState, StepState};
use crate::sandbox::{LoggedRequest, OrderSnapshot, RecordSnapshot};
use crate::types::{StepId, format_duration, printable, shorten};

/// What came of a run, as far as a case can ask.
#[derive(Debug, Clone)]
pub struct Found {
    /// The run.
    pub state: RunState,
    /// The orders that it placed, oldest first.
    pub orders: Vec<OrderSnapshot>,
    /// The requests that it sent.
    pub requests: Vec<LoggedRequest>,
    /// The files that it wrote, relative to its folder.
    pub files: Vec<String>,
    /// The records that are there now and were not when it began.
    pub records: Vec<RecordSnapshot>,
    /// Its certificate, when it is issued.
    pub certificate: Option<CertificateFacts>,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// All its names.
    pub names: Vec<String>,
    /// How many days it is valid.
    pub days: i64,
}

/// Something that is not as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// What was looked at, such as `outcome` or `steps.order`.
    pub what: String,
    /// What it shall be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

/// How much of an expectation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// All of it.
    Whole,
    /// All that a crash must not change: requests, attempts and times may grow.
    AfterCrash,
}

/// Everything that is not as expected.
pub fn judge(expected: &Expectation, found: &Found, strictness: Strictness) -> Vec<Mismatch> {
    let mut judge = Judge { found, mismatches: Vec::new() };
    judge.outcome(expected);
    for (step, wanted) in &expected.steps {
        judge.step(step, wanted, strictness);
    }
    for (path, wanted) in &expected.outputs {
        let value = path.find(&found.state);
        judge.demand(wanted.fits(value), format!("outputs.{path}"), || {
            (wanted.describe(), shown(value))
        });
    }
    judge.orders(expected.orders.as_ref());
    judge.files(expected);
    if let Some(wanted) = &expected.certificate {
        judge.certificate(wanted);
    }
    if let Some(wanted) = &expected.records {
        judge.records(wanted);
    }
    if strictness == Strictness::Whole {
        for wanted in &expected.requests {
            judge.requests(wanted);
        }
        if let Some(within) = expected.within {
            let took = found.state.updated_at.duration_since(found.state.started_at);
            let took = std::time::Duration::try_from(took).unwrap_or_default();
            judge.demand(took <= within, "within", || {
                (format!("at most {}", format_duration(within)), format_duration(took))
            });
        }
    }
    judge.mismatches
}

/// How a run stands, in the words of the language, and why.
pub(super) fn standing(found: &Found) -> (String, Option<(StepId, String)>) {
    let state = &found.state;
    let at = match state.phase {
        RunPhase::Finished(RunResult::Succeeded) => None,
        _ => state
            .steps
            .iter()
            .find_map(|(step, record)| Some((step.clone(), reason(&record.state)?))),
    };
    let word = match state.phase {
        RunPhase::Finished(RunResult::Succeeded) if found.certificate.is_some() => {
            "issued".to_owned()
        }
        phase => phase.name().replace(' ', "_"),
    };
    (word, at)
}

struct Judge<'f> {
    found: &'f Found,
    mismatches: Vec<Mismatch>,
}

impl Judge<'_> {
    fn demand(
        &mut self,
        is_met: bool,
        what: impl Into<String>,
        texts: impl FnOnce() -> (String, String),
    ) {
        if !is_met {
            let (expected, found) = texts();
            let show = |text: String| shorten(&printable(&text), 400);
            let what = what.into();
            self.mismatches.push(Mismatch { what, expected: show(expected), found: show(found) });
        }
    }

    fn outcome(&mut self, expected: &Expectation) {
        let (word, at) = standing(self.found);
        let fits = match expected.outcome {
            Outcome::Succeeded => {
                self.found.state.phase == RunPhase::Finished(RunResult::Succeeded)
            }
            outcome => word == outcome.as_str(),
        };
        self.demand(fits, "outcome", || {
            let found = match &at {
                Some((step, reason)) => format!("{word} at `{step}`: {reason}"),
                None => word.clone(),
            };
            (expected.outcome.as_str().to_owned(), found)
        });
        if !fits {
            return;
        }
        if let Some(part) = &expected.reason {
            let reasons = self.reasons();
            self.demand(reasons.iter().any(|(_, reason)| reason.contains(part)), "reason", || {
                (format!("a reason with `{part}`"), listed(reasons.iter().map(|(_, text)| text)))
            });
        }
        if let Some(step) = &expected.step {
            let steps = self.reasons();
            self.demand(steps.iter().any(|(found, _)| found == step), "step", || {
                (step.to_string(), listed(steps.iter().map(|(step, _)| step)))
            });
        }
    }

    /// The steps at which the run stands, and why.
    fn reasons(&self) -> Vec<(StepId, String)> {
        let steps = self.found.state.steps.iter();
        steps.filter_map(|(step, record)| Some((step.clone(), reason(&record.state)?))).collect()
    }

    fn step(&mut self, step: &StepId, wanted: &StepExpectation, strictness: Strictness) {
        let Some(record) = self.found.state.steps.get(step) else { return };
        let (state, reason) = (record.state.name(), reason(&record.state));
        let what = format!("steps.{step}");
        if let Some(word) = wanted.state
            && word.state != state
        {
            self.demand(false, what, || {
                let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                (word.word.to_owned(), format!("{}{why}", state.replace(' ', "_")))
            });
            return;
        }
        if let Some(part) = &wanted.reason {
            let fits = reason.as_ref().is_some_and(|reason| reason.contains(part));
            self.demand(fits, format!("{what}.reason"), || {
                (format!("a reason with `{part}`"), reason.unwrap_or_else(|| "none".to_owned()))
            });
        }
        if let Some(attempts) = wanted.attempts
            && strictness == Strictness::Whole
        {
            let found = record.history.attempts;
            self.demand(attempts == found, format!("{what}.attempts"), || {
                (attempts.to_string(), found.to_string())
            });
        }
    }

    fn orders(&mut self, wanted: Option<&Orders>) {
        let orders = &self.found.orders;
        let each = || listed(orders.iter().map(describe_order));
        match wanted {
            // Whatever a case is about: nobody wants to pay twice.
            None => self.demand(orders.len() <= 1, "orders", || {
                ("one at most".to_owned(), format!("{}: {}", orders.len(), each()))
            }),
            Some(Orders::Count(count)) => self.demand(orders.len() == *count, "orders", || {
                (count.to_string(), format!("{}: {}", orders.len(), each()))
            }),
            Some(Orders::Each(wanted)) => {
                self.demand(orders.len() == wanted.len(), "orders", || {
                    (wanted.len().to_string(), format!("{}: {}", orders.len(), each()))
                });
                for (index, (wanted, order)) in wanted.iter().zip(orders).enumerate() {
                    self.order(&format!("orders[{index}]"), wanted, order);
                }
            }
        }
    }

    fn order(&mut self, what: &str, wanted: &OrderExpectation, order: &OrderSnapshot) {
        let none = || "none".to_owned();
        let organization = order.organization_id.clone().unwrap_or_else(none);
        for (name, wanted, found) in [
            ("common_name", &wanted.common_name, &order.common_name),
            ("product", &wanted.product, &order.product),
            ("status", &wanted.status, &order.status),
            ("organization", &wanted.organization, &organization),
        ] {
            if let Some(wanted) = wanted {
                let fits = wanted.eq_ignore_ascii_case(found);
                self.demand(fits, format!("{what}.{name}"), || (wanted.clone(), found.clone()));
            }
        }
        if let Some(names) = &wanted.dns_names {
            self.same_names(format!("{what}.dns_names"), names, &order.dns_names);
        }
        if let Some(wanted) = wanted.action_required {
            let found = order.action_required;
            self.demand(wanted == found, format!("{what}.action_required"), || {
                (wanted.to_string(), found.to_string())
            });
        }
    }

    fn same_names(&mut self, what: String, wanted: &[String], found: &[String]) {
        let set = |names: &[String]| -> BTreeSet<String> {
            names.iter().map(|name| name.to_ascii_lowercase()).collect()
        };
        self.demand(set(wanted) == set(found), what, || (listed(wanted), listed(found)));
    }

    fn requests(&mut self, wanted: &RequestExpectation) {
        let fits = |request: &&LoggedRequest| {
            wanted.call.as_ref().is_none_or(|(method, path)| {
                (method == "*" || *method == request.method) && path.matches(&request.path)
            }) && wanted.status.is_none_or(|status| request.status == Some(status))
        };
        let count = self.found.requests.iter().filter(fits).count();
        let enough = wanted.at_least.is_none_or(|least| count >= least);
        let few = wanted.at_most.is_none_or(|most| count <= most);
        let mut what = "requests".to_owned();
        for word in [
            wanted.call.as_ref().map(|(method, path)| format!("{method} {path}")),
            wanted.status.map(|status| format!("answered with {status}")),
        ]
        .into_iter()
        .flatten()
        {
            what = format!("{what} {word}");
        }
        self.demand(enough && few, what, || {
            let expected = match (wanted.at_least, wanted.at_most) {
                (Some(least), Some(most)) if least == most => format!("exactly {least}"),
                (Some(least), Some(most)) => format!("from {least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (_, most) => format!("at most {}", most.unwrap_or_default()),
            };
            (expected, count.to_string())
        });
    }

    fn files(&mut self, expected: &Expectation) {
        let files = &self.found.files;
        for pattern in &expected.files {
            let there = files.iter().any(|file| pattern.matches(file));
            self.demand(there, "files", || (pattern.to_string(), listed(files)));
        }
        for pattern in &expected.no_files {
            let there = files.iter().find(|file| pattern.matches(file));
            self.demand(there.is_none(), "no_files", || {
                (format!("nothing like {pattern}"), there.cloned().unwrap_or_default())
            });
        }
    }

    fn certificate(&mut self, wanted: &CertificateExpectation) {
        let Some(found) = &self.found.certificate else {
            self.demand(false, "certificate", || ("one".to_owned(), "none is issued".to_owned()));
            return;
        };
        if let Some(names) = &wanted.names {
            self.same_names("certificate.names".to_owned(), names, &found.names);
        }
        if let Some(days) = wanted.days {
            self.demand(days == found.days, "certificate.days", || {
                (days.to_string(), found.days.to_string())
            });
        }
    }

    /// Each record that is there must be among those expected, and each of them must be there.
    fn records(&mut self, wanted: &[RecordExpectation]) {
        let fits = |wanted: &RecordExpectation, record: &RecordSnapshot| {
            wanted.name.as_ref().is_none_or(|name| name.matches(&record.name))
                && wanted.kind.as_ref().is_none_or(|kind| *kind == record.kind)
                // A name is the same name with a dot at its end.
                && wanted.value.as_ref().is_none_or(|value| {
                    value.matches(&record.data) || value.matches(record.data.trim_end_matches('.'))
                })
        };
        let mut left: Vec<&RecordSnapshot> = self.found.records.iter().collect();
        let mut missing = Vec::new();
        for wanted in wanted {
            match left.iter().position(|record| fits(wanted, record)) {
                Some(index) => drop(left.remove(index)),
                None => missing.push(describe_record(wanted)),
            }
        }
        let all = &self.found.records;
        self.demand(missing.is_empty() && left.is_empty(), "records", || {
            let show = |record: &RecordSnapshot| {
                format!("{} {} {}", record.name, record.kind, record.data)
            };
            (listed(wanted.iter().map(describe_record)), listed(all.iter().map(show)))
        });
    }
}

/// Why a step stands where it stands.
fn reason(state: &StepState) -> Option<String> {
    match state {
        StepState::Failed { error } => Some(error.message.clone()),
        StepState::Parked { reason } => Some(format!("{} ({})", reason.message, reason.code)),
        StepState::InDoubt { message, .. } => Some(message.clone()),
        StepState::Blocked { by } => Some(format!("it needs `{by}`")),
        _ => None,
    }
}

fn describe_order(order: &OrderSnapshot) -> String {
    format!("{} {} for {} ({})", order.id, order.product, order.common_name, order.status)
}

fn describe_record(wanted: &RecordExpectation) -> String {
    let any = || "*".to_owned();
    let name = wanted.name.as_ref().map_or_else(any, ToString::to_string);
    let value = wanted.value.as_ref().map_or_else(any, ToString::to_string);
    format!("{name} {} {value}", wanted.kind.clone().unwrap_or_else(any))
}

/// Items as one text.
fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// The value of an output as a report shows it.
fn shown(value: Option<&serde_json::Value>) -> String {
    value.map_or_else(|| "no value".to_owned(), crate::document::describe)
}
