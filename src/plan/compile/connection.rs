//! `connections:` – which endpoints there are and where their keys come from.
//!
//! A key written into the plan is refused, and neither the message nor the line that is shown
//! repeats it.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::source::{Wanted, compile_source};
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::suggest::{list, nearest};
use crate::plan::address::is_url;
use crate::plan::model::{Connection, SecretSource};
use crate::plan::template::has_code;
use crate::types::printable;

const CONNECTIONS: [&str; 2] = ["digicert", "regfish"];

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
    let wanted = Wanted {
        what: &format!("`api_key` of {what}"),
        noun: "an API key",
        variable: &format!("{}_API_KEY", key.name.to_uppercase()),
    };
    let api_key = compile_source(api_key.span, source, &wanted, decoder)?;
    Some(Connection { api_key, base_url })
}

fn example(connection: &str) -> String {
    format!("api_key: {{ env: {}_API_KEY }}", connection.to_uppercase())
}
