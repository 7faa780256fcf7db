//! `Fault`: a rule that makes the sandbox answer wrongly, or not at all, at chosen requests; or
//! that lets something happen in the world at that moment.

use std::time::Duration;

use serde_json::Value;

use super::happening::Happening;
use super::path_pattern::PathPattern;
use super::world::RuleKeys;
use crate::types::DomainName;

/// A rule for requests of one method whose path fits a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// For example `POST`; `*` for any.
    pub method: String,
    /// Which paths it is about.
    pub path: PathPattern,
    /// Only requests about an order with this common name are counted.
    pub target: Option<DomainName>,
    /// The first matching request that is hit, counted from 1 since the rule was set.
    pub nth: u32,
    /// From the first one that is hit on, every so many matching requests; 1 is each.
    pub every: u32,
    /// How many matching requests are hit.
    pub times: u32,
    /// What happens to them.
    pub action: FaultAction,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultAction {
    /// This answer; nothing else happens.
    Answer(CannedAnswer),
    /// Everything happened, and the answer is this one.
    Instead(CannedAnswer),
    /// The page of a proxy that has lost its server: 502, HTML.
    Html,
    /// Everything happened, and the connection ends half-way through the answer.
    CutAnswer,
    /// Everything happened, and no answer ever comes.
    Stall,
    /// The connection ends without an answer, and nothing happened.
    DropBeforeCommit,
    /// The connection ends without an answer, although everything happened (contract A.13, 1).
    DropAfterCommit,
    /// It happens this much later. A virtual clock jumps there; whoever asked waits for nothing.
    Delay(Duration),
    /// Everything happened and is answered, but the list does not show the order yet.
    Hide(Hiding),
    /// Something happens in the world: just before the request is handled, or just after it when
    /// the request makes the order that it happens to.
    Happen(Happening),
}

/// An answer that is written down beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its content type; none is sent when it is empty.
    pub content_type: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body, as it stands.
    pub body: String,
}

/// How long the list lacks an order (contract E.1: unknown, so a client must bear it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hiding {
    /// The next so many lists.
    Lists(u32),
    /// For so long.
    For(Duration),
}

impl Fault {
    /// A rule that hits only the `nth` request whose path begins with `path_prefix`.
    pub fn at(method: &str, path_prefix: &str, nth: u32, action: FaultAction) -> Self {
        Self {
            method: method.to_owned(),
            path: PathPattern::beginning_with(path_prefix),
            target: None,
            nth,
            every: 1,
            times: 1,
            action,
        }
    }

    /// Whether requests of this method and path are counted, if they are about the right order.
    fn fits(&self, method: &str, path: &str) -> bool {
        (self.method == "*" || self.method.eq_ignore_ascii_case(method)) && self.path.matches(path)
    }

    /// True when no request after so many matching ones is hit.
    fn is_spent(&self, count: u32) -> bool {
        let behind = count.saturating_add(1).checked_sub(self.nth.max(1));
        behind.is_some_and(|behind| behind.div_ceil(self.every.max(1)) >= self.times)
    }

    /// Whether the matching request of that number is hit.
    fn hits(&self, count: u32) -> bool {
        count.checked_sub(self.nth.max(1)).is_some_and(|behind| {
            let every = self.every.max(1);
            behind.is_multiple_of(every) && behind / every < self.times
        })
    }
}

impl FaultAction {
    /// A refusal in the documented shape (contract A.0).
    pub fn refusal(code: u16, message: &str) -> Self {
        Self::Answer(CannedAnswer::refusal(code, message))
    }

    /// A JSON answer.
    pub fn json(code: u16, body: &Value) -> Self {
        Self::Answer(CannedAnswer::json(code, body))
    }

    /// A refusal with a status that may pass, and with `Retry-After`.
    pub fn later(code: u16, seconds: u64) -> Self {
        Self::Answer(CannedAnswer::refusal(code, "try again later").retry_after(seconds))
    }
}

impl FaultAction {
    /// Its name in scenarios.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answer(_) | Self::Instead(_) => "answer",
            Self::Html => "html",
            Self::CutAnswer => "cut",
            Self::Stall => "stall",
            Self::DropBeforeCommit => "drop_before_commit",
            Self::DropAfterCommit => "drop_after_commit",
            Self::Delay(_) => "delay",
            Self::Hide(_) => "hide",
            Self::Happen(happening) => happening.kind.word(),
        }
    }
}

impl CannedAnswer {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// A refusal in the documented shape (contract A.0).
    pub fn refusal(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "success": false, "message": message, "error": message });
        Self::json(status, &body)
    }

    /// An answer with this body.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    /// The same with a wish for patience.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push(("retry-after".to_owned(), seconds.to_string()));
        self
    }
}

/// The rules with their counts.
#[derive(Debug, Default)]
pub(super) struct Faults {
    all: Vec<CountedFault>,
    /// What has counted since it was last taken.
    noted: Vec<(String, u32, u32)>,
}

/// A rule, and what it has seen.
#[derive(Debug, Clone)]
pub(super) struct CountedFault {
    pub(super) fault: Fault,
    /// The key of a rule whose counts are kept with the world.
    rule: Option<String>,
    /// How many requests matched.
    pub(super) matched: u32,
    /// How many of those were hit.
    pub(super) hit: u32,
}

impl CountedFault {
    fn new(fault: Fault) -> Self {
        Self { fault, rule: None, matched: 0, hit: 0 }
    }
}

impl Faults {
    /// The rules that the world was started with; `counts` says how far each of them has come.
    pub(super) fn new(faults: Vec<Fault>, counts: impl Fn(&str) -> (u32, u32)) -> Self {
        let mut keys = RuleKeys::default();
        let counted = |fault: Fault| {
            let rule = keys.of(&format!("{fault:?}"));
            let (matched, hit) = counts(&rule);
            CountedFault { fault, rule: Some(rule), matched, hit }
        };
        Self { all: faults.into_iter().map(counted).collect(), noted: Vec::new() }
    }

    /// The counts that changed since the last call, of rules whose counts are kept.
    pub(super) fn take_noted(&mut self) -> Vec<(String, u32, u32)> {
        std::mem::take(&mut self.noted)
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.all.push(CountedFault::new(fault));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CountedFault> {
        self.all.iter()
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// Counts a request in every rule that it matches; the first rule that hits it decides.
    /// `is_about` tells whether the request is about an order with that common name.
    pub(super) fn strike(
        &mut self,
        method: &str,
        path: &str,
        is_about: impl Fn(&DomainName) -> bool,
    ) -> Option<FaultAction> {
        let mut action = None;
        for counted in &mut self.all {
            let fault = &counted.fault;
            if !fault.fits(method, path) || !fault.target.as_ref().is_none_or(&is_about) {
                continue;
            }
            let was_spent = fault.is_spent(counted.matched);
            counted.matched = counted.matched.saturating_add(1);
            if action.is_none() && fault.hits(counted.matched) {
                counted.hit = counted.hit.saturating_add(1);
                action = Some(fault.action.clone());
            }
            // Whoever is spent counts for nothing, and each note is a write to the disk.
            if let (false, Some(rule)) = (was_spent, &counted.rule) {
                self.noted.push((rule.clone(), counted.matched, counted.hit));
            }
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(faults: Vec<Fault>) -> Faults {
        Faults::new(faults, |_| (0, 0))
    }

    fn strike(faults: &mut Faults, method: &str, path: &str) -> Option<FaultAction> {
        faults.strike(method, path, |_| false)
    }

    #[test]
    fn a_rule_for_any_method_counts_them_all() {
        let mut faults = faults(vec![Fault::at("*", "/", 2, FaultAction::Stall)]);
        assert_eq!(strike(&mut faults, "GET", "/tls/products"), None);
        assert_eq!(strike(&mut faults, "POST", "/tls/certificate"), Some(FaultAction::Stall));
        assert_eq!(strike(&mut faults, "GET", "/tls/certificate"), None);
    }

    #[test]
    fn a_rule_hits_the_request_it_names_and_no_other() {
        let mut faults = faults(vec![Fault::at("POST", "/tls/certificate", 2, FaultAction::Html)]);
        assert_eq!(strike(&mut faults, "POST", "/tls/certificate"), None);
        assert_eq!(strike(&mut faults, "GET", "/tls/certificate"), None);
        assert_eq!(strike(&mut faults, "POST", "/dns/rr"), None);
        assert_eq!(strike(&mut faults, "POST", "/tls/certificate"), Some(FaultAction::Html));
        assert_eq!(strike(&mut faults, "POST", "/tls/certificate"), None);
    }

    #[test]
    fn a_rule_can_hit_every_so_many_from_one_on() {
        let rule = Fault { every: 3, times: 2, ..Fault::at("GET", "/", 2, FaultAction::Html) };
        let hits: Vec<u32> = (1..=12).filter(|count| rule.hits(*count)).collect();
        assert_eq!(hits, [2, 5]);
    }

    #[test]
    fn a_rule_for_a_target_counts_only_requests_about_it() {
        let target = DomainName::parse("a.example").unwrap();
        let rule =
            Fault { target: Some(target), ..Fault::at("GET", "/tls/", 2, FaultAction::Html) };
        let mut faults = faults(vec![rule]);
        let about = |faults: &mut Faults, name: &'static str| {
            faults.strike("GET", "/tls/certificate/A", |target| target.as_str() == name)
        };
        assert_eq!(about(&mut faults, "a.example"), None);
        assert_eq!(about(&mut faults, "b.example"), None);
        assert_eq!(about(&mut faults, "a.example"), Some(FaultAction::Html));
    }

    #[test]
    fn a_rule_goes_on_counting_where_it_stood_and_is_noted_until_it_is_spent() {
        let rule = || Fault { every: 2, times: 2, ..Fault::at("GET", "/", 2, FaultAction::Html) };
        let mut first = faults(vec![rule(), rule()]);
        assert_eq!(strike(&mut first, "GET", "/"), None);
        assert_eq!(strike(&mut first, "GET", "/"), Some(FaultAction::Html));
        let noted = first.take_noted();
        let counts: Vec<(u32, u32)> =
            noted.iter().map(|(_, matched, hit)| (*matched, *hit)).collect();
        // The first of two equal rules is hit, and both count.
        assert_eq!(counts, [(1, 0), (1, 0), (2, 1), (2, 0)]);
        let kept = |key: &str| {
            let last = noted.iter().rev().find(|(rule, _, _)| rule == key);
            last.map_or((0, 0), |(_, matched, hit)| (*matched, *hit))
        };
        let mut second = Faults::new(vec![rule(), rule()], kept);
        assert_eq!(strike(&mut second, "GET", "/"), None);
        assert_eq!(strike(&mut second, "GET", "/"), Some(FaultAction::Html));
        assert_eq!(second.take_noted().len(), 4);
        assert_eq!(strike(&mut second, "GET", "/"), None);
        assert!(second.take_noted().is_empty());
    }
}
