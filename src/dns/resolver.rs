//! `Resolver`: whom to ask where a zone is kept.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hickory_net::proto::rr::{Name, RecordType};

use super::LookupError;
use super::exchange::{Answer, Role, ask_either, plain, text};

/// Where name servers listen.
pub(super) const DNS_PORT: u16 = 53;

/// What the machine's own resolvers are read from.
const SYSTEM_FILE: &str = "/etc/resolv.conf";

/// More than this nobody configures; the system's own library reads three.
const MOST_SERVERS: usize = 4;

/// One or several recursive resolvers, asked one after the other.
///
/// A name server can stand in for one, when it holds all zones in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
}

/// Why there is no resolver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// A text that is no address.
    #[error("`{text}` is no address of a resolver, such as `192.0.2.53` or `127.0.0.1:5353`")]
    NotAnAddress {
        /// The offending text, shortened and printable.
        text: String,
    },
    /// The machine has none.
    #[error("`{SYSTEM_FILE}` names no resolver{}", display_reason(reason))]
    NoneConfigured {
        /// Why the file could not be read, if it could not.
        reason: Option<String>,
    },
}

fn display_reason(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

impl Resolver {
    /// Reads an address, with or without a port; without one it is 53.
    pub fn parse(address: &str) -> Result<Self, ResolverError> {
        let trimmed = address.trim();
        let bare = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let server = trimmed
            .parse::<SocketAddr>()
            .ok()
            .or_else(|| Some(SocketAddr::new(bare.unwrap_or(trimmed).parse().ok()?, DNS_PORT)))
            .filter(|server| server.port() != 0)
            .ok_or_else(|| ResolverError::NotAnAddress { text: text(address) })?;
        Ok(Self { servers: vec![server] })
    }

    /// The resolver at this address.
    pub fn at(server: SocketAddr) -> Self {
        Self { servers: vec![server] }
    }

    /// The machine's own resolvers, out of `/etc/resolv.conf`.
    pub fn system() -> Result<Self, ResolverError> {
        Self::from_file(Path::new(SYSTEM_FILE))
    }

    fn from_file(path: &Path) -> Result<Self, ResolverError> {
        let found = std::fs::read_to_string(path).map_err(|error| {
            ResolverError::NoneConfigured { reason: Some(text(&error.to_string())) }
        })?;
        let servers: Vec<SocketAddr> = found
            .lines()
            .filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next())
            // A scope (`fe80::1%eth0`) cannot be told to a socket without asking the system.
            .filter_map(|word| Some(SocketAddr::new(word.parse().ok()?, DNS_PORT)))
            .take(MOST_SERVERS)
            .collect();
        if servers.is_empty() {
            return Err(ResolverError::NoneConfigured { reason: None });
        }
        Ok(Self { servers })
    }

    /// The port at which a name server with this address listens: 53, but on this machine the
    /// resolver's own, because there every port but 53 is for trials.
    pub(super) fn port_of(&self, address: IpAddr) -> u16 {
        let own = self.servers.first().filter(|server| server.ip().is_loopback());
        match own {
            Some(server) if address.is_loopback() => server.port(),
            _ => DNS_PORT,
        }
    }

    /// What the first resolver that can tell says. A name that does not exist is an answer.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Answer, LookupError> {
        let mut last = String::new();
        for server in &self.servers {
            match ask_either(*server, name, kind, Role::Resolver).await {
                Ok(answer) => match answer.refusal() {
                    None => return Ok(answer),
                    // Not a resolver but a name server, and the name is in none of its zones.
                    Some(_) if is_elsewhere(&answer) => return Ok(answer),
                    Some(reason) => last = format!("{server}: {reason}"),
                },
                Err(reason) => last = format!("{server}: {reason}"),
            }
        }
        let (name, kind) = (plain(name), kind.to_string());
        Err(LookupError::Resolver { name, kind, reason: last })
    }
}

/// Whether a server says that the name is in none of its zones and that it asks nobody else.
pub(super) fn is_elsewhere(answer: &Answer) -> bool {
    use hickory_net::proto::op::ResponseCode;
    answer.code == ResponseCode::Refused && !answer.recursion_available
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (address, server) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
        ] {
            let expected = Resolver::at(server.parse().unwrap());
            assert_eq!(Resolver::parse(address), Ok(expected), "{address}");
        }
        for address in ["", "dns.example", "192.0.2.53:0", "192.0.2.53:99999", "[::1"] {
            assert!(Resolver::parse(address).is_err(), "{address}");
        }
    }

    #[test]
    fn the_machines_resolvers_are_read_and_what_is_no_address_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let text = "# x\nsearch a.example\nnameserver 192.0.2.1 # first\nnameserver fe80::1%eth0\n\
                    nameserver 2001:db8::1\noptions edns0\n";
        std::fs::write(&path, text).unwrap();
        let resolver = Resolver::from_file(&path).unwrap();
        let servers: Vec<String> = resolver.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53"]);
        std::fs::write(&path, "search a.example\n").unwrap();
        assert!(Resolver::from_file(&path).is_err());
        assert!(Resolver::from_file(&folder.path().join("none")).is_err());
    }

    #[test]
    fn only_name_servers_on_this_machine_share_the_port_of_a_resolver_on_it() {
        let resolver = Resolver::parse("127.0.0.1:5353").unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(resolver.port_of(ip("127.0.0.2")), 5353);
        assert_eq!(resolver.port_of(ip("192.0.2.1")), 53);
        let elsewhere = Resolver::parse("192.0.2.53:5353").unwrap();
        assert_eq!(elsewhere.port_of(ip("127.0.0.2")), 53);
    }
}
