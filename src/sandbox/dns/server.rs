//! `DnsServers`: the authoritative servers of all zones, UDP and TCP, each on an address of its
//! own and all on the same port, so that a client can find them through NS and A records.
//!
//! They hold no records: each question is answered from the shared world at that moment.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_net::proto::op::{Edns, MessageType, Metadata, OpCode, ResponseCode};
use hickory_net::proto::rr::DNSClass;
use hickory_net::runtime::Time;
use hickory_server::Server;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use super::answer::{self, Answer, answer};
use crate::sandbox::shared::Shared;
use crate::sandbox::world::normal_name;

/// The running DNS servers. Dropping them ends their tasks.
pub(crate) struct DnsServers {
    servers: Vec<Server<Handler>>,
}

/// Their sockets, bound but not yet answering.
pub(crate) struct DnsSockets {
    sockets: Vec<(UdpSocket, TcpListener)>,
    addresses: Vec<SocketAddr>,
}

/// A port that is free for UDP may be taken for TCP; then another is tried.
const BIND_ATTEMPTS: usize = 16;
/// A TCP connection without a question is closed.
const IDLE: Duration = Duration::from_secs(10);
/// Answers that wait on one TCP connection.
const RESPONSE_BUFFER: usize = 32;
/// Larger answers over UDP are cut, whatever the asker allows (RFC 9715).
const LARGEST_UDP: u16 = 1_232;

impl DnsSockets {
    /// Takes `count` addresses from the wanted one on, with one port; port 0 picks a free one.
    pub(crate) async fn bind(wanted: SocketAddr, count: usize) -> io::Result<Self> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Self::bind_once(wanted, count).await {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && wanted.port() == 0
                        && attempt < BIND_ATTEMPTS => {}
                result => return result,
            }
        }
    }

    async fn bind_once(wanted: SocketAddr, count: usize) -> io::Result<Self> {
        let mut bound = Self { sockets: Vec::new(), addresses: Vec::new() };
        let mut port = wanted.port();
        for index in 0..count.max(1) {
            let address = SocketAddr::new(neighbour(wanted.ip(), index)?, port);
            let tcp = TcpListener::bind(address).await?;
            let address = tcp.local_addr()?;
            port = address.port();
            bound.sockets.push((UdpSocket::bind(address).await?, tcp));
            bound.addresses.push(address);
        }
        Ok(bound)
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// `127.0.0.2` is the next one after `127.0.0.1`.
fn neighbour(first: IpAddr, index: usize) -> io::Result<IpAddr> {
    match first {
        _ if index == 0 => Some(first),
        IpAddr::V4(first) => u8::try_from(index)
            .ok()
            .and_then(|index| first.octets()[3].checked_add(index))
            .map(|last| {
                let [one, two, three, _] = first.octets();
                IpAddr::V4(Ipv4Addr::new(one, two, three, last))
            }),
        IpAddr::V6(_) => None,
    }
    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no address for each name server"))
}

impl DnsServers {
    /// Begins to answer out of the shared world.
    pub(crate) fn start(sockets: DnsSockets, shared: &Arc<Shared>) -> Self {
        let addresses: Arc<[IpAddr]> =
            sockets.addresses.iter().map(|address| reachable(*address).ip()).collect();
        let start = |(index, (udp, tcp))| {
            let handler =
                Handler { shared: Arc::clone(shared), index, addresses: Arc::clone(&addresses) };
            let mut server = Server::new(handler);
            server.register_socket(udp);
            server.register_listener(tcp, IDLE, RESPONSE_BUFFER);
            server
        };
        Self { servers: sockets.sockets.into_iter().enumerate().map(start).collect() }
    }

    /// Ends after the answers in flight.
    pub(crate) async fn stop(self) {
        for mut server in self.servers {
            if let Err(error) = server.shutdown_gracefully().await {
                tracing::debug!(%error, "a DNS server of the sandbox did not end well");
            }
        }
    }
}

/// Where a socket that is bound to all addresses can be reached on this machine.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

struct Handler {
    shared: Arc<Shared>,
    index: usize,
    addresses: Arc<[IpAddr]>,
}

impl Handler {
    fn answer(&self, request: &Request) -> Answer {
        if request.metadata.message_type != MessageType::Query {
            return Answer::error(ResponseCode::FormErr);
        }
        if request.metadata.op_code != OpCode::Query {
            return Answer::error(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else {
            return Answer::error(ResponseCode::FormErr);
        };
        if info.query.query_class() != DNSClass::IN {
            return Answer::error(ResponseCode::Refused);
        }
        let name = normal_name(&info.query.original().name().to_ascii());
        let kind = info.query.query_type();
        let own = answer::Server {
            index: self.index,
            addresses: &self.addresses,
            now: self.shared.dns_time(),
        };
        self.shared.read_world(|world| answer(world, &name, kind, own))
    }

    async fn respond(&self, request: &Request, mut sink: impl ResponseHandler) -> ResponseInfo {
        let answer = self.answer(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = answer.code;
        metadata.authoritative = answer.authoritative;
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload().min(LARGEST_UDP));
            edns
        });
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response =
            builder.build(metadata, &answer.answers, &answer.authority, [], &answer.additional);
        match sink.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "the sandbox's DNS answer was not sent");
                metadata.response_code = ResponseCode::ServFail;
                ResponseInfo::from(hickory_net::proto::op::Header {
                    metadata,
                    counts: hickory_net::proto::op::HeaderCounts::default(),
                })
            }
        }
    }
}

impl RequestHandler for Handler {
    // Written out, because the trait is made by a macro of a crate that nothing else here needs.
    fn handle_request<'handler, 'request, 'future, R, T>(
        &'handler self,
        request: &'request Request,
        sink: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'future>>
    where
        R: ResponseHandler + 'future,
        T: Time + 'future,
        'handler: 'future,
        'request: 'future,
        Self: 'future,
    {
        Box::pin(self.respond(request, sink))
    }
}
