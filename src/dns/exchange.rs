//! One question to one server, over UDP or TCP, and its answer in the words of this module.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_net::NetError;
use hickory_net::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_net::proto::rr::{Name, RData, Record, RecordType};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsHandle, DnsRequestSender, FirstAnswer};

use super::LookupError;
use crate::types::{printable, shorten};

/// A server that needs longer than this is as good as dead.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What is read of one answer; more records than this are no answer to any question of ours.
const MOST_RECORDS: usize = 64;

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// Whom the question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A resolver, which is to ask others.
    Resolver,
    /// An authoritative server, which is to say what it knows itself.
    Authority,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) recursion_available: bool,
    pub(super) truncated: bool,
    pub(super) records: Vec<Record>,
}

impl Answer {
    /// The records of exactly that name.
    pub(super) fn at<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a RData> {
        let at = self.records.iter().filter(move |record| record.name == *name);
        at.map(|record| &record.data)
    }

    /// The answer's code in words, when it is none of "here it is" and "there is no such name".
    pub(super) fn refusal(&self) -> Option<String> {
        match self.code {
            ResponseCode::NoError | ResponseCode::NXDomain => None,
            ResponseCode::Refused => Some("it refuses to answer (REFUSED)".to_owned()),
            ResponseCode::ServFail => Some("it failed (SERVFAIL)".to_owned()),
            other => Some(format!("it answered `{}`", text(&other.to_string()))),
        }
    }
}

/// A text out of an answer, fit to print.
pub(super) fn text(text: &str) -> String {
    shorten(&printable(text), 120)
}

/// A name as people write it: lower-case, without the dot at its end.
pub(super) fn plain(name: &Name) -> String {
    let ascii = name.to_ascii().to_lowercase();
    text(ascii.strip_suffix('.').unwrap_or(&ascii))
}

/// Reads a name that is complete, with or without the dot at its end.
pub(super) fn absolute(name: &str) -> Result<Name, LookupError> {
    let refuse = || LookupError::Name { name: text(name) };
    let mut name = Name::from_str(name).map_err(|_| refuse())?;
    name.set_fqdn(true);
    Ok(name)
}

/// Asks `server` one question; the error is a fragment that says why there is no answer.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    role: Role,
    transport: Transport,
) -> Result<Answer, String> {
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    options.recursion_desired = role == Role::Resolver;
    let request = DnsRequest::from_query(Query::query(name.clone(), kind), options);
    let exchange = async {
        match transport {
            Transport::Udp => over_udp(server, request).await,
            Transport::Tcp => over_tcp(server, request).await,
        }
    };
    // The streams have time limits of their own, which do not cover every step.
    match tokio::time::timeout(TIMEOUT * 2, exchange).await {
        Ok(Ok(response)) => Ok(answer(response)),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(reason(&NetError::Timeout)),
    }
}

/// Over UDP, and over TCP when the answer does not fit or never comes.
pub(super) async fn ask_either(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    role: Role,
) -> Result<Answer, String> {
    match ask(server, name, kind, role, Transport::Udp).await {
        Ok(answer) if !answer.truncated => Ok(answer),
        Ok(_) => ask(server, name, kind, role, Transport::Tcp).await,
        Err(reason) => ask(server, name, kind, role, Transport::Tcp).await.map_err(|_| reason),
    }
}

async fn over_udp(server: SocketAddr, request: DnsRequest) -> Result<DnsResponse, NetError> {
    UdpClientStream::builder(server, TokioRuntimeProvider::default())
        .with_timeout(Some(TIMEOUT))
        .build()
        .send_message(request)
        .first_answer()
        .await
}

async fn over_tcp(server: SocketAddr, request: DnsRequest) -> Result<DnsResponse, NetError> {
    let provider = TokioRuntimeProvider::default();
    // The connection's task lives as long as its provider, hence the clone.
    let exchange = TcpClientStream::exchange(server, None, TIMEOUT, None, provider.clone()).await?;
    exchange.send(request).first_answer().await
}

fn answer(response: DnsResponse) -> Answer {
    let metadata = &response.metadata;
    Answer {
        code: metadata.response_code,
        authoritative: metadata.authoritative,
        recursion_available: metadata.recursion_available,
        truncated: metadata.truncation,
        records: response.answers.iter().take(MOST_RECORDS).cloned().collect(),
    }
}

fn reason(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no answer".to_owned(),
        NetError::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            std::io::ErrorKind::TimedOut => "no answer".to_owned(),
            _ => text(error.to_string().split(" (os error").next().unwrap_or_default()),
        },
        other => text(&other.to_string()),
    }
}
