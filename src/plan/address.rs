//! Addresses that are written into a plan: of an API, of another server, of a resolver.
//!
//! A step that uses one may come after the order; by then it is late to find out that it is none.

// Only the types: a pure module opens no socket.
use core::net::{IpAddr, SocketAddr};

/// Whether a request can be sent there: `https`, or `http` to this machine, and no user or password.
pub(super) fn is_url(text: &str) -> bool {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return false;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let Some(host) = host(rest.split(['/', '?', '#']).next().unwrap_or_default()) else {
        return false;
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => is_this_machine(host),
        _ => false,
    }
}

/// The port of an address in which nothing but the port is wrong.
pub(super) fn unusable_port(text: &str) -> Option<&str> {
    let authority = text.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let (host, port) = authority.rsplit_once(':')?;
    (!is_url(text) && is_url(&text.replacen(authority, host, 1))).then_some(port)
}

/// The host of `host`, `host:port` or `[address]:port`.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(address) => {
            let (address, port) = address.split_once(']')?;
            address.parse::<core::net::Ipv6Addr>().ok()?;
            (address, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let has_port = port.strip_prefix(':').is_none_or(|port| {
        // The standard allows an empty one.
        port.is_empty() || port.parse::<u16>().is_ok()
    });
    let is_rest = port.is_empty() || port.starts_with(':');
    (!host.is_empty() && !host.contains('@') && has_port && is_rest).then_some(host)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a resolver can be asked there.
pub(super) fn is_resolver(text: &str) -> bool {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text).parse::<IpAddr>().is_ok()
        || text.parse::<SocketAddr>().is_ok_and(|server| server.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_where_nobody_listens_in() {
        for text in [
            "https://api.example.com",
            "HTTPS://api.example.com:8443/x?y=a@b#z",
            "https://[2001:db8::1]:8443/",
            "https://api.example.com:/",
            "http://127.0.0.1:8080/ready",
            "http://[::1]:8080",
            "http://localhost/",
        ] {
            assert!(is_url(text), "{text}");
        }
        for text in [
            "",
            "api.example.com",
            "https://",
            "https:///x",
            "htp://api.example.com",
            "http://api.example.com",
            "http://127.0.0.1.example.com/",
            "https://me:word@api.example.com/",
            "https://api.example.com:99999/",
            "https://api.example.com:port/",
            "https://[2001:db8::1/",
            "https://[api.example.com]/",
            "https://api example.com/",
        ] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn a_port_is_blamed_when_nothing_else_is_wrong() {
        assert_eq!(unusable_port("https://api.example.com:99999/"), Some("99999"));
        assert_eq!(unusable_port("https://[2001:db8::1]:port?x"), Some("port"));
        for text in [
            "https://api.example.com:8443/",
            "http://api.example.com:99999/",
            "https://:99999/",
            "https://[2001:db8::1/",
            "api.example.com:99999",
        ] {
            assert_eq!(unusable_port(text), None, "{text}");
        }
    }
}
