//! `certplan run --inventory`: a plan for every target of an inventory, in one batch.
//!
//! Read everything, decide about every target, ask where money is at stake, drive, sum up. Nothing
//! is made or sent before the last of the first three is over.

mod choice;
mod confirmation;
mod display;
mod driving;
mod effort;
mod elsewhere;
mod forecast;
mod going_on;
mod history;
mod launch;
mod manner;
mod order_anew;
mod outcome;
mod outlook;
mod plan_of_work;
mod recap;
mod secrets;
mod taking_up;
mod twins;

use std::sync::Arc;

use super::arguments::RunArguments;
use super::batch_arguments::BatchArguments;
use super::connections::Settings;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::inventory_files::load_inventory;
use super::metrics_file::{MetricsFile, Subject, end_with, end_with_error, try_metrics_file};
use super::needed_secrets::Imitated;
use super::open_files;
use super::state_directory::StateDirectory;
use crate::driver::{Allowance, BatchSettings};
use crate::inventory::Limit;
use crate::store::BatchRequest;
use crate::types::{BatchId, Timestamp};
use crate::upkeep::DuePolicy;
use choice::Choices;
use confirmation::confirm_orders;
use display::Display;
use driving::DEFAULT_JOBS;
use launch::{Place, launch};
use manner::read_manner;
use order_anew::in_the_inventory;
use outcome::Outcome;
use recap::{Done, conclude, form_of};

pub(super) use forecast::preview_inventory;
pub(super) use going_on::{go_on_with_many, runs_of_batch};
pub(super) use manner::manner_of;
pub(super) use order_anew::{alone, confirm_again};
pub(super) use outlook::{DAMAGED, outlook};

/// What `--inventory` and the options around it ask for, read and checked.
pub(super) struct Request {
    pub(super) limit: Option<Limit>,
    pub(super) policy: DuePolicy,
    pub(super) settings: BatchSettings,
    /// The same as it is kept with the batch.
    pub(super) asked: BatchRequest,
    /// Which targets are to be ordered anew, whatever there is.
    pub(super) again: Option<Limit>,
}

impl Request {
    pub(super) fn parse(arguments: &BatchArguments) -> Result<Self, CliError> {
        let mut asked = BatchRequest {
            inventory: arguments.inventory.iter().map(|file| file.display().to_string()).collect(),
            ..BatchRequest::default()
        };
        let failures = arguments.max_failures.as_deref();
        Ok(Self {
            limit: read_limit(arguments.limit.as_deref())?,
            policy: read_policy(arguments.due.as_deref())?,
            settings: read_manner(&arguments.serial, failures, &mut asked)?,
            asked,
            again: None,
        })
    }
}

fn read_limit(pattern: Option<&str>) -> Result<Option<Limit>, CliError> {
    pattern.map(Limit::parse).transpose().map_err(|error| usage("--limit", &error))
}

/// Which targets are to be ordered anew. All of them is nothing that anybody says by leaving out
/// which.
fn read_again(pattern: Option<&str>) -> Result<Option<Limit>, CliError> {
    if pattern == Some("") {
        return Err(no_effect(
            "--again",
            "`--again=NAME` says for which targets; `--apply-drift` and `--due` order anew where \
             there is a reason",
        ));
    }
    pattern.map(Limit::parse).transpose().map_err(|error| usage("--again", &error))
}

fn read_policy(text: Option<&str>) -> Result<DuePolicy, CliError> {
    let policy = text.map(DuePolicy::parse).transpose();
    Ok(policy.map_err(|error| usage("--due", &error))?.unwrap_or_default())
}

/// What a policy means that was given as `text`.
pub(super) fn due_note(text: &str, policy: &DuePolicy) -> String {
    let default = match text.split(',').count() {
        1 => " (both as they are by default)",
        2 => " (that as it is by default; a third part changes it)",
        _ => "",
    };
    format!("due: {policy}{default}")
}

fn usage(option: &str, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage(format!("`{option}`: {error}"))
}

pub(super) async fn run_inventory(
    arguments: RunArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let began_at = Timestamp::now();
    let mut request = Request::parse(&arguments.batch)?;
    request.asked.plan = arguments.plan.as_ref().map(|plan| plan.display().to_string());
    let settings = Settings::parse(&arguments.settings.set)?;
    refuse_single_run_options(&arguments)?;
    request.again = read_again(arguments.again.as_deref())?;
    if let Some(path) = &arguments.metrics.metrics_file {
        try_metrics_file(path)?;
    }
    if let Some(text) = &arguments.batch.due {
        console.talk(&due_note(text, &request.policy));
    }
    let loaded = load_inventory(&arguments.batch.inventory, arguments.plan.as_deref(), console)?;
    let plans = choice::store_plans(&loaded, console)?;
    let state = StateDirectory::find(&arguments.state)?;
    let store = state.open()?;
    let mut choices = Choices::of(&loaded, &plans, &request, arguments.sandbox)?;
    choices.know_addresses(&settings);
    choices.decide(store.as_ref(), &request.policy, arguments.batch.apply_drift).await?;
    let jobs = arguments.batch.jobs.unwrap_or(DEFAULT_JOBS);
    let meant = choices.choices.iter().filter(|choice| choice.is_work()).count();
    open_files::allow_many(jobs.min(meant), Some("--jobs"))?;
    choices.lock(&state);
    choices.decide_again(store.as_ref(), &request.policy, arguments.batch.apply_drift).await?;
    let imitated = Imitated::of(arguments.sandbox, arguments.really_act);
    let missing = choices.missing_secrets(Some(&store), imitated, true).await?;
    missing.excused().for_each(|line| console.talk(&format!("note: {line}")));
    if let Some(refusal) = missing.refusal() {
        return Err(refusal);
    }
    if !arguments.sandbox && !arguments.batch.yes {
        confirm_again(&choices.ordered_anew(), console)?;
        let look = "`certplan preview --inventory …` shows what would be ordered";
        confirm_orders(choices.orders(), arguments.batch.max_orders, look, console)?;
    }

    let batch = BatchId::from_random(uuid::Uuid::new_v4().as_u64_pair().0);
    let (total, work) = (choices.choices.len(), choices.work().count());
    let allowance = arguments.batch.max_orders.map(|orders| Arc::new(Allowance::of(orders)));
    let rest = choices.rest().map(|choice| Outcome::of_rest(choice).result);
    let display = Display::new(console, total, rest, allowance);
    let names: Vec<(String, String)> = choices.names();
    let place = Place { state: &state, store: &store, console };
    let metrics = MetricsFile::begin(arguments.metrics.metrics_file.as_deref(), || Subject {
        store: Arc::clone(&store),
        state: state.clone(),
        policy: request.policy,
        settings: settings.clone(),
        sandbox: arguments.sandbox,
        requests: display.requests(),
    })
    .await?;
    let launched = launch(&batch, choices, &arguments, &request, &settings, &place, &display).await;
    let outcomes = match launched {
        Ok(outcomes) => outcomes,
        Err(error) => return Err(end_with_error(metrics, error, console).await),
    };
    let rows = names.into_iter().zip(outcomes);
    let sandbox = arguments.sandbox;
    let anew = |target: &str| in_the_inventory(&request.asked, sandbox, &[target]);
    let rows = rows.map(|((target, plan), outcome)| outcome.row(target, plan, anew)).collect();
    let batch = (work > 0).then_some(batch);
    let done = Done { batch, asked: request.asked, sandbox, rows, began_at };
    let code = conclude(done, form_of(arguments.batch.recap, arguments.output.output), console)?;
    Ok(end_with(metrics, code, console).await)
}

/// An option that is about one target has no meaning for many.
fn no_effect(option: &str, instead: &str) -> CliError {
    CliError::usage(format!("`{option}` has no effect with `--inventory`")).hint(instead)
}

/// Refuses what says something of one target, in `run` and in `preview`.
fn refuse_one_target(inputs: &[String], target: Option<&str>) -> Result<(), CliError> {
    if !inputs.is_empty() {
        let instead = "write the value into the inventory, for example under `defaults:`";
        return Err(no_effect("--input", instead));
    }
    if target.is_some() {
        return Err(no_effect("--target", "`--limit NAME` picks a target of the inventory"));
    }
    Ok(())
}

/// Options that are about one target have no meaning for many.
fn refuse_single_run_options(arguments: &RunArguments) -> Result<(), CliError> {
    refuse_one_target(&arguments.inputs, arguments.target.as_deref())?;
    if arguments.wait.wait {
        return Err(no_effect(
            "--wait",
            "targets that another process works on are reported as `locked`",
        ));
    }
    if arguments.sandbox && !arguments.settings.set.is_empty() {
        return Err(no_effect("--set", "leave out one of `--set` and `--sandbox`"));
    }
    Ok(())
}
