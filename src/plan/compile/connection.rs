//! `connections:` – which endpoints there are and where their keys come from.
//!
//! A key written into the plan is refused, and neither the message nor the line that is shown
//! repeats it.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::model::{Connection, SecretSource};
use crate::plan::template::has_code;
use crate::types::printable;

const CONNECTIONS: [&str; 2] = ["digicert", "regfish"];
const SOURCES: [&str; 3] = ["env", "file", "command"];

pub(super) fn compile_connections(
    raw: &[(Key, Node)],
    needed: &BTreeSet<&str>,
    decoder: &mut Decoder<'_>,
) -> IndexMap<String, Connection> {
    let mut connections = IndexMap::new();
    for (key, node) in raw {
        if !CONNECTIONS.contains(&key.name.as_str()) {
            decoder.mask(node);
            decoder.push(unknown_connection(key));
            continue;
        }
        if let Some(connection) = compile_connection(key, node, decoder) {
            connections.insert(key.name.clone(), connection);
        }
    }
    for name in needed.iter().filter(|name| !raw.iter().any(|(key, _)| key.name == **name)) {
        let variable = format!("{}_API_KEY", name.to_uppercase());
        let connection = Connection { api_key: SecretSource::Env(variable), base_url: None };
        connections.insert((*name).to_owned(), connection);
    }
    connections
}

fn unknown_connection(key: &Key) -> Diagnostic {
    let name = printable(&key.name);
    let diagnostic =
        Diagnostic::error("unknown-connection", format!("there is no connection `{name}`"))
            .at(key.span, "unknown connection");
    match nearest(&key.name, CONNECTIONS) {
        Some(near) => diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("connections: {}", list(CONNECTIONS))),
    }
}

fn compile_connection(key: &Key, node: &Node, decoder: &mut Decoder<'_>) -> Option<Connection> {
    let what = format!("connection `{}`", key.name);
    if !matches!(node.kind, Kind::Map(_)) {
        decoder.mask(node);
        decoder.push(
            Diagnostic::error("wrong-type", format!("{what} must be a map"))
                .at(node.span, "this is no map")
                .help(format!("for example `{}`", example(&key.name))),
        );
        return None;
    }
    let fields = decoder.fields(node, key.span, &what, &["api_key", "base_url"])?;
    let example = format!("for example `{}`", example(&key.name));
    decoder.require(&fields, "api_key", &example);
    let base_url = decoder.text(&fields, "base_url").and_then(|url| {
        if has_code(&url.value) || !is_url(&url.value) {
            decoder.push(
                Diagnostic::error("bad-url", format!("`base_url` of {what} is no address"))
                    .at(url.span, "expected `https://…`, without templates")
                    .help("plain `http://` works for this machine only (`127.0.0.1`)"),
            );
            return None;
        }
        Some(url.value)
    });
    let (api_key, source) = fields.get("api_key")?;
    let api_key = compile_source(api_key.span, source, &key.name, decoder)?;
    Some(Connection { api_key, base_url })
}

fn example(connection: &str) -> String {
    format!("api_key: {{ env: {}_API_KEY }}", connection.to_uppercase())
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace))
}

fn compile_source(
    key: Span,
    node: &Node,
    connection: &str,
    decoder: &mut Decoder<'_>,
) -> Option<SecretSource> {
    let variable = format!("{}_API_KEY", connection.to_uppercase());
    let Kind::Map(entries) = &node.kind else {
        decoder.mask(node);
        decoder.push(
            Diagnostic::error("literal-secret", "an API key must not be written into a plan")
                .at(node.span, "say where the key is found instead")
                .help(format!(
                    "write `{{ env: {variable} }}`, `{{ file: … }}` or `{{ command: […] }}`"
                ))
                .help("if this is a real key and the file was shared, replace the key"),
        );
        return None;
    };
    for (name, value) in entries {
        if name.name != "file" && name.name != "command" && !is_variable(value) {
            decoder.mask(value);
        }
    }
    let what = format!("`api_key` of connection `{connection}`");
    let fields = decoder.fields(node, key, &what, &SOURCES)?;
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
fn flow_word(word: &str) -> String {
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
