//! `certplan gc`: the validation records of ours that nothing needs any more; deletes them when it
//! is asked to.
//!
//! Where to look comes from the plans that are stored with the runs. A record goes only when its
//! note names a run that is known to be over, no other run counts on it, and no open order asks for
//! it; all of that is looked at once more right before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::arguments::{GcArguments, OutputFormat};
use super::budget::Budgets;
use super::confirmation::confirm;
use super::connections::{self, Settings};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::gc_account::{Account, Marked, OpenOrders, Scan};
use super::resume::load;
use super::sandbox_scenario::ChosenScenario;
use super::session::Session;
use super::state_directory::{StateDirectory, nothing_here};
use crate::action::Ownership;
use crate::plan::{Plan, SecretSource};
use crate::report::{Fate, FoundRecord, Standing, found_record_lines};
use crate::run::{RunPhase, RunResult};
use crate::store::{RunSummary, SqliteStore, Store};
use crate::types::{Clock, SystemClock, Timestamp, machine_word};
use crate::upkeep::{Claims, RecordNeed, RunClaims};

/// What was found, as `--output json` writes it.
#[derive(Debug, Serialize)]
struct Findings {
    records: Vec<FoundRecord>,
    /// A line for each part that could not be looked at.
    unread: Vec<String>,
}

/// Where the records are, and how they came to be known.
struct Search<'s> {
    store: &'s Arc<SqliteStore>,
    sandbox: bool,
    accounts: Vec<Account>,
    unread: Vec<String>,
    session: Option<Session>,
}

/// What is known of the runs, as of one moment.
struct Knowledge {
    runs: Vec<RunSummary>,
    claims: Claims,
}

/// A record with what is known of it, and the account that it is in.
struct Judged {
    account: usize,
    marked: Marked,
    view: FoundRecord,
}

pub(super) async fn gc(arguments: GcArguments, console: &Console) -> Result<ExitCode, CliError> {
    let settings = Settings::parse(&arguments.settings.set)?;
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_existing()? else { return Err(nothing_here(&state)) };
    let mut search = Search::new(&state, &store, &settings, arguments.sandbox, console).await?;
    let result = search.carry_out(&arguments, console).await;
    if let Some(session) = search.session {
        session.end().await;
    }
    result
}

impl<'s> Search<'s> {
    async fn new(
        state: &StateDirectory,
        store: &'s Arc<SqliteStore>,
        settings: &Settings,
        sandbox: bool,
        console: &Console,
    ) -> Result<Self, CliError> {
        let mut search =
            Self { store, sandbox, accounts: Vec::new(), unread: Vec::new(), session: None };
        if sandbox {
            search.enter_sandbox(state, settings, console).await?;
            return Ok(search);
        }
        (search.accounts, search.unread) = accounts(state, store, settings, console).await?;
        Ok(search)
    }

    /// The world that runs with `--sandbox` have left in this state folder.
    async fn enter_sandbox(
        &mut self,
        state: &StateDirectory,
        settings: &Settings,
        console: &Console,
    ) -> Result<(), CliError> {
        let runs = self.store.list_runs().await?;
        let latest = runs.iter().filter(|run| run.sandbox).map(|run| run.updated_at).max();
        if latest.is_none() {
            return Ok(());
        }
        let scenario = ChosenScenario::default();
        let silent: crate::driver::Observer = Arc::new(|_, _| {});
        let budgets = Budgets::new(state, settings, console)?;
        let session =
            Session::embedded(state, self.store, latest, &scenario, silent, &budgets).await?;
        if let Some(client) = session.regfish() {
            self.accounts.push(Account { place: "embedded sandbox".to_owned(), client });
        }
        self.session = Some(session);
        Ok(())
    }

    async fn carry_out(
        &mut self,
        arguments: &GcArguments,
        console: &Console,
    ) -> Result<ExitCode, CliError> {
        if self.accounts.is_empty() {
            self.say_why_nowhere(console).await?;
        }
        let knowledge = Knowledge::read(self.store, self.sandbox).await?;
        let mut judged = self.look(&knowledge).await;
        let now = match &self.session {
            Some(session) => session.driver.clock.now(),
            None => Timestamp::now(),
        };
        let text = arguments.output.output == OutputFormat::Text;
        let views = |judged: &[Judged]| judged.iter().map(|one| one.view.clone()).collect();
        if text {
            let found: Vec<FoundRecord> = views(&judged);
            for line in found_record_lines(&found, now, console.out_style()) {
                console.data(&line);
            }
            if !self.accounts.is_empty() {
                sum_up(&found, arguments.delete, console);
            }
        }
        for line in &self.unread {
            console.talk(&format!("not looked at: {line}"));
        }
        let mut complete = self.unread.is_empty();
        if arguments.delete {
            complete &= self.delete(&mut judged, knowledge, arguments, console).await?;
        }
        if !text {
            console.json(&Findings { records: views(&judged), unread: self.unread.clone() })?;
        }
        Ok(if complete { ExitCode::Success } else { ExitCode::Partly })
    }

    /// Without any connection there is nowhere to look.
    async fn say_why_nowhere(&self, console: &Console) -> Result<(), CliError> {
        let world = if self.sandbox { "the embedded sandbox" } else { "the API" };
        console.talk(&format!("no run of this state folder has used {world}; nothing to look for"));
        if !self.sandbox && self.store.list_runs().await?.iter().any(|run| run.sandbox) {
            console.talk("`certplan gc --sandbox` looks into the embedded sandbox");
        }
        Ok(())
    }

    /// Every record of ours in every account, each once, however many ways lead to it.
    async fn look(&mut self, knowledge: &Knowledge) -> Vec<Judged> {
        let mut judged: Vec<Judged> = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, account) in self.accounts.iter().enumerate() {
            let orders = account.open_orders().await;
            let Scan { marked, unread } = account.scan().await;
            self.unread.extend(unread.into_iter().map(|line| format!("{}: {line}", account.place)));
            let orders = match orders {
                Ok(orders) => Some(orders),
                Err(error) => {
                    let line = format!("{}: the orders cannot be listed: {error}", account.place);
                    self.unread.push(line);
                    None
                }
            };
            for one in marked {
                // Two keys or two addresses can lead to one account.
                if seen.insert((one.zone.clone(), one.record.id)) {
                    let view = view(&one, &account.place, knowledge, orders.as_ref());
                    judged.push(Judged { account: index, marked: one, view });
                }
            }
        }
        judged
    }

    /// Deletes what may go, after a confirmation. False when something was to go and did not.
    async fn delete(
        &self,
        judged: &mut [Judged],
        mut knowledge: Knowledge,
        arguments: &GcArguments,
        console: &Console,
    ) -> Result<bool, CliError> {
        let may_go = |view: &FoundRecord| match view.standing {
            Standing::LeftOver => true,
            Standing::UnknownRun => arguments.unknown,
            Standing::Unclear | Standing::Needed => false,
        };
        let count = judged.iter().filter(|one| may_go(&one.view)).count();
        if count == 0 {
            return Ok(true);
        }
        knowledge.refuse_if_incomplete()?;
        if !arguments.yes {
            confirm_deletion(count, arguments.unknown, console)?;
        }
        // Somebody may have ordered while a person was asked.
        let mut orders: BTreeMap<usize, Option<OpenOrders>> = BTreeMap::new();
        let mut all_gone = true;
        for one in judged.iter_mut().filter(|one| may_go(&one.view)) {
            let account = &self.accounts[one.account];
            if let std::collections::btree_map::Entry::Vacant(entry) = orders.entry(one.account) {
                entry.insert(account.open_orders().await.ok());
            }
            knowledge.renew(self.store, self.sandbox).await?;
            knowledge.refuse_if_incomplete()?;
            let open = orders.get(&one.account).and_then(Option::as_ref);
            let again = view(&one.marked, &account.place, &knowledge, open);
            let (fate, reason) = if again.standing != one.view.standing {
                (Fate::Kept, again.reason)
            } else {
                match account.delete(&one.marked).await {
                    Ok(Fate::Kept) => (Fate::Kept, "somebody changed it meanwhile".to_owned()),
                    Ok(fate) => (fate, one.view.reason.clone()),
                    Err(error) => (Fate::Failed, error.to_string()),
                }
            };
            all_gone &= matches!(fate, Fate::Deleted | Fate::WasGone);
            let what = match fate {
                Fate::Deleted => "deleted".to_owned(),
                Fate::WasGone => "was gone already".to_owned(),
                Fate::Kept => format!("left alone: {reason}"),
                Fate::Failed => format!("not deleted: {reason}"),
            };
            console.talk(&format!("{} CNAME {}: {what}", one.view.name, one.view.value));
            one.view.fate = Some(fate);
            one.view.reason = reason;
        }
        Ok(all_gone)
    }
}

impl Knowledge {
    async fn read(store: &SqliteStore, sandbox: bool) -> Result<Self, CliError> {
        // First the lines: what is added meanwhile shows in a later list.
        let runs = store.list_runs().await?;
        let mut claims = Claims::default();
        for (summary, state) in store.fold_runs().await? {
            if summary.sandbox != sandbox {
                continue;
            }
            let needs = match &state {
                Err(_) => None,
                Ok(state) => match state.phase {
                    RunPhase::Running | RunPhase::Paused(_) => Some(true),
                    RunPhase::Cancelled | RunPhase::Finished(RunResult::Succeeded) => Some(false),
                    // Whether it failed for good depends on its plan.
                    RunPhase::Finished(RunResult::Failed) => {
                        let engine = load(store, &summary.id).await.ok();
                        engine.map(|engine| engine.may_need_its_records())
                    }
                },
            };
            match (state, needs) {
                (Ok(state), Some(needs)) => claims.add(summary.id, RunClaims::of(&state, needs)),
                _ => claims.add_unreadable(summary.id),
            }
        }
        Ok(Self { runs, claims })
    }

    /// Reads again, if any run has moved on.
    async fn renew(&mut self, store: &SqliteStore, sandbox: bool) -> Result<(), CliError> {
        if store.list_runs().await? != self.runs {
            *self = Self::read(store, sandbox).await?;
        }
        Ok(())
    }

    /// A run that cannot be read may count on any record.
    fn refuse_if_incomplete(&self) -> Result<(), CliError> {
        match self.claims.unreadable().next() {
            None => Ok(()),
            Some(run) => {
                let message = format!(
                    "run `{run}` cannot be read, and may need any of them; none is deleted"
                );
                Err(CliError::usage(message).hint("`certplan doctor` says what is wrong with it"))
            }
        }
    }
}

/// The accounts that real runs have used, and a line for each that cannot be reached.
///
/// Fails when there are some and none can be reached.
pub(super) async fn accounts(
    state: &StateDirectory,
    store: &SqliteStore,
    settings: &Settings,
    console: &Console,
) -> Result<(Vec<Account>, Vec<String>), CliError> {
    let budgets = Budgets::new(state, settings, console)?;
    let (mut accounts, mut errors) = (Vec::new(), Vec::new());
    let (plans, mut unread) = plans(store).await?;
    for ((recorded, _), plan) in plans {
        let base_url = connections::recorded_base_url(&connections::REGFISH, &recorded, settings)?;
        let place = base_url.to_string();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        match connections::regfish(&plan, base_url, clock, &budgets).await {
            Ok(client) => accounts.push(Account { place, client }),
            Err(error) => {
                unread.push(format!("{place}: {}", error.message));
                errors.push(error);
            }
        }
    }
    match errors.into_iter().next() {
        Some(error) if accounts.is_empty() => Err(error),
        _ => Ok((accounts, unread)),
    }
}

/// A connection: the address that a run has recorded, and the source of its key.
type ConnectionKey = (String, String);

/// The connections that real runs have used, each with a plan that names it, and a line for each
/// plan that cannot be read.
async fn plans(
    store: &SqliteStore,
) -> Result<(BTreeMap<ConnectionKey, Plan>, Vec<String>), CliError> {
    let (mut plans, mut unread) = (BTreeMap::new(), Vec::new());
    let mut known = BTreeSet::new();
    for (summary, state) in store.fold_runs().await? {
        let Ok(state) = state else { continue };
        let Some(endpoint) = state.header.endpoints.get("regfish") else { continue };
        let plan = (endpoint.clone(), state.header.plan.digest.clone());
        if summary.sandbox || !known.insert(plan) {
            continue;
        }
        let plan = match load(store, &summary.id).await {
            Ok(engine) => engine.plan().clone(),
            Err(error) => {
                unread.push(format!("the connection of run {}: {}", summary.id, error.message));
                continue;
            }
        };
        let source = plan.connections.get("regfish").map(|connection| connection.api_key.clone());
        let source = source.unwrap_or_else(|| SecretSource::Env("REGFISH_API_KEY".to_owned()));
        let source = serde_json::to_string(&source)
            .map_err(|error| CliError::failure(format!("a plan cannot be read: {error}")))?;
        plans.entry((endpoint.clone(), source)).or_insert(plan);
    }
    Ok((plans, unread))
}

/// What is known of a record. Without the list of open orders nothing counts as left over.
fn view(
    marked: &Marked,
    place: &str,
    knowledge: &Knowledge,
    orders: Option<&OpenOrders>,
) -> FoundRecord {
    let record = &marked.record;
    let named = marked.named();
    let run = match &marked.ownership {
        Ownership::Run(run) => Some(run.clone()),
        Ownership::Unclear | Ownership::Foreign => None,
    };
    let claims = &knowledge.claims;
    let known = run.as_ref().and_then(|run| claims.run(run));
    let (standing, reason) = match (&run, orders) {
        (None, _) => (Standing::Unclear, "its note was changed".to_owned()),
        (Some(_), None) => (Standing::Needed, "perhaps: the orders cannot be listed".to_owned()),
        (Some(run), Some(orders)) => {
            let none = BTreeSet::new();
            match claims.judge(run, &named, orders.get(&named).unwrap_or(&none)) {
                RecordNeed::LeftOver => {
                    let phase = known.map_or("ended", |run| run.phase);
                    let verb = if phase == RunPhase::Cancelled.name() { "was" } else { "has" };
                    (Standing::LeftOver, format!("its run {verb} {phase}"))
                }
                RecordNeed::Needed { needed_by } => {
                    (Standing::Needed, format!("run {needed_by} may need it"))
                }
                RecordNeed::OpenOrder { certificate_id } => {
                    (Standing::Needed, format!("the open order {certificate_id} asks for it"))
                }
                RecordNeed::UnknownRun => (Standing::UnknownRun, "its run is not here".to_owned()),
            }
        }
    };
    FoundRecord {
        connection: place.to_owned(),
        zone: marked.zone.clone(),
        name: record.name.clone(),
        kind: record.kind.clone(),
        value: record.data.clone(),
        record_id: record.id,
        target: known.map(|run| run.target.clone()),
        phase: known.map(|run| machine_word(run.phase)),
        since: run.as_ref().and_then(|run| claims.since(run, &named)),
        run,
        standing,
        reason,
        fate: None,
    }
}

fn sum_up(found: &[FoundRecord], deletes: bool, console: &Console) {
    let count = |standing| found.iter().filter(|record| record.standing == standing).count();
    let records =
        |count: usize| if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
    let (left, unknown, needed) =
        (count(Standing::LeftOver), count(Standing::UnknownRun), count(Standing::Needed));
    if needed > 0 {
        console.talk(&format!("{} of ours may still be needed", records(needed)));
    }
    if left == 0 {
        console.talk("nothing is left over");
    } else if !deletes {
        console
            .talk(&format!("`certplan gc --delete` deletes what is left over: {}", records(left)));
    }
    if unknown > 0 && !deletes {
        console.talk(
            "runs of another state folder may need what this one does not know; when you know that \
             they do not: `certplan gc --delete --unknown`",
        );
    }
}

fn confirm_deletion(count: usize, unknown: bool, console: &Console) -> Result<(), CliError> {
    let warning = if unknown {
        "Some may belong to runs of another state folder, which would wait for ever without them.\n"
    } else {
        ""
    };
    let what = if count == 1 { "this record".to_owned() } else { format!("these {count} records") };
    let question =
        format!("{warning}The DNS forgets at once, and nothing undoes it. Delete {what}?");
    confirm(&question, "`certplan gc` only shows them", console)
}
