//! `SandboxOptions`: everything about a sandbox that can be chosen when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::happening::PlannedHappening;
use super::initial::{Initial, InitialOrder, InitialOrganization, InitialRecord};
use super::limits::RateLimits;
use super::random_faults::RandomFaults;
use super::world::{Behaviour, Rules, Timing, UnmanagedAnswer, ZoneRules};
use crate::types::{Clock, DomainName, Secret, SystemClock};

/// How a sandbox behaves.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where the API listens; only loopback addresses are allowed. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the first DNS server listens, UDP and TCP; only loopback, too. Further ones take the
    /// following addresses and the same port.
    pub dns_listen: SocketAddr,
    /// Where the control port listens; there is none unless given. Only loopback, too.
    pub control_listen: Option<SocketAddr>,
    /// Lets all of them listen on addresses that other machines reach. The sandbox protects nothing.
    pub beyond_loopback: bool,
    /// One DNS server for each entry, and how far it lags behind the records that were put.
    pub name_server_lags: Vec<Duration>,
    /// Where the world is kept, so that an interrupted run finds its orders again.
    pub state_file: Option<PathBuf>,
    /// The key that requests must carry.
    pub api_key: Secret,
    /// The key that requests to the imitated DigiCert must carry.
    pub digicert_key: Secret,
    /// When things happen.
    pub timing: Timing,
    /// The time of the world. Handlers only read it; nothing in the sandbox sleeps on it.
    pub clock: Arc<dyn Clock>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Every registrable domain (the last two labels) is a managed zone.
    pub any_zone: bool,
    /// Zones that are managed besides; needed for names such as `example.co.uk`.
    pub zones: Vec<DomainName>,
    /// Zones that belong to somebody else.
    pub unmanaged: Vec<DomainName>,
    /// How calls for those are answered.
    pub unmanaged_answer: UnmanagedAnswer,
    /// How many downloads of an issued certificate are refused at first (contract A.10: it
    /// happens, so it is on unless switched off).
    pub downloads_refused: u32,
    /// What the contract leaves open.
    pub behaviour: Behaviour,
    /// How many requests are taken in a while; no limit unless given.
    pub rate_limits: RateLimits,
    /// With a seed, ids and tokens are the same in every run; keys never are.
    pub seed: Option<u64>,
    /// The skus on sale; the whole catalog unless given.
    pub products: Option<Vec<String>>,
    /// The organizations of a new world; two well-known ones unless given.
    pub organizations: Option<Vec<InitialOrganization>>,
    /// The records of a new world.
    pub records: Vec<InitialRecord>,
    /// The orders of a new world.
    pub orders: Vec<InitialOrder>,
    /// What happens by itself, and when.
    pub happenings: Vec<PlannedHappening>,
    /// What goes wrong now and then.
    pub random_faults: Option<RandomFaults>,
}

/// The passphrase of every file that is written in an imitated world: no real one is needed there.
pub const PASSPHRASE: &str = "sandbox";

/// Newer keys contain a dot, which trips readers that split them (contract A.0).
const DEFAULT_API_KEY: &str = "sandbox.key";
const DEFAULT_DIGICERT_KEY: &str = "sandbox.digicert.key";

impl SandboxOptions {
    /// For a run that brings its own sandbox, usually with a virtual clock: published times.
    pub fn embedded(clock: Arc<dyn Clock>) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: loopback,
            dns_listen: loopback,
            control_listen: None,
            beyond_loopback: false,
            name_server_lags: vec![Duration::ZERO],
            state_file: None,
            api_key: Secret::new(DEFAULT_API_KEY.to_owned()),
            digicert_key: Secret::new(DEFAULT_DIGICERT_KEY.to_owned()),
            timing: Timing::published(),
            clock,
            faults: Vec::new(),
            any_zone: true,
            zones: Vec::new(),
            unmanaged: Vec::new(),
            unmanaged_answer: UnmanagedAnswer::default(),
            downloads_refused: 1,
            behaviour: Behaviour::default(),
            rate_limits: RateLimits::default(),
            seed: None,
            products: None,
            organizations: None,
            records: Vec::new(),
            orders: Vec::new(),
            happenings: Vec::new(),
            random_faults: None,
        }
    }

    /// For a person at a real clock: everything takes seconds.
    pub fn standalone() -> Self {
        Self { timing: Timing::quick(), ..Self::embedded(Arc::new(SystemClock)) }
    }

    pub(super) fn initial(&self) -> Initial<'_> {
        Initial {
            organizations: self.organizations.as_deref(),
            records: &self.records,
            orders: &self.orders,
        }
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            timing: self.timing.clone(),
            zones: ZoneRules {
                any_zone: self.any_zone,
                managed: self.zones.clone(),
                unmanaged: self.unmanaged.clone(),
                unmanaged_answer: self.unmanaged_answer,
            },
            downloads_refused: self.downloads_refused,
            behaviour: self.behaviour.clone(),
            offered: self.products.clone(),
        }
    }
}
