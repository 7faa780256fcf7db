//! `RunResultView`: what a run brought, for people and as JSON.

use serde::Serialize;
use serde_json::Value;

use super::run_records::{RunRecord, run_records};
use super::wording::{headline, park_reason};
use crate::run::{PutBack, RunState, StepState};
use crate::types::{CertificateId, RunId, printable, serialize_machine_word};

/// What a run brought, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub struct RunResultView {
    /// The run.
    pub run: RunId,
    /// The plan's name.
    pub plan: String,
    /// The target.
    pub target: String,
    /// Whether the embedded sandbox stood in for the real world.
    pub sandbox: bool,
    /// The phase in a word.
    #[serde(serialize_with = "serialize_machine_word")]
    pub phase: String,
    /// The certificate id.
    pub certificate_id: Option<CertificateId>,
    /// The files of the certificate, when there are any.
    pub files: Option<Value>,
    /// What is in place instead of them, when the run has gone back to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<PutBack>,
    /// What of its validation still blocks the order at the CA, when that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocking: Option<Vec<String>>,
    /// The DNS records that it put.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RunRecord>,
    /// Where the sandbox's root certificate is, for a run against the embedded sandbox.
    pub sandbox_root: Option<String>,
    /// The steps.
    pub steps: Vec<StepView>,
}

/// A step, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub struct StepView {
    /// The step's id.
    pub step: String,
    /// Its state in a word.
    #[serde(serialize_with = "serialize_machine_word")]
    pub state: String,
    /// How many attempts it has had.
    pub attempts: u32,
    /// What there is to say, in one line.
    pub detail: String,
    /// Where a person can act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_url: Option<String>,
}

const FILE_FIELDS: [&str; 5] =
    ["directory", "certificate_file", "chain_file", "fullchain_file", "key_file"];

impl RunResultView {
    /// Reads a run's state.
    pub fn new(run: &RunId, state: &RunState, sandbox_root: Option<String>) -> Self {
        Self {
            run: run.clone(),
            plan: state.header.plan.name.clone(),
            target: state.header.target.clone(),
            sandbox: state.header.sandbox,
            phase: state.phase.name().to_owned(),
            certificate_id: state.certificate_id.clone(),
            files: files(state),
            put_back: PutBack::of(state),
            blocking: blocking(state),
            records: run_records(state),
            sandbox_root,
            steps: state
                .steps
                .iter()
                .map(|(id, record)| StepView {
                    step: id.to_string(),
                    state: record.state.name().to_owned(),
                    attempts: record.history.attempts,
                    detail: step_detail(&record.state),
                    completion_url: match &record.state {
                        StepState::Parked { reason } => reason.completion_url.clone(),
                        _ => None,
                    },
                })
                .collect(),
        }
    }

    /// The lines for people: a name and a value each.
    pub fn lines(&self) -> Vec<String> {
        let mut rows = vec![("run", self.run.to_string()), ("state", self.phase.clone())];
        rows.extend(self.certificate_id.iter().map(|id| ("certificate", id.to_string())));
        rows.extend(self.put_back.iter().map(|back| ("in place", in_place(back))));
        let file = |name: &str| self.files.as_ref()?.get(name)?.as_str().map(str::to_owned);
        rows.extend(file("key_file").map(|path| ("private key", path)));
        rows.extend(file("certificate_file").map(|path| ("certificate file", path)));
        rows.extend(file("chain_file").map(|path| ("issuers", path)));
        rows.extend(file("fullchain_file").map(|path| ("full chain", path)));
        rows.extend(self.blocking.iter().flat_map(|blocking| match blocking.as_slice() {
            [] => vec![("validation", "nothing blocks the order".to_owned())],
            some => some.iter().map(|words| ("validation", words.clone())).collect(),
        }));
        rows.extend(self.sandbox_root.iter().map(|path| ("sandbox root", path.clone())));
        rows.into_iter().map(|(name, value)| format!("{name:<17} {value}")).collect()
    }

    /// The files that the run says are on disk.
    pub fn file_paths(&self) -> Vec<String> {
        let Some(Value::Object(files)) = &self.files else { return Vec::new() };
        files.values().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Which certificate the paths of a run lead to, when it is not its own.
pub(super) fn in_place(back: &PutBack) -> String {
    let PutBack { by, directory, set, left } = back;
    let [directory, set, left] = [directory, set, left].map(|text| printable(text));
    format!(
        "not this certificate but the former one, set {set}, which step `{by}` has put back; this \
         one is in {directory}/sets/{left}"
    )
}

/// The output of the step that put a certificate on disk.
fn files(state: &RunState) -> Option<Value> {
    let mut outputs = state.steps.values().filter_map(|record| match &record.state {
        StepState::Succeeded { output } if output.contains_key("fullchain_file") => Some(output),
        _ => None,
    });
    let output = outputs.next_back()?;
    let fields = FILE_FIELDS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), output.get(*name)?.clone())));
    Some(Value::Object(fields.collect()))
}

/// What the last step that asked for it was told; texts of a record can be anybody's.
fn blocking(state: &RunState) -> Option<Vec<String>> {
    let mut outputs = state.steps.values().filter_map(|record| match &record.state {
        StepState::Succeeded { output } if output.contains_key("approved") => Some(output),
        _ => None,
    });
    let words = outputs.next_back()?.get("blocking")?.as_array()?.iter();
    Some(words.filter_map(Value::as_str).map(printable).collect())
}

/// What there is to say about a step, in one line.
pub(super) fn step_detail(state: &StepState) -> String {
    match state {
        StepState::Pending => String::new(),
        StepState::Started(_) => "under way when last heard of".to_owned(),
        StepState::Sent { .. } => "sent; the answer is not recorded".to_owned(),
        StepState::Waiting { observation, .. } => observation.summary.clone(),
        StepState::Retrying { error, .. } => error.message.clone(),
        StepState::Unknown { error, .. } => format!("whether it arrived is not known: {error}"),
        StepState::Succeeded { output } => headline(output),
        StepState::Failed { error } => error.message.clone(),
        StepState::Parked { reason } => park_reason(reason),
        StepState::InDoubt { message, .. } => message.clone(),
        StepState::Skipped => "its condition is false".to_owned(),
        StepState::Blocked { by } => format!("needs `{by}`"),
    }
}
