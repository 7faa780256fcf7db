//! `ZoneRules`: which zones are managed, and which domain the CA wants proved for a name.

use crate::types::DomainName;

/// Which zones there are.
#[derive(Debug, Clone)]
pub(crate) struct ZoneRules {
    /// Every registrable domain (the last two labels) is a managed zone.
    pub(crate) any_zone: bool,
    /// Zones that are managed in any case; needed for `example.co.uk` and for delegated zones.
    pub(crate) managed: Vec<DomainName>,
    /// Zones of somebody else.
    pub(crate) unmanaged: Vec<DomainName>,
    /// How a call for somebody else's zone is answered.
    pub(crate) unmanaged_answer: UnmanagedAnswer,
}

/// How a call for somebody else's zone is answered: both are known (contract A.0, A.12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnmanagedAnswer {
    /// 404, as the official client of 2026 expects.
    #[default]
    NotFound,
    /// 200 with `success: false` and code 15001, as recorded in 2024.
    SuccessFalse,
}

impl ZoneRules {
    /// The managed zone that holds `name` (lower-case, without trailing dot).
    pub(crate) fn zone_of<'name>(&self, name: &'name str) -> Option<&'name str> {
        for suffix in suffixes(name) {
            if self.managed.iter().any(|zone| zone.as_str() == suffix) {
                return Some(suffix);
            }
            if self.unmanaged.iter().any(|zone| zone.as_str() == suffix) {
                return None;
            }
        }
        last_two_labels(name).filter(|_| self.any_zone)
    }

    /// The domain that the CA wants proved for `name`.
    pub(crate) fn base_domain<'name>(&self, name: &'name str) -> &'name str {
        self.zone_of(name).or_else(|| last_two_labels(name)).unwrap_or(name)
    }
}

/// `a.b.c`, `b.c`, `c`.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

fn last_two_labels(name: &str) -> Option<&str> {
    suffixes(name).find(|suffix| suffix.bytes().filter(|byte| *byte == b'.').count() == 1)
}
