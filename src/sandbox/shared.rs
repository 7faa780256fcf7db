//! `Shared`: the one world that API, DNS server and controls work on, and its keeper.
//!
//! API requests go through a gate one after the other: what came due is done first, then the
//! request, then what changed is saved. The world's lock is never held across an await, because
//! the CA's look comes back through the DNS server, which needs that lock, too.

mod catching_up;
mod happening;
mod saving;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ca::Ca;
use super::fault::{CountedFault, Fault, FaultAction, Faults, Hiding};
use super::limits::{Meter, RateLimits};
use super::observed::{
    LoggedHappening, LoggedRequest, OrderSnapshot, OrganizationSnapshot, ZoneSnapshot,
};
use super::options::SandboxOptions;
use super::random::Randomness;
use super::random_faults::{Dice, RandomFaults};
use super::script::Script;
use super::state_file::StateFile;
use super::subject::is_about;
use super::world::{Random, World};
use crate::types::{Clock, Secret, Timestamp};
pub(super) use saving::OpenError;
use saving::{new_world, open_kept};

/// The log of a sandbox that runs for days must not grow forever.
const LONGEST_LOG: usize = 100_000;

/// What everybody works on.
pub(super) struct Shared {
    pub(super) base_url: String,
    /// Where the name servers answer.
    pub(super) name_servers: Vec<SocketAddr>,
    pub(super) api_key: Secret,
    pub(super) digicert_key: Secret,
    pub(super) ca: Ca,
    options: SandboxOptions,
    rate_limits: RateLimits,
    clock: Arc<dyn Clock>,
    /// One request after the other.
    gate: tokio::sync::Mutex<()>,
    inner: Mutex<Inner>,
    /// None when the world is kept nowhere, or not any more.
    file: Mutex<Option<StateFile>>,
    is_kept: bool,
    /// The version of the world that is on the disk.
    saved: AtomicU64,
}

struct Inner {
    world: World,
    log: VecDeque<LoggedRequest>,
    /// The number of the first request that the log still holds.
    log_begin: usize,
    /// What happened by itself.
    happened: VecDeque<LoggedHappening>,
    faults: Faults,
    dice: Dice,
    script: Script,
    /// The orders that the list does not show yet.
    hidden: HashMap<String, Hidden>,
    /// The order that the present request made.
    latest_made: Option<String>,
    random: Randomness,
    regfish_meter: Meter,
    digicert_meter: Meter,
    /// How many lists of a zone's records were asked for.
    zone_lists: u32,
    /// The CA looks at this time, which may lie before the time of the request.
    looking_at: Option<Timestamp>,
    /// Counts what must be saved.
    version: u64,
    /// The time in the state file is old enough to be noted again from here on.
    noted: Option<Timestamp>,
}

impl Inner {
    fn new(options: &SandboxOptions, world: World, script: Script, random: Randomness) -> Self {
        Self {
            noted: world.seen(),
            faults: Faults::new(options.faults.clone(), |rule| world.fault_counts(rule)),
            version: u64::from(world.is_touched()),
            world,
            log: VecDeque::new(),
            log_begin: 1,
            happened: VecDeque::new(),
            dice: Dice::new(options.random_faults.clone()),
            script,
            hidden: HashMap::new(),
            latest_made: None,
            random,
            regfish_meter: Meter::default(),
            digicert_meter: Meter::default(),
            zone_lists: 0,
            looking_at: None,
        }
    }
}

/// How long the list does not show an order.
#[derive(Debug, Clone, Copy)]
enum Hidden {
    Lists(u32),
    Until(Timestamp),
}

impl Shared {
    /// Loads or makes the world.
    pub(super) fn open(
        options: &SandboxOptions,
        base_url: String,
        name_servers: Vec<SocketAddr>,
    ) -> Result<Self, OpenError> {
        let start = options.clock.now();
        let mut random = Randomness::new(options.seed);
        let (mut world, ca, file) = match &options.state_file {
            Some(path) => {
                let (world, ca, file) = open_kept(options, path, start, &mut random)?;
                (world, ca, Some(file))
            }
            None => {
                let ca = Ca::generate()?;
                (new_world(options, &ca, start, &mut random)?, ca, None)
            }
        };
        let script = first_script(options, &mut world, start);
        world.set_lags(options.name_server_lags.clone());
        Ok(Self {
            base_url,
            name_servers,
            api_key: options.api_key.clone(),
            digicert_key: options.digicert_key.clone(),
            ca,
            options: options.clone(),
            rate_limits: options.rate_limits.clone(),
            clock: Arc::clone(&options.clock),
            gate: tokio::sync::Mutex::new(()),
            is_kept: file.is_some(),
            inner: Mutex::new(Inner::new(options, world, script, random)),
            file: Mutex::new(file),
            saved: AtomicU64::new(0),
        })
    }

    /// Waits for the turn of a request.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    /// Reads the clock and notes the time.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.lock().world.note_time(now)
    }

    /// Reads the world.
    pub(super) fn read_world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.lock().world)
    }

    /// Changes the world.
    pub(super) fn change_world<T>(&self, change: impl FnOnce(&mut World, Random<'_>) -> T) -> T {
        let mut inner = self.lock();
        let Inner { world, random, script, latest_made, .. } = &mut *inner;
        let result = change(world, &mut || random.next());
        if let Some(id) = plan_for_made(script, world, Timestamp::MIN) {
            *latest_made = Some(id);
        }
        if inner.world.is_touched() {
            inner.version += 1;
        }
        result
    }

    /// Counts a request against the limits of the vendor it is for; false when it is one too many.
    pub(super) fn admit(&self, vendor: Vendor, now: Timestamp) -> bool {
        let mut inner = self.lock();
        match vendor {
            Vendor::Regfish => inner.regfish_meter.admit(&self.rate_limits.regfish, now),
            Vendor::DigiCert => inner.digicert_meter.admit(&self.rate_limits.digicert, now),
        }
    }

    /// Counts a list of a zone's records; true when this one fails (contract A.0).
    pub(super) fn zone_list_fails(&self) -> bool {
        let mut inner = self.lock();
        inner.zone_lists = inner.zone_lists.wrapping_add(1);
        let every = inner.world.rules.behaviour.zone_list_failures;
        every != 0 && inner.zone_lists.is_multiple_of(every)
    }

    /// What goes wrong with this request, if anything: what was written down, or else what the
    /// dice say about requests of programs.
    pub(super) fn strike(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        by_program: bool,
    ) -> Option<FaultAction> {
        let mut inner = self.lock();
        inner.latest_made = None;
        let Inner { world, faults, dice, version, .. } = &mut *inner;
        let action = faults.strike(method, path, |target| is_about(world, target, path, body));
        for (rule, matched, hit) in faults.take_noted() {
            world.note_fault(&rule, matched, hit);
            *version += 1;
        }
        action.or_else(|| by_program.then(|| dice.throw(method, path)).flatten())
    }

    /// The order that the present request made.
    pub(super) fn latest_made(&self) -> Option<String> {
        self.lock().latest_made.clone()
    }

    /// From now on the list lacks an order for a while.
    pub(super) fn hide(&self, id: &str, hiding: Hiding, now: Timestamp) {
        let hidden = match hiding {
            Hiding::Lists(count) => Hidden::Lists(count),
            Hiding::For(time) => Hidden::Until(now.checked_add(time).unwrap_or(Timestamp::MAX)),
        };
        self.lock().hidden.insert(id.to_owned(), hidden);
    }

    /// The orders that a list asked for now lacks.
    pub(super) fn hidden_from_list(&self, now: Timestamp) -> Vec<String> {
        let mut inner = self.lock();
        inner.hidden.retain(|_, hidden| match hidden {
            Hidden::Lists(count) => *count > 0,
            Hidden::Until(until) => now < *until,
        });
        for hidden in inner.hidden.values_mut() {
            if let Hidden::Lists(count) = hidden {
                *count -= 1;
            }
        }
        inner.hidden.keys().cloned().collect()
    }

    /// Lets time pass by the sandbox's clock.
    pub(super) async fn pass(&self, time: std::time::Duration) {
        let until = self.now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.clock.pass_until(until).await;
    }

    pub(super) fn faults(&self) -> Vec<(Fault, u32, u32)> {
        let inner = self.lock();
        let copy = |one: &CountedFault| (one.fault.clone(), one.matched, one.hit);
        inner.faults.iter().map(copy).collect()
    }

    pub(super) fn clear_faults(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        inner.dice = Dice::default();
    }

    pub(super) fn add_fault(&self, fault: Fault) {
        self.lock().faults.add(fault);
    }

    pub(super) fn log(&self, request: LoggedRequest) {
        let mut inner = self.lock();
        if inner.log.len() >= LONGEST_LOG {
            inner.log.pop_front();
            inner.log_begin += 1;
        }
        inner.log.push_back(request);
    }

    /// The log, and the number of its first request.
    pub(super) fn numbered_log(&self) -> (usize, Vec<LoggedRequest>) {
        let inner = self.lock();
        (inner.log_begin, inner.log.iter().cloned().collect())
    }

    pub(super) fn has_virtual_clock(&self) -> bool {
        self.clock.is_virtual()
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.options.seed
    }

    pub(super) fn random_faults(&self) -> Option<&RandomFaults> {
        self.options.random_faults.as_ref()
    }

    /// How much of everything there is.
    pub(super) fn counts(&self) -> serde_json::Value {
        let inner = self.lock();
        serde_json::json!({
            "orders": inner.world.orders().len(),
            "organizations": inner.world.organizations().count(),
            "zones": inner.world.zone_names().len(),
            "requests": inner.log_begin + inner.log.len() - 1,
            "happenings": inner.happened.len(),
        })
    }

    pub(super) fn organization_snapshots(&self) -> Vec<OrganizationSnapshot> {
        let now = self.dns_time();
        self.read_world(|world| OrganizationSnapshot::all(world, now))
    }

    pub(super) fn zone_snapshots(&self) -> Vec<ZoneSnapshot> {
        self.read_world(ZoneSnapshot::all)
    }

    pub(super) fn logged(&self) -> Vec<LoggedRequest> {
        self.lock().log.iter().cloned().collect()
    }

    /// How many requests the log holds.
    pub(super) fn log_length(&self) -> usize {
        self.lock().log.len()
    }

    /// The newest requests but for some, the latest first.
    pub(super) fn latest_requests(&self, skipped: usize, most: usize) -> Vec<LoggedRequest> {
        self.lock().log.iter().rev().skip(skipped).take(most).cloned().collect()
    }

    pub(super) fn snapshots(&self) -> Vec<OrderSnapshot> {
        let inner = self.lock();
        let now = inner.world.seen().unwrap_or_else(|| self.clock.now());
        let timing = &inner.world.rules.timing;
        inner.world.orders().map(|order| OrderSnapshot::of(order, now, timing)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole when its lock is given back, so a poisoned lock is still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plans what counts from the orders that were just made, and says which was the last of them.
fn plan_for_made(script: &mut Script, world: &mut World, not_before: Timestamp) -> Option<String> {
    let made = world.take_made();
    for id in &made {
        let Ok(order) = world.order(id) else { continue };
        let (name, at) = (order.common_name.clone(), order.created_at.max(not_before));
        script.order_made(world, id, &name, at);
    }
    made.into_iter().last()
}

/// What is planned for a world that begins now.
fn first_script(options: &SandboxOptions, world: &mut World, start: Timestamp) -> Script {
    let mut script = Script::new(options.happenings.clone(), world, start);
    plan_for_made(&mut script, world, start);
    script
}

/// Whose API a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    Regfish,
    DigiCert,
}
