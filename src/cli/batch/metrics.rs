//! Writing the metrics file: what `--metrics-file` asks for, replaced in one step.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::budget::shared_usage;
use super::super::error::CliError;
use super::super::state_directory::StateDirectory;
use super::super::status::ParkedView;
use super::outlook::outlook;
use super::recap::{Telling, parent_of};
use crate::api::budget::{Standing, Usage, Window};
use crate::files::{FileMode, write_replace};
use crate::report::{BudgetMetric, CertificateMetric, Metrics, Recap, WindowMetric, metrics_text};
use crate::store::Store;
use crate::types::{Timestamp, machine_word};

/// Fails when the file could not be written: that is better known before anything is sent.
pub(super) fn try_metrics_file(path: &Path) -> Result<(), CliError> {
    let refuse = |error: &dyn std::fmt::Display| {
        CliError::usage(format!("`--metrics-file`: cannot write `{}`: {error}", path.display()))
    };
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        return Err(refuse(&"it is a folder"));
    };
    let folder = parent_of(path);
    std::fs::create_dir_all(folder).map_err(|error| refuse(&error))?;
    // What is there is left alone: readers look at its age, too.
    let mut trial = std::ffi::OsString::from(".trial-of-");
    trial.push(name);
    let trial = folder.join(trial);
    write_replace(&trial, b"", FileMode::Public).map_err(|error| refuse(&error))?;
    std::fs::remove_file(&trial).map_err(|error| refuse(&error))
}

/// Writes the metrics of everything in the state folder; `clean` says whether nothing failed.
pub(super) async fn write_metrics(
    path: &Path,
    store: &dyn Store,
    state: &StateDirectory,
    telling: &Telling,
    recap: &Recap,
    requests: BTreeMap<(String, String), u64>,
    clean: bool,
) -> Result<(), CliError> {
    let budgets = shared_usage(state, &telling.settings)?;
    let lines = outlook(store, telling.sandbox, &telling.policy, Timestamp::now()).await?;
    let certificates = lines.into_iter().map(|line| CertificateMetric {
        parked_since: line.parked.as_ref().map(ParkedView::since),
        valid_until: line.valid_until,
        due_at: line.due_at,
        state: machine_word(line.state()),
        plan: line.plan,
        target: line.target,
    });
    let last_success = state.path().join("last-success");
    let ended_at = recap.ended_at;
    let fail = |error: &dyn std::fmt::Display| {
        CliError::failure(format!("cannot write the metrics to `{}`: {error}", path.display()))
    };
    if clean {
        let text = ended_at.to_string();
        write_replace(&last_success, text.as_bytes(), FileMode::Public)
            .map_err(|error| fail(&error))?;
    }
    let recorded = std::fs::read_to_string(&last_success).ok();
    let metrics = Metrics {
        certificates: certificates.collect(),
        requests,
        // Nobody in the sandbox takes from these.
        budgets: budgets.into_iter().filter(|_| !telling.sandbox).map(budget).collect(),
        paused: state.pause_file().read().is_some(),
        last_run: Some(ended_at),
        last_success: recorded.and_then(|text| text.trim().parse().ok()),
    };
    std::fs::create_dir_all(parent_of(path)).map_err(|error| fail(&error))?;
    write_replace(path, metrics_text(&metrics).as_bytes(), FileMode::Public)
        .map_err(|error| fail(&error))
}

fn budget((service, usage): (String, Usage)) -> BudgetMetric {
    let full = usage.windows.iter().any(|(window, used)| *used >= window.requests);
    let standing = match &usage.standing {
        Standing::Flowing if full => "full",
        other => other.name(),
    };
    let metric = |(window, used): (Window, usize)| WindowMetric {
        seconds: window.span.as_secs_f64(),
        limit: window.requests,
        used,
    };
    BudgetMetric { service, standing, windows: usage.windows.into_iter().map(metric).collect() }
}
