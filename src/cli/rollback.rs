//! `certplan rollback`: lists the sets of certificate files, and makes a former one current again.
//!
//! What is gone back to is proved first: nothing live is touched for a set that could not be used.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{OutputFormat, RollbackArguments};
use super::batch::outlook;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::state_directory::{StateDirectory, working_directory};
use crate::action::read_stored;
use crate::files::{SetError, Sets, StoredSet, roll_back, sets};
use crate::report::{SetLine, set_table};
use crate::types::Timestamp;
use crate::upkeep::DuePolicy;

/// A set, as `--output json` writes it.
#[derive(Serialize)]
struct SetView {
    set: String,
    current: bool,
    previous: bool,
    written: Option<Timestamp>,
    files: Vec<String>,
    valid_until: Option<Timestamp>,
    names: Vec<String>,
    /// Why it cannot be used.
    unfit: Option<String>,
}

/// All sets of a folder, the newest first.
#[derive(Serialize)]
struct ListView<'a> {
    directory: &'a Path,
    sets: Vec<SetView>,
}

/// What was done, or would be.
#[derive(Serialize)]
struct BackView<'a> {
    directory: &'a Path,
    set: &'a str,
    left: Option<&'a str>,
    dry_run: bool,
    valid_until: Option<Timestamp>,
    /// What was wrong with it; only with `--anyway` is it not empty.
    objections: &'a [String],
}

pub(super) async fn rollback(
    arguments: &RollbackArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let directory = folder(arguments).await?;
    let now = Timestamp::now();
    let found = sets(&directory).map_err(|error| CliError::usage(error.to_string()))?;
    if arguments.list {
        return list(&directory, &found, arguments, console, now);
    }
    let to = arguments.to.as_deref();
    let set = found.way_back(&directory, None, to).map_err(|error| no_way_back(error, &found))?;
    if found.current.as_deref() == Some(set.name.as_str()) {
        let message = format!("`{}` is current already; nothing was done", set.name);
        return Err(CliError::usage(message));
    }
    let view = view(&directory, &found, set, now);
    let objections = objections(&directory, &found, &view, now);
    if !objections.is_empty() && !arguments.anyway {
        let message = format!("nothing was done: {}", objections.join("; "));
        return Err(CliError::usage(message)
            .hint("`--list` shows all sets, `--to` takes another one")
            .hint("`--anyway` goes back to it all the same"));
    }
    if !arguments.dry_run {
        roll_back(&directory, found.current.as_deref(), Some(&set.name))
            .map_err(|error| CliError::failure(error.to_string()))?;
    }
    let done = BackView {
        directory: &directory,
        set: &set.name,
        left: found.current.as_deref(),
        dry_run: arguments.dry_run,
        valid_until: view.valid_until,
        objections: &objections,
    };
    say(&done, arguments, console)?;
    Ok(ExitCode::Success)
}

fn say(
    done: &BackView<'_>,
    arguments: &RollbackArguments,
    console: &Console,
) -> Result<(), CliError> {
    match arguments.output.output {
        OutputFormat::Json => console.json(done)?,
        OutputFormat::Text => console.data(done.set),
    }
    for objection in done.objections {
        console.talk(&format!("warning: {objection}"));
    }
    let left = done.left.unwrap_or_default();
    let place = done.directory.display();
    console.talk(&match done.dry_run {
        true => {
            format!("set {} of {place} would take the place of {left}; nothing was done", done.set)
        }
        false => format!(
            "set {} of {place} is current again, in place of {left}; reload what uses it; \
             `certplan rollback` undoes this",
            done.set
        ),
    });
    Ok(())
}

/// The folder that was named, or the one that the target's certificate was put into.
async fn folder(arguments: &RollbackArguments) -> Result<PathBuf, CliError> {
    let named = working_directory()?.join(&arguments.place);
    if named.is_dir() {
        return Ok(named);
    }
    let place = arguments.place.display().to_string();
    let unknown = || {
        CliError::usage(format!("`{place}` is neither a folder nor a target with a certificate"))
            .hint(
                "`certplan list` names the targets; a folder is one such as certs/www.example.com",
            )
    };
    let state = StateDirectory::find(&arguments.state)?;
    let Some(store) = state.open_for_looking()? else { return Err(unknown()) };
    let policy = DuePolicy::default();
    let lines = outlook(store.as_ref(), arguments.sandbox, &policy, Timestamp::now()).await?;
    let mut folders: Vec<String> = lines
        .into_iter()
        .filter(|line| line.target == place)
        .filter_map(|line| line.issued?.directory)
        .collect();
    folders.sort();
    folders.dedup();
    match folders.as_slice() {
        [] => Err(unknown()),
        [folder] => Ok(PathBuf::from(folder)),
        several => Err(CliError::usage(format!(
            "target `{place}` has files in several folders: {}",
            several.join(", ")
        ))
        .hint("name the folder")),
    }
}

fn no_way_back(error: SetError, found: &Sets) -> CliError {
    let failed = CliError::usage(error.to_string());
    match (&error, found.all.len()) {
        (SetError::NothingBefore { .. }, 2..) => {
            failed.hint("`--list` shows the sets that are there, `--to` takes one of them")
        }
        _ => failed,
    }
}

/// What speaks against going back to a set.
fn objections(directory: &Path, found: &Sets, set: &SetView, now: Timestamp) -> Vec<String> {
    let mut objections: Vec<String> = set.unfit.iter().cloned().collect();
    let current = found.current.as_deref().and_then(|name| found.find(name));
    let Some(current) = current.map(|stored| view(directory, found, stored, now)) else {
        return objections;
    };
    let lacks = |what: &str, has: &[String], wanted: &[String]| {
        let missing: Vec<String> = wanted
            .iter()
            .filter(|wanted| !has.contains(wanted))
            .map(|missing| format!("`{missing}`"))
            .collect();
        let (set, missing) = (&set.set, missing.join(", "));
        (!missing.is_empty()).then(|| format!("the set `{set}` lacks the {what} {missing}"))
    };
    objections.extend(lacks("files", &set.files, &current.files));
    // Of a set that cannot be read, the names are not known.
    if set.unfit.is_none() {
        objections.extend(lacks("names", &set.names, &current.names));
    }
    objections
}

fn view(directory: &Path, found: &Sets, set: &StoredSet, now: Timestamp) -> SetView {
    let stored = set.has_certificate().then(|| read_stored(directory, Some(&set.name), now));
    let (proof, unfit) = match stored {
        Some(Ok(stored)) => (Some(stored.proof), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    SetView {
        current: found.current.as_deref() == Some(set.name.as_str()),
        previous: found.previous.as_deref() == Some(set.name.as_str()),
        written: Timestamp::try_from(set.written).ok(),
        set: set.name.clone(),
        files: set.files.clone(),
        valid_until: proof.as_ref().map(|proof| proof.not_after),
        names: proof.map(|proof| proof.names).unwrap_or_default(),
        unfit,
    }
}

fn list(
    directory: &Path,
    found: &Sets,
    arguments: &RollbackArguments,
    console: &Console,
    now: Timestamp,
) -> Result<ExitCode, CliError> {
    let views: Vec<SetView> =
        found.all.iter().map(|set| view(directory, found, set, now)).collect();
    match arguments.output.output {
        OutputFormat::Json => console.json(&ListView { directory, sets: views })?,
        OutputFormat::Text if views.is_empty() => {
            console.talk(&format!("no sets in `{}`", directory.display()));
        }
        OutputFormat::Text => {
            let lines: Vec<SetLine<'_>> = views.iter().map(line).collect();
            for line in set_table(&lines, console.out_style()) {
                console.data(&line);
            }
        }
    }
    Ok(ExitCode::Success)
}

fn line(view: &SetView) -> SetLine<'_> {
    SetLine {
        set: &view.set,
        role: match (view.current, view.previous) {
            (true, _) => "current",
            (false, true) => "previous",
            (false, false) => "",
        },
        written: view.written,
        valid_until: view.valid_until,
        names: &view.names,
        unfit: view.unfit.as_deref(),
    }
}
