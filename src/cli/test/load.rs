//! Reading test files, with the plans and scenarios that they name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Suite;
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::plan_file::read;
use crate::document::{Diagnostics, SourceFile};
use crate::trial::{Folder, parse_tests};

/// The folder of a test file, on the disk.
pub(in crate::cli) struct Beside(PathBuf);

impl Beside {
    /// The folder that `file` stands in.
    pub(in crate::cli) fn of(file: &Path) -> Self {
        Self(file.parent().map(Path::to_owned).unwrap_or_default())
    }
}

impl Folder for Beside {
    fn read(&self, path: &str) -> Result<SourceFile, String> {
        let path = self.0.join(path);
        let bytes = read(&path).map_err(|error| error.to_string())?;
        SourceFile::from_bytes(&path.display().to_string(), &bytes).map_err(|wrong| {
            wrong.iter().next().map_or_else(String::new, |first| first.message.clone())
        })
    }
}

/// Reads all files. Every mistake of every file is shown; the error only sums up, and nothing is
/// played.
pub(super) fn load(files: &[PathBuf], console: &Console) -> Result<Vec<Suite>, CliError> {
    let show = |diagnostics: &Diagnostics| {
        for line in diagnostics.render(console.talk_style().is_coloured()).lines() {
            console.talk(line);
        }
    };
    let (mut suites, mut wrong) = (Vec::new(), Vec::new());
    for path in files {
        let name = path.display().to_string();
        let bytes = read(path).map_err(|error| {
            CliError::usage(format!("cannot read the test file `{name}`: {error}"))
        })?;
        let tests = SourceFile::from_bytes(&name, &bytes)
            .and_then(|source| parse_tests(&source, &Beside::of(path)));
        match tests {
            Ok((tests, doubts)) => {
                show(&doubts);
                let cases = tests.cases.clone();
                suites.push(Suite { name, tests: Arc::new(tests), cases });
            }
            Err(mistakes) => {
                show(&mistakes);
                wrong.push(format!("`{name}`"));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(suites);
    }
    let message = format!("{} cannot be used; no case was played", wrong.join(", "));
    Err(CliError::usage(message))
}

/// The cases whose file or name contains the text.
pub(super) fn select(suites: Vec<Suite>, filter: Option<&str>) -> Result<Vec<Suite>, CliError> {
    let Some(filter) = filter else { return Ok(suites) };
    let text = filter.to_lowercase();
    let mut selected = Vec::new();
    for mut suite in suites {
        if !suite.name.to_lowercase().contains(&text) {
            suite.cases.retain(|case| case.name.to_lowercase().contains(&text));
        }
        if !suite.cases.is_empty() {
            selected.push(suite);
        }
    }
    if selected.is_empty() {
        let message = format!("no case has `{filter}` in its name or in that of its file");
        return Err(CliError::usage(message));
    }
    Ok(selected)
}
