//! `Connection`: where a service is, how to show that one may use it, and how long to wait.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use super::{BaseUrl, Gate, OpenGate};
use crate::types::{Clock, Secret, SystemClock};

/// A configured endpoint of a service and its credentials.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What the plan calls it; shown in errors.
    pub name: String,
    /// The only place that the key is sent to.
    pub base_url: BaseUrl,
    /// The credential, without surrounding white space.
    pub api_key: Secret,
    /// The header that carries the key, lower-case.
    pub header: &'static str,
    /// How long one request may take.
    pub timeouts: Timeouts,
    /// What `Retry-After` dates are compared with; a virtual clock in trials.
    pub clock: Arc<dyn Clock>,
    /// What every request passes before it is sent.
    pub gate: Arc<dyn Gate>,
    /// The path of a GET that any working service answers at little cost. It is what is sent to a
    /// service that was down, before anything of a run is.
    pub probe: Option<&'static str>,
}

/// How long one request may take. The default is what the vendor's own client allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the start to the last byte of the answer (contract A.14: 30 s).
    pub total: Duration,
    /// How long an unused connection is kept open.
    pub pool_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(30),
            pool_idle: Duration::from_secs(60),
        }
    }
}

/// Why a connection cannot be used. Nothing has been sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The key does not fit into a header.
    #[error("the API key of `{name}` cannot be sent: {reason}")]
    Key {
        /// The connection's name.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The HTTP client could not be made, for example because the machine trusts no CA at all.
    #[error("no HTTP client for `{name}`: {reason}")]
    Client {
        /// The connection's name.
        name: String,
        /// What the TLS library says.
        reason: String,
    },
}

impl Connection {
    /// A connection to the regfish API with its header (contract A.0), the default time limits, and
    /// a gate that stands open.
    pub fn regfish(base_url: BaseUrl, api_key: Secret) -> Self {
        Self {
            name: "regfish".to_owned(),
            base_url,
            api_key,
            header: "x-api-key",
            timeouts: Timeouts::default(),
            clock: Arc::new(SystemClock),
            gate: Arc::new(OpenGate),
            probe: Some("/tls/products"),
        }
    }

    /// A connection to DigiCert's own API with its header (contract B), the default time limits, and
    /// a gate that stands open.
    pub fn digicert(base_url: BaseUrl, api_key: Secret) -> Self {
        Self {
            name: "digicert".to_owned(),
            header: "x-dc-devkey",
            // No path is known that every kind of key may read.
            probe: None,
            ..Self::regfish(base_url, api_key)
        }
    }

    /// The header that shows the key; its value prints as `Sensitive` in the logs of any library.
    pub(super) fn header(&self) -> Result<(HeaderName, HeaderValue), ConnectionError> {
        let refuse = |reason| ConnectionError::Key { name: self.name.clone(), reason };
        let key = self.api_key.reveal();
        if key.is_empty() {
            return Err(refuse("it is empty"));
        }
        if key.chars().any(char::is_control) {
            return Err(refuse("it holds a line break or another control character"));
        }
        if !key.is_ascii() {
            return Err(refuse("it holds a character outside ASCII"));
        }
        let mut value =
            HeaderValue::from_str(key).map_err(|_| refuse("it does not fit into a header"))?;
        value.set_sensitive(true);
        let header = HeaderName::from_bytes(self.header.as_bytes())
            .map_err(|_| refuse("the name of its header is not valid"))?;
        Ok((header, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_key(key: &str) -> Connection {
        let base_url = BaseUrl::parse("https://api.example.com").unwrap();
        Connection::regfish(base_url, Secret::new(key.to_owned()))
    }

    #[test]
    fn a_key_that_fits_into_no_header_is_refused_without_showing_it() {
        for (key, reason) in [
            ("", "it is empty"),
            ("abc\ndef", "it holds a line break or another control character"),
            ("abc\u{1b}def", "it holds a line break or another control character"),
            ("schlüssel", "it holds a character outside ASCII"),
        ] {
            assert_eq!(
                with_key(key).header().unwrap_err().to_string(),
                format!("the API key of `regfish` cannot be sent: {reason}")
            );
        }
    }

    #[test]
    fn keys_with_a_dot_or_an_equals_sign_are_sent_as_they_are() {
        for key in ["abc.def", "abcdef="] {
            let (name, value) = with_key(key).header().unwrap();
            assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-api-key", key));
            assert!(!format!("{value:?} {:?}", with_key(key)).contains(key));
        }
    }
}
