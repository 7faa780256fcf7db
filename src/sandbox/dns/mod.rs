//! The DNS of the sandbox: authoritative servers for the world's records, and the CA's look.
//!
//! Server and look-up meet only on the wire, as in reality: what the CA believes is what the
//! server said, not what the world holds.

mod answer;
mod caa;
mod lookup;
mod server;

pub(super) use caa::forbidding_name;
pub(super) use lookup::find_tokens;
#[cfg(test)]
pub(super) use lookup::{Transport, query};
pub(super) use server::{DnsServers, DnsSockets, reachable};
