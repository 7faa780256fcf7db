//! `certplan show`: everything about one run.

use std::collections::BTreeSet;

use super::arguments::{OutputFormat, ShowArguments};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::plan::Plan;
use crate::report::{RunResultView, run_page};
use crate::run::RunState;
use crate::store::{Store, StoredRun};
use crate::types::StepId;

pub(super) async fn show(
    arguments: ShowArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_for_looking()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let StoredRun { plan, events } = store.load_run(&run).await?;
    let recorded = RunState::fold(&events)
        .map_err(|error| CliError::failure(format!("run `{run}` cannot be read: {error}")))?;
    let root = recorded.header.sandbox.then(|| state.sandbox_root().display().to_string());
    // What cannot be read of the plan is no reason to hide what is known of the run.
    let plan: Option<Plan> = serde_json::from_str(&plan.compiled).ok();
    let steps = plan.into_iter().flat_map(|plan| plan.steps.into_values());
    let finally: BTreeSet<StepId> = steps.filter(|step| step.finally).map(|step| step.id).collect();
    let view = RunResultView::new(&run, &recorded, root);
    match arguments.output.output {
        OutputFormat::Json => console.json(&view)?,
        OutputFormat::Text => {
            for line in run_page(&run, &recorded, &events, &view, &finally, console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}
