//! Transitions that time causes: the CA's looks, answered mails, rotated tokens, issuance.
//!
//! Nothing here runs by itself. [`World::due`] says what came due by `now`, the caller does what
//! needs the outside (a DNS query, a signature) and reports the result back.

use super::timing::later;
use super::{Dcv, EndKind, Issued, Order, Random, Rules, Token, Touch, World};
use crate::types::Timestamp;

/// Something that came due for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) order_id: String,
    /// When it was due; not later than the time that was asked for.
    pub(crate) at: Timestamp,
    pub(crate) work: DueWork,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DueWork {
    /// The CA looks for these tokens in the DNS.
    Look(Vec<Token>),
    /// No record changed since the CA last looked in vain: it would see the same.
    LookInVain,
    /// Somebody answers the validation mail.
    AnswerMail,
    /// The tokens have lived long enough.
    Rotate,
    /// Everything is proved: sign.
    Issue,
}

/// What the CA needs to know to sign.
#[derive(Debug, Clone)]
pub(crate) struct IssueRequest {
    pub(crate) csr: String,
    /// The common name first.
    pub(crate) names: Vec<String>,
    pub(crate) validity_days: u16,
    /// Name and country of the organization, for products that name one.
    pub(crate) organization: Option<(String, String)>,
}

impl Order {
    /// The next thing that time brings to this order.
    fn next_event(&self, rules: &Rules, revision: u64) -> Option<(Timestamp, DueWork)> {
        if self.end.is_some() || self.issued.is_some() {
            return None;
        }
        if let Some(ready_at) = self.ready_at(&rules.timing) {
            return Some((ready_at, DueWork::Issue));
        }
        let submission = self.submission.as_ref()?;
        let since = submission.validation_since;
        match self.dcv {
            Dcv::Email(_) => Some((later(since, rules.timing.email_answer), DueWork::AnswerMail)),
            Dcv::DnsCnameToken => {
                let rotation = later(since, rules.timing.token_lifetime);
                let looked_at = submission.looked_at.map_or(since, |at| at.max(since));
                match rules.timing.next_look(since, looked_at).filter(|look| *look < rotation) {
                    Some(look) if submission.looked_revision == Some(revision) => {
                        Some((look, DueWork::LookInVain))
                    }
                    Some(look) => Some((look, DueWork::Look(submission.tokens.clone()))),
                    None => Some((rotation, DueWork::Rotate)),
                }
            }
        }
    }
}

impl World {
    /// What came due by `now`: for each order at most the first thing, so ask until nothing is.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Due> {
        let due_by_now = |order: &Order| {
            let (at, work) = order.next_event(&self.rules, self.revision)?;
            (at <= now).then(|| Due { order_id: order.id.clone(), at, work })
        };
        self.orders.values().filter_map(due_by_now).collect()
    }

    /// When the next thing comes due, if nothing else happens before.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.orders
            .values()
            .filter_map(|order| order.next_event(&self.rules, self.revision))
            .map(|(at, _)| at)
            .min()
    }

    /// Takes the result of a look that was due at `at`; `now` is when that is told.
    ///
    /// Records change only through requests, and all that was due is done before a request. So a
    /// look in vain speaks for all looks up to `now`.
    pub(crate) fn record_look(&mut self, due: &Due, proved: bool, now: Timestamp) {
        let lifetime = self.rules.timing.token_lifetime;
        let revision = self.revision;
        let order = self.orders.get_mut(&due.order_id);
        let Some(submission) = order.and_then(|order| order.submission.as_mut()) else { return };
        if proved {
            submission.proved_at = Some(due.at);
            self.touched.insert(Touch::Order(due.order_id.clone()));
        } else {
            submission.looked_at = Some(now.min(later(submission.validation_since, lifetime)));
            submission.looked_revision = Some(revision);
        }
    }

    /// Everything up to the latest stored time was looked at in vain, or it would be proved.
    pub(crate) fn assume_looked(&mut self) {
        let seen = self.seen;
        for submission in self.orders.values_mut().filter_map(|order| order.submission.as_mut()) {
            submission.looked_at = seen;
        }
    }

    /// Gives an order other tokens because the old ones lived long enough.
    pub(crate) fn rotate_due(&mut self, due: &Due, random: Random<'_>) {
        self.replace_tokens(&due.order_id, due.at, random);
    }

    /// What the CA must know to sign for this order.
    pub(crate) fn issue_request(&self, order_id: &str) -> Option<IssueRequest> {
        let order = self.orders.get(order_id)?;
        let organization = order
            .organization_id
            .as_deref()
            .and_then(|id| self.organization(id))
            .map(|organization| &organization.details)
            .map(|details| (details.organization.clone(), details.country_code.clone()));
        Some(IssueRequest {
            csr: order.csr.clone(),
            names: order.names().into_iter().map(ToString::to_string).collect(),
            validity_days: order.validity_days,
            organization,
        })
    }

    /// Takes the certificate.
    pub(crate) fn record_issued(&mut self, order_id: &str, issued: Issued) {
        if let Some(order) = self.orders.get_mut(order_id) {
            order.issued = Some(issued);
            self.touched.insert(Touch::Order(order_id.to_owned()));
        }
    }

    /// The CA could not sign: it rejects the order.
    pub(crate) fn record_rejected(&mut self, due: &Due) {
        self.end(&due.order_id, EndKind::Rejected, due.at);
    }
}
