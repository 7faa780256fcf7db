//! `BaseUrl`: the one place an API key is sent to.
//!
//! Checked once, so that no later code has to ask whether a key would travel in the clear.

use std::fmt;

use reqwest::Url;

use crate::types::{printable, shorten};

/// An `https` URL without user info, query and fragment; plain `http` only to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Without a trailing slash, so that a path can follow.
    text: String,
    url: Url,
    loopback: bool,
}

/// Why a text is not a base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be a base URL: {reason}")]
pub struct BaseUrlError {
    /// The offending text, printable and shortened; without the user info, if it had one.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl BaseUrl {
    /// Checks `text`; fails with the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let shown = |text: &str| shorten(&printable(text), 120);
        let refuse = |reason| BaseUrlError { text: shown(text), reason };
        // The parser would silently drop line breaks and tabs.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refuse("it holds white space or a control character"));
        }
        let url = Url::parse(text).map_err(|_| {
            // A text that does not parse may still hold a password.
            if text.contains('@') {
                BaseUrlError { text: "…".to_owned(), reason: "it is not a URL" }
            } else {
                refuse("it is not a URL such as `https://api.example.com`")
            }
        })?;
        let host = url.host_str().unwrap_or_default();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError {
                text: shown(&format!("{}://…@{host}", url.scheme())),
                reason: "a user name or password does not belong into it",
            });
        }
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a query or fragment cannot be followed by a path"));
        }
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err(refuse(
                    "plain http would show the API key to everybody on the way; use https \
                     (http is allowed to localhost only)",
                ));
            }
            _ => return Err(refuse("its scheme is not https")),
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), url, loopback })
    }

    /// The URL as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// True when TLS protects what is sent.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL of `path` below this one, or nothing when it would lead elsewhere.
    pub(super) fn join(&self, path: &str) -> Option<Url> {
        let url = Url::parse(&format!("{}{path}", self.text)).ok()?;
        let base_path = self.url.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base_path).is_some_and(|rest| rest.starts_with('/'));
        (url.origin() == self.url.origin() && below).then_some(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

/// True for `localhost`, 127.0.0.0/8 and ::1. Decides by the text: a look-up could be misled.
pub(in crate::api) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_loses_its_trailing_slash() {
        for (text, kept) in [
            ("https://api.regfish.com", "https://api.regfish.com"),
            ("https://API.regfish.com/", "https://api.regfish.com"),
            ("https://proxy.example/regfish/", "https://proxy.example/regfish"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:1/", "http://[::1]:1"),
            ("http://localhost:99", "http://localhost:99"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().as_str(), kept, "{text}");
        }
    }

    #[test]
    fn a_base_url_that_would_show_the_key_is_refused_with_the_reason() {
        for (text, reason) in [
            ("http://api.regfish.com", "plain http would show the API key"),
            ("http://localhost.example.com", "plain http would show the API key"),
            ("http://192.168.1.1", "plain http would show the API key"),
            ("ftp://api.regfish.com", "its scheme is not https"),
            ("api.regfish.com", "it is not a URL such as"),
            ("https://", "it is not a URL such as"),
            ("https://api.regfish.com/?a=b", "a query or fragment"),
            ("https://api.regfish.com/#x", "a query or fragment"),
            ("https://api.reg\nfish.com", "it holds white space or a control character"),
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(error.reason.starts_with(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_in_a_base_url_is_not_repeated_in_the_error() {
        for text in ["https://me:hunter2@api.regfish.com", "https://me:hunter2@", "//me:hunter2@h"]
        {
            assert!(!BaseUrl::parse(text).unwrap_err().to_string().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_base_url() {
        let base = BaseUrl::parse("https://proxy.example/regfish/").unwrap();
        assert_eq!(base.join("/tls/x").unwrap().as_str(), "https://proxy.example/regfish/tls/x");
        assert_eq!(base.join("/../other"), None);
        assert_eq!(base.join(".evil.example/x"), None);
    }
}
