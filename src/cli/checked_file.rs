//! `CheckedFile`: a file and everything that was found in it.

use std::path::Path;

use serde::Serialize;

use super::plan_file::read;
use crate::document::{Diagnostic, Diagnostics, Entry, Severity, SourceFile};
use crate::plan::{Plan, ValidityLimit, check_plan};

/// The outcome of checking one file.
#[derive(Debug)]
pub(super) struct CheckedFile {
    /// The file as it was named.
    pub(super) name: String,
    /// The plan, when it can be run.
    pub(super) plan: Option<Plan>,
    /// Mistakes and doubts.
    pub(super) found: Diagnostics,
}

/// The same as plain data.
#[derive(Debug, Serialize)]
pub(super) struct FileView<'a> {
    file: &'a str,
    ok: bool,
    plan: Option<&'a str>,
    steps: Option<usize>,
    diagnostics: Vec<Entry<'a>>,
    /// Mistakes that are counted but not listed.
    omitted: usize,
}

impl CheckedFile {
    /// Reads and checks a file. A file that cannot be read is a mistake like any other.
    pub(super) fn check(path: &Path, limit: Option<&ValidityLimit>) -> Self {
        let name = path.display().to_string();
        let source = match read(path) {
            Ok(bytes) => SourceFile::from_bytes(&name, &bytes),
            Err(error) => {
                let mut found = Diagnostics::new(&SourceFile::new(&name, ""));
                let message = format!("cannot read the file: {error}");
                found.push(Diagnostic::error("unreadable-file", message));
                Err(found)
            }
        };
        match source.and_then(|source| check_plan(&source, limit)) {
            Ok((plan, found)) => Self { name, plan: Some(plan), found },
            Err(found) => Self { name, plan: None, found },
        }
    }

    pub(super) fn errors(&self) -> usize {
        self.found.count(Severity::Error)
    }

    pub(super) fn warnings(&self) -> usize {
        self.found.count(Severity::Warning)
    }

    pub(super) fn view(&self) -> FileView<'_> {
        FileView {
            file: &self.name,
            ok: self.plan.is_some(),
            plan: self.plan.as_ref().map(|plan| plan.name.as_str()),
            steps: self.plan.as_ref().map(|plan| plan.steps.len()),
            diagnostics: self.found.entries().collect(),
            omitted: self.found.omitted(),
        }
    }
}
