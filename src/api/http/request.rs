//! `Request` and `RawAnswer`: what is sent, and what came back before anybody has judged it.
//!
//! No I/O in here. Paths are built from single segments, so that no id can lead elsewhere.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

use super::{ApiError, BaseUrl, ErrorKind, Urgency};
use crate::types::{Secret, printable, shorten};

/// The largest answer that is read: a certificate chain takes a few kilobytes.
pub const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The largest list that is read: no list has pages (contract A.0), so all comes at once.
pub const LIST_LIMIT: usize = 32 * 1024 * 1024;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// True when a request of this method only reads.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(reqwest::Method::from(*self).as_str())
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}

/// One request, relative to the connection's base URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The path with a leading slash, already percent-encoded.
    pub path: String,
    /// Name and value of each query parameter, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Sent as JSON.
    pub body: Option<Value>,
    /// True when the answer is not JSON.
    pub accept_raw: bool,
    /// A larger answer is not read to its end.
    pub limit: usize,
    /// Who goes first when not all can be sent at once.
    pub urgency: Urgency,
}

impl Request {
    /// A request to the path made of `segments`; each is percent-encoded.
    pub fn new(method: Method, segments: &[&str]) -> Self {
        let path = segments.iter().map(|segment| format!("/{}", encode(segment))).collect();
        Self::at(method, path)
    }

    /// A request to a path that is already encoded.
    pub fn at(method: Method, path: String) -> Self {
        let urgency = if method.only_reads() { Urgency::Read } else { Urgency::Write };
        Self {
            method,
            path,
            query: vec![],
            body: None,
            accept_raw: false,
            limit: ANSWER_LIMIT,
            urgency,
        }
    }

    /// With a JSON body.
    #[must_use]
    pub fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// With another limit for the size of the answer.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// With another urgency than its method suggests.
    #[must_use]
    pub fn with_urgency(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    /// For an answer that is not JSON.
    #[must_use]
    pub fn accepting_raw(self) -> Self {
        Self { accept_raw: true, ..self }
    }

    /// Where the request goes, or why it may not be sent.
    pub(super) fn url(&self, base: &BaseUrl) -> Result<Url, &'static str> {
        let Some(path) = self.path.strip_prefix('/') else {
            return Err("its path does not begin with `/`");
        };
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '?' | '#' | '\\');
        if path.contains(odd) {
            return Err("its path holds a character that does not belong into a path");
        }
        // A URL parser resolves `..` even when its dots are encoded, and `/dns//rr` is a different
        // resource from the one that was meant.
        let dots = |segment: &str| {
            let plain = segment.to_ascii_lowercase().replace("%2e", ".");
            plain == "." || plain == ".."
        };
        let segments = path.strip_suffix('/').unwrap_or(path).split('/');
        if segments.clone().any(dots) {
            return Err("`.` or `..` stands in its path");
        }
        if !path.is_empty() && segments.clone().any(str::is_empty) {
            return Err("a part of its path is empty");
        }
        let mut url = base.join(&self.path).ok_or("its path leads outside the base URL")?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// Percent-encodes all but the characters that have no meaning anywhere in a URL (RFC 3986, 2.3).
fn encode(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What an error says about its request, and the key that no error may repeat.
#[derive(Debug, Clone)]
pub struct Call {
    /// The request's method.
    pub method: Method,
    /// The request's path; the query is left out, it may hold anything.
    pub path: String,
    key: Secret,
}

impl Call {
    /// Notes what `request` was; `key` is masked in every text that [`Call::public_text`] makes.
    pub fn new(request: &Request, key: &Secret) -> Self {
        let path = shorten(&printable(&key.mask_in(&request.path)), 200);
        Self { method: request.method, path, key: key.clone() }
    }

    /// `text` from a server, fit to be shown: the key masked, printable, at most `limit` long.
    ///
    /// Masked first: a key that was cut would not be found any more.
    pub fn public_text(&self, text: &str, limit: usize) -> String {
        shorten(&printable(self.key.mask_in(text).trim()), limit)
    }

    /// An error of this call, without an answer's status.
    pub fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError {
            method: self.method,
            path: self.path.clone(),
            status: None,
            retry_after: None,
            kind,
        }
    }
}

/// A whole answer, whatever it says.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// What it answers.
    pub call: Call,
    /// The HTTP status.
    pub status: u16,
    /// The header of that name.
    pub content_type: Option<String>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Everything after the headers.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// An error that this answer amounts to.
    pub fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError {
            status: Some(self.status),
            retry_after: self.retry_after,
            ..self.call.error(kind)
        }
    }

    /// True for a status of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// True when the body is a page for people; gateways answer so.
    pub fn is_html(&self) -> bool {
        let named = self
            .content_type
            .as_deref()
            .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"));
        named || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// How the body begins, fit to be shown.
    pub fn beginning(&self) -> String {
        // Far more than is shown, so that a key is never cut before it is masked.
        let head = &self.body[..self.body.len().min(4096)];
        self.call.public_text(&String::from_utf8_lossy(head), 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(request: &Request) -> Result<String, &'static str> {
        let base = BaseUrl::parse("https://api.example.com/v1").unwrap();
        request.url(&base).map(|url| url.to_string())
    }

    #[test]
    fn path_segments_are_percent_encoded() {
        let mut request = Request::new(Method::Get, &["dns", "a/b?c#d%2e ü", "rr"]);
        request.query = vec![("a b".to_owned(), "c&d".to_owned())];
        assert_eq!(
            url(&request).unwrap(),
            "https://api.example.com/v1/dns/a%2Fb%3Fc%23d%252e%20%C3%BC/rr?a+b=c%26d"
        );
    }

    #[test]
    fn a_path_that_means_something_else_is_not_sent() {
        for (path, reason) in [
            ("tls", "its path does not begin with `/`"),
            ("/dns//rr", "a part of its path is empty"),
            ("/dns/../tls", "`.` or `..` stands in its path"),
            ("/dns/%2E%2e/tls", "`.` or `..` stands in its path"),
            ("/dns/..", "`.` or `..` stands in its path"),
            ("/dns?x", "its path holds a character that does not belong into a path"),
            ("/dns\n", "its path holds a character that does not belong into a path"),
        ] {
            assert_eq!(url(&Request::at(Method::Get, path.to_owned())), Err(reason), "{path}");
        }
        assert!(url(&Request::at(Method::Get, "/hook/".to_owned())).is_ok());
        assert!(url(&Request::at(Method::Get, "/".to_owned())).is_ok());
    }

    #[test]
    fn a_key_at_the_cut_of_a_text_is_still_masked() {
        let key = Secret::new("secret-key-0123456789".to_owned());
        let call = Call::new(&Request::new(Method::Get, &["x"]), &key);
        let text = call.public_text("bad key: secret-key-0123456789", 16);
        assert_eq!(text, "bad key: ***");
    }
}
