//! Headers of requests whose value is a secret by its name, written into the plan.

use super::StepInfo;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::plan::template::has_code;
use crate::types::printable;

/// Headers that say who asks (RFC 9110, 11.6.2 and 11.7.2; RFC 6265).
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Parts of the names that services give to such headers.
const SECRET_PARTS: [&str; 5] = ["token", "secret", "password", "api-key", "apikey"];

/// Values that stand under such names and are no secrets, such as `X-Atlassian-Token: no-check`.
const SWITCHES: [&str; 7] = ["", "true", "false", "none", "no-check", "nocheck", "fetch"];

/// Refuses secrets that are written out under `headers`; `secret_headers` say where they are found.
pub(super) fn check(info: &StepInfo, key: &Key, node: &Node, decoder: &mut Decoder<'_>) {
    let is_request = info.signature.is_some_and(|signature| signature.name == "http.request");
    let (true, "headers", Kind::Map(entries)) = (is_request, key.name.as_str(), &node.kind) else {
        return;
    };
    for (name, value) in entries {
        let Some(text) = value.as_str() else { continue };
        let is_switch = SWITCHES.contains(&text.trim().to_ascii_lowercase().as_str());
        if is_switch || has_code(text) || !is_secret(&name.name) {
            continue;
        }
        decoder.mask(value);
        let name = printable(&name.name);
        let form = format!("`secret_headers: {{ {name}: {{ env: SERVICE_TOKEN }} }}`");
        decoder.push(
            Diagnostic::error("literal-secret", "a secret must not be written into a plan")
                .at(value.span, format!("the value of `{name}`; say where it is found instead"))
                .help(format!("write {form}, or `{{ file: … }}`, whose content is the whole value"))
                .help("if this is a real one and the file was shared, replace it"),
        );
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET_HEADERS.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}
