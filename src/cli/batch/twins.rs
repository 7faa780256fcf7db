//! Several unfinished runs of one plan and target: which of them goes on, and what becomes of the
//! others. One target is worked on by one run at a time.

use std::collections::BTreeMap;

use super::super::error::CliError;
use super::super::resume::read_state;
use super::outcome::Outcome;
use crate::report::RecapResult;
use crate::store::{RunSummary, Store};
use crate::types::{RunId, Timestamp};

/// One of several runs of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Twin {
    run: RunId,
    started_at: Timestamp,
    /// Whether it has ordered, or may have.
    has_ordered: bool,
}

/// The runs that do not go on, because another one of the same target does; why.
///
/// A run that cannot be read counts for nothing here: it fails by itself, and whoever would order
/// beside it is refused.
pub(super) async fn stand_aside(
    runs: &[RunSummary],
    store: &dyn Store,
) -> Result<BTreeMap<RunId, Outcome>, CliError> {
    let mut targets: BTreeMap<(&str, &str, bool), Vec<&RunSummary>> = BTreeMap::new();
    for run in runs {
        targets.entry((&run.plan, &run.target, run.sandbox)).or_default().push(run);
    }
    let mut aside = BTreeMap::new();
    for runs in targets.into_values().filter(|runs| runs.len() > 1) {
        let mut twins = Vec::new();
        for run in runs {
            if let Ok(state) = read_state(store, &run.id).await {
                let (run, started_at) = (run.id.clone(), run.started_at);
                twins.push(Twin { run, started_at, has_ordered: state.may_have_ordered() });
            }
        }
        aside.extend(others(twins));
    }
    Ok(aside)
}

/// All but the one that matters: the one that has ordered, else the newest.
fn others(mut twins: Vec<Twin>) -> Vec<(RunId, Outcome)> {
    twins.sort_by_key(|twin| (twin.has_ordered, twin.started_at));
    let Some(chosen) = twins.pop() else { return Vec::new() };
    let aside = |twin: Twin| {
        let (run, chosen) = (twin.run, &chosen.run);
        let (result, reason) = if twin.has_ordered {
            let reason = format!(
                "run {chosen} of the same target goes on first; after it, `certplan resume {run}`"
            );
            (RecapResult::NotStarted, reason)
        } else {
            let reason = format!(
                "run {chosen} goes on for this target; `certplan cancel {run}` ends this one, which \
                 ordered nothing"
            );
            (RecapResult::Superseded, reason)
        };
        (run.clone(), Outcome { run: Some(run), ..Outcome::settled(result, reason) })
    };
    twins.into_iter().map(aside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twin(number: u64, second: i64, has_ordered: bool) -> Twin {
        let started_at = Timestamp::from_second(second).unwrap();
        Twin { run: RunId::from_random(number), started_at, has_ordered }
    }

    fn set_aside(twins: &[Twin]) -> Vec<(RunId, RecapResult)> {
        let others = others(twins.to_vec()).into_iter();
        others.map(|(run, outcome)| (run, outcome.result)).collect()
    }

    #[test]
    fn of_runs_that_ordered_nothing_the_newest_goes_on() {
        let twins = [twin(1, 10, false), twin(2, 30, false), twin(3, 20, false)];
        let superseded = |number| (RunId::from_random(number), RecapResult::Superseded);
        assert_eq!(set_aside(&twins), [superseded(1), superseded(3)]);
    }

    #[test]
    fn a_run_that_ordered_goes_before_every_newer_one_that_did_not() {
        let twins = [twin(1, 10, true), twin(2, 30, false)];
        assert_eq!(set_aside(&twins), [(RunId::from_random(2), RecapResult::Superseded)]);
    }

    #[test]
    fn of_two_that_ordered_neither_is_given_up() {
        let twins = [twin(1, 10, true), twin(2, 30, true)];
        assert_eq!(set_aside(&twins), [(RunId::from_random(1), RecapResult::NotStarted)]);
        let [(_, outcome)] = others(twins.to_vec()).try_into().ok().unwrap();
        assert!(outcome.reason.contains(&format!("certplan resume {}", RunId::from_random(1))));
    }
}
