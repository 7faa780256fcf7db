//! Why no request is sent at the moment: an emergency stop, or a service that does not answer or
//! wants to be left alone. For commands that only look.

use super::budget::shared_usage;
use super::connections::Settings;
use super::pause::pause_line;
use super::state_directory::StateDirectory;
use crate::api::budget::{Standing, budget_place};
use crate::run::RunHeader;
use crate::types::{Timestamp, format_duration};

/// A line for each reason, for all runs of the state folder. Runs in the embedded sandbox are not
/// concerned.
pub(super) fn standstill(state: &StateDirectory, now: Timestamp) -> Vec<String> {
    let services = services(state, now);
    pause_line(state).into_iter().chain(services.into_iter().map(|(_, line)| line)).collect()
}

/// The same for one run.
pub(super) fn standstill_of(
    state: &StateDirectory,
    header: &RunHeader,
    now: Timestamp,
) -> Vec<String> {
    if header.sandbox {
        return Vec::new();
    }
    let places: Vec<String> = header.endpoints.values().map(|url| budget_place(url)).collect();
    let services = services(state, now).into_iter().filter(|(place, _)| places.contains(place));
    pause_line(state).into_iter().chain(services.map(|(_, line)| line)).collect()
}

/// The services that are not to be asked now, each with the place that its budget is known by.
fn services(state: &StateDirectory, now: Timestamp) -> Vec<(String, String)> {
    // That a limit in the environment cannot be read is told by whoever sends something.
    let usages = shared_usage(state, &Settings::default()).unwrap_or_default();
    let line = |place: &str, standing: &Standing| match standing {
        Standing::Down { since, .. } => {
            let long = std::time::Duration::try_from(now.duration_since(*since));
            let long = std::time::Duration::from_secs(long.unwrap_or_default().as_secs());
            Some(format!(
                "{place} does not answer since {since:.0} ({}), as far as the programs know that \
                 asked it; all runs wait for it, and none fails",
                format_duration(long)
            ))
        }
        Standing::Held { until } => {
            Some(format!("{place} asked for a pause until {until:.0}; all runs wait for it"))
        }
        Standing::Flowing | Standing::Full { .. } | Standing::Paused { .. } => None,
    };
    let line = |(place, usage): (String, crate::api::budget::Usage)| {
        let line = line(&place, &usage.standing)?;
        Some((place, line))
    };
    usages.into_iter().filter_map(line).collect()
}
