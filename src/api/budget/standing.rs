//! `Standing`: whether requests flow, and if not, why: for those who watch.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::condition::Condition;
use super::file::{SharedFile, budget_files};
use super::{Micros, Window, Windows};
use crate::types::{Timestamp, format_duration};

/// Whether requests flow. Tells nothing of single runs: all of them wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They do.
    Flowing,
    /// As many are sent as are allowed; the next one goes then.
    Full {
        /// When.
        until: Timestamp,
    },
    /// The service asked to be left alone (429, `Retry-After`).
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// The service does not answer; it is asked again and again.
    Down {
        /// Since when.
        since: Timestamp,
        /// When it is asked next.
        next: Timestamp,
    },
    /// A person has stopped everything.
    Paused {
        /// Why, as the person said.
        reason: Option<String>,
    },
}

/// How much of the budget is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Each window, and how many requests count in it now.
    pub windows: Vec<(Window, usize)>,
    /// Whether requests flow, as far as the service is concerned.
    pub standing: Standing,
    /// How many requests of this program are under way.
    pub under_way: usize,
    /// How many requests of this program wait for their turn.
    pub waiting: usize,
}

/// The budgets that programs share in `directory`, each with the place that its requests go to; a
/// look, that holds nobody up. What cannot be read is left out.
pub fn shared_budgets<'a>(
    directory: &Path,
    windows: impl Fn(&str) -> &'a Windows,
    now: Timestamp,
) -> Vec<(String, Usage)> {
    let usage = |(place, path): (String, std::path::PathBuf)| {
        let ledger = SharedFile::look(&path).ok()?;
        let at = now.as_microsecond();
        let usage = Usage {
            windows: windows(&place).used(&ledger.slots, at),
            standing: standing(&ledger.condition, at),
            under_way: 0,
            waiting: 0,
        };
        Some((place, usage))
    };
    budget_files(directory).into_iter().filter_map(usage).collect()
}

fn standing(condition: &Condition, now: Micros) -> Standing {
    let timestamp = |at| Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX);
    if now < condition.hold_until {
        Standing::Held { until: timestamp(condition.hold_until) }
    } else if condition.down_since != 0 {
        Standing::Down {
            since: timestamp(condition.down_since),
            next: timestamp(condition.next_probe.max(now)),
        }
    } else {
        Standing::Flowing
    }
}

impl Standing {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Flowing => "flowing",
            Self::Full { .. } => "full",
            Self::Held { .. } => "held",
            Self::Down { .. } => "down",
            Self::Paused { .. } => "paused",
        }
    }

    /// What people who watch are told at `now`: how long it lasts, and not when it ends.
    pub fn sentence(&self, now: Timestamp) -> String {
        let until = |at: &Timestamp| seconds(now, *at);
        match self {
            Self::Full { until: at } => {
                format!("the request limit is reached; the next one goes in {}", until(at))
            }
            Self::Held { until: at } => format!("the API asked for a pause of {}", until(at)),
            Self::Down { since, next } => format!(
                "the API has not answered for {}; asked again in {}",
                seconds(*since, now),
                until(next)
            ),
            Self::Flowing | Self::Paused { .. } => self.to_string(),
        }
    }

    /// Whether this is another thing to wait for than `other`, and not the same for longer.
    pub fn differs_in_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) != std::mem::discriminant(other)
    }
}

/// From one moment to another, in whole seconds, and at least one.
fn seconds(from: Timestamp, to: Timestamp) -> String {
    let span = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    format_duration(Duration::from_secs((span + Duration::from_millis(999)).as_secs().max(1)))
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flowing => formatter.write_str("requests flow"),
            Self::Full { until } => {
                write!(formatter, "the request limit is reached; the next one goes at {until:.0}")
            }
            Self::Held { until } => {
                write!(formatter, "the API asked for a pause until {until:.0}")
            }
            Self::Down { since, next } => {
                write!(
                    formatter,
                    "the API does not answer since {since:.0}; asked next at {next:.0}"
                )
            }
            Self::Paused { reason: Some(reason) } => write!(formatter, "paused: {reason}"),
            Self::Paused { reason: None } => formatter.write_str("paused"),
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.windows.is_empty() {
            return formatter.write_str("no limit of requests");
        }
        for (index, (window, used)) in self.windows.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let span = format_duration(window.span);
            write!(formatter, "{comma}{used} of {} requests in {span}", window.requests)?;
        }
        Ok(())
    }
}
