//! `certplan check`: every mistake of every plan and of every inventory, in one go.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{CheckArguments, CheckFormat};
use super::checked_file::{CheckedFile, Content, FileKind, FileView};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::inventory_files::{inventory_file, inventory_files};
use super::plan_file::{no_plan, read, today};
use super::plan_search::find_files;
use super::sarif;
use crate::document::{Diagnostics, SourceFile};
use crate::plan::ValiditySchedule;
use crate::report::Style;

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
    let limit = schedule.on(arguments.on.unwrap_or_else(today));
    let found = find_files(&arguments.paths)?;
    let mut files: Vec<CheckedFile> =
        found.plans.iter().map(|path| CheckedFile::check(path, limit)).collect();
    let plan = arguments.plan.as_deref();
    // A file that is named as such is an inventory of its own; those behind `--inventory` are one.
    for path in &found.inventories {
        files.extend(CheckedFile::check_inventory(vec![inventory_file(path)], plan));
    }
    if !arguments.inventory.is_empty() {
        files.extend(CheckedFile::check_inventory(inventory_files(&arguments.inventory)?, plan));
    }
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
    match &file.content {
        Some(Content::Plan(plan)) => {
            let steps = counted(plan.steps.len(), "step");
            console.data(&format!("{}: ok, {steps}", file.name));
        }
        Some(Content::Inventory { targets, without_plan }) => {
            let targets = counted(*targets, "target");
            console.data(&format!("{}: ok, {targets}", file.name));
            if *without_plan > 0 {
                console.talk(&format!(
                    "{}: {without_plan} of them name no plan, so that only their names were checked; \
                     `--plan FILE` checks them against one",
                    file.name
                ));
            }
        }
        Some(Content::Scenario) => console.data(&format!("{}: ok, a scenario", file.name)),
        Some(Content::Tests(cases)) => {
            console.data(&format!("{}: ok, {}", file.name, counted(*cases, "case")));
        }
        None => {}
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
    console.talk(&format!(
        "not checked, because they are neither plans nor inventories: {}{more}",
        named.join(", ")
    ));
}

/// What the mistakes of a file mean.
fn last_word(file: &CheckedFile) -> String {
    match file.kind {
        FileKind::Plan => no_plan(&file.name),
        FileKind::Inventory => {
            format!("`{}` is no inventory that can be run; nothing was sent", file.name)
        }
        FileKind::Scenario => format!("`{}` is no scenario that can be used", file.name),
        FileKind::Tests => format!("`{}` is no test file that can be used", file.name),
    }
}

/// One line, when there is something to sum up.
fn summary(files: &[CheckedFile], errors: usize, warnings: usize, style: Style) -> Option<String> {
    let wrong = files.iter().filter(|file| file.errors() > 0).count();
    let doubts = counted(warnings, "warning");
    match (files, wrong) {
        ([file], 1) => Some(format!("{} {}", style.bad("error:"), last_word(file))),
        ([_], _) => None,
        (_, 0) if warnings == 0 => None,
        (_, 0) => Some(format!("{}: {doubts}", counted(files.len(), "file"))),
        (_, _) => {
            let mut line = format!(
                "{} {wrong} of {} cannot be run: {}",
                style.bad("error:"),
                counted(files.len(), "file"),
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
