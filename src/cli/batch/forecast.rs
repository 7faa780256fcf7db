//! `certplan preview --inventory`: what `run --inventory` would do, and nothing done.
//!
//! Decided by the same rules from what is recorded; no lock is taken, no folder made, nothing sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::arguments::{OutputFormat, PreviewArguments};
use super::super::budget::Budgets;
use super::super::connections::{self, Settings};
use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::super::inventory_files::{LoadedInventory, Turns, load_inventory};
use super::super::needed_secrets::Imitated;
use super::super::preview_asker::Asker;
use super::super::state_directory::{StateDirectory, working_directory};
use super::choice::{self, Choice, Choices};
use super::effort::{Effort, ForeseenOrder, effort};
use super::launch::connected;
use super::plan_of_work::plan_of_work;
use super::{Request, read_limit, read_policy, refuse_one_target};
use crate::driver::BatchSettings;
use crate::inventory::Target;
use crate::report::forecast::{Forecast, ForecastLine, Weight};
use crate::report::preview::{Count, Row, WARNING};
use crate::store::{BatchRequest, Store};
use crate::types::Timestamp;
use crate::upkeep::{Decision, StartReason};

/// What would be done, as `--output json` writes it.
#[derive(Serialize)]
struct ForecastView<'a> {
    sandbox: bool,
    endpoint: Option<String>,
    orders: Count,
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

/// Targets that wait for one another.
#[derive(Serialize)]
struct Turn {
    validation_name: String,
    targets: Vec<String>,
}

/// A target with all that is to be told of it.
struct Foreseen<'a> {
    choice: &'a Choice,
    effort: Effort,
}

/// The sums of a forecast.
struct Sums {
    orders: Count,
    products: BTreeMap<String, u32>,
    requests: u32,
    turns: Vec<Turn>,
    failing: usize,
    /// How many of these because of what was answered.
    failing_by_answer: usize,
    /// How many requests were sent to know that.
    sent: u32,
    /// How many would be ordered anew if somebody said so.
    drifted: usize,
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
        again: None,
    };
    refuse_single_preview_options(&arguments)?;
    let settings = Settings::parse(&arguments.settings.set)?;
    let loaded =
        load_inventory(&batch.inventory, arguments.plan.as_deref(), Turns::ToldLater, console)?;
    let plans = choice::store_plans(&loaded, console)?;
    let state = StateDirectory::find(&arguments.state)?;
    let mut choices = Choices::of(&loaded, &plans, &request, arguments.sandbox)?;
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
    let warnings = choices.missing_secrets(opened.as_deref(), imitated, false).await?.warnings();
    match arguments.output.output {
        OutputFormat::Json => console.json(&ForecastView {
            sandbox: arguments.sandbox,
            endpoint,
            orders: sums.orders,
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
            // A preview is not told whom a person wants to order for again.
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

impl Sums {
    fn of(foreseen: &[Foreseen<'_>], loaded: &LoadedInventory) -> Self {
        let mut sums = Self {
            orders: Count { at_least: 0, at_most: 0 },
            products: BTreeMap::new(),
            requests: 0,
            turns: turns(foreseen, loaded),
            failing: 0,
            failing_by_answer: 0,
            sent: 0,
            drifted: 0,
        };
        let mut shared: BTreeSet<&String> = BTreeSet::new();
        for Foreseen { choice, effort } in foreseen {
            for order in &effort.orders {
                sums.orders.at_most += 1;
                sums.orders.at_least += u32::from(order.certain);
                *sums.products.entry(order.product.clone()).or_default() += 1;
            }
            sums.requests = sums.requests.saturating_add(effort.requests);
            shared.extend(&effort.shared);
            sums.failing += usize::from(effort.fails.is_some());
            sums.failing_by_answer += usize::from(effort.fails_by_answer);
            let drifted =
                matches!(&choice.decision, Decision::Keep { drift, .. } if !drift.is_empty());
            sums.drifted += usize::from(drifted);
        }
        let shared = u32::try_from(shared.len()).unwrap_or(u32::MAX);
        sums.requests = sums.requests.saturating_add(shared);
        sums
    }

    fn rows(&self, endpoint: Option<&str>, sandbox: bool, warnings: &[String]) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut push = |name: &str, text: String| rows.push(Row { name: name.to_owned(), text });
        push("orders", self.orders_text(sandbox));
        warnings.iter().for_each(|warning| push(WARNING, warning.clone()));
        match endpoint {
            _ if sandbox => push("from", "the embedded sandbox, no real CA".to_owned()),
            Some(endpoint) => push("from", endpoint.to_owned()),
            None => {}
        }
        push(
            "requests",
            match self.requests {
                0 => "none".to_owned(),
                some => format!("about {some}, and a list of all certificates now and then"),
            },
        );
        match self.sent {
            0 => {}
            1 => push("asked", "1 request was sent to see what is there".to_owned()),
            some => push("asked", format!("{some} requests were sent to see what is there")),
        }
        for turn in self.turns.iter().take(MOST_TURNS) {
            push("turns", turn.text());
        }
        match self.turns.len().saturating_sub(MOST_TURNS) {
            0 => {}
            more => push("turns", format!("and at {more} more validation names")),
        }
        if self.drifted > 0 {
            push(
                "hint",
                format!(
                    "{} not what is asked for now; `--apply-drift` orders anew",
                    match self.drifted {
                        1 => "1 certificate is".to_owned(),
                        some => format!("{some} certificates are"),
                    }
                ),
            );
        }
        rows
    }

    fn orders_text(&self, sandbox: bool) -> String {
        let Count { at_least, at_most } = self.orders;
        let paid = if sandbox { "not paid, the sandbox takes no money" } else { "paid" };
        let number = match (at_least, at_most) {
            (_, 0) => return "none; nothing is bought".to_owned(),
            (least, most) if least == most => most.to_string(),
            (0, most) => format!("at most {most}"),
            (least, most) => format!("{least} to {most}"),
        };
        let products: Vec<String> =
            self.products.iter().map(|(product, count)| format!("{count} {product}")).collect();
        format!("{number}: {}; {paid}", products.join(", "))
    }
}

/// So many validation names are listed.
const MOST_TURNS: usize = 5;

impl Turn {
    fn text(&self) -> String {
        let mut shown: Vec<&str> =
            self.targets.iter().take(MOST_NAMES).map(String::as_str).collect();
        let more = format!("{} more", self.targets.len().saturating_sub(MOST_NAMES));
        if self.targets.len() > MOST_NAMES {
            shown.push(&more);
        }
        format!(
            "{} targets take turns at `{}` ({}); one certificate for all of them needs none",
            self.targets.len(),
            self.validation_name,
            shown.join(", ")
        )
    }
}

/// Which of the targets that would be worked on share a name at which they are proved.
fn turns(foreseen: &[Foreseen<'_>], loaded: &LoadedInventory) -> Vec<Turn> {
    let known: HashMap<&str, &Target> =
        loaded.inventory.targets.iter().map(|target| (target.name.as_str(), target)).collect();
    let mut order: Vec<String> = Vec::new();
    let mut sharing: HashMap<String, Vec<String>> = HashMap::new();
    for Foreseen { choice, effort } in foreseen {
        let waits = choice.is_work() && effort.by_dns && effort.fails.is_none();
        let Some(target) = known.get(choice.target.as_str()).filter(|_| waits) else { continue };
        for name in target.validation_names() {
            let others = sharing.entry(name.clone()).or_default();
            others.push(choice.target.clone());
            if others.len() == 2 {
                order.push(name);
            }
        }
    }
    let turn = |name: String| {
        let targets = sharing.remove(&name)?;
        Some(Turn { validation_name: name, targets })
    };
    order.into_iter().filter_map(turn).collect()
}
