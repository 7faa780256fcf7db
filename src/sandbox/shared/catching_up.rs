//! Catching up: doing what came due since the last request.

use std::collections::BTreeSet;

use super::Shared;
use crate::sandbox::dns::{find_tokens, forbidding_name};
use crate::sandbox::world::{CertificateBegin, Due, DueWork};
use crate::types::Timestamp;

/// While it lives, the name servers may be asked about the past. A request can be given up at any
/// moment, and then they must answer for the present again.
struct Looking<'shared>(&'shared Shared);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.lock().looking_at = None;
    }
}

impl Shared {
    /// The time at which the name servers answer.
    pub(crate) fn dns_time(&self) -> Timestamp {
        let inner = self.lock();
        let now = self.clock.now();
        inner.looking_at.unwrap_or_else(|| inner.world.seen().map_or(now, |seen| seen.max(now)))
    }

    /// Does what came due by `now`: the CA looks, people answer mails, certificates are signed.
    ///
    /// Nothing runs between requests. That is exact, because only requests change what the CA
    /// would see; and with a virtual clock there is nobody who could run at the right moment.
    pub(crate) async fn catch_up(&self, now: Timestamp) {
        let _looking = Looking(self);
        loop {
            let next = self.next_happening(now);
            self.settle_all(next.unwrap_or(now)).await;
            let Some(at) = next else { break };
            self.happen_next(at);
        }
    }

    async fn settle_all(&self, now: Timestamp) {
        loop {
            let due = self.read_world(|world| world.due(now));
            if due.is_empty() {
                break;
            }
            for due in due {
                self.settle(&due).await;
            }
        }
    }

    async fn settle(&self, due: &Due) {
        match &due.work {
            DueWork::Look(tokens) => {
                if self.read_world(|world| world.is_bare(tokens, due.at)) {
                    let nothing = BTreeSet::new();
                    return self.change_world(|world, _| world.record_look(due, Some(&nothing)));
                }
                self.lock().looking_at = Some(due.at);
                let seen = find_tokens(&self.name_servers, tokens).await;
                if let Err(error) = &seen {
                    tracing::warn!(%error, "the sandbox's CA cannot look");
                }
                self.change_world(|world, _| world.record_look(due, seen.as_ref().ok()));
            }
            DueWork::AnswerMail => {
                self.change_world(|world, _| world.record_mail(&due.order_id, due.at));
            }
            DueWork::Rotate => self.change_world(|world, random| world.rotate_due(due, random)),
            DueWork::Issue => self.issue(due).await,
        }
    }

    async fn issue(&self, due: &Due) {
        let Some(request) = self.read_world(|world| world.issue_request(due)) else {
            return self.change_world(|world, _| world.record_rejected(due));
        };
        self.lock().looking_at = Some(due.at);
        match forbidding_name(&self.name_servers, &request.names).await {
            Ok(None) => {}
            Ok(Some(name)) => {
                tracing::debug!(name, order = due.order_id, "CAA records forbid to issue");
                return self.change_world(|world, _| world.record_caa_refusal(due, true));
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox's CA cannot ask for CAA records");
                return self.change_world(|world, _| world.record_caa_refusal(due, false));
            }
        }
        let begin = match self.read_world(|world| world.rules.behaviour.begin) {
            CertificateBegin::NoLaterThanMachine => due.at.min(Timestamp::now()),
            CertificateBegin::AtIssuance => due.at,
        };
        let serial = self.lock().random.next();
        match self.ca.issue(&request, due.at, begin, serial) {
            Ok(issued) => self.change_world(|world, _| world.record_issued(due, issued)),
            Err(error) => {
                tracing::warn!(%error, order = due.order_id, "the sandbox's CA cannot sign");
                self.change_world(|world, _| world.record_rejected(due));
            }
        }
    }
}
