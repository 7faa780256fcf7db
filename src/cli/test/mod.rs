//! `certplan test`: plays the cases of test files, side by side, and says which are as expected.

mod find;
mod junit;
mod load;
mod text;
mod view;

pub(super) use load::Beside;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::arguments::{TestArguments, TestFormat};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals_saying;
use crate::rehearsal::{CaseResult, rehearse};
use crate::trial::{Case, TestFile};

/// A test file with the cases that are played.
pub(super) struct Suite {
    /// The file as it was named.
    name: String,
    tests: Arc<TestFile>,
    cases: Vec<Case>,
}

/// What came of a test file.
struct Played {
    name: String,
    plan: String,
    results: Vec<CaseResult>,
}

/// What came of everything.
struct Report {
    files: Vec<Played>,
    took: Duration,
}

impl Report {
    fn results(&self) -> impl Iterator<Item = &CaseResult> {
        self.files.iter().flat_map(|file| &file.results)
    }

    fn failed(&self) -> usize {
        self.results().filter(|result| !result.is_good()).count()
    }
}

pub(super) async fn test(
    arguments: TestArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let found = find::find(&arguments.paths)?;
    let suites = load::load(&found.files, console)?;
    let suites = load::select(suites, arguments.filter.as_deref())?;
    for plan in &found.untested {
        console.talk(&format!("no tests: `{}` has no test file beside it", plan.display()));
    }
    // A world waits for the disk, too, so there are two for each processor.
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = arguments.jobs.map_or(2 * processors, NonZeroUsize::get);
    let stop = watch_signals_saying("stopping; the folders of the worlds are removed", console)?;
    let began = Instant::now();
    let shown = (arguments.output == TestFormat::Text).then_some(console);
    let Some(files) = play_unless_stopped(suites, jobs, shown, stop).await? else {
        // A report of some of the cases would look like one of all of them.
        console.talk("interrupted: not all cases were played, so there is no result");
        return Ok(ExitCode::Interrupted);
    };
    let report = Report { files, took: began.elapsed() };
    match arguments.output {
        TestFormat::Text => {
            for line in text::ending(&report, console.out_style()) {
                console.data(&line);
            }
        }
        TestFormat::Json => console.json(&view::view(&report))?,
        TestFormat::Junit => console.data(junit::document(&report).trim_end()),
    }
    Ok(if report.failed() == 0 { ExitCode::Success } else { ExitCode::Failed })
}

/// Plays everything, or nothing more from the moment that somebody asks to stop. When it returns, no
/// world is left.
async fn play_unless_stopped(
    suites: Vec<Suite>,
    jobs: usize,
    console: Option<&Console>,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<Vec<Played>>, CliError> {
    let cannot = |error: std::io::Error| CliError::failure(format!("cannot make a world: {error}"));
    let folder = tempfile::Builder::new().prefix("certplan-test-").tempdir().map_err(cannot)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(cannot)?;
    let mut stage = Stage {
        runtime: runtime.handle().clone(),
        folder: folder.path().into(),
        tasks: JoinSet::new(),
    };
    let played = tokio::select! {
        played = play(suites, jobs, console, &mut stage) => Some(played),
        // Without a sender, nobody asks any more.
        Ok(_) = stop.wait_for(|asked| *asked) => None,
    };
    stage.tasks.shutdown().await;
    // Files that a world was just writing come into being after it has gone, so the worlds have a
    // runtime of their own that is waited for.
    let closing = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE));
    closing.await.map_err(|error| cannot(error.into()))?;
    folder.close().map_err(|error| {
        CliError::failure(format!("cannot remove the folder of the worlds: {error}"))
    })?;
    played.transpose()
}

/// How long it is waited for files that are being written when everything stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where worlds are played.
struct Stage {
    runtime: Handle,
    folder: Arc<Path>,
    tasks: JoinSet<(usize, CaseResult)>,
}

/// Plays everything; with a console, each result is shown as soon as those before it are.
async fn play(
    suites: Vec<Suite>,
    jobs: usize,
    console: Option<&Console>,
    stage: &mut Stage,
) -> Result<Vec<Played>, CliError> {
    let permits = Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS)));
    let mut waiting = Vec::new();
    let mut number = 0_usize;
    for suite in suites {
        let names: Vec<String> = suite.cases.iter().map(|case| case.name.clone()).collect();
        let first = number;
        for case in suite.cases {
            let play = rehearse(
                Arc::clone(&suite.tests),
                case,
                Arc::clone(&stage.folder),
                Arc::clone(&permits),
            );
            let this = number;
            number += 1;
            stage.tasks.spawn_on(async move { (this, play.await) }, &stage.runtime);
        }
        waiting.push((suite.name, suite.tests.plan.name.clone(), names, first));
    }
    let mut ended: Vec<Option<CaseResult>> = (0..number).map(|_| None).collect();
    let mut files = Vec::new();
    for (name, plan, names, first) in waiting {
        let width = text::width(&names);
        if let Some(console) = console {
            console.data(&text::heading(&name, &plan, console.out_style()));
        }
        let mut results = Vec::new();
        for index in first..first + names.len() {
            while ended[index].is_none() {
                let Some(next) = stage.tasks.join_next().await else { break };
                let (done, result) = next.map_err(|error| {
                    CliError::failure(format!("a case broke off; this is a defect: {error}"))
                })?;
                ended[done] = Some(result);
            }
            let Some(result) = ended[index].take() else { continue };
            if let Some(console) = console {
                console.data(&text::line(&result, width, console.out_style()));
            }
            results.push(result);
        }
        files.push(Played { name, plan, results });
    }
    Ok(files)
}
