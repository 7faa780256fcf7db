//! `certplan events`: the recorded facts of a run, one JSON object a line.

use super::arguments::EventsArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::store::Store;

pub(super) async fn events(
    arguments: EventsArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_for_looking()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    for event in store.load_run(&run).await?.events {
        let line = serde_json::to_string(&event)
            .map_err(|error| CliError::failure(format!("an event is no JSON: {error}")))?;
        console.data(&line);
    }
    Ok(ExitCode::Success)
}
