//! Transitions that nobody asked the API for: an order is cancelled, rejected or vanishes, or its
//! tokens are replaced.

use super::order::End;
use super::ordering::{no_such_order, token_value};
use super::{EndKind, Random, Refusal, Stage, Touch, World};
use crate::types::Timestamp;

impl World {
    /// Cancels an order; what that is called depends on whether it was issued (contract A.11).
    pub(crate) fn cancel_order(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let issued = self.order(id)?.issued.is_some();
        self.end(id, if issued { EndKind::OrderCancelled } else { EndKind::Cancelled }, now);
        Ok(())
    }

    /// The CA rejects an order.
    pub(crate) fn reject_order(&mut self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        self.order(id)?;
        self.end(id, EndKind::Rejected, now);
        Ok(())
    }

    /// Gives an order that waits for its proof other tokens (contract B.6: they live 30 days).
    pub(crate) fn rotate_tokens(
        &mut self,
        id: &str,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<(), Refusal> {
        match self.order(id)?.stage(now) {
            Stage::Validating => {
                self.replace_tokens(id, now, random);
                Ok(())
            }
            Stage::Staged
            | Stage::Submitted
            | Stage::Vetting
            | Stage::Issued
            | Stage::Expired
            | Stage::Ended(_) => Err(Refusal::invalid("the order waits for no validation")),
        }
    }

    /// New tokens; the CA begins its looks anew. Whether the real one does is not published; the
    /// other answer would leave every order with a rotated token stuck.
    pub(super) fn replace_tokens(&mut self, id: &str, now: Timestamp, random: Random<'_>) {
        let order = self.orders.get_mut(id);
        let Some(submission) = order.and_then(|order| order.submission.as_mut()) else { return };
        for token in &mut submission.tokens {
            token.value = token_value(random);
        }
        submission.validation_since = now;
        submission.looked_revision = None;
        self.touched.insert(Touch::Order(id.to_owned()));
    }

    pub(super) fn end(&mut self, id: &str, kind: EndKind, now: Timestamp) {
        if let Some(order) = self.orders.get_mut(id) {
            order.end = Some(End { kind, at: now });
            self.touched.insert(Touch::Order(id.to_owned()));
        }
    }

    /// Makes an order vanish, as if it belonged to another account.
    pub(crate) fn forget_order(&mut self, id: &str) -> Result<(), Refusal> {
        self.orders.shift_remove(id).ok_or_else(no_such_order)?;
        self.touched.insert(Touch::Order(id.to_owned()));
        Ok(())
    }
}
