//! `certplan explain`: where a run stands and why, in words.

use serde::Serialize;

use super::arguments::{ExplainArguments, OutputFormat};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::in_place::in_place;
use super::resume::read_state;
use super::standstill::standstill_of;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use super::status::{NOT_BEGUN, ParkedView};
use crate::report::{STANDING, explanation};
use crate::run::{PutBack, RunPhase, RunState, StopReason};
use crate::store::{Store, TargetKey};
use crate::types::{CertificateId, RunId, Timestamp, serialize_machine_word};
use crate::upkeep::Issued;

/// A run in words, as `--output json` writes it.
#[derive(Serialize)]
struct View<'a> {
    run: &'a RunId,
    plan: &'a str,
    target: &'a str,
    sandbox: bool,
    #[serde(serialize_with = "serialize_machine_word")]
    phase: &'static str,
    /// Whether a program works on it now.
    is_worked_on: bool,
    /// What had asked it to stop, where that is why it stands still.
    stopped_by: Option<StopReason>,
    certificate_id: Option<&'a CertificateId>,
    may_have_ordered: bool,
    #[serde(flatten)]
    parked: Option<ParkedView>,
    /// Why whatever it sends waits, if so.
    waits_for_requests: Vec<String>,
    /// The same and more for people.
    paragraphs: Vec<Paragraph>,
}

#[derive(Serialize)]
struct Paragraph {
    heading: &'static str,
    lines: Vec<String>,
}

/// What somebody has put in place of the certificate since the run ended. What the run itself has put
/// back is told already.
fn put_back_since(state: &RunState) -> Option<String> {
    if PutBack::of(state).is_some() {
        return None;
    }
    let in_place = in_place(&Issued::of(state)?)?;
    let until = in_place.valid_until.strftime("%Y-%m-%d");
    Some(format!("What is in place is older, and valid until {until}: {in_place}."))
}

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
    let (style, now) = (console.out_style(), Timestamp::now());
    let waits = match recorded.phase {
        RunPhase::Running | RunPhase::Paused(_) => standstill_of(&state, header, now),
        RunPhase::Finished(_) | RunPhase::Cancelled => Vec::new(),
    };
    let mut paragraphs = explanation(&run, &recorded, &events, is_worked_on, now);
    if let Some((_, lines)) = paragraphs.iter_mut().find(|(heading, _)| *heading == STANDING) {
        lines.extend(put_back_since(&recorded));
        lines.extend(waits.iter().map(|why| format!("Whatever it sends waits: {why}.")));
    }
    // What nobody works on was stopped, however far it had come.
    let phase = match recorded.has_begun() || !is_worked_on {
        true => recorded.phase.name(),
        false => NOT_BEGUN,
    };
    if arguments.output.output == OutputFormat::Json {
        console.json(&View {
            run: &run,
            plan: &header.plan.name,
            target: &header.target,
            sandbox: header.sandbox,
            phase,
            is_worked_on,
            stopped_by: recorded.stopped_by,
            certificate_id: recorded.certificate_id.as_ref(),
            may_have_ordered: recorded.may_have_ordered(),
            parked: ParkedView::of(&recorded),
            waits_for_requests: waits,
            paragraphs: paragraphs
                .into_iter()
                .map(|(heading, lines)| Paragraph { heading, lines })
                .collect(),
        })?;
        return Ok(ExitCode::Success);
    }
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
