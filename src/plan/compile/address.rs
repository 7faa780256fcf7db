//! Addresses that are written into a plan: of an API, of another server, of a resolver.
//!
//! A step that uses one may come after the order; by then it is late to find out that it is none.

// Only the types: a pure module opens no socket.
use core::net::{IpAddr, SocketAddr};

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::plan::raw::{RawPlan, RawStep};
use crate::plan::template::has_code;

/// Reports every literal address of a step that no request can be sent to.
pub(super) fn check_addresses(raw: &RawPlan<'_>, decoder: &mut Decoder<'_>) {
    for step in &raw.steps {
        let uses = step.uses.as_ref().map_or("", |uses| uses.value.as_str());
        if uses == "http.request"
            && let Some((node, text)) = literal(step, "url")
            && !is_url(text)
        {
            decoder.push(
                Diagnostic::error(
                    "bad-url",
                    format!("`url` of step `{}` is no address", step.id.value),
                )
                .at(node.span, "expected `https://…`")
                .help("plain `http://` works for this machine only (`127.0.0.1`)"),
            );
        }
        if uses.starts_with("dns.")
            && let Some((node, text)) = literal(step, "resolver")
            && !is_resolver(text)
        {
            let title = format!("`resolver` of step `{}` is no address", step.id.value);
            decoder.push(
                Diagnostic::error("bad-address", title)
                    .at(node.span, "expected an IP address, with a port if need be")
                    .help("for example `192.0.2.53` or `127.0.0.1:5353`"),
            );
        }
    }
}

fn literal<'n>(step: &RawStep<'n>, name: &str) -> Option<(&'n Node, &'n str)> {
    let (_, entries) = step.with?;
    let (_, node) = entries.iter().find(|(key, _)| key.name == name)?;
    let text = node.as_str()?;
    (!has_code(text)).then_some((node, text))
}

/// Whether a request can be sent there: `https`, or `http` to this machine.
pub(super) fn is_url(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => !authority(rest).is_empty(),
        "http" => is_this_machine(authority(rest)),
        _ => false,
    }
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_resolver(text: &str) -> bool {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text).parse::<IpAddr>().is_ok()
        || text.parse::<SocketAddr>().is_ok_and(|server| server.port() != 0)
}
