//! `certplan run`: applies a plan to one target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arguments::RunArguments;
use super::batch::{confirm_again, run_inventory};
use super::budget::{Budgets, sent};
use super::connections::{self, Settings};
use super::console::Console;
use super::earlier::{Earlier, NewRun, Verdict, weigh};
use super::endpoints::Endpoints;
use super::error::CliError;
use super::exit::ExitCode;
use super::foresight::{doubts, fails_after_order, foresee};
use super::in_place::in_place;
use super::interrupt::watch_signals;
use super::metrics_file::{MetricsFile, Subject, end_with, end_with_error, try_metrics_file};
use super::needed_secrets::{self, Imitated, SecretSearch};
use super::outcome::Ending;
use super::plan_file::{LoadedPlan, load_plan};
use super::sandbox_scenario::ChosenScenario;
use super::session::{Session, holder, lock, progress};
use super::state_directory::{StateDirectory, working_directory};
use super::{PROGRAM, inputs, outcome};
use crate::engine::SEMANTICS;
use crate::files::create_private_directory;
use crate::run::{PlanReference, RunHeader};
use crate::store::{SqliteStore, Store as _, TargetKey};
use crate::types::{RunId, Timestamp};
use crate::upkeep::{DuePolicy, Issued};

/// For one target, `--again` picks none.
pub(super) fn refuse_targets(again: Option<&str>) -> Result<(), CliError> {
    if again.is_some_and(|targets| !targets.is_empty()) {
        return Err(CliError::usage("`--again=TARGETS` picks targets of an inventory")
            .hint("for one target it is `--again` alone"));
    }
    Ok(())
}

pub(super) async fn run(arguments: RunArguments, console: &Console) -> Result<ExitCode, CliError> {
    if !arguments.batch.inventory.is_empty() {
        return run_inventory(arguments, console).await;
    }
    // Everything that can be wrong is found before anything is made or sent.
    let Some(plan) = &arguments.plan else {
        return Err(CliError::usage("neither a plan nor an inventory is named"));
    };
    refuse_targets(arguments.again.as_deref())?;
    let loaded = load_plan(plan, console)?;
    let settings = Settings::parse(&arguments.settings.set)?;
    let scenario = ChosenScenario::read(arguments.sandbox_scenario.as_deref(), console)?;
    if arguments.sandbox && !arguments.settings.set.is_empty() {
        return Err(CliError::usage(
            "`--set` has no effect with `--sandbox`; leave one of them out",
        ));
    }
    if let Some(path) = &arguments.metrics.metrics_file {
        try_metrics_file(path)?;
    }
    let plan = Arc::clone(&loaded.plan);
    let inputs = inputs::inputs(&plan, &arguments.inputs)?;
    let target = inputs::target(&plan, arguments.target.clone(), &inputs);
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
        // Before anything is read: what is ordered from here on was not weighed.
        orders_known: Some(store.newest_order().await?),
    };
    let new = NewRun {
        plan: &plan,
        digest: &header.plan.digest,
        target: &header.target,
        inputs: &header.inputs,
        sandbox: header.sandbox,
    };
    let now = Timestamp::now();
    let Earlier { runs, verdict, open } =
        weigh(store.as_ref(), &new, &state, arguments.again.is_some(), now).await?;
    if !open.is_empty() && !arguments.batch.yes {
        confirm_again(&[(&header.target, &open)], console)?;
    }
    let directory = &state;
    match verdict {
        Verdict::Begins => {}
        Verdict::Noted(problem) => console.talk(&format!("note: {problem}")),
        Verdict::Refused(error) => return Err(error),
        Verdict::NothingToDo { run, state, root } => {
            console.talk(&format!(
                "nothing to do: run {run} got this certificate already; `--again` orders a new one"
            ));
            if let Some(in_place) = Issued::of(&state).as_ref().and_then(in_place) {
                console.talk(&format!("note: {in_place}"));
            }
            let ending = Ending::new(&run, &plan, &state, root);
            let metrics = begin_metrics(&arguments, &store, directory, &settings, &budgets).await?;
            let code = outcome::conclude(ending, arguments.output.output, console)?;
            return Ok(end_with(metrics, code, console).await);
        }
    }
    header.earlier_runs = runs;
    let imitated = Imitated::of(arguments.sandbox, arguments.really_act);
    let foreseen = foresee(&plan, &header.inputs, &header.target);
    if let Some(reason) = fails_after_order(&plan, &foreseen) {
        return Err(CliError::usage(reason).hint("nothing was sent; `certplan preview` shows all"));
    }
    doubts(&plan, &foreseen).iter().for_each(|doubt| console.talk(&format!("note: {doubt}")));
    let needed = needed_secrets::of_new_run(&plan, &foreseen, imitated);
    let missing = SecretSearch::default().look(&needed, true).await;
    missing.excused().for_each(|line| console.talk(&format!("note: {line}")));
    if let Some(refusal) = missing.refusal() {
        return Err(refusal);
    }

    let metrics = begin_metrics(&arguments, &store, &state, &settings, &budgets).await?;
    let observer = progress(console, header.steps.iter());
    let driven = async {
        let session = if arguments.sandbox {
            Session::embedded(&state, &store, None, &scenario, observer, &budgets)
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
        let ending = Ending::new(&id, engine.plan(), engine.state(), session.sandbox_root());
        session.end().await;
        Ok::<Ending, CliError>(ending)
    };
    // On the heap: it is large, and lives as long as the run.
    match Box::pin(driven).await {
        Ok(ending) => {
            let code = outcome::conclude(ending, arguments.output.output, console)?;
            Ok(end_with(metrics, code, console).await)
        }
        Err(error) => Err(end_with_error(metrics, error, console).await),
    }
}

/// The metrics file, when there is to be one.
async fn begin_metrics(
    arguments: &RunArguments,
    store: &Arc<SqliteStore>,
    state: &StateDirectory,
    settings: &Settings,
    budgets: &Budgets<'_>,
) -> Result<Option<MetricsFile>, CliError> {
    let opened = budgets.opened();
    MetricsFile::begin(arguments.metrics.metrics_file.as_deref(), || Subject {
        store: Arc::clone(store),
        state: state.clone(),
        policy: DuePolicy::default(),
        settings: settings.clone(),
        sandbox: arguments.sandbox,
        requests: Arc::new(move || sent(&opened)),
    })
    .await
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
