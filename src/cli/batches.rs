//! `certplan status --batches`: a line for each batch, so that its id can be found again.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::arguments::OutputFormat;
use super::batch::manner_of;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::StateDirectory;
use crate::report::{BatchLine, batch_table};
use crate::store::{BatchSummary, RunSummary, SqliteStore, Store};
use crate::types::{RunId, machine_word};

/// A batch, as `--output json` writes it.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    batch: BatchSummary,
    /// How many of its runs stand where.
    states: BTreeMap<String, usize>,
}

/// Lists the batches. `runs` are all runs of the state folder, and say where each stands.
pub(super) async fn batches(
    store: Option<&SqliteStore>,
    runs: &[RunSummary],
    state: &StateDirectory,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let phases: HashMap<&RunId, &str> =
        runs.iter().map(|run| (&run.id, run.phase.as_str())).collect();
    let mut found: Vec<(BatchSummary, BTreeMap<String, usize>)> = Vec::new();
    if let Some(store) = store {
        for batch in store.list_batches().await? {
            let mut states = BTreeMap::new();
            for run in store.batch_runs(&batch.id).await? {
                if let Some(phase) = phases.get(&run) {
                    *states.entry((*phase).to_owned()).or_default() += 1;
                }
            }
            found.push((batch, states));
        }
    }
    match format {
        OutputFormat::Json => {
            let machine = |states: BTreeMap<String, usize>| {
                states.into_iter().map(|(state, count)| (machine_word(&state), count)).collect()
            };
            let view = |(batch, states)| View { batch, states: machine(states) };
            console.json(&found.into_iter().map(view).collect::<Vec<_>>())?;
        }
        OutputFormat::Text if found.is_empty() => {
            console.talk(&format!("no batches in `{}`", state.path().display()));
        }
        OutputFormat::Text => {
            let origins: Vec<String> = found.iter().map(|(batch, _)| origin(batch)).collect();
            let lines = found.iter().zip(&origins).map(|((batch, states), origin)| BatchLine {
                batch: &batch.id,
                started_at: batch.started_at,
                runs: batch.runs,
                states,
                origin,
            });
            let lines: Vec<BatchLine<'_>> = lines.collect();
            for line in batch_table(&lines, console.out_style()) {
                console.data(&line);
            }
            console.talk("`certplan resume --batch ID` goes on with one of them");
        }
    }
    Ok(ExitCode::Success)
}

/// What a batch was begun with, in a few words.
fn origin(batch: &BatchSummary) -> String {
    let request = &batch.request;
    let files = match request.inventory.as_slice() {
        [] => "runs that were taken up".to_owned(),
        files => files.join(", "),
    };
    let plan = request.plan.iter().map(|plan| format!("with {plan}"));
    let words: Vec<String> = std::iter::once(files)
        .chain(plan)
        .chain(std::iter::once(manner_of(request)).filter(|manner| !manner.is_empty()))
        .collect();
    words.join(" ")
}
