//! Decisions and their reasons in words: what a preview, a recap and a log line say.

use std::fmt;
use std::time::Duration;

use super::{Decision, StartReason};
use crate::types::{Timestamp, format_duration};
use crate::upkeep::Change;

impl fmt::Display for StartReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => formatter.write_str("no certificate was ordered yet"),
            Self::NothingKept => formatter.write_str("the plan orders nothing, so it runs anew"),
            Self::Due { former, valid_until, expired, lead_seconds, unfinished } => {
                let end = day(*valid_until);
                if *expired {
                    write!(formatter, "expired on {end}")?;
                } else {
                    let lead = format_duration(Duration::from_secs(*lead_seconds));
                    write!(formatter, "due: ends on {end}, replaced {lead} before")?;
                }
                match unfinished {
                    Some(phase) => write!(
                        formatter,
                        "; run {former} has brought it, is {} and is not gone on with",
                        phase.name()
                    ),
                    None => Ok(()),
                }
            }
            Self::Again { former, open } => {
                write!(formatter, "ordered anew, as was asked; run {former} has ordered before")?;
                open.iter().try_for_each(|run| {
                    write!(formatter, "; the order of run {run} is still under way")
                })
            }
            Self::Drift { changes, .. } => formatter.write_str(&list(changes)),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { reason } => reason.fmt(formatter),
            Self::Resume { run, phase, changed_inputs, .. } => {
                write!(formatter, "run {run} is {}", phase.name())?;
                if changed_inputs.is_empty() {
                    return Ok(());
                }
                let names: Vec<String> =
                    changed_inputs.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    formatter,
                    "; it began with other inputs ({}) and goes on with those: put them back, or \
                     order anew with `--again=TARGET`",
                    names.join(", ")
                )
            }
            Self::Keep { valid_until, due_at, drift, in_place, .. } => {
                let (end, due) = (day(*valid_until), day(*due_at));
                write!(formatter, "valid until {end}, due on {due}")?;
                if let Some(in_place) = in_place {
                    write!(formatter, "; {in_place}")?;
                }
                if drift.is_empty() { Ok(()) } else { write!(formatter, "; {}", list(drift)) }
            }
            Self::Ask { problem, .. } => formatter.write_str(problem),
        }
    }
}

fn list(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
