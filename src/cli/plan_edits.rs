//! What a plan file that was edited since means for a run: explained, and obeyed only on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::console::Console;
use super::error::CliError;
use super::plan_file::{LoadedPlan, load_plan};
use super::state_directory::working_directory;
use crate::engine::{Engine, StepChange};
use crate::plan::{GivenValue, Plan, resolve_inputs};
use crate::run::{EventKind, PlanReference};
use crate::store::StoredPlan;

/// A plan that the run is to follow from here on.
pub(super) struct Replacement {
    pub(super) plan: Arc<Plan>,
    pub(super) stored: StoredPlan,
    pub(super) event: EventKind,
}

/// Compares the run's plan with its file and says what differs. With `use_current`, gives what is
/// needed to follow the file; fails when that cannot be.
pub(super) fn compare(
    engine: &Engine,
    use_current: bool,
    console: &Console,
) -> Result<Option<Replacement>, CliError> {
    let header = &engine.state().header;
    // What a run in the sandbox writes lies apart; its plan was named from where people work.
    let directory =
        if header.sandbox { working_directory()? } else { PathBuf::from(&header.directory) };
    let path = directory.join(&header.plan.file);
    if !path.exists() {
        let gone = format!("the plan file {} is gone", path.display());
        if use_current {
            return Err(CliError::usage(gone));
        }
        console.talk(&format!("{gone}; the run follows the plan that is stored with it"));
        return Ok(None);
    }
    let unchanged = std::fs::read(&path)
        .is_ok_and(|bytes| crate::pki::Fingerprint::of(&bytes).to_string() == header.plan.digest);
    if unchanged {
        return Ok(None);
    }
    let loaded = match load_plan(&path, console) {
        Ok(loaded) => loaded,
        Err(error) if use_current => return Err(error),
        Err(error) => {
            console.talk(&format!(
                "the plan file was edited since: {}; the run follows the stored plan",
                error.message
            ));
            return Ok(None);
        }
    };
    explain(engine, &loaded, use_current, console);
    if use_current { replacement(engine, loaded, &path).map(Some) } else { Ok(None) }
}

fn explain(engine: &Engine, loaded: &LoadedPlan, use_current: bool, console: &Console) {
    console.talk(&format!("the plan file {} was edited since the run began:", loaded.file));
    let (mut done, mut open) = (0_usize, 0_usize);
    for (step, change) in engine.changes(&loaded.plan) {
        let text = match change {
            StepChange::DoneUnchanged => {
                done += 1;
                continue;
            }
            StepChange::OpenUnchanged => {
                open += 1;
                continue;
            }
            StepChange::DoneEdited => "done, edited since (kept as it was done)",
            StepChange::OpenEdited if use_current => {
                "not done, edited since (the new text is used)"
            }
            StepChange::OpenEdited => {
                "not done, edited since (the stored text is used; --use-current-plan takes the new one)"
            }
            StepChange::New if use_current => "new",
            StepChange::New => "new in the file (left out; --use-current-plan takes it)",
            StepChange::Dropped if use_current => "dropped",
            StepChange::Dropped => "no longer in the file (done all the same)",
        };
        console.talk(&format!("  {step}: {text}"));
    }
    console.talk(&format!("  unchanged: {done} done, {open} not done"));
}

fn replacement(engine: &Engine, loaded: LoadedPlan, path: &Path) -> Result<Replacement, CliError> {
    let refuse = |reasons: Vec<String>| {
        let message = format!(
            "the run cannot follow {} as it is now: {}",
            path.display(),
            reasons.join("; ")
        );
        CliError::usage(message).hint("without `--use-current-plan` it follows the stored plan")
    };
    let obstacles = engine.obstacles(&loaded.plan);
    if !obstacles.is_empty() {
        return Err(refuse(obstacles));
    }
    let header = &engine.state().header;
    let given: Vec<(String, GivenValue)> = header
        .inputs
        .iter()
        .filter(|(name, _)| loaded.plan.inputs.contains_key(*name))
        .map(|(name, value)| (name.clone(), GivenValue::Value(value.clone())))
        .collect();
    let inputs = resolve_inputs(&loaded.plan, &given)
        .map_err(|errors| refuse(errors.iter().map(ToString::to_string).collect()))?;
    let plan = PlanReference { digest: loaded.stored.digest.clone(), ..header.plan.clone() };
    let steps = loaded.plan.steps.keys().cloned().collect();
    Ok(Replacement {
        plan: loaded.plan,
        stored: loaded.stored,
        event: EventKind::PlanReplaced { plan, steps, inputs },
    })
}
