//! `DnsServer`: the authoritative server on loopback, UDP and TCP on one port.
//!
//! It holds no records: each question is answered from the shared world at that moment.

use std::io;
use std::net::{IpAddr, SocketAddr};
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

use super::answer::{Answer, answer};
use crate::sandbox::shared::Shared;
use crate::sandbox::world::normal_name;

/// A running DNS server. Dropping it ends its tasks.
pub(crate) struct DnsServer {
    server: Server<Handler>,
}

/// Its sockets, bound but not yet answering.
pub(crate) struct DnsSockets {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
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
    /// Takes one port for both; port 0 picks a free one.
    pub(crate) async fn bind(wanted: SocketAddr) -> io::Result<Self> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let tcp = TcpListener::bind(wanted).await?;
            let address = tcp.local_addr()?;
            match UdpSocket::bind(address).await {
                Ok(udp) => return Ok(Self { udp, tcp, address }),
                Err(_) if wanted.port() == 0 && attempt < BIND_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl DnsServer {
    /// Begins to answer out of the shared world.
    pub(crate) fn start(sockets: DnsSockets, shared: Arc<Shared>) -> Self {
        let own_address = sockets.address.ip();
        let mut server = Server::new(Handler { shared, own_address });
        server.register_socket(sockets.udp);
        server.register_listener(sockets.tcp, IDLE, RESPONSE_BUFFER);
        Self { server }
    }

    /// Ends after the answers in flight.
    pub(crate) async fn stop(mut self) {
        if let Err(error) = self.server.shutdown_gracefully().await {
            tracing::debug!(%error, "the sandbox's DNS server did not end well");
        }
    }
}

struct Handler {
    shared: Arc<Shared>,
    own_address: IpAddr,
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
        self.shared.read_world(|world| answer(world, &name, kind, self.own_address))
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
