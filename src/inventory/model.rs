//! `Inventory`: the targets, checked against their plans.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::scope::Scope;
use super::validation::validation_names;
use crate::document::{SourceFile, Span};
use crate::types::{DomainName, GroupName, TargetName};

/// The path of a plan file, from where the program stands.
#[derive(Debug, Clone, Eq, PartialOrd, Ord)]
pub struct PlanPath(Arc<Path>);

// Without detours two paths are equal exactly when their texts are; each of many thousand targets
// asks, and to take paths apart again each time would be most of the work.
impl PartialEq for PlanPath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.as_os_str() == other.0.as_os_str()
    }
}

impl Hash for PlanPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_os_str().hash(state);
    }
}

/// All targets of one command, in the order of the files and of the lines.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The targets.
    pub targets: Vec<Target>,
    /// The groups that are defined, used or not.
    pub groups: Vec<GroupName>,
    pub(super) files: Vec<SourceFile>,
}

/// A certificate to get.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, unique in the inventory.
    pub name: TargetName,
    /// The plan that gets it; none when nobody has named one.
    pub plan: Option<PlanPath>,
    /// The groups that it is in, in the order in which they are written.
    pub groups: Vec<GroupName>,
    /// The names that its certificate shall hold, sorted; empty when the plan does not take them
    /// from inputs.
    pub names: Vec<DomainName>,
    /// What the target itself says, by the place of the input in the plan.
    pub(super) own: Vec<(usize, Value)>,
    pub(super) scope: Arc<Scope>,
    /// The file, and the place of the name in it.
    pub(super) place: (usize, Span),
}

impl PlanPath {
    /// A path, without its detours `./`.
    pub fn new(path: &Path) -> Self {
        let parts = path.components().filter(|part| *part != Component::CurDir);
        Self(parts.collect::<PathBuf>().into())
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for PlanPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(formatter)
    }
}

impl Target {
    /// The value of every input of its plan: its own, that of a group, the inventory's, the plan's
    /// default. Empty when it has no plan.
    pub fn inputs(&self) -> Map<String, Value> {
        let own = |index: usize| self.own.iter().find(|(at, _)| *at == index);
        let values = self.scope.values.iter().enumerate().filter_map(|(index, (name, value))| {
            let value = own(index).map(|(_, value)| value).or(value.as_ref())?;
            Some((name.clone(), value.clone()))
        });
        values.collect()
    }

    /// The value of an input, by its place in the plan.
    pub(super) fn value(&self, place: usize) -> Option<&Value> {
        let own = self.own.iter().find(|(at, _)| *at == place).map(|(_, value)| value);
        own.or_else(|| self.scope.values.get(place)?.1.as_ref())
    }

    /// The value of an input, by its name.
    pub(super) fn value_of(&self, name: &str) -> Option<&Value> {
        self.value(self.scope.values.iter().position(|(other, _)| other == name)?)
    }
}

impl Target {
    /// The names at which DNS records prove its certificate's names, as documented: below the base
    /// domain of each (contract A.7). Sorted; runs that share one take turns.
    pub fn validation_names(&self) -> BTreeSet<String> {
        validation_names(&self.names)
    }
}

impl Inventory {
    /// The targets of one file, by its place among the files.
    pub fn targets_of(&self, file: usize) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(move |target| target.place.0 == file)
    }

    /// Where a target stands: file, line and column.
    pub fn place_of(&self, target: &Target) -> String {
        let (file, span) = target.place;
        self.files.get(file).map_or_else(String::new, |file| {
            let place = file.position(span.start);
            format!("{}:{}:{}", file.name(), place.line, place.column)
        })
    }
}
