//! `certplan check`: every mistake of every plan, in one go.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{CheckArguments, CheckFormat};
use super::checked_file::{CheckedFile, FileView};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::plan_file::{no_plan, read};
use super::plan_search::find_plans;
use super::sarif;
use crate::document::{Diagnostics, SourceFile};
use crate::plan::ValiditySchedule;
use crate::report::Style;
use crate::types::Timestamp;

/// So many files that are no plans are named.
const MOST_NAMED: usize = 5;

/// The result as plain data.
#[derive(Debug, Serialize)]
struct CheckView<'a> {
    files: Vec<FileView<'a>>,
    skipped: Vec<String>,
    errors: usize,
    warnings: usize,
}

pub(super) fn check(arguments: &CheckArguments, console: &Console) -> Result<ExitCode, CliError> {
    let schedule = schedule(arguments.validity_schedule.as_deref(), console)?;
    let today = || Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let limit = schedule.on(arguments.on.unwrap_or_else(today));
    let found = find_plans(&arguments.paths)?;
    let files: Vec<CheckedFile> =
        found.plans.iter().map(|path| CheckedFile::check(path, limit)).collect();
    let errors: usize = files.iter().map(CheckedFile::errors).sum();
    let warnings: usize = files.iter().map(CheckedFile::warnings).sum();
    match arguments.output {
        CheckFormat::Text => {
            for file in &files {
                show(file, console);
            }
            say_skipped(&found.skipped, console);
            if let Some(line) = summary(&files, errors, warnings, console.talk_style()) {
                console.talk(&line);
            }
        }
        CheckFormat::Json => console.json(&CheckView {
            files: files.iter().map(CheckedFile::view).collect(),
            skipped: found.skipped.iter().map(|path| path.display().to_string()).collect(),
            errors,
            warnings,
        })?,
        CheckFormat::Sarif => console.json(&sarif::log(&files))?,
    }
    let denied = arguments.deny_warnings && warnings > 0;
    if denied && errors == 0 && arguments.output == CheckFormat::Text {
        console.talk("warnings count as mistakes here (`--deny-warnings`)");
    }
    if errors > 0 || denied { Ok(ExitCode::Usage) } else { Ok(ExitCode::Success) }
}

/// The schedule to go by. What is wrong with the file is shown; the error only sums up.
fn schedule(file: Option<&Path>, console: &Console) -> Result<ValiditySchedule, CliError> {
    let Some(path) = file else { return Ok(ValiditySchedule::default()) };
    let name = path.display().to_string();
    let bytes = read(path).map_err(|error| {
        CliError::usage(format!("cannot read the validity schedule `{name}`: {error}"))
    })?;
    let schedule =
        SourceFile::from_bytes(&name, &bytes).and_then(|file| ValiditySchedule::parse(&file));
    schedule.map_err(|wrong| {
        draw(&wrong, console);
        CliError::usage(format!("`{name}` is no validity schedule"))
    })
}

fn show(file: &CheckedFile, console: &Console) {
    draw(&file.found, console);
    if let Some(plan) = &file.plan {
        let steps = counted(plan.steps.len(), "step");
        console.data(&format!("{}: ok, {steps}", file.name));
    }
    if file.is_scenario && file.errors() == 0 {
        console.data(&format!("{}: ok, a scenario", file.name));
    }
}

fn draw(diagnostics: &Diagnostics, console: &Console) {
    for line in diagnostics.render(console.talk_style().is_coloured()).lines() {
        console.talk(line);
    }
}

fn say_skipped(skipped: &[PathBuf], console: &Console) {
    if skipped.is_empty() {
        return;
    }
    let named: Vec<String> =
        skipped.iter().take(MOST_NAMED).map(|path| format!("`{}`", path.display())).collect();
    let more = match skipped.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    console.talk(&format!("not checked, because they are no plans: {}{more}", named.join(", ")));
}

/// One line, when there is something to sum up.
fn summary(files: &[CheckedFile], errors: usize, warnings: usize, style: Style) -> Option<String> {
    let wrong = files.iter().filter(|file| file.errors() > 0).count();
    let doubts = counted(warnings, "warning");
    match (files, wrong) {
        ([file], 1) if file.is_scenario => {
            let what = format!("`{}` is no scenario that can be used", file.name);
            Some(format!("{} {what}", style.bad("error:")))
        }
        ([file], 1) => Some(format!("{} {}", style.bad("error:"), no_plan(&file.name))),
        ([_], _) => None,
        (_, 0) if warnings == 0 => None,
        (_, 0) => Some(format!("{}: {doubts}", counted(files.len(), "plan"))),
        (_, _) => {
            let mut line = format!(
                "{} {wrong} of {} cannot be run: {}",
                style.bad("error:"),
                counted(files.len(), "plan"),
                counted(errors, "mistake")
            );
            if warnings > 0 {
                line.push_str(&format!(", {doubts}"));
            }
            Some(line)
        }
    }
}

/// "1 step", "2 steps".
fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
