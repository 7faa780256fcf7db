//! `certplan cancel`: a person ends a run on our side.
//!
//! Nothing is asked of the vendor: no call that cancels or revokes is documented (contract A.13).

use serde::Serialize;

use super::PROGRAM;
use super::arguments::{CancelArguments, OutputFormat};
use super::confirmation::confirm;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::resume::load;
use super::session::{holder, target_key};
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::driver;
use crate::engine::CancelRefusal;
use crate::report::{RunResultView, remains};
use crate::run::{RunPhase, RunState};
use crate::types::{RunId, Timestamp, printable, shorten};

/// A reason is a sentence, not a file.
const LONGEST_REASON: usize = 400;

/// A cancelled run and what is left of it, as `--output json` writes it.
#[derive(Debug, Serialize)]
struct Cancelled {
    #[serde(flatten)]
    result: RunResultView,
    remains: Vec<String>,
}

pub(super) async fn cancel(
    arguments: CancelArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let key = target_key(&load(&store, &run).await?);
    let _lock = state.locks().lock(&key, &holder(&format!("run {run}")))?;
    let mut engine = load(&store, &run).await?;
    if engine.state().phase == RunPhase::Cancelled {
        console.talk(&format!("run {run} was cancelled before"));
        return conclude(&run, engine.state(), arguments.output.output, console);
    }
    engine.cancel(PROGRAM, None).map_err(|refusal| refused(&run, &refusal))?;
    if engine.state().certificate_id.is_some() && !arguments.yes {
        confirm_open_order(&run, engine.state(), console)?;
    }
    let reason = arguments.reason.map(|text| shorten(&printable(&text), LONGEST_REASON));
    let now = Timestamp::now();
    driver::cancel(store.as_ref(), &run, &mut engine, PROGRAM, reason, now)
        .await?
        .map_err(|refusal| refused(&run, &refusal))?;
    conclude(&run, engine.state(), arguments.output.output, console)
}

fn refused(run: &RunId, refusal: &CancelRefusal) -> CliError {
    let error = CliError::usage(format!("run `{run}` is not cancelled: {refusal}"));
    match refusal {
        CancelRefusal::Unanswered(_) => error
            .hint(format!("`certplan resume {run}` asks the API what became of it"))
            .hint(format!(
                "`certplan adopt {run} --certificate-id ID`, or `--none`, settles it by hand; \
                 then cancel"
            )),
        CancelRefusal::Succeeded | CancelRefusal::Cancelled => error,
    }
}

/// An order that was paid for is given up, for good; somebody has to mean it.
fn confirm_open_order(run: &RunId, state: &RunState, console: &Console) -> Result<(), CliError> {
    let question = format!(
        "{}\nA cancelled run is not gone on with, and a new one orders a second certificate.\n\
         Cancel run {run} all the same?",
        remains(state).join("\n")
    );
    confirm(&question, &format!("`certplan explain {run}` says where it stands"), console)
}

fn conclude(
    run: &RunId,
    state: &RunState,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let result = RunResultView::new(run, state, None);
    let remains = remains(state);
    if format == OutputFormat::Json {
        console.json(&Cancelled { result, remains })?;
        return Ok(ExitCode::Success);
    }
    for line in result.lines() {
        console.data(&line);
    }
    for line in remains {
        console.talk(&line);
    }
    Ok(ExitCode::Success)
}
