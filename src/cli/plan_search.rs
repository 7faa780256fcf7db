//! Finding the plans that were meant: files as named, and all plans in folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::plan_file::read;
use crate::plan::signatures;

/// Deeper folders are not searched; no project nests like this.
const DEEPEST: usize = 32;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Plans, in the order of the arguments, each once.
    pub(super) plans: Vec<PathBuf>,
    /// YAML files in folders that are no plans.
    pub(super) skipped: Vec<PathBuf>,
}

/// Looks into folders; a file that is named is a plan in any case. A folder without any plan is an
/// error, because a check of nothing must not look like a success.
pub(super) fn find_plans(paths: &[PathBuf]) -> Result<Found, CliError> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            if seen.insert(path.clone()) {
                found.plans.push(path.clone());
            }
            continue;
        }
        let mut files = Vec::new();
        search(path, DEEPEST, &mut files)?;
        // `./plan.yaml` is `plan.yaml` to everybody else.
        if path == Path::new(".") {
            for file in &mut files {
                *file = file.strip_prefix(".").unwrap_or(file).to_owned();
            }
        }
        let (plans, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| looks_like_a_plan(file));
        if plans.is_empty() {
            return Err(no_plan(path, &others));
        }
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

/// All YAML files below `folder`, sorted. Links to folders are not followed: they may lead round in
/// a circle.
fn search(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
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
                search(&path, depth - 1, files)?;
            }
        } else if is_yaml(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ["yaml", "yml"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// Whether a file in a folder was probably meant as a plan, right or wrong: it says `certplan`, or
/// it uses one of the actions. What cannot be read is reported, so it counts.
fn looks_like_a_plan(path: &Path) -> bool {
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
        let found = find_plans(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(folder.path(), &found.plans), ["a.yaml", "b/dv.yml", "bom.YAML"]);
        assert_eq!(names(folder.path(), &found.skipped), ["pipeline.yaml"]);
    }

    #[test]
    fn a_plan_that_is_named_twice_is_checked_once() {
        let folder = folder(&[("a.yaml", "certplan: 1\n")]);
        let file = folder.path().join("a.yaml");
        let found = find_plans(&[file.clone(), folder.path().to_owned(), file]).unwrap();
        assert_eq!(names(folder.path(), &found.plans), ["a.yaml"]);
    }

    #[test]
    fn a_folder_without_plans_is_an_error_that_says_what_is_there() {
        let empty = folder(&[]);
        let error = find_plans(&[empty.path().to_owned()]).unwrap_err();
        assert!(error.message.contains("there is no plan in"), "{}", error.message);
        let other = folder(&[("deploy.yaml", "kind: Deployment\n")]);
        let error = find_plans(&[other.path().to_owned()]).unwrap_err();
        assert!(error.hints[0].contains("deploy.yaml"), "{:?}", error.hints);
    }
}
