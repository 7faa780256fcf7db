//! The command line: arguments to settings, one file for each command, errors to exit codes and
//! hints.
//!
//! Data goes to stdout, talk goes to stderr. Advice is given here and nowhere deeper.

mod actions;
mod adopt;
mod arguments;
mod batch;
mod batch_arguments;
mod batches;
mod budget;
mod cancel;
mod check;
mod checked_file;
mod confirmation;
mod connections;
mod console;
mod doctor;
mod doctor_account;
mod doctor_state;
mod earlier;
mod endpoints;
mod error;
mod events;
mod exit;
mod explain;
mod foresight;
mod gc;
mod gc_account;
mod graph;
mod in_place;
mod init;
mod inputs;
mod interrupt;
mod inventory_files;
mod list;
mod metrics_file;
mod misplaced;
mod nearby;
mod needed_secrets;
mod open_files;
mod outcome;
mod pause;
mod plan_edits;
mod plan_file;
mod plan_search;
mod preview;
mod preview_asker;
mod preview_summary;
mod resume;
mod rollback;
mod run;
mod same_names;
mod sandbox;
mod sandbox_arguments;
mod sandbox_scenario;
mod sarif;
mod schema;
mod session;
mod show;
mod standstill;
mod state_directory;
mod status;
mod test;

use std::ffi::OsString;

use clap::Parser;

use arguments::{Arguments, Command};
use console::Console;
use error::CliError;
pub use exit::ExitCode;

/// Name and version, as recorded with runs and shown to servers.
pub const PROGRAM: &str = concat!("certplan ", env!("CARGO_PKG_VERSION"));

/// Runs the program with these arguments, the program's name included.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = misplaced::explained(error, &words);
            // A closed pipe is no reason to say more.
            let lost =
                error.print().is_err_and(|lost| lost.kind() != std::io::ErrorKind::BrokenPipe);
            return match (error.use_stderr(), lost) {
                (true, _) => ExitCode::Usage,
                (false, true) => ExitCode::Failed,
                (false, false) => ExitCode::Success,
            };
        }
    };
    let console = Console::new(arguments.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = CliError::failure(format!("cannot start: {error}"));
            return console.fail(&error);
        }
    };
    let result = runtime.block_on(dispatch(arguments.command, &console));
    // A blocking call that is stuck must not keep the program from ending.
    runtime.shutdown_background();
    let code = match result {
        Ok(code) => code,
        Err(error) => console.fail(&error),
    };
    console.conclude(code)
}

async fn dispatch(command: Command, console: &Console) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(arguments) => run::run(arguments, console).await,
        Command::Resume(arguments) => resume::resume(arguments, console).await,
        Command::Adopt(arguments) => adopt::adopt(arguments, console).await,
        Command::Cancel(arguments) => cancel::cancel(arguments, console).await,
        Command::Gc(arguments) => gc::gc(arguments, console).await,
        Command::Status(arguments) => status::status(arguments, console).await,
        Command::List(arguments) => list::list(arguments, console).await,
        Command::Show(arguments) => show::show(arguments, console).await,
        Command::Explain(arguments) => explain::explain(arguments, console).await,
        Command::Events(arguments) => events::events(arguments, console).await,
        Command::Preview(arguments) => preview::preview(arguments, console).await,
        Command::Graph(arguments) => graph::graph(arguments, console).await,
        Command::Check(arguments) => check::check(&arguments, console),
        Command::Init(arguments) => init::init(&arguments, console),
        Command::Actions(arguments) => actions::actions(&arguments, console),
        Command::Test(arguments) => test::test(arguments, console).await,
        Command::Schema(arguments) => schema::schema(&arguments, console),
        Command::Pause(arguments) => pause::pause(arguments, console),
        Command::Unpause(arguments) => pause::unpause(arguments, console),
        Command::Doctor(arguments) => doctor::doctor(arguments, console).await,
        Command::Rollback(arguments) => rollback::rollback(&arguments, console).await,
        Command::Sandbox(arguments) => sandbox::sandbox(arguments, console).await,
    }
}
