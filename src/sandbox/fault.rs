//! `Fault`: a rule that makes the sandbox answer wrongly, or not at all, at a chosen request.

use serde_json::Value;

/// A rule for requests of one method whose path begins with a prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// For example `POST`; `*` for any.
    pub method: String,
    /// For example `/tls/certificate`, which also matches `/tls/certificate/ID/complete`.
    pub path_prefix: String,
    /// The first matching request that is hit, counted from 1 since the rule was set.
    pub nth: u32,
    /// How many matching requests are hit, one after the other.
    pub times: u32,
    /// What happens to them.
    pub action: FaultAction,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultAction {
    /// An answer with this status; nothing else happens.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body, as it stands.
        body: String,
        /// Its content type.
        content_type: String,
    },
    /// The page of a proxy that has lost its server: 502, HTML.
    Html,
    /// A refusal with a status that may pass, and with `Retry-After`; nothing else happens.
    Later {
        /// The HTTP status.
        code: u16,
        /// The pause that is asked for.
        seconds: u64,
    },
    /// Everything happened, and the answer is something else.
    Instead {
        /// The HTTP status.
        code: u16,
        /// The body, as it stands.
        body: String,
        /// Its content type.
        content_type: String,
    },
    /// Everything happened, and the connection ends half-way through the answer.
    CutAnswer,
    /// Everything happened, and no answer ever comes.
    Stall,
    /// The connection ends without an answer, and nothing happened.
    DropBeforeCommit,
    /// The connection ends without an answer, although everything happened (contract A.13, 1).
    DropAfterCommit,
}

impl Fault {
    /// A rule that hits only the `nth` matching request.
    pub fn at(method: &str, path_prefix: &str, nth: u32, action: FaultAction) -> Self {
        Self {
            method: method.to_owned(),
            path_prefix: path_prefix.to_owned(),
            nth,
            times: 1,
            action,
        }
    }
}

impl FaultAction {
    /// A refusal in the documented shape (contract A.0).
    pub fn refusal(code: u16, message: &str) -> Self {
        let body = serde_json::json!({ "success": false, "message": message, "error": message });
        Self::json(code, &body)
    }

    /// A JSON answer.
    pub fn json(code: u16, body: &Value) -> Self {
        Self::Status { code, body: body.to_string(), content_type: "application/json".to_owned() }
    }
}

/// The rules with their counts.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u32)>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|fault| (fault, 0)).collect())
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    /// Counts a request in every rule that it matches; the first rule that hits it decides.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Option<FaultAction> {
        let mut action = None;
        for (fault, count) in &mut self.0 {
            let method_fits = fault.method == "*" || fault.method.eq_ignore_ascii_case(method);
            if method_fits && path.starts_with(&fault.path_prefix) {
                *count = count.saturating_add(1);
                let first = fault.nth.max(1);
                if (first..first.saturating_add(fault.times)).contains(count) && action.is_none() {
                    action = Some(fault.action.clone());
                }
            }
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_any_method_counts_them_all() {
        let mut faults = Faults::new(vec![Fault::at("*", "/", 2, FaultAction::Stall)]);
        assert_eq!(faults.strike("GET", "/tls/products"), None);
        assert_eq!(faults.strike("POST", "/tls/certificate"), Some(FaultAction::Stall));
        assert_eq!(faults.strike("GET", "/tls/certificate"), None);
    }

    #[test]
    fn a_rule_hits_the_request_it_names_and_no_other() {
        let mut faults =
            Faults::new(vec![Fault::at("POST", "/tls/certificate", 2, FaultAction::Html)]);
        assert_eq!(faults.strike("POST", "/tls/certificate"), None);
        assert_eq!(faults.strike("GET", "/tls/certificate"), None);
        assert_eq!(faults.strike("POST", "/dns/rr"), None);
        assert_eq!(faults.strike("POST", "/tls/certificate"), Some(FaultAction::Html));
        assert_eq!(faults.strike("POST", "/tls/certificate"), None);
    }
}
