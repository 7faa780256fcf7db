//! `MemoryStore`: a store for tests and for runs that need not be remembered.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    BatchMember, BatchSummary, NewBatch, NewRun, RecordedOrder, RunSummary, Store, StoreError,
    StoreFuture, StoredPlan, StoredRun,
};
use crate::run::{BindingKind, Event, EventKind, Intent, ReopenReason, RunHeader, RunState};
use crate::types::{BatchId, CertificateId, RunId};

/// Keeps everything in memory, with the same promises as the real store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    runs: Mutex<Vec<(RunId, StoredPlan, Vec<Event>)>>,
    plans: Mutex<Vec<StoredPlan>>,
    batches: Mutex<Vec<(BatchSummary, Vec<RunId>)>>,
    /// Every order with its number, its place and its names; what came to nothing is struck out.
    orders: Mutex<Orders>,
    /// Who owns which certificate now: a reissue takes it over.
    owners: Mutex<BTreeMap<CertificateId, RunId>>,
}

/// The orders that were recorded.
#[derive(Debug, Default)]
struct Orders {
    newest: u64,
    known: Vec<RecordedOrder>,
}

impl Orders {
    /// Who has ordered the same names after the run was begun.
    fn newer(&self, run: &RunId, header: &RunHeader, names: &str) -> Option<String> {
        let known = header.orders_known.filter(|_| !header.sandbox)?;
        let newer = self.known.iter().find(|order| {
            order.number > known && !order.sandbox && order.names == names && order.run != *run
        });
        newer.map(|order| order.run.to_string())
    }

    fn take_in(&mut self, run: &RunId, sandbox: bool, open: Option<&str>, event: &EventKind) {
        match event {
            EventKind::IntentRecorded { intent, .. } if intent.obtains_certificate() => {
                let names = intent.names_key();
                if !self.known.iter().any(|order| order.run == *run && order.names == names) {
                    self.newest += 1;
                    let run = run.clone();
                    self.known.push(RecordedOrder { number: self.newest, run, sandbox, names });
                }
            }
            EventKind::IntentWithdrawn { .. }
            | EventKind::StepReopened { reason: ReopenReason::NothingOrdered, .. } => {
                self.known.retain(|order| order.run != *run || Some(order.names.as_str()) != open);
            }
            _ => {}
        }
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Vec<(RunId, StoredPlan, Vec<Event>)>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, run: &RunId, events: Vec<Event>) -> Result<(), StoreError> {
        let mut runs = self.lock();
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        for id in events.iter().filter_map(ordered) {
            if let Some(owner) = owners.get(id).filter(|owner| *owner != run) {
                let (certificate_id, owner) = (id.clone(), owner.to_string());
                return Err(StoreError::CertificateOwned { certificate_id, owner });
            }
        }
        let Some(header) = header_of(&runs, run).cloned() else {
            return Err(StoreError::NoSuchRun(run.clone()));
        };
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &events {
            if let EventKind::IntentRecorded { intent: intent @ Intent::Order(_), .. } = &event.kind
                && let Some(owner) = orders.newer(run, &header, &intent.names_key())
            {
                return Err(StoreError::OrderedMeanwhile { names: intent.names_key(), owner });
            }
            if let EventKind::IntentRecorded { intent, .. } = &event.kind
                && let Some(owner) = ordering_elsewhere(&runs, run, intent)
                    .or_else(|| ordering_something_else(&runs, run, intent))
            {
                return Err(StoreError::NamesBeingOrdered { names: intent.names_key(), owner });
            }
        }
        let Some((_, plan, stored)) = runs.iter_mut().find(|(id, _, _)| id == run) else {
            return Err(StoreError::NoSuchRun(run.clone()));
        };
        let next = stored.last().map_or(1, |event| event.sequence + 1);
        if !events.iter().zip(next..).all(|(event, expected)| event.sequence == expected) {
            return Err(StoreError::Conflict(run.clone()));
        }
        for event in &events {
            if let EventKind::PlanReplaced { plan: reference, .. } = &event.kind {
                let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
                match plans.iter().find(|kept| kept.digest == reference.digest) {
                    Some(kept) => *plan = kept.clone(),
                    None => return Err(StoreError::NoSuchPlan(reference.digest.clone())),
                }
            }
        }
        owners.extend(events.iter().filter_map(bound).map(|id| (id.clone(), run.clone())));
        for event in events {
            orders.take_in(run, header.sandbox, unanswered(stored).as_deref(), &event.kind);
            stored.push(event);
        }
        Ok(())
    }

    fn add_batch(&self, batch: NewBatch) -> Result<(), StoreError> {
        let mut runs = self.lock();
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.iter().any(|(known, _)| known.id == batch.id) {
            return Err(StoreError::BatchExists(batch.id));
        }
        let ids: Vec<RunId> = batch.members.iter().map(|member| member.run().clone()).collect();
        let mut new = Vec::new();
        for member in batch.members {
            let exists = runs.iter().chain(&new).any(|(id, _, _)| id == member.run());
            match member {
                BatchMember::Existing(_) if exists => {}
                BatchMember::Existing(run) => return Err(StoreError::NoSuchRun(run)),
                BatchMember::New { run, .. } if exists => return Err(StoreError::Conflict(run)),
                BatchMember::New { run, started } => {
                    let plan = plan_of(&batch.plans, &started)?;
                    new.push((run, plan, vec![*started]));
                }
            }
        }
        runs.extend(new);
        let summary = BatchSummary {
            id: batch.id,
            started_at: batch.at,
            program: batch.program,
            request: batch.request,
            runs: ids.len(),
        };
        batches.push((summary, ids));
        Ok(())
    }
}

fn plan_of(plans: &[StoredPlan], started: &Event) -> Result<StoredPlan, StoreError> {
    let EventKind::RunStarted(header) = &started.kind else {
        return Err(StoreError::corrupt("the first event", "a run must start"));
    };
    let fits = |plan: &&StoredPlan| {
        plan.digest == header.plan.digest && plan.semantics == header.semantics
    };
    let plan = plans.iter().find(fits);
    plan.cloned().ok_or_else(|| StoreError::NoSuchPlan(header.plan.digest.clone()))
}

fn header_of<'a>(
    runs: &'a [(RunId, StoredPlan, Vec<Event>)],
    run: &RunId,
) -> Option<&'a RunHeader> {
    let (_, _, events) = runs.iter().find(|(id, _, _)| id == run)?;
    match &events.first()?.kind {
        EventKind::RunStarted(header) => Some(header),
        _ => None,
    }
}

/// Another run at the same place whose order for the same names is unanswered.
fn ordering_elsewhere(
    runs: &[(RunId, StoredPlan, Vec<Event>)],
    run: &RunId,
    intent: &Intent,
) -> Option<String> {
    let place = |events: &[Event]| match &events.first()?.kind {
        EventKind::RunStarted(header) => Some(header.place()),
        _ => None,
    };
    let here = runs.iter().find(|(id, _, _)| id == run).and_then(|(_, _, events)| place(events))?;
    let other = runs.iter().find(|(id, _, events)| {
        id != run
            && place(events).as_ref() == Some(&here)
            && unanswered(events).as_ref() == Some(&intent.names_key())
    });
    other.map(|(id, _, _)| id.to_string())
}

/// The run itself, when it waits for the answer to something else.
fn ordering_something_else(
    runs: &[(RunId, StoredPlan, Vec<Event>)],
    run: &RunId,
    intent: &Intent,
) -> Option<String> {
    let (_, _, events) = runs.iter().find(|(id, _, _)| id == run)?;
    unanswered(events).filter(|open| *open != intent.names_key()).map(|_| run.to_string())
}

/// For what the run waits for an answer.
fn unanswered(events: &[Event]) -> Option<String> {
    events.iter().fold(None, |open, event| match &event.kind {
        EventKind::IntentRecorded { intent, .. } => Some(intent.names_key()),
        EventKind::IntentWithdrawn { .. }
        | EventKind::IntentSettled { .. }
        | EventKind::CertificateBound { .. }
        | EventKind::RunCancelled { .. }
        | EventKind::StepReopened { reason: ReopenReason::NothingOrdered, .. } => None,
        _ => open,
    })
}

/// A certificate that nobody may own yet.
fn ordered(event: &Event) -> Option<&CertificateId> {
    match &event.kind {
        EventKind::CertificateBound { binding: BindingKind::Reissued, .. } => None,
        _ => bound(event),
    }
}

fn bound(event: &Event) -> Option<&CertificateId> {
    match &event.kind {
        EventKind::CertificateBound { certificate_id, .. } => Some(certificate_id),
        _ => None,
    }
}

impl Store for MemoryStore {
    fn create_run(&self, run: NewRun) -> StoreFuture<'_, ()> {
        let result = {
            let mut runs = self.lock();
            if runs.iter().any(|(id, _, _)| *id == run.id) {
                Err(StoreError::Conflict(run.id))
            } else {
                let bound = run.events.iter().filter_map(bound);
                let bound = bound.map(|certificate| (certificate.clone(), run.id.clone()));
                self.owners.lock().unwrap_or_else(PoisonError::into_inner).extend(bound);
                runs.push((run.id, run.plan, run.events));
                Ok(())
            }
        };
        Box::pin(ready(result))
    }

    fn keep_plan(&self, plan: StoredPlan) -> StoreFuture<'_, ()> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        Box::pin(ready(Ok(())))
    }

    fn append(&self, run: &RunId, events: Vec<Event>) -> StoreFuture<'_, ()> {
        Box::pin(ready(self.add(run, events)))
    }

    fn load_run(&self, run: &RunId) -> StoreFuture<'_, StoredRun> {
        let runs = self.lock();
        let found = runs.iter().find(|(id, _, _)| id == run).map_or_else(
            || Err(StoreError::NoSuchRun(run.clone())),
            |(_, plan, events)| Ok(StoredRun { plan: plan.clone(), events: events.clone() }),
        );
        Box::pin(ready(found))
    }

    fn list_runs(&self) -> StoreFuture<'_, Vec<RunSummary>> {
        let runs = self.lock();
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let summaries = runs
            .iter()
            .rev()
            .map(|(id, _, events)| {
                let state = RunState::fold(events)
                    .map_err(|error| StoreError::corrupt(format!("run `{id}`"), error))?;
                Ok(RunSummary {
                    id: id.clone(),
                    plan: state.header.plan.name.clone(),
                    target: state.header.target.clone(),
                    sandbox: state.header.sandbox,
                    phase: state.phase.name().to_owned(),
                    // Whoever had it before has handed it on.
                    certificate_id: state
                        .certificate_id
                        .clone()
                        .filter(|certificate| owners.get(certificate) == Some(id)),
                    started_at: state.started_at,
                    updated_at: state.updated_at,
                })
            })
            .collect();
        Box::pin(ready(summaries))
    }

    fn newest_order(&self) -> StoreFuture<'_, u64> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(Ok(orders.newest)))
    }

    fn orders(&self) -> StoreFuture<'_, Vec<RecordedOrder>> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(Ok(orders.known.clone())))
    }

    fn certificate_owners(&self) -> StoreFuture<'_, BTreeMap<CertificateId, RunId>> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(ready(Ok(owners)))
    }

    fn create_batch(&self, batch: NewBatch) -> StoreFuture<'_, ()> {
        Box::pin(ready(self.add_batch(batch)))
    }

    fn list_batches(&self) -> StoreFuture<'_, Vec<BatchSummary>> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut summaries: Vec<BatchSummary> =
            batches.iter().map(|(summary, _)| summary.clone()).collect();
        summaries.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        Box::pin(ready(Ok(summaries)))
    }

    fn batch_runs(&self, batch: &BatchId) -> StoreFuture<'_, Vec<RunId>> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = batches.iter().find(|(known, _)| known.id == *batch);
        let runs = runs.map(|(_, runs)| runs.clone());
        Box::pin(ready(runs.ok_or_else(|| StoreError::NoSuchBatch(batch.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_store_keeps_the_contract() {
        super::super::contract::keeps_the_contract(&MemoryStore::default()).await;
    }
}
