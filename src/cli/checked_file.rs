//! `CheckedFile`: a file and everything that was found in it.

use std::path::Path;

use serde::Serialize;

use super::inventory_files::{plans_of, unreadable};
use super::plan_file::read;
use super::test::Beside;
use crate::document::{Diagnostics, Entry, Severity, SourceFile};
use crate::inventory::{InventoryFile, Resolution, resolve};
use crate::plan::{Plan, ValidityLimit, check_plan};
use crate::sandbox::{SCENARIO_VERSION_KEY, Scenario};
use crate::trial::{looks_like_tests, parse_tests};

/// The outcome of checking one file.
#[derive(Debug)]
pub(super) struct CheckedFile {
    /// The file as it was named.
    pub(super) name: String,
    /// What it is, when nothing is wrong with it.
    pub(super) content: Option<Content>,
    /// What it is meant as, right or wrong.
    pub(super) kind: FileKind,
    /// Mistakes and doubts.
    pub(super) found: Diagnostics,
}

/// What a file is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A plan.
    Plan,
    /// An inventory, or a part of one.
    Inventory,
    /// A scenario of the sandbox.
    Scenario,
    /// Test cases of a plan.
    Tests,
}

/// What a file is.
#[derive(Debug)]
pub(super) enum Content {
    /// A scenario of the sandbox.
    Scenario,
    /// So many test cases of a plan.
    Tests(usize),
    /// A plan.
    Plan(Box<Plan>),
    /// An inventory, or a part of one.
    Inventory {
        /// How many targets the file lists.
        targets: usize,
        /// How many of them no plan was named for, so that their inputs could not be checked.
        without_plan: usize,
    },
}

/// The same as plain data.
#[derive(Debug, Serialize)]
pub(super) struct FileView<'a> {
    file: &'a str,
    ok: bool,
    plan: Option<&'a str>,
    steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cases: Option<usize>,
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
                found.push(unreadable(path, &error));
                Err(found)
            }
        };
        let kind = source.as_ref().map_or(FileKind::Plan, kind_of);
        let checked = source.and_then(|source| match kind {
            FileKind::Tests => parse_tests(&source, &Beside::of(path))
                .map(|(tests, found)| (Content::Tests(tests.cases.len()), found)),
            FileKind::Scenario => {
                let found = Diagnostics::new(&source);
                Scenario::parse(&source).map(|_| (Content::Scenario, found))
            }
            FileKind::Plan | FileKind::Inventory => check_plan(&source, limit)
                .map(|(plan, found)| (Content::Plan(Box::new(plan)), found)),
        });
        match checked {
            Ok((content, found)) => Self { name, content: Some(content), kind, found },
            Err(found) => Self { name, content: None, kind, found },
        }
    }

    /// Checks files that are one inventory, each against the plans of its targets.
    pub(super) fn check_inventory(files: Vec<InventoryFile>, plan: Option<&Path>) -> Vec<Self> {
        let plans = plans_of(&files, plan, false);
        let Resolution { inventory, found } = resolve(files, &plans);
        let checked = |(index, found): (usize, Diagnostics)| {
            let targets = || inventory.targets_of(index);
            let content = (!found.has_errors()).then(|| Content::Inventory {
                targets: targets().count(),
                without_plan: targets().filter(|target| target.plan.is_none()).count(),
            });
            Self { name: found.file().name().to_owned(), content, kind: FileKind::Inventory, found }
        };
        found.into_iter().enumerate().map(checked).collect()
    }

    pub(super) fn errors(&self) -> usize {
        self.found.count(Severity::Error)
    }

    pub(super) fn warnings(&self) -> usize {
        self.found.count(Severity::Warning)
    }

    pub(super) fn view(&self) -> FileView<'_> {
        let plan = match &self.content {
            Some(Content::Plan(plan)) => Some(plan.as_ref()),
            _ => None,
        };
        FileView {
            file: &self.name,
            ok: self.content.is_some(),
            plan: plan.map(|plan| plan.name.as_str()),
            steps: plan.map(|plan| plan.steps.len()),
            targets: match &self.content {
                Some(Content::Inventory { targets, .. }) => Some(*targets),
                _ => None,
            },
            cases: match &self.content {
                Some(Content::Tests(cases)) => Some(*cases),
                _ => None,
            },
            diagnostics: self.found.entries().collect(),
            omitted: self.found.omitted(),
        }
    }
}

/// What a file that is no inventory is meant as.
fn kind_of(source: &SourceFile) -> FileKind {
    if looks_like_tests(source.name(), source.text()) {
        FileKind::Tests
    } else if says_scenario(source) {
        FileKind::Scenario
    } else {
        FileKind::Plan
    }
}

/// Whether a file says that it is a scenario, at the begin of a line.
fn says_scenario(source: &SourceFile) -> bool {
    let says_so = |line: &str| {
        line.trim_start_matches(['"', '\'', '{', ' ']).starts_with(SCENARIO_VERSION_KEY)
    };
    source.text().lines().any(says_so)
}
