//! `certplan preview --inventory`: what `run --inventory` would do, and nothing done.
//!
//! Decided by the same rules from what is recorded; no lock is taken, no folder made, nothing sent.

mod sums;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::arguments::{OutputFormat, PreviewArguments};
use super::super::budget::Budgets;
use super::super::connections::{self, Settings};
use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::super::inventory_files::load_inventory;
use super::super::needed_secrets::Imitated;
use super::super::preview_asker::Asker;
use super::super::state_directory::{StateDirectory, working_directory};
use super::choice::{self, Choice, Choices};
use super::effort::{Effort, ForeseenOrder, effort};
use super::launch::connected;
use super::plan_of_work::plan_of_work;
use super::{Request, read_again, read_limit, read_policy, refuse_one_target};
use crate::driver::BatchSettings;
use crate::report::forecast::{Forecast, ForecastLine, Weight};
use crate::report::preview::Count;
use crate::store::{BatchRequest, Store};
use crate::types::Timestamp;
use crate::upkeep::{Decision, StartReason};
use sums::{Sums, Turn, beside_what_is_under_way};

/// What would be done, as `--output json` writes it.
#[derive(Serialize)]
struct ForecastView<'a> {
    sandbox: bool,
    endpoint: Option<String>,
    orders: Count,
    /// How many targets a person wants to order anew for, although something was ordered before.
    ordered_anew: usize,
    /// How many at most of which product.
    products: &'a BTreeMap<String, u32>,
    /// About how many requests, the lists of all certificates aside.
    about_requests: u32,
    /// How many were really sent, with `--online`.
    sent: u32,
    turns: &'a [Turn],
    /// What a person has to see to before the runs.
    warnings: &'a [String],
    targets: Vec<TargetView<'a>>,
}

/// What would be done for a target.
#[derive(Serialize)]
struct TargetView<'a> {
    target: &'a str,
    plan: &'a str,
    word: &'static str,
    decision: &'a Decision,
    why: String,
    fails: Option<&'a str>,
    inputs: &'a Map<String, Value>,
    orders: &'a [ForeseenOrder],
    about_requests: u32,
}

/// A target with all that is to be told of it.
struct Foreseen<'a> {
    choice: &'a Choice,
    effort: Effort,
}

pub(in crate::cli) async fn preview_inventory(
    arguments: PreviewArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let batch = &arguments.batch;
    let request = Request {
        limit: read_limit(batch.limit.as_deref())?,
        policy: read_policy(batch.due.as_deref())?,
        settings: BatchSettings::default(),
        asked: BatchRequest::default(),
        again: read_again(arguments.again.as_deref())?,
    };
    refuse_single_preview_options(&arguments)?;
    let settings = Settings::parse(&arguments.settings.set)?;
    let loaded = load_inventory(&batch.inventory, arguments.plan.as_deref(), console)?;
    let plans = choice::store_plans(&loaded, console)?;
    let state = StateDirectory::find(&arguments.state)?;
    let mut choices = Choices::of(&loaded, &plans, &request, arguments.sandbox)?;
    choices.know_addresses(&settings);
    let opened = state.open_for_looking()?;
    let store = opened.as_deref().map(|store| store as &dyn Store);
    if let Some(store) = store {
        choices.decide(store, &request.policy, batch.apply_drift).await?;
    }
    let now = Timestamp::now();
    let mut asker = match arguments.online {
        true => asker(&choices, &settings, &state, console).await?,
        false => None,
    };
    let mut foreseen = Vec::with_capacity(choices.choices.len());
    for choice in &choices.choices {
        let effort = effort(choice, store, asker.as_mut(), now).await?;
        foreseen.push(Foreseen { choice, effort });
    }
    let mut sums = Sums::of(&foreseen, &loaded);
    if let Some(asker) = asker {
        sums.sent = asker.sent();
        asker.end().await;
    }
    let endpoint = endpoint(&choices, &settings)?;
    let imitated = Imitated::of(arguments.sandbox, false);
    let mut warnings = beside_what_is_under_way(&choices);
    warnings.extend(choices.missing_secrets(opened.as_deref(), imitated, false).await?.warnings());
    match arguments.output.output {
        OutputFormat::Json => console.json(&ForecastView {
            sandbox: arguments.sandbox,
            endpoint,
            orders: sums.orders,
            ordered_anew: sums.ordered_anew,
            products: &sums.products,
            about_requests: sums.requests,
            sent: sums.sent,
            turns: &sums.turns,
            warnings: &warnings,
            targets: foreseen.iter().map(Foreseen::view).collect(),
        })?,
        OutputFormat::Text => {
            let forecast = Forecast {
                headline: plan_of_work(&choices),
                asked: sums.sent > 0,
                lines: lines(&foreseen),
                sums: sums.rows(endpoint.as_deref(), arguments.sandbox, &warnings),
            };
            for line in forecast.lines(console.out_style(), batch.all) {
                console.data(&line);
            }
        }
    }
    Ok(match sums.failing {
        0 => ExitCode::Success,
        all if all == sums.failing_by_answer => ExitCode::Failed,
        _ => ExitCode::Usage,
    })
}

/// Options that are about one target have no meaning for many.
fn refuse_single_preview_options(arguments: &PreviewArguments) -> Result<(), CliError> {
    refuse_one_target(&arguments.inputs, arguments.target.as_deref())
}

/// Who asks what the plans of the work may ask beforehand; nobody when they ask nothing.
async fn asker(
    choices: &Choices,
    settings: &Settings,
    state: &StateDirectory,
    console: &Console,
) -> Result<Option<Asker>, CliError> {
    let Some(plan) = connected(choices.choices.iter().filter(|choice| choice.is_work()))? else {
        return Ok(None);
    };
    if !connections::needs(&plan, "regfish") {
        return Ok(None);
    }
    let url = match choices.sandbox {
        true => None,
        false => Some(connections::base_url(&connections::REGFISH, &plan, settings)?),
    };
    let budgets = Budgets::new(state, settings, console)?;
    Asker::new(&plan, url.as_ref(), &working_directory()?, &budgets).await.map(Some)
}

/// Where the requests would go; none in a sandbox, and when no plan that is worked with asks.
fn endpoint(choices: &Choices, settings: &Settings) -> Result<Option<String>, CliError> {
    if choices.sandbox {
        return Ok(None);
    }
    let Some(plan) = connected(choices.choices.iter().filter(|choice| choice.is_work()))? else {
        return Ok(None);
    };
    match connections::needs(&plan, "regfish") {
        true => {
            Ok(Some(connections::base_url(&connections::REGFISH, &plan, settings)?.to_string()))
        }
        false => Ok(None),
    }
}

/// The targets in the order in which they are shown: what is bought first, what is alike together.
fn lines(foreseen: &[Foreseen<'_>]) -> Vec<ForecastLine> {
    let mut lines: Vec<(usize, ForecastLine)> = foreseen.iter().map(Foreseen::line).collect();
    let mut first: HashMap<(usize, String), usize> = HashMap::new();
    for (index, (rank, line)) in lines.iter().enumerate() {
        first.entry((*rank, line.alike.clone())).or_insert(index);
    }
    lines.sort_by_cached_key(|(rank, line)| {
        (*rank, first.get(&(*rank, line.alike.clone())).copied())
    });
    lines.into_iter().map(|(_, line)| line).collect()
}

/// So many names of a certificate are shown.
const MOST_NAMES: usize = 3;

impl Foreseen<'_> {
    fn view(&self) -> TargetView<'_> {
        TargetView {
            target: &self.choice.target,
            plan: &self.choice.plan.plan.name,
            word: self.word().1,
            decision: &self.choice.decision,
            why: self.choice.decision.to_string(),
            fails: self.effort.fails.as_deref(),
            inputs: &self.choice.inputs,
            orders: &self.effort.orders,
            about_requests: self.effort.requests,
        }
    }

    /// What is done, in a word, with its rank and its weight.
    fn word(&self) -> (usize, &'static str, Weight) {
        if self.effort.fails.is_some() {
            return (0, "fails", Weight::Wrong);
        }
        match &self.choice.decision {
            Decision::Ask { .. } => (1, "look", Weight::Wrong),
            Decision::Start { reason: StartReason::First } => (2, "new", Weight::Paid),
            Decision::Start { reason: StartReason::Due { .. } } => (3, "due", Weight::Paid),
            Decision::Start { reason: StartReason::Drift { .. } } => (4, "changed", Weight::Paid),
            Decision::Start { reason: StartReason::Again { .. } } => (4, "again", Weight::Paid),
            Decision::Start { reason: StartReason::NothingKept } => (5, "run", Weight::Plain),
            Decision::Resume { .. } => (6, "go on", Weight::Plain),
            Decision::Keep { drift, .. } if !drift.is_empty() => (7, "differs", Weight::Paid),
            Decision::Keep { .. } => (8, "keep", Weight::Quiet),
        }
    }

    fn line(&self) -> (usize, ForecastLine) {
        let (rank, word, weight) = self.word();
        let mut products: Vec<String> = Vec::new();
        for order in &self.effort.orders {
            let perhaps = if order.certain { "" } else { "perhaps " };
            let product = format!("{perhaps}{}", order.product);
            if !products.contains(&product) {
                products.push(product);
            }
        }
        let orders = match products.as_slice() {
            [] => String::new(),
            products => format!("orders {}", products.join(", ")),
        };
        let why = match (&self.effort.fails, &self.choice.decision) {
            (Some(reason), _) => reason.clone(),
            (None, decision @ Decision::Resume { has_ordered, .. }) => {
                let paid = if *has_ordered { "; it is paid, nothing is ordered" } else { "" };
                format!("{decision}{paid}")
            }
            // The word says it all.
            (None, Decision::Start { reason: StartReason::First }) if !orders.is_empty() => {
                String::new()
            }
            (None, decision) => decision.to_string(),
        };
        let alike = match &self.choice.decision {
            Decision::Resume { run, .. } => why.replace(&format!("run {run} is"), "the run is"),
            Decision::Ask { run, .. } => why.replace(run.as_str(), "ID"),
            Decision::Start { reason: StartReason::Again { former, open } } => open
                .iter()
                .chain([former])
                .fold(why.clone(), |why, run| why.replace(run.as_str(), "ID")),
            _ => why.clone(),
        };
        let join = |orders: &str, why: &str| match (orders, why) {
            ("", text) | (text, "") => text.to_owned(),
            (orders, why) => format!("{orders}: {why}"),
        };
        let line = ForecastLine {
            word,
            weight,
            target: self.choice.target.clone(),
            text: join(&format!("{orders}{}", self.names()), &why),
            alike: join(&orders, &alike),
        };
        (rank, line)
    }

    /// The names of what is ordered, unless the target's name says it all.
    fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in self.effort.orders.iter().flat_map(|order| &order.names) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        if names.is_empty() || names == [self.choice.target.as_str()] {
            return String::new();
        }
        let more = match names.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        names.truncate(MOST_NAMES);
        format!(" for {}{more}", names.join(", "))
    }
}
