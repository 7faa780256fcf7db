//! `certplan test`: plays the cases of test files, side by side, and says which are as expected.

mod find;
mod junit;
mod load;
mod text;
mod view;

pub(super) use load::Beside;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arguments::{TestArguments, TestFormat};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
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
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, std::num::NonZeroUsize::get);
    let began = Instant::now();
    let shown = (arguments.output == TestFormat::Text).then_some(console);
    let files = play(suites, jobs, shown).await?;
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

/// Plays everything; with a console, each result is shown as soon as those before it are.
async fn play(
    suites: Vec<Suite>,
    jobs: usize,
    console: Option<&Console>,
) -> Result<Vec<Played>, CliError> {
    let permits = Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS)));
    let mut tasks = JoinSet::new();
    let mut waiting = Vec::new();
    let mut number = 0_usize;
    for suite in suites {
        let names: Vec<String> = suite.cases.iter().map(|case| case.name.clone()).collect();
        let first = number;
        for case in suite.cases {
            let play = rehearse(Arc::clone(&suite.tests), case, Arc::clone(&permits));
            let this = number;
            number += 1;
            tasks.spawn(async move { (this, play.await) });
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
                let Some(next) = tasks.join_next().await else { break };
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
