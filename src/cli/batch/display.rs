//! `Display`: what people see of a batch while it runs.
//!
//! On a terminal a live view that is drawn a few times a second; elsewhere a line for each target
//! that has come to an end. What is shown is made by `report`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::super::console::Console;
use crate::driver::Observer;
use crate::report::{Gauges, LiveView};
use crate::run::Event;
use crate::types::{Clock, RunId, Timestamp};

/// How often the live view is drawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// A batch on the screen.
pub(super) struct Display {
    console: Console,
    view: Arc<Mutex<LiveView>>,
    live: bool,
    stop: watch::Sender<bool>,
    drawing: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Display {
    /// For `total` targets, of which so many are `settled` before anything begins.
    pub(super) fn new(console: &Console, total: usize, settled: usize) -> Self {
        let mut view = LiveView::new(console.talk_style(), total, Timestamp::now());
        (0..settled).for_each(|_| view.settle());
        let live = console.can_draw();
        Self {
            console: console.clone(),
            view: Arc::new(Mutex::new(view)),
            live,
            stop: watch::Sender::new(false),
            drawing: Mutex::new(None),
        }
    }

    /// A run is about to be driven.
    pub(super) fn expect(&self, run: &RunId, target: &str) {
        lock(&self.view).expect(run, target, Timestamp::now());
    }

    /// Who is told of every event.
    pub(super) fn observer(&self) -> Observer {
        let (view, console, live) = (Arc::clone(&self.view), self.console.clone(), self.live);
        Arc::new(move |run: &RunId, event: &Event| {
            let line = lock(&view).event(run, event);
            if let Some(line) = line.filter(|_| !live) {
                console.talk(&line);
            }
        })
    }

    /// Draws from now on, when there is a terminal.
    pub(super) fn begin(&self, clock: Arc<dyn Clock>) {
        if !self.live {
            return;
        }
        let (view, mut stop) = (Arc::clone(&self.view), self.stop.subscribe());
        let console = self.console.clone();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(DRAW_INTERVAL);
            loop {
                tokio::select! {
                    _ = tick.tick() => {
                        let frame = lock(&view).frame(&Gauges::default(), clock.now(), console.talk_width());
                        console.draw(frame);
                    }
                    _ = stop.wait_for(|stop| *stop) => {
                        console.draw(Vec::new());
                        return;
                    }
                }
            }
        });
        *lock(&self.drawing) = Some(task);
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

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is shown is nothing that anybody acts on.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
