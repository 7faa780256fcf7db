//! `certplan pause` and `certplan unpause`: the emergency stop of all runs of a state directory.

use serde::Serialize;

use super::arguments::{OutputFormat, PauseArguments, UnpauseArguments};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::{StateDirectory, nothing_here};
use crate::api::budget::Pause;
use crate::files::{FileMode, write_replace};
use crate::types::Timestamp;

pub(super) fn pause(arguments: PauseArguments, console: &Console) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    // A stop in the wrong folder would stop nothing, and nobody would know.
    if !state.path().is_dir() {
        return Err(nothing_here(&state));
    }
    let file = state.pause_file();
    let earlier = file.read();
    let was_paused = earlier.is_some();
    let pause = Pause {
        since: earlier.as_ref().and_then(|pause| pause.since).or_else(|| Some(Timestamp::now())),
        reason: arguments.reason.or_else(|| earlier.and_then(|pause| pause.reason)),
    };
    write_replace(file.path(), pause.to_json().as_bytes(), FileMode::Public)
        // A full disk has room for an empty file, and that stops just as well.
        .or_else(|error| std::fs::File::create(file.path()).map(drop).map_err(|_| error))
        .map_err(|error| CliError::failure(format!("nothing is paused: {error}")))?;
    console.talk(&format!(
        "paused: no run of `{}` sends anything from here on; what is under way is still recorded",
        state.path().display()
    ));
    console.talk("`certplan unpause` lets them go on");
    let view = View { paused: true, was_paused, since: pause.since, reason: pause.reason };
    view.show(arguments.output.output, console)
}

pub(super) fn unpause(
    arguments: UnpauseArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let file = state.pause_file();
    let was_paused = match std::fs::remove_file(file.path()) {
        Ok(()) => {
            console.talk("runs go on from here");
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            console.talk(&format!("`{}` was not paused", state.path().display()));
            false
        }
        Err(error) => {
            let path = file.path().display();
            return Err(CliError::failure(format!(
                "still paused: cannot remove `{path}`: {error}"
            )));
        }
    };
    let view = View { paused: false, was_paused, since: None, reason: None };
    view.show(arguments.output.output, console)
}

/// Whether all runs of a state folder are stopped, as `--output json` writes it.
#[derive(Serialize)]
struct View {
    paused: bool,
    /// Whether that was so before.
    was_paused: bool,
    since: Option<Timestamp>,
    reason: Option<String>,
}

impl View {
    fn show(&self, format: OutputFormat, console: &Console) -> Result<ExitCode, CliError> {
        if format == OutputFormat::Json {
            console.json(self)?;
        }
        Ok(ExitCode::Success)
    }
}

/// Who asks how things stand must hear that they stand still.
pub(super) fn pause_line(state: &StateDirectory) -> Option<String> {
    let Pause { since, reason } = state.pause_file().read()?;
    let since = since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("nothing is sent: paused{since}{reason}; `certplan unpause` goes on"))
}
