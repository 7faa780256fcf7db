//! `certplan run`: applies a plan to one target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arguments::{OutputFormat, RunArguments};
use super::batch::run_inventory;
use super::budget::Budgets;
use super::connections::{self, Settings};
use super::console::Console;
use super::endpoints::Endpoints;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals;
use super::outcome::Ending;
use super::plan_file::{LoadedPlan, load_plan};
use super::resume::{read_state, runs_of_target};
use super::same_names::OrderedNames;
use super::sandbox_scenario::ChosenScenario;
use super::session::{Session, holder, lock, progress};
use super::state_directory::{StateDirectory, working_directory};
use super::{PROGRAM, inputs, outcome};
use crate::engine::SEMANTICS;
use crate::files::create_private_directory;
use crate::report::RunResultView;
use crate::run::{PlanReference, RunHeader, RunPhase, RunResult, RunState};
use crate::store::{Store, TargetKey};
use crate::types::{RunId, Timestamp};

pub(super) async fn run(arguments: RunArguments, console: &Console) -> Result<ExitCode, CliError> {
    if !arguments.batch.inventory.is_empty() {
        return run_inventory(arguments, console).await;
    }
    // Everything that can be wrong is found before anything is made or sent.
    let Some(plan) = &arguments.plan else {
        return Err(CliError::usage("neither a plan nor an inventory is named"));
    };
    let loaded = load_plan(plan, console)?;
    let settings = Settings::parse(&arguments.settings.set)?;
    let scenario = ChosenScenario::read(arguments.sandbox_scenario.as_deref(), console)?;
    if arguments.sandbox && !arguments.settings.set.is_empty() {
        return Err(CliError::usage(
            "`--set` has no effect with `--sandbox`; leave one of them out",
        ));
    }
    let plan = Arc::clone(&loaded.plan);
    let inputs = inputs::inputs(&plan, &arguments.inputs)?;
    let target = inputs::target(&plan, arguments.target, &inputs);
    let state = StateDirectory::find(&arguments.state)?;
    let endpoints = if arguments.sandbox {
        Endpoints::default()
    } else {
        Endpoints::new(&plan, &inputs, &target, &settings)?
    };

    let resolver = if arguments.sandbox { None } else { connections::resolver(&settings)? };
    let budgets = Budgets::new(&state, &settings, console)?;
    let store = state.open()?;
    let key =
        TargetKey { plan: plan.name.clone(), target: target.clone(), sandbox: arguments.sandbox };
    let id = RunId::from_random(uuid::Uuid::new_v4().as_u64_pair().0);
    let holder = holder(&format!("run {id}"));
    let _lock = lock(&state, &key, &holder, arguments.wait.wait, console).await?;
    let mut header = RunHeader {
        plan: PlanReference {
            name: plan.name.clone(),
            file: loaded.file.clone(),
            digest: loaded.stored.digest.clone(),
        },
        target,
        inputs,
        steps: plan.steps.keys().cloned().collect(),
        endpoints: BTreeMap::new(),
        sandbox: arguments.sandbox,
        directory: output_directory(arguments.sandbox, &state)?,
        semantics: SEMANTICS,
        program: PROGRAM.to_owned(),
        earlier_runs: Vec::new(),
    };
    let earlier = runs_of_target(store.as_ref(), &header).await?;
    header.earlier_runs = earlier.into_iter().map(|run| run.id).collect();
    if !arguments.again
        && let Some(code) =
            earlier_run(store.as_ref(), &header, &state, arguments.output.output, console).await?
    {
        return Ok(code);
    }
    let ordered = OrderedNames::read(store.as_ref(), header.sandbox).await?;
    let elsewhere = ordered.elsewhere(&plan, &header.target, &header.inputs, Timestamp::now());
    if let (false, Some(problem)) =
        (arguments.again, elsewhere.iter().find_map(|other| other.problem.as_ref()))
    {
        // There the plans that ship are tried one after the other, all for the same name.
        if !header.sandbox {
            let message = format!("{problem}; a new run would order a second certificate");
            return Err(CliError::usage(message)
                .hint("a plan or target that was renamed counts as another one")
                .hint("`--again` starts a new run all the same"));
        }
        console.talk(&format!("note: {problem}; outside of the sandbox nothing would be ordered"));
    }
    header.earlier_runs.extend(elsewhere.into_iter().map(|other| other.run));

    let observer = progress(console, header.steps.iter());
    let session = if arguments.sandbox {
        Session::embedded(&state, &store, None, &scenario, observer, console)
            .await?
            .acting(arguments.really_act)
    } else {
        let chosen = resolver.as_ref().map(|(resolver, _)| resolver.clone());
        Session::real(&state, &store, &plan, endpoints, chosen, observer, &budgets).await?
    };
    // Not before the key is there: until then there is no run that could be resumed.
    console.talk(&format!("{} for {}: run {id}", header.plan.name, header.target));
    session.endpoints.record(&plan, &mut header.endpoints);
    if let Some((_, address)) = resolver {
        header.endpoints.insert(connections::DNS.to_owned(), address);
    }
    let stop = watch_signals(console)?;
    let LoadedPlan { plan, stored, .. } = loaded;
    let engine = session.driver.start(id.clone(), plan, stored, header).await?;
    let engine = session.driver.drive(&id, engine, stop).await?;
    let ending = Ending::new(&id, engine.state(), session.sandbox_root());
    session.end().await;
    outcome::conclude(ending, arguments.output.output, console)
}

/// Where relative paths start from. What the sandbox issues must never lie where a web server looks
/// for the real thing.
pub(super) fn output_directory(sandbox: bool, state: &StateDirectory) -> Result<String, CliError> {
    let path = if sandbox {
        let path = state.sandbox_files();
        create_private_directory(&path).map_err(|error| CliError::usage(error.to_string()))?;
        path
    } else {
        working_directory()?
    };
    Ok(path.display().to_string())
}

/// Whether an earlier run of the same plan for the same target makes a new one needless or
/// dangerous. A new run orders, and an order costs money.
async fn earlier_run(
    store: &dyn Store,
    header: &RunHeader,
    directory: &StateDirectory,
    format: OutputFormat,
    console: &Console,
) -> Result<Option<ExitCode>, CliError> {
    for id in &header.earlier_runs {
        let earlier = read_state(store, id).await?;
        let phase = earlier.phase.name();
        match earlier.phase {
            // What has ordered nothing is in nobody's way; it cannot order later (`resume`).
            _ if !earlier.may_have_ordered() => {}
            RunPhase::Finished(RunResult::Succeeded) => {
                return repeated(id, &earlier, header, directory, format, console).map(Some);
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
                return Err(
                    CliError::usage(message).hint("`--again` starts a new run all the same")
                );
            }
            RunPhase::Running | RunPhase::Paused(_) | RunPhase::Finished(RunResult::Failed) => {
                let message = format!(
                    "run `{id}` for this plan and target is not finished ({phase}); a new one \
                     could order a second certificate"
                );
                return Err(CliError::usage(message)
                    .hint(format!("`certplan resume {id}` goes on under the same certificate id"))
                    .hint("`--again` starts a new run all the same"));
            }
        }
    }
    Ok(None)
}

/// The answer to a run that was done before: nothing is to do, unless something changed.
fn repeated(
    id: &RunId,
    earlier: &RunState,
    header: &RunHeader,
    directory: &StateDirectory,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let refuse = |what: &str| {
        Err(CliError::usage(format!("run `{id}` got this certificate already, and {what}"))
            .hint("`--again` starts a new run, which orders a new certificate"))
    };
    if earlier.header.inputs != header.inputs {
        return refuse("the inputs are others now");
    }
    if earlier.header.plan.digest != header.plan.digest {
        return refuse("the plan was edited since");
    }
    let root = header.sandbox.then(|| directory.sandbox_root().display().to_string());
    let view = RunResultView::new(id, earlier, root.clone());
    if view.file_paths().iter().any(|path| !std::path::Path::new(path).exists()) {
        return refuse("its files are gone");
    }
    if valid_until(earlier).is_some_and(|end| end <= Timestamp::now()) {
        return refuse("it is no longer valid");
    }
    console.talk(&format!(
        "nothing to do: run {id} got this certificate already; `--again` orders a new one"
    ));
    outcome::conclude(Ending::new(id, earlier, root), format, console)
}

fn valid_until(state: &RunState) -> Option<Timestamp> {
    let outputs = state.steps.keys().filter_map(|step| state.output(step));
    outputs.filter_map(|output| output.get("valid_until")?.as_str()?.parse().ok()).next_back()
}
