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
    /// Requests sent by this program, by endpoint and status (`none` when no answer came).
    pub requests: BTreeMap<(String, String), u64>,
    /// What the request budget of each connection holds.
    pub budgets: Vec<BudgetMetric>,
    /// When the last command that ran plans ended.
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

/// A rolling window of a connection.
#[derive(Debug, Clone)]
pub struct BudgetMetric {
    /// The connection.
    pub connection: String,
    /// The length of the window, in seconds.
    pub window_seconds: u64,
    /// How many requests it may hold.
    pub limit: u64,
    /// How many it holds.
    pub used: u64,
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
    page.family("certplan_requests_total", "counter", "Requests of the last command.");
    for ((endpoint, status), count) in &metrics.requests {
        let labels = [("endpoint", endpoint.as_str()), ("status", status.as_str())];
        page.sample("certplan_requests_total", &labels, count);
    }
    let sides: [Reading<BudgetMetric, u64>; 2] = [
        ("certplan_budget_limit", "Requests that a rolling window may hold.", |line| line.limit),
        ("certplan_budget_used", "Requests that a rolling window holds.", |line| line.used),
    ];
    for (name, help, value) in sides {
        page.family(name, "gauge", help);
        for line in &metrics.budgets {
            let window = line.window_seconds.to_string();
            let labels = [("connection", line.connection.as_str()), ("window", window.as_str())];
            page.sample(name, &labels, value(line));
        }
    }
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
                connection: "regfish".to_owned(),
                window_seconds: 60,
                limit: 500,
                used: 12,
            }],
            last_run: Some(at(5)),
            last_success: None,
        };
        let text = metrics_text(&metrics);
        for line in [
            "certplan_targets{state=\"parked\"} 1",
            "certplan_targets{state=\"succeeded\"} 1",
            "certplan_certificate_expiry_timestamp_seconds{plan=\"dv\",target=\"a.example.com\"} \
             1800000000",
            "certplan_requests_total{endpoint=\"GET /tls/certificate\",status=\"200\"} 7",
            "certplan_budget_used{connection=\"regfish\",window=\"60\"} 12",
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
