//! Where a secret is found: `{ env | file | command | credential }`, and never the secret itself.
//!
//! A secret written into the plan is refused, and neither the message nor the line that is shown
//! repeats it.

use serde_json::Value;

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::list;
use crate::plan::model::{SecretSource, Template};

const SOURCES: [&str; 4] = ["env", "file", "command", "credential"];

/// What is looked for, in the words of messages.
pub(super) struct Wanted<'a> {
    /// The parameter, for example "`api_key` of connection `regfish`".
    pub(super) what: &'a str,
    /// What it is: "an API key".
    pub(super) noun: &'a str,
    /// A good name for a variable that holds it.
    pub(super) variable: &'a str,
}

/// A parameter that is a secret: its source, to be read when the step runs.
pub(super) fn secret_parameter(node: &Node, what: &str, decoder: &mut Decoder<'_>) -> Template {
    let quoted = format!("`{what}`");
    let wanted = Wanted { what: &quoted, noun: "a secret", variable: "SERVICE_TOKEN" };
    let source = compile_source(node.span, node, &wanted, decoder);
    let value = source.and_then(|source| serde_json::to_value(source).ok());
    Template::Literal(value.unwrap_or(Value::Null))
}

pub(super) fn compile_source(
    key: Span,
    node: &Node,
    wanted: &Wanted<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<SecretSource> {
    let Wanted { what, noun, variable } = wanted;
    let Kind::Map(entries) = &node.kind else {
        decoder.mask(node);
        decoder.push(
            Diagnostic::error("literal-secret", format!("{noun} must not be written into a plan"))
                .at(node.span, "say where it is found instead")
                .help(format!(
                    "write `{{ env: {variable} }}`, `{{ file: … }}`, `{{ command: […] }}` or \
                     `{{ credential: … }}`"
                ))
                .help("if this is a real one and the file was shared, replace it"),
        );
        return None;
    };
    for (name, value) in entries {
        let names_a_place = ["file", "command", "credential"].contains(&name.name.as_str());
        if !names_a_place && !is_variable(value) {
            decoder.mask(value);
        }
    }
    let fields = decoder.fields(node, key, what, &SOURCES)?;
    let given: Vec<&str> = SOURCES.into_iter().filter(|name| fields.get(name).is_some()).collect();
    if given.len() != 1 {
        if entries.iter().all(|(key, _)| SOURCES.contains(&key.name.as_str())) {
            decoder.push(
                Diagnostic::error("secret-source", format!("{what} needs exactly one source"))
                    .at(key, format!("one of {}", list(SOURCES)))
                    .help(format!("for example `{{ env: {variable} }}`")),
            );
        }
        return None;
    }
    match given[0] {
        "env" => {
            let (_, value) = fields.get("env")?;
            if is_variable(value) {
                return value.as_str().map(|name| SecretSource::Env(name.to_owned()));
            }
            if value.is_unquoted_template(decoder.file) {
                return None;
            }
            decoder.push(
                Diagnostic::error(
                    "bad-name",
                    format!("`env` of {what} is no name of an environment variable"),
                )
                .at(value.span, "letters, digits and `_`, not beginning with a digit")
                .help(format!("name the variable that holds the key, such as `{variable}`")),
            );
            None
        }
        "file" => decoder.text(&fields, "file").map(|path| SecretSource::File(path.value)),
        "credential" => {
            decoder.text(&fields, "credential").map(|name| SecretSource::Credential(name.value))
        }
        _ => {
            let (_, node) = fields.get("command")?;
            if let Some(text) = node.as_str() {
                let words: Vec<String> = text.split_whitespace().map(flow_word).collect();
                decoder.push(
                    Diagnostic::error("wrong-type", format!("`command` of {what} must be a list"))
                        .at(node.span, "there is no shell that would take this apart")
                        .suggest(node.span, format!("[{}]", words.join(", ")), "list its words"),
                );
                return None;
            }
            let items = decoder.items(&fields, "command")?;
            let words: Vec<String> = items
                .iter()
                .filter_map(|item| decoder.text_of(item, "a word of `command`"))
                .map(|word| word.value)
                .collect();
            if words.is_empty() {
                decoder.push(
                    Diagnostic::error("empty-command", format!("`command` of {what} is empty"))
                        .at(key, "which program prints the key?")
                        .help("for example `command: [op, read, \"op://vault/regfish/key\"]`"),
                );
                return None;
            }
            Some(SecretSource::Command(words))
        }
    }
}

/// A word as it stands in a list in brackets.
pub(in crate::plan) fn flow_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    if word.chars().all(plain) && word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.trim_matches(['"', '\'']))
    }
}

/// Whether a value could be the name of an environment variable. Lower case is refused, too: names
/// of variables are written in capitals, keys are not, and a key must not pass for a name.
fn is_variable(node: &Node) -> bool {
    node.as_str().is_some_and(|text| {
        text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}
