//! `certplan rollback`: makes the former set of certificate files the current one again.

use super::arguments::RollbackArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use crate::files::{SetError, roll_back};

pub(super) fn rollback(
    arguments: &RollbackArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let directory = &arguments.directory;
    let to = arguments.to.as_deref();
    let set = roll_back(directory, None, to).map_err(|error| {
        let nothing = matches!(error, SetError::NothingBefore { .. });
        let failed = CliError::usage(error.to_string());
        match nothing {
            true => failed.hint(format!("the sets are in `{}`", directory.join("sets").display())),
            false => failed,
        }
    })?;
    console.data(&set);
    console.talk(&format!(
        "set {set} of {} is current again; reload what uses it; `certplan rollback` undoes this",
        directory.display()
    ));
    Ok(ExitCode::Success)
}
