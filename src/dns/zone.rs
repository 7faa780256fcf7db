//! `Zone`: which zone holds a name, and where its name servers are.

use std::net::SocketAddr;

use hickory_net::proto::rr::{Name, RData, RecordType};

use super::exchange::{absolute, plain};
use super::{LookupError, Resolver};

/// No zone has more; who claims so wants us to be busy.
const MOST_NAME_SERVERS: usize = 16;

/// Addresses of one name server.
const MOST_ADDRESSES: usize = 8;

/// A zone and the servers that answer for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name, without the dot at its end.
    pub name: String,
    /// Its name servers, in the order of their names.
    pub name_servers: Vec<NameServer>,
}

/// A server that answers for a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Its name, without the dot at its end.
    pub name: String,
    /// Where it can be asked; empty when nobody knows.
    pub addresses: Vec<SocketAddr>,
}

impl Zone {
    /// Finds the zone that holds `name`: the closest name upwards that has name servers.
    pub async fn of(name: &str, resolver: &Resolver) -> Result<Self, LookupError> {
        let full = absolute(name)?;
        let mut candidate = full.clone();
        while candidate.num_labels() > 1 {
            let names = name_servers(&candidate, resolver).await?;
            if !names.is_empty() {
                return Self::with_addresses(&candidate, names, resolver).await;
            }
            candidate = candidate.base_name();
        }
        Err(LookupError::NoZone { name: plain(&full) })
    }

    async fn with_addresses(
        zone: &Name,
        names: Vec<Name>,
        resolver: &Resolver,
    ) -> Result<Self, LookupError> {
        let mut name_servers = Vec::new();
        for name in names {
            let addresses = addresses(&name, resolver).await?;
            name_servers.push(NameServer { name: plain(&name), addresses });
        }
        if name_servers.iter().all(|server| server.addresses.is_empty()) {
            let names: Vec<String> = name_servers.into_iter().map(|server| server.name).collect();
            return Err(LookupError::NoAddress { zone: plain(zone), names: names.join(", ") });
        }
        Ok(Self { name: plain(zone), name_servers })
    }
}

async fn name_servers(name: &Name, resolver: &Resolver) -> Result<Vec<Name>, LookupError> {
    let answer = resolver.ask(name, RecordType::NS).await?;
    // Behind a CNAME there would be the name servers of another zone.
    let mut names: Vec<Name> = answer
        .at(name)
        .filter_map(|data| match data {
            RData::NS(server) => Some(server.0.to_lowercase()),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names.truncate(MOST_NAME_SERVERS);
    Ok(names)
}

async fn addresses(name: &Name, resolver: &Resolver) -> Result<Vec<SocketAddr>, LookupError> {
    let mut addresses = Vec::new();
    for kind in [RecordType::A, RecordType::AAAA] {
        // The name of a name server is no alias (RFC 2181, 10.3), but some are, and work.
        for record in resolver.ask(name, kind).await?.records {
            let address = match record.data {
                RData::A(address) => address.0.into(),
                RData::AAAA(address) => address.0.into(),
                _ => continue,
            };
            let server = SocketAddr::new(address, resolver.port_of(address));
            if !addresses.contains(&server) {
                addresses.push(server);
            }
        }
    }
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses)
}
