//! `Controls`: what can be seen and done besides the API, by tests and by people.
//!
//! They stand for people and events outside of the API: somebody completes an order in the
//! Console, the CA rejects one, another program puts a record. They decide nothing.

use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::happening::Happening;
use super::observed::{LoggedHappening, LoggedRequest, OrderSnapshot, RecordSnapshot};
use super::server::SandboxError;
use super::shared::Shared;
use super::world::{
    Check, NewRecord, OrderEnd, Random, RecordKind, Refusal, ReissueOutcome, RevocationScope, Risk,
    World,
};
use crate::types::{DomainName, Timestamp};

/// A handle to a running sandbox; it may outlive the sandbox and then changes a world that nobody
/// sees.
#[derive(Clone)]
pub struct Controls {
    shared: Arc<Shared>,
}

impl Controls {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The latest time that the world has seen, so that a virtual clock can start no earlier.
    pub fn latest_time(&self) -> Option<Timestamp> {
        self.shared.read_world(World::seen)
    }

    /// All requests since the start, in the order in which they were answered.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.logged()
    }

    /// All orders, oldest first, as of the latest request.
    pub fn orders(&self) -> Vec<OrderSnapshot> {
        self.shared.snapshots()
    }

    /// What happened by itself, as a scenario planned it, oldest first.
    pub fn happenings(&self) -> Vec<LoggedHappening> {
        self.shared.happened()
    }

    /// What goes wrong, how many requests each rule has matched, and how many of those it hit.
    pub fn faults(&self) -> Vec<(Fault, u32, u32)> {
        self.shared.faults()
    }

    /// Lets nothing go wrong any more, by rules or by chance.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Lets something happen now, as a scenario could: to the order `certificate_id`, or to all
    /// that it is meant for.
    pub async fn happen(
        &self,
        happening: &Happening,
        certificate_id: Option<&str>,
    ) -> Result<Vec<LoggedHappening>, SandboxError> {
        let turn = self.shared.turn().await;
        let now = self.shared.now();
        self.shared.catch_up(now).await;
        let notes = self.shared.happen(happening, certificate_id, now);
        let version = self.shared.version();
        drop(turn);
        self.shared.save(version).await?;
        Ok(notes)
    }

    /// All DNS records that somebody put, zone by zone; those that the vendor keeps itself aside.
    pub fn records(&self) -> Vec<RecordSnapshot> {
        self.shared.read_world(|world| {
            let zones = world.zone_names().into_iter();
            let records = zones.filter_map(|zone| world.stored_zone(&zone));
            records.flat_map(|zone| zone.records.iter().map(RecordSnapshot::of)).collect()
        })
    }

    /// Makes something go wrong from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.add_fault(fault);
    }

    /// A person chooses an organization in the Console.
    pub async fn complete_in_console(
        &self,
        certificate_id: &str,
        organization_id: &str,
    ) -> Result<(), SandboxError> {
        self.act(|world, now, random| {
            world.complete_order(certificate_id, organization_id, now, random).map(drop)
        })
        .await
    }

    /// A person cancels an order.
    pub async fn cancel(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.cancel_order(certificate_id, now)).await
    }

    /// The CA rejects an order.
    pub async fn reject(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.end_order(certificate_id, OrderEnd::Rejected).await
    }

    /// An order comes to an end.
    pub async fn end_order(&self, certificate_id: &str, end: OrderEnd) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.end_order(certificate_id, end, now)).await
    }

    /// An end is taken back, such as `unknown`.
    pub async fn revive_order(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.revive_order(certificate_id, now)).await
    }

    /// An order that was at the CA waits for an organization again.
    pub async fn stage_again(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, _, _| world.stage_again(certificate_id)).await
    }

    /// A reissue ends without a certificate.
    pub async fn end_reissue(
        &self,
        certificate_id: &str,
        outcome: ReissueOutcome,
    ) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.end_reissue(certificate_id, outcome, now)).await
    }

    /// A person asks the CA to revoke a certificate, alone or with its order.
    pub async fn ask_revocation(
        &self,
        certificate_id: &str,
        scope: RevocationScope,
    ) -> Result<(), SandboxError> {
        self.act(|world, _, _| world.ask_revocation(certificate_id, scope)).await
    }

    /// The CA revokes what it was asked to.
    pub async fn grant_revocation(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.grant_revocation(certificate_id, now)).await
    }

    /// Somebody answers the validation mail now.
    pub async fn answer_mail(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.answer_mail(certificate_id, now)).await
    }

    /// The CA replaces the tokens of an order before their time.
    pub async fn rotate_tokens(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, now, random| world.rotate_tokens(certificate_id, now, random)).await
    }

    /// A check of the organization takes until it is finished by hand.
    pub async fn hold_check(&self, certificate_id: &str, check: Check) -> Result<(), SandboxError> {
        self.act(|world, _, _| world.decide_check(certificate_id, check, None)).await
    }

    /// A check of the organization is done now.
    pub async fn finish_check(
        &self,
        certificate_id: &str,
        check: Check,
    ) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.decide_check(certificate_id, check, Some(now))).await
    }

    /// The CA's risk check says this about the names of an order.
    pub async fn assess(&self, certificate_id: &str, risk: Risk) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.assess(certificate_id, risk, now)).await
    }

    /// An organization can be used from now on, or not any more.
    pub async fn judge_organization(
        &self,
        organization_id: &str,
        usable: bool,
    ) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.judge_organization(organization_id, usable, now)).await
    }

    /// An order vanishes: from now on it is answered with 404.
    pub async fn forget_order(&self, certificate_id: &str) -> Result<(), SandboxError> {
        self.act(|world, _, _| world.forget_order(certificate_id)).await
    }

    /// Somebody else puts a record; its id comes back.
    pub async fn add_foreign_record(
        &self,
        name: &DomainName,
        kind: &str,
        data: &str,
    ) -> Result<u64, SandboxError> {
        let kind = RecordKind::parse(kind)
            .ok_or_else(|| SandboxError::Refused(format!("`{kind}` is no record type")))?;
        let wish = NewRecord {
            name: name.clone(),
            kind,
            data: data.to_owned(),
            ttl: None,
            priority: None,
            annotation: None,
        };
        self.act(|world, now, random| world.create_record(wish, now, random).map(|made| made.id))
            .await
    }

    /// A record is one that the vendor keeps itself, or is switched on or off.
    pub async fn mark_record(
        &self,
        record_id: u64,
        auto: bool,
        active: bool,
    ) -> Result<(), SandboxError> {
        self.act(|world, now, _| world.mark_record(record_id, auto, active, now)).await
    }

    /// From now on the name servers lag this far behind the records; further entries than there
    /// are servers are ignored.
    pub async fn set_lags(&self, mut lags: Vec<Duration>) -> Result<(), SandboxError> {
        self.act(|world, _, _| {
            lags.resize(world.lags().len(), Duration::ZERO);
            world.set_lags(lags);
            Ok(())
        })
        .await
    }

    /// Does what came due by now without a request, and saves it.
    pub async fn catch_up(&self) -> Result<(), SandboxError> {
        self.act(|_, _, _| Ok(())).await
    }

    /// Begins anew: the world, what goes wrong, what is planned and all logs are again what they
    /// were at the start. Time goes on, and the CA stays the same.
    pub async fn reset(&self) -> Result<(), SandboxError> {
        let turn = self.shared.turn().await;
        let result = self.shared.reset().await;
        drop(turn);
        Ok(result?)
    }

    async fn act<T>(
        &self,
        change: impl FnOnce(&mut World, Timestamp, Random<'_>) -> Result<T, Refusal>,
    ) -> Result<T, SandboxError> {
        let turn = self.shared.turn().await;
        let now = self.shared.now();
        self.shared.catch_up(now).await;
        let result = self.shared.change_world(|world, random| change(world, now, random))?;
        let version = self.shared.version();
        drop(turn);
        self.shared.save(version).await?;
        Ok(result)
    }
}

impl std::fmt::Debug for Controls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Controls").finish_non_exhaustive()
    }
}
