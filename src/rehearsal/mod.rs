//! Rehearsals: cases of a test file, each played in a world of its own.
//!
//! [`rehearse`] plays one [`Case`]: an embedded sandbox, a virtual clock, a store in
//! memory, a folder that is gone afterwards. A case that kills the program is played once more for
//! each kill. It judges nothing by itself and prints nothing: what was expected is held against what
//! was found in `trial`, and who shows it is the command line.

mod bounded_clock;
mod kill;
mod mortal_store;
mod outside;
mod play;
mod result;
mod world;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::run::RunPhase;
use crate::trial::{Case, KillAt, Mismatch, Strictness, TestFile, judge};
pub use kill::{Kill, Moment};
pub use outside::SandboxOutside;
use play::{Play, Standstill};
pub use result::{CaseResult, KillFailure, Kills, Problem, Recording, Stand};

/// Plays a case. Never fails: what goes wrong is part of the result.
///
/// `permits` bounds how many worlds there are at once, over all cases. The folders of the worlds are
/// made in `folder`, and removed there.
pub async fn rehearse(
    tests: Arc<TestFile>,
    case: Case,
    folder: Arc<Path>,
    permits: Arc<Semaphore>,
) -> CaseResult {
    let (tests, case, permits) = (tests.as_ref(), &case, permits.as_ref());
    let play = Arc::new(Play::new(tests, case, &folder));
    let (whole, mut took) = alone(&play, None, permits).await;
    let mut result = CaseResult::new(case);
    match whole {
        Err(problem) => result.problem = Some(problem),
        Ok(whole) => {
            result.problem.clone_from(&whole.problem);
            result.stands = judged(case, &whole.standstills, Strictness::Whole);
            if let Some(kill_at) = &case.kill_at
                && result.is_good()
            {
                let (kills, of_kills) = kills(kill_at, &play, &whole, permits).await;
                result.kills = Some(kills);
                took += of_kills;
            }
            result.recording = Some(whole.recording);
        }
    }
    result.took = took;
    result
}

/// One performance, as soon as there is room for its world; and how long it took.
async fn alone(
    play: &Play<'_>,
    kill: Option<Kill>,
    permits: &Semaphore,
) -> (Result<play::Played, Problem>, Duration) {
    // It is never closed; an error would only mean more worlds at once.
    let _permit = permits.acquire().await;
    let began = Instant::now();
    (play.perform(kill).await, began.elapsed())
}

/// Each standstill with what is not as expected.
fn judged(case: &Case, standstills: &[Standstill], strictness: Strictness) -> Vec<Stand> {
    let expected = std::iter::once(&case.expect).chain(case.then.iter().map(|act| &act.expect));
    let stand = |(expect, standstill): (&crate::trial::Expectation, &Standstill)| Stand {
        phase: standstill.found.state.phase,
        mismatches: judge(expect, &standstill.found, strictness),
    };
    expected.zip(standstills).map(stand).collect()
}

/// Plays the case once more for each kill, and says which of them it did not survive.
async fn kills(
    kill_at: &KillAt,
    play: &Arc<Play<'_>>,
    whole: &play::Played,
    permits: &Semaphore,
) -> (Kills, Duration) {
    let (kills, mut failures) = match kill_at {
        KillAt::EveryEvent => (whole.kills(), Vec::new()),
        KillAt::Events(events) => whole.kills_at(events),
    };
    let one = async |kill: Kill| {
        let (played, took) = alone(play, Some(kill), permits).await;
        let outcome = match played {
            Err(problem) => Err((problem.to_string(), None)),
            Ok(played) => {
                let complaints = complaints(play.case, whole, &played);
                if complaints.is_empty() {
                    Ok(())
                } else {
                    Err((complaints.join("; "), Some(played.recording)))
                }
            }
        };
        (outcome.err().map(|(what, recording)| KillFailure { kill, what, recording }), took)
    };
    let number = kills.len();
    let found = join_all(kills.into_iter().map(one)).await;
    let took = found.iter().map(|(_, took)| *took).sum();
    failures.extend(found.into_iter().filter_map(|(failure, _)| failure));
    (Kills { number, failures }, took)
}

/// What a crash has changed that it must not change.
fn complaints(case: &Case, whole: &play::Played, killed: &play::Played) -> Vec<String> {
    let mut complaints = Vec::new();
    complaints.extend(killed.problem.iter().map(ToString::to_string));
    if !killed.died {
        complaints.push("the run came to its end before it could be killed".to_owned());
    }
    for (index, stand) in
        judged(case, &killed.standstills, Strictness::AfterCrash).into_iter().enumerate()
    {
        let place = if index == 0 { String::new() } else { format!("then[{}].", index - 1) };
        let text = |mismatch: &Mismatch| {
            let Mismatch { what, expected, found } = mismatch;
            format!("{place}{what}: expected {expected}, found {found}")
        };
        complaints.extend(stand.mismatches.iter().map(text));
    }
    let (first, last) = (whole.standstills.last(), killed.standstills.last());
    if let (Some(first), Some(last)) = (first, last) {
        let mut same = |what: &str, expected: usize, found: usize| {
            if expected != found {
                complaints
                    .push(format!("{what}: expected {expected} as without a crash, found {found}"));
            }
        };
        same("orders", first.found.orders.len(), last.found.orders.len());
        same("private keys", first.keys, last.keys);
        let owned = |standstill: &Standstill| standstill.found.state.certificate_id.is_some();
        if owned(first) && !owned(last) {
            complaints.push("the run does not know its certificate any more".to_owned());
        }
        if first.found.state.phase != last.found.state.phase && complaints.is_empty() {
            let name = |phase: RunPhase| phase.name();
            complaints.push(format!(
                "it ended {} instead of {}",
                name(last.found.state.phase),
                name(first.found.state.phase)
            ));
        }
    }
    complaints
}
