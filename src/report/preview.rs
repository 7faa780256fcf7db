//! `PreviewView`: what a run would do, for people and as JSON.
//!
//! First what a reviewer looks for: what is bought, for which names, what it leaves behind. Then
//! every step with its requests.

use serde::Serialize;
use serde_json::Value;

use super::style::Style;
use crate::types::printable;

/// What a run would do, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub struct PreviewView {
    /// The plan's name.
    pub plan: String,
    /// The target.
    pub target: String,
    /// Where requests would go; none when the plan talks to nobody.
    pub endpoint: Option<String>,
    /// Whether the embedded sandbox would stand in for the real world.
    pub sandbox: bool,
    /// How many orders would be placed; each costs money.
    pub orders: Count,
    /// How many requests would be sent.
    pub requests: RequestCount,
    /// What earlier runs in the state folder make of it; none when a run would simply begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierView>,
    /// What a reviewer looks for, as rows of a name and a text.
    pub summary: Vec<Row>,
    /// The steps, in the order in which they can run.
    pub steps: Vec<PreviewStepView>,
}

/// A number that may depend on answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// At least so many.
    pub at_least: u32,
    /// At most so many.
    pub at_most: u32,
}

/// How many requests a run sends. There is no upper bound: waiting steps look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RequestCount {
    /// At least so many in a run in which all goes well.
    pub at_least: u32,
    /// So many of them change something.
    pub at_least_writes: u32,
    /// So many were sent for this preview; they only read.
    pub sent: u32,
}

/// What earlier runs make of a new one, as `--output json` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EarlierView {
    /// What `run` would do because of them.
    pub effect: EarlierEffect,
    /// Why, in words.
    pub message: String,
    /// What may help.
    pub hints: Vec<String>,
}

/// What `run` does because of earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlierEffect {
    /// It begins, and says so.
    Noted,
    /// It does nothing: the certificate is there.
    NothingToDo,
    /// It refuses: a second certificate could be ordered.
    Refused,
}

/// A line of the summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// What there is to say.
    pub text: String,
}

/// A step, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub struct PreviewStepView {
    /// The step's id.
    pub step: String,
    /// The action.
    pub action: String,
    /// What would become of it.
    pub prospect: ProspectView,
    /// Why, or under which condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it costs money.
    pub paid: bool,
    /// Its requests.
    pub requests: Vec<RequestView>,
    /// What it does beside requests, and how it waits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its parameters, with placeholders.
    pub parameters: Value,
    /// The expressions behind the placeholders.
    pub unknown: Vec<String>,
    /// Its output, when it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// What would become of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProspectView {
    /// It would run.
    Runs,
    /// Whether it would run is not known.
    Perhaps,
    /// It would be skipped.
    Skipped,
    /// It was really asked.
    Answered,
    /// It would fail.
    Fails,
    /// It would not be reached.
    Blocked,
}

/// A request, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub struct RequestView {
    /// The method.
    pub method: String,
    /// The whole URL, with placeholders.
    pub url: String,
    /// The body, with placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How often it is sent at least, when the step runs and all goes well.
    pub at_least: u32,
    /// When and what for.
    pub note: String,
}

/// Texts under a step are indented so far.
const INDENT: &str = "     ";

impl PreviewView {
    /// Puts in what earlier runs make of it: a run that does not begin orders nothing. Says whether
    /// `run` would refuse.
    pub fn heed(&mut self, earlier: Option<EarlierView>) -> bool {
        let Some(earlier) = earlier else { return false };
        let effect = earlier.effect;
        let (name, instead) = match effect {
            EarlierEffect::Noted => (EARLIER, None),
            EarlierEffect::NothingToDo => (EARLIER, Some("`run` would do nothing")),
            EarlierEffect::Refused => (WARNING, Some("`run` would refuse")),
        };
        if let Some(instead) = instead {
            self.orders = Count { at_least: 0, at_most: 0 };
            self.requests = RequestCount { at_least: 0, at_least_writes: 0, ..self.requests };
            for row in
                self.summary.iter_mut().filter(|row| [ORDERS, REQUESTS].contains(&&*row.name))
            {
                row.text = match row.name.as_str() {
                    ORDERS => format!("none: {instead}; with `--again`: {}", row.text),
                    _ => format!("none; with `--again`: {}", row.text),
                };
            }
        }
        let texts = [&earlier.message].into_iter().chain(&earlier.hints);
        let rows: Vec<Row> =
            texts.map(|text| Row { name: name.to_owned(), text: text.clone() }).collect();
        self.put_in(rows);
        self.earlier = Some(earlier);
        effect == EarlierEffect::Refused
    }

    /// Puts in what a person has to see to before the run.
    pub fn warn(&mut self, texts: Vec<String>) {
        let row = |text| Row { name: WARNING.to_owned(), text };
        self.put_in(texts.into_iter().map(row).collect());
    }

    /// Puts rows behind the one that counts the orders.
    fn put_in(&mut self, rows: Vec<Row>) {
        let at = self.summary.iter().position(|row| row.name != ORDERS);
        let at = at.unwrap_or(self.summary.len());
        self.summary.splice(at..at, rows);
    }

    /// The lines for people.
    pub fn lines(&self, style: Style) -> Vec<String> {
        let mut lines = vec![style.strong(&format!("{} for {}", self.plan, self.target))];
        lines.push(style.faint(&self.what_was_sent()));
        lines.push(String::new());
        let width = self.summary.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let mut last = "";
        for row in &self.summary {
            let name = if row.name == last { "" } else { &row.name };
            last = &row.name;
            let text = match row.name.as_str() {
                ORDERS if self.orders.at_most > 0 => style.waiting(&printable(&row.text)),
                WARNING => style.bad(&printable(&row.text)),
                _ => marked(&row.text, style),
            };
            lines.push(format!("  {}  {text}", style.faint(&format!("{name:<width$}"))));
        }
        for (index, step) in self.steps.iter().enumerate() {
            lines.push(String::new());
            lines.extend(step.lines(index + 1, style));
        }
        lines
    }

    fn what_was_sent(&self) -> String {
        match self.requests.sent {
            0 => "a preview: nothing was sent".to_owned(),
            1 => "a preview: 1 request was sent, which only read".to_owned(),
            sent => format!("a preview: {sent} requests were sent, which only read"),
        }
    }
}

/// The row that says what is bought; it stands out.
pub const ORDERS: &str = "orders";

/// The row that says how much is sent.
pub const REQUESTS: &str = "requests";

/// The row that says what is there already.
pub const EARLIER: &str = "earlier";

/// The row that says what would go wrong.
pub const WARNING: &str = "warning";

impl PreviewStepView {
    fn lines(&self, number: usize, style: Style) -> Vec<String> {
        let mut title =
            format!("{number:>3}  {}  {}", style.strong(&self.step), style.faint(&self.action));
        if self.paid && matches!(self.prospect, ProspectView::Runs | ProspectView::Perhaps) {
            title.push_str(&format!("  {}", style.waiting("PAID")));
        }
        let reason = printable(self.reason.as_deref().unwrap_or_default());
        let remark = match self.prospect {
            ProspectView::Runs => None,
            ProspectView::Answered => Some(style.good("✓ asked")),
            ProspectView::Perhaps => Some(style.waiting(&format!("perhaps: if {reason}"))),
            ProspectView::Skipped => Some(style.faint(&format!("skipped: `{reason}` is false"))),
            ProspectView::Fails => Some(style.bad(&format!("✗ would fail: {reason}"))),
            ProspectView::Blocked => Some(style.bad(&format!("not reached: needs `{reason}`"))),
        };
        title.extend(remark.map(|remark| format!("  {remark}")));
        let mut lines = vec![title];
        for request in &self.requests {
            let method = style.strong(&format!("{:<6}", request.method));
            lines.push(format!("{INDENT}{method} {}", marked(&request.url, style)));
            if let Some(body) = &request.body {
                let text = serde_json::to_string_pretty(body).unwrap_or_default();
                let body =
                    text.lines().map(|line| format!("{INDENT}       {}", marked(line, style)));
                lines.extend(body);
            }
            lines.push(format!("{INDENT}       {}", style.faint(&printable(&request.note))));
        }
        lines.extend(self.notes.iter().map(|note| format!("{INDENT}{}", marked(note, style))));
        if let Some(Value::Object(output)) = &self.output {
            let fields: Vec<String> = output
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => format!("{name} {text}"),
                    value => format!("{name} {value}"),
                })
                .collect();
            lines.push(format!("{INDENT}{} {}", style.good("→"), printable(&fields.join(", "))));
        }
        lines
    }
}

/// A text whose placeholders stand out.
fn marked(text: &str, style: Style) -> String {
    let text = printable(text);
    let mut marked = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find('‹') {
        let end = rest[start..].find('›').map_or(rest.len(), |end| start + end + '›'.len_utf8());
        marked.push_str(&rest[..start]);
        marked.push_str(&style.unknown(&rest[start..end]));
        rest = &rest[end..];
    }
    marked.push_str(rest);
    marked
}
