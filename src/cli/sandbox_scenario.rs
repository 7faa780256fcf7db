//! `ChosenScenario`: the scenario of the embedded sandbox, and its copy beside the world, by which a
//! resumed run finds the rules again that it began with.

use std::path::Path;

use super::console::Console;
use super::error::CliError;
use super::plan_file::read;
use super::state_directory::StateDirectory;
use crate::document::SourceFile;
use crate::files::{FileMode, create_private_directory, write_replace};
use crate::pki::Fingerprint;
use crate::run::RunHeader;
use crate::sandbox::Scenario;

/// Under what the copy stands among the endpoints of a run.
pub(super) const SCENARIO: &str = "scenario";

/// A scenario and its text; the usual world has none.
#[derive(Debug, Default)]
pub(super) struct ChosenScenario {
    pub(super) scenario: Scenario,
    text: Option<String>,
}

impl ChosenScenario {
    /// The scenario at `path`, or the usual world. What is wrong with it is shown; the error only
    /// sums up.
    pub(super) fn read(path: Option<&Path>, console: &Console) -> Result<Self, CliError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let name = path.display().to_string();
        let bytes = read(path).map_err(|error| {
            CliError::usage(format!("cannot read the scenario `{name}`: {error}"))
        })?;
        let parsed = SourceFile::from_bytes(&name, &bytes)
            .and_then(|file| Ok((Scenario::parse(&file)?, file.text().to_owned())));
        match parsed {
            Ok((scenario, text)) => Ok(Self { scenario, text: Some(text) }),
            Err(wrong) => {
                for line in wrong.render(console.talk_style().is_coloured()).lines() {
                    console.talk(line);
                }
                Err(CliError::usage(format!("`{name}` is no scenario that can be used")))
            }
        }
    }

    /// The scenario that a run began with.
    pub(super) fn of_run(
        header: &RunHeader,
        state: &StateDirectory,
        console: &Console,
    ) -> Result<Self, CliError> {
        let Some(name) = header.endpoints.get(SCENARIO) else { return Ok(Self::default()) };
        let path = state.sandbox_scenarios().join(name);
        Self::read(Some(&path), console).map_err(|error| {
            let hint = "the run began in a world with that scenario; `certplan show` names it";
            error.hint(hint)
        })
    }

    /// Keeps a copy of the text, and says under which name.
    pub(super) fn keep(
        &self,
        state: &StateDirectory,
    ) -> Result<Option<(String, String)>, CliError> {
        let Some(text) = &self.text else { return Ok(None) };
        let name = format!("{}.yaml", Fingerprint::of(text.as_bytes()));
        let folder = state.sandbox_scenarios();
        let path = folder.join(&name);
        if !path.exists() {
            let refuse = |error: String| CliError::usage(error);
            create_private_directory(&folder).map_err(|error| refuse(error.to_string()))?;
            write_replace(&path, text.as_bytes(), FileMode::Private)
                .map_err(|error| refuse(error.to_string()))?;
        }
        Ok(Some((SCENARIO.to_owned(), name)))
    }
}
