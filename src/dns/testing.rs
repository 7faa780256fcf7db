//! `FakeDns`: name servers for tests, on loopback, that say whatever a test wants, lies included.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_net::proto::op::{Message, ResponseCode};
use hickory_net::proto::rr::rdata::{A, CNAME, NS, TXT};
use hickory_net::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::Resolver;
use super::exchange::absolute;

/// How a question came to the server with this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) server: usize,
    pub(crate) over_tcp: bool,
}

/// What a server says; none is silence.
pub(crate) type Said = Option<Reply>;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) code: ResponseCode,
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) records: Vec<Record>,
}

impl Reply {
    pub(crate) fn of(records: Vec<Record>) -> Said {
        Some(Self { code: ResponseCode::NoError, authoritative: true, truncated: false, records })
    }

    pub(crate) fn code(code: ResponseCode) -> Said {
        Some(Self { code, authoritative: true, truncated: false, records: Vec::new() })
    }
}

pub(crate) fn record(name: &str, data: RData) -> Record {
    Record::from_rdata(absolute(name).unwrap(), 60, data)
}

pub(crate) fn cname(name: &str, target: &str) -> Record {
    record(name, RData::CNAME(CNAME(absolute(target).unwrap())))
}

pub(crate) fn txt(name: &str, value: &str) -> Record {
    record(name, RData::TXT(TXT::new(vec![value.to_owned()])))
}

pub(crate) type Script = dyn Fn(&str, RecordType, Asked) -> Said + Send + Sync;

/// Several servers on one port. The first one is the resolver, too. They are the name servers
/// `ns1.test`, `ns2.test` … of `example.com` whenever the script says nothing about those.
pub(crate) struct FakeDns {
    addresses: Vec<SocketAddr>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl FakeDns {
    pub(crate) async fn start(
        count: usize,
        script: impl Fn(&str, RecordType, Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let (mut addresses, mut tasks, mut port) = (Vec::new(), Vec::new(), 0);
        for server in 0..count {
            let ip = Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(server).unwrap());
            let tcp = TcpListener::bind((ip, port)).await.unwrap();
            let address = tcp.local_addr().unwrap();
            let udp = UdpSocket::bind(address).await.unwrap();
            port = address.port();
            addresses.push(address);
            let serve = Server { server, count, script: Arc::clone(&script) };
            tasks.push(tokio::spawn(serve.clone().udp(udp)));
            tasks.push(tokio::spawn(serve.tcp(tcp)));
        }
        Self { addresses, tasks }
    }

    /// The port of all of them, as text.
    pub(crate) fn port(&self) -> String {
        self.addresses[0].port().to_string()
    }

    pub(crate) fn resolver(&self) -> Resolver {
        Resolver::at(self.addresses[0])
    }
}

impl Drop for FakeDns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[derive(Clone)]
struct Server {
    server: usize,
    count: usize,
    script: Arc<Script>,
}

impl Server {
    async fn udp(self, socket: UdpSocket) {
        let mut buffer = vec![0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            if let Some(bytes) = self.answer(&buffer[..length], false) {
                let _ = socket.send_to(&bytes, from).await;
            }
        }
    }

    async fn tcp(self, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let server = self.clone();
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut question = vec![0; usize::from(length)];
                    if stream.read_exact(&mut question).await.is_err() {
                        return;
                    }
                    let Some(bytes) = server.answer(&question, true) else { return };
                    let length = u16::try_from(bytes.len()).unwrap();
                    let _ = stream.write_u16(length).await;
                    let _ = stream.write_all(&bytes).await;
                }
            });
        }
    }

    fn answer(&self, question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).unwrap();
        let query = question.queries[0].clone();
        let name = super::exchange::plain(query.name());
        let asked = Asked { server: self.server, over_tcp };
        let said = (self.script)(&name, query.query_type(), asked);
        let reply = match said {
            Some(reply) if reply.code == ResponseCode::NoError && reply.records.is_empty() => {
                self.own(&name, query.query_type()).or(Some(reply))
            }
            other => other,
        }?;
        let mut message = Message::response(question.metadata.id, question.metadata.op_code);
        message.metadata.response_code = reply.code;
        message.metadata.authoritative = reply.authoritative;
        message.metadata.truncation = reply.truncated;
        message.metadata.recursion_available = self.server == 0;
        message.add_query(query);
        message.add_answers(reply.records);
        Some(message.to_vec().unwrap())
    }

    /// The servers' own names and addresses.
    fn own(&self, name: &str, kind: RecordType) -> Said {
        let server = |index: usize| -> Name { absolute(&format!("ns{}.test", index + 1)).unwrap() };
        if (name, kind) == ("example.com", RecordType::NS) {
            let own = (0..self.count).map(|index| record(name, RData::NS(NS(server(index)))));
            return Reply::of(own.collect());
        }
        let index: usize = name
            .strip_prefix("ns")?
            .strip_suffix(".test")?
            .parse::<usize>()
            .ok()?
            .checked_sub(1)?;
        let address = Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(index).ok()?);
        (kind == RecordType::A).then(|| Reply::of(vec![record(name, RData::A(A(address)))]))?
    }
}
