//! `Display`: what people see of a batch while it runs.
//!
//! On a terminal a live view that is drawn a few times a second; elsewhere a line for each target
//! that has come to an end, and now and then one that says what the others wait for. What is shown
//! is made by `report`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::super::budget::{Opened, sent};
use super::super::console::Console;
use super::super::metrics_file::Requests;
use crate::api::budget::{Standing, Window};
use crate::driver::{Allowance, Observer};
use crate::report::{Gauges, LiveView, RecapResult, RequestPace, Silence};
use crate::run::Event;
use crate::types::{Clock, RunId, Timestamp, format_duration, printable};

/// How often the live view is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// A batch on the screen.
pub(super) struct Display {
    console: Console,
    view: Arc<Mutex<LiveView>>,
    live: bool,
    budgets: Arc<Mutex<Opened>>,
    /// How many orders may be sent, when that is limited.
    orders: Option<Arc<Allowance>>,
    /// Told of each line that is not part of a live view.
    said: Arc<Notify>,
    stop: watch::Sender<bool>,
    drawing: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Display {
    /// For `total` targets, of which some are `settled` before anything begins, and which may send as
    /// many orders as are allowed.
    pub(super) fn new(
        console: &Console,
        total: usize,
        settled: impl IntoIterator<Item = RecapResult>,
        orders: Option<Arc<Allowance>>,
    ) -> Self {
        let mut view = LiveView::new(console.talk_style(), total, Timestamp::now());
        settled.into_iter().for_each(|result| view.settle(result));
        let live = console.can_draw();
        Self {
            console: console.clone(),
            view: Arc::new(Mutex::new(view)),
            live,
            budgets: Arc::default(),
            orders,
            said: Arc::default(),
            stop: watch::Sender::new(false),
            drawing: Mutex::new(None),
        }
    }

    /// Shows what is left of these budgets, too.
    pub(super) fn watch(&self, budgets: Opened) {
        *lock(&self.budgets) = budgets;
    }

    /// How many orders may still be sent, when that is limited.
    pub(super) fn allowance(&self) -> Option<Arc<Allowance>> {
        self.orders.clone()
    }

    /// Tells which requests were sent so far.
    pub(super) fn requests(&self) -> Requests {
        let budgets = Arc::clone(&self.budgets);
        Arc::new(move || {
            let opened = Arc::clone(&lock(&budgets));
            sent(&opened)
        })
    }

    /// A run is about to be driven.
    pub(super) fn expect(&self, run: &RunId, target: &str) {
        lock(&self.view).expect(run, target, Timestamp::now());
    }

    /// A target for which work was meant is settled without it.
    pub(super) fn settle(&self, result: RecapResult) {
        lock(&self.view).settle(result);
    }

    /// A run that was expected is not driven after all; what became of its target.
    pub(super) fn dismiss(&self, run: &RunId, result: RecapResult) {
        lock(&self.view).dismiss(run, result);
    }

    /// Who is told of every event.
    pub(super) fn observer(&self) -> Observer {
        let (view, console, live) = (Arc::clone(&self.view), self.console.clone(), self.live);
        let said = Arc::clone(&self.said);
        Arc::new(move |run: &RunId, event: &Event| {
            let line = lock(&view).event(run, event);
            if let Some(line) = line.filter(|_| !live) {
                console.talk(&line);
                said.notify_one();
            }
        })
    }

    /// Draws from now on, when there is a terminal, else says now and then where the batch stands;
    /// unless it does so already.
    pub(super) fn begin(&self, clock: Arc<dyn Clock>) {
        let mut drawing = lock(&self.drawing);
        if drawing.is_some() {
            return;
        }
        let (view, mut stop) = (Arc::clone(&self.view), self.stop.subscribe());
        let (console, budgets) = (self.console.clone(), Arc::clone(&lock(&self.budgets)));
        if !self.live {
            let said = Arc::clone(&self.said);
            let say = move || {
                let now = clock.now();
                let gauges = gauges(&budgets, now);
                console.talk(&lock(&view).standing(&gauges, now));
            };
            *drawing = Some(tokio::spawn(break_silences(say, said, stop)));
            return;
        }
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(DRAW_INTERVAL);
            loop {
                tokio::select! {
                    _ = tick.tick() => {
                        let now = clock.now();
                        let gauges = gauges(&budgets, now);
                        console.draw(lock(&view).frame(&gauges, now, console.talk_width()));
                    }
                    _ = stop.wait_for(|stop| *stop) => {
                        console.draw(Vec::new());
                        return;
                    }
                }
            }
        });
        *drawing = Some(task);
    }

    /// Draws no more, and leaves the screen as it was.
    pub(super) async fn end(&self) {
        self.stop.send_replace(true);
        let task = lock(&self.drawing).take();
        if let Some(task) = task {
            // A view that broke off must not take the batch with it.
            let _ = task.await;
        }
    }
}

/// Lets `say` say where the batch stands whenever nothing was `said` for long, until `stop` turns
/// true. It goes by the time of who reads it: the waits of the sandbox are no silence.
async fn break_silences(say: impl Fn(), said: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut silence = Silence::default();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = said.notified() => silence.broken(),
            () = tokio::time::sleep(silence.length()) => {
                say();
                silence.told();
            }
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is shown is nothing that anybody acts on.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the request budgets say, in a few words each.
fn gauges(budgets: &Opened, now: Timestamp) -> Gauges {
    let mut gauges = Gauges::default();
    for (_, budget) in lock(budgets).iter() {
        gauges.requests += budget.counts().total();
        let usage = budget.usage();
        // The tightest window is the one that matters.
        let left = |(window, used): &(Window, usize)| window.requests.saturating_sub(*used);
        // Of a connection that nobody uses there is nothing to say.
        let in_use =
            usage.windows.iter().filter(|(_, used)| *used > 0 || budget.counts().total() > 0);
        if let Some((window, used)) = in_use.min_by_key(|window| left(window)) {
            let left = window.requests.saturating_sub(*used);
            let span = format_duration(window.span);
            // Reads leave the last few to what is more urgent.
            let full = left > 0 && matches!(usage.standing, Standing::Full { .. });
            let kept = if full { ", kept for orders" } else { "" };
            gauges.budgets.push(format!("{left} of {} left in {span}{kept}", window.requests));
            gauges.paces.push(RequestPace {
                sent: budget.counts().total(),
                left: left as u64,
                per_second: window.requests as f64 / window.span.as_secs_f64(),
            });
        }
        let standing = usage.standing;
        gauges.halted |= matches!(standing, Standing::Paused { .. } | Standing::Down { .. });
        if standing != Standing::Flowing {
            gauges.standstill = Some(printable(&standing.sentence(now)));
        }
    }
    gauges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who breaks the silences of a batch, with the minutes at which that was done.
    struct Listener {
        minutes: Arc<Mutex<Vec<u64>>>,
        said: Arc<Notify>,
        stop: watch::Sender<bool>,
        task: tokio::task::JoinHandle<()>,
    }

    impl Listener {
        fn new() -> Self {
            let (minutes, said) = (Arc::default(), Arc::<Notify>::default());
            let (stop, begin) = (watch::Sender::new(false), tokio::time::Instant::now());
            let noted: Arc<Mutex<Vec<u64>>> = Arc::clone(&minutes);
            let say = move || lock(&noted).push(begin.elapsed().as_secs() / 60);
            let task = tokio::spawn(break_silences(say, Arc::clone(&said), stop.subscribe()));
            Self { minutes, said, stop, task }
        }

        async fn after(&self, minutes: u64) -> Vec<u64> {
            // A little later than the full minute, so that what is due then has been done.
            tokio::time::sleep(Duration::from_secs(minutes * 60 + 1)).await;
            std::mem::take(&mut *lock(&self.minutes))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_waits_says_so_after_a_minute_and_then_ever_more_rarely() {
        let listener = Listener::new();
        assert_eq!(listener.after(60).await, [1, 3, 8, 18, 38]);
        assert_eq!(listener.after(120).await, [68, 98, 128, 158]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_of_a_target_begins_the_wait_anew_and_the_end_ends_it() {
        let listener = Listener::new();
        assert_eq!(listener.after(10).await, [1, 3, 8]);
        listener.said.notify_one();
        assert_eq!(listener.after(4).await, [11, 13]);
        for _ in 0..20 {
            listener.said.notify_one();
            let said: Vec<u64> = listener.after(0).await;
            assert!(said.is_empty(), "a line a second is no silence: {said:?}");
        }
        listener.stop.send_replace(true);
        listener.task.await.unwrap();
    }
}
