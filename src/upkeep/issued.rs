//! `Issued`: the certificate that a run has brought, as its events tell.
//!
//! Read from the output of the step that put the certificate on disk. Nothing here opens a file.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::run::RunState;
use crate::types::{CertificateId, Timestamp};

/// A certificate that was proved and put on disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Issued {
    /// The vendor's id of it.
    pub certificate_id: Option<CertificateId>,
    /// The names that it holds.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub valid_from: Option<Timestamp>,
    /// When it ends.
    pub valid_until: Timestamp,
    /// Where its files are.
    pub directory: Option<String>,
    /// The set of files there that holds it.
    pub set: Option<String>,
}

impl Issued {
    /// The certificate that the last such step of a run brought; none when no step has yet.
    pub fn of(state: &RunState) -> Option<Self> {
        let outputs = state.steps.keys().filter_map(|step| state.output(step));
        outputs.filter_map(|output| Self::read(output, state)).next_back()
    }

    fn read(output: &Map<String, Value>, state: &RunState) -> Option<Self> {
        // Other steps say until when something is valid, too; only this one has files.
        let text = |name: &str| output.get(name).and_then(Value::as_str);
        text("fullchain_file")?;
        let names = output.get("names").and_then(Value::as_array);
        Some(Self {
            certificate_id: state.certificate_id.clone(),
            names: names
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            valid_from: text("valid_from").and_then(|text| text.parse().ok()),
            valid_until: text("valid_until")?.parse().ok()?,
            directory: text("directory").map(str::to_owned),
            set: text("set").map(str::to_owned),
        })
    }
}
