//! `certplan status`: a line for each run.

use serde::Serialize;

use super::arguments::{OutputFormat, StatusArguments};
use super::batch::{DAMAGED, runs_of_batch};
use super::batches::batches;
use super::console::Console;
use super::doctor_state::forgotten_line;
use super::error::CliError;
use super::exit::ExitCode;
use super::resume::read_state;
use super::standstill::standstill;
use super::state_directory::StateDirectory;
use crate::report::{RunLine, parked_note, run_table};
use crate::run::{PauseReason, RunPhase, RunState, WaitsFor};
use crate::store::{FoldedRun, RunSummary, SqliteStore, Store, StoreError, TargetKey};
use crate::types::{Timestamp, machine_word, printable};

pub(super) async fn status(
    arguments: StatusArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let state = StateDirectory::find(&arguments.state)?;
    let states = states(&arguments.only)?;
    let store = state.open_for_looking()?;
    let mut runs = match &store {
        Some(store) => read_all(store.as_ref()).await?,
        None => Vec::new(),
    };
    if let (Some(batch), Some(store)) = (&arguments.batch, &store) {
        runs = runs_of_batch(store.as_ref(), batch, runs, |(run, _)| &run.id).await?;
    }
    runs.iter_mut().for_each(|(run, _)| name_stopped(run, &state));
    if arguments.batches {
        let runs: Vec<RunSummary> = runs.into_iter().map(|(run, _)| run).collect();
        let format = arguments.output.output;
        return batches(store.as_deref(), &runs, &state, format, console).await;
    }
    let all = runs.len();
    runs.retain(|(run, _)| {
        (states.is_empty() || states.contains(&run.phase.as_str()))
            && arguments.plan.as_ref().is_none_or(|plan| *plan == run.plan)
            && arguments.target.as_ref().is_none_or(|text| run.target.contains(text.as_str()))
    });
    if let Some(store) = &store
        && let Some(line) = forgotten_line(store).await
    {
        console.talk(&console.talk_style().bad(&line));
    }
    for line in standstill(&state, Timestamp::now()) {
        console.talk(&console.talk_style().waiting(&line));
    }
    match arguments.output.output {
        OutputFormat::Json => console.json(&runs.into_iter().map(View::of).collect::<Vec<_>>())?,
        OutputFormat::Text if runs.is_empty() && all > 0 => {
            console.talk(&nothing_of(all, &states));
        }
        OutputFormat::Text if runs.is_empty() => {
            console.talk(&format!("no runs in `{}`", state.path().display()));
        }
        OutputFormat::Text => {
            let line = |(run, parked): &(RunSummary, Option<ParkedView>)| RunLine {
                note: parked.as_ref().map(ParkedView::note),
                ..line(run)
            };
            let lines: Vec<RunLine> = runs.iter().map(line).collect();
            for line in run_table(&lines, console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}

/// A run, as `--output json` writes it.
#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    run: RunSummary,
    #[serde(flatten)]
    parked: Option<ParkedView>,
}

impl View {
    fn of((run, parked): (RunSummary, Option<ParkedView>)) -> Self {
        Self { run, parked }
    }
}

/// What a parked run waits for, as `--output json` writes it.
#[derive(Debug, Serialize)]
pub(super) struct ParkedView {
    /// However often it was looked at again meanwhile.
    parked_since: Timestamp,
    /// Whose turn it is.
    waits_for: WaitsFor,
    /// Where a person can act, in the vendor's own words.
    completion_url: Option<String>,
}

impl ParkedView {
    /// What the run is parked for; none when it is not.
    pub(super) fn of(state: &RunState) -> Option<Self> {
        let is_parked = state.phase == RunPhase::Paused(PauseReason::Parked);
        let parked = state.parked().filter(|_| is_parked)?;
        Some(Self {
            parked_since: parked.since,
            waits_for: parked.reason.waits_for,
            completion_url: parked.reason.completion_url.clone(),
        })
    }

    /// The same for people.
    pub(super) fn note(&self) -> String {
        parked_note(self.parked_since, self.completion_url.as_deref())
    }

    /// Since when.
    pub(super) fn since(&self) -> Timestamp {
        self.parked_since
    }

    /// Where a person can act.
    pub(super) fn completion_url(&self) -> Option<&str> {
        self.completion_url.as_deref()
    }
}

/// That no run is what was asked for; `states` are those that were named.
fn nothing_of(all: usize, states: &[&str]) -> String {
    let runs =
        if all == 1 { "the only run is not".to_owned() } else { format!("none of {all} runs is") };
    match states {
        [] => format!("{runs} of that kind"),
        states => format!("{runs} {}", states.join(" or ")),
    }
}

/// The line of each run, and what it is parked for. What the line says is not trusted where the run
/// itself cannot be read.
async fn read_all(
    store: &SqliteStore,
) -> Result<Vec<(RunSummary, Option<ParkedView>)>, StoreError> {
    let runs = store.fold_runs().await?.into_iter();
    let line = |(mut run, state): (RunSummary, FoldedRun)| match state {
        Ok(state) => {
            if !state.has_begun() {
                run.phase = NOT_BEGUN.to_owned();
            }
            (run, ParkedView::of(&state))
        }
        Err(_) => {
            run.phase = DAMAGED.to_owned();
            (run, None)
        }
    };
    Ok(runs.map(line).collect())
}

/// Where runs can stand, as people write it and as it is shown.
const STATES: [(&str, &str); 10] = [
    ("not_begun", NOT_BEGUN),
    ("running", "running"),
    ("stopped", STOPPED),
    ("parked", "parked"),
    ("in_doubt", "in doubt"),
    ("interrupted", "interrupted"),
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
    ("damaged", DAMAGED),
];

/// A run of a batch whose turn has not come yet.
pub(super) const NOT_BEGUN: &str = "not begun";

/// A run that nobody works on although it counts as running.
const STOPPED: &str = "stopped";

fn states(wanted: &[String]) -> Result<Vec<&'static str>, CliError> {
    let state = |word: &String| {
        let wanted = machine_word(word.trim());
        let found = STATES.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, shown)| *shown).ok_or_else(|| {
            let known: Vec<&str> = STATES.iter().map(|(name, _)| *name).collect();
            CliError::usage(format!("`--only`: no run is ever `{}`", printable(word)))
                .hint(format!("runs are {}", known.join(", ")))
        })
    };
    wanted.iter().map(state).collect()
}

/// A run that counts as running, and that nobody works on, was stopped without a word.
pub(super) fn name_stopped(run: &mut RunSummary, state: &StateDirectory) {
    let key =
        TargetKey { plan: run.plan.clone(), target: run.target.clone(), sandbox: run.sandbox };
    if let Some(word) = stopped(&run.phase, &key, state) {
        run.phase = word.to_owned();
    }
}

/// The word for a run that counts as running, or as to come, if nobody works on it.
pub(super) fn stopped(word: &str, key: &TargetKey, state: &StateDirectory) -> Option<&'static str> {
    let counts_as_running = [RunPhase::Running.name(), NOT_BEGUN].contains(&word);
    (counts_as_running && !state.locks().is_held(key)).then_some(STOPPED)
}

/// Of runs that count as running, those whose turn in their batch has not come yet. One that cannot be
/// read is left as its line says.
pub(super) async fn name_not_begun(runs: &mut [RunSummary], store: &dyn Store) {
    for run in runs.iter_mut().filter(|run| run.phase == RunPhase::Running.name()) {
        if read_state(store, &run.id).await.is_ok_and(|state| !state.has_begun()) {
            run.phase = NOT_BEGUN.to_owned();
        }
    }
}

/// What the table shows of each run.
pub(super) fn lines(runs: &[RunSummary]) -> Vec<RunLine> {
    runs.iter().map(line).collect()
}

fn line(run: &RunSummary) -> RunLine {
    RunLine {
        run: run.id.clone(),
        phase: run.phase.clone(),
        plan: run.plan.clone(),
        target: run.target.clone(),
        sandbox: run.sandbox,
        certificate_id: run.certificate_id.clone(),
        updated_at: run.updated_at,
        note: None,
    }
}
