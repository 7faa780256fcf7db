//! Ordering anew for targets that have ordered before: the command that does it, as it is typed, and
//! the question before it.

use serde_json::Value;

use super::super::confirmation::confirm;
use super::super::console::Console;
use super::super::error::CliError;
use crate::run::RunHeader;
use crate::store::BatchRequest;
use crate::types::{RunId, printable};

/// So many targets are named one by one.
const NAMED: usize = 20;

/// The command that orders anew for these targets of the inventory that a batch was begun with, and
/// works on no other one: the batch may have been about a few of them. None when it was begun with
/// none.
pub(super) fn in_the_inventory(request: &BatchRequest, targets: &[&str]) -> Option<String> {
    if request.inventory.is_empty() || targets.is_empty() {
        return None;
    }
    let mut words = vec!["certplan run".to_owned()];
    words.extend(request.plan.iter().map(|plan| shell_word(plan)));
    words.extend(request.inventory.iter().map(|file| format!("--inventory {}", shell_word(file))));
    let targets = targets.join(",");
    words.push(shell_word(&format!("--limit={targets}")));
    words.push(shell_word(&format!("--again={targets}")));
    Some(words.join(" "))
}

/// The command that orders anew for the target of one run, with the inputs that it had.
pub(super) fn alone(header: &RunHeader) -> String {
    let mut words = vec![format!("certplan run {} --again", shell_word(&header.plan.file))];
    words.push(format!("--target {}", shell_word(&header.target)));
    for (name, value) in &header.inputs {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        words.push(format!("--input {}", shell_word(&format!("{name}={text}"))));
    }
    words.join(" ")
}

/// Asks before anything is ordered a second time, however little it is.
pub(in crate::cli) fn confirm_again(
    targets: &[(&str, &[RunId])],
    console: &Console,
) -> Result<(), CliError> {
    if targets.is_empty() {
        return Ok(());
    }
    let name = |(name, open): &(&str, &[RunId])| {
        let runs: Vec<&str> = open.iter().map(RunId::as_str).collect();
        let words = match runs.as_slice() {
            [] => String::new(),
            runs => format!(" (whose order is still under way, run {})", runs.join(", run ")),
        };
        format!("{}{words}", printable(name))
    };
    let named: Vec<String> = targets.iter().take(NAMED).map(name).collect();
    let beyond = targets.len().saturating_sub(NAMED);
    let more = if beyond > 0 { format!(" and {beyond} more") } else { String::new() };
    let (count, word) = match targets.len() {
        1 => ("1 certificate".to_owned(), "a target that has"),
        many => (format!("{many} certificates"), "targets that have"),
    };
    let question = format!(
        "This orders {count} anew, for {word} ordered before: {}{more}. It costs money. Go on?",
        named.join(", ")
    );
    confirm(&question, "`certplan list` says what each of them has", console)
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", printable(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_whole_and_a_shell_takes_it_as_it_is_meant() {
        let request = BatchRequest {
            inventory: vec!["in ventory.yaml".to_owned(), "more.csv".to_owned()],
            plan: Some("dv.yaml".to_owned()),
            ..BatchRequest::default()
        };
        assert_eq!(
            in_the_inventory(&request, &["a", "*.b"]).unwrap(),
            "certplan run dv.yaml --inventory 'in ventory.yaml' --inventory more.csv \
             '--limit=a,*.b' '--again=a,*.b'"
        );
        assert_eq!(in_the_inventory(&BatchRequest::default(), &["a"]), None);
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
