//! `Record`: one DNS record as the vendor keeps it, and the checks that its values must pass.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::types::DomainName;

/// A DNS record (contract A.12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The vendor's `rrid`.
    pub(crate) id: u64,
    /// Fully qualified, lower-case, without the trailing dot.
    pub(crate) name: String,
    pub(crate) kind: RecordKind,
    pub(crate) data: String,
    pub(crate) ttl: u32,
    /// Of MX records.
    pub(crate) priority: Option<u16>,
    pub(crate) annotation: Option<String>,
    /// Kept by the vendor itself.
    pub(crate) auto: bool,
    /// An inactive record is not served.
    pub(crate) active: bool,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// The record types that the vendor keeps (contract A.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(clippy::upper_case_acronyms, reason = "they are written like this everywhere")]
pub(crate) enum RecordKind {
    A,
    AAAA,
    ALIAS,
    CAA,
    CNAME,
    MX,
    NS,
    SRV,
    TXT,
}

/// A record as it was asked for; the name is already fully qualified.
#[derive(Debug, Clone)]
pub(crate) struct NewRecord {
    pub(crate) name: DomainName,
    pub(crate) kind: RecordKind,
    pub(crate) data: String,
    pub(crate) ttl: Option<i64>,
    pub(crate) priority: Option<i64>,
    pub(crate) annotation: Option<String>,
}

/// The documented range (contract A.12).
pub(crate) const TTL_RANGE: std::ops::RangeInclusive<u32> = 60..=604_800;

/// What a record without a wish gets unless the behaviour says otherwise; the real default is not published.
pub(super) const DEFAULT_TTL: u32 = 3_600;

/// Longer texts would not fit into one answer over UDP.
const LONGEST_DATA: usize = 2_048;

impl RecordKind {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("A", Self::A),
        ("AAAA", Self::AAAA),
        ("ALIAS", Self::ALIAS),
        ("CAA", Self::CAA),
        ("CNAME", Self::CNAME),
        ("MX", Self::MX),
        ("NS", Self::NS),
        ("SRV", Self::SRV),
        ("TXT", Self::TXT),
    ];

    /// Reads `CNAME` and the like, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, kind)| *kind)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| *name)
    }

    /// True when the data is a domain name, which is compared without case and trailing dot.
    pub(super) fn points_to_name(self) -> bool {
        matches!(self, Self::CNAME | Self::ALIAS | Self::NS | Self::MX)
    }
}

impl Record {
    /// True when `data` says the same as this record's data.
    pub(crate) fn says(&self, kind: RecordKind, data: &str) -> bool {
        self.kind == kind
            && if kind.points_to_name() {
                normal_name(&self.data) == normal_name(data)
            } else {
                self.data == data
            }
    }

    /// True when TTL and annotation are those of the wish, whose TTL would be `ttl`.
    pub(super) fn remarks_like(&self, wish: &CheckedRecord, ttl: u32) -> bool {
        let annotation = wish.annotation.as_deref().filter(|text| !text.is_empty());
        self.ttl == ttl && self.annotation.as_deref() == annotation
    }

    /// Takes over what was asked for; id, creation and flags stay.
    pub(super) fn assign(&mut self, wish: &CheckedRecord, second: i64) {
        self.name.clone_from(&wish.name);
        self.kind = wish.kind;
        self.data.clone_from(&wish.data);
        self.priority = wish.priority;
        if let Some(ttl) = wish.ttl {
            self.ttl = ttl;
        }
        if let Some(annotation) = &wish.annotation {
            self.annotation = Some(annotation.clone()).filter(|text| !text.is_empty());
        }
        self.updated_at = second;
    }
}

/// A wish that passed the checks.
#[derive(Debug, Clone)]
pub(super) struct CheckedRecord {
    pub(super) name: String,
    pub(super) kind: RecordKind,
    pub(super) data: String,
    pub(super) ttl: Option<u32>,
    pub(super) priority: Option<u16>,
    pub(super) annotation: Option<String>,
}

impl CheckedRecord {
    pub(super) fn check(wish: NewRecord) -> Result<Self, Refusal> {
        let ttl = match wish.ttl {
            None => None,
            Some(ttl) => Some(
                u32::try_from(ttl)
                    .ok()
                    .filter(|ttl| TTL_RANGE.contains(ttl))
                    .ok_or_else(|| Refusal::invalid("ttl must be 60 to 604800"))?,
            ),
        };
        let priority = match wish.priority {
            None => None,
            Some(priority) => Some(
                u16::try_from(priority)
                    .ok()
                    .filter(|priority| *priority <= 10_000)
                    .ok_or_else(|| Refusal::invalid("priority must be 0 to 10000"))?,
            ),
        };
        let data = check_data(wish.kind, &wish.data)?;
        let name = wish.name.as_str().to_owned();
        Ok(Self { name, kind: wish.kind, data, ttl, priority, annotation: wish.annotation })
    }

    pub(super) fn into_record(self, id: u64, default_ttl: u32, second: i64) -> Record {
        Record {
            id,
            name: self.name,
            kind: self.kind,
            data: self.data,
            ttl: self.ttl.unwrap_or(default_ttl),
            priority: self.priority,
            annotation: self.annotation.filter(|text| !text.is_empty()),
            auto: false,
            active: true,
            created_at: second,
            updated_at: second,
        }
    }
}

/// The data as it is kept: names with their trailing dot, everything else as given.
fn check_data(kind: RecordKind, data: &str) -> Result<String, Refusal> {
    let bad = |wanted: &str| Refusal::invalid(format!("data must be {wanted}"));
    if data.is_empty() || data.len() > LONGEST_DATA {
        return Err(bad("1 to 2048 bytes"));
    }
    match kind {
        RecordKind::A => {
            data.parse::<Ipv4Addr>().map_err(|_| bad("an IPv4 address"))?;
        }
        RecordKind::AAAA => {
            data.parse::<Ipv6Addr>().map_err(|_| bad("an IPv6 address"))?;
        }
        RecordKind::CNAME | RecordKind::ALIAS | RecordKind::NS | RecordKind::MX => {
            // Without a trailing dot the real API may append the zone (contract A.12: unknown);
            // here the name is taken as it stands.
            let name = DomainName::parse(data).map_err(|_| bad("a domain name"))?;
            if name.is_wildcard() {
                return Err(bad("a domain name"));
            }
            return Ok(format!("{}.", data.strip_suffix('.').unwrap_or(data)));
        }
        RecordKind::CAA => {
            split_caa(data).ok_or_else(|| bad("flags, tag and value such as 0 issue \"ca\""))?;
        }
        RecordKind::SRV | RecordKind::TXT => {}
    }
    Ok(data.to_owned())
}

/// Flags, tag and value of CAA data such as `0 issue "digicert.com"`.
pub(crate) fn split_caa(data: &str) -> Option<(u8, &str, &str)> {
    let (flags, rest) = data.trim().split_once(' ')?;
    let (tag, value) = rest.trim_start().split_once(' ')?;
    let known = tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) && tag.len() <= 15;
    (known && !tag.is_empty()).then_some(())?;
    Some((flags.parse().ok()?, tag, value.trim().trim_matches('"')))
}

/// Lower-case and without the trailing dot: the form in which names are compared (contract A.12).
pub(crate) fn normal_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
