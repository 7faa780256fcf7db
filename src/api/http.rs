//! `HttpClient`: one way to send a request, for every service.
//!
//! It sends each request exactly once: no retries, no redirects. Before that the request passes the
//! connection's gate, which may delay it. The API key goes to the configured base URL only, and
//! never into a log, an error or an answer's text.

mod base_url;
mod connection;
mod error;
mod error_text;
mod gate;
mod request;
mod retry_after;
#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use tracing::Instrument as _;

use crate::types::{Clock, Secret, format_duration};

pub(in crate::api) use base_url::is_loopback;
pub use base_url::{BaseUrl, BaseUrlError};
pub use connection::{Connection, ConnectionError, Timeouts};
pub use error::{ApiError, Effect, ErrorKind, Retry, Unread};
pub use gate::{Gate, OpenGate, Pass, Turn, TurnedAway, Urgency, Verdict};
pub use request::{ANSWER_LIMIT, Call, LIST_LIMIT, Method, RawAnswer, Request};
pub use retry_after::{LONGEST_RETRY_AFTER, parse_retry_after};

/// Sends requests over one [`Connection`].
///
/// Cloning is cheap, and clones share the pool of open connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    base_url: BaseUrl,
    header: HeaderName,
    header_value: HeaderValue,
    api_key: Secret,
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
    gate: Arc<dyn Gate>,
    probe: Option<&'static str>,
}

impl HttpClient {
    /// Checks the connection's key and prepares a client; touches no network.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        let (header, header_value) = connection.header()?;
        let Connection { name, base_url, api_key, timeouts, clock, gate, probe, .. } = connection;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("certplan/", env!("CARGO_PKG_VERSION")))
            // A custom header would travel along to wherever a redirect points.
            .redirect(reqwest::redirect::Policy::none())
            // Every attempt is recorded by the engine; a hidden second one could order twice.
            .retry(reqwest::retry::never())
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .pool_idle_timeout(timeouts.pool_idle);
        // The usual proxy variables are honoured, because many build machines have no other way
        // out; over https a proxy sees neither path nor key. Over plain http it would see both.
        if base_url.is_loopback() {
            builder = builder.no_proxy();
        }
        // Without TLS nobody's certificate is checked, and a bare machine that trusts no CA yet can
        // still talk to a sandbox on its own loopback.
        if !base_url.is_https() {
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| ConnectionError::Client {
            name: name.clone(),
            reason: root_cause(&error),
        })?;
        Ok(Self { client, base_url, header, header_value, api_key, timeouts, clock, gate, probe })
    }

    /// Sends one request, once, when the gate lets it through, and reads the whole answer, whatever
    /// its status (but 3xx).
    ///
    /// Fails when there is no whole answer; the error says whether the server may have acted.
    pub async fn send(&self, request: &Request) -> Result<RawAnswer, ApiError> {
        let pass = loop {
            match (self.gate.pass(request.urgency).await, self.probe) {
                (Ok(Turn::Go(pass)), _) | (Ok(Turn::Probe(pass)), None) => break pass,
                (Ok(Turn::Probe(pass)), Some(path)) => {
                    let probe = Request::at(Method::Get, path.to_owned()).with_limit(LIST_LIMIT);
                    pass.report(Verdict::of(&self.traced(&probe).await));
                }
                (Err(TurnedAway { reason }), _) => {
                    let call = Call::new(request, &self.api_key);
                    return Err(call.error(ErrorKind::Held { reason }));
                }
            }
        };
        let result = self.traced(request).await;
        pass.report(Verdict::of(&result));
        result
    }

    async fn traced(&self, request: &Request) -> Result<RawAnswer, ApiError> {
        let call = Call::new(request, &self.api_key);
        let span = tracing::debug_span!("http", method = %call.method, path = %call.path);
        let started = Instant::now();
        let (method, path) = (call.method.to_string(), call.path.clone());
        let result = self.exchange(request, call).instrument(span.clone()).await;
        let status = match &result {
            Ok(answer) => Some(answer.status),
            Err(error) => error.status,
        };
        self.gate.sent(&method, &path, status);
        let took = format_duration(started.elapsed());
        match &result {
            Ok(answer) => tracing::debug!(parent: &span, status = answer.status, took, "answered"),
            Err(error) => tracing::debug!(
                parent: &span, status = error.status, took, kind = error.kind.name(), "no answer"
            ),
        }
        result
    }

    async fn exchange(&self, request: &Request, call: Call) -> Result<RawAnswer, ApiError> {
        let url = request
            .url(&self.base_url)
            .map_err(|reason| call.error(ErrorKind::NotSent { reason: reason.to_owned() }))?;
        let mut builder = self
            .client
            .request(request.method.into(), url)
            .header(self.header.clone(), self.header_value.clone());
        if !request.accept_raw {
            builder = builder.header(ACCEPT, HeaderValue::from_static("application/json"));
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let mut response =
            builder.send().await.map_err(|error| call.error(self.transport_kind(&error)))?;

        let status = response.status().as_u16();
        let received_at = self.clock.now();
        let retry_after = header_text(response.headers(), &RETRY_AFTER)
            .and_then(|text| parse_retry_after(&text, received_at));
        let fail = |kind| ApiError { status: Some(status), retry_after, ..call.error(kind) };
        if response.status().is_redirection() {
            let location =
                header_text(response.headers(), &LOCATION).map(|text| call.public_text(&text, 200));
            return Err(fail(ErrorKind::Redirect { location }));
        }
        let too_large = || fail(ErrorKind::TooLarge { limit: request.limit });
        let limit = u64::try_from(request.limit).unwrap_or(u64::MAX);
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let content_type = header_text(response.headers(), &CONTENT_TYPE);
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| fail(self.transport_kind(&error)))?
        {
            // An announced length can be missing or a lie, so what arrives is counted as well.
            if body.len() + chunk.len() > request.limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        // A server may echo the key in any field; from here on it is in none.
        let body = self.api_key.mask_bytes(body);
        Ok(RawAnswer { call, status, content_type, retry_after, body })
    }

    /// What is known after a failure of the transport.
    fn transport_kind(&self, error: &reqwest::Error) -> ErrorKind {
        let reason = root_cause(error);
        if error.is_builder() {
            ErrorKind::NotSent { reason }
        } else if error.is_connect() {
            // Nothing is sent before the connection (and its TLS) stands.
            let reason = if error.is_timeout() {
                format!("no connection within {}", format_duration(self.timeouts.connect))
            } else {
                reason
            };
            ErrorKind::Connect { url: self.base_url.to_string(), reason }
        } else if error.is_timeout() {
            ErrorKind::Timeout { after: self.timeouts.total }
        } else {
            ErrorKind::Interrupted { reason }
        }
    }
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The innermost cause as a lower-case fragment; the layers above it only repeat each other.
pub(in crate::api) fn root_cause(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        // `TLS …` and the like keep their capitals.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            let rest: String = text.chars().skip(1).collect();
            format!("{}{rest}", first.to_lowercase())
        }
        _ => text,
    }
}
