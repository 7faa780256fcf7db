//! `certplan explain`: where a run stands and why, in words.

use super::arguments::ExplainArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::resume::read_state;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::report::explanation;
use crate::store::{Store, TargetKey};
use crate::types::Timestamp;

pub(super) async fn explain(
    arguments: ExplainArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_for_looking()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let recorded = read_state(store.as_ref(), &run).await?;
    let events = store.load_run(&run).await?.events;
    let header = &recorded.header;
    let key = TargetKey {
        plan: header.plan.name.clone(),
        target: header.target.clone(),
        sandbox: header.sandbox,
    };
    let is_worked_on = state.locks().is_held(&key);
    let style = console.out_style();
    let paragraphs = explanation(&run, &recorded, &events, is_worked_on, Timestamp::now());
    for (index, (heading, lines)) in paragraphs.into_iter().enumerate() {
        if index > 0 {
            console.data("");
        }
        console.data(&style.strong(heading));
        for line in lines {
            console.data(&format!("  {line}"));
        }
    }
    Ok(ExitCode::Success)
}
