//! `Shared`: the one world that API, DNS server and controls work on, and its keeper.
//!
//! API requests go through a gate one after the other: what came due is done first, then the
//! request, then what changed is saved. The world's lock is never held across an await, because
//! the CA's look comes back through the DNS server, which needs that lock, too.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ca::{Ca, CaError};
use super::dns::find_tokens;
use super::fault::{Fault, FaultAction, Faults};
use super::observed::{LoggedRequest, OrderSnapshot};
use super::options::SandboxOptions;
use super::state_file::{Commit, StateFile, StateFileError};
use super::world::{Due, DueWork, Random, World};
use crate::types::{Clock, Secret, Timestamp};

/// The log of a sandbox that runs for days must not grow forever.
const LONGEST_LOG: usize = 100_000;

/// What everybody works on.
pub(super) struct Shared {
    pub(super) base_url: String,
    pub(super) dns_address: SocketAddr,
    pub(super) api_key: Secret,
    pub(super) ca: Ca,
    clock: Arc<dyn Clock>,
    /// One request after the other.
    gate: tokio::sync::Mutex<()>,
    inner: Mutex<Inner>,
    /// None when the world is kept nowhere, or not any more.
    file: Mutex<Option<StateFile>>,
    is_kept: bool,
    /// The version of the world that is on the disk.
    saved: AtomicU64,
}

struct Inner {
    world: World,
    log: VecDeque<LoggedRequest>,
    faults: Faults,
    /// Nothing comes due before; unknown after a change.
    quiet_until: Option<Timestamp>,
    /// Counts what must be saved.
    version: u64,
    /// The time in the state file is old enough to be noted again from here on.
    noted: Option<Timestamp>,
}

impl Shared {
    /// Loads or makes the world.
    pub(super) fn open(
        options: &SandboxOptions,
        base_url: String,
        dns_address: SocketAddr,
    ) -> Result<Self, OpenError> {
        let (world, ca, file) = match &options.state_file {
            Some(path) => {
                let (world, ca, file) = open_kept(options, path)?;
                (world, ca, Some(file))
            }
            None => (World::new(options.rules()), Ca::generate()?, None),
        };
        Ok(Self {
            base_url,
            dns_address,
            api_key: options.api_key.clone(),
            ca,
            clock: Arc::clone(&options.clock),
            gate: tokio::sync::Mutex::new(()),
            is_kept: file.is_some(),
            inner: Mutex::new(Inner {
                noted: world.seen(),
                world,
                log: VecDeque::new(),
                faults: Faults::new(options.faults.clone()),
                quiet_until: None,
                version: 0,
            }),
            file: Mutex::new(file),
            saved: AtomicU64::new(0),
        })
    }

    /// Waits for the turn of a request.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    /// Reads the clock and notes the time.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.lock().world.note_time(now)
    }

    /// Reads the world.
    pub(super) fn read_world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.lock().world)
    }

    /// Changes the world.
    pub(super) fn change_world<T>(&self, change: impl FnOnce(&mut World, Random<'_>) -> T) -> T {
        let mut inner = self.lock();
        let result = change(&mut inner.world, &mut random);
        inner.quiet_until = None;
        if inner.world.is_touched() {
            inner.version += 1;
        }
        result
    }

    /// Does what came due by `now`: the CA looks, people answer mails, certificates are signed.
    ///
    /// Nothing runs between requests. That is exact, because only requests change what the CA
    /// would see; and with a virtual clock there is nobody who could run at the right moment.
    pub(super) async fn catch_up(&self, now: Timestamp) {
        if self.lock().quiet_until.is_some_and(|until| now < until) {
            return;
        }
        loop {
            let due = self.read_world(|world| world.due(now));
            if due.is_empty() {
                break;
            }
            for due in due {
                self.settle(&due, now).await;
            }
        }
        let mut inner = self.lock();
        inner.quiet_until = Some(inner.world.next_due().unwrap_or(Timestamp::MAX));
    }

    async fn settle(&self, due: &Due, now: Timestamp) {
        match &due.work {
            DueWork::Look(tokens) => {
                let proved = find_tokens(self.dns_address, tokens).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the sandbox's CA cannot look");
                    false
                });
                self.change_world(|world, _| world.record_look(due, proved, now));
            }
            DueWork::LookInVain => {
                self.change_world(|world, _| world.record_look(due, false, now));
            }
            DueWork::AnswerMail => self.change_world(|world, _| world.record_look(due, true, now)),
            DueWork::Rotate => self.change_world(|world, random| world.rotate_due(due, random)),
            DueWork::Issue => self.issue(due),
        }
    }

    fn issue(&self, due: &Due) {
        let Some(request) = self.read_world(|world| world.issue_request(&due.order_id)) else {
            return;
        };
        // A virtual clock may be days ahead; programs with the machine's clock (`openssl verify`)
        // shall accept the certificate all the same.
        let begin = due.at.min(Timestamp::now());
        match self.ca.issue(&request, due.at, begin, random()) {
            Ok(issued) => {
                self.change_world(|world, _| world.record_issued(&due.order_id, issued));
            }
            Err(error) => {
                tracing::warn!(%error, order = due.order_id, "the sandbox's CA cannot sign");
                self.change_world(|world, _| world.record_rejected(due));
            }
        }
    }

    /// Which version of the world an answer given now would show.
    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Makes sure that what `version` shows is on the disk. Requests that wait here at the same
    /// time share one write.
    pub(super) async fn save(self: &Arc<Self>, version: u64) -> Result<(), StateFileError> {
        if !self.is_kept || !self.must_save(version) {
            return Ok(());
        }
        let shared = Arc::clone(self);
        match tokio::task::spawn_blocking(move || shared.save_now()).await {
            Ok(result) => result,
            // The runtime shuts down.
            Err(_) => Err(StateFileError::Stopped),
        }
    }

    fn must_save(&self, version: u64) -> bool {
        if self.saved.load(Ordering::Acquire) < version {
            return true;
        }
        let inner = self.lock();
        StateFile::is_behind(inner.noted, inner.world.seen())
    }

    fn save_now(&self) -> Result<(), StateFileError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or(StateFileError::Stopped)?;
        let (touched, commit, newest) = {
            let mut inner = self.lock();
            let touched = inner.world.take_touched();
            let commit = Commit { at: inner.world.seen(), changes: inner.world.changes(&touched) };
            inner.noted = commit.at;
            (touched, commit, inner.version)
        };
        // When only time has passed, a loss would do no harm.
        let result = if touched.is_empty() { file.write(&commit) } else { file.append(&commit) };
        match &result {
            Ok(()) => self.saved.store(newest, Ordering::Release),
            Err(_) => self.lock().world.touch_again(touched),
        }
        result
    }

    /// Notes the time once more and closes the state file, so that another sandbox can open it.
    pub(super) fn close(&self) {
        if self.is_kept
            && let Err(error) = self.save_now()
            && !matches!(error, StateFileError::Stopped)
        {
            tracing::warn!(%error, "the sandbox's last time was not noted");
        }
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What goes wrong with this request, if anything.
    pub(super) fn strike(&self, method: &str, path: &str) -> Option<FaultAction> {
        self.lock().faults.strike(method, path)
    }

    pub(super) fn add_fault(&self, fault: Fault) {
        self.lock().faults.add(fault);
    }

    pub(super) fn log(&self, request: LoggedRequest) {
        let mut inner = self.lock();
        if inner.log.len() >= LONGEST_LOG {
            inner.log.pop_front();
        }
        inner.log.push_back(request);
    }

    pub(super) fn logged(&self) -> Vec<LoggedRequest> {
        self.lock().log.iter().cloned().collect()
    }

    pub(super) fn snapshots(&self) -> Vec<OrderSnapshot> {
        let inner = self.lock();
        let now = inner.world.seen().unwrap_or_else(|| self.clock.now());
        let timing = &inner.world.rules.timing;
        inner.world.orders().map(|order| OrderSnapshot::of(order, now, timing)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole when its lock is given back, so a poisoned lock is still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the world could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    #[error(transparent)]
    Ca(#[from] CaError),
}

fn open_kept(options: &SandboxOptions, path: &Path) -> Result<(World, Ca, StateFile), OpenError> {
    let stored = StateFile::load(path)?;
    let (mut world, ca) = match &stored {
        None => (World::new(options.rules()), Ca::generate()?),
        Some(stored) => (World::empty(options.rules()), Ca::restore(stored.ca.clone())?),
    };
    // The old file stays locked until the new one, locked as well, is in its place.
    let lock = stored.map(|stored| {
        for commit in stored.commits {
            world.apply(commit.at, commit.changes);
        }
        world.assume_looked();
        stored.lock
    });
    let commit = Commit { at: world.seen(), changes: world.everything() };
    world.take_touched();
    let file = StateFile::create(path, ca.state(), &commit)?;
    drop(lock);
    Ok((world, ca, file))
}

fn random() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}
