//! `metrics_text`: what Prometheus collects, as its text format (version 0.0.4) has it.
//!
//! Written to a file that the node exporter reads, so that an alert on an expiring certificate needs
//! no program that keeps running. Numbers only; reasons are what `status` and `explain` are for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::types::Timestamp;

/// What is measured.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// A line for each plan and target.
    pub certificates: Vec<CertificateMetric>,
    /// Requests sent by the last command, by endpoint and status (`none` when no answer came).
    pub requests: BTreeMap<(String, String), u64>,
    /// What the request budget of each service holds.
    pub budgets: Vec<BudgetMetric>,
    /// Whether an emergency stop holds all requests back.
    pub paused: bool,
    /// Whether the command that writes this still runs plans.
    pub running: bool,
    /// When a command ran plans last.
    pub last_run: Option<Timestamp>,
    /// When the last one ended in which nothing failed.
    pub last_success: Option<Timestamp>,
}

/// A target in numbers.
#[derive(Debug, Clone)]
pub struct CertificateMetric {
    /// The plan's name.
    pub plan: String,
    /// The target.
    pub target: String,
    /// Where its newest run stands, in a word.
    pub state: String,
    /// When the certificate ends that is on disk.
    pub valid_until: Option<Timestamp>,
    /// From when on it is due.
    pub due_at: Option<Timestamp>,
    /// Since when the newest run is parked.
    pub parked_since: Option<Timestamp>,
}

/// The request budget of a service, as all programs of the state folder share it.
#[derive(Debug, Clone)]
pub struct BudgetMetric {
    /// Where its requests go to.
    pub service: String,
    /// How requests to it stand, in a word.
    pub standing: &'static str,
    /// Its rolling windows.
    pub windows: Vec<WindowMetric>,
}

/// A rolling window of a budget.
#[derive(Debug, Clone)]
pub struct WindowMetric {
    /// Its length, in seconds.
    pub seconds: f64,
    /// How many requests it may hold.
    pub limit: usize,
    /// How many it holds.
    pub used: usize,
}

/// The metrics as text. Ends with a newline, as the format demands.
pub fn metrics_text(metrics: &Metrics) -> String {
    let mut page = Page::default();
    let by_state = metrics.certificates.iter().fold(BTreeMap::new(), |mut counts, line| {
        *counts.entry(line.state.as_str()).or_insert(0_u64) += 1;
        counts
    });
    page.family("certplan_targets", "gauge", "Targets by the state of their newest run.");
    for (state, count) in by_state {
        page.sample("certplan_targets", &[("state", state)], count);
    }
    let moments: [Reading<CertificateMetric, Option<Timestamp>>; 3] = [
        (
            "certplan_certificate_expiry_timestamp_seconds",
            "When the certificate on disk ends.",
            |line| line.valid_until,
        ),
        (
            "certplan_certificate_due_timestamp_seconds",
            "From when on the certificate is to be replaced.",
            |line| line.due_at,
        ),
        (
            "certplan_parked_since_timestamp_seconds",
            "Since when the newest run waits for a person or the CA.",
            |line| line.parked_since,
        ),
    ];
    for (name, help, moment) in moments {
        page.family(name, "gauge", help);
        for line in &metrics.certificates {
            if let Some(at) = moment(line) {
                let labels = [("plan", line.plan.as_str()), ("target", line.target.as_str())];
                page.sample(name, &labels, at.as_second());
            }
        }
    }
    // They begin anew with each command, so they are no counter.
    page.family("certplan_last_run_requests", "gauge", "Requests that the last command sent.");
    for ((endpoint, status), count) in &metrics.requests {
        let labels = [("endpoint", endpoint.as_str()), ("status", status.as_str())];
        page.sample("certplan_last_run_requests", &labels, count);
    }
    page.budgets(metrics);
    let help = "Whether the command that wrote this was still running plans.";
    page.family("certplan_running", "gauge", help);
    page.sample("certplan_running", &[], u8::from(metrics.running));
    for (name, help, at) in [
        ("certplan_last_run_timestamp_seconds", "When plans ran last.", metrics.last_run),
        (
            "certplan_last_success_timestamp_seconds",
            "When plans ran last and nothing failed.",
            metrics.last_success,
        ),
    ] {
        page.family(name, "gauge", help);
        if let Some(at) = at {
            page.sample(name, &[], at.as_second());
        }
    }
    page.text
}

/// A metric's name, its help, and how it is read from a line.
type Reading<L, V> = (&'static str, &'static str, fn(&L) -> V);

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn budgets(&mut self, metrics: &Metrics) {
        let sides: [Reading<WindowMetric, usize>; 2] = [
            ("certplan_budget_limit", "Requests that a rolling window may hold.", |one| one.limit),
            ("certplan_budget_used", "Requests that a rolling window holds.", |one| one.used),
        ];
        for (name, help, value) in sides {
            self.family(name, "gauge", help);
            for budget in &metrics.budgets {
                for window in &budget.windows {
                    let seconds = window.seconds.to_string();
                    let labels =
                        [("service", budget.service.as_str()), ("window_seconds", &seconds)];
                    self.sample(name, &labels, value(window));
                }
            }
        }
        let help =
            "How requests stand: flowing, full, held (asked to wait) or down; 1 for what is.";
        self.family("certplan_budget_standing", "gauge", help);
        for budget in &metrics.budgets {
            let labels = [("service", budget.service.as_str()), ("standing", budget.standing)];
            self.sample("certplan_budget_standing", &labels, 1);
        }
        self.family("certplan_paused", "gauge", "Whether an emergency stop holds requests back.");
        self.sample("certplan_paused", &[], u8::from(metrics.paused));
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

/// The format knows three escapes and nothing else.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_requests_and_budgets_are_counted_and_labels_escaped() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let line = |target: &str, state: &str, until| CertificateMetric {
            plan: "dv".to_owned(),
            target: target.to_owned(),
            state: state.to_owned(),
            valid_until: until,
            due_at: until,
            parked_since: None,
        };
        let metrics = Metrics {
            certificates: vec![
                line("a.example.com", "succeeded", Some(at(1_800_000_000))),
                line("odd\"\\\nname", "parked", None),
            ],
            requests: [(("GET /tls/certificate".to_owned(), "200".to_owned()), 7)].into(),
            budgets: vec![BudgetMetric {
                service: "api.regfish.com".to_owned(),
                standing: "flowing",
                windows: vec![WindowMetric { seconds: 60.0, limit: 500, used: 12 }],
            }],
            paused: false,
            running: true,
            last_run: Some(at(5)),
            last_success: None,
        };
        let text = metrics_text(&metrics);
        for line in [
            "certplan_targets{state=\"parked\"} 1",
            "certplan_targets{state=\"succeeded\"} 1",
            "certplan_certificate_expiry_timestamp_seconds{plan=\"dv\",target=\"a.example.com\"} \
             1800000000",
            "certplan_last_run_requests{endpoint=\"GET /tls/certificate\",status=\"200\"} 7",
            "certplan_budget_used{service=\"api.regfish.com\",window_seconds=\"60\"} 12",
            "certplan_budget_limit{service=\"api.regfish.com\",window_seconds=\"60\"} 500",
            "certplan_budget_standing{service=\"api.regfish.com\",standing=\"flowing\"} 1",
            "certplan_paused 0",
            "certplan_running 1",
            "certplan_last_run_timestamp_seconds 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with('\n'));
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        for sample in samples {
            assert!(sample.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()));
        }
    }
}
