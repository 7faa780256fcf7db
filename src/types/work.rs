//! `Work`: one piece of work under way, which may have to wait for its turn.
//!
//! A call of an action has a time limit and keeps a virtual clock from moving. Neither may count
//! while it only waits for others: for the request budget, for an API that is down, for the same
//! answer that another run has asked for already. Whoever waits begins a [`Rest`]: the time limit
//! stops, and the [`Busy`] mark is given up. The work of a task is found by the task itself, so that
//! nothing in between has to hand it on; who spawns a task inside gives it a work of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Busy, Clock, Timestamp};

tokio::task_local! {
    static CURRENT: Work;
}

/// A piece of work. Clones are the same work.
#[derive(Debug, Clone)]
pub struct Work {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
    waits_until: Option<Timestamp>,
    released: Arc<watch::Sender<bool>>,
    /// Told when a rest is over, so that the time limit counts again.
    woken: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    busy: Option<Busy>,
    resting_since: Option<Instant>,
    rested: Duration,
    turned_away: bool,
}

impl Work {
    /// Begins a piece of work, busy on `clock`. It waits for nothing beyond `waits_until`.
    pub fn begin(clock: Arc<dyn Clock>, waits_until: Option<Timestamp>) -> Self {
        let busy = Some(clock.busy());
        let inner = Inner { busy, resting_since: None, rested: Duration::ZERO, turned_away: false };
        let released = Arc::new(watch::Sender::new(false));
        let woken = Arc::new(Notify::new());
        Self { inner: Arc::new(Mutex::new(inner)), clock, waits_until, released, woken }
    }

    /// The work that the running task does, if it was begun by [`Work::within`].
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Does `task` as this work. None when it took longer than `limit`, rests not counted.
    pub async fn within<T>(&self, limit: Duration, task: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let task = CURRENT.scope(self.clone(), task);
        tokio::pin!(task);
        loop {
            let left = limit.saturating_sub(began.elapsed().saturating_sub(self.rested()));
            let resting = self.lock().resting_since.is_some();
            if left.is_zero() && !resting {
                return None;
            }
            tokio::select! {
                biased;
                result = &mut task => return Some(result),
                () = self.woken.notified() => {}
                // Thousands may rest; whoever does has no limit to look at.
                () = tokio::time::sleep(left), if !resting => {}
            }
        }
    }

    /// Does `task` as this work, however long it takes.
    pub async fn through<T>(&self, task: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), task).await
    }

    /// Calls the work back from whatever it waits for, now and from now on: the program is asked
    /// to stop. What is being done is not touched.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Ends as soon as [`Work::release`] was called.
    pub async fn released(&self) {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }

    /// Until when the work waits at most.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.waits_until
    }

    /// Notes that the work was called back before its turn came, and did nothing.
    pub fn turn_away(&self) {
        self.lock().turned_away = true;
    }

    /// Whether the work was called back while it waited: then its result says nothing.
    pub fn was_turned_away(&self) -> bool {
        self.lock().turned_away
    }

    /// Ends the work; who takes its result in is busy in its place.
    pub fn end(&self) -> Busy {
        let busy = self.lock().busy.take();
        busy.unwrap_or_else(|| self.clock.busy())
    }

    fn rested(&self) -> Duration {
        let inner = self.lock();
        inner.rested + inner.resting_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The inner state is whole after every statement, so a poisoned lock is still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rest of a work that waits. Without a work in the task it does nothing.
#[derive(Debug)]
#[must_use]
pub struct Rest(Option<Work>);

impl Rest {
    /// Begins to rest, and gives the mark up to whoever is going to wake the work: while the mark
    /// is kept, a virtual clock stands still.
    pub fn begin() -> (Self, Option<Busy>) {
        let Some(work) = Work::current() else { return (Self(None), None) };
        let busy = {
            let mut inner = work.lock();
            inner.resting_since = Some(Instant::now());
            inner.busy.take()
        };
        (Self(Some(work)), busy)
    }

    /// The work that rests.
    pub fn work(&self) -> Option<&Work> {
        self.0.as_ref()
    }

    /// Goes back to work, with the mark of whoever woke it.
    pub fn end(mut self, busy: Busy) {
        self.wake(Some(busy));
    }

    fn wake(&mut self, busy: Option<Busy>) {
        let Some(work) = self.0.take() else { return };
        let busy = busy.unwrap_or_else(|| work.clock.busy());
        let mut inner = work.lock();
        if let Some(since) = inner.resting_since.take() {
            inner.rested += since.elapsed();
        }
        inner.busy = Some(busy);
        drop(inner);
        work.woken.notify_one();
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        // Whoever waited was dropped: then somebody else in the task goes on.
        self.wake(None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::VirtualClock;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock() -> Arc<VirtualClock> {
        Arc::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH))
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_does_not_count_as_work() {
        let work = Work::begin(clock(), None);
        let done = work
            .within(5 * SECOND, async {
                tokio::time::sleep(2 * SECOND).await;
                let (rest, _) = Rest::begin();
                tokio::time::sleep(3600 * SECOND).await;
                rest.end(Busy::default());
                tokio::time::sleep(2 * SECOND).await;
            })
            .await;
        assert_eq!(done, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_ends_although_it_rested() {
        let work = Work::begin(clock(), None);
        let began = Instant::now();
        let done = work
            .within(5 * SECOND, async {
                let (rest, _) = Rest::begin();
                tokio::time::sleep(60 * SECOND).await;
                rest.end(Busy::default());
                std::future::pending::<()>().await;
            })
            .await;
        assert_eq!(done, None);
        let took = began.elapsed();
        assert!(took >= 65 * SECOND && took < 66 * SECOND, "{took:?}");
    }

    #[tokio::test]
    async fn a_virtual_clock_moves_while_work_rests_and_stands_still_afterwards() {
        let clock = clock();
        let work = Work::begin(clock.clone(), None);
        let at = |second| Timestamp::from_second(second).unwrap();
        let waker = clock.clone();
        work.within(SECOND, async {
            let (rest, busy) = Rest::begin();
            drop(busy);
            rest.end(waker.sleep_until(at(30)).await);
        })
        .await;
        let sleeper = clock.clone();
        let late = tokio::spawn(async move { drop(sleeper.sleep_until(at(99)).await) });
        tokio::task::yield_now().await;
        assert_eq!(clock.now(), at(30));
        drop(work.end());
        late.await.unwrap();
        assert_eq!(clock.now(), at(99));
    }

    #[tokio::test]
    async fn a_wait_that_is_dropped_leaves_the_work_busy() {
        let clock = clock();
        let work = Work::begin(clock.clone(), None);
        work.within(SECOND, async {
            let (rest, busy) = Rest::begin();
            drop((rest, busy));
        })
        .await;
        assert!(format!("{clock:?}").contains("busy: 1"), "{clock:?}");
    }

    #[tokio::test]
    async fn work_without_a_task_of_its_own_rests_without_effect() {
        let (rest, busy) = Rest::begin();
        assert!(rest.work().is_none() && busy.is_none());
    }
}
