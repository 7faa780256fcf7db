//! `Plan`: the checked form of a plan file, and the form in which it is stored with a run.
//!
//! What is in here was checked by the compiler: ids are unique, references resolve, the graph has no
//! cycle, literal values have their types. It keeps no source positions: those belong to the raw
//! form. Templates are kept as text; they compile in microseconds and text can be stored.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::policy::{PollPolicy, RetryPolicy, milliseconds};
use super::value_type::ValueType;
use crate::graph::{CycleError, StepGraph};
use crate::types::{StepId, StepMap};

/// A plan that can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The plan's name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The values it needs, in the order of the file.
    pub inputs: IndexMap<String, Input>,
    /// The API endpoints it uses, by name.
    pub connections: IndexMap<String, Connection>,
    /// The steps, in the order of the file.
    pub steps: StepMap<Step>,
}

/// A declared input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What it is.
    pub description: Option<String>,
    /// The value when none is given; without one the input is required.
    pub default: Option<Value>,
    /// A regular expression that a text must match as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// A configured endpoint: where its key comes from, and perhaps its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Where the API key is found; the key itself is never in a plan.
    pub api_key: SecretSource,
    /// The address, when it is not the vendor's usual one.
    pub base_url: Option<String>,
}

/// Where a secret is read from, when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, without the line breaks at its end.
    File(String),
    /// A command (argv, no shell); its standard output, without the line breaks at its end.
    Command(Vec<String>),
    /// A credential that systemd gives to the service, by its name.
    Credential(String),
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The step's id.
    pub id: StepId,
    /// The action, a name that [`super::signature::find`] knows.
    pub uses: String,
    /// All steps that must come before: from `needs` and from references.
    pub needs: BTreeSet<StepId>,
    /// The condition, an expression; the step is skipped when it is false.
    pub when: Option<String>,
    /// The parameters, as written.
    pub with: IndexMap<String, Template>,
    /// How failed attempts are tried again.
    pub retry: RetryPolicy,
    /// For an action that waits: how it looks again.
    pub poll: Option<PollPolicy>,
    /// How long one attempt may take.
    #[serde(with = "milliseconds")]
    pub timeout: Duration,
    /// What a failure means for its dependents.
    pub on_failure: OnFailure,
    /// Whether equal parameters are asked once for a whole batch.
    pub share: Share,
    /// Whether it runs at the end of the run, whatever became of the other steps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
}

/// What a failed step means for the steps that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are blocked.
    Block,
    /// They go on without it.
    Continue,
}

/// Whether the answer of a step is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Each run asks for itself.
    Run,
    /// Runs of one batch with equal parameters ask once.
    Batch,
}

/// A value in a plan that may hold templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A value without any template.
    Literal(Value),
    /// A string that is exactly one `{{ … }}`: the inside; the result keeps its type.
    Expression(String),
    /// A string with templates in it; the result is a string.
    Text(String),
    /// A list with templates somewhere inside.
    List(Vec<Self>),
    /// A map with templates somewhere inside.
    Map(IndexMap<String, Self>),
}

impl Plan {
    /// The graph of the steps. Fails only for a plan that no compiler has checked.
    pub fn graph(&self) -> Result<StepGraph, CycleError> {
        StepGraph::new(self.steps.values().map(|step| (&step.id, &step.needs)))
    }
}
