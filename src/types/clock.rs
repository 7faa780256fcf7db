//! `Clock`: where time comes from, so that a plan that waits three days can be tried in a moment.
//!
//! The system clock sleeps for real. The virtual clock jumps to the next wake-up as soon as nobody
//! is busy any more. Who works holds a [`Busy`]; who sleeps has given it up. Engine, plan and run
//! code never see a clock: they take a [`Timestamp`] as a parameter.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

/// A source of time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Whether time only passes when nobody is busy.
    fn is_virtual(&self) -> bool;

    /// Says that somebody works: a virtual clock stands still while a [`Busy`] is held.
    fn busy(&self) -> Busy;

    /// Sleeps until `at`, and wakes up busy. Returns at once when `at` has passed.
    ///
    /// The future may be dropped at any moment.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = Busy> + Send + '_>>;

    /// Lets time pass until `at`, whoever is busy: a virtual clock jumps there.
    fn pass_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The mark of somebody who works; dropping it gives a virtual clock leave to move on.
#[derive(Debug, Default)]
#[must_use]
pub struct Busy(Option<VirtualClock>);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(clock) = self.0.take() {
            clock.rest();
        }
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// A suspended machine or a stepped clock shows in at most this long.
const LONGEST_NAP: Duration = Duration::from_secs(30);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn is_virtual(&self) -> bool {
        false
    }

    fn busy(&self) -> Busy {
        Busy(None)
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = Busy> + Send + '_>> {
        Box::pin(async move {
            let whole = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
            let began = tokio::time::Instant::now();
            // In naps, because a timer of the runtime does not see that the wall clock moved on;
            // and no longer than meant, because the wall clock can be set back.
            while let Ok(left) = Duration::try_from(at.duration_since(Timestamp::now())) {
                let left = left.min(whole.saturating_sub(began.elapsed()));
                if left.is_zero() {
                    break;
                }
                tokio::time::sleep(left.min(LONGEST_NAP)).await;
            }
            Busy(None)
        })
    }

    fn pass_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move { drop(self.sleep_until(at).await) })
    }
}

/// A clock that costs no time: it jumps to the earliest wake-up when nobody is busy.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<Inner>>);

struct Inner {
    now: Timestamp,
    busy: usize,
    next_ticket: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<Busy>>,
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        formatter
            .debug_struct("VirtualClock")
            .field("now", &inner.now)
            .field("busy", &inner.busy)
            .field("sleepers", &inner.sleepers.len())
            .finish()
    }
}

impl VirtualClock {
    /// A clock that begins at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: start,
            busy: 0,
            next_ticket: 0,
            sleepers: BTreeMap::new(),
        })))
    }

    /// Moves to `at` when that is later than now; sleepers are woken as they come due.
    pub fn advance_to(&self, at: Timestamp) {
        let mut inner = self.lock();
        inner.now = inner.now.max(at);
        self.wake_next(&mut inner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The inner state is whole after every statement, so a poisoned lock is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rest(&self) {
        let mut inner = self.lock();
        inner.busy = inner.busy.saturating_sub(1);
        self.wake_next(&mut inner);
    }

    /// Wakes one sleeper, never two: the order of events is then the same in every run.
    fn wake_next(&self, inner: &mut Inner) {
        while inner.busy == 0 {
            let Some(((at, _), sleeper)) = inner.sleepers.pop_first() else { return };
            // Time does not pass for somebody who is gone.
            if sleeper.is_closed() {
                continue;
            }
            inner.now = inner.now.max(at);
            inner.busy += 1;
            match sleeper.send(Busy(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut unsent) => {
                    // The sleeper is gone. Disarm its mark: dropping it would lock once more.
                    unsent.0 = None;
                    inner.busy -= 1;
                }
            }
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn busy(&self) -> Busy {
        self.lock().busy += 1;
        Busy(Some(self.clone()))
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = Busy> + Send + '_>> {
        Box::pin(async move {
            let woken = {
                let mut inner = self.lock();
                let (sender, receiver) = oneshot::channel();
                let ticket = inner.next_ticket;
                inner.next_ticket += 1;
                inner.sleepers.insert((at, ticket), sender);
                self.wake_next(&mut inner);
                receiver
            };
            // The sender lives in the clock that `self` keeps alive, so it cannot just vanish.
            woken.await.unwrap_or_default()
        })
    }

    fn pass_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.advance_to(at);
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[tokio::test]
    async fn three_days_pass_in_a_moment_when_nobody_is_busy() {
        let clock = VirtualClock::starting_at(second(0));
        let _busy = clock.sleep_until(second(259_200)).await;
        assert_eq!(clock.now(), second(259_200));
    }

    #[tokio::test]
    async fn time_stands_still_while_somebody_works() {
        let clock = VirtualClock::starting_at(second(0));
        let work = clock.busy();
        let sleeper = clock.clone();
        let task = tokio::spawn(async move {
            let _busy = sleeper.sleep_until(second(10)).await;
            sleeper.now()
        });
        tokio::task::yield_now().await;
        assert_eq!(clock.now(), second(0));
        drop(work);
        assert_eq!(task.await.unwrap(), second(10));
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_times() {
        let clock = VirtualClock::starting_at(second(0));
        let gate = clock.busy();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for at in [30, 10, 20] {
            let (clock, sender) = (clock.clone(), sender.clone());
            tokio::spawn(async move {
                let _busy = clock.sleep_until(second(at)).await;
                sender.send(at).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(gate);
        let mut woken = Vec::new();
        for _ in 0..3 {
            woken.push(receiver.recv().await.unwrap());
        }
        assert_eq!(woken, [10, 20, 30]);
    }

    #[tokio::test]
    async fn a_sleeper_that_gave_up_holds_nobody_back() {
        let clock = VirtualClock::starting_at(second(0));
        let gate = clock.busy();
        {
            let mut sleep = clock.sleep_until(second(5));
            let waker = std::task::Waker::noop();
            assert!(sleep.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        }
        let sleeper = clock.clone();
        let task = tokio::spawn(async move {
            let _busy = sleeper.sleep_until(second(7)).await;
        });
        tokio::task::yield_now().await;
        drop(gate);
        task.await.unwrap();
        assert_eq!(clock.now(), second(7));
    }

    #[tokio::test]
    async fn time_does_not_pass_for_a_sleeper_that_gave_up() {
        let clock = VirtualClock::starting_at(second(0));
        let gate = clock.busy();
        let mut sleep = clock.sleep_until(second(5));
        let waker = std::task::Waker::noop();
        assert!(sleep.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        drop(sleep);
        drop(gate);
        assert_eq!(clock.now(), second(0));
    }
}
