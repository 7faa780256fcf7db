//! Whether a record stands at every authoritative server of its zone, and who lags behind.
//!
//! Each server is asked at each of its addresses, over UDP and over TCP: a CA may use either, and
//! what intercepts one on the way to the internet often lets the other through.

use std::fmt;
use std::net::SocketAddr;

use futures_util::future::join_all;
use hickory_net::proto::op::ResponseCode;
use hickory_net::proto::rr::{Name, RData, RecordType};

use super::exchange::{Answer, Role, Transport, absolute, ask, plain};
use super::{LookupError, NameServer, Resolver, Zone};

/// What was found out about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Propagation {
    /// The zone that holds it.
    pub zone: String,
    /// What each name server says, in the order of their names.
    pub name_servers: Vec<Sighting>,
}

/// What one name server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its name.
    pub name_server: String,
    /// What it shows.
    pub seen: Seen,
    /// Addresses and transports by which it does not answer, though it does by others.
    pub silent: Vec<String>,
}

/// What a name server shows in place of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Exactly what was wanted.
    Exact,
    /// A CNAME to another name.
    Other {
        /// Where the answer came from.
        from: String,
        /// What it says.
        targets: Vec<String>,
    },
    /// The name without a CNAME, or no such name at all.
    Nothing {
        /// Where the answer came from.
        from: String,
        /// Whether the name exists.
        name_exists: bool,
    },
    /// An answer that does not count.
    Unusable {
        /// Where the answer came from.
        from: String,
        /// Why it does not count.
        reason: String,
    },
    /// No answer from any address.
    Silent {
        /// Why, as far as it is known.
        reason: String,
    },
}

impl Propagation {
    /// The servers that do not show the record.
    pub fn lagging(&self) -> impl Iterator<Item = &Sighting> {
        self.name_servers.iter().filter(|sighting| sighting.seen != Seen::Exact)
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = &self.name_server;
        match &self.seen {
            Seen::Exact => write!(formatter, "{server} has it"),
            Seen::Other { from, targets } => {
                write!(formatter, "{server} ({from}) says {}", targets.join(", "))
            }
            Seen::Nothing { from, name_exists: true } => {
                write!(formatter, "{server} ({from}) has no CNAME there")
            }
            Seen::Nothing { from, name_exists: false } => {
                write!(formatter, "{server} ({from}) has no such name")
            }
            Seen::Unusable { from, reason } => write!(formatter, "{server} ({from}): {reason}"),
            Seen::Silent { reason } => write!(formatter, "{server}: {reason}"),
        }
    }
}

/// Looks for the CNAME from `name` to `target` at every server of its zone.
///
/// Fails when the zone or its servers cannot be found; a server that does not answer is no failure
/// but a [`Sighting`].
pub async fn look(
    name: &str,
    target: &str,
    resolver: &Resolver,
) -> Result<Propagation, LookupError> {
    let (asked, wanted) = (absolute(name)?, absolute(target)?);
    let zone = Zone::of(name, resolver).await?;
    let looks = zone.name_servers.iter().map(|server| look_at(server, &asked, &wanted));
    Ok(Propagation { zone: zone.name.clone(), name_servers: join_all(looks).await })
}

async fn look_at(server: &NameServer, name: &Name, wanted: &Name) -> Sighting {
    let ways = server
        .addresses
        .iter()
        .flat_map(|address| [(*address, Transport::Udp), (*address, Transport::Tcp)]);
    let answers = join_all(ways.map(async |(address, transport)| {
        let from = format!("{} over {}", shown(address), transport.as_str());
        let answer = ask(address, name, RecordType::CNAME, Role::Authority, transport).await;
        (from, answer)
    }))
    .await;
    let mut silent = Vec::new();
    let mut seen = None;
    for (from, answer) in answers {
        let found = match answer {
            Ok(answer) => judge(&answer, name, wanted, &from),
            Err(reason) => {
                silent.push(format!("{from}: {reason}"));
                continue;
            }
        };
        // One wrong answer outweighs all right ones: the CA may get just that one.
        if matches!(seen, None | Some(Seen::Exact)) {
            seen = Some(found);
        }
    }
    let seen = seen.unwrap_or_else(|| Seen::Silent {
        reason: if silent.is_empty() {
            "nobody knows its address".to_owned()
        } else {
            format!("no answer ({})", silent.join("; "))
        },
    });
    Sighting { name_server: server.name.clone(), seen, silent }
}

fn judge(answer: &Answer, name: &Name, wanted: &Name, from: &str) -> Seen {
    let from = from.to_owned();
    if let Some(reason) = answer.refusal() {
        return Seen::Unusable { from, reason };
    }
    // Who answers in place of the name server shows what it remembers, not what is.
    if !answer.authoritative {
        let reason = "its answer is not authoritative".to_owned();
        return Seen::Unusable { from, reason };
    }
    if answer.code == ResponseCode::NXDomain {
        return Seen::Nothing { from, name_exists: false };
    }
    let targets: Vec<&Name> = answer
        .at(name)
        .filter_map(|data| match data {
            RData::CNAME(target) => Some(&target.0),
            _ => None,
        })
        .collect();
    match targets.as_slice() {
        [] => Seen::Nothing { from, name_exists: true },
        [target] if *target == wanted => Seen::Exact,
        others => Seen::Other { from, targets: others.iter().map(|name| plain(name)).collect() },
    }
}

/// The port is said only where it is not the usual one.
fn shown(address: SocketAddr) -> String {
    if address.port() == super::resolver::DNS_PORT {
        address.ip().to_string()
    } else {
        address.to_string()
    }
}
