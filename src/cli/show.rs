//! `certplan show`: everything about one run.

use super::arguments::{OutputFormat, ShowArguments};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::report::{RunResultView, run_page};
use crate::run::RunState;
use crate::store::Store;

pub(super) async fn show(
    arguments: ShowArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_for_looking()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let events = store.load_run(&run).await?.events;
    let recorded = RunState::fold(&events)
        .map_err(|error| CliError::failure(format!("run `{run}` cannot be read: {error}")))?;
    let root = recorded.header.sandbox.then(|| state.sandbox_root().display().to_string());
    let view = RunResultView::new(&run, &recorded, root);
    match arguments.output.output {
        OutputFormat::Json => console.json(&view)?,
        OutputFormat::Text => {
            for line in run_page(&run, &recorded, &events, &view, console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}
