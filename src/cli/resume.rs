//! `certplan resume`: goes on with runs, from what is recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::PROGRAM;
use super::arguments::{OutputFormat, ResumeArguments};
use super::batch::{alone, go_on_with_many, runs_of_batch};
use super::budget::{Budgets, sent};
use super::connections::Settings;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals;
use super::metrics_file::{MetricsFile, Subject, end_with, end_with_error};
use super::needed_secrets::{self, Imitated, SecretSearch};
use super::outcome::{self, Ending};
use super::plan_edits::{Replacement, compare};
use super::same_names::{OrderedNames, Wanted, wanted as wanted_orders};
use super::session::{Session, holder, lock, progress, target_key};
use super::state_directory::{StateDirectory, find_run, nothing_here};
use super::status::{lines, name_not_begun, name_stopped};
use crate::driver::DriveError;
use crate::engine::{Engine, EngineSettings, LeftAsItIs};
use crate::plan::{Plan, Repeat, find_signature};
use crate::report::run_table;
use crate::run::{PauseReason, RunPhase, RunResult, RunState};
use crate::store::{RunSummary, SqliteStore, Store, StoreError, TargetKey};
use crate::types::{RunId, StepId, Timestamp};
use crate::upkeep::DuePolicy;

pub(super) async fn resume(
    arguments: ResumeArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let settings = Settings::parse(&arguments.settings.set)?;
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else { return Err(nothing_here(&state)) };
    let format = arguments.output.output;
    if let Some(text) = &arguments.run {
        let RunSummary { id: run, sandbox, .. } = find_run(store.as_ref(), text).await?;
        let budgets = Budgets::new(&state, &settings, console)?;
        let opened = budgets.opened();
        let metrics = MetricsFile::begin(arguments.metrics.metrics_file.as_deref(), || Subject {
            store: Arc::clone(&store),
            state: state.clone(),
            policy: DuePolicy::default(),
            settings: settings.clone(),
            sandbox,
            requests: Arc::new(move || sent(&opened)),
        })
        .await?;
        let stop = watch_signals(console)?;
        let place = (&store, &state, &budgets);
        return match go_on(&run, place, &settings, &arguments, stop, console).await {
            Ok(ending) => {
                let code = outcome::conclude(ending, format, console)?;
                Ok(end_with(metrics, code, console).await)
            }
            Err(error) => Err(end_with_error(metrics, error, console).await),
        };
    }
    let runs = store.list_runs().await?;
    let selected = match &arguments.batch {
        // In the order of the batch, and without what is done.
        Some(batch) => {
            let members = runs_of_batch(store.as_ref(), batch, runs, |run| &run.id).await?;
            Some(members.into_iter().filter(|run| wanted(run, &arguments)).collect())
        }
        None => select(runs, &arguments),
    };
    match selected {
        None => offer(&store, &state, format, console).await,
        Some(runs) => {
            // A program wants its result, and Prometheus its file, also where nothing is left to do.
            if runs.is_empty() {
                console.talk("there is no such run to go on with");
            }
            go_on_with_many(runs, &arguments, &settings, &state, &store, console).await
        }
    }
}

/// The runs that the options select; none when there is no option.
fn select(runs: Vec<RunSummary>, arguments: &ResumeArguments) -> Option<Vec<RunSummary>> {
    if !(arguments.all || arguments.parked || arguments.failed) {
        return None;
    }
    // The oldest first: who has waited longest is served first.
    Some(runs.into_iter().rev().filter(|run| wanted(run, arguments)).collect())
}

/// Whether a run is of a kind that was asked for; of any that can go on when none was.
fn wanted(run: &RunSummary, arguments: &ResumeArguments) -> bool {
    let parked = RunPhase::Paused(PauseReason::Parked).name();
    let failed = RunPhase::Finished(RunResult::Failed).name();
    let all = arguments.all || !(arguments.parked || arguments.failed);
    (all && can_go_on(run))
        || (arguments.parked && run.phase == parked)
        || (arguments.failed && run.phase == failed)
}

/// Whether there is something left to do for it.
fn can_go_on(run: &RunSummary) -> bool {
    let over = [RunPhase::Finished(RunResult::Succeeded), RunPhase::Cancelled];
    !over.map(RunPhase::name).contains(&run.phase.as_str())
}

/// Goes on with one run to its next standstill.
async fn go_on(
    run: &RunId,
    (store, state, budgets): (&Arc<SqliteStore>, &StateDirectory, &Budgets<'_>),
    settings: &Settings,
    arguments: &ResumeArguments,
    stop: watch::Receiver<bool>,
    console: &Console,
) -> Result<Ending, CliError> {
    // The lock comes first: what is read before it may be old by the time it is held.
    let key = target_key(&load(store, run).await?);
    let holder = holder(&format!("run {run}"));
    let _lock = lock(state, &key, &holder, arguments.wait.wait, console).await?;
    let engine = load(store, run).await?;
    let recorded = engine.state();
    if recorded.phase == RunPhase::Finished(RunResult::Succeeded) {
        console.talk(&format!("run {run} has succeeded; there is nothing to go on with"));
        let root = recorded.header.sandbox.then(|| state.sandbox_root().display().to_string());
        return Ok(Ending::new(run, engine.plan(), recorded, root));
    }
    if let Some(error) = obstacle(store, run, &engine).await? {
        return Err(error);
    }

    let header = &recorded.header;
    console.talk(&format!("{} for {}: run {run}", header.plan.name, header.target));
    let replacement = compare(&engine, arguments.use_current_plan, console)?;
    if let Some(replacement) = &replacement
        && let Some(error) = obstacle_of_replacement(store, run, &engine, &replacement.plan).await?
    {
        return Err(error);
    }
    let plan = replacement.as_ref().map_or_else(|| engine.plan(), |replacement| &replacement.plan);
    let imitated = Imitated::of(header.sandbox, arguments.really_act);
    let needed = needed_secrets::of_recorded_run(&engine, plan, imitated);
    let missing = SecretSearch::default().look(&needed, true).await;
    if let Some(refusal) = missing.refusal().filter(|_| !recorded.may_have_ordered()) {
        return Err(refusal);
    }
    // What is paid for is worth going on for, as far as it goes.
    for line in missing.excused().chain(missing.needed()) {
        console.talk(&format!("note: {line}"));
    }
    let observer = progress(console, engine.state().steps.keys());
    let session = Session::of_world(state, store, &engine, settings, observer, budgets).await?;
    let session = session.acting(arguments.really_act);
    let mut engine = session.driver.load(run).await?;
    if let Some(replacement) = replacement {
        let Replacement { stored, event, .. } = replacement;
        engine = session.driver.replace_plan(run, &mut engine, stored, event).await?;
    }
    for line in left_as_they_are(&engine, Timestamp::now()) {
        console.talk(&line);
    }
    session.driver.resume(run, &mut engine, PROGRAM).await?;
    let engine = session.driver.drive(run, engine, stop).await?;
    let ending = Ending::new(run, engine.plan(), engine.state(), session.sandbox_root());
    session.end().await;
    Ok(ending)
}

/// What is not done again though it, or what it follows on, had failed; a line for each.
fn left_as_they_are(engine: &Engine, now: Timestamp) -> Vec<String> {
    let paid = |id: &StepId| {
        let step = engine.plan().steps.get(id);
        step.and_then(|step| find_signature(&step.uses))
            .is_some_and(|signature| signature.repeat == Repeat::Reconcile)
    };
    let line = |LeftAsItIs { step, because_of }: LeftAsItIs| match (
        paid(&because_of),
        step == because_of,
    ) {
        (true, true) => {
            format!("  `{step}` stays as it is: it would order late, after what follows it")
        }
        (true, false) => format!(
            "  `{step}` is not tried again: `{because_of}` follows it, and orders only once"
        ),
        (false, true) => {
            format!("  `{step}` is not done again: it is done, and may not be done twice")
        }
        (false, false) => format!(
            "  `{step}` is not tried again: `{because_of}` would have to be done again with it, and the \
             plan does not say that it may (`repeat: safe`; --use-current-plan takes an edited plan)"
        ),
    };
    engine.left_as_they_are(now).into_iter().map(line).collect()
}

/// How a new run is begun after one that was cancelled.
pub(super) fn begin_anew(cancelled: &RunState) -> String {
    let again = cancelled.may_have_ordered();
    let command = alone(&cancelled.header, again);
    if again {
        format!("`{command}` begins anew, and orders a second certificate")
    } else {
        format!("`{command}` begins anew; nothing was ordered")
    }
}

/// Why a run must not go on: it was cancelled, or it has not ordered yet and another one has for the
/// same target or the same names.
pub(super) async fn obstacle(
    store: &SqliteStore,
    run: &RunId,
    engine: &Engine,
) -> Result<Option<CliError>, CliError> {
    let recorded = engine.state();
    if recorded.phase == RunPhase::Cancelled {
        let error = CliError::usage(format!("run `{run}` was cancelled; it is not gone on with"));
        return Ok(Some(error.hint(begin_anew(recorded))));
    }
    if recorded.may_have_ordered() {
        return Ok(None);
    }
    let header = &recorded.header;
    let orders = store.orders().await?;
    let began = recorded.started_at;
    let is_news = |other: &RunId, at: Option<Timestamp>| match header.orders_known {
        // What had a number when this run was begun was weighed then.
        Some(known) => orders.iter().any(|order| order.run == *other && order.number > known),
        // A run of an older program; what it knew of can only be told by the clock.
        None => !header.earlier_runs.contains(other) && at.is_none_or(|at| at >= began),
    };
    let key = TargetKey {
        plan: header.plan.name.clone(),
        target: header.target.clone(),
        sandbox: header.sandbox,
    };
    for other in runs_of_target(store, &key).await? {
        if other.id != *run
            && is_news(&other.id, None)
            && read_state(store, &other.id).await?.may_have_ordered()
        {
            return Ok(Some(second_order(run, &other.id, "the same target")));
        }
    }
    if header.sandbox {
        return Ok(None);
    }
    let now = Timestamp::now();
    let subject = (engine.plan(), header.target.as_str(), &header.inputs);
    let ordered = OrderedNames::read_for(store, header.sandbox, subject, now).await?;
    let elsewhere = ordered.elsewhere(engine.plan(), &header.target, &header.inputs, now);
    let mut news = elsewhere.into_iter().filter(|other| is_news(&other.run, other.at));
    Ok(news
        .find(|other| other.problem.is_some())
        .map(|other| second_order(run, &other.run, "exactly the same names")))
}

/// Why a run must not go on with another plan: it would order what the stored one would not, and
/// another run has. That was not weighed when the run was begun.
pub(super) async fn obstacle_of_replacement(
    store: &SqliteStore,
    run: &RunId,
    engine: &Engine,
    replacement: &Plan,
) -> Result<Option<CliError>, CliError> {
    let recorded = engine.state();
    let header = &recorded.header;
    if recorded.may_have_ordered() || header.sandbox {
        return Ok(None);
    }
    let now = Timestamp::now();
    let of = |plan: &Plan| wanted_orders(plan, &header.target, &header.inputs, now);
    let weighed = of(engine.plan());
    let new: BTreeSet<Wanted> =
        of(replacement).into_iter().filter(|wanted| !weighed.contains(wanted)).collect();
    if new.is_empty() {
        return Ok(None);
    }
    let ordered = OrderedNames::read_for_orders(store, header.sandbox, &new).await?;
    let elsewhere = ordered.elsewhere_for(&new, &header.plan.name, &header.target, now);
    let found = elsewhere.into_iter().find(|other| other.problem.is_some());
    Ok(found.map(|other| second_order(run, &other.run, "exactly the names of the current plan")))
}

fn second_order(run: &RunId, other: &RunId, what: &str) -> CliError {
    let message = format!(
        "run `{run}` has ordered nothing, and run `{other}` has, or may have, for {what}; going on \
         would order a second certificate"
    );
    CliError::usage(message)
        .hint(format!("`certplan show {other}` says what became of it"))
        .hint(format!("`certplan cancel {run}` ends this one; nothing was ordered"))
        .hint("`certplan run PLAN --again` orders a second one all the same")
}

/// All runs of the same plan and target, in the same world.
pub(super) async fn runs_of_target(
    store: &dyn Store,
    key: &TargetKey,
) -> Result<Vec<RunSummary>, CliError> {
    let mut runs = store.list_runs().await?;
    runs.retain(|run| {
        run.plan == key.plan && run.target == key.target && run.sandbox == key.sandbox
    });
    Ok(runs)
}

/// The state that a run's events make.
pub(super) async fn read_state(store: &dyn Store, run: &RunId) -> Result<RunState, CliError> {
    let events = store.load_run(run).await?.events;
    RunState::fold(&events)
        .map_err(|error| CliError::failure(format!("run `{run}` cannot be read: {error}")))
}

/// The run as it is stored.
pub(super) async fn load(store: &SqliteStore, run: &RunId) -> Result<Engine, CliError> {
    let stored = store.load_run(run).await?;
    let plan: Plan = serde_json::from_str(&stored.plan.compiled).map_err(|error| {
        StoreError::Corrupt { what: format!("the plan of run `{run}`"), reason: error.to_string() }
    })?;
    Engine::load(run.clone(), plan.into(), &stored.events, EngineSettings::default())
        .map_err(|error| DriveError::from(error).into())
}

/// Without a run: which ones could go on.
async fn offer(
    store: &SqliteStore,
    state: &StateDirectory,
    format: OutputFormat,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let mut runs = store.list_runs().await?;
    runs.retain(can_go_on);
    runs.iter_mut().for_each(|run| name_stopped(run, state));
    name_not_begun(&mut runs, store).await;
    match format {
        OutputFormat::Json => console.json(&runs)?,
        OutputFormat::Text if runs.is_empty() => console.talk("no run has stopped on its way"),
        OutputFormat::Text => {
            for line in run_table(&lines(&runs), console.out_style()) {
                console.data(&line);
            }
            console.talk("go on with one of them: certplan resume RUN, or with --all of them");
        }
    }
    Ok(ExitCode::Success)
}
