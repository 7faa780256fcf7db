//! `Sandbox`: starting, stopping and controlling a sandbox.
//!
//! The controls stand for people and events outside of the API: somebody completes an order in
//! the Console, the CA rejects one, another program puts a record. They decide nothing.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ca::CaError;
use super::connection::{CuttableListener, Line};
use super::dns::{DnsServer, DnsSockets};
use super::fault::Fault;
use super::http::router;
use super::observed::{LoggedRequest, OrderSnapshot};
use super::options::SandboxOptions;
use super::shared::{OpenError, Shared};
use super::state_file::{self, StateFileError};
use super::world::{NewRecord, Random, RecordKind, Refusal, World};
use crate::types::{DomainName, Timestamp};

/// Why a sandbox does not start, or refuses a control.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It imitates a CA; nobody else shall be able to talk to it.
    #[error("the sandbox listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The address is taken or cannot be used.
    #[error("the sandbox cannot listen on `{address}`")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The stored world cannot be used.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// The CA could not be made or restored.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The world does not allow what was asked for.
    #[error("the sandbox refused: {0}")]
    Refused(String),
}

impl From<OpenError> for SandboxError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::StateFile(error) => Self::StateFile(error),
            OpenError::Ca(error) => Self::Ca(error),
        }
    }
}

impl From<Refusal> for SandboxError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// A running sandbox. Dropping it ends its tasks and closes its state file.
pub struct Sandbox {
    shared: Arc<Shared>,
    /// Dropping it tells the API to end.
    stop_api: Option<oneshot::Sender<()>>,
    api: Option<JoinHandle<()>>,
    dns: Option<DnsServer>,
}

/// A client that sends half a request and waits must not keep the sandbox from ending.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Starts a sandbox; when this returns, it answers.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        for address in [options.listen, options.dns_listen] {
            if !address.ip().is_loopback() {
                return Err(SandboxError::NotLoopback(address));
            }
        }
        let cannot_listen = |address| move |source| SandboxError::Listen { address, source };
        let listener =
            TcpListener::bind(options.listen).await.map_err(cannot_listen(options.listen))?;
        let address = Listener::local_addr(&listener).map_err(cannot_listen(options.listen))?;
        let sockets = DnsSockets::bind(options.dns_listen)
            .await
            .map_err(cannot_listen(options.dns_listen))?;

        let base_url = format!("http://{address}");
        let shared = Arc::new(Shared::open(&options, base_url, sockets.address())?);
        let dns = DnsServer::start(sockets, Arc::clone(&shared));
        let (stop_api, told_to_stop) = oneshot::channel::<()>();
        let service = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Line>();
        let api = tokio::spawn(async move {
            let server = axum::serve(CuttableListener(listener), service)
                // A dropped sender counts, too.
                .with_graceful_shutdown(async move { drop(told_to_stop.await) });
            if let Err(error) = server.await {
                tracing::error!(%error, "the sandbox's API ended");
            }
        });
        tracing::debug!(api = shared.base_url, dns = %shared.dns_address, "the sandbox answers");
        Ok(Self { shared, stop_api: Some(stop_api), api: Some(api), dns: Some(dns) })
    }

    /// The API's base URL, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Where the DNS server answers, over UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.shared.dns_address
    }

    /// The root certificate of the sandbox's CA.
    pub fn root_pem(&self) -> String {
        self.shared.ca.root_pem().to_owned()
    }

    /// The latest time that the world has seen, so that a virtual clock can start no earlier.
    pub fn latest_time(&self) -> Option<Timestamp> {
        self.shared.read_world(World::seen)
    }

    /// All requests since the start, in the order in which they were answered.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.logged()
    }

    /// All orders, oldest first, as of the latest request.
    pub fn orders(&self) -> Vec<OrderSnapshot> {
        self.shared.snapshots()
    }

    /// Makes something go wrong from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.add_fault(fault);
    }

    /// A person chooses an organization in the Console.
    pub async fn complete_in_console(
        &self,
        certificate_id: &str,
        organization_id: &str,
    ) -> Result<(), SandboxError> {
        self.control(|world, now, random| {
            world.complete_order(certificate_id, organization_id, now, random).map(drop)
        })
        .await
    }

    /// A person cancels an order.
    pub async fn cancel(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.control(|world, now, _| world.cancel_order(certificate_id, now)).await
    }

    /// The CA rejects an order.
    pub async fn reject(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.control(|world, now, _| world.reject_order(certificate_id, now)).await
    }

    /// The CA replaces the tokens of an order before their time.
    pub async fn rotate_tokens(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.control(|world, now, random| world.rotate_tokens(certificate_id, now, random)).await
    }

    /// An order vanishes: from now on it is answered with 404.
    pub async fn forget_order(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.control(|world, _, _| world.forget_order(certificate_id)).await
    }

    /// Somebody else puts a record.
    pub async fn add_foreign_record(
        &self,
        name: &DomainName,
        kind: &str,
        data: &str,
    ) -> Result<(), SandboxError> {
        let kind = RecordKind::parse(kind)
            .ok_or_else(|| SandboxError::Refused(format!("`{kind}` is no record type")))?;
        let wish = NewRecord {
            name: name.clone(),
            kind,
            data: data.to_owned(),
            ttl: None,
            priority: None,
            annotation: None,
        };
        self.control(|world, now, random| world.create_record(wish, now, random).map(drop)).await
    }

    /// Does what came due by now without a request, and saves it.
    pub async fn catch_up(&self) -> Result<(), SandboxError> {
        self.control(|_, _, _| Ok(())).await
    }

    /// Ends after the requests in flight.
    pub async fn stop(mut self) {
        drop(self.stop_api.take());
        if let Some(mut api) = self.api.take()
            && tokio::time::timeout(LONGEST_GOODBYE, &mut api).await.is_err()
        {
            api.abort();
        }
        if let Some(dns) = self.dns.take()
            && tokio::time::timeout(LONGEST_GOODBYE, dns.stop()).await.is_err()
        {
            tracing::debug!("the sandbox's DNS server was left with a question");
        }
        // The rest happens when it is dropped.
    }

    async fn control(
        &self,
        change: impl FnOnce(&mut World, Timestamp, Random<'_>) -> Result<(), Refusal>,
    ) -> Result<(), SandboxError> {
        let turn = self.shared.turn().await;
        let now = self.shared.now();
        self.shared.catch_up(now).await;
        self.shared.change_world(|world, random| change(world, now, random))?;
        let version = self.shared.version();
        drop(turn);
        Ok(self.shared.save(version).await?)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sandbox")
            .field("base_url", &self.shared.base_url)
            .field("dns_address", &self.shared.dns_address)
            .finish_non_exhaustive()
    }
}

/// The latest time in a state file, read before there is a sandbox or a clock.
pub fn peek_latest_time(state_file: &Path) -> Result<Option<Timestamp>, SandboxError> {
    Ok(state_file::peek_latest_time(state_file)?)
}
