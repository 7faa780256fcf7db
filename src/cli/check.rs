//! `certplan check`: every mistake of every plan, in one go.

use super::arguments::CheckArguments;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::plan_file::compile;

pub(super) fn check(arguments: &CheckArguments, console: &Console) -> Result<ExitCode, CliError> {
    let mut wrong = 0_usize;
    for path in &arguments.plans {
        match compile(path, console) {
            Ok((plan, _)) => {
                console.data(&format!("{}: ok, {} steps", path.display(), plan.steps.len()));
            }
            Err(error) => {
                console.fail(&error);
                wrong += 1;
            }
        }
    }
    if wrong == 0 { Ok(ExitCode::Success) } else { Ok(ExitCode::Usage) }
}
