//! `World`: what one play of a case acts on, made for it and gone with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::bounded_clock::BoundedClock;
use super::outside::CaseOutside;
use super::result::Problem;
use crate::action::{Actions, Outside};
use crate::api::digicert::DigicertClient;
use crate::api::http::{BaseUrl, Connection, Timeouts};
use crate::api::regfish::RegfishClient;
use crate::dns::Resolver;
use crate::pki::Chain;
use crate::sandbox::{OrderSnapshot, PASSPHRASE, RecordSnapshot, Sandbox, SandboxOptions};
use crate::trial::{Case, CertificateFacts};
use crate::types::{Clock, Secret, Timestamp, VirtualClock};

/// An answer of a sandbox in the same program that takes longer will not come; real time is spent
/// on it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Folders inside of a run's folder that are looked into.
const DEEPEST: usize = 16;

/// So many files are listed.
const MOST_FILES: usize = 10_000;

/// When a world begins that does not say so: 2026-06-01 09:00 UTC, whatever day it is.
const START: Timestamp = Timestamp::constant(1_780_304_400, 0);

/// With the same seed, ids and tokens are the same in every play.
const SEED: u64 = 1;

/// A sandbox, a clock, a client, a folder.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) clock: VirtualClock,
    pub(super) bounded: BoundedClock,
    pub(super) outside: Arc<CaseOutside>,
    client: RegfishClient,
    digicert: DigicertClient,
    folder: tempfile::TempDir,
    orders_before: Vec<String>,
    records_before: Vec<u64>,
}

impl World {
    /// Makes the world that a case describes, with its files in a new folder inside of `root`.
    pub(super) async fn new(case: &Case, root: &Path) -> Result<Self, Problem> {
        let cannot =
            |what: &str, error: &dyn std::fmt::Display| Problem::World(format!("{what}: {error}"));
        let start = case.scenario.start.unwrap_or(START);
        let clock = VirtualClock::starting_at(start);
        let end = start.checked_add(case.limit);
        let end = end.map_err(|error| cannot("no such time", &error))?;
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut options = SandboxOptions::embedded(Arc::clone(&shared));
        options.seed = Some(SEED);
        case.scenario.apply(&mut options);
        let (key, digicert_key) = (options.api_key.clone(), options.digicert_key.clone());
        let sandbox = Sandbox::start(options)
            .await
            .map_err(|error| cannot("the sandbox does not start", &error))?;
        let base_url = BaseUrl::parse(&sandbox.base_url())
            .map_err(|error| cannot("the sandbox has no address", &error))?;
        let timeouts = Timeouts { total: PATIENCE, ..Timeouts::default() };
        let digicert_url = BaseUrl::parse(&format!("{base_url}/services/v2"))
            .map_err(|error| cannot("the sandbox has no address", &error))?;
        let clock_too = Arc::clone(&shared);
        let digicert = DigicertClient::new(Connection {
            clock: clock_too,
            timeouts,
            ..Connection::digicert(digicert_url, digicert_key)
        })
        .map_err(|error| cannot("no client can be made", &error))?;
        let connection =
            Connection { clock: shared, timeouts, ..Connection::regfish(base_url, key) };
        let client = RegfishClient::new(connection)
            .map_err(|error| cannot("no client can be made", &error))?;
        let folder = tempfile::Builder::new()
            .prefix("world-")
            .tempdir_in(root)
            .map_err(|error| cannot("no folder can be made", &error))?;
        std::fs::create_dir(folder.path().join("files"))
            .map_err(|error| cannot("no folder can be made", &error))?;
        let controls = sandbox.controls();
        Ok(Self {
            orders_before: controls.orders().into_iter().map(|order| order.id).collect(),
            records_before: controls.records().into_iter().map(|record| record.id).collect(),
            bounded: BoundedClock::new(clock.clone(), end),
            outside: CaseOutside::new(case.imitate.clone(), &sandbox),
            sandbox,
            clock,
            client,
            digicert,
            folder,
        })
    }

    /// Who performs the actions.
    pub(super) fn actions(&self) -> Actions {
        Actions {
            regfish: Some(self.client.clone()),
            digicert: Some(self.digicert.clone()),
            resolver: Some(Resolver::at(self.sandbox.dns_address())),
            outside: Some(Arc::clone(&self.outside) as Arc<dyn Outside>),
            clock: Arc::new(self.bounded.clone()),
            key_directory: self.key_folder(),
            passphrase: Some(Secret::new(PASSPHRASE.to_owned())),
            desk: None,
        }
    }

    /// Where relative paths of the plan start from.
    pub(super) fn directory(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn key_folder(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Texts that differ from play to play, and what stands for them in a report.
    pub(super) fn private_texts(&self) -> Vec<(String, &'static str)> {
        let path = |path: &Path| path.display().to_string();
        vec![
            (format!("{}/", path(&self.directory())), ""),
            (path(&self.directory()), "."),
            (path(self.folder.path()), "STATE"),
            (self.sandbox.base_url(), "http://sandbox"),
        ]
    }

    /// The files that the run wrote, relative to its folder.
    pub(super) fn files(&self) -> Vec<String> {
        let root = self.directory();
        let mut files = Vec::new();
        collect(&root, &root, DEEPEST, &mut files);
        files.sort();
        files
    }

    /// How many private keys there are.
    pub(super) fn keys(&self) -> usize {
        let root = self.key_folder();
        let mut files = Vec::new();
        collect(&root, &root, DEEPEST, &mut files);
        files.iter().filter(|file| file.ends_with(".key.pem")).count()
    }

    /// The orders that were not there at the beginning.
    pub(super) fn orders(&self) -> Vec<OrderSnapshot> {
        let mut orders = self.sandbox.controls().orders();
        orders.retain(|order| !self.orders_before.contains(&order.id));
        orders
    }

    /// The records that were not there at the beginning.
    pub(super) fn records(&self) -> Vec<RecordSnapshot> {
        let mut records = self.sandbox.controls().records();
        records.retain(|record| !self.records_before.contains(&record.id));
        records
    }

    /// What the certificate of an order says, once it is issued.
    pub(super) fn certificate(&self, id: &str) -> Option<CertificateFacts> {
        let orders = self.sandbox.controls().orders();
        let chain = orders.into_iter().find(|order| order.id == id)?.chain_pem?;
        let chain = Chain::from_pem(chain.as_bytes()).ok()?;
        let leaf = chain.leaf();
        let seconds = leaf.not_after.duration_since(leaf.not_before).as_secs();
        // Both ends are included, so a day is reached one second early.
        Some(CertificateFacts { names: leaf.names.clone(), days: (seconds + 1) / 86_400 })
    }
}

/// All files below `folder`, links followed, as paths relative to `root`.
fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if files.len() >= MOST_FILES {
            return;
        }
        if path.is_dir() {
            if depth > 0 {
                collect(root, &path, depth - 1, files);
            }
        } else if let Ok(relative) = path.strip_prefix(root) {
            files.push(relative.display().to_string());
        }
    }
}
