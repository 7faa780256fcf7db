//! Reads many runs at once. All of them: one query, in the order of the file, and as many threads that fold as
//! there are processors.
//!
//! One query for each run costs more than reading its events, and decoding them costs more than
//! both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rusqlite::Connection;

use super::ReadError;
use super::schema::{FIRST_NAME, IS_INTENT};
use crate::run::{Event, RunState};
use crate::store::{FoldedRun, StoreError};
use crate::types::RunId;

/// So many runs are handed over at a time.
const RUNS_IN_A_BUNDLE: usize = 64;

/// More threads than this wait for the file.
const MOST_THREADS: usize = 8;

/// The stored events of one run, as texts one behind the other.
struct Story {
    run: String,
    text: String,
    ends: Vec<usize>,
}

impl Story {
    fn push(&mut self, body: &str) {
        self.text.push_str(body);
        self.ends.push(self.text.len());
    }
}

/// The state of every run, or why it has none, by the run's id.
pub(super) fn fold_all(connection: &Connection) -> Result<HashMap<String, FoldedRun>, ReadError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let (sender, receiver) = sync_channel(threads * 2);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&receiver))).collect();
        let read = read_stories(connection, &sender);
        // Without the sender the workers come to their end.
        drop(sender);
        let mut folded = HashMap::new();
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
    let runs = format!("SELECT run FROM events WHERE {IS_INTENT} AND {FIRST_NAME} = ?1");
    let mut runs = connection.prepare_cached(&runs)?;
    let runs = runs.query_map([first], |row| row.get::<_, String>(0))?;
    let mut events =
        connection.prepare_cached("SELECT body FROM events WHERE run = ?1 ORDER BY sequence")?;
    for run in runs.collect::<Result<BTreeSet<String>, _>>()? {
        if folded.contains_key(&run) {
            continue;
        }
        let mut story = Story { run, text: String::new(), ends: Vec::new() };
        let mut bodies = events.query([&story.run])?;
        while let Some(row) = bodies.next()? {
            story.push(
                row.get_ref(0)?.as_str().map_err(|error| StoreError::corrupt("an event", error))?,
            );
        }
        let state = fold(&story);
        folded.insert(story.run, state);
    }
    Ok(())
}

fn read_stories(connection: &Connection, sender: &SyncSender<Vec<Story>>) -> Result<(), ReadError> {
    let mut statement =
        connection.prepare("SELECT run, body FROM events ORDER BY run, sequence")?;
    let mut rows = statement.query([])?;
    let mut bundle: Vec<Story> = Vec::with_capacity(RUNS_IN_A_BUNDLE);
    while let Some(row) = rows.next()? {
        let text = |column: usize| -> Result<&str, ReadError> {
            let value = row.get_ref(column)?;
            value.as_str().map_err(|error| StoreError::corrupt("an event", error).into())
        };
        let (run, body) = (text(0)?, text(1)?);
        if bundle.last().is_none_or(|story| story.run != run) {
            if bundle.len() == RUNS_IN_A_BUNDLE {
                let full = std::mem::replace(&mut bundle, Vec::with_capacity(RUNS_IN_A_BUNDLE));
                // The workers end before the sender only when one of them has broken off.
                sender.send(full).map_err(|_| StoreError::Closed)?;
            }
            let (run, text) = (run.to_owned(), String::new());
            bundle.push(Story { run, text, ends: Vec::new() });
        }
        if let Some(story) = bundle.last_mut() {
            story.push(body);
        }
    }
    sender.send(bundle).map_err(|_| StoreError::Closed)?;
    Ok(())
}

fn work(receiver: &Mutex<Receiver<Vec<Story>>>) -> Vec<(String, FoldedRun)> {
    let mut folded = Vec::new();
    loop {
        let bundle = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(bundle) = bundle else { return folded };
        for story in bundle {
            let state = fold(&story);
            folded.push((story.run, state));
        }
    }
}

fn fold(story: &Story) -> FoldedRun {
    let id = RunId::parse(&story.run)?;
    let mut state: Option<RunState> = None;
    let mut start = 0;
    for end in &story.ends {
        let body = story.text.get(start..*end).unwrap_or_default();
        start = *end;
        let corrupt =
            |error: &dyn ToString| StoreError::corrupt(format!("run `{id}`"), error.to_string());
        let event: Event = serde_json::from_str(body).map_err(|error| corrupt(&error))?;
        match &mut state {
            None => state = Some(RunState::begin(&event).map_err(|error| corrupt(&error))?),
            Some(state) => state.apply(&event).map_err(|error| corrupt(&error))?,
        }
    }
    state.ok_or(StoreError::NoSuchRun(id))
}
