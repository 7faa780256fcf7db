//! `Lineup`: runs that are driven together in one world, and what became of each.
//!
//! One session, one batch in the store. Who belongs to it was decided before.

use std::sync::Arc;

use tokio::sync::watch;

use super::super::PROGRAM;
use super::super::error::CliError;
use super::super::session::Session;
use super::display::Display;
use super::outcome::{Outcome, RunDigest};
use crate::driver::{BatchRun, BatchSettings, BatchTarget, Member, RunEnd, drive_together};
use crate::report::RecapResult;
use crate::run::StopReason;
use crate::store::{BatchRequest, TargetLock};
use crate::types::{BatchId, RunId};

/// Requests that may be under way at the same time, unless somebody says otherwise.
pub(super) const DEFAULT_JOBS: usize = 50;

/// Runs that are driven together.
#[derive(Default)]
pub(super) struct Lineup {
    targets: Vec<BatchTarget>,
    /// For each of them: its place in the recap, and its run.
    places: Vec<(usize, RunId)>,
}

impl Lineup {
    /// Adds a run; `place` is where its row stands in the recap.
    pub(super) fn add(&mut self, place: usize, member: Member, lock: Option<TargetLock>) {
        let run = match &member {
            Member::New { run, .. } | Member::Existing(run) => run.clone(),
        };
        self.places.push((place, run));
        self.targets.push(BatchTarget { member, lock });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The last run that was added.
    pub(super) fn newest(&self) -> Option<&RunId> {
        self.places.last().map(|(_, run)| run)
    }

    /// Drives all of them to their standstill, in a session that was made for many; what became of each, by its place in the recap.
    pub(super) async fn drive(
        self,
        batch: &BatchId,
        request: BatchRequest,
        session: Session,
        settings: &BatchSettings,
        display: &Display,
        stop: watch::Receiver<bool>,
    ) -> Result<Vec<(usize, Outcome)>, CliError> {
        let runs =
            session.driver.start_batch(batch.clone(), PROGRAM, request, self.targets).await?;
        let places = self.places.into_iter().map(|(place, run)| (0, place, run)).collect();
        let sessions = vec![session];
        let outcomes = drive_recorded(places, runs, sessions, settings, display, stop).await;
        display.end().await;
        Ok(outcomes)
    }
}

/// Drives the runs of a batch that is recorded to their standstill; `places` says for each of them
/// in which of the sessions it is driven, where its row stands, and which run it is. The display is
/// left as it is.
pub(super) async fn drive_recorded(
    places: Vec<(usize, usize, RunId)>,
    runs: Vec<BatchRun>,
    sessions: Vec<Session>,
    settings: &BatchSettings,
    display: &Display,
    stop: watch::Receiver<bool>,
) -> Vec<(usize, Outcome)> {
    if let Some(session) = sessions.first() {
        display.begin(Arc::clone(&session.driver.clock));
    }
    let digest = |_: &RunId, state: &_, began_at| RunDigest::of(state, began_at);
    let driven = places.iter().zip(runs);
    let driven =
        driven.filter_map(|((session, ..), run)| Some((&sessions.get(*session)?.driver, run)));
    let report = drive_together(driven.collect(), settings, stop, digest).await;
    let ends = places.into_iter().zip(report.ends);
    let outcomes = ends.map(|((_, place, run), end)| (place, outcome(run, end))).collect();
    for session in sessions {
        session.end().await;
    }
    outcomes
}

fn outcome(run: RunId, end: RunEnd<RunDigest>) -> Outcome {
    let settled = |result, reason: String| Outcome {
        run: Some(run.clone()),
        ..Outcome::settled(result, reason)
    };
    match end {
        RunEnd::Standstill(digest) => digest.outcome(run),
        RunEnd::NotBegun(StopReason::Signal) => {
            let reason = "the batch was stopped before its turn came";
            settled(RecapResult::Interrupted, reason.to_owned())
        }
        RunEnd::NotBegun(reason) => settled(RecapResult::NotStarted, reason.to_string()),
        RunEnd::Refused(reason) => settled(RecapResult::Failed, reason),
        RunEnd::Broken(error) => settled(RecapResult::Failed, error.to_string()),
    }
}
