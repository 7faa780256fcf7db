//! Ctrl-C and SIGTERM: the first asks the run to stop, the second leaves at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;

/// What is said at the first signal when what is under way comes to its end first.
const STOPPING: &str = "stopping after what is under way; once more to leave at once";

/// A value that turns true when the program is asked to stop.
pub(super) fn watch_signals(console: &Console) -> Result<watch::Receiver<bool>, CliError> {
    watch_signals_saying(STOPPING, console)
}

/// The same, for a command that stops in another way and says so.
pub(super) fn watch_signals_saying(
    words: &'static str,
    console: &Console,
) -> Result<watch::Receiver<bool>, CliError> {
    let unavailable =
        |error: std::io::Error| CliError::failure(format!("cannot watch for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let (sender, receiver) = watch::channel(false);
    let console = console.clone();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked {
                leave();
            }
            asked = true;
            console.talk(words);
            // Nobody may be listening any more, when the run is just ending.
            let _ = sender.send(true);
        }
    });
    Ok(receiver)
}

#[expect(clippy::exit, reason = "the second signal leaves at once; every step is recorded before")]
fn leave() -> ! {
    std::process::exit(ExitCode::Interrupted as i32)
}
