//! `Gate`: what every request of a connection passes before it is sent, and reports back to.
//!
//! A gate only delays. It never sends a request of a run, never repeats one, and never decides
//! whether one may be repeated: an order goes out once, whenever it goes.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::{ApiError, ErrorKind, RawAnswer};

/// Who goes first when not all can go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Orders and their completion: what somebody pays for and waits for.
    Order,
    /// Everything else that changes something.
    Write,
    /// Lists, looks and downloads. A look that comes later sees more.
    Read,
}

/// Leave to send.
#[derive(Debug)]
pub enum Turn {
    /// Send the request, and report with the pass how it went.
    Go(Pass),
    /// The service did not answer lately: send the connection's probe first, report, and ask again.
    Probe(Pass),
}

/// Why a request did not get its turn. It was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// What it waited for.
    pub reason: String,
}

/// What became of a request that was let through, as far as it matters to the next ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The service works; what it said does not matter here.
    Answered,
    /// The service wants fewer requests (429).
    RateLimited {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// No connection stood, so nothing arrived.
    Unreachable,
    /// The service is in trouble (5xx), or no whole answer came.
    Failing {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// Nobody waited for the answer; the request may still be on its way.
    Abandoned,
}

/// Lets requests through, one after the other or many at a time.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Waits until a request may be sent. Rests while it waits, see [`crate::types::Rest`].
    ///
    /// Fails when the current work is called back or may wait no longer.
    fn pass(
        &self,
        urgency: Urgency,
    ) -> Pin<Box<dyn Future<Output = Result<Turn, TurnedAway>> + Send + '_>>;

    /// Told of every request that was sent, and of the status that came back; for statistics.
    fn sent(&self, _method: &str, _path: &str, _status: Option<u16>) {}
}

/// Leave to send one request. Dropped without a report, the request counts as abandoned.
#[must_use]
pub struct Pass(Option<Box<dyn FnOnce(Verdict) + Send>>);

impl Pass {
    /// A pass that hands the verdict to `report`.
    pub fn new(report: impl FnOnce(Verdict) + Send + 'static) -> Self {
        Self(Some(Box::new(report)))
    }

    /// Says what became of the request.
    pub fn report(mut self, verdict: Verdict) {
        self.hand_in(verdict);
    }

    fn hand_in(&mut self, verdict: Verdict) {
        if let Some(report) = self.0.take() {
            report(verdict);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.hand_in(Verdict::Abandoned);
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pass")
    }
}

impl Verdict {
    /// What the result of a request says to the requests after it.
    pub fn of(result: &Result<RawAnswer, ApiError>) -> Self {
        match result {
            Ok(answer) => Self::of_status(answer.status, answer.retry_after),
            Err(ApiError { kind: ErrorKind::Connect { .. }, .. }) => Self::Unreachable,
            // A status came: it says more than what was wrong with the rest of the answer.
            Err(ApiError { status: Some(status), retry_after, .. }) => {
                Self::of_status(*status, *retry_after)
            }
            Err(ApiError { kind: ErrorKind::NotSent { .. }, .. }) => Self::Answered,
            Err(_) => Self::Failing { retry_after: None },
        }
    }

    fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            429 => Self::RateLimited { retry_after },
            500.. => Self::Failing { retry_after },
            _ => Self::Answered,
        }
    }
}

/// A gate that stands open: no limit, no waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn pass(
        &self,
        _: Urgency,
    ) -> Pin<Box<dyn Future<Output = Result<Turn, TurnedAway>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(Turn::Go(Pass(None)))))
    }
}
