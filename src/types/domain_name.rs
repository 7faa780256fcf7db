//! `DomainName`: a checked, lower-case DNS name, with or without a leading `*.`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A fully qualified domain name in ASCII (punycode) form, lower-case, without the trailing dot.
///
/// At least two labels; a leading `*.` is kept; a label may begin with `_` (`_dnsauth`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a domain name: {reason}")]
pub struct DomainNameError {
    /// The offending text, shortened and made printable.
    pub text: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl DomainName {
    /// Reads a name; international names are converted to punycode, one trailing dot is dropped.
    pub fn parse(text: &str) -> Result<Self, DomainNameError> {
        let refuse =
            |reason| DomainNameError { text: super::shorten(&super::printable(text), 80), reason };
        let trimmed = text.strip_suffix('.').unwrap_or(text);
        let (wildcard, host) = match trimmed.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, trimmed),
        };
        if host.is_empty() {
            return Err(refuse("it is empty"));
        }
        if host.contains('/') {
            return Err(refuse("it is a URL or a path"));
        }
        if host.contains('*') {
            return Err(refuse("`*` may only stand alone as the first label"));
        }
        let ascii = if host.is_ascii() {
            host.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(host)
                .map_err(|_| refuse("it is no valid international name"))?
        };
        if ascii.len() > 253 {
            return Err(refuse("it is longer than 253 characters"));
        }
        let labels = || ascii.split('.');
        if labels().any(str::is_empty) {
            return Err(refuse("a label is empty"));
        }
        if labels().nth(1).is_none() {
            return Err(refuse("it needs at least two labels, such as `example.com`"));
        }
        if labels().any(|label| label.len() > 63) {
            return Err(refuse("a label is longer than 63 characters"));
        }
        let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !ascii.bytes().all(|byte| in_alphabet(byte) || byte == b'.') {
            return Err(refuse("only letters, digits, `-` and `.` are allowed"));
        }
        if labels().any(|label| label.starts_with('-') || label.ends_with('-')) {
            return Err(refuse("a label begins or ends with a hyphen"));
        }
        let numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        if labels().next_back().is_some_and(numeric) {
            return Err(refuse("it looks like an IP address"));
        }
        Ok(Self(if wildcard { format!("*.{ascii}") } else { ascii }))
    }

    /// The name as text, without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `*.example.com`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without a leading `*.`.
    pub fn without_wildcard(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl TryFrom<String> for DomainName {
    type Error = DomainNameError;

    fn try_from(text: String) -> Result<Self, DomainNameError> {
        Self::parse(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        for (text, name) in [
            ("WWW.Example.COM.", "www.example.com"),
            ("*.example.com", "*.example.com"),
            ("_dnsauth.example.com", "_dnsauth.example.com"),
            ("münchen.example", "xn--mnchen-3ya.example"),
        ] {
            assert_eq!(DomainName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_is_no_domain_name_is_refused_with_the_rule() {
        for (text, reason) in [
            ("", "it is empty"),
            ("https://example.com", "it is a URL or a path"),
            ("localhost", "it needs at least two labels, such as `example.com`"),
            ("a..b", "a label is empty"),
            ("a b.example", "only letters, digits, `-` and `.` are allowed"),
            ("-a.example", "a label begins or ends with a hyphen"),
            ("192.0.2.1", "it looks like an IP address"),
            ("www.*.example", "`*` may only stand alone as the first label"),
        ] {
            assert_eq!(DomainName::parse(text).unwrap_err().reason, reason, "{text}");
        }
    }
}
