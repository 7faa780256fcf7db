//! Reads many runs at once. All of them: one query, in the order of the file, and as many threads
//! that fold as there are processors; each has some of the runs, and all their events.
//!
//! One query for each run costs more than reading its events, and decoding them costs more than
//! both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rusqlite::Connection;

use super::ReadError;
use super::schema::{FIRST_NAME, IS_INTENT};
use crate::run::{Event, RunState};
use crate::store::{FoldedRun, StoreError};
use crate::types::RunId;

/// So many bytes of events are handed over at a time.
const BUNDLE: usize = 256 * 1024;

/// More threads than this wait for the file.
const MOST_THREADS: usize = 8;

/// Stored events, as texts one behind the other, each with the number of its run.
#[derive(Default)]
struct Bundle {
    text: String,
    ends: Vec<(i64, usize)>,
}

impl Bundle {
    fn push(&mut self, run: i64, body: &str) {
        self.text.push_str(body);
        self.ends.push((run, self.text.len()));
    }

    fn events(&self) -> impl Iterator<Item = (i64, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |(run, end)| {
            let body = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            (*run, body)
        })
    }
}

/// What is known of a run so far. Whatever is wrong with it is said once, and what comes behind is
/// not looked at.
#[derive(Default)]
struct Folding(Option<Result<RunState, StoreError>>);

impl Folding {
    fn take_in(&mut self, run: &str, body: &str) {
        let state = match self.0.take() {
            Some(Err(error)) => Err(error),
            Some(Ok(state)) => next(run, Some(state), body),
            None => next(run, None, body),
        };
        self.0 = Some(state);
    }

    fn end(self, run: &str) -> FoldedRun {
        let id = RunId::parse(run)?;
        self.0.unwrap_or(Err(StoreError::NoSuchRun(id)))
    }
}

fn next(run: &str, state: Option<RunState>, body: &str) -> FoldedRun {
    let corrupt =
        |error: &dyn ToString| StoreError::corrupt(format!("run `{run}`"), error.to_string());
    let event: Event = serde_json::from_str(body).map_err(|error| corrupt(&error))?;
    match state {
        None => RunState::begin(&event).map_err(|error| corrupt(&error)),
        Some(mut state) => {
            state.apply(&event).map_err(|error| corrupt(&error))?;
            Ok(state)
        }
    }
}

/// The state of every run, or why it has none, by the run's id.
pub(super) fn fold_all(connection: &Connection) -> Result<HashMap<String, FoldedRun>, ReadError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut statement = connection.prepare("SELECT number, id FROM runs")?;
    let ids = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let ids: HashMap<i64, String> = ids.collect::<Result<_, _>>()?;
    thread::scope(|scope| {
        let (mut senders, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (sender, bundles) = sync_channel(2);
            senders.push(sender);
            let ids = &ids;
            workers.push(scope.spawn(move || work(ids, &bundles)));
        }
        let read = read_events(connection, &senders);
        // Without the senders the workers come to their end.
        drop(senders);
        let mut folded = HashMap::with_capacity(ids.len());
        for worker in workers {
            match worker.join() {
                Ok(part) => folded.extend(part),
                Err(_) => return Err(StoreError::Closed.into()),
            }
        }
        read.map(|()| folded)
    })
}

/// The state of every run that has recorded what it sends for names of which `first` is the first.
pub(super) fn fold_for(
    connection: &Connection,
    first: &str,
    folded: &mut BTreeMap<String, FoldedRun>,
) -> Result<(), ReadError> {
    let runs = format!(
        "SELECT runs.id FROM events JOIN runs ON runs.number = events.run \
         WHERE {IS_INTENT} AND {FIRST_NAME} = ?1"
    );
    let mut runs = connection.prepare_cached(&runs)?;
    let runs = runs.query_map([first], |row| row.get::<_, String>(0))?;
    let mut events = connection.prepare_cached(
        "SELECT body FROM events WHERE run = (SELECT number FROM runs WHERE id = ?1) \
         ORDER BY sequence",
    )?;
    for run in runs.collect::<Result<BTreeSet<String>, _>>()? {
        if folded.contains_key(&run) {
            continue;
        }
        let mut folding = Folding::default();
        let mut bodies = events.query([&run])?;
        while let Some(row) = bodies.next()? {
            let body = row.get_ref(0)?.as_str();
            folding.take_in(&run, body.map_err(|error| StoreError::corrupt("an event", error))?);
        }
        let state = folding.end(&run);
        folded.insert(run, state);
    }
    Ok(())
}

/// Hands every event to the worker that has its run.
fn read_events(connection: &Connection, senders: &[SyncSender<Bundle>]) -> Result<(), ReadError> {
    let mut statement = connection.prepare("SELECT run, body FROM events ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut bundles: Vec<Bundle> = senders.iter().map(|_| Bundle::default()).collect();
    // A worker ends before its sender only when it has broken off.
    let closed = |_| StoreError::Closed;
    while let Some(row) = rows.next()? {
        let run: i64 = row.get(0)?;
        let body = row.get_ref(1)?.as_str();
        let body = body.map_err(|error| StoreError::corrupt("an event", error))?;
        let worker = usize::try_from(run).unwrap_or_default() % senders.len().max(1);
        let (Some(bundle), Some(sender)) = (bundles.get_mut(worker), senders.get(worker)) else {
            continue;
        };
        bundle.push(run, body);
        if bundle.text.len() >= BUNDLE {
            sender.send(std::mem::take(bundle)).map_err(closed)?;
        }
    }
    for (bundle, sender) in bundles.into_iter().zip(senders) {
        sender.send(bundle).map_err(closed)?;
    }
    Ok(())
}

fn work(ids: &HashMap<i64, String>, bundles: &Receiver<Bundle>) -> Vec<(String, FoldedRun)> {
    let mut runs: HashMap<i64, Folding> = HashMap::new();
    let id = |run: &i64| ids.get(run).map_or("", String::as_str);
    while let Ok(bundle) = bundles.recv() {
        for (run, body) in bundle.events() {
            runs.entry(run).or_default().take_in(id(&run), body);
        }
    }
    runs.into_iter().map(|(run, folding)| (id(&run).to_owned(), folding.end(id(&run)))).collect()
}
