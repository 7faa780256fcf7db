//! Finding the test files that were meant: as named, beside a named plan, and all in folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::plan_search::{files_below, looks_like_a_plan};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Test files, in the order of the arguments, each once.
    pub(super) files: Vec<PathBuf>,
    /// Plans without a test file beside them.
    pub(super) untested: Vec<PathBuf>,
}

/// The endings of test files.
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];

/// Looks into folders; a plan that is named stands for its test file. A folder without any test file
/// is an error: testing nothing must not look like a success.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found, CliError> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            let file = of_plan(path)?;
            found.files.extend(seen.insert(file.clone()).then_some(file));
            continue;
        }
        let files = files_below(path, &["yaml", "yml"])?;
        let (tests, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| is_test_file(file));
        if tests.is_empty() {
            let message = format!("there is no test file in `{}`", path.display());
            return Err(CliError::usage(message).hint(
                "the tests of `dv.yaml` stand beside it, in `dv.test.yaml`; docs/testing.md \
                 shows how they are written",
            ));
        }
        let plans = others.into_iter().filter(|file| {
            test_files_of(file).iter().all(|test| !tests.contains(test)) && looks_like_a_plan(file)
        });
        found.untested.extend(plans);
        found.files.extend(tests.into_iter().filter(|file| seen.insert(file.clone())));
    }
    Ok(found)
}

/// Whether it bears the name of a test file.
pub(in crate::cli) fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// The test file itself, or the one beside a plan.
fn of_plan(path: &Path) -> Result<PathBuf, CliError> {
    if is_test_file(path) {
        return Ok(path.to_owned());
    }
    let beside = test_files_of(path).into_iter().find(|file| file.is_file());
    match beside {
        Some(file) => Ok(file),
        // Whatever it is called, it may have been meant as one; reading it will tell.
        None if !path.exists() || names_tests(path) => Ok(path.to_owned()),
        None => Err(CliError::usage(format!("`{}` has no test file beside it", path.display()))
            .hint("the tests of `dv.yaml` stand beside it, in `dv.test.yaml`")),
    }
}

fn names_tests(path: &Path) -> bool {
    let bytes = crate::cli::plan_file::read(path).unwrap_or_default();
    crate::trial::looks_like_tests(&path.display().to_string(), &String::from_utf8_lossy(&bytes))
}

/// What the test file of a plan may be called.
fn test_files_of(plan: &Path) -> Vec<PathBuf> {
    let Some(stem) = plan.file_stem().map(|stem| stem.to_string_lossy()) else { return Vec::new() };
    ENDINGS.iter().map(|ending| plan.with_file_name(format!("{stem}{ending}"))).collect()
}
