//! Ordering anew for targets that have ordered before: the command that does it, as it is typed, and
//! the question before it.

use serde_json::Value;

use super::super::confirmation::confirm;
use super::super::console::Console;
use super::super::error::CliError;
use crate::inventory::Limit;
use crate::run::RunHeader;
use crate::store::BatchRequest;
use crate::types::{RunId, printable};

/// So many targets are named one by one.
const NAMED: usize = 20;

/// The command that orders anew for these targets of the inventory that a batch was begun with, and
/// works on no other one: the batch may have been about a few of them. None when it was begun with
/// none. What was tried in the sandbox is never named without it: outside it costs money.
pub(super) fn in_the_inventory(
    request: &BatchRequest,
    sandbox: bool,
    targets: &[&str],
) -> Option<String> {
    if request.inventory.is_empty() || targets.is_empty() {
        return None;
    }
    let mut words = vec!["certplan run".to_owned()];
    words.extend(request.plan.iter().map(|plan| shell_word(plan)));
    words.extend(request.inventory.iter().map(|file| format!("--inventory {}", shell_word(file))));
    words.extend(sandbox.then(|| "--sandbox".to_owned()));
    words.push(option("--limit", targets));
    words.push(option("--again", targets));
    Some(words.join(" "))
}

/// The option that orders anew for one target of an inventory.
pub(super) fn again_for(target: &str) -> String {
    option("--again", &[target])
}

/// An option that is about these targets and no other ones.
fn option(name: &str, targets: &[&str]) -> String {
    let targets: Vec<String> = targets.iter().map(|target| Limit::exactly(target)).collect();
    shell_word(&format!("{name}={}", targets.join(",")))
}

/// The command that runs the plan anew for the target of one run, with the inputs that it had; what
/// has ordered is only begun anew with `--again`.
pub(in crate::cli) fn alone(header: &RunHeader, again: bool) -> String {
    let mut words = vec![format!("certplan run {}", shell_word(&header.plan.file))];
    words.extend(header.sandbox.then(|| "--sandbox".to_owned()));
    words.extend(again.then(|| "--again".to_owned()));
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
            in_the_inventory(&request, false, &["a", "*.b"]).unwrap(),
            "certplan run dv.yaml --inventory 'in ventory.yaml' --inventory more.csv \
             '--limit=a,[*].b' '--again=a,[*].b'"
        );
        assert_eq!(in_the_inventory(&BatchRequest::default(), false, &["a"]), None);
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_was_tried_in_the_sandbox_is_never_sent_elsewhere() {
        let inventory = vec!["names.txt".to_owned()];
        let request = BatchRequest { inventory, ..BatchRequest::default() };
        assert_eq!(
            in_the_inventory(&request, true, &["all"]).unwrap(),
            "certplan run --inventory names.txt --sandbox '--limit=[a]ll' '--again=[a]ll'"
        );
        let inputs = [
            ("common_name".to_owned(), "a.example.com".into()),
            ("dns_names".to_owned(), serde_json::json!(["*.example.com"])),
            ("organization".to_owned(), Value::Null),
        ];
        let mut header = RunHeader {
            inputs: inputs.into_iter().collect(),
            sandbox: true,
            ..crate::run::testing::header([])
        };
        let rest = "--target a --input common_name=a.example.com \
                    --input 'dns_names=[\"*.example.com\"]'";
        let again = alone(&header, true);
        assert_eq!(again, format!("certplan run dv.yaml --sandbox --again {rest}"));
        header.sandbox = false;
        assert_eq!(alone(&header, false), format!("certplan run dv.yaml {rest}"));
    }
}
