//! `Window`: so many requests within any such span, and when the next one may go. Pure.
//!
//! An exact sliding log. The usual substitute (GCRA, a token bucket) lets up to twice the limit
//! through a rolling window.
//!
//! What a service counts is when a request *arrives*, and that lies somewhere between sending it
//! and having its answer. So a request is taken to be counted at the latest moment at which it can
//! have been: until it is answered that is the end of its time limit, afterwards the answer's time.
//! Then no window of the service ever holds more than the limit. Proof: take any such window and
//! the request in it that was sent last. All others in it arrived after the window began, so their
//! latest moments lie after that, too; and the last one was sent before the window ended. So all of
//! them were still counted when the last was let through, and it was let through because they were
//! fewer than the limit. Only the speed of two clocks is left, and [`Window::margin`] is for that.

use std::fmt;
use std::time::Duration;

use super::Micros;
use crate::api::http::Urgency;
use crate::types::{format_duration, parse_duration, printable, shorten};

/// More requests than this in a window limit nothing that we could send.
const MOST_REQUESTS: usize = 50_000;

/// Longer windows are taken for a mistake.
const LONGEST_SPAN: Duration = Duration::from_secs(86_400);

/// More windows than this are taken for a mistake.
const MOST_WINDOWS: usize = 8;

/// So many requests within any such span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many are let through.
    pub requests: usize,
    /// Within which time.
    pub span: Duration,
}

/// The windows of a service. All of them hold at the same time; without one there is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows(Vec<Window>);

/// Why a text names no windows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no limit of requests: {reason}")]
pub struct WindowsError {
    /// The offending part, printable and shortened.
    pub text: String,
    /// The rule that it breaks.
    pub reason: String,
}

impl Window {
    /// What the window is longer for us than for the service: clocks do not run equally fast.
    fn margin(self) -> Duration {
        self.span / 200 + Duration::from_millis(1)
    }

    fn length(self) -> Micros {
        Micros::try_from((self.span + self.margin()).as_micros()).unwrap_or(Micros::MAX)
    }

    /// How many requests of this urgency may be in the window. What is less urgent leaves a little
    /// room, also for the more urgent requests of other programs.
    fn room(self, urgency: Urgency) -> usize {
        let kept_free = match urgency {
            Urgency::Order => 0,
            Urgency::Write => self.requests / 50,
            Urgency::Read => self.requests / 20,
        };
        self.requests - kept_free
    }

    /// When one more may go, by the latest moments at which those before were counted.
    fn opens(self, counted: &[Micros], urgency: Urgency, now: Micros) -> Option<Micros> {
        let (length, room) = (self.length(), self.room(urgency));
        let begin = now.saturating_sub(length);
        let inside = counted.iter().filter(|at| **at > begin).count();
        if inside < room {
            return None;
        }
        let mut times: Vec<Micros> = counted.iter().copied().filter(|at| *at > begin).collect();
        let (_, at, _) = times.select_nth_unstable(inside - room);
        Some(at.saturating_add(length))
    }
}

impl Windows {
    /// No limit.
    pub fn none() -> Self {
        Self::default()
    }

    /// What the regfish API announces in its `Ratelimit-Policy` (contract A.0).
    pub fn regfish() -> Self {
        Self(vec![Window { requests: 500, span: Duration::from_secs(60) }])
    }

    /// What DigiCert publishes (contract B.4).
    pub fn digicert() -> Self {
        Self(vec![
            Window { requests: 1_000, span: Duration::from_secs(180) },
            Window { requests: 100, span: Duration::from_secs(5) },
        ])
    }

    /// These windows; fails like [`Windows::parse`] when one of them limits nothing or everything.
    pub fn new(windows: Vec<Window>) -> Result<Self, WindowsError> {
        let refuse = |window: &Window, reason: String| WindowsError {
            text: format!("{}/{}", window.requests, format_duration(window.span)),
            reason,
        };
        for window in &windows {
            if !(1..=MOST_REQUESTS).contains(&window.requests) {
                return Err(refuse(window, format!("it allows 1 to {MOST_REQUESTS} requests")));
            }
            if window.span.is_zero() || window.span > LONGEST_SPAN {
                return Err(refuse(window, "its time is more than 0 and at most a day".to_owned()));
            }
        }
        if windows.len() > MOST_WINDOWS {
            return Err(WindowsError {
                text: format!("{} windows", windows.len()),
                reason: format!("there can be {MOST_WINDOWS}"),
            });
        }
        Ok(Self(windows))
    }

    /// Reads `500/60s`, several with commas between them, or `none`.
    pub fn parse(text: &str) -> Result<Self, WindowsError> {
        if text.trim() == "none" {
            return Ok(Self::none());
        }
        let window = |part: &str| {
            let part = part.trim();
            let refuse = |reason: &str| WindowsError {
                text: shorten(&printable(part), 40),
                reason: reason.to_owned(),
            };
            let (requests, span) = part
                .split_once('/')
                .ok_or_else(|| refuse("it looks like `500/60s`, or is the word `none`"))?;
            let requests = requests
                .trim()
                .parse()
                .map_err(|_| refuse("before `/` stands a number of requests"))?;
            let span = parse_duration(span.trim())
                .map_err(|error| refuse(&format!("after `/` stands a time: {error}")))?;
            Ok(Window { requests, span })
        };
        Self::new(text.split(',').map(window).collect::<Result<_, _>>()?)
    }

    /// Whether there is no limit.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The windows, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        self.0.iter().copied()
    }

    /// When the next request may go; none when that is now.
    pub(super) fn open(&self, counted: &[Micros], urgency: Urgency, now: Micros) -> Option<Micros> {
        self.0.iter().filter_map(|window| window.opens(counted, urgency, now)).max()
    }

    /// What was counted up to this moment is in no window any more.
    pub(super) fn forgotten(&self, now: Micros) -> Micros {
        let longest = self.0.iter().map(|window| window.length()).max().unwrap_or_default();
        now.saturating_sub(longest)
    }

    /// How many requests are in each window now.
    pub(super) fn used(&self, counted: &[Micros], now: Micros) -> Vec<(Window, usize)> {
        let used = |window: &Window| {
            let begin = now.saturating_sub(window.length());
            (*window, counted.iter().filter(|at| **at > begin).count())
        };
        self.0.iter().map(used).collect()
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return formatter.write_str("none");
        }
        for (index, window) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}/{}", window.requests, format_duration(window.span))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_read_as_they_are_written() {
        for text in ["500/1m", "1000/3m,100/5s", "none", "2000/500ms"] {
            assert_eq!(Windows::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Windows::parse(" 500 / 60s ").unwrap(), Windows::regfish());
        assert_eq!(Windows::parse("1000/180s, 100/5s").unwrap(), Windows::digicert());
    }

    #[test]
    fn a_limit_that_cannot_be_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "`` is no limit of requests: it looks like `500/60s`"),
            ("500", "`500` is no limit of requests: it looks like `500/60s`"),
            ("many/60s", "`many/60s` is no limit of requests: before `/` stands a number"),
            ("-1/60s", "`-1/60s` is no limit of requests: before `/` stands a number"),
            ("500/60", "`500/60` is no limit of requests: after `/` stands a time"),
            ("0/60s", "`0/1m` is no limit of requests: it allows 1 to 50000 requests"),
            ("60000/60s", "`60000/1m` is no limit of requests: it allows 1 to 50000 requests"),
            ("5/2d", "`5/2d` is no limit of requests: its time is more than 0 and at most a day"),
            ("1/1s,1/2s,1/3s,1/4s,1/5s,1/6s,1/7s,1/8s,1/9s", "`9 windows` is no limit"),
        ] {
            let error = Windows::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }

    #[test]
    fn the_next_turn_comes_when_the_oldest_leaves_the_window() {
        let windows = Windows::parse("3/10s").unwrap();
        let second = |n: i64| n * 1_000_000;
        let counted = [second(4), second(1), second(2)];
        assert_eq!(windows.open(&counted[..2], Urgency::Order, second(4)), None);
        let at = windows.open(&counted, Urgency::Order, second(4)).unwrap();
        assert!(at > second(11) && at < second(12), "{at}");
        assert_eq!(windows.open(&counted, Urgency::Order, at), None);
    }

    #[test]
    fn polls_leave_room_for_orders() {
        let windows = Windows::parse("100/10s").unwrap();
        for (urgency, room) in [(Urgency::Read, 95), (Urgency::Write, 98), (Urgency::Order, 100)] {
            assert_eq!(windows.open(&vec![1; room - 1], urgency, 1), None, "{urgency:?}");
            assert!(windows.open(&vec![1; room], urgency, 1).is_some(), "{urgency:?}");
        }
    }
}
