//! Saving: what changed goes to the disk before it is told, and comes back at the next start.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Inner, Shared, first_script};
use crate::sandbox::ca::{Ca, CaError};
use crate::sandbox::initial::InitialError;
use crate::sandbox::options::SandboxOptions;
use crate::sandbox::random::Randomness;
use crate::sandbox::state_file::{AT_ONCE, Commit, StateFile, StateFileError};
use crate::sandbox::world::World;
use crate::types::Timestamp;

impl Shared {
    /// Which version of the world an answer given now would show.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Makes sure that what `version` shows is on the disk. Requests that wait here at the same
    /// time share one write.
    pub(crate) async fn save(self: &Arc<Self>, version: u64) -> Result<(), StateFileError> {
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
            let changes = inner.world.changes(&touched);
            let commit = Commit { at: inner.world.seen(), changes };
            inner.noted = commit.at;
            (touched, commit, inner.version)
        };
        // When only time has passed, a loss would do no harm.
        let result = if touched.is_empty() { file.write(&commit) } else { file.append(&commit) };
        match &result {
            Ok(()) => {
                self.saved.store(newest, Ordering::Release);
                if file.is_overgrown() {
                    let inner = self.lock();
                    file.compact(|write| write_all(&inner.world, write))?;
                }
            }
            Err(_) => self.lock().world.touch_again(touched),
        }
        result
    }

    /// Begins anew, in memory and on the disk. Whoever calls it holds the turn.
    pub(crate) async fn reset(self: &Arc<Self>) -> Result<(), OpenError> {
        let shared = Arc::clone(self);
        match tokio::task::spawn_blocking(move || shared.reset_now()).await {
            Ok(result) => result,
            // The runtime shuts down.
            Err(_) => Err(StateFileError::Stopped.into()),
        }
    }

    fn reset_now(&self) -> Result<(), OpenError> {
        let options = &self.options;
        let start = self.now();
        let mut random = Randomness::new(options.seed);
        let mut world = new_world(options, &self.ca, start, &mut random)?;
        world.take_touched();
        let script = first_script(options, &mut world, start);
        world.set_lags(options.name_server_lags.clone());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_mut() {
            file.compact(|write| write_all(&world, write))?;
        }
        let mut inner = self.lock();
        // Whoever waits for something of the old world to be saved shall not wait forever.
        let version = inner.version;
        *inner = Inner::new(options, world, script, random);
        inner.version = version;
        self.saved.store(version, Ordering::Release);
        Ok(())
    }

    /// Notes the time once more and closes the state file, so that another sandbox can open it.
    pub(crate) fn close(&self) {
        if self.is_kept
            && let Err(error) = self.save_now()
            && !matches!(error, StateFileError::Stopped)
        {
            tracing::warn!(%error, "the sandbox's last time was not noted");
        }
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Why the world could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error(transparent)]
    Initial(#[from] InitialError),
}

/// A world as the options want it to begin.
pub(super) fn new_world(
    options: &SandboxOptions,
    ca: &Ca,
    start: Timestamp,
    random: &mut Randomness,
) -> Result<World, OpenError> {
    let mut world = World::empty(options.rules());
    options.initial().furnish(&mut world, ca, start, &mut || random.next())?;
    Ok(world)
}

/// The world of the file at `path`, or a new one that is kept there.
pub(super) fn open_kept(
    options: &SandboxOptions,
    path: &Path,
    start: Timestamp,
    random: &mut Randomness,
) -> Result<(World, Ca, StateFile), OpenError> {
    let mut world = World::empty(options.rules());
    let stored = StateFile::load(path, |commit| world.apply(commit.at, commit.changes))?;
    // The old file stays locked until the new one, locked as well, is in its place.
    let (ca, lock) = match stored {
        Some(stored) => {
            world.resume();
            // The same numbers again would be the same tokens for other orders.
            let since = world.seen().map_or(0, |seen| seen.as_second().unsigned_abs());
            *random = Randomness::new(options.seed.map(|seed| seed.wrapping_add(since)));
            (Ca::restore(stored.ca)?, Some(stored.lock))
        }
        None => {
            let ca = Ca::generate()?;
            world = new_world(options, &ca, start, random)?;
            (ca, None)
        }
    };
    world.take_touched();
    let file = StateFile::create(path, ca.state(), |write| write_all(&world, write))?;
    drop(lock);
    Ok((world, ca, file))
}

fn write_all(world: &World, write: &mut dyn FnMut(Commit)) {
    let at = world.seen();
    world.everything(AT_ONCE, |changes| write(Commit { at, changes }));
}
