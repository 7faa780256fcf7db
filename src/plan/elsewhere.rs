//! The keys of other tools, and how a plan says the same.
//!
//! Here are those that are no mere other name for one of ours; mere names are in
//! [`crate::document::suggest`]. A suggestion is made only where it is right as it stands.

use super::compile::source::flow_word;
use crate::document::decode::Translation;
use crate::document::diagnostic::Suggestion;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::{SourceFile, Span};
use crate::types::StepId;

/// A key at the top of a plan.
pub(super) fn plan_key(
    key: &Key,
    node: &Node,
    _: &[(Key, Node)],
    _: &SourceFile,
) -> Option<Translation> {
    let is_list = matches!(node.kind, Kind::Seq(_));
    Some(match key.name.to_lowercase().as_str() {
        "jobs" | "tasks" | "stages" if !is_list => Translation::to(&["steps"]).help(
            "what is to be done stands in one list under `steps`; steps that do not wait for one \
             another run side by side",
        ),
        "env" | "environment" => Translation::secret().help(
            "a plan sees no environment: what it needs to know is an input under `inputs`, a secret \
             is named under `connections`, a program gets its variables in the step that starts it",
        ),
        "secrets" => Translation::secret().help(
            "secrets are named where they are used, for example under `connections`: `regfish: { \
             api_key: { env: REGFISH_API_KEY } }`",
        ),
        "on" | "schedule" | "cron" | "trigger" | "triggers" => Translation::to(&[]).help(
            "a plan does not say when it is run: cron or CI starts `certplan run`",
        ),
        "hosts" | "targets" => Translation::to(&[]).help(
            "a plan is for any one target; an inventory lists them: `certplan init --inventory`",
        ),
        "matrix" | "strategy" => Translation::to(&[]).help(MANY),
        _ => return None,
    })
}

/// What is said to whoever wants to repeat steps.
const MANY: &str = "a plan is for one certificate; many of them are the targets of an inventory, and \
                    the plan is run for each";

/// A key of an input.
pub(super) fn input_key(
    key: &Key,
    node: &Node,
    entries: &[(Key, Node)],
    _: &SourceFile,
) -> Option<Translation> {
    let value_type = entries.iter().find(|(key, _)| key.name == "type");
    let value_type = value_type.and_then(|(_, node)| node.as_str());
    Some(match key.name.to_lowercase().as_str() {
        "required" | "mandatory" if node.kind == Kind::Bool(false) => {
            Translation::to(&[]).help("an input with a `default` need not be given; say the default")
        }
        "required" | "mandatory" => Translation::to(&[])
            .help("an input without a `default` must be given anyway; leave this out"),
        "optional" => {
            Translation::to(&[]).help("an input with a `default` need not be given; say the default")
        }
        // With the right type they are another name for `values`.
        "options" | "choices" | "enum" | "allowed_values" | "one_of"
            if !matches!(value_type, Some("enum" | "choice")) =>
        {
            Translation::to(&["values"])
                .help("the words to choose from: `type: enum` and `values: […]`")
        }
        "sensitive" | "secret" => Translation::to(&[]).help(
            "inputs are recorded, so none can be secret; secrets are named where they are used, for \
             example `api_key: { env: REGFISH_API_KEY }`",
        ),
        _ => return None,
    })
}

/// A key of a step.
pub(super) fn step_key(
    key: &Key,
    node: &Node,
    entries: &[(Key, Node)],
    file: &SourceFile,
) -> Option<Translation> {
    let has = |name: &str| entries.iter().any(|(key, _)| key.name == name);
    let pair = Span::new(key.span.start, node.span.end);
    let mended = |text: String| scalar_line(node, file).then(|| suggestion(pair, text));
    Some(match key.name.to_lowercase().as_str() {
        "shell" if has("run") => {
            Translation::to(&[]).help("there is no shell: a program is started as its words say")
        }
        "run"
        | "shell"
        | "command"
        | "cmd"
        | "script"
        | "exec"
        | "ansible.builtin.command"
        | "ansible.builtin.shell" => {
            let taken = has("uses") || has("with");
            let started = program(key, node, file).filter(|_| !taken);
            Translation::to(&["uses"])
                .help(
                    "a program is started by the action `command.run`, which lists its words under \
                     `argv`; a shell is a program, too: `argv: [sh, -c, \"…\"]`",
                )
                .suggestion(started.map(|text| suggestion(pair, text)))
        }
        "uri" | "ansible.builtin.uri" => Translation::to(&["uses"]).help(
            "requests are sent by the action `http.request`: `certplan actions http.request`",
        ),
        "continue-on-error" | "continue_on_error" | "ignore_errors" | "allow_failure" => {
            let goes_on = match &node.kind {
                Kind::Bool(value) => Some(*value),
                Kind::String(text) if matches!(text.as_str(), "yes" | "on") => Some(true),
                Kind::String(text) if matches!(text.as_str(), "no" | "off") => Some(false),
                _ => None,
            };
            let word = goes_on.map(|goes_on| if goes_on { "continue" } else { "block" });
            let word = word.filter(|_| !has("on_failure"));
            Translation::to(&[])
                .help("whether the others go on without a step that fails says `on_failure`")
                .suggestion(word.and_then(|word| mended(format!("on_failure: {word}"))))
        }
        "timeout-minutes" | "timeout_minutes" => duration(node, has("timeout"), 'm', mended),
        "timeout-seconds" | "timeout_seconds" | "timeoutseconds" => {
            duration(node, has("timeout"), 's', mended)
        }
        "retries" => {
            let number = match node.kind {
                Kind::Integer(number) if !has("retry") => Some(number),
                _ => None,
            };
            Translation::to(&[])
                .help("how often a step is tried says `retry: { attempts: … }`")
                .suggestion(number.and_then(|n| mended(format!("retry: {{ attempts: {n} }}"))))
        }
        "if" => return condition(node, has("when"), mended),
        "name" => {
            let id = node.as_str().and_then(step_id).filter(|_| !has("id"));
            let translation = Translation::to(&["id"]);
            match id {
                Some(id) => translation
                    .help("a step has a short name that others refer to")
                    .suggestion(mended(format!("id: {id}"))),
                None => translation.help("a step has only its `id`; more is said in a comment"),
            }
        }
        "register" => Translation::to(&[])
            .help("what a step returns is read as `steps.ID.FIELD`; leave this out"),
        "env" | "environment" => Translation::secret().help(
            "the variables of a program stand under `with`: `environment` and `secret_environment` \
             of `command.run`",
        ),
        "loop" | "with_items" | "for_each" | "foreach" | "matrix" | "strategy" => {
            Translation::to(&[]).help(MANY)
        }
        _ => return None,
    })
}

fn duration(
    node: &Node,
    is_given: bool,
    unit: char,
    mended: impl Fn(String) -> Option<Suggestion>,
) -> Translation {
    let number = match node.kind {
        Kind::Integer(number) if number > 0 && !is_given => Some(number),
        _ => None,
    };
    Translation::to(&[])
        .help("durations are written with their unit: `timeout: 90s`, `timeout: 5m`")
        .suggestion(number.and_then(|number| mended(format!("timeout: {number}{unit}"))))
}

/// `if:` with what only a workflow knows in it; anything else is another name for `when`.
fn condition(
    node: &Node,
    is_given: bool,
    mended: impl Fn(String) -> Option<Suggestion>,
) -> Option<Translation> {
    let text = node.as_str()?.trim();
    let inside = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let expression = inside.unwrap_or(text).trim();
    if ["always()", "failure()", "!cancelled()"].iter().any(|call| expression.contains(call)) {
        return Some(
            Translation::to(&["when"])
                .help("what is done whatever happened stands under `finally`, after the `steps`"),
        );
    }
    if expression == "success()" {
        return Some(
            Translation::to(&["when"])
                .help("a step runs only when those it needs succeeded; leave this out"),
        );
    }
    if !text.contains("${{") {
        return None;
    }
    let fits = reads_ours(expression) && !expression.contains("{{") && !is_given;
    let quoted = if expression.contains(['"', '#']) || expression.contains(": ") {
        format!("'{expression}'")
    } else {
        expression.to_owned()
    };
    let fits = fits && !(quoted.starts_with('\'') && expression.contains('\''));
    Some(
        Translation::to(&["when"])
            .help("a condition stands under `when`, without braces: `when: steps.order.action_required`")
            .suggestion(fits.then(|| mended(format!("when: {quoted}"))).flatten()),
    )
}

/// Whether an expression begins with something that templates see.
pub(super) fn reads_ours(expression: &str) -> bool {
    let expression = expression.trim_start_matches(['!', '(', ' ']);
    let expression = expression.strip_prefix("not ").unwrap_or(expression);
    let root = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    matches!(root, Some("inputs" | "target" | "steps" | "run"))
}

/// A step id as near as possible to what was written for a name.
pub(super) fn step_id(name: &str) -> Option<StepId> {
    StepId::parse(name)
        .or_else(|_| StepId::parse(&super::raw::as_identifier(&name.to_lowercase())))
        .ok()
}

/// A command line as the list that `argv` takes: its words, or a shell with all of it where a shell
/// is needed to take it apart.
pub(super) fn command_list(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+% ".contains(c);
    if text.is_empty() || text.contains('\n') || text.contains("{{") {
        return None;
    }
    if text.chars().all(is_plain) {
        let words: Vec<String> = text.split_whitespace().map(flow_word).collect();
        return Some(format!("[{}]", words.join(", ")));
    }
    if !text.contains(['"', '\\']) {
        return Some(format!("[sh, \"-c\", \"{text}\"]"));
    }
    (!text.contains('\'')).then(|| format!("[sh, \"-c\", '{text}']"))
}

fn program(key: &Key, node: &Node, file: &SourceFile) -> Option<String> {
    let words = command_list(node.as_str()?).filter(|_| scalar_line(node, file))?;
    let before = &file.text()[..key.span.start];
    let line = before.rsplit('\n').next().unwrap_or_default();
    let block = line.chars().all(|c| c == ' ' || c == '-');
    let between = if block { format!("\n{}", " ".repeat(line.len())) } else { ", ".to_owned() };
    Some(format!("uses: command.run{between}with: {{ argv: {words} }}"))
}

/// Whether a value is written on one line, so that it can be replaced together with its key.
fn scalar_line(node: &Node, file: &SourceFile) -> bool {
    let written = file.slice(node.span);
    !matches!(node.kind, Kind::Map(_) | Kind::Seq(_) | Kind::Null)
        && !written.is_empty()
        && !written.contains('\n')
        && !written.starts_with(['|', '>'])
}

fn suggestion(span: Span, replacement: String) -> Suggestion {
    Suggestion { span, replacement, text: "write it like this".to_owned() }
}
