//! `confirm`: asks a person before something that cannot be taken back.

use std::io::{BufRead, IsTerminal};

use super::console::Console;
use super::error::CliError;

/// Asks `question` on a terminal; only `yes` is a yes. Without a terminal nobody can have meant it,
/// and the answer is no, with a `hint` at what to look at first.
pub(super) fn confirm(question: &str, hint: &str, console: &Console) -> Result<(), CliError> {
    let refused = || {
        CliError::usage(format!("not confirmed; nothing was changed. The question was: {question}"))
            .hint(format!("{hint}; `--yes` confirms without asking"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    console.talk(&format!("{question} Type `yes`: "));
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => Err(refused()),
    }
}
