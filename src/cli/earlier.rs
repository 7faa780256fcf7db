//! What earlier runs in the state folder make of a new one: whether it is needless, or would order a
//! second certificate. `run` obeys, and `preview` tells.

use serde_json::{Map, Value};

use super::error::CliError;
use super::resume::{read_state, runs_of_target};
use super::same_names::OrderedNames;
use super::state_directory::StateDirectory;
use crate::plan::Plan;
use crate::report::RunResultView;
use crate::run::{RunPhase, RunResult, RunState};
use crate::store::{Store, TargetKey};
use crate::types::{RunId, Timestamp};

/// A run that may be begun.
pub(super) struct NewRun<'a> {
    pub(super) plan: &'a Plan,
    /// The digest of the plan's text.
    pub(super) digest: &'a str,
    pub(super) target: &'a str,
    pub(super) inputs: &'a Map<String, Value>,
    pub(super) sandbox: bool,
}

/// The earlier runs that have to do with a new one, and what follows from them.
pub(super) struct Earlier {
    /// Those of the same plan and target, then those that have ordered for the same names.
    pub(super) runs: Vec<RunId>,
    pub(super) verdict: Verdict,
    /// Beside which orders, still under way, a new one would be placed that somebody asked for.
    pub(super) open: Vec<RunId>,
}

/// What follows from earlier runs for a new one.
pub(super) enum Verdict {
    /// It may begin.
    Begins,
    /// It may begin, because the sandbox takes no money; the reason why it could not elsewhere.
    Noted(String),
    /// There is nothing to do: this run has got the certificate.
    NothingToDo { run: RunId, state: Box<RunState>, root: Option<String> },
    /// It would order a second certificate, or could.
    Refused(CliError),
}

/// Looks through the state folder. With `again`, whoever asks knows what they do, and nothing is
/// refused; that an order is still under way they may not know.
pub(super) async fn weigh(
    store: &dyn Store,
    new: &NewRun<'_>,
    directory: &StateDirectory,
    again: bool,
    now: Timestamp,
) -> Result<Earlier, CliError> {
    let key = TargetKey {
        plan: new.plan.name.clone(),
        target: new.target.to_owned(),
        sandbox: new.sandbox,
    };
    let earlier = runs_of_target(store, &key).await?;
    let mut runs: Vec<RunId> = earlier.into_iter().map(|run| run.id).collect();
    let (mut verdict, mut open) = (Verdict::Begins, Vec::new());
    if !again {
        verdict = of_the_same_target(store, new, &runs, directory, now).await?;
    } else if !new.sandbox {
        for id in &runs {
            // One that cannot be read may have ordered as well.
            if read_state(store, id).await.map_or(true, |earlier| earlier.has_open_order()) {
                open.push(id.clone());
            }
        }
    }
    if matches!(verdict, Verdict::NothingToDo { .. } | Verdict::Refused(_)) {
        return Ok(Earlier { runs, verdict, open });
    }
    let subject = (new.plan, new.target, new.inputs);
    let ordered = OrderedNames::read_for(store, new.sandbox, subject, now).await?;
    let elsewhere = ordered.elsewhere(new.plan, new.target, new.inputs, now);
    if let (false, Some(problem)) =
        (again, elsewhere.iter().find_map(|other| other.problem.as_ref()))
    {
        verdict = of_the_same_names(problem, new.sandbox);
    }
    if again && !new.sandbox {
        open.extend(elsewhere.iter().filter(|other| other.is_open).map(|other| other.run.clone()));
    }
    runs.extend(elsewhere.into_iter().map(|other| other.run));
    Ok(Earlier { runs, verdict, open })
}

fn of_the_same_names(problem: &str, sandbox: bool) -> Verdict {
    // There the plans that ship are tried one after the other, all for the same name.
    if sandbox {
        return Verdict::Noted(format!(
            "{problem}; outside of the sandbox nothing would be ordered"
        ));
    }
    let message = format!("{problem}; a new run would order a second certificate");
    Verdict::Refused(
        CliError::usage(message)
            .hint("a plan or target that was renamed counts as another one")
            .hint("`--again` starts a new run all the same"),
    )
}

/// Whether an earlier run of the same plan for the same target makes a new one needless or
/// dangerous. A new run orders, and an order costs money.
async fn of_the_same_target(
    store: &dyn Store,
    new: &NewRun<'_>,
    runs: &[RunId],
    directory: &StateDirectory,
    now: Timestamp,
) -> Result<Verdict, CliError> {
    for id in runs {
        let earlier = read_state(store, id).await.map_err(|error| {
            error.hint("it may have ordered; `--again` starts a new run all the same")
        })?;
        let phase = match earlier.phase {
            // Its target is ours now, so nobody works on it.
            RunPhase::Running => "stopped",
            phase => phase.name(),
        };
        match earlier.phase {
            // What has ordered nothing is in nobody's way; it cannot order later (`resume`).
            _ if !earlier.may_have_ordered() => {}
            RunPhase::Finished(RunResult::Succeeded) => {
                return Ok(repeated(id, earlier, new, directory, now));
            }
            RunPhase::Cancelled => {
                let order = match &earlier.certificate_id {
                    Some(id) => format!("its order of certificate `{id}`"),
                    None => "what it may have ordered".to_owned(),
                };
                let message = format!(
                    "run `{id}` for this plan and target was cancelled, and {order} stays as it \
                     is at the vendor; a new run orders a second certificate"
                );
                return Ok(Verdict::Refused(
                    CliError::usage(message).hint("`--again` starts a new run all the same"),
                ));
            }
            RunPhase::Running | RunPhase::Paused(_) | RunPhase::Finished(RunResult::Failed) => {
                let message = format!(
                    "run `{id}` for this plan and target is not finished ({phase}); a new one \
                     could order a second certificate"
                );
                return Ok(Verdict::Refused(
                    CliError::usage(message)
                        .hint(format!(
                            "`certplan resume {id}` goes on under the same certificate id"
                        ))
                        .hint("`--again` starts a new run all the same"),
                ));
            }
        }
    }
    Ok(Verdict::Begins)
}

/// The answer to a run that was done before: nothing is to do, unless something changed.
fn repeated(
    id: &RunId,
    earlier: RunState,
    new: &NewRun<'_>,
    directory: &StateDirectory,
    now: Timestamp,
) -> Verdict {
    let refuse = |what: &str| {
        Verdict::Refused(
            CliError::usage(format!("run `{id}` got this certificate already, and {what}"))
                .hint("`--again` starts a new run, which orders a new certificate"),
        )
    };
    if earlier.header.inputs != *new.inputs {
        return refuse("the inputs are others now");
    }
    if earlier.header.plan.digest != new.digest {
        return refuse("the plan was edited since");
    }
    let root = new.sandbox.then(|| directory.sandbox_root().display().to_string());
    let view = RunResultView::new(id, &earlier, root.clone());
    if view.file_paths().iter().any(|path| !std::path::Path::new(path).exists()) {
        return refuse("its files are gone");
    }
    if valid_until(&earlier).is_some_and(|end| end <= now) {
        return refuse("it is no longer valid");
    }
    Verdict::NothingToDo { run: id.clone(), state: Box::new(earlier), root }
}

fn valid_until(state: &RunState) -> Option<Timestamp> {
    let outputs = state.steps.keys().filter_map(|step| state.output(step));
    outputs.filter_map(|output| output.get("valid_until")?.as_str()?.parse().ok()).next_back()
}
