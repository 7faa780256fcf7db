//! `MetricsFile`: what `--metrics-file` asks for: written when a command begins to run plans, now and
//! then while it does, and at its end; each time replaced in one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::outlook;
use super::budget::shared_usage;
use super::connections::Settings;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::StateDirectory;
use super::status::ParkedView;
use crate::api::budget::{Standing, Usage, Window};
use crate::files::{FileMode, write_replace};
use crate::report::{BudgetMetric, CertificateMetric, Metrics, WindowMetric, metrics_text};
use crate::store::SqliteStore;
use crate::types::{Timestamp, machine_word};
use crate::upkeep::DuePolicy;

/// While plans run, the file is no older than this and what it takes to write it.
const INTERVAL: Duration = Duration::from_secs(15);

/// Writing takes no more than one part in so many of the time: ten thousand runs are read for it.
const SHARE: u32 = 10;

/// Tells how many requests went where, with which status, so far.
pub(super) type Requests = Arc<dyn Fn() -> BTreeMap<(String, String), u64> + Send + Sync>;

/// What the metrics are of.
pub(super) struct Subject {
    pub(super) store: Arc<SqliteStore>,
    pub(super) state: StateDirectory,
    pub(super) policy: DuePolicy,
    /// They say how many requests the services take.
    pub(super) settings: Settings,
    pub(super) sandbox: bool,
    pub(super) requests: Requests,
}

/// The metrics file of a command that runs plans.
pub(super) struct MetricsFile {
    scribe: Arc<Scribe>,
    done: watch::Sender<bool>,
    writing: tokio::task::JoinHandle<()>,
}

struct Scribe {
    path: PathBuf,
    subject: Subject,
}

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

impl MetricsFile {
    /// Writes the file, and goes on doing so while plans run. Nothing when there is no `path`.
    pub(super) async fn begin(
        path: Option<&Path>,
        subject: impl FnOnce() -> Subject,
    ) -> Result<Option<Self>, CliError> {
        let Some(path) = path else { return Ok(None) };
        try_metrics_file(path)?;
        let scribe = Arc::new(Scribe { path: path.to_owned(), subject: subject() });
        scribe.write(true).await?;
        let (done, heard) = watch::channel(false);
        let writer = Arc::clone(&scribe);
        let writing = tokio::spawn(async move {
            let write = || {
                let writer = Arc::clone(&writer);
                // What goes wrong on the way is told at the end, when it is still so.
                async move { drop(writer.write(true).await) }
            };
            keep_up(write, heard).await;
        });
        Ok(Some(Self { scribe, done, writing }))
    }

    /// Writes the file for the last time; `clean` says whether nothing failed.
    async fn end(self, clean: bool) -> Result<(), CliError> {
        self.done.send_replace(true);
        // A writer that broke off must not take the command with it.
        let _ = self.writing.await;
        if clean {
            self.scribe.note_success()?;
        }
        self.scribe.write(false).await
    }
}

/// The end of a command that came to this code; what became of its runs matters more than a file.
pub(super) async fn end_with(
    metrics: Option<MetricsFile>,
    code: ExitCode,
    console: &Console,
) -> ExitCode {
    let Some(metrics) = metrics else { return code };
    let clean = matches!(code, ExitCode::Success | ExitCode::Parked | ExitCode::Locked);
    match metrics.end(clean).await {
        Ok(()) => code,
        Err(error) => {
            console.warn(&error);
            if code == ExitCode::Success { ExitCode::Failed } else { code }
        }
    }
}

/// The same for a command that could not do its work.
pub(super) async fn end_with_error(
    metrics: Option<MetricsFile>,
    error: CliError,
    console: &Console,
) -> CliError {
    let _ = end_with(metrics, error.code, console).await;
    error
}

/// Writes again and again until it is done.
async fn keep_up<F: Future<Output = ()>>(
    mut write: impl FnMut() -> F,
    mut done: watch::Receiver<bool>,
) {
    let mut pause = INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = done.wait_for(|done| *done) => return,
        }
        let began = Instant::now();
        write().await;
        pause = INTERVAL.max(began.elapsed() * SHARE);
    }
}

impl Scribe {
    fn fail(&self, error: &dyn std::fmt::Display) -> CliError {
        let path = self.path.display();
        CliError::failure(format!("cannot write the metrics to `{path}`: {error}"))
    }

    /// Where it stands when plans ran last and nothing failed.
    fn last_success(&self) -> PathBuf {
        self.subject.state.path().join("last-success")
    }

    fn note_success(&self) -> Result<(), CliError> {
        let text = Timestamp::now().to_string();
        write_replace(&self.last_success(), text.as_bytes(), FileMode::Public)
            .map_err(|error| self.fail(&error))
    }

    /// Writes the metrics of everything in the state folder.
    async fn write(&self, running: bool) -> Result<(), CliError> {
        let Subject { store, state, policy, settings, sandbox, requests } = &self.subject;
        let now = Timestamp::now();
        let budgets = shared_usage(state, settings)?;
        let lines = outlook(store.as_ref(), *sandbox, policy, now).await?;
        let certificates = lines.into_iter().map(|line| CertificateMetric {
            parked_since: line.parked.as_ref().map(ParkedView::since),
            valid_until: line.valid_until,
            due_at: line.due_at,
            state: machine_word(line.state),
            plan: line.plan,
            target: line.target,
        });
        let recorded = std::fs::read_to_string(self.last_success()).ok();
        let metrics = Metrics {
            certificates: certificates.collect(),
            requests: requests(),
            // Nobody in the sandbox takes from these.
            budgets: budgets.into_iter().filter(|_| !sandbox).map(budget).collect(),
            paused: state.pause_file().read().is_some(),
            running,
            last_run: Some(now),
            last_success: recorded.and_then(|text| text.trim().parse().ok()),
        };
        std::fs::create_dir_all(parent_of(&self.path)).map_err(|error| self.fail(&error))?;
        write_replace(&self.path, metrics_text(&metrics).as_bytes(), FileMode::Public)
            .map_err(|error| self.fail(&error))
    }
}

/// The folder of a file that is named by `path`.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_written_every_fifteen_seconds_and_more_rarely_when_that_takes_long() {
        let (done, heard) = watch::channel(false);
        let began = Instant::now();
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let write = move || {
            let seen = Arc::clone(&seen);
            async move {
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(began.elapsed().as_secs());
                    seen.len()
                };
                // The third write takes long.
                tokio::time::sleep(Duration::from_secs(if number == 3 { 4 } else { 0 })).await;
            }
        };
        let writing = tokio::spawn(keep_up(write, heard));
        tokio::time::sleep(Duration::from_secs(105)).await;
        done.send_replace(true);
        writing.await.unwrap();
        // After the third, which ends at 49 s, ten times its length.
        assert_eq!(*times.lock().unwrap(), [15, 30, 45, 89, 104]);
    }
}
