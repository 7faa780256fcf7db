//! `Budget` as a gate: who may go goes, who may not waits in a queue, and one timer wakes them.
//!
//! All waiting is on the connection's clock. On a virtual one nothing is left to chance: whoever
//! joins the queue leaves its mark there until the timer is set, and whoever is called gets a mark
//! with the call, so the clock never moves while somebody could go.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};

use super::file::{FileTrouble, SharedFile};
use super::ledger::{Decision, Ledger, Report, Rules, Ticket, Why};
use super::queue::Queue;
use super::{Micros, PauseFile, RequestCounts, Standing, Usage, Windows};
use crate::api::http::{Gate, Pass, Timeouts, Turn, TurnedAway, Urgency, Verdict};
use crate::types::{Busy, Clock, Rest, Timestamp, format_duration};

/// How many requests are under way at the same time, unless somebody says otherwise.
pub const DEFAULT_JOBS: usize = 50;

/// What other programs do, and whether there is an emergency stop, shows in at most this long.
const LOOK: Micros = 250_000;

/// When the lock of the shared file is held by another program, it is tried again in this long.
const LOCK_LOOK: Micros = 1_000;

/// How long a decision waits for the lock of the shared file before it is put off.
const DECISION_PATIENCE: Duration = Duration::from_micros(300);

/// How long a report waits; what it does not bring in others find out later.
const REPORT_PATIENCE: Duration = Duration::from_millis(5);

/// A lock that is held for longer belongs to a program that was stopped in the middle of it. Then
/// this one goes on alone.
const LONGEST_LOCK: Micros = 2_000_000;

/// What a budget allows and where it is kept.
#[derive(Debug, Clone)]
pub struct BudgetSettings {
    /// How many requests the service takes within which times.
    pub windows: Windows,
    /// How many requests of this program are under way at the same time; at least 1.
    pub jobs: usize,
    /// What all programs share, see [`super::budget_file`]; without it this one is alone.
    pub file: Option<PathBuf>,
    /// The emergency stop, if there can be one.
    pub pause: Option<PauseFile>,
    /// How long one request can take at most.
    pub timeouts: Timeouts,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            windows: Windows::none(),
            jobs: DEFAULT_JOBS,
            file: None,
            pause: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// Numbers between 0 and 1, by chance.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The gate of a connection. Clones are the same gate; runs share one.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    rules: Rules,
    jobs: usize,
    pause: Option<PauseFile>,
    clock: Arc<dyn Clock>,
    jitter: Jitter,
    state: Mutex<State>,
    standing: watch::Sender<Standing>,
    rearm: Notify,
    counts: Mutex<RequestCounts>,
}

struct State {
    queue: Queue<Waiter>,
    under_way: usize,
    ledger: Ledger,
    file: Option<SharedFile>,
    /// What could not be written yet, because another program held the file.
    unwritten: Vec<Report>,
    locked_since: Option<Micros>,
    timer: Timer,
}

/// The one task that wakes the queue.
#[derive(Default)]
struct Timer {
    running: bool,
    wake: Option<Micros>,
    /// Keeps a virtual clock still until the timer has seen that it is to wake earlier.
    mark: Option<Busy>,
}

struct Waiter {
    call: oneshot::Sender<Called>,
    /// Keeps a virtual clock still until the timer is set.
    mark: Option<Busy>,
}

struct Called {
    ticket: Ticket,
    mark: Busy,
}

impl Budget {
    /// A budget on `clock`. When the shared file cannot be opened, this program keeps its own.
    pub fn new(settings: BudgetSettings, clock: Arc<dyn Clock>, jitter: Jitter) -> Self {
        let file = settings.file.as_ref().and_then(|path| match SharedFile::open(path) {
            Ok(file) => Some(file),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "the request budget is not shared");
                None
            }
        });
        let Timeouts { connect, total, .. } = settings.timeouts;
        let horizon = (connect + total + Duration::from_secs(1)).as_micros();
        let horizon = Micros::try_from(horizon).unwrap_or(Micros::MAX);
        Self(Arc::new(Shared {
            rules: Rules { windows: settings.windows, horizon },
            jobs: settings.jobs.max(1),
            pause: settings.pause,
            clock,
            jitter,
            state: Mutex::new(State {
                queue: Queue::new(),
                under_way: 0,
                ledger: Ledger::default(),
                file,
                unwritten: Vec::new(),
                locked_since: None,
                timer: Timer::default(),
            }),
            standing: watch::Sender::new(Standing::Flowing),
            rearm: Notify::new(),
            counts: Mutex::default(),
        }))
    }

    /// Whether requests flow, now and whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// The requests that this program has sent through the gate.
    pub fn counts(&self) -> RequestCounts {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much of the budget is used, as far as this program knows.
    pub fn usage(&self) -> Usage {
        let state = self.0.lock();
        let now = self.0.now();
        Usage {
            windows: self.0.rules.windows.used(&state.ledger.slots, now),
            standing: self.0.standing.borrow().clone(),
            under_way: state.under_way,
            waiting: state.queue.len(),
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = self.0.standing.borrow();
        formatter.debug_struct("Budget").field("standing", &*standing).finish_non_exhaustive()
    }
}

impl Gate for Budget {
    fn pass(
        &self,
        urgency: Urgency,
    ) -> Pin<Box<dyn Future<Output = Result<Turn, TurnedAway>> + Send + '_>> {
        Box::pin(async move {
            match self.0.at_once(urgency) {
                Some(ticket) => Ok(self.0.turn(ticket)),
                None => self.0.wait(urgency).await,
            }
        })
    }

    fn sent(&self, method: &str, path: &str, status: Option<u16>) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(method, path, status);
    }
}

impl Shared {
    /// Leave to go without waiting.
    fn at_once(&self, urgency: Urgency) -> Option<Ticket> {
        let mut state = self.lock();
        if !state.queue.is_empty() || state.under_way >= self.jobs {
            return None;
        }
        match self.decide(&mut state, urgency) {
            Ok(ticket) => {
                state.under_way += 1;
                self.flow(&state);
                Some(ticket)
            }
            Err(_) => None,
        }
    }

    async fn wait(self: &Arc<Self>, urgency: Urgency) -> Result<Turn, TurnedAway> {
        let began = self.clock.now();
        let (rest, mark) = Rest::begin();
        let work = rest.work().cloned();
        let until = work.as_ref().and_then(|work| work.waits_until());
        // Known to the clock before the queue has the mark: otherwise a virtual clock could pass the
        // end of the wait by, and the wait with it.
        let mut sleep = self.clock.sleep_until(until.unwrap_or_default());
        let mut over = if until.is_some() { begin(&mut sleep).await } else { None };
        let (call, called) = oneshot::channel();
        let number = {
            let mut state = self.lock();
            let number = state.queue.join(urgency, Waiter { call, mark });
            self.serve(&mut state);
            number
        };
        let mut waiting = Waiting { gate: Arc::clone(self), urgency, number, called };
        let end = async {
            match over.take() {
                Some(mark) => mark,
                None => sleep.await,
            }
        };
        let released = async {
            match &work {
                Some(work) => work.released().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            called = &mut waiting.called => match called {
                Ok(Called { ticket, mark }) => {
                    rest.end(mark);
                    self.say_waited(urgency, began);
                    Ok(self.turn(ticket))
                }
                // Nobody drops a waiter without calling it; should it be, nothing was sent.
                Err(_) => Err(self.turned_away()),
            },
            mark = end, if until.is_some() => {
                rest.end(mark);
                Err(self.turned_away())
            }
            () = released => {
                if let Some(work) = &work {
                    work.turn_away();
                }
                Err(self.turned_away())
            }
        }
    }

    fn say_waited(&self, urgency: Urgency, began: Timestamp) {
        let waited = Duration::try_from(self.clock.now().duration_since(began));
        let waited = format_duration(waited.unwrap_or_default());
        tracing::debug!(?urgency, waited, "the request has waited for its turn");
    }

    fn turned_away(&self) -> TurnedAway {
        let reason = match &*self.standing.borrow() {
            Standing::Flowing => "too many requests are under way".to_owned(),
            standing => standing.to_string(),
        };
        TurnedAway { reason }
    }

    fn turn(self: &Arc<Self>, ticket: Ticket) -> Turn {
        let gate = Arc::clone(self);
        let pass = Pass::new(move |verdict| gate.end(ticket, Some(verdict)));
        if ticket.sent.probe { Turn::Probe(pass) } else { Turn::Go(pass) }
    }

    /// Takes in that a request is no longer under way; without a verdict it never was.
    fn end(self: &Arc<Self>, ticket: Ticket, verdict: Option<Verdict>) {
        let report = self.report(ticket, verdict);
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
        state.report(report);
        self.serve(&mut state);
    }

    fn report(&self, ticket: Ticket, verdict: Option<Verdict>) -> Report {
        Report { ticket, verdict, at: self.now(), jitter: (self.jitter)() }
    }

    /// Calls everybody who may go, and sets the timer for the next one.
    fn serve(self: &Arc<Self>, state: &mut State) {
        let wake = loop {
            let Some(urgency) = state.queue.next() else {
                if !matches!(*self.standing.borrow(), Standing::Paused { .. }) {
                    self.flow(state);
                }
                break None;
            };
            if state.under_way >= self.jobs {
                break None;
            }
            match self.decide(state, urgency) {
                Ok(ticket) => {
                    self.flow(state);
                    let Some(waiter) = state.queue.call() else { break None };
                    let called = Called { ticket, mark: self.clock.busy() };
                    match waiter.call.send(called) {
                        Ok(()) => state.under_way += 1,
                        Err(_) => state.report(self.report(ticket, None)),
                    }
                }
                Err((at, standing)) => {
                    if let Some(standing) = standing {
                        self.stand(standing);
                    }
                    break Some(at);
                }
            }
        };
        self.set_timer(state, wake);
        state.queue.iter_mut().for_each(|waiter| waiter.mark = None);
    }

    /// Whether a request may go now; or when to ask again, and what stands in the way.
    fn decide(
        &self,
        state: &mut State,
        urgency: Urgency,
    ) -> Result<Ticket, (Micros, Option<Standing>)> {
        let now = self.now();
        if let Some(pause) = self.pause.as_ref().and_then(PauseFile::read) {
            return Err((now + LOOK, Some(Standing::Paused { reason: pause.reason })));
        }
        match state.ask(&self.rules, urgency, now) {
            Some(Decision::Go(ticket)) => Ok(ticket),
            Some(Decision::Wait(at, why)) => {
                let until = timestamp(at);
                let standing = match why {
                    Why::Windows => Some(Standing::Full { until }),
                    Why::Held => Some(Standing::Held { until }),
                    // Still the same pause.
                    Why::Trial => None,
                    Why::Down => Some(Standing::Down {
                        since: timestamp(state.ledger.condition.down_since),
                        next: until,
                    }),
                };
                // Others may make room earlier, and a person may stop everything.
                let alone = state.file.is_none() && self.pause.is_none();
                let look = if alone { Micros::MAX } else { now + LOOK };
                Err((at.min(look).max(now + 1), standing))
            }
            // That a lock is held for a moment is nobody's concern.
            None => Err((now + LOCK_LOOK, None)),
        }
    }

    /// Something went: so requests flow, unless it only went ahead to see whether they can.
    fn flow(&self, state: &State) {
        if state.ledger.condition.is_well() {
            self.stand(Standing::Flowing);
        }
    }

    fn stand(&self, standing: Standing) {
        self.standing.send_if_modified(|known| {
            let changed = *known != standing;
            if changed {
                *known = standing;
            }
            changed
        });
    }

    fn set_timer(self: &Arc<Self>, state: &mut State, wake: Option<Micros>) {
        let timer = &mut state.timer;
        if timer.wake == wake && (timer.running || wake.is_none()) {
            return;
        }
        timer.wake = wake;
        if timer.running {
            timer.mark = Some(self.clock.busy());
            self.rearm.notify_one();
        } else if wake.is_some() {
            timer.running = true;
            tokio::spawn(Arc::clone(self).keep_time(self.clock.busy()));
        }
    }

    /// Wakes the queue when it is time to, as long as there is one to wake.
    async fn keep_time(self: Arc<Self>, mut mark: Busy) {
        loop {
            let wake = {
                let mut state = self.lock();
                drop(state.timer.mark.take());
                if state.timer.wake.is_none() {
                    state.timer.running = false;
                    return;
                }
                state.timer.wake
            };
            let mut sleep = self.clock.sleep_until(timestamp(wake.unwrap_or_default()));
            // The sleeper is known to the clock before the mark is given up.
            let awake = begin(&mut sleep).await;
            mark = match awake {
                Some(woken) => {
                    drop(mark);
                    woken
                }
                None => {
                    drop(mark);
                    tokio::select! {
                        woken = &mut sleep => woken,
                        () = self.rearm.notified() => {
                            mark = self.clock.busy();
                            continue;
                        }
                    }
                }
            };
            let mut state = self.lock();
            state.timer.wake = None;
            self.serve(&mut state);
        }
    }

    fn now(&self) -> Micros {
        self.clock.now().as_microsecond()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic left half done is a request too many or too few in flight, nothing worse.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The ledger's decision; none while another program holds its file.
    fn ask(&mut self, rules: &Rules, urgency: Urgency, now: Micros) -> Option<Decision> {
        let Some(file) = &mut self.file else {
            return Some(self.ledger.ask(rules, urgency, now));
        };
        let unwritten = &self.unwritten;
        let asked = file.with(&mut self.ledger, DECISION_PATIENCE, |ledger| {
            unwritten.iter().for_each(|report| ledger.report(*report));
            ledger.ask(rules, urgency, now)
        });
        match asked {
            Ok(decision) => {
                self.unwritten.clear();
                self.locked_since = None;
                return Some(decision);
            }
            Err(FileTrouble::Locked) => {
                let since = *self.locked_since.get_or_insert(now);
                if now.saturating_sub(since) < LONGEST_LOCK {
                    return None;
                }
                tracing::warn!("another program keeps the request budget locked; going on alone");
            }
            Err(FileTrouble::Broken(error)) => {
                tracing::warn!(%error, "the request budget is not shared any more");
            }
        }
        self.file = None;
        self.unwritten.drain(..).for_each(|report| self.ledger.report(report));
        Some(self.ledger.ask(rules, urgency, now))
    }

    /// Takes a report in; when another program holds the file, with the next question.
    fn report(&mut self, report: Report) {
        let Some(file) = &mut self.file else { return self.ledger.report(report) };
        let unwritten = &mut self.unwritten;
        unwritten.push(report);
        let noted = file.with(&mut self.ledger, REPORT_PATIENCE, |ledger| {
            unwritten.drain(..).for_each(|report| ledger.report(report));
        });
        if let Err(trouble) = noted {
            tracing::debug!(?trouble, "what became of a request is noted later");
        }
    }
}

/// Somebody in the queue. Dropped, it leaves; and a call that came too late is taken back.
struct Waiting {
    gate: Arc<Shared>,
    urgency: Urgency,
    number: u64,
    called: oneshot::Receiver<Called>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.called.close();
        if let Ok(called) = self.called.try_recv() {
            self.gate.end(called.ticket, None);
            return;
        }
        let mut state = self.gate.lock();
        if state.queue.leave(self.urgency, self.number).is_some() {
            self.gate.serve(&mut state);
        }
    }
}

/// Begins to sleep: the clock knows of it when this returns. Gives the mark of a sleep that is over.
async fn begin(sleep: &mut Pin<Box<dyn Future<Output = Busy> + Send + '_>>) -> Option<Busy> {
    std::future::poll_fn(|context| {
        Poll::Ready(match sleep.as_mut().poll(context) {
            Poll::Ready(mark) => Some(mark),
            Poll::Pending => None,
        })
    })
    .await
}

fn timestamp(at: Micros) -> Timestamp {
    Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX)
}
