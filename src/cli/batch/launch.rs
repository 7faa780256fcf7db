//! Starting the runs of an inventory, and driving them to their end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::super::PROGRAM;
use super::super::arguments::RunArguments;
use super::super::budget::Budgets;
use super::super::connections::{self, Settings};
use super::super::console::Console;
use super::super::endpoints::Endpoints;
use super::super::error::CliError;
use super::super::foresight::{fails_after_order, foresee};
use super::super::interrupt::watch_signals;
use super::super::run::output_directory;
use super::super::sandbox_scenario::ChosenScenario;
use super::super::session::Session;
use super::super::state_directory::StateDirectory;
use super::Request;
use super::choice::{Choice, Choices, Hold, began_elsewhere};
use super::display::Display;
use super::driving::{DEFAULT_JOBS, Lineup};
use super::outcome::Outcome;
use super::plan_of_work::plan_of_work;
use crate::api::http::BaseUrl;
use crate::driver::Member;
use crate::engine::SEMANTICS;
use crate::plan::Plan;
use crate::report::RecapResult;
use crate::run::{PlanReference, RunHeader};
use crate::store::SqliteStore;
use crate::types::{BatchId, RunId, StepId};
use crate::upkeep::Decision;

/// Where a batch is recorded, and who is told.
pub(super) struct Place<'a> {
    pub(super) state: &'a StateDirectory,
    pub(super) store: &'a Arc<SqliteStore>,
    pub(super) console: &'a Console,
}

/// Drives everything that is to be done; what became of each target comes back in the order of the
/// inventory.
pub(super) async fn launch(
    batch: &BatchId,
    mut choices: Choices,
    arguments: &RunArguments,
    request: &Request,
    settings: &Settings,
    place: &Place<'_>,
    display: &Display,
) -> Result<Vec<Outcome>, CliError> {
    let mut outcomes: Vec<Outcome> = choices.choices.iter().map(Outcome::of_rest).collect();
    let headline = plan_of_work(&choices);
    let Some(plan) = connected(choices.work())? else {
        // Nothing is recorded that an id could name.
        place.console.talk(&headline);
        return Ok(outcomes);
    };
    // What cannot begin for want of a key, say, does not begin with a headline.
    let session = session(&choices, &plan, arguments, settings, place, display).await?;
    place.console.talk(&format!("batch {batch}: {headline}"));
    let endpoints = session.endpoints.clone();
    let resolver = match choices.sandbox {
        true => None,
        false => connections::resolver(settings)?.map(|(_, address)| address),
    };
    let directory = output_directory(choices.sandbox, place.state)?;

    let mut lineup = Lineup::default();
    for (index, choice) in choices.choices.iter_mut().enumerate() {
        if !choice.is_work() || !matches!(choice.hold, Hold::Locked(_)) {
            continue;
        }
        let Hold::Locked(lock) = std::mem::replace(&mut choice.hold, Hold::NotNeeded) else {
            continue;
        };
        let places = (&endpoints, resolver.as_deref());
        match member(choice, (choices.sandbox, choices.orders_known), places, &directory) {
            Ok(member) => lineup.add(index, member, Some(lock)),
            Err(reason) => {
                display.settle(RecapResult::Failed);
                if let Some(outcome) = outcomes.get_mut(index) {
                    *outcome = Outcome::settled(RecapResult::Failed, reason);
                }
                continue;
            }
        }
        if let Some(run) = lineup.newest() {
            display.expect(run, &choice.target);
        }
    }
    if lineup.is_empty() {
        session.end().await;
        return Ok(outcomes);
    }
    let stop = watch_signals(place.console)?;
    let jobs = arguments.batch.jobs.unwrap_or(DEFAULT_JOBS);
    let session = session.in_batch(place.state, jobs, display.allowance());
    let ends = lineup
        .drive(batch, request.asked.clone(), session, &request.settings, display, stop)
        .await?;
    for (index, end) in ends {
        if let Some(outcome) = outcomes.get_mut(index) {
            *outcome = end;
        }
    }
    Ok(outcomes)
}

/// The one world of the batch.
async fn session(
    choices: &Choices,
    plan: &Plan,
    arguments: &RunArguments,
    settings: &Settings,
    place: &Place<'_>,
    display: &Display,
) -> Result<Session, CliError> {
    let Place { state, store, console } = *place;
    let observer = display.observer();
    let jobs = arguments.batch.jobs.unwrap_or(DEFAULT_JOBS);
    let budgets = Budgets::new(state, settings, console)?.with_jobs(jobs);
    display.watch(budgets.opened());
    if choices.sandbox {
        let scenario = ChosenScenario::read(arguments.sandbox_scenario.as_deref(), console)?;
        let latest = choices.latest;
        let session =
            Session::embedded(state, store, latest, &scenario, observer, &budgets).await?;
        return Ok(session.acting(arguments.really_act));
    }
    let targets = choices.work().map(|choice| (&choice.plan.plan, &choice.inputs, &choice.target));
    let endpoints = Endpoints::of_batch(
        plan,
        targets.map(|(plan, inputs, target)| (plan.as_ref(), inputs, target.as_str())),
        settings,
    )?;
    let resolver = connections::resolver(settings)?.map(|(resolver, _)| resolver);
    Session::real(state, store, plan, endpoints, resolver, observer, &budgets).await
}

/// The run of a target, new or taken up again; the reason when it cannot be ours.
fn member(
    choice: &Choice,
    (sandbox, orders_known): (bool, u64),
    (endpoints, resolver): (&Endpoints, Option<&str>),
    directory: &str,
) -> Result<Member, String> {
    match &choice.decision {
        Decision::Resume { run, .. } => {
            let recorded = choice.endpoint.as_deref();
            let endpoint = endpoints.regfish.as_ref().map(BaseUrl::as_str);
            if let Some(began_at) = recorded.filter(|_| !sandbox && recorded != endpoint) {
                return Err(began_elsewhere(run, began_at));
            }
            Ok(Member::Existing(run.clone()))
        }
        _ => {
            let plan = &choice.plan;
            let foreseen = foresee(&plan.plan, &choice.inputs, &choice.target);
            if let Some(reason) = fails_after_order(&plan.plan, &foreseen) {
                return Err(reason);
            }
            let mut recorded = BTreeMap::new();
            endpoints.record(&plan.plan, &mut recorded);
            recorded
                .extend(resolver.map(|address| (connections::DNS.to_owned(), address.to_owned())));
            let header = RunHeader {
                plan: PlanReference {
                    name: plan.plan.name.clone(),
                    file: plan.file.clone(),
                    digest: plan.stored.digest.clone(),
                },
                target: choice.target.clone(),
                inputs: choice.inputs.clone(),
                steps: plan.plan.steps.keys().cloned().collect(),
                endpoints: recorded,
                sandbox,
                directory: directory.to_owned(),
                semantics: SEMANTICS,
                program: PROGRAM.to_owned(),
                earlier_runs: choice.past.iter().map(|(run, _)| run.clone()).collect(),
                orders_known: Some(orders_known),
            };
            Ok(Member::New {
                run: RunId::from_random(uuid::Uuid::new_v4().as_u64_pair().0),
                plan: Arc::clone(&plan.plan),
                stored: Arc::clone(&plan.stored),
                header: Box::new(header),
            })
        }
    }
}

/// One plan that has the connections of all: a batch has one connection of each name. None when
/// nothing is to be done.
pub(super) fn connected<'a>(
    work: impl Iterator<Item = &'a Choice>,
) -> Result<Option<Plan>, CliError> {
    let mut first: HashMap<&str, &Plan> = HashMap::new();
    let mut plans = HashSet::new();
    let mut all: Option<Plan> = None;
    for choice in work {
        let plan = &choice.plan.plan;
        for (name, connection) in &plan.connections {
            let known = *first.entry(name.as_str()).or_insert(plan);
            if known.connections.get(name) != Some(connection) {
                let message = format!(
                    "the plans `{}` and `{}` mean different connections by `{name}`",
                    known.name, plan.name
                );
                return Err(CliError::usage(message)
                    .hint("run them one after the other: `--limit` picks targets by group"));
            }
        }
        if !plans.insert(Arc::as_ptr(plan)) {
            continue;
        }
        let all = all.get_or_insert_with(|| Plan::clone(plan));
        for (name, connection) in &plan.connections {
            all.connections.entry(name.clone()).or_insert_with(|| connection.clone());
        }
        // What matters of the steps is what they use; two plans may call theirs the same.
        for step in plan.steps.values() {
            if let Ok(id) = StepId::parse(&format!("{}_{}", step.id, plans.len())) {
                all.steps.entry(id).or_insert_with(|| step.clone());
            }
        }
    }
    Ok(all)
}
