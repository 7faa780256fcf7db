//! `Sandbox`: starting and stopping a sandbox.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ca::CaError;
use super::connection::{CuttableListener, Line};
use super::control;
use super::controls::Controls;
use super::dns::{DnsServers, DnsSockets, reachable};
use super::http::router;
use super::options::SandboxOptions;
use super::shared::{OpenError, Shared};
use super::state_file::{self, StateFileError};
use super::world::Refusal;
use crate::types::Timestamp;

/// Why a sandbox does not start, or refuses a control.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It imitates a CA; nobody else shall be able to talk to it.
    #[error("the sandbox listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The address is taken or cannot be used.
    #[error("the sandbox cannot listen on `{address}`: {source}")]
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
            OpenError::Initial(error) => Self::Refused(error.to_string()),
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
    dns: Option<DnsServers>,
    control_url: Option<String>,
    control: Option<JoinHandle<()>>,
}

/// A client that sends half a request and waits must not keep the sandbox from ending.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Starts a sandbox; when this returns, it answers.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let listens = [Some(options.listen), Some(options.dns_listen), options.control_listen];
        for address in listens.into_iter().flatten() {
            if !address.ip().is_loopback() && !options.beyond_loopback {
                return Err(SandboxError::NotLoopback(address));
            }
        }
        let cannot_listen = |address| move |source| SandboxError::Listen { address, source };
        let listener =
            TcpListener::bind(options.listen).await.map_err(cannot_listen(options.listen))?;
        let address = Listener::local_addr(&listener).map_err(cannot_listen(options.listen))?;
        let sockets = DnsSockets::bind(options.dns_listen, options.name_server_lags.len())
            .await
            .map_err(cannot_listen(options.dns_listen))?;

        let control_listener = match options.control_listen {
            Some(wish) => Some(TcpListener::bind(wish).await.map_err(cannot_listen(wish))?),
            None => None,
        };

        let base_url = format!("http://{}", reachable(address));
        let name_servers = sockets.addresses().iter().copied().map(reachable).collect();
        let shared = Arc::new(Shared::open(&options, base_url, name_servers)?);
        let dns = DnsServers::start(sockets, &shared);
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
        let mut control_url = None;
        let mut control = None;
        if let Some(listener) = control_listener {
            let bound = Listener::local_addr(&listener).map_err(cannot_listen(address))?;
            control_url = Some(format!("http://{}", reachable(bound)));
            let service = control::router(Arc::clone(&shared)).into_make_service();
            control = Some(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, service).await {
                    tracing::error!(%error, "the sandbox's control port ended");
                }
            }));
        }
        tracing::debug!(api = shared.base_url, dns = ?shared.name_servers, "the sandbox answers");
        Ok(Self {
            shared,
            stop_api: Some(stop_api),
            api: Some(api),
            dns: Some(dns),
            control_url,
            control,
        })
    }

    /// The API's base URL, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Where the control port answers, if there is one; without a slash at its end.
    pub fn control_url(&self) -> Option<&str> {
        self.control_url.as_deref()
    }

    /// Where the first DNS server answers, over UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        // There is always one; nobody answers at the other address.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.shared.name_servers.first().copied().unwrap_or(nowhere)
    }

    /// Where all DNS servers answer.
    pub fn name_servers(&self) -> Vec<SocketAddr> {
        self.shared.name_servers.clone()
    }

    /// The root certificate of the sandbox's CA.
    pub fn root_pem(&self) -> String {
        self.shared.ca.root_pem().to_owned()
    }

    /// What can be seen and done besides the API.
    pub fn controls(&self) -> Controls {
        Controls::new(Arc::clone(&self.shared))
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
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(control) = &self.control {
            control.abort();
        }
        self.shared.close();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Sandbox")
            .field("base_url", &self.shared.base_url)
            .field("name_servers", &self.shared.name_servers)
            .finish_non_exhaustive()
    }
}

/// The latest time in a state file, read before there is a sandbox or a clock.
pub fn peek_latest_time(state_file: &Path) -> Result<Option<Timestamp>, SandboxError> {
    Ok(state_file::peek_latest_time(state_file)?)
}
