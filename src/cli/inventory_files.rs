//! Reading inventories and the plans that they name, and showing what is wrong with them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::console::Console;
use super::error::CliError;
use super::nearby::{self, Sought};
use super::plan_file::{read, read_within};
use super::plan_search::files_below;
use crate::document::{Diagnostic, Diagnostics, FileLimits, SourceFile};
use crate::inventory::{
    Format, Inventory, InventoryFile, KnownPlan, PlanPath, Plans, Resolution,
    SHARED_VALIDATION_NAME, resolve,
};
use crate::plan::{Plan, parse_plan};

/// An inventory that can be run, with its plans.
#[derive(Debug)]
pub(super) struct LoadedInventory {
    pub(super) inventory: Inventory,
    pub(super) plans: HashMap<PlanPath, Arc<Plan>>,
}

/// Reads files and folders into one inventory; `plan` is for targets that name none. What is wrong
/// is shown; the error only sums up.
///
/// Which targets take turns at a validation name is left out: `check` tells it of the whole
/// inventory, a preview of the targets that are meant, and a run says so when it waits. Told each
/// night of targets for which nothing is to be done, it would only be noise.
pub(super) fn load_inventory(
    paths: &[PathBuf],
    plan: Option<&Path>,
    console: &Console,
) -> Result<LoadedInventory, CliError> {
    let files = inventory_files(paths)?;
    let plans = plans_of(&files, plan, true);
    if let (Some(path), Some(KnownPlan::Refused { reason, meant })) =
        (plan, plans.fallback.as_ref().and_then(|path| plans.known.get(path)))
    {
        let meant = meant.as_ref().map(|meant| path.with_file_name(meant));
        let hint = meant.map(|meant| format!("did you mean `{}`?", meant.display()));
        let message = format!("the plan `{}`: {reason}", path.display());
        return Err(CliError::usage(message).hints(hint));
    }
    let Resolution { inventory, mut found } = resolve(files, &plans);
    for diagnostics in &mut found {
        diagnostics.leave_out(SHARED_VALIDATION_NAME);
        for line in diagnostics.render(console.talk_style().is_coloured()).lines() {
            console.talk(line);
        }
    }
    if found.iter().any(Diagnostics::has_errors) {
        return Err(CliError::usage("the inventory has mistakes; nothing was sent"));
    }
    let ready = plans.known.into_iter().filter_map(|(path, plan)| match plan {
        KnownPlan::Ready(plan) => Some((path, plan)),
        KnownPlan::Refused { .. } => None,
    });
    Ok(LoadedInventory { inventory, plans: ready.collect() })
}

/// The files of one inventory: those that are named, and in folders every YAML file that is an
/// inventory, every table and every list.
pub(super) fn inventory_files(paths: &[PathBuf]) -> Result<Vec<InventoryFile>, CliError> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for path in paths {
        if !path.is_dir() {
            if seen.insert(path.clone()) {
                files.push(inventory_file(path));
            }
            continue;
        }
        let below = files_below(path, &["yaml", "yml", "csv", "tsv", "txt"])?;
        let meant = |path: &PathBuf| Format::of(path) != Format::Yaml || is_yaml_inventory(path);
        let before = files.len();
        for path in below.into_iter().filter(meant) {
            if seen.insert(path.clone()) {
                files.push(inventory_file(&path));
            }
        }
        if files.len() == before {
            return Err(CliError::usage(format!("there is no inventory in `{}`", path.display()))
                .hint("inventories are YAML with `certplan_inventory: 1`, `.csv` or `.txt`"));
        }
    }
    Ok(files)
}

/// Reads one file. A file that cannot be read is a mistake like any other.
pub(super) fn inventory_file(path: &Path) -> InventoryFile {
    let name = path.display().to_string();
    let source = match read_within(path, FileLimits::INVENTORY) {
        Ok(bytes) => SourceFile::from_bytes_within(&name, &bytes, FileLimits::INVENTORY),
        Err(error) => {
            let mut found = Diagnostics::new(&SourceFile::new(&name, ""));
            found.push(unreadable(path, &error));
            Err(found)
        }
    };
    match source {
        Ok(source) => InventoryFile::parse(&source, Format::of(path)),
        Err(found) => InventoryFile::unreadable(found),
    }
}

/// That a file cannot be read, and which one was probably meant.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot read the file: {error}");
    let hint = nearby::hint(path, error, Sought::Inventory);
    hint.into_iter().fold(Diagnostic::error("unreadable-file", message), Diagnostic::help)
}

/// Whether a YAML file is meant as an inventory.
pub(super) fn is_yaml_inventory(path: &Path) -> bool {
    read_within(path, FileLimits::INVENTORY)
        .is_ok_and(|bytes| InventoryFile::is_meant_by(&String::from_utf8_lossy(&bytes)))
}

/// The same for a file that was named: whoever names it knows that it is ours.
pub(super) fn is_named_inventory(path: &Path) -> bool {
    read_within(path, FileLimits::INVENTORY)
        .is_ok_and(|bytes| InventoryFile::is_likely_meant_by(&String::from_utf8_lossy(&bytes)))
}

/// Compiles every plan that the files name, each once.
pub(super) fn plans_of(files: &[InventoryFile], plan: Option<&Path>, required: bool) -> Plans {
    let fallback = plan.map(PlanPath::new);
    let mut known = HashMap::new();
    for path in files.iter().flat_map(InventoryFile::plans).chain(fallback.clone()) {
        known.entry(path.clone()).or_insert_with(|| known_plan(path.as_path()));
    }
    Plans { known, fallback, required }
}

fn known_plan(path: &Path) -> KnownPlan {
    let name = path.display().to_string();
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let meant = match error.kind() {
                std::io::ErrorKind::NotFound => nearby::meant(path, Sought::Plan),
                _ => None,
            };
            return KnownPlan::Refused { reason: format!("it cannot be read: {error}"), meant };
        }
    };
    if InventoryFile::is_likely_meant_by(&String::from_utf8_lossy(&bytes)) {
        return KnownPlan::Refused {
            reason: "it is an inventory, not a plan".to_owned(),
            meant: None,
        };
    }
    match SourceFile::from_bytes(&name, &bytes).and_then(|source| parse_plan(&source)) {
        Ok((plan, _)) => KnownPlan::Ready(Arc::new(plan)),
        Err(_) => KnownPlan::Refused {
            reason: format!("it has mistakes of its own; `certplan check {name}` shows them"),
            meant: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_that_is_named_as_a_plan_is_called_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.yaml");
        for (text, expected) in [
            ("certplan_inventory: 1\ntargets: [a.example]\n", "it is an inventory, not a plan"),
            ("certplan: 1\nname: x\n", "it has mistakes of its own"),
        ] {
            std::fs::write(&path, text).unwrap();
            match known_plan(&path) {
                KnownPlan::Refused { reason, .. } => assert!(reason.contains(expected), "{reason}"),
                KnownPlan::Ready(_) => panic!("this is no plan: {text}"),
            }
        }
    }
}
