//! Finding the plans that were meant: files as named, and all plans in folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::inventory_files::{is_named_inventory, is_yaml_inventory};
use super::plan_file::{read, read_within};
use crate::document::FileLimits;
use crate::inventory::Format;
use crate::plan::signatures;

/// Deeper folders are not searched; no project nests like this.
const DEEPEST: usize = 32;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Plans, in the order of the arguments, each once.
    pub(super) plans: Vec<PathBuf>,
    /// Inventories, likewise.
    pub(super) inventories: Vec<PathBuf>,
    /// YAML files in folders that are neither.
    pub(super) skipped: Vec<PathBuf>,
}

/// Looks into folders; a file that is named is a plan or an inventory in any case. A folder without
/// either is an error, because a check of nothing must not look like a success.
pub(super) fn find_files(paths: &[PathBuf]) -> Result<Found, CliError> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            if seen.insert(path.clone()) {
                let is_inventory = match Format::of(path) {
                    Format::Yaml => is_named_inventory(path),
                    Format::Table => true,
                    Format::List => path.extension().is_some_and(|ending| ending == "txt"),
                };
                let files = if is_inventory { &mut found.inventories } else { &mut found.plans };
                files.push(path.clone());
            }
            continue;
        }
        let files = files_below(path, &["yaml", "yml", "csv", "tsv"])?;
        let is_table = |file: &PathBuf| Format::of(file) == Format::Table;
        let (tables, files): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(is_table);
        let (inventories, files): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| is_yaml_inventory(file));
        let (plans, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| looks_like_a_plan(file));
        let tables = tables.into_iter().filter(|file| looks_like_an_inventory(file));
        let inventories: Vec<PathBuf> = inventories.into_iter().chain(tables).collect();
        if plans.is_empty() && inventories.is_empty() {
            return Err(no_plan(path, &others));
        }
        let new = |file: &PathBuf| seen.insert(file.clone());
        found.inventories.extend(inventories.into_iter().filter(new));
        found.plans.extend(plans.into_iter().filter(|plan| seen.insert(plan.clone())));
        found.skipped.extend(others);
    }
    Ok(found)
}

fn no_plan(folder: &Path, others: &[PathBuf]) -> CliError {
    let error = CliError::usage(format!("there is no plan in `{}`", folder.display()));
    match others {
        [] => error.hint("plans are files with the ending `.yaml` or `.yml`"),
        [first, ..] => error.hint(format!(
            "{} YAML files there, such as `{}`, are no plans: none has a line `certplan: 1`",
            others.len(),
            first.display()
        )),
    }
}

/// All files with these endings below `folder`, sorted.
pub(super) fn files_below(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    search(folder, DEEPEST, endings, &mut files)?;
    // `./plan.yaml` is `plan.yaml` to everybody else.
    if folder == Path::new(".") {
        for file in &mut files {
            *file = file.strip_prefix(".").unwrap_or(file).to_owned();
        }
    }
    Ok(files)
}

/// Links to folders are not followed: they may lead round in
/// a circle.
fn search(
    folder: &Path,
    depth: usize,
    endings: &[&str],
    files: &mut Vec<PathBuf>,
) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::usage(format!("cannot read the folder `{}`: {error}", folder.display()))
    };
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() {
            if !hidden && depth > 0 {
                search(&path, depth - 1, endings, files)?;
            }
        } else if has_ending(&path, endings) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Whether a table in a folder is an inventory: its first row names targets.
fn looks_like_an_inventory(path: &Path) -> bool {
    let Ok(bytes) = read_within(path, FileLimits::INVENTORY) else { return true };
    let text = String::from_utf8_lossy(&bytes);
    let header = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    header.is_some_and(|header| {
        let mut columns = header.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"'));
        columns.any(|name| name == "target" || name == "common_name")
    })
}

/// Whether a file in a folder was probably meant as a plan, right or wrong: it says `certplan`, or
/// it uses one of the actions. What cannot be read is reported, so it counts.
pub(super) fn looks_like_a_plan(path: &Path) -> bool {
    let Ok(bytes) = read(path) else { return true };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let says_so =
        |line: &str| line.trim_start_matches(['"', '\'', '{', ' ']).starts_with("certplan");
    text.lines().any(says_so) || signatures().iter().any(|signature| text.contains(signature.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(folder: &Path, paths: &[PathBuf]) -> Vec<String> {
        let relative = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        paths.iter().map(relative).collect()
    }

    #[test]
    fn folders_are_searched_for_plans_and_nothing_else() {
        let folder = folder(&[
            ("b/dv.yml", "certplan: 1\n"),
            ("a.yaml", "steps: [{ uses: x509.create_csr }]\n"),
            ("pipeline.yaml", "steps:\n  - script: make\n"),
            ("notes.txt", "certplan: 1\n"),
            (".hidden/plan.yaml", "certplan: 1\n"),
            ("bom.YAML", "\u{feff}certplan: 1\n"),
        ]);
        let found = find_files(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(folder.path(), &found.plans), ["a.yaml", "b/dv.yml", "bom.YAML"]);
        assert_eq!(names(folder.path(), &found.skipped), ["pipeline.yaml"]);
    }

    #[test]
    fn a_file_that_is_named_is_an_inventory_when_it_lists_targets_also_without_its_first_line() {
        let folder = folder(&[
            ("hosts.yaml", "plan: dv.yaml\ntargets:\n  www.example.com:\n"),
            ("prometheus.yaml", "targets:\n  - web:9090\nsteps: []\n"),
            ("dv.yaml", "certplan: 1\ntargets: []\n"),
        ]);
        let file = |name: &str| folder.path().join(name);
        let found = find_files(&["hosts.yaml", "prometheus.yaml", "dv.yaml"].map(file)).unwrap();
        assert_eq!(names(folder.path(), &found.inventories), ["hosts.yaml"]);
        assert_eq!(names(folder.path(), &found.plans), ["prometheus.yaml", "dv.yaml"]);
        // In a folder there may be files of others.
        let found = find_files(&[folder.path().to_owned()]).unwrap();
        assert_eq!(found.inventories, Vec::<PathBuf>::new());
    }

    #[test]
    fn a_plan_that_is_named_twice_is_checked_once() {
        let folder = folder(&[("a.yaml", "certplan: 1\n")]);
        let file = folder.path().join("a.yaml");
        let found = find_files(&[file.clone(), folder.path().to_owned(), file]).unwrap();
        assert_eq!(names(folder.path(), &found.plans), ["a.yaml"]);
    }

    #[test]
    fn a_folder_without_plans_is_an_error_that_says_what_is_there() {
        let empty = folder(&[]);
        let error = find_files(&[empty.path().to_owned()]).unwrap_err();
        assert!(error.message.contains("there is no plan in"), "{}", error.message);
        let other = folder(&[("deploy.yaml", "kind: Deployment\n")]);
        let error = find_files(&[other.path().to_owned()]).unwrap_err();
        assert!(error.hints[0].contains("deploy.yaml"), "{:?}", error.hints);
    }
}
