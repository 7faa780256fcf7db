//! `certplan adopt`: a person says what became of an order that is in doubt.

use super::PROGRAM;
use super::arguments::AdoptArguments;
use super::confirmation::confirm;
use super::connections::Settings;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::resume::load;
use super::session::{Session, holder, target_key};
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::types::{CertificateId, RunId};

pub(super) async fn adopt(
    arguments: AdoptArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let settings = Settings::parse(&arguments.settings.set)?;
    let certificate = match &arguments.certificate_id {
        Some(text) => {
            Some(CertificateId::parse(text).map_err(|error| CliError::usage(error.to_string()))?)
        }
        None => None,
    };
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else { return Err(nothing_here(&state)) };
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let key = target_key(&load(&store, &run).await?);
    let _lock = state.locks().lock(&key, &holder(&format!("run {run}")))?;
    let engine = load(&store, &run).await?;
    if certificate.is_none() {
        confirm_none(&run, arguments.yes, console)?;
    }
    let session = Session::of_run(&state, &store, &engine, &settings, console).await?;
    let mut engine = session.driver.load(&run).await?;
    let settled = match &certificate {
        Some(id) => session.driver.adopt(&run, &mut engine, id.clone(), PROGRAM).await?,
        None => session.driver.disown(&run, &mut engine, PROGRAM).await?,
    };
    session.end().await;
    if let Err(error) = settled {
        return Err(CliError::usage(format!("not adopted: {error}"))
            .hint(format!("`certplan show {run}` says where the run stands")));
    }
    match certificate {
        Some(id) => console.talk(&format!("run {run} owns certificate {id} from now on")),
        None => console.talk(&format!("run {run} counts its order as never made")),
    }
    console.talk(&format!("go on with: certplan resume {run}"));
    Ok(ExitCode::Success)
}

/// Ordering anew can cost a second time, so somebody has to mean it.
fn confirm_none(run: &RunId, yes: bool, console: &Console) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let question = format!(
        "Run {run} sent an order, and its answer was lost. If it did arrive, ordering anew costs a \
         second certificate.\nAre you sure that it did not?"
    );
    confirm(&question, "look at the Console first", console)
}
