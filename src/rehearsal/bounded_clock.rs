//! `BoundedClock`: a virtual clock that nobody can sleep on beyond its end.
//!
//! A plan that polls for ever would otherwise be tried for ever, in no time.

use std::pin::Pin;

use tokio::sync::watch;

use crate::types::{Busy, Clock, Timestamp, VirtualClock};

/// A clock that says when somebody wants to sleep too long, and lets nobody do it.
#[derive(Debug, Clone)]
pub(super) struct BoundedClock {
    clock: VirtualClock,
    end: Timestamp,
    exceeded: watch::Sender<bool>,
}

impl BoundedClock {
    pub(super) fn new(clock: VirtualClock, end: Timestamp) -> Self {
        Self { clock, end, exceeded: watch::Sender::new(false) }
    }

    /// Returns when somebody has wanted to sleep beyond the end; never before.
    pub(super) async fn exceeded(&self) {
        let mut receiver = self.exceeded.subscribe();
        // The sender is ours, so it does not go away.
        if receiver.wait_for(|exceeded| *exceeded).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Clock for BoundedClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn busy(&self) -> Busy {
        self.clock.busy()
    }

    fn pass_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.pass_until(at)
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = Busy> + Send + '_>> {
        if at <= self.end {
            return self.clock.sleep_until(at);
        }
        Box::pin(async move {
            // Somebody else may still have something to do before that.
            let _busy = self.clock.sleep_until(self.end).await;
            self.exceeded.send_replace(true);
            std::future::pending().await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn nobody_sleeps_beyond_the_end() {
        let second = |n| Timestamp::from_second(n).unwrap();
        let clock = BoundedClock::new(VirtualClock::starting_at(second(0)), second(10));
        drop(clock.sleep_until(second(10)).await);
        assert_eq!(clock.now(), second(10));
        assert!(clock.exceeded().now_or_never().is_none());
        let work = clock.busy();
        assert!(clock.sleep_until(second(11)).now_or_never().is_none());
        assert!(clock.exceeded().now_or_never().is_none());
        drop(work);
        assert!(clock.sleep_until(second(11)).now_or_never().is_none());
        assert_eq!(clock.now(), second(10));
        clock.exceeded().await;
    }
}
