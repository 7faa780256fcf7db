//! `Expectation`: what shall have come of a run when it stands still.

use std::time::Duration;

use regex_lite::Regex;
use serde_json::Value;

use super::output_path::OutputPath;
use super::pattern::Pattern;
use crate::document::describe;
use crate::sandbox::PathPattern;
use crate::types::StepId;

/// Everything that a case can demand; what is not given is not looked at.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// How the run stands.
    pub outcome: Outcome,
    /// A part of the reason why it failed, is parked or in doubt.
    pub reason: Option<String>,
    /// The step at which it failed, is parked or in doubt.
    pub step: Option<StepId>,
    /// How single steps stand.
    pub steps: Vec<(StepId, StepExpectation)>,
    /// What single steps have recorded.
    pub outputs: Vec<(OutputPath, Wanted)>,
    /// Which orders the run has placed; one at most unless it says otherwise.
    pub orders: Option<Orders>,
    /// How many requests the run has sent.
    pub requests: Vec<RequestExpectation>,
    /// Files that the run has written.
    pub files: Vec<Pattern>,
    /// Files that it must not have written.
    pub no_files: Vec<Pattern>,
    /// What the certificate says.
    pub certificate: Option<CertificateExpectation>,
    /// The DNS records that the run has left behind, all of them.
    pub records: Option<Vec<RecordExpectation>>,
    /// How long the run may have taken, in virtual time.
    pub within: Option<Duration>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has come to its end, and the certificate that it owns is issued.
    Issued,
    /// It has come to its end.
    Succeeded,
    /// A step failed.
    Failed,
    /// It waits for a person or for the CA.
    Parked,
    /// Only a person can say what became of an order.
    InDoubt,
}

impl Outcome {
    /// The words of the language.
    pub const WORDS: [(&'static str, Self, &'static str); 5] = [
        ("issued", Self::Issued, "the run is done and its certificate is issued"),
        ("succeeded", Self::Succeeded, "the run is done"),
        ("failed", Self::Failed, "a step failed"),
        ("parked", Self::Parked, "the run waits for a person or for the CA"),
        ("in_doubt", Self::InDoubt, "only a person can say what became of an order"),
    ];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, outcome, _)| *outcome == self).map_or("", |(word, ..)| *word)
    }

    /// Whether the run is done.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Issued | Self::Succeeded)
    }
}

/// How a step shall stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepExpectation {
    /// Its state.
    pub state: Option<StepWord>,
    /// A part of what there is to say about its state.
    pub reason: Option<String>,
    /// How many attempts it has had.
    pub attempts: Option<u32>,
}

/// The states in which a step can be when its run stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepWord {
    /// The word of the language.
    pub word: &'static str,
    /// The state's own name.
    pub state: &'static str,
}

impl StepWord {
    /// All of them.
    pub const ALL: [(&'static str, Self); 7] = [
        word("succeeded", "succeeded"),
        word("failed", "failed"),
        word("skipped", "skipped"),
        word("blocked", "blocked"),
        word("parked", "parked"),
        word("in_doubt", "in doubt"),
        word("pending", "pending"),
    ];
}

const fn word(word: &'static str, state: &'static str) -> (&'static str, StepWord) {
    (word, StepWord { word, state })
}

/// What a value shall be.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Exactly this.
    Equals(Value),
    /// A text that matches as a whole.
    Matches {
        /// The regular expression as written.
        pattern: String,
        /// The same, compiled.
        regex: Regex,
    },
    /// A text with this part, or a list with this item.
    Contains(Value),
    /// There must be no value.
    Absent,
}

impl Wanted {
    /// Whether `value` is what is wanted; none stands for no value.
    pub fn fits(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none_or(Value::is_null),
            (_, None) => false,
            (Self::Equals(wanted), Some(value)) => wanted == value,
            (Self::Matches { regex, .. }, Some(value)) => {
                value.as_str().is_some_and(|text| regex.is_match(text))
            }
            (Self::Contains(Value::String(part)), Some(Value::String(text))) => text.contains(part),
            (Self::Contains(item), Some(Value::Array(items))) => items.contains(item),
            (Self::Contains(_), Some(_)) => false,
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Equals(value) => describe(value),
            Self::Matches { pattern, .. } => format!("text that matches `{pattern}`"),
            Self::Contains(value) => format!("something with {}", describe(value)),
            Self::Absent => "no value".to_owned(),
        }
    }
}

/// Which orders shall have been placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Orders {
    /// So many.
    Count(usize),
    /// These, in the order in which they were placed.
    Each(Vec<OrderExpectation>),
}

/// What an order shall be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderExpectation {
    /// The common name.
    pub common_name: Option<String>,
    /// The further names, in any order.
    pub dns_names: Option<Vec<String>>,
    /// The product's sku.
    pub product: Option<String>,
    /// The status that the API shows.
    pub status: Option<String>,
    /// The organization bound to it.
    pub organization: Option<String>,
    /// Whether it waits for an organization.
    pub action_required: Option<bool>,
}

/// How many requests of a kind shall have been sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestExpectation {
    /// The method (`*` for any) and the path; any when not given.
    pub call: Option<(String, PathPattern)>,
    /// The status of the answer; any when not given.
    pub status: Option<u16>,
    /// No fewer than this.
    pub at_least: Option<usize>,
    /// No more than this.
    pub at_most: Option<usize>,
}

/// What the certificate shall say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateExpectation {
    /// All its names, in any order.
    pub names: Option<Vec<String>>,
    /// How many days it is valid.
    pub days: Option<i64>,
}

/// A DNS record that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordExpectation {
    /// Its full name.
    pub name: Option<Pattern>,
    /// Its type, such as `CNAME`.
    pub kind: Option<String>,
    /// Its data.
    pub value: Option<Pattern>,
}
