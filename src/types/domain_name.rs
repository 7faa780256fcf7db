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

/// In bytes, without the trailing dot (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;

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
        // Nearly every name is fine, and inventories hold hundreds of thousands of them: what is
        // wrong with a name is asked only of one that is.
        if host.len() <= LONGEST_NAME && is_plain(host.as_bytes()) {
            return Ok(Self(trimmed.to_ascii_lowercase()));
        }
        if host.is_empty() {
            return Err(refuse("it is empty"));
        }
        if host.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err(refuse("it looks like an IP address"));
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
        if ascii.len() > LONGEST_NAME {
            return Err(refuse("it is longer than 253 characters"));
        }
        check_labels(&ascii).map_err(refuse)?;
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

/// Whether [`check_labels`] finds nothing wrong, known sooner.
fn is_plain(host: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let (mut labels, mut digits) = (0, false);
    let mut are_good = host.split(|byte| *byte == b'.').map(|label| {
        labels += 1;
        digits = label.iter().all(u8::is_ascii_digit);
        let ends = [label.first(), label.last()];
        (1..=63).contains(&label.len())
            && !ends.contains(&Some(&b'-'))
            && label.iter().all(is_allowed)
    });
    are_good.all(|is_good| is_good) && labels > 1 && !digits
}

/// Checks a host in one pass; fails for any that is not in ASCII.
fn check_labels(host: &str) -> Result<(), &'static str> {
    let (mut labels, mut longest, mut hyphen_outside, mut strange) = (1, 0, false, false);
    let (mut length, mut digits, mut before) = (0, true, b'.');
    for byte in host.bytes() {
        if byte == b'.' {
            if length == 0 {
                return Err("a label is empty");
            }
            hyphen_outside |= before == b'-';
            labels += 1;
            (length, digits) = (0, true);
        } else {
            hyphen_outside |= byte == b'-' && length == 0;
            strange |= !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            digits &= byte.is_ascii_digit();
            length += 1;
            longest = longest.max(length);
        }
        before = byte;
    }
    let rules = [
        (length == 0, "a label is empty"),
        (labels == 1, "it needs at least two labels, such as `example.com`"),
        (longest > 63, "a label is longer than 63 characters"),
        (strange, "only letters, digits, `-` and `.` are allowed"),
        (hyphen_outside || before == b'-', "a label begins or ends with a hyphen"),
        (digits, "it looks like an IP address"),
    ];
    rules.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, reason)| Err(reason))
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_plain_is_what_has_nothing_wrong(host in "[a1A_.-]{0,8}|[a.é*/: ]{0,4}|a{60,70}[.]a1") {
            prop_assert_eq!(is_plain(host.as_bytes()), check_labels(&host).is_ok());
        }
    }

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
            ("a-.example", "a label begins or ends with a hyphen"),
            ("a.example-", "a label begins or ends with a hyphen"),
            (".a.example", "a label is empty"),
            ("a.example..", "a label is empty"),
            ("192.0.2.1", "it looks like an IP address"),
            ("2001:db8::1", "it looks like an IP address"),
            ("www.*.example", "`*` may only stand alone as the first label"),
        ] {
            assert_eq!(DomainName::parse(text).unwrap_err().reason, reason, "{text}");
        }
    }
}
