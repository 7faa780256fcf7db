//! The CA's look: questions to the name servers, over UDP, and over TCP when that is cut short.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_net::NetError;
use hickory_net::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query};
use hickory_net::proto::rr::{Name, RData, RecordType};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsHandle, DnsRequestSender, FirstAnswer};

use crate::sandbox::world::{Token, normal_name};

/// The server is on this machine, so this is long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why a look found out nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// Not a name that can be asked for.
    #[error("`{0}` is no DNS name")]
    Name(String),
    /// No answer.
    #[error("the DNS server at `{server}` does not answer")]
    Network { server: SocketAddr, source: NetError },
}

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// The base domains whose token stands where it must (contract B.6), on every name server: the CA
/// looks from several places, and each may ask another server.
pub(crate) async fn find_tokens(
    servers: &[SocketAddr],
    tokens: &[Token],
) -> Result<BTreeSet<String>, LookupError> {
    let mut found = BTreeSet::new();
    for token in tokens {
        let wanted = token.record_value();
        let mut everywhere = true;
        for server in servers {
            let response = ask(*server, &token.record_name(), RecordType::CNAME).await?;
            everywhere &= response.answers.iter().any(|record| match &record.data {
                RData::CNAME(target) => normal_name(&target.0.to_ascii()) == wanted,
                _ => false,
            });
        }
        if everywhere {
            found.insert(token.base_domain.clone());
        }
    }
    Ok(found)
}

pub(super) async fn ask(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
) -> Result<DnsResponse, LookupError> {
    let response = query(server, name, kind, Transport::Udp).await?;
    if response.metadata.truncation {
        return query(server, name, kind, Transport::Tcp).await;
    }
    Ok(response)
}

/// Asks `server` one question.
pub(crate) async fn query(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    transport: Transport,
) -> Result<DnsResponse, LookupError> {
    let mut name = Name::from_str(name).map_err(|_| LookupError::Name(name.to_owned()))?;
    name.set_fqdn(true);
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    let request = DnsRequest::from_query(Query::query(name, kind), options);
    let provider = TokioRuntimeProvider::default();
    let network = |source| LookupError::Network { server, source };
    match transport {
        Transport::Udp => UdpClientStream::builder(server, provider)
            .with_timeout(Some(TIMEOUT))
            .build()
            .send_message(request)
            .first_answer()
            .await
            .map_err(network),
        Transport::Tcp => {
            // The connection's task lives as long as its provider, hence the clone.
            let connecting =
                TcpClientStream::exchange(server, None, TIMEOUT, None, provider.clone());
            let exchange = connecting.await.map_err(network)?;
            exchange.send(request).first_answer().await.map_err(network)
        }
    }
}
