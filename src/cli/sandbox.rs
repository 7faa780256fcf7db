//! `certplan sandbox`: serves the imitation until it is stopped.

use super::arguments::{SandboxArguments, Speed};
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals;
use crate::files::{FileMode, write_replace};
use crate::sandbox::{Sandbox, SandboxOptions, Timing};
use crate::types::Secret;

pub(super) async fn sandbox(
    arguments: SandboxArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let timing = match arguments.speed {
        Speed::Quick => Timing::quick(),
        Speed::Published => Timing::published(),
    };
    let options = SandboxOptions {
        listen: arguments.listen,
        dns_listen: arguments.dns_listen,
        state_file: arguments.state_file,
        api_key: Secret::new(arguments.key.clone()),
        timing,
        ..SandboxOptions::standalone()
    };
    let mut stop = watch_signals(console)?;
    let sandbox = Sandbox::start(options).await?;
    if let Some(path) = &arguments.root_file {
        write_replace(path, sandbox.root_pem().as_bytes(), FileMode::Public)
            .map_err(|error| CliError::usage(error.to_string()))?;
    }
    console.talk("certplan sandbox: NOT A REAL CA. Its certificates are worth nothing.");
    console.data(&format!("REGFISH_BASE_URL={}", sandbox.base_url()));
    console.data(&format!("REGFISH_API_KEY={}", arguments.key));
    console.talk(&format!("DNS server at {} (UDP and TCP)", sandbox.dns_address()));
    if let Some(path) = &arguments.root_file {
        console.talk(&format!("root certificate in {}", path.display()));
    }
    console.talk("stop it with Ctrl-C");
    // An error means that nobody can ask any more, which is as good as being asked.
    let _ = stop.wait_for(|stop| *stop).await;
    sandbox.stop().await;
    Ok(ExitCode::Success)
}
