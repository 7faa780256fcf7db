//! Transitions that time causes: the CA's looks, answered mails, rotated tokens, issuance.
//!
//! Nothing here runs by itself. [`World::due`] says what came due by `now`, the caller does what
//! needs the outside (a DNS query, a signature) and reports the result back.

use std::collections::BTreeSet;
use std::time::Duration;

use super::submission::CheckFact;
use super::timing::later;
use super::{
    Check, Contract, ContractTerm, Dcv, Issued, LONGEST_VALIDITY_DAYS, Order, OrderEnd, Random,
    Refusal, ReissueEnd, ReissueOutcome, Rules, Token, World, suffixes,
};
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
    /// Somebody answers the validation mail.
    AnswerMail,
    /// The tokens have lived long enough.
    Rotate,
    /// Everything is proved: ask the CAA records, and sign.
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

/// Without a schedule, CAA records are asked again after this long.
const RETRY: Duration = Duration::from_secs(60);
const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);
const DAY_SECONDS: i64 = 86_400;
const CONTRACT_DAYS: i64 = 365;

impl Order {
    /// The next thing that time brings to this order.
    fn next_event(&self, rules: &Rules) -> Option<(Timestamp, DueWork)> {
        let (submission, dcv) = self.open_submission()?;
        let since = submission.validation_since;
        if submission.proved_at.is_some() {
            let ready_at = submission.ready_at(rules.timing.vetting)?;
            let ready_at = later(ready_at, rules.timing.issuance);
            if submission.caa_refused_at.is_none() {
                return Some((ready_at, DueWork::Issue));
            }
            // After a refusal it is tried again when something changed, as soon as a look would.
            let looked_at = submission.looked_at.unwrap_or(ready_at).max(ready_at);
            let again = rules.timing.next_look(looked_at, looked_at);
            let again = again.unwrap_or_else(|| later(looked_at, RETRY));
            return (!submission.parked).then_some((again, DueWork::Issue));
        }
        match dcv {
            Dcv::Email(_) => Some((later(since, rules.timing.email_answer), DueWork::AnswerMail)),
            Dcv::DnsCnameToken => {
                // Tokens that live no time at all would be replaced forever.
                let rotation = later(since, rules.timing.token_lifetime.max(SHORTEST_LIFETIME));
                let looked_at = submission.looked_at.map_or(since, |at| at.max(since));
                let look = rules.timing.next_look(since, looked_at).filter(|look| *look < rotation);
                match look.filter(|_| !submission.parked) {
                    Some(look) => {
                        Some((look, DueWork::Look(submission.unproved().cloned().collect())))
                    }
                    None => Some((rotation, DueWork::Rotate)),
                }
            }
        }
    }
}

impl World {
    /// What came due by `now`: for each order at most the first thing, so ask until nothing is.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Due> {
        self.agenda
            .due(now)
            .filter_map(|id| {
                let (at, work) = self.order(id).ok()?.next_event(&self.rules)?;
                Some(Due { order_id: id.to_owned(), at, work })
            })
            .collect()
    }

    /// When the next thing comes due, if nothing else happens before.
    #[cfg(test)]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// Computes anew what comes next for an order.
    pub(super) fn reschedule(&mut self, id: &str) {
        let order = self.orders.get(id);
        let next = order.and_then(|order| order.next_event(&self.rules)).map(|(at, _)| at);
        self.agenda.schedule(id, next);
    }

    /// Everything up to the latest stored time was looked at in vain, or it would be proved.
    pub(crate) fn resume(&mut self) {
        let seen = self.seen;
        for order in self.orders.values_mut() {
            if let Some(submission) = order.open_submission_mut() {
                submission.looked_at = seen;
            }
        }
        for id in self.orders.keys().cloned().collect::<Vec<_>>() {
            self.reschedule(&id);
        }
    }

    /// Takes the result of a look: the base domains whose token was seen, or nothing when nobody
    /// answered.
    pub(crate) fn record_look(&mut self, due: &Due, seen: Option<&BTreeSet<String>>) {
        let Some(order) = self.orders.get_mut(&due.order_id) else { return };
        let Some(submission) = order.open_submission_mut() else { return };
        submission.looked_at = Some(due.at);
        let Some(seen) = seen else { return self.reschedule(&due.order_id) };
        submission.prove(seen, due.at);
        let missing: BTreeSet<String> =
            submission.unproved().map(|token| token.base_domain.clone()).collect();
        if !missing.is_empty() {
            self.park(&due.order_id, &missing, due.at);
        }
        if seen.is_empty() {
            self.reschedule(&due.order_id);
        } else {
            self.touch_order(&due.order_id);
        }
    }

    /// Everything about an order is proved and checked at `at`: what is left is to sign.
    pub(crate) fn prove_everything(&mut self, id: &str, at: Timestamp) -> Result<(), Refusal> {
        self.change_order(id, |order| {
            let Some(submission) = order.open_submission_mut() else { return };
            let all = submission.tokens.iter().map(|token| token.base_domain.clone()).collect();
            submission.prove(&all, at);
            submission.checks = Check::ALL.map(|check| (check, CheckFact::Done(at))).into();
        })
        .map(drop)
    }

    /// Somebody answered the validation mail.
    pub(crate) fn record_mail(&mut self, id: &str, at: Timestamp) {
        if let Some(submission) = self.orders.get_mut(id).and_then(Order::open_submission_mut) {
            let all = submission.tokens.iter().map(|token| token.base_domain.clone()).collect();
            submission.prove(&all, at);
            self.touch_order(id);
        }
    }

    /// The CAA records of a name forbid the issuance, or nobody could say: the order stays pending.
    pub(crate) fn record_caa_refusal(&mut self, due: &Due, answered: bool) {
        let Some(order) = self.orders.get_mut(&due.order_id) else { return };
        // The records of a parent count, too (RFC 8659).
        let names = order.names().into_iter().flat_map(|name| suffixes(name.without_wildcard()));
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        let Some(submission) = order.open_submission_mut() else { return };
        submission.caa_refused_at = Some(due.at);
        submission.looked_at = Some(due.at);
        if answered {
            self.park(&due.order_id, &names, due.at);
        }
        self.touch_order(&due.order_id);
    }

    /// Looking again is in vain until a zone of one of these names changes, once all name servers
    /// show what is there now.
    fn park(&mut self, id: &str, names: &BTreeSet<String>, at: Timestamp) {
        let zones: BTreeSet<String> = names
            .iter()
            .filter_map(|name| self.rules.zones.zone_of(name))
            .map(str::to_owned)
            .collect();
        let settled = zones.iter().all(|zone| self.is_settled(zone, at));
        if let Some(submission) = self.orders.get_mut(id).and_then(Order::open_submission_mut) {
            submission.parked = settled;
        }
        for zone in zones.iter().filter(|_| settled) {
            self.agenda.wait(zone, id);
        }
    }

    /// A zone changed at `now`: whoever waits for that looks again, from now on.
    pub(super) fn wake(&mut self, zone: &str, now: Timestamp) {
        for id in self.agenda.wake(zone) {
            if let Some(submission) = self.orders.get_mut(&id).and_then(Order::open_submission_mut)
            {
                submission.parked = false;
                submission.looked_at = Some(now);
            }
            self.reschedule(&id);
        }
    }

    /// Gives an order other tokens because the old ones lived long enough.
    pub(crate) fn rotate_due(&mut self, due: &Due, random: Random<'_>) {
        self.replace_tokens(&due.order_id, due.at, random);
    }

    /// What the CA must know to sign for this order, or for its reissue.
    pub(crate) fn issue_request(&self, due: &Due) -> Option<IssueRequest> {
        let order = self.order(&due.order_id).ok()?;
        let organization = order
            .organization_id
            .as_deref()
            .and_then(|id| self.organization(id))
            .map(|organization| &organization.details)
            .map(|details| (details.organization.clone(), details.country_code.clone()));
        let csr = match (&order.issued, &order.reissue) {
            (Some(_), Some(reissue)) => &reissue.csr,
            _ => &order.csr,
        };
        let left = order.contract.map(|contract| days_between(due.at, contract.until).max(1));
        let days = i64::from(order.validity_days + self.bonus_days(order, due.at));
        Some(IssueRequest {
            csr: csr.clone(),
            names: order.names().into_iter().map(ToString::to_string).collect(),
            validity_days: u16::try_from(left.map_or(days, |left| left.min(days))).ok()?,
            organization,
        })
    }

    /// What the CA adds to a renewal: the source's days that are left, as far as a certificate
    /// may live (contract A.4, B.6). Often that is nothing.
    fn bonus_days(&self, order: &Order, at: Timestamp) -> u16 {
        let source = order.renewal_of.as_deref().filter(|_| order.issued.is_none());
        let issued = source.and_then(|id| self.order(id).ok()?.issued.as_ref());
        let left = issued.map_or(0, |issued| days_between(at, issued.valid_until));
        let room = LONGEST_VALIDITY_DAYS.saturating_sub(order.validity_days);
        u16::try_from(left.max(0)).unwrap_or(u16::MAX).min(room)
    }

    /// Takes the certificate.
    pub(crate) fn record_issued(&mut self, due: &Due, issued: Issued) {
        let Ok(order) = self.order(&due.order_id) else { return };
        let bonus = order.renewal_of.is_some().then(|| self.bonus_days(order, due.at));
        let term = self.rules.behaviour.contract;
        let id = due.order_id.clone();
        let changed = self.change_order(&id, |order| {
            match &mut order.reissue {
                Some(reissue) if order.issued.is_some() => {
                    reissue.end = Some(ReissueEnd { outcome: ReissueOutcome::Issued, at: due.at });
                    // The new certificate is not the withdrawn one.
                    order.revocation = None;
                }
                _ => {
                    order.contract = Some(contract(&issued, term));
                    order.renewal_bonus_days = bonus;
                }
            }
            order.downloads_refused = 0;
            order.issued = Some(issued);
        });
        if let Err(refusal) = changed {
            tracing::error!(%refusal, "a certificate without an order");
        }
    }

    /// The CA could not sign: it rejects the order, or only the reissue.
    pub(crate) fn record_rejected(&mut self, due: &Due) {
        let reissue = self.order(&due.order_id).is_ok_and(|order| order.issued.is_some());
        let ended = if reissue {
            self.end_reissue(&due.order_id, ReissueOutcome::Rejected, due.at)
        } else {
            self.end_order(&due.order_id, OrderEnd::Rejected, due.at)
        };
        if let Err(refusal) = ended {
            tracing::error!(%refusal, "an order cannot be rejected");
        }
    }
}

fn contract(issued: &Issued, term: ContractTerm) -> Contract {
    let year = issued.valid_from.as_second() + CONTRACT_DAYS * DAY_SECONDS - 1;
    let until = match term {
        ContractTerm::OneYear => Timestamp::from_second(year).unwrap_or(issued.valid_until),
        ContractTerm::Certificate => issued.valid_until,
    };
    Contract { from: issued.valid_from, until: until.max(issued.valid_until) }
}

/// Whole days, the begun first one included: certificates begin at midnight.
fn days_between(from: Timestamp, until: Timestamp) -> i64 {
    let midnight = from.as_second().div_euclid(DAY_SECONDS) * DAY_SECONDS;
    (until.as_second() + 1 - midnight).div_euclid(DAY_SECONDS)
}
