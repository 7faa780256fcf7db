//! One request to any address, for what has no client of its own.
//!
//! Sent exactly once, over https; plain http goes to this machine only. Redirects are not followed,
//! what comes back is bounded in size, and secrets that were sent are masked wherever they return.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};

use super::http::{is_loopback, parse_retry_after, root_cause};
use crate::types::{Secret, Timestamp, printable, shorten};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(100);

/// What is read of the headers of an answer.
const MOST_HEADERS: usize = 64;
const LONGEST_HEADER: usize = 1024;

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct WebRequest {
    /// `GET` and the like.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Headers whose values nobody may see.
    pub secret_headers: BTreeMap<String, Secret>,
    /// The body and its type.
    pub body: Option<(Vec<u8>, &'static str)>,
    /// The longest answer that is read, in bytes.
    pub limit: usize,
}

/// An answer, of whatever status.
#[derive(Debug)]
pub struct WebAnswer {
    /// The status.
    pub status: u16,
    /// Headers by their lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The body, with secrets masked.
    pub body: Vec<u8>,
    /// The pause that the server asks for.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {reason}")]
    NotSent {
        /// Why.
        reason: String,
    },
    /// Nobody could be reached, so nothing arrived.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// The request may have arrived; the answer did not.
    #[error("`{host}` did not answer: {reason}")]
    NoAnswer {
        /// Who.
        host: String,
        /// Why.
        reason: String,
    },
    /// The answer is longer than allowed.
    #[error("the answer of `{host}` is longer than {limit} bytes")]
    TooLarge {
        /// Who.
        host: String,
        /// The limit.
        limit: usize,
    },
}

/// Sends a request once and reads the whole answer.
pub async fn send(request: &WebRequest, now: Timestamp) -> Result<WebAnswer, WebError> {
    let not_sent = |reason: &str| WebError::NotSent { reason: reason.to_owned() };
    let url = checked(&request.url).map_err(not_sent)?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| not_sent("there is no such method"))?;
    let host = shorten(&printable(url.host_str().unwrap_or_default()), 120);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("certplan/", env!("CARGO_PKG_VERSION")))
        // Headers would travel along to wherever a redirect points.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT);
    if is_loopback(&url) {
        builder = builder.no_proxy();
    }
    // As for APIs: without TLS there is nobody to trust.
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|error| not_sent(&root_cause(&error)))?;
    let mut sending = client.request(method, url).headers(headers(request)?);
    if let Some((body, kind)) = &request.body {
        let has_kind = request.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if !has_kind {
            sending = sending.header("content-type", *kind);
        }
        sending = sending.body(body.clone());
    }
    let mask = |text: &str| {
        request.secret_headers.values().fold(text.to_owned(), |text, key| key.mask_in(&text))
    };
    let lost = |error: &reqwest::Error| {
        let (host, reason) = (host.clone(), mask(&root_cause(error)));
        match error {
            _ if error.is_builder() => WebError::NotSent { reason },
            _ if error.is_connect() => WebError::Unreachable { host, reason },
            _ => WebError::NoAnswer { host, reason },
        }
    };
    let mut response = sending.send().await.map_err(|error| lost(&error))?;
    let mut body = Vec::new();
    let too_large = || WebError::TooLarge { host: host.clone(), limit: request.limit };
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > request.limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let body = request.secret_headers.values().fold(body, |body, key| key.mask_bytes(body));
    let shown = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        shorten(&printable(&mask(&text)), LONGEST_HEADER)
    };
    let retry_after = response.headers().get(RETRY_AFTER).map(shown);
    Ok(WebAnswer {
        status: response.status().as_u16(),
        headers: response
            .headers()
            .iter()
            .take(MOST_HEADERS)
            .map(|(name, value)| (name.as_str().to_owned(), shown(value)))
            .collect(),
        body,
        retry_after: retry_after.and_then(|text| parse_retry_after(&text, now)),
    })
}

/// An address that a request may go to.
fn checked(text: &str) -> Result<Url, &'static str> {
    // The parser would silently drop line breaks and tabs.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the address holds white space or a control character");
    }
    let url =
        Url::parse(text).map_err(|_| "the address is no URL such as `https://example.com/`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a user name or password does not belong into an address; use `secret_headers`",
        );
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http goes to this machine only; use https"),
        _ => Err("the address is not https"),
    }
}

fn headers(request: &WebRequest) -> Result<HeaderMap, WebError> {
    let mut headers = HeaderMap::new();
    let named = |name: &str| {
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| WebError::NotSent {
            reason: format!("`{}` is no name of a header", shorten(&printable(name), 60)),
        })
    };
    let unfit = |name: &str| WebError::NotSent {
        reason: format!("the value of header `{}` cannot be sent", printable(name)),
    };
    for (name, value) in &request.headers {
        let value = HeaderValue::from_str(value).map_err(|_| unfit(name))?;
        headers.insert(named(name)?, value);
    }
    for (name, secret) in &request.secret_headers {
        let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| unfit(name))?;
        value.set_sensitive(true);
        headers.insert(named(name)?, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_would_show_what_is_sent_is_refused() {
        for (address, reason) in [
            ("http://example.com/", "plain http goes to this machine only"),
            ("https://me:hunter2@example.com/", "a user name or password"),
            ("ftp://example.com/", "the address is not https"),
            ("example.com", "the address is no URL"),
            ("https://example.com/a b", "the address holds white space"),
        ] {
            let refused = checked(address).unwrap_err();
            assert!(refused.starts_with(reason), "{address}: {refused}");
            assert!(!refused.contains("hunter2"));
        }
        assert!(checked("https://example.com/x?y=1#z").is_ok());
        assert!(checked("http://127.0.0.1:8080/").is_ok());
    }
}
