//! `x509.export`: the certificate of a set, written for other programs into a folder of its own.
//!
//! The folder has sets of its own and flips as one, and its files may belong to somebody else. What
//! is to flip together with the PEM files themselves belongs into the `formats` of the download.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::blocking::blocking;
use super::installation::{Installed, Wanted, WrittenFile};
use super::regfish::download::set_name;
use super::stored::read_stored;
use super::{ActionCall, Result, fail, parameters, success, within_the_folder};
use crate::files::{ClaimError, claim, claimed_by};
use crate::run::{ErrorKind, Outcome};
use crate::types::{Secret, Timestamp};

/// What it takes beside the parameters of [`Wanted`].
#[derive(Debug, Deserialize)]
struct Parameters {
    from: String,
    set: Option<String>,
    directory: String,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    directory: PathBuf,
    formats: Vec<WrittenFile>,
    set: String,
    previous_set: Option<String>,
    removed_sets: Vec<String>,
    not_removed: Option<String>,
    sha256: String,
}

pub(super) async fn export(
    passphrase: Option<&Secret>,
    now: Timestamp,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let from = within_the_folder(call, &wanted.from)?;
    let directory = within_the_folder(call, &wanted.directory)?;
    if same(&from, &directory) {
        let message = "a set is never changed once it is there: give `formats` to the step that \
                       downloads it, or another `directory` to this one";
        return fail(ErrorKind::Value, message);
    }
    let installation = Wanted::of(&call.parameters)?.prepare(&[], passphrase).await?;
    blocking("writing the files", move || {
        let stored = read_stored(&from, wanted.set.as_deref(), now)
            .or_else(|error| fail(ErrorKind::Proof, error.to_string()))?;
        // It belongs to the target whose certificate it is.
        if let Some(target) = claimed_by(&from).or_else(fault)? {
            let files: Vec<&str> = installation.files().collect();
            claim(&directory, &target, &files).or_else(fault)?;
        }
        let name = set_name(&stored.proof);
        let installed =
            installation.install(&directory, &name, &stored.chain, &stored.key, false)?;
        Ok(success(&output(directory, stored.proof.sha256.to_string(), installed)))
    })
    .await
}

fn fault<T>(error: ClaimError) -> Result<T> {
    match error {
        ClaimError::File(error) => fail(ErrorKind::File, error.to_string()),
        error => fail(ErrorKind::Conflict, error.to_string()),
    }
}

/// Whether two paths lead to one folder; one that does not exist yet is another one.
fn same(one: &PathBuf, other: &PathBuf) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn output(directory: PathBuf, sha256: String, installed: Installed) -> Output {
    let names: Vec<String> = installed.formats.iter().map(WrittenFile::name).collect();
    let not_removed = installed.removed.fault.map(|error| error.to_string());
    let mut summary = format!("{} in {}", names.join(", "), directory.display());
    summary.extend(not_removed.iter().map(|reason| format!("; {reason}")));
    Output {
        summary,
        directory,
        formats: installed.formats,
        set: installed.set.name,
        previous_set: installed.set.previous,
        removed_sets: installed.removed.names,
        not_removed,
        sha256,
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
