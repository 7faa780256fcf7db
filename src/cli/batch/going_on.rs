//! `certplan resume` for many runs: each goes on in its own world, all of them at the same time.
//!
//! One after the other would not do: a run that waits for the CA may wait for days, and those behind
//! it would never be looked at. Which runs may go on is said in `taking_up`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::super::PROGRAM;
use super::super::arguments::ResumeArguments;
use super::super::budget::Budgets;
use super::super::connections::Settings;
use super::super::console::Console;
use super::super::error::CliError;
use super::super::exit::ExitCode;
use super::super::interrupt::watch_signals;
use super::super::metrics_file::{MetricsFile, Subject, end_with};
use super::super::needed_secrets::SecretSearch;
use super::super::open_files;
use super::super::sandbox_scenario::SCENARIO;
use super::super::session::Session;
use super::super::state_directory::StateDirectory;
use super::confirmation::confirm_orders;
use super::display::Display;
use super::driving::{DEFAULT_JOBS, drive_recorded};
use super::manner::{manner_of, read_manner};
use super::order_anew::in_the_inventory;
use super::outcome::Outcome;
use super::recap::{Done, conclude, form_of};
use super::taking_up::{Member, Place, TakingUp};
use super::twins::stand_aside;
use crate::driver::{Allowance, BatchSettings, waves};
use crate::engine::Engine;
use crate::report::RecapResult;
use crate::store::{BatchMember, BatchRequest, NewBatch, RunSummary, SqliteStore, Store};
use crate::types::{BatchId, RunId, Timestamp};
use crate::upkeep::DuePolicy;

/// The world that a run acts in: the embedded sandbox, or addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    sandbox: bool,
    endpoints: BTreeMap<String, String>,
    /// Where the keys come from, as the stored plan says.
    connections: String,
}

impl World {
    fn of(engine: &Engine) -> Self {
        let header = &engine.state().header;
        let mut endpoints = header.endpoints.clone();
        // The embedded sandbox is one world, wherever it listened; its scenario makes the rules, and
        // it has keys of its own.
        endpoints.retain(|name, _| !header.sandbox || name == SCENARIO);
        let connections = match header.sandbox {
            true => String::new(),
            false => format!("{:?}", engine.plan().connections),
        };
        Self { sandbox: header.sandbox, endpoints, connections }
    }
}

/// The runs of one world.
#[derive(Default)]
struct Party {
    members: Vec<Member>,
    /// One of them; they are alike in what makes a world.
    latest: Option<Engine>,
}

/// Worlds whose runs go on together.
struct Group {
    sandbox: bool,
    parties: Vec<Party>,
}

/// All real worlds are one group, so that waves and limits count over all of their runs. Each embedded
/// sandbox is a group of its own: there is one at a time.
fn groups(worlds: BTreeMap<World, Party>) -> Vec<Group> {
    let (mut real, mut groups) = (Vec::new(), Vec::new());
    for (world, party) in worlds {
        match world.sandbox {
            true => groups.push(Group { sandbox: true, parties: vec![party] }),
            false => real.push(party),
        }
    }
    if !real.is_empty() {
        groups.push(Group { sandbox: false, parties: real });
    }
    groups
}

/// Refuses waves and limits for runs that cannot be counted together.
fn refuse_to_count_apart(groups: &[Group], manner: &BatchSettings) -> Result<(), CliError> {
    let runs = groups.iter().flat_map(|group| &group.parties).map(|party| party.members.len());
    let total = runs.sum();
    let in_waves = waves(total, &manner.waves).len() > 1;
    let limited = manner.max_failures.is_some_and(|limit| limit.is_exceeded(total, total));
    if groups.len() <= 1 || !(in_waves || limited) {
        return Ok(());
    }
    let others = match groups.iter().any(|group| !group.sandbox) {
        true => "some of these are real and some are in the embedded sandbox",
        false => "these are in embedded sandboxes with different scenarios",
    };
    let message = format!(
        "`--serial` and `--max-failures` count over runs that go on together, and {others}"
    );
    Err(CliError::usage(message)
        .hint("`certplan resume RUN` and `--batch ID` go on with those of one world alone"))
}

/// What the worlds of one command have in common.
struct Common<'a> {
    place: &'a Place<'a>,
    settings: &'a Settings,
    really_act: bool,
    budgets: &'a Budgets<'a>,
    display: &'a Display,
    /// The embedded sandbox is in one world at a time.
    embedded: tokio::sync::Mutex<()>,
    /// How the runs begin, and how many of them may fail.
    manner: &'a BatchSettings,
    /// So much is under way at the same time in each world.
    jobs: usize,
}

/// Of so many runs it is explained what an edited plan means for them.
const EXPLAINED: usize = 5;

/// Goes on with all of `runs` at the same time.
pub(in crate::cli) async fn go_on_with_many(
    runs: Vec<RunSummary>,
    arguments: &ResumeArguments,
    settings: &Settings,
    state: &StateDirectory,
    store: &Arc<SqliteStore>,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let began_at = Timestamp::now();
    let (asked, manner) = manner(arguments, store, console).await?;
    let jobs = arguments.jobs.unwrap_or(DEFAULT_JOBS);
    open_files::allow_many(jobs.min(runs.len()), Some("--jobs"))?;
    let search = SecretSearch::default();
    let place = Place {
        state,
        store,
        console,
        use_current_plan: arguments.use_current_plan,
        // A thousand explanations of one edited file help nobody.
        explain: arguments.use_current_plan || runs.len() <= EXPLAINED,
        really_act: arguments.really_act,
        search: &search,
    };
    let (mut outcomes, worlds, expected) = take_up(&runs, arguments.wait.wait, &place).await?;
    let members = || worlds.values().flat_map(|party| &party.members);
    let (going_on, waiting) = (members().count(), members().filter(|run| run.is_busy()).count());
    let rows: BTreeSet<usize> = members().map(|member| member.row).collect();
    let rest = outcomes.iter().enumerate().filter(|(row, _)| !rows.contains(row));
    let rest: Vec<RecapResult> = rest.map(|(_, outcome)| outcome.result).collect();
    if !arguments.yes {
        let orders = members().filter(|run| run.may_order).count();
        let look = "`certplan status` lists the runs";
        confirm_orders(orders, arguments.max_orders, look, console)?;
    }
    let groups = groups(worlds);
    refuse_to_count_apart(&groups, &manner)?;
    let batch = (going_on > 0).then(|| BatchId::from_random(uuid::Uuid::new_v4().as_u64_pair().0));
    if let Some(batch) = &batch {
        record(batch, &runs, asked.clone(), store).await?;
        let wait =
            if waiting > 0 { format!(", {waiting} of them in their turn") } else { String::new() };
        let word = if going_on == 1 { "run" } else { "runs" };
        console.talk(&format!("batch {batch}: {going_on} {word} to go on with{wait}"));
    }
    let allowance = arguments.max_orders.map(|orders| Arc::new(Allowance::of(orders)));
    let display = Display::new(console, runs.len(), rest, allowance);
    expected.iter().for_each(|(run, target)| display.expect(run, target));
    let budgets = Budgets::new(state, settings, console)?.with_jobs(jobs);
    display.watch(budgets.opened());
    let metrics = MetricsFile::begin(arguments.metrics.metrics_file.as_deref(), || Subject {
        store: Arc::clone(store),
        state: state.clone(),
        policy: DuePolicy::default(),
        settings: settings.clone(),
        // A file is about one of the two worlds.
        sandbox: !runs.is_empty() && runs.iter().all(|run| run.sandbox),
        requests: display.requests(),
    })
    .await?;
    let stop = watch_signals(console)?;
    let common = Common {
        place: &place,
        settings,
        really_act: arguments.really_act,
        budgets: &budgets,
        display: &display,
        embedded: tokio::sync::Mutex::new(()),
        manner: &manner,
        jobs,
    };
    let driven = groups.into_iter().map(|group| common.drive(group, stop.clone()));
    let driven = futures_util::future::join_all(driven).await;
    display.end().await;
    // What is wrong before anything was sent is no failed run.
    let mut unsent = (going_on > 0).then_some(ExitCode::Usage);
    for group in driven {
        if !group.nothing_sent {
            unsent = None;
        }
        for (place, end) in group.ends {
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = end;
            }
        }
    }
    // The runs of an inventory are of one world; the others are named one by one.
    let sandbox = runs.iter().all(|run| run.sandbox);
    let rows = runs.into_iter().zip(outcomes);
    let anew = |target: &str| in_the_inventory(&asked, sandbox, &[target]);
    let rows = rows.map(|(run, outcome)| outcome.row(run.target, run.plan, anew)).collect();
    let done = Done { batch, asked, sandbox, rows, began_at };
    let code = conclude(done, form_of(arguments.recap, arguments.output.output), console)?;
    let code = unsent.unwrap_or(code);
    Ok(end_with(metrics, code, console).await)
}

/// How the runs are driven: as the command says, else as the batch was begun that they are of.
async fn manner(
    arguments: &ResumeArguments,
    store: &SqliteStore,
    console: &Console,
) -> Result<(BatchRequest, BatchSettings), CliError> {
    let mut asked = BatchRequest::default();
    if let Some(batch) = &arguments.batch {
        let batches = store.list_batches().await?.into_iter();
        let former = batches.into_iter().find(|former| former.id.as_str() == batch.as_str());
        asked = former.map(|former| former.request).unwrap_or_default();
    }
    let serial = match arguments.serial.as_slice() {
        [] => asked.serial.clone(),
        said => said.to_vec(),
    };
    let failures = arguments.max_failures.clone().or_else(|| asked.max_failures.clone());
    let said_here = !arguments.serial.is_empty() || arguments.max_failures.is_some();
    let settings = read_manner(&serial, failures.as_deref(), &mut asked)?;
    let manner = manner_of(&asked);
    if !said_here && !manner.is_empty() {
        console.talk(&format!("as the batch was begun: {manner}"));
    }
    Ok((asked, settings))
}

/// What is to be said of each run as long as nothing has been done for it, and the others by world.
type TakenUp = (Vec<Outcome>, BTreeMap<World, Party>, Vec<(RunId, String)>);

async fn take_up(runs: &[RunSummary], wait: bool, place: &Place<'_>) -> Result<TakenUp, CliError> {
    let mut aside = stand_aside(runs, place.store.as_ref()).await?;
    let (mut outcomes, mut expected) = (Vec::with_capacity(runs.len()), Vec::new());
    let mut worlds: BTreeMap<World, Party> = BTreeMap::new();
    for (row, run) in runs.iter().enumerate() {
        if let Some(outcome) = aside.remove(&run.id) {
            outcomes.push(outcome);
            continue;
        }
        match place.take_up(run, row, wait).await {
            TakingUp::Settled(outcome) => outcomes.push(outcome),
            TakingUp::GoesOn { member, engine } => {
                let reason = "it was not reached".to_owned();
                outcomes.push(Outcome::settled(RecapResult::NotStarted, reason));
                let party = worlds.entry(World::of(&engine)).or_default();
                party.members.push(*member);
                party.latest = Some(*engine);
                expected.push((run.id.clone(), run.target.clone()));
            }
        }
    }
    Ok((outcomes, worlds, expected))
}

/// All runs that were selected are one batch, whatever world they are of and whether they can go on
/// now: its id finds all of them again.
async fn record(
    batch: &BatchId,
    runs: &[RunSummary],
    request: BatchRequest,
    store: &Arc<SqliteStore>,
) -> Result<(), CliError> {
    let members = runs.iter().map(|run| BatchMember::Existing(run.id.clone())).collect();
    let program = PROGRAM.to_owned();
    let (id, at, plans) = (batch.clone(), Timestamp::now(), Vec::new());
    let new = NewBatch { id, at, program, request, plans, members };
    Ok(store.create_batch(new).await?)
}

/// What became of the runs of worlds that go together.
struct Driven {
    ends: Vec<(usize, Outcome)>,
    /// Whether none of them could go on for what is wrong in the command or around it.
    nothing_sent: bool,
}

impl Common<'_> {
    /// Drives the runs of worlds that go together. What is wrong with one stops no other.
    async fn drive(&self, group: Group, stop: watch::Receiver<bool>) -> Driven {
        let _turn = if group.sandbox { Some(self.embedded.lock().await) } else { None };
        let (mut sessions, mut ready, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut refused = Vec::new();
        for party in group.parties {
            let Some(engine) = &party.latest else { continue };
            let session = match self.session(engine).await {
                Ok(session) => session,
                Err(error) => {
                    ends.extend(self.refuse(party, &error));
                    refused.push(error.code);
                    continue;
                }
            };
            for member in party.members {
                let (row, run) = (member.row, member.run.clone());
                match self.place.ready(member, &session.driver).await {
                    Ok(member) => ready.push(((sessions.len(), row, run), member)),
                    Err(outcome) => {
                        self.display.dismiss(&run, outcome.result);
                        ends.push((row, outcome));
                    }
                }
            }
            let orders = self.display.allowance();
            sessions.push(session.in_batch(self.place.state, self.jobs, orders));
        }
        let nothing_sent =
            sessions.is_empty() && refused.iter().all(|code| *code == ExitCode::Usage);
        // Waves go by the order in which the runs were selected, whatever world they are of.
        ready.sort_by_key(|((_, row, _), _)| *row);
        let (places, runs) = ready.into_iter().unzip();
        ends.extend(drive_recorded(places, runs, sessions, self.manner, self.display, stop).await);
        Driven { ends, nothing_sent }
    }

    async fn session(&self, engine: &Engine) -> Result<Session, CliError> {
        let Place { state, store, .. } = *self.place;
        let (observer, budgets) = (self.display.observer(), self.budgets);
        let session = Session::of_world(state, store, engine, self.settings, observer, budgets);
        Ok(session.await?.acting(self.really_act))
    }

    fn refuse(&self, party: Party, error: &CliError) -> Vec<(usize, Outcome)> {
        let _ = self.place.console.fail(error);
        let ends = party.members.into_iter().map(|member| {
            let outcome = Outcome::refused(error.code, error.message.clone());
            self.display.dismiss(&member.run, outcome.result);
            (member.row, Outcome { run: Some(member.run), ..outcome })
        });
        ends.collect()
    }
}

/// The runs of a batch, in its order.
pub(in crate::cli) async fn runs_of_batch<R>(
    store: &SqliteStore,
    batch: &str,
    runs: Vec<R>,
    id_of: impl Fn(&R) -> &RunId,
) -> Result<Vec<R>, CliError> {
    let id = BatchId::parse(batch).map_err(|error| CliError::usage(error.to_string()))?;
    let members: Vec<RunId> = store.batch_runs(&id).await?;
    let mut by_id: std::collections::HashMap<RunId, R> =
        runs.into_iter().map(|run| (id_of(&run).clone(), run)).collect();
    Ok(members.iter().filter_map(|id| by_id.remove(id)).collect())
}
