//! `certplan explain`: where a run stands and why, in words.

use super::arguments::ExplainArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::in_place::in_place;
use super::resume::read_state;
use super::standstill::standstill_of;
use super::state_directory::{StateDirectory, find_run, nothing_here};
use crate::report::{STANDING, explanation};
use crate::run::{PutBack, RunPhase, RunState};
use crate::store::{Store, TargetKey};
use crate::types::Timestamp;
use crate::upkeep::Issued;

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
    let mut paragraphs = explanation(&run, &recorded, &events, is_worked_on, now);
    if let Some((_, lines)) = paragraphs.iter_mut().find(|(heading, _)| *heading == STANDING) {
        lines.extend(put_back_since(&recorded));
        if matches!(recorded.phase, RunPhase::Running | RunPhase::Paused(_)) {
            let waits = standstill_of(&state, header, now).into_iter();
            lines.extend(waits.map(|why| format!("Whatever it sends waits: {why}.")));
        }
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
