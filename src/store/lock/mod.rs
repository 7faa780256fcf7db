//! `TargetLocks`: no two programs work on one target of one plan at the same time.
//!
//! All locks of a folder are ranges of one file, so that ten thousand of them cost one open file.
//! The operating system holds them (open file description locks), so they end with their process,
//! however that ends. What stands in the file is only there to find a target's range again, and to
//! say who holds it.

mod former;
mod slots;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slots::{SlotKey, Slots};

/// The file of locks in its folder.
const FILE: &str = "targets";

/// The locks of one folder. Clones share one open file.
#[derive(Debug, Clone)]
pub struct TargetLocks {
    directory: PathBuf,
    slots: Arc<Mutex<Option<Slots>>>,
}

/// What is locked: a plan's name and a target's name, in the real world or in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetKey {
    /// The plan's name.
    pub plan: String,
    /// The target's name.
    pub target: String,
    /// Whether it is about the embedded sandbox.
    pub sandbox: bool,
}

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct TargetLock {
    slots: Arc<Mutex<Option<Slots>>>,
    number: u64,
}

/// Why a target cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another program works on it.
    #[error("target `{target}` of plan `{plan}` is being worked on by {holder}")]
    Held {
        /// The plan.
        plan: String,
        /// The target.
        target: String,
        /// Who, as it said itself.
        holder: String,
    },
    /// A program that locks in the former way works in the folder, and would not see our locks.
    #[error("an older certplan still works in `{directory}`: {holder}", directory = directory.display())]
    OlderProgram {
        /// The folder of locks.
        directory: PathBuf,
        /// Who, as it said itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock `{path}`: {source}", path = path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LockError {
    /// Whether it helps to wait until somebody else is done.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::OlderProgram { .. })
    }
}

impl TargetLocks {
    /// Keeps the locks in `directory`, which is made when it is first needed.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, slots: Arc::default() }
    }

    /// Locks a target, or says who holds it. `holder` tells others who we are.
    ///
    /// Two locks of one target exclude each other within this process, too.
    pub fn lock(&self, key: &TargetKey, holder: &str) -> Result<TargetLock, LockError> {
        let path = self.directory.join(FILE);
        let fail = |source| LockError::File { path: path.clone(), source };
        let mut guard = shared(&self.slots);
        let slots = match guard.as_mut() {
            Some(slots) if slots.can_be_used(&path).map_err(fail)? => slots,
            _ => guard.insert(self.open(&path)?),
        };
        let slot = SlotKey::of(key);
        let number = slots.number(&slot).map_err(fail)?;
        if !slots.take(number, &slot, holder).map_err(fail)? {
            return Err(LockError::Held {
                plan: key.plan.clone(),
                target: key.target.clone(),
                holder: slots.holder(number),
            });
        }
        Ok(TargetLock { slots: Arc::clone(&self.slots), number })
    }

    fn open(&self, path: &Path) -> Result<Slots, LockError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::File { path, source }
        };
        let slots = Slots::open(&self.directory, path).map_err(fail(path))?;
        match former::clear(&self.directory).map_err(fail(&self.directory))? {
            Some(holder) => {
                Err(LockError::OlderProgram { directory: self.directory.clone(), holder })
            }
            None => Ok(slots),
        }
    }

    /// Whether some program holds the lock now. Makes nothing; what cannot be looked at is not held.
    pub fn is_held(&self, key: &TargetKey) -> bool {
        let mut guard = shared(&self.slots);
        if guard.is_none() {
            *guard = Slots::open_for_looking(&self.directory.join(FILE)).ok();
        }
        let held = guard.as_mut().is_some_and(|slots| slots.is_held(&SlotKey::of(key)));
        held || former::is_held(&self.directory, key)
    }
}

impl Drop for TargetLock {
    fn drop(&mut self) {
        if let Some(slots) = shared(&self.slots).as_mut() {
            slots.give_back(self.number);
        }
    }
}

fn shared(slots: &Mutex<Option<Slots>>) -> MutexGuard<'_, Option<Slots>> {
    // What is held is known to the operating system as well, so a poisoned lock is still right.
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
