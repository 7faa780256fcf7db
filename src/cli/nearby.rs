//! Which file was probably meant by a path that leads nowhere: `dv` and `dv.yml` where `dv.yaml` is.

use std::io;
use std::path::{Path, PathBuf};

use crate::document::suggest::nearest;
use crate::types::printable;

/// What plans and inventories are called.
const PLAN_ENDINGS: [&str; 2] = ["yaml", "yml"];
const INVENTORY_ENDINGS: [&str; 5] = ["yaml", "yml", "csv", "tsv", "txt"];

/// Where projects keep their plans.
const PLAN_FOLDER: &str = "plans";

/// So many files of a folder are looked at.
const MOST_FILES: usize = 2_000;

/// What is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// A plan.
    Plan,
    /// An inventory, or any file that `check` knows.
    Inventory,
}

/// What may help when `path` cannot be read, for this reason.
pub(super) fn hint(path: &Path, error: &io::Error, sought: Sought) -> Option<String> {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let meant = path.with_file_name(meant(path, sought)?);
            Some(format!("did you mean `{}`?", printable(&meant.display().to_string())))
        }
        _ => hint_at(path, sought),
    }
}

/// The same for a path that is no file, without an attempt to read what it is.
pub(super) fn hint_at(path: &Path, sought: Sought) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => hint(path, &error, sought),
        Ok(found) if found.is_dir() => {
            let first = files_in(path, sought).into_iter().next()?;
            let first = path.join(first).display().to_string();
            Some(format!("it is a folder; name one file in it, such as `{}`", printable(&first)))
        }
        _ => None,
    }
}

/// The file that is meant by a path that leads nowhere, from the folder of that path on: one with the
/// same name but for its ending, there or in the folder for plans below it, or one with a similar
/// name.
pub(super) fn meant(path: &Path, sought: Sought) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut near: Vec<PathBuf> = files_in(folder, sought);
    let below = files_in(&folder.join(PLAN_FOLDER), sought);
    near.extend(below.into_iter().map(|file| Path::new(PLAN_FOLDER).join(file)));
    let wanted = stem(Path::new(name), sought);
    let same = near.iter().find(|file| stem(file, sought) == wanted);
    same.cloned().or_else(|| {
        let stems: Vec<String> = near.iter().map(|file| stem(file, sought)).collect();
        let alike = nearest(&wanted, stems.iter().map(String::as_str))?;
        near.iter().zip(&stems).find(|(_, stem)| *stem == alike).map(|(file, _)| file.clone())
    })
}

/// The name of a file without the ending, if it is one of those that are sought.
fn stem(path: &Path, sought: Sought) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.rsplit_once('.') {
        Some((stem, ending)) if endings(sought).contains(&&*ending.to_ascii_lowercase()) => {
            stem.to_owned()
        }
        _ => name,
    }
}

fn endings(sought: Sought) -> &'static [&'static str] {
    match sought {
        Sought::Plan => &PLAN_ENDINGS,
        Sought::Inventory => &INVENTORY_ENDINGS,
    }
}

/// The names of the files in a folder that can be what is sought, sorted.
fn files_in(folder: &Path, sought: Sought) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let has_ending = |name: &Path| {
        let ending = name.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        ending.is_some_and(|ending| endings(sought).contains(&ending.as_str()))
    };
    let is_tests =
        |name: &Path| sought == Sought::Plan && name.to_string_lossy().contains(".test.");
    let files = entries.take(MOST_FILES).flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<PathBuf> = files
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|name| has_ending(name) && !is_tests(name))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn found(folder: &tempfile::TempDir, name: &str, sought: Sought) -> Option<String> {
        meant(&folder.path().join(name), sought).map(|path| path.display().to_string())
    }

    #[test]
    fn another_ending_is_found_here_before_it_is_found_among_the_plans() {
        let here = folder(&["dv.yaml", "plans/dv.yaml", "plans/ov.yml", "dv.txt"]);
        for name in ["dv", "dv.yml"] {
            assert_eq!(found(&here, name, Sought::Plan).as_deref(), Some("dv.yaml"), "{name}");
        }
        assert_eq!(found(&here, "ov.yaml", Sought::Plan).as_deref(), Some("plans/ov.yml"));
    }

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let here = folder(&["ov-staged.yaml", "targets.csv", "notes.md"]);
        let plan = found(&here, "ov-stagde.yaml", Sought::Plan);
        assert_eq!(plan.as_deref(), Some("ov-staged.yaml"));
        assert_eq!(found(&here, "targets.yaml", Sought::Plan), None);
        let inventory = found(&here, "targets.yaml", Sought::Inventory);
        assert_eq!(inventory.as_deref(), Some("targets.csv"));
        assert_eq!(found(&here, "kubernetes", Sought::Inventory), None);
    }

    #[test]
    fn a_folder_is_told_with_a_file_in_it() {
        let here = folder(&["plans/b.yaml", "plans/a.yaml", "plans/a.test.yaml"]);
        let path = here.path().join("plans");
        let error = std::fs::read(&path).unwrap_err();
        let hint = hint(&path, &error, Sought::Plan).unwrap();
        assert!(hint.contains("it is a folder") && hint.contains("plans/a.yaml"), "{hint}");
    }
}
