//! Ids as newtypes, so that a run id can never stand where a certificate id belongs.
//!
//! Each `parse` states what it accepts; ids of the vendor are opaque and only bounded. An id stands in
//! events, states and commands of thousands of runs at once, so a clone shares its text.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {article} {kind}: {reason}", article = article(kind))]
pub struct IdError {
    /// The offending text, shortened and made printable.
    pub text: String,
    /// What was wanted, for example `step id`.
    pub kind: &'static str,
    /// The rule that it breaks.
    pub reason: &'static str,
}

/// The article before a noun.
fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`; fails with the rule that it breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err(IdError {
                        text: super::shorten(&super::printable(text), 60),
                        kind: $kind,
                        reason,
                    }),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(formatter, "{} {}", article($kind), $kind)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A step's name, unique in its plan: a letter, then letters, digits and `_`, at most 64.
    ///
    /// No hyphen: `steps.a-b.c` would be read as a subtraction in a template.
    StepId,
    "step id",
    check_step
);
text_id!(
    /// A run's name in the store: ten characters without look-alikes, random.
    RunId,
    "run id",
    check_run
);
text_id!(
    /// A batch's name in the store, made like a run's.
    BatchId,
    "batch id",
    check_run
);
text_id!(
    /// The vendor's public id of a certificate (contract A.6). Opaque; the same through the whole
    /// life of an order.
    CertificateId,
    "certificate id",
    check_opaque
);
text_id!(
    /// The vendor's public id of an organization, `hdl_…` (contract A.3). Opaque.
    OrganizationId,
    "organization id",
    check_opaque
);
text_id!(
    /// DigiCert's own number of an order (contract B.1), which the regfish API does not show
    /// (contract C): digits, at most 20.
    DigicertOrderId,
    "DigiCert order id",
    check_digicert_order
);
text_id!(
    /// A target's name, unique in its inventory: a domain name, or any word that a command line
    /// and a list of patterns can hold.
    TargetName,
    "target name",
    check_target
);
text_id!(
    /// A name that targets share, for their common settings: a letter, then letters, digits, `_`
    /// and `-`, at most 64.
    GroupName,
    "group name",
    check_group
);

/// Lower-case letters and digits that cannot be mistaken for one another when read aloud or typed.
const RUN_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RUN_LENGTH: usize = 10;

impl RunId {
    /// Makes an id from random bits; the lowest 50 are used.
    pub fn from_random(bits: u64) -> Self {
        Self(random_text(bits).into())
    }
}

impl BatchId {
    /// Makes an id from random bits; the lowest 50 are used.
    pub fn from_random(bits: u64) -> Self {
        Self(random_text(bits).into())
    }
}

fn random_text(mut bits: u64) -> String {
    let mut text = String::with_capacity(RUN_LENGTH);
    for _ in 0..RUN_LENGTH {
        let index = usize::try_from(bits & 31).unwrap_or_default();
        text.push(char::from(RUN_ALPHABET[index]));
        bits >>= 5;
    }
    text
}

fn check_step(text: &str) -> Result<(), &'static str> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err("it is empty"),
        Some(first) if !first.is_ascii_alphabetic() => return Err("it must begin with a letter"),
        Some(_) => {}
    }
    if text.contains('-') {
        return Err("a hyphen would read as a minus in templates; use `_`");
    }
    if !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("only letters, digits and `_` are allowed");
    }
    if text.len() > 64 {
        return Err("it is longer than 64 characters");
    }
    Ok(())
}

fn check_digicert_order(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    // Such as the id of a certificate at regfish, which is another thing.
    if !text.chars().all(|c| c.is_ascii_digit()) {
        return Err("it is a number such as `123456789`, and not the certificate id at regfish");
    }
    if text.len() > 20 {
        return Err("it is longer than 20 digits");
    }
    Ok(())
}

fn check_target(text: &str) -> Result<(), &'static str> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err("it is empty"),
        Some('-') => return Err("a hyphen at its begin would read as an option"),
        Some(_) => {}
    }
    if text.chars().count() > 253 {
        return Err("it is longer than 253 characters");
    }
    if text.contains('/') {
        return Err("it is a URL or a path");
    }
    if text.chars().any(char::is_whitespace) {
        return Err("it holds white space");
    }
    if !text.chars().all(|c| c.is_alphanumeric() || ".-_*@+".contains(c)) {
        return Err("only letters, digits, `.`, `-`, `_`, `*`, `@` and `+` are allowed");
    }
    Ok(())
}

fn check_group(text: &str) -> Result<(), &'static str> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err("it is empty"),
        Some(first) if !first.is_ascii_alphabetic() => return Err("it must begin with a letter"),
        Some(_) => {}
    }
    if !characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err("only letters, digits, `_` and `-` are allowed");
    }
    if text.len() > 64 {
        return Err("it is longer than 64 characters");
    }
    if text == "all" {
        return Err("`all` stands for every target");
    }
    Ok(())
}

fn check_run(text: &str) -> Result<(), &'static str> {
    if text.len() != RUN_LENGTH {
        return Err("it has ten characters");
    }
    if !text.bytes().all(|byte| RUN_ALPHABET.contains(&byte)) {
        return Err("only lower-case letters (without i, l, o, u) and digits are allowed");
    }
    Ok(())
}

fn check_opaque(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > 64 {
        return Err("it is longer than 64 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Err("only letters, digits, `_` and `-` are allowed");
    }
    Ok(())
}

/// Something for each step, in the order of the plan.
///
/// A decision looks at hundreds of steps, and the ids come from a plan that was checked: a hash that
/// withstands hostile keys would be most of the work.
pub type StepMap<V> = IndexMap<StepId, V, foldhash::fast::RandomState>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_id_cannot_hold_a_hyphen_because_templates_would_subtract() {
        let error = StepId::parse("put-record").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`put-record` is not a step id: a hyphen would read as a minus in templates; use `_`"
        );
    }

    #[test]
    fn a_certificate_id_cannot_leave_its_path_segment() {
        assert!(CertificateId::parse("../dns/rr").is_err());
        assert!(CertificateId::parse("7K9QW3M2ZT8HJ").is_ok());
    }

    #[test]
    fn a_target_can_be_named_in_a_list_of_patterns() {
        for text in ["www.example.com", "*.example.com", "münchen.example", "shop_2", "a+b@c"] {
            assert!(TargetName::parse(text).is_ok(), "{text}");
        }
        for text in ["", "-x", "a,b", "a:b", "!a", "a b", "a/b", "a[1]", "a?", "a\u{202e}b"] {
            assert!(TargetName::parse(text).is_err(), "{text}");
        }
        assert!(GroupName::parse("all").is_err() && GroupName::parse("shops-eu").is_ok());
    }

    #[test]
    fn random_run_ids_parse_again() {
        for bits in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let id = RunId::from_random(bits);
            assert_eq!(RunId::parse(id.as_str()), Ok(id));
        }
    }
}
