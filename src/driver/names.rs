//! `NameLocks`: runs whose orders are proved at the same DNS name wait for one another.
//!
//! The CA wants another record at the same name for each order (contract A.15, 8), so two orders at
//! once would starve each other. A run holds its names from before it puts the record until its
//! certificate is issued or it stands still. It takes all of them or none, so nobody ever holds one
//! name while waiting for another. Other processes are kept out by the same locks as from targets,
//! which end with their process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::store::{LockError, TargetKey, TargetLock, TargetLocks};
use crate::types::{Busy, Clock, RunId};

/// The validation names that runs of this process hold.
#[derive(Debug)]
pub struct NameLocks {
    locks: TargetLocks,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    held: BTreeMap<Name, (RunId, TargetLock)>,
    /// The same by run, so that giving back does not look through all.
    names: BTreeMap<RunId, BTreeSet<Name>>,
    /// Who waits, the first first; also who was told to go on, until it has.
    queue: Vec<Waiter>,
    next_ticket: u64,
}

/// A name, and whether it is one of the sandbox.
type Name = (String, bool);

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    run: RunId,
    names: BTreeSet<Name>,
    wake: Option<oneshot::Sender<Busy>>,
}

/// Why a run has to wait.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which name, and who has it.
    pub(super) message: String,
    /// The place in line, unless the run has one for the same names already.
    pub(super) place: Option<(Place, oneshot::Receiver<Busy>)>,
}

/// Why a run does not get its names.
#[derive(Debug)]
pub(super) enum Refused {
    /// It has to wait for somebody else.
    Taken(Taken),
    /// The lock file cannot be used: no wait would help, and our other locks may keep nobody out
    /// any more.
    Unusable(LockError),
}

/// A place in line, until it is dropped. Its receiver is told when the names may be free; never,
/// when another process has one of them.
#[derive(Debug)]
pub(super) struct Place {
    locks: Arc<NameLocks>,
    clock: Arc<dyn Clock>,
    ticket: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.locks.lock();
        table.queue.retain(|waiter| waiter.ticket != self.ticket);
        table.tell(self.clock.as_ref());
    }
}

/// The names that one run holds, until it is dropped.
#[derive(Debug)]
pub(super) struct HeldNames {
    locks: Arc<NameLocks>,
    clock: Arc<dyn Clock>,
    run: RunId,
    handed_over: bool,
}

impl HeldNames {
    /// Ends without giving anything back: the run's names are in other hands by now, or given back.
    pub(super) fn hand_over(mut self) {
        self.handed_over = true;
    }
}

impl Drop for HeldNames {
    fn drop(&mut self) {
        if !self.handed_over {
            self.locks.release(&self.run, self.clock.as_ref());
        }
    }
}

impl NameLocks {
    /// Keeps other processes out with `locks`.
    pub fn new(locks: TargetLocks) -> Self {
        Self { locks, table: Mutex::default() }
    }

    /// Takes all names, or none of them and waits in line. What the run held before is given back
    /// when it does not get all.
    pub(super) fn take(
        self: &Arc<Self>,
        run: &RunId,
        names: BTreeSet<String>,
        sandbox: bool,
        clock: &Arc<dyn Clock>,
    ) -> Result<HeldNames, Refused> {
        let names: BTreeSet<Name> = names.into_iter().map(|name| (name, sandbox)).collect();
        let mut table = self.lock();
        let refused = match table.holder(run, &names) {
            Some(refused) => refused,
            None => match self.lock_missing(run, &mut table, &names) {
                Ok(()) => {
                    table.queue.retain(|waiter| waiter.run != *run);
                    let (locks, clock) = (Arc::clone(self), Arc::clone(clock));
                    let (run, handed_over) = (run.clone(), false);
                    return Ok(HeldNames { locks, clock, run, handed_over });
                }
                Err(error) if !error.is_held() => return Err(Refused::Unusable(error)),
                Err(LockError::Held { target, holder, .. }) => {
                    format!("`{target}` is held by {holder}")
                }
                Err(error) => error.to_string(),
            },
        };
        let mut place = None;
        let waits = |waiter: &Waiter| waiter.run == *run && waiter.names == names;
        if !table.queue.iter().any(|waiter| waits(waiter) && waiter.wake.is_some()) {
            let (wake, free) = oneshot::channel();
            let ticket = table.next_ticket;
            table.next_ticket += 1;
            // Whoever was told and found the name taken all the same keeps its place.
            let turn = table.queue.iter().position(|waiter| waiter.run == *run);
            let turn = turn.unwrap_or(table.queue.len());
            table.queue.insert(turn, Waiter { ticket, run: run.clone(), names, wake: Some(wake) });
            place =
                Some((Place { locks: Arc::clone(self), clock: Arc::clone(clock), ticket }, free));
        }
        table.release(run, clock.as_ref());
        Err(Refused::Taken(Taken { message: refused, place }))
    }

    fn lock_missing(
        &self,
        run: &RunId,
        table: &mut Table,
        names: &BTreeSet<Name>,
    ) -> Result<(), LockError> {
        let mut taken = Vec::new();
        for name in names.iter().filter(|name| !table.held.contains_key(*name)) {
            let (target, sandbox) = name.clone();
            let key = TargetKey { plan: "validation name".to_owned(), target, sandbox };
            let holder = format!("run {run} in process {}", std::process::id());
            taken.push((name.clone(), self.locks.lock(&key, &holder)?));
        }
        for (name, lock) in taken {
            table.names.entry(run.clone()).or_default().insert(name.clone());
            table.held.insert(name, (run.clone(), lock));
        }
        Ok(())
    }

    fn release(&self, run: &RunId, clock: &dyn Clock) {
        self.lock().release(run, clock);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // The table is whole after every statement, so a poisoned lock is still right.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Who is before this run at one of the names: who holds it, or waits longer for it.
    fn holder(&self, run: &RunId, names: &BTreeSet<Name>) -> Option<String> {
        let held = names.iter().find_map(|name| {
            let (holder, _) = self.held.get(name).filter(|(holder, _)| holder != run)?;
            Some(format!("`{}` is held by run `{holder}`", name.0))
        });
        held.or_else(|| {
            let ahead = self.queue.iter().take_while(|waiter| waiter.run != *run);
            let first = ahead.into_iter().find(|waiter| !waiter.names.is_disjoint(names))?;
            Some(format!("run `{}` waits longer for the same name", first.run))
        })
    }

    /// Gives back what the run holds, and tells those who can go on now.
    fn release(&mut self, run: &RunId, clock: &dyn Clock) {
        let Some(names) = self.names.remove(run) else { return };
        for name in &names {
            self.held.remove(name);
        }
        self.tell(clock);
    }

    /// Tells those whose names are all free, and wanted by nobody before them.
    fn tell(&mut self, clock: &dyn Clock) {
        let mut claimed: BTreeSet<Name> = BTreeSet::new();
        for waiter in &mut self.queue {
            let free = |name: &Name| !self.held.contains_key(name) && !claimed.contains(name);
            let goes = waiter.names.iter().all(free);
            claimed.extend(waiter.names.iter().cloned());
            if let (true, Some(wake)) = (goes, waiter.wake.take_if(|_| goes)) {
                // Whoever gave up waiting gives its place up as well.
                let _ = wake.send(clock.busy());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SystemClock;

    struct Scene {
        locks: Arc<NameLocks>,
        clock: Arc<dyn Clock>,
        folder: tempfile::TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let locks = TargetLocks::new(folder.path().to_owned());
            Self { locks: Arc::new(NameLocks::new(locks)), clock: Arc::new(SystemClock), folder }
        }

        fn take(&self, run: u64, names: &[&str]) -> Result<HeldNames, Taken> {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let taken = self.locks.take(&RunId::from_random(run), names, false, &self.clock);
            taken.map_err(|refused| match refused {
                Refused::Taken(taken) => taken,
                Refused::Unusable(error) => panic!("{error}"),
            })
        }
    }

    fn is_told(taken: &mut Taken) -> bool {
        taken.place.as_mut().unwrap().1.try_recv().is_ok()
    }

    #[test]
    fn who_gives_up_its_place_lets_the_next_one_go_on() {
        let scene = Scene::new();
        let first = scene.take(1, &["a"]).unwrap();
        let second = scene.take(2, &["a"]).unwrap_err();
        let mut third = scene.take(3, &["a"]).unwrap_err();
        drop(first);
        assert!(!is_told(&mut third));
        drop(second);
        assert!(is_told(&mut third));
        let again = scene.take(4, &["a"]).unwrap_err();
        assert!(again.message.contains("waits longer"), "{}", again.message);
        let _third = scene.take(3, &["a"]).unwrap();
    }

    #[test]
    fn a_lock_file_that_was_taken_away_is_nothing_to_wait_for() {
        let scene = Scene::new();
        let _first = scene.take(1, &["a"]).unwrap();
        std::fs::remove_dir_all(scene.folder.path()).unwrap();
        let names = BTreeSet::from(["b".to_owned()]);
        let refused = scene.locks.take(&RunId::from_random(2), names, false, &scene.clock);
        let Err(Refused::Unusable(error)) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("it was deleted or replaced"), "{error}");
    }

    #[test]
    fn who_needs_the_same_name_is_told_who_has_it_and_when_it_is_free() {
        let scene = Scene::new();
        let first = scene.take(1, &["a", "b"]).unwrap();
        let mut taken = scene.take(2, &["b", "c"]).unwrap_err();
        assert_eq!(taken.message, format!("`b` is held by run `{}`", RunId::from_random(1)));
        assert!(!is_told(&mut taken));
        drop(first);
        assert!(is_told(&mut taken));
        let _second = scene.take(2, &["b", "c"]).unwrap();
    }

    #[test]
    fn all_or_none_are_taken_so_that_nobody_waits_for_ever() {
        let scene = Scene::new();
        let first = scene.take(1, &["a"]).unwrap();
        let second = scene.take(2, &["b"]).unwrap();
        // Each wants what the other has: the first gives its name back while it waits.
        let mut waits = scene.take(1, &["a", "b"]).unwrap_err();
        drop(first);
        let _both = scene.take(2, &["a", "b"]).unwrap_err();
        drop(second);
        assert!(is_told(&mut waits));
        let _first = scene.take(1, &["a", "b"]).unwrap();
    }

    #[test]
    fn nobody_overtakes_in_the_line() {
        let scene = Scene::new();
        let first = scene.take(1, &["a"]).unwrap();
        let mut second = scene.take(2, &["a", "b"]).unwrap_err();
        let mut third = scene.take(3, &["b"]).unwrap_err();
        assert!(third.message.contains("waits longer"), "{}", third.message);
        drop(first);
        assert!(is_told(&mut second) && !is_told(&mut third));
        let second = scene.take(2, &["a", "b"]).unwrap();
        drop(second);
        assert!(is_told(&mut third));
    }

    #[test]
    fn a_name_that_another_process_holds_is_not_taken() {
        let scene = Scene::new();
        let elsewhere = NameLocks::new(TargetLocks::new(scene.folder.path().to_owned()));
        let names = BTreeSet::from(["a".to_owned()]);
        let other = RunId::from_random(9);
        let held = Arc::new(elsewhere).take(&other, names, false, &scene.clock).unwrap();
        let taken = scene.take(1, &["a", "b"]).unwrap_err();
        assert!(taken.message.starts_with(&format!("`a` is held by run {other}")), "{taken:?}");
        drop(held);
        let _ours = scene.take(1, &["a", "b"]).unwrap();
    }
}
