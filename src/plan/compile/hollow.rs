//! Steps that do nothing, or never what was probably meant: a poll that asks once, an `assert` without
//! a check, a condition that is a constant, a command of one word with blanks in it.

use serde_json::Value;

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::plan::model::{Plan, Step, Template};
use crate::plan::raw::{RawPlan, RawStep};

/// Warns of every such step.
pub(super) fn warn(raw: &RawPlan<'_>, plan: &Plan, decoder: &mut Decoder<'_>) {
    for written in &raw.steps {
        let Some(step) = plan.steps.get(&written.id.value) else { continue };
        constant_condition(written, decoder);
        match step.uses.as_str() {
            "http.request" => {
                poll_without_until(written, step, decoder);
                until_of_no_success(written, step, decoder);
            }
            "assert" => no_check(written, decoder),
            "command.run" => command_in_one_word(written, decoder),
            _ => {}
        }
    }
}

fn parameter<'n>(step: &RawStep<'n>, name: &str) -> Option<&'n Node> {
    let (_, entries) = step.with?;
    entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}

fn constant_condition(written: &RawStep<'_>, decoder: &mut Decoder<'_>) {
    let Some(node) = written.when else { return };
    let holds = match &node.kind {
        Kind::Bool(holds) => *holds,
        Kind::String(text) => match text.trim() {
            "true" => true,
            "false" => false,
            _ => return,
        },
        _ => return,
    };
    let id = &written.id.value;
    let (message, help) = if holds {
        (format!("step `{id}` always runs"), "leave `when` out")
    } else {
        let help = "leave the step out, or let an input decide, such as `when: inputs.notify`";
        (format!("step `{id}` never runs"), help)
    };
    decoder.push(
        Diagnostic::warning("constant-when", message)
            .at(node.span, "this condition is the same whatever happens")
            .help(help),
    );
}

fn poll_without_until(written: &RawStep<'_>, step: &Step, decoder: &mut Decoder<'_>) {
    let Some(poll) = written.poll.as_ref().filter(|_| is_missing(step, "until")) else { return };
    decoder.push(
        Diagnostic::warning(
            "poll-without-until",
            format!("step `{}` asks once: nothing says what it waits for", step.id),
        )
        .at(poll.key, "`poll` has a meaning only beside `until`")
        .help("say what it waits for, for example `until: status == 200`, or leave `poll` out"),
    );
}

fn is_missing(step: &Step, name: &str) -> bool {
    matches!(step.with.get(name), None | Some(Template::Literal(Value::Null)))
}

/// `until` is asked of answers whose status is a success only.
fn until_of_no_success(written: &RawStep<'_>, step: &Step, decoder: &mut Decoder<'_>) {
    let Some(Template::Literal(Value::Array(successes))) = step.with.get("expect_status") else {
        return;
    };
    let Some(Template::Literal(Value::String(until))) = step.with.get("until") else { return };
    let wanted = until.split(" and ").find_map(|part| {
        part.trim().strip_prefix("status")?.trim_start().strip_prefix("==")?.trim().parse().ok()
    });
    let Some(wanted) = wanted.filter(|_| !until.contains(" or ")) else { return };
    if successes.is_empty() || successes.iter().any(|success| success.as_u64() == Some(wanted)) {
        return;
    }
    let (Some(node), Some(statuses)) =
        (parameter(written, "until"), parameter(written, "expect_status"))
    else {
        return;
    };
    decoder.push(
        Diagnostic::warning(
            "never-equal",
            format!("step `{}` waits for the status {wanted}, which is no success here", step.id),
        )
        .at(node.span, "never true of an answer that counts as a success")
        .also(statuses.span, "these statuses are a success")
        .help(format!("add {wanted} to `expect_status`, or leave that out")),
    );
}

fn no_check(written: &RawStep<'_>, decoder: &mut Decoder<'_>) {
    let Some(node) = parameter(written, "that") else { return };
    if matches!(&node.kind, Kind::Seq(items) if items.is_empty()) {
        decoder.push(
            Diagnostic::warning(
                "checks-nothing",
                format!("step `{}` succeeds whatever happens", written.id.value),
            )
            .at(node.span, "there is nothing to check")
            .help(
                "name a check: `- { check: \"{{ … }}\", message: what to say when it is not so }`",
            ),
        );
    }
}

fn command_in_one_word(written: &RawStep<'_>, decoder: &mut Decoder<'_>) {
    let Some(node) = parameter(written, "argv") else { return };
    let Kind::Seq(items) = &node.kind else { return };
    let [word] = items.as_slice() else { return };
    let Some(text) = word.as_str().filter(|text| !text.contains("{{")) else { return };
    let words: Vec<&str> = text.split_whitespace().collect();
    // A path may have blanks in it.
    if words.len() < 2 || text.starts_with(['/', '.']) {
        return;
    }
    let diagnostic = Diagnostic::warning(
        "command-in-one-word",
        format!("step `{}` runs a program whose name has blanks in it", written.id.value),
    )
    .at(word.span, "there is no shell: this is one word, the name of a program");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@=+".contains(c);
    let is_plain = words.iter().all(|word| word.chars().all(plain) && !word.starts_with('@'));
    decoder.push(if is_plain {
        let list = words.join(", ");
        diagnostic.suggest(word.span, list, "write each word by itself")
    } else {
        diagnostic.help("write the program and each of its arguments as an item of the list")
    });
}
