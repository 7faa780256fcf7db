//! `certplan adopt`: a person says what became of an order that is in doubt.

use serde::Serialize;

use super::PROGRAM;
use super::arguments::{AdoptArguments, OutputFormat};
use super::confirmation::confirm;
use super::connections::Settings;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::resume::load;
use super::session::{Session, holder, target_key};
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::engine::Engine;
use crate::run::StepState;
use crate::store::{LostOrder, SqliteStore, Store};
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
    if let Some(code) = settle_lost(&store, &arguments, console).await? {
        return Ok(code);
    }
    let run = find_run(store.as_ref(), &arguments.run).await?.id;
    let key = target_key(&load(&store, &run).await?);
    let _lock = state.locks().lock(&key, &holder(&format!("run {run}")))?;
    let engine = load(&store, &run).await?;
    if certificate.is_none() {
        // Nobody is asked about an order that is in no doubt.
        if engine.disowned(PROGRAM).is_none() {
            return Err(not_adopted(&run, "no order of this run is in doubt", &engine));
        }
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
        return Err(not_adopted(&run, &error, &engine));
    }
    match &certificate {
        Some(id) => console.talk(&format!("run {run} owns certificate {id} from now on")),
        None => console.talk(&format!("run {run} counts its order as never made")),
    }
    console.talk(&format!("go on with: certplan resume {run}"));
    let settled = if certificate.is_some() { "adopted" } else { "never_made" };
    let view = View { run: &run, settled, certificate_id: certificate.as_ref() };
    view.show(arguments.output.output, console)
}

/// A settled order, as `--output json` writes it.
#[derive(Serialize)]
struct View<'a> {
    run: &'a RunId,
    /// `adopted`: it became this certificate. `never_made`: there is none, and a resumed run orders
    /// anew. `forgotten`: the state file had forgotten it, and it stands in nobody's way any more.
    settled: &'static str,
    certificate_id: Option<&'a CertificateId>,
}

impl View<'_> {
    fn show(&self, format: OutputFormat, console: &Console) -> Result<ExitCode, CliError> {
        if format == OutputFormat::Json {
            console.json(self)?;
        }
        Ok(ExitCode::Success)
    }
}

/// Settles the orders of a run that an older copy of the state file has forgotten. None when there
/// are none of this run.
async fn settle_lost(
    store: &SqliteStore,
    arguments: &AdoptArguments,
    console: &Console,
) -> Result<Option<ExitCode>, CliError> {
    let mut lost = store.lost_orders().await?;
    lost.retain(|lost| !arguments.run.is_empty() && lost.run.as_str().starts_with(&arguments.run));
    let Some(first) = lost.first().cloned() else { return Ok(None) };
    let others = store.list_runs().await?.into_iter().map(|run| run.id);
    let mut others = others.chain(lost.into_iter().map(|lost| lost.run));
    let is_another = |id: &RunId| *id != first.run && id.as_str().starts_with(&arguments.run);
    if let Some(other) = others.find(is_another) {
        let message = format!("`{}` could be `{}` or `{other}`", arguments.run, first.run);
        return Err(CliError::usage(message).hint("give more of the id"));
    }
    let LostOrder { run, names, .. } = first;
    if !arguments.none {
        let message = format!(
            "the state file is an older copy, and has forgotten that run `{run}` ordered for {names}; \
             its certificate cannot be bound to it any more"
        );
        return Err(CliError::usage(message).hint("`certplan doctor` says what can be done"));
    }
    if !arguments.yes {
        let question = format!(
            "Run {run} has ordered for {names}, and the state file has forgotten it. If the order \
             arrived, ordering anew costs a second certificate.\nMay these names be ordered again?"
        );
        confirm(&question, "look at the Console first", console)?;
    }
    store.settle_lost(&run)?;
    console.talk(&format!("what run {run} ordered for {names} stands in nobody's way any more"));
    let view = View { run: &run, settled: "forgotten", certificate_id: None };
    view.show(arguments.output.output, console).map(Some)
}

fn not_adopted(run: &RunId, reason: impl std::fmt::Display, engine: &Engine) -> CliError {
    let error = CliError::usage(format!("not adopted: {reason}"));
    let mut steps = engine.state().steps.values();
    let is_open = steps
        .any(|record| matches!(record.state, StepState::Sent { .. } | StepState::Unknown { .. }));
    match is_open {
        true => error.hint(format!("`certplan resume {run}` asks what became of its order first")),
        false => error.hint(format!("`certplan show {run}` says where the run stands")),
    }
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
