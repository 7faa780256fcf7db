//! `outlook`: for every target of the state folder, what it has, when that is due, what is open.

use super::super::error::CliError;
use super::super::status::{NOT_BEGUN, ParkedView};
use super::history::{History, ReadRun};
use super::outcome::needs_new_order;
use crate::run::RunPhase;
use crate::store::Store;
use crate::types::{RunId, Timestamp};
use crate::upkeep::{DuePolicy, InPlace, Issued};

/// A target, as its runs tell.
#[derive(Debug)]
pub(in crate::cli) struct OutlookLine {
    pub(in crate::cli) plan: String,
    pub(in crate::cli) target: String,
    /// Its newest run.
    pub(in crate::cli) run: RunId,
    /// Where that stands, in a word.
    pub(in crate::cli) state: &'static str,
    /// What that is parked for.
    pub(in crate::cli) parked: Option<ParkedView>,
    /// The newest certificate that any of its runs has put on disk.
    pub(in crate::cli) issued: Option<Issued>,
    /// The older one that is in place instead.
    pub(in crate::cli) in_place: Option<InPlace>,
    /// When that ends which is in place.
    pub(in crate::cli) valid_until: Option<Timestamp>,
    pub(in crate::cli) due_at: Option<Timestamp>,
    /// What comes next, in a few words.
    pub(in crate::cli) next: String,
}

/// The word for a run that cannot be read.
pub(in crate::cli) const DAMAGED: &str = "damaged";

/// A line for each plan and target, in the order in which they become due.
pub(in crate::cli) async fn outlook(
    store: &dyn Store,
    sandbox: bool,
    policy: &DuePolicy,
    now: Timestamp,
) -> Result<Vec<OutlookLine>, CliError> {
    let mut history = History::read(store, sandbox).await?;
    let mut lines = Vec::new();
    for (plan, target) in history.targets() {
        let runs = history.runs_of(store, &plan, &target).await?;
        let issued = runs.read.iter().find_map(|run| Issued::of(&run.state));
        let in_place = runs.read.iter().find_map(|run| run.in_place.clone());
        let validity = match &in_place {
            Some(in_place) => Some((in_place.valid_from, in_place.valid_until)),
            None => issued.as_ref().map(|issued| (issued.valid_from, issued.valid_until)),
        };
        let due_at = validity.map(|(from, until)| policy.due_at(from, until));
        let (run, state, parked, next) = match (runs.in_the_way(), runs.read.first()) {
            (Some(damaged), _) => {
                let next = format!("certplan doctor: {}", damaged.reason);
                (damaged.id.clone(), DAMAGED, None, next)
            }
            (None, Some(newest)) => {
                let parked = ParkedView::of(&newest.state);
                let state = match newest.state.has_begun() {
                    true => newest.state.phase.name(),
                    false => NOT_BEGUN,
                };
                let next = next(newest, issued.as_ref(), in_place.as_ref(), due_at, now);
                (newest.id.clone(), state, parked, next)
            }
            (None, None) => continue,
        };
        let valid_until = validity.map(|(_, until)| until);
        lines.push(OutlookLine {
            run,
            state,
            parked,
            next,
            valid_until,
            in_place,
            issued,
            due_at,
            plan,
            target,
        });
    }
    lines.sort_by(|one, other| {
        let key = |line: &OutlookLine| (line.due_at.is_none(), line.due_at, line.target.clone());
        key(one).cmp(&key(other))
    });
    Ok(lines)
}

fn next(
    newest: &ReadRun,
    issued: Option<&Issued>,
    in_place: Option<&InPlace>,
    due_at: Option<Timestamp>,
    now: Timestamp,
) -> String {
    use crate::run::{PauseReason, RunResult};
    let (run, state) = (&newest.id, &newest.state);
    let due = due_at.is_some_and(|due| due <= now);
    match state.phase {
        // Its own order is settled: the next `run --inventory` orders anew.
        RunPhase::Finished(RunResult::Failed) | RunPhase::Paused(PauseReason::Parked)
            if due
                && in_place.is_none()
                && Issued::of(state).is_some()
                && state.unanswered().is_none() =>
        {
            "due: order anew".to_owned()
        }
        RunPhase::Paused(PauseReason::InDoubt) => format!("certplan adopt {run}"),
        RunPhase::Paused(PauseReason::Parked) => {
            let act = ParkedView::of(state).and_then(|parked| {
                let url = parked.completion_url()?;
                Some(format!("a person acts first: {url}; then "))
            });
            format!("{}certplan resume {run}", act.unwrap_or_default())
        }
        RunPhase::Finished(RunResult::Failed) if needs_new_order(state) => {
            "the order came to nothing: order anew with --again".to_owned()
        }
        RunPhase::Paused(_) | RunPhase::Running | RunPhase::Finished(RunResult::Failed) => {
            format!("certplan resume {run}")
        }
        RunPhase::Cancelled if issued.is_none() => "cancelled; order anew with --again".to_owned(),
        RunPhase::Cancelled | RunPhase::Finished(RunResult::Succeeded) => match (issued, due_at) {
            (Some(issued), _) if issued.valid_until > now && in_place.is_some() => {
                let forward = in_place.map(InPlace::way_forward).unwrap_or_default();
                format!("an older one is in place: {forward}")
            }
            (Some(issued), _) if issued.valid_until <= now => "expired: order anew".to_owned(),
            (Some(_), Some(due)) if due <= now => "due: order anew".to_owned(),
            (Some(_), Some(due)) => format!("due on {}", due.strftime("%Y-%m-%d")),
            _ => "nothing".to_owned(),
        },
    }
}
