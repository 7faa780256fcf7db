//! The sandbox: an imitation of regfish's API and of the world around it, on loopback only.
//!
//! [`Sandbox`] answers the TLS and DNS calls, signs certificates with a CA of its own and serves
//! the records that were put from a DNS server of its own. The `world` inside is pure: facts and
//! transitions, with time and randomness as parameters. It shares no type with the API client, so
//! that a mistake of the one cannot hide in the other, and it is **not a real CA**.
//!
//! References such as (contract A.6) point into the written contract of the API.

mod ca;
mod connection;
mod control;
mod controls;
mod csr;
mod dns;
mod endpoints;
mod fault;
mod happening;
mod http;
mod initial;
mod limits;
mod observed;
mod options;
mod path_pattern;
mod random;
mod random_faults;
mod scenario;
mod script;
mod server;
mod shared;
mod state_file;
mod subject;
mod world;
mod zip;

#[cfg(test)]
mod tests;

pub use ca::CaError;
pub use controls::Controls;
pub(crate) use endpoints::find as find_endpoint;
pub use fault::{CannedAnswer, Fault, FaultAction, Hiding};
pub use happening::{Happening, HappeningKind, PlannedHappening, Since};
pub use initial::{InitialOrder, InitialOrganization, InitialRecord, InitialState, Usable};
pub use limits::{RateLimit, RateLimits};
pub use observed::{LoggedHappening, LoggedRequest, OrderSnapshot, RecordSnapshot};
pub use options::{PASSPHRASE, SandboxOptions};
pub use path_pattern::{PathPattern, PathPatternError};
pub use random_faults::{RandomFault, RandomFaults, Share, ShareError};
pub use scenario::{
    Scenario, SwitchError, VERSION_KEY as SCENARIO_VERSION_KEY, scenario_body_schema,
    scenario_definitions, scenario_schema, set_switch,
};
pub use server::{Sandbox, SandboxError, peek_latest_time};
pub use state_file::StateFileError;
pub use world::{
    Behaviour, CertificateBegin, Check, ContractTerm, DnsNames, Envelope, LookPhase, OrderEnd,
    OrganizationIds, ProductTypes, ReissueOutcome, RevocationScope, Risk, SameRecord, SecondCname,
    SeveralMatches, Timing, TrailingDots, UnmanagedAnswer, UnusableOrganization, ValidationReuse,
    ZipAnswer,
};
