//! `InventoryFile`: what one file says, with places, whatever it is written in.
//!
//! Names were checked and nothing else: what they refer to, and whether values fit the plan, is
//! looked at when all files are together.

use std::path::{Path, PathBuf};

use super::model::PlanPath;
use super::{list_file, table_file, yaml_file};
use crate::document::decode::Located;
use crate::document::node::{Key, Node};
use crate::document::{Diagnostics, SourceFile};
use crate::types::{GroupName, TargetName};

/// What an inventory is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML with `certplan_inventory: 1`.
    Yaml,
    /// A table with a header row: CSV, with `,`, `;` or tabs between cells.
    Table,
    /// A list of domains, one per line.
    List,
}

/// A file of an inventory, read but not yet checked against plans.
#[derive(Debug)]
pub struct InventoryFile {
    pub(super) source: SourceFile,
    pub(super) format: Format,
    /// The plan of targets in this file that have no other.
    pub(super) plan: Option<Located<String>>,
    /// Inputs of targets in this file.
    pub(super) defaults: Vec<(Key, Node)>,
    pub(super) groups: Vec<RawGroup>,
    pub(super) targets: Vec<RawTarget>,
    /// The columns of a table that are inputs.
    pub(super) columns: Vec<Key>,
    pub(super) found: Diagnostics,
}

/// A group as written.
#[derive(Debug)]
pub(super) struct RawGroup {
    pub(super) name: Located<GroupName>,
    pub(super) plan: Option<Located<String>>,
    pub(super) inputs: Vec<(Key, Node)>,
}

/// A target as written.
#[derive(Debug)]
pub(super) struct RawTarget {
    pub(super) name: Located<TargetName>,
    pub(super) plan: Option<Located<String>>,
    pub(super) groups: Vec<Located<GroupName>>,
    pub(super) inputs: Vec<(Key, Node)>,
}

impl Format {
    /// What a file is, by the ending of its name: `.yaml` and `.yml`, `.csv` and `.tsv`; everything
    /// else is a list.
    pub fn of(path: &Path) -> Self {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("yaml" | "yml") => Self::Yaml,
            Some("csv" | "tsv") => Self::Table,
            _ => Self::List,
        }
    }
}

impl InventoryFile {
    /// Reads a file. Mistakes are kept with it, and come out when the inventory is put together.
    pub fn parse(source: &SourceFile, format: Format) -> Self {
        let mut file = Self {
            source: source.clone(),
            format,
            plan: None,
            defaults: Vec::new(),
            groups: Vec::new(),
            targets: Vec::new(),
            columns: Vec::new(),
            found: Diagnostics::new(source),
        };
        match format {
            Format::Yaml => yaml_file::read(&mut file),
            Format::Table => table_file::read(&mut file),
            Format::List => list_file::read(&mut file),
        }
        file
    }

    /// A file that could not even be read as text, with the reason.
    pub fn unreadable(found: Diagnostics) -> Self {
        let source = found.file().clone();
        Self { found, ..Self::parse(&SourceFile::new(source.name(), "#"), Format::List) }
    }

    /// Whether a text is an inventory in YAML: its first words say so. What is wrong with it comes
    /// out when it is read.
    pub fn is_meant_by(text: &str) -> bool {
        let begins = |line: &str| {
            line.trim_start_matches(['\u{feff}', '"', '\'', '{', ' ']).starts_with("certplan_inv")
        };
        text.lines().any(begins)
    }

    /// Whether a text that somebody calls a plan or an inventory is rather the latter: it lists
    /// targets, has no steps, and does not say that it is a plan.
    pub fn is_likely_meant_by(text: &str) -> bool {
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        Self::is_meant_by(text) || (has("targets:") && !has("certplan:") && !has("steps:"))
    }

    /// The plans that are named in this file, each once, as paths from where the program stands.
    pub fn plans(&self) -> Vec<PlanPath> {
        let mut paths = Vec::new();
        let groups = self.groups.iter().filter_map(|group| group.plan.as_ref());
        let targets = self.targets.iter().filter_map(|target| target.plan.as_ref());
        let mut seen = std::collections::HashSet::new();
        for written in self.plan.iter().chain(groups).chain(targets) {
            if seen.insert(written.value.as_str()) {
                paths.push(self.plan_path(&written.value));
            }
        }
        paths
    }

    /// A plan as it is written here: relative to the folder of this file.
    pub(super) fn plan_path(&self, written: &str) -> PlanPath {
        let folder = Path::new(self.source.name()).parent().unwrap_or_else(|| Path::new(""));
        PlanPath::new(&folder.join(PathBuf::from(written)))
    }
}
