//! `StopSignal`: who may ask a run to begin nothing new, and for what reason.
//!
//! A person stops every run. A batch that is to order no more stops those of its runs that have
//! ordered nothing: an order that was paid for goes on, because stopping it saves nothing.

use tokio::sync::watch;

use crate::run::StopReason;

/// What one run listens to.
#[derive(Debug, Clone)]
pub(super) struct StopSignal {
    asked: watch::Receiver<bool>,
    /// Set once its batch is to order no more.
    held_back: Option<watch::Receiver<Option<StopReason>>>,
}

impl StopSignal {
    /// For a run that nobody but a person stops.
    pub(super) fn of(asked: watch::Receiver<bool>) -> Self {
        Self { asked, held_back: None }
    }

    /// For a run of a batch that may come to be held back.
    pub(super) fn in_batch(
        asked: watch::Receiver<bool>,
        held_back: watch::Receiver<Option<StopReason>>,
    ) -> Self {
        Self { asked, held_back: Some(held_back) }
    }

    /// Why nothing new begins now, if that is so.
    pub(super) fn now(&self, has_ordered: bool) -> Option<StopReason> {
        if *self.asked.borrow() || self.asked.has_changed().is_err() {
            return Some(StopReason::Signal);
        }
        self.held_back.as_ref().filter(|_| !has_ordered).and_then(|held_back| *held_back.borrow())
    }

    /// Waits until nothing new is to begin any more. A sender that is gone can no longer ask, and
    /// nobody else can: that counts as well.
    pub(super) async fn wait(&mut self, has_ordered: bool) -> StopReason {
        let asked = async {
            let _ = self.asked.wait_for(|asked| *asked).await;
        };
        let held_back = self.held_back.as_mut().filter(|_| !has_ordered);
        let held_back = async {
            let Some(held_back) = held_back else { return std::future::pending().await };
            match held_back.wait_for(Option::is_some).await.map(|reason| *reason) {
                Ok(Some(reason)) => reason,
                // The batch is gone, and with it everybody who could hold the run back.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => StopReason::Signal,
            reason = held_back => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_ordered_is_stopped_by_a_person_alone() {
        let (asked, held_back) = (watch::Sender::new(false), watch::Sender::new(None));
        let mut signal = StopSignal::in_batch(asked.subscribe(), held_back.subscribe());
        assert_eq!(signal.now(false), None);
        held_back.send_replace(Some(StopReason::TooManyFailures));
        assert_eq!(signal.now(false), Some(StopReason::TooManyFailures));
        assert_eq!(signal.wait(false).await, StopReason::TooManyFailures);
        assert_eq!(signal.now(true), None);
        asked.send_replace(true);
        assert_eq!(signal.now(true), Some(StopReason::Signal));
        assert_eq!(signal.wait(true).await, StopReason::Signal);
    }

    #[tokio::test]
    async fn somebody_who_can_no_longer_ask_counts_as_one_who_did() {
        let mut signal = StopSignal::of(watch::Sender::new(false).subscribe());
        assert_eq!(signal.now(true), Some(StopReason::Signal));
        assert_eq!(signal.wait(true).await, StopReason::Signal);
    }
}
