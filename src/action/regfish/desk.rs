//! `CertificateDesk`: what the runs of a batch need not ask one by one.
//!
//! One list call answers all who want to know what there is before they order, and tells all who
//! wait which certificate has changed; only those are read singly. It never decides what a
//! certificate's state means, and it never makes a list look newer than it is: whoever lost an
//! answer gets a list that was asked for afterwards.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::snapshot::Snapshot;
use crate::action::Waiting;
use crate::api::http::{ApiError, ErrorKind, Method, Urgency};
use crate::api::regfish::{Certificate, CertificateStatus, KnownItems, RegfishClient};
use crate::types::{Busy, CertificateId, Clock, Rest, Timestamp, Work};

/// What is there before an order may be this old. What others order meanwhile could be taken for
/// the order if its answer is lost, so it is not long.
const LIST_AGE: Duration = Duration::from_secs(60);

/// Fewer who wait are read singly.
const FEWEST: usize = 3;

/// A list is not asked for unless one of so many certificates in it is waited for.
const LARGEST_LIST_PER_WAIT: usize = 200;

/// After so many lists in a row that failed, all look singly for a while.
const MOST_FAILED_LISTS: u32 = 3;

/// How long lists are not asked for after they failed.
const LISTS_PAUSE: Duration = Duration::from_secs(300);

/// However quiet the list is, each certificate is read once in this time.
const LONGEST_QUIET: Duration = Duration::from_secs(3_600);

/// The desk of one connection. Clones are the same desk.
#[derive(Debug, Clone)]
pub struct CertificateDesk(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    client: RegfishClient,
    clock: Arc<dyn Clock>,
    /// Held while a list is asked for: what the one before has shown.
    asking: tokio::sync::Mutex<KnownItems<Certificate>>,
    inner: Mutex<Inner>,
    /// Told when somebody begins to wait who wants the next list sooner.
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many lists were asked for.
    asked: u64,
    /// The number of the last list that was answered, and the answer.
    answered: u64,
    failed: Option<ApiError>,
    latest: Option<Arc<Snapshot>>,
    failed_in_a_row: u32,
    asked_at: Option<Timestamp>,
    no_lists_before: Option<Timestamp>,
    shows_records: Shows,
    /// What single reads have shown records of; the next list must show them too.
    with_records: HashSet<CertificateId>,
    /// Certificates that somebody waits for, and until when that is taken for granted.
    interest: HashMap<CertificateId, Timestamp>,
    /// As the list showed them when somebody looked last.
    seen: HashMap<CertificateId, Fingerprint>,
    /// Woken by news in the list: the list is enough for the next look.
    by_list: HashSet<CertificateId>,
    /// Just ordered: what the answer said.
    fresh: HashMap<CertificateId, (Timestamp, Certificate)>,
    waiters: HashMap<u64, Waiter>,
    next_waiter: u64,
    serving: bool,
}

/// Whether the list shows the records that prove names. The API does not promise it (contract A.6).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Shows {
    #[default]
    Unknown,
    Yes,
    No,
}

#[derive(Debug)]
struct Waiter {
    certificate: CertificateId,
    wants_records: bool,
    every: Duration,
    until: Option<Timestamp>,
    quiet_until: Timestamp,
    wake: oneshot::Sender<Busy>,
}

/// What can change about a certificate that somebody waits for.
#[derive(Debug, Clone, PartialEq)]
struct Fingerprint {
    status: CertificateStatus,
    order_state: Option<String>,
    pending_reason: Option<String>,
    action_required: bool,
    pem_available: bool,
    records: usize,
    method: Option<String>,
}

/// How a certificate was looked at.
pub(super) enum View {
    /// In the list; parts can be missing.
    Listed(Certificate),
    /// By itself.
    Read(Certificate),
}

impl CertificateDesk {
    pub(in crate::action) fn new(client: RegfishClient, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Desk {
            client,
            clock,
            asking: tokio::sync::Mutex::default(),
            inner: Mutex::default(),
            sooner: Notify::new(),
        }))
    }

    /// What there is before an order that was not sent yet: never newer than now, at most a minute
    /// old.
    ///
    /// What the batch itself has ordered since is missing in it. That is right: each of those
    /// belongs to a run in the store, and what belongs to another run is never adopted.
    pub(super) async fn before_order(&self) -> Result<Arc<Snapshot>, ApiError> {
        let oldest = earlier(self.0.clock.now(), LIST_AGE);
        self.0
            .list(|inner, _| inner.latest.as_ref().is_some_and(|list| list.asked_at >= oldest))
            .await
    }

    /// A list that was asked for after this call: for whoever lost an answer before it.
    pub(super) async fn asked_now(&self) -> Result<Arc<Snapshot>, ApiError> {
        self.0.list(|inner, asked| inner.answered > asked).await
    }

    /// Notes what the answer to an order says; good for one look.
    pub(super) fn note(&self, certificate: &Certificate) {
        let noted = (self.0.clock.now(), certificate.clone());
        self.0.lock().fresh.insert(certificate.id.clone(), noted);
    }

    /// What the answer to the order said a moment ago, once.
    pub(super) fn take_noted(&self, id: &CertificateId) -> Option<Certificate> {
        let (at, certificate) = self.0.lock().fresh.remove(id)?;
        (at >= earlier(self.0.clock.now(), LIST_AGE)).then_some(certificate)
    }

    /// The names of a certificate as the last list showed them. They never change (contract A.6).
    pub(super) fn listed(&self, id: &CertificateId) -> Option<Certificate> {
        let list = self.0.lock().latest.clone()?;
        list.get(id).cloned()
    }

    /// Looks at a certificate that is waited for: in the list that woke the waiter, or singly.
    pub(super) async fn view(&self, id: &CertificateId) -> Result<View, ApiError> {
        // Noted before the look: what a later list shows beyond it is news.
        let seen = {
            let mut inner = self.0.lock();
            let listed = inner.latest.as_ref().and_then(|list| list.get(id).cloned());
            let seen = listed.as_ref().map(Fingerprint::of);
            if let (true, Some(listed)) = (inner.by_list.remove(id), listed) {
                inner.seen.extend(seen.map(|seen| (id.clone(), seen)));
                return Ok(View::Listed(listed));
            }
            seen
        };
        self.read(id, seen).await.map(View::Read)
    }

    /// Reads a certificate by itself, after the list was not enough.
    pub(super) async fn confirm(&self, id: &CertificateId) -> Result<Certificate, ApiError> {
        let seen = self.0.lock().seen.remove(id);
        self.read(id, seen).await
    }

    async fn read(
        &self,
        id: &CertificateId,
        seen: Option<Fingerprint>,
    ) -> Result<Certificate, ApiError> {
        let certificate = self.0.client.get_certificate(id).await?;
        let mut inner = self.0.lock();
        inner.seen.extend(seen.map(|seen| (id.clone(), seen)));
        if !certificate.validation.records.is_empty() && inner.shows_records == Shows::Unknown {
            inner.with_records.insert(id.clone());
        }
        Ok(certificate)
    }

    /// Waits, together with others, until it is time to look. None when it is better to look
    /// singly, at the plan's own times.
    pub(in crate::action) fn wait(
        &self,
        waiting: &Waiting,
        certificate: CertificateId,
        wants_records: bool,
    ) -> Option<oneshot::Receiver<Busy>> {
        let now = self.0.clock.now();
        let mut inner = self.0.lock();
        inner.interest.insert(certificate.clone(), later(now, waiting.every.saturating_mul(2)));
        if !inner.may_list(now, wants_records) {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        let quiet = waiting.every.max(LONGEST_QUIET);
        let number = inner.next_waiter;
        inner.next_waiter += 1;
        inner.waiters.insert(
            number,
            Waiter {
                certificate,
                wants_records,
                every: waiting.every,
                until: waiting.until,
                quiet_until: later(now, quiet),
                wake,
            },
        );
        if !inner.serving {
            inner.serving = true;
            let (desk, busy) = (Arc::clone(&self.0), self.0.clock.busy());
            tokio::spawn(async move { desk.serve(busy).await });
        } else if inner.waiters.len() == 1 {
            self.0.sooner.notify_one();
        }
        Some(woken)
    }
}

impl Desk {
    /// The first list that is `enough`: the latest, or one that is asked for now, by one for all.
    async fn list(&self, enough: impl Fn(&Inner, u64) -> bool) -> Result<Arc<Snapshot>, ApiError> {
        let asked = {
            let inner = self.lock();
            if let (true, Some(list)) = (enough(&inner, inner.asked), &inner.latest) {
                return Ok(Arc::clone(list));
            }
            inner.asked
        };
        let mut known = self.alone().await?;
        {
            let inner = self.lock();
            if inner.answered > asked
                && let Some(error) = &inner.failed
            {
                return Err(error.clone());
            }
            if let (true, Some(list)) = (enough(&inner, asked), &inner.latest) {
                return Ok(Arc::clone(list));
            }
        }
        // An order waits for it, or somebody who does not know what became of one.
        self.ask(&mut known, Urgency::Order).await
    }

    /// Waits until nobody else asks for a list. Whoever does may wait for the request budget, so a
    /// virtual clock goes on meanwhile; or for an API that is down, so a work that is called back
    /// does not wait with it.
    async fn alone(
        &self,
    ) -> Result<tokio::sync::MutexGuard<'_, KnownItems<Certificate>>, ApiError> {
        let (rest, mark) = Rest::begin();
        drop(mark);
        let work = rest.work().cloned();
        let called_back = async {
            match &work {
                Some(work) => work.released().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            known = self.asking.lock() => Ok(known),
            () = called_back => {
                work.iter().for_each(Work::turn_away);
                let reason = "somebody else asks for the list and has no answer yet".to_owned();
                Err(ApiError {
                    method: Method::Get,
                    path: "/tls/certificate".to_owned(),
                    status: None,
                    retry_after: None,
                    kind: ErrorKind::Held { reason },
                })
            }
        }
    }

    /// One list call. The caller holds `asking`.
    async fn ask(
        &self,
        known: &mut KnownItems<Certificate>,
        urgency: Urgency,
    ) -> Result<Arc<Snapshot>, ApiError> {
        let (asked_at, number) = {
            let mut inner = self.lock();
            inner.asked += 1;
            let now = self.clock.now();
            inner.asked_at = Some(now);
            (now, inner.asked)
        };
        let answer = self.client.list_certificates_again(known, urgency).await;
        let answer = answer.map(|list| Arc::new(Snapshot::new(asked_at, list)));
        let mut inner = self.lock();
        inner.answered = number;
        match answer {
            Ok(list) => {
                inner.failed = None;
                inner.failed_in_a_row = 0;
                inner.learn(&list);
                inner.latest = Some(Arc::clone(&list));
                Ok(list)
            }
            Err(error) => {
                inner.failed = Some(error.clone());
                inner.failed_in_a_row += 1;
                Err(error)
            }
        }
    }

    /// Asks for a list whenever one is due, until nobody waits any more.
    async fn serve(&self, busy: Busy) {
        let mut busy = Some(busy);
        loop {
            let due = {
                let mut inner = self.lock();
                inner.waiters.retain(|_, waiter| !waiter.wake.is_closed());
                match inner.next_list() {
                    Some(due) => due,
                    None => {
                        inner.serving = false;
                        return;
                    }
                }
            };
            busy.take();
            tokio::select! {
                mark = self.clock.sleep_until(due) => busy = Some(mark),
                () = self.sooner.notified() => {
                    busy = Some(self.clock.busy());
                    continue;
                }
            }
            // A work of its own, so that a virtual clock moves on while the list waits for its turn.
            let work = Work::begin(Arc::clone(&self.clock), None);
            drop(busy.take());
            let list = work
                .through(async {
                    let mut known = self.alone().await?;
                    self.ask(&mut known, Urgency::Read).await
                })
                .await;
            busy = Some(work.end());
            self.wake(list);
        }
    }

    /// Wakes all for whom the list has news, or who have to look by themselves.
    fn wake(&self, list: Result<Arc<Snapshot>, ApiError>) {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.interest.retain(|_, until| *until >= now);
        let woken = match list {
            Ok(list) => inner.news(&list, now),
            Err(_) if inner.failed_in_a_row < MOST_FAILED_LISTS => inner.over(now),
            Err(_) => {
                inner.no_lists_before = Some(later(now, LISTS_PAUSE));
                inner.failed_in_a_row = 0;
                inner.waiters.keys().copied().collect()
            }
        };
        for number in woken {
            if let Some(waiter) = inner.waiters.remove(&number) {
                // Whoever gave up waiting is gone.
                let _ = waiter.wake.send(self.clock.busy());
            }
        }
        // Who is still here is waited for, however long the list stays quiet.
        let waited: Vec<(CertificateId, Timestamp)> = inner
            .waiters
            .values()
            .map(|waiter| (waiter.certificate.clone(), later(now, waiter.every.saturating_mul(2))))
            .collect();
        inner.interest.extend(waited);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The inner state is whole after every statement, so a poisoned lock is still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn may_list(&self, now: Timestamp, wants_records: bool) -> bool {
        let size = self.latest.as_ref().map_or(0, |list| list.len());
        let fewest = FEWEST.max(size / LARGEST_LIST_PER_WAIT);
        self.interest.len() >= fewest
            && self.no_lists_before.is_none_or(|at| now >= at)
            && !(wants_records && self.shows_records == Shows::No)
    }

    /// When the next list is due: when the first of all who wait wants to look.
    fn next_list(&self) -> Option<Timestamp> {
        let due = |waiter: &Waiter| {
            let due = self.asked_at.map_or(Timestamp::MIN, |last| later(last, waiter.every));
            waiter.until.map_or(due, |until| due.min(until))
        };
        self.waiters.values().map(due).min()
    }

    /// Whose time is over, whatever the list says.
    fn over(&self, now: Timestamp) -> Vec<u64> {
        let over = |waiter: &Waiter| waiter.until.is_some_and(|until| now >= until);
        let waiters = self.waiters.iter();
        waiters.filter(|(_, waiter)| over(waiter)).map(|(number, _)| *number).collect()
    }

    fn news(&mut self, list: &Snapshot, now: Timestamp) -> Vec<u64> {
        // While nobody knows whether the list shows records, one looks for all.
        let scout = match self.shows_records {
            Shows::Unknown => {
                let waits = |(_, waiter): &(&u64, &Waiter)| waiter.wants_records;
                self.waiters.iter().filter(waits).map(|(number, _)| *number).min()
            }
            Shows::Yes | Shows::No => None,
        };
        let mut woken = self.over(now);
        for (number, waiter) in &self.waiters {
            let blind = waiter.wants_records && self.shows_records == Shows::No;
            let singly = blind || now >= waiter.quiet_until || scout == Some(*number);
            match list.get(&waiter.certificate) {
                Some(listed) if !singly => {
                    let news = self.seen.get(&waiter.certificate) != Some(&Fingerprint::of(listed));
                    if news || woken.contains(number) {
                        self.by_list.insert(waiter.certificate.clone());
                        woken.push(*number);
                    }
                }
                _ => {
                    self.by_list.remove(&waiter.certificate);
                    woken.push(*number);
                }
            }
        }
        woken
    }

    /// What the list itself teaches of lists.
    fn learn(&mut self, list: &Snapshot) {
        if self.shows_records != Shows::Unknown {
            return;
        }
        let shows = |certificate: &Arc<Certificate>| !certificate.validation.records.is_empty();
        if list.list.certificates.iter().any(shows) {
            self.shows_records = Shows::Yes;
        } else if self.with_records.drain().any(|id| {
            list.get(&id).is_some_and(|listed| listed.status == CertificateStatus::Pending)
        }) {
            self.shows_records = Shows::No;
        }
    }
}

impl Fingerprint {
    fn of(certificate: &Certificate) -> Self {
        Self {
            status: certificate.status.clone(),
            order_state: certificate.order_state.clone(),
            pending_reason: certificate.pending_reason.clone(),
            action_required: certificate.action_required,
            pem_available: certificate.pem_available,
            records: hash(&certificate.validation.records),
            method: certificate.validation.method.clone(),
        }
    }
}

/// A number that differs when the records do, whatever their order.
fn hash(records: &[crate::api::regfish::ValidationRecord]) -> usize {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let each = records.iter().map(|record| {
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        usize::try_from(hasher.finish() >> 16).unwrap_or_default()
    });
    each.fold(records.len(), usize::wrapping_add)
}

fn later(now: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

fn earlier(now: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_sub(duration).ok())
        .unwrap_or(Timestamp::MIN)
}
