//! `CheckedFile`: a file and everything that was found in it.

use std::path::Path;

use serde::Serialize;

use super::plan_file::read;
use crate::document::{Diagnostic, Diagnostics, Entry, Severity, SourceFile};
use crate::plan::{Plan, ValidityLimit, check_plan};
use crate::sandbox::{SCENARIO_VERSION_KEY, Scenario};

/// The outcome of checking one file.
#[derive(Debug)]
pub(super) struct CheckedFile {
    /// The file as it was named.
    pub(super) name: String,
    /// The plan, when it can be run.
    pub(super) plan: Option<Plan>,
    /// It is a scenario of the sandbox, right or wrong.
    pub(super) is_scenario: bool,
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
        let is_scenario = source.as_ref().is_ok_and(says_scenario);
        let checked = source.and_then(|source| {
            if is_scenario {
                return Scenario::parse(&source).map(|_| (None, Diagnostics::new(&source)));
            }
            check_plan(&source, limit).map(|(plan, found)| (Some(plan), found))
        });
        match checked {
            Ok((plan, found)) => Self { name, plan, is_scenario, found },
            Err(found) => Self { name, plan: None, is_scenario, found },
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
            ok: self.errors() == 0,
            plan: self.plan.as_ref().map(|plan| plan.name.as_str()),
            steps: self.plan.as_ref().map(|plan| plan.steps.len()),
            diagnostics: self.found.entries().collect(),
            omitted: self.found.omitted(),
        }
    }
}

/// Whether a file says that it is a scenario, at the begin of a line.
fn says_scenario(source: &SourceFile) -> bool {
    let says_so = |line: &str| {
        line.trim_start_matches(['"', '\'', '{', ' ']).starts_with(SCENARIO_VERSION_KEY)
    };
    source.text().lines().any(says_so)
}
