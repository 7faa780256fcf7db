//! `LiveView`: a batch while it runs, in a screenful, however many targets it has.
//!
//! Totals, pace, what is left of the request budget, and the few targets that matter: the newest
//! failures and the longest waits. It reads events and the numbers it is given, and makes lines;
//! who draws them, and when, is the command line.

mod frame;
mod plain;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::recap::RecapResult;
use super::style::Style;
use crate::run::{Event, EventKind, PauseReason, RunResult, StopReason};
use crate::types::{RunId, Timestamp, printable};

pub use plain::Silence;

/// What is known besides events.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// How many requests were sent.
    pub requests: u64,
    /// For each connection: its name and what is left of its tightest window, in words.
    pub budgets: Vec<String>,
    /// The same in numbers.
    pub paces: Vec<RequestPace>,
    /// Why nothing is sent at the moment, if so: the API is down, somebody has paused everything.
    pub standstill: Option<String>,
    /// Whether nobody knows how long that lasts.
    pub halted: bool,
}

/// How fast requests may go to a connection.
#[derive(Debug, Clone, Copy)]
pub struct RequestPace {
    /// How many were sent.
    pub sent: u64,
    /// How many may go at once.
    pub left: u64,
    /// How many more may go with each second, in the long run.
    pub per_second: f64,
}

/// A batch as its events tell.
#[derive(Debug)]
pub struct LiveView {
    style: Style,
    total: usize,
    began_at: Timestamp,
    /// How many targets are settled without any event, and how, by its place in [`RecapResult::ALL`].
    settled: [usize; RecapResult::ALL.len()],
    runs: HashMap<RunId, Line>,
    /// How many runs are in each stage, by its place in [`Stage::ALL`].
    counts: [usize; Stage::ALL.len()],
    failures: VecDeque<(String, String)>,
    /// For how long nothing could be sent, and since when that is so now.
    halted: Duration,
    halted_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Line {
    target: String,
    stage: Stage,
    since: Timestamp,
    detail: String,
    /// How many steps its plan has; none, where that was not said.
    steps: Option<usize>,
    /// How many of them are behind it.
    passed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its wave has not begun.
    ToCome,
    Working,
    Waiting,
    Parked,
    HeldBack,
    Interrupted,
    InDoubt,
    Failed,
    Succeeded,
}

/// So many failures and waits are shown.
const SHOWN: usize = 5;

impl LiveView {
    /// For a batch of `total` targets that began at `began_at`.
    pub fn new(style: Style, total: usize, began_at: Timestamp) -> Self {
        Self {
            style,
            total,
            began_at,
            settled: [0; RecapResult::ALL.len()],
            runs: HashMap::new(),
            counts: [0; Stage::ALL.len()],
            failures: VecDeque::new(),
            halted: Duration::ZERO,
            halted_since: None,
        }
    }

    /// A target is settled, with this result, and has no run that is driven.
    pub fn settle(&mut self, result: RecapResult) {
        let place = RecapResult::ALL.iter().position(|one| *one == result);
        if let Some(number) = place.and_then(|place| self.settled.get_mut(place)) {
            *number += 1;
        }
    }

    /// A run of the batch is to be driven; when, its first step tells.
    pub fn expect(&mut self, run: &RunId, target: &str, at: Timestamp) {
        let line = Line {
            target: target.to_owned(),
            stage: Stage::ToCome,
            since: at,
            detail: String::new(),
            steps: None,
            passed: 0,
        };
        self.counts[Stage::ToCome.index()] += 1;
        if let Some(former) = self.runs.insert(run.clone(), line) {
            self.counts[former.stage.index()] -= 1;
        }
    }

    /// A run that was expected is not driven after all; what became of its target.
    pub fn dismiss(&mut self, run: &RunId, result: RecapResult) {
        if let Some(line) = self.runs.remove(run) {
            self.counts[line.stage.index()] -= 1;
            self.settle(result);
        }
    }

    /// Takes an event in; events of runs that nobody expects are ignored.
    ///
    /// Returns a line for those who see no live view, when a target has come to an end.
    pub fn event(&mut self, run: &RunId, event: &Event) -> Option<String> {
        let line = self.runs.get_mut(run)?;
        match &event.kind {
            EventKind::RunStarted(header) => line.steps = Some(header.steps.len()),
            EventKind::StepSucceeded { .. } | EventKind::StepSkipped { .. } => line.passed += 1,
            _ => {}
        }
        let (stage, detail) = match &event.kind {
            EventKind::StepStarted { step, .. } => (Stage::Working, format!("{step}")),
            EventKind::StepWaiting { step, observation, .. } => {
                (Stage::Waiting, format!("{step}: {}", observation.summary))
            }
            EventKind::AttemptFailed { step, error, .. }
            | EventKind::OutcomeUnknown { step, error, .. } => {
                (Stage::Waiting, format!("{step}: {error}"))
            }
            EventKind::StepFailed { step, error } => (line.stage, format!("{step}: {error}")),
            EventKind::StepParked { step, reason } => {
                (line.stage, format!("{step}: {}", reason.message))
            }
            EventKind::StepInDoubt { step, message, .. } => {
                (line.stage, format!("{step}: {message}"))
            }
            EventKind::RunResumed { .. } => (Stage::Working, String::new()),
            EventKind::StepSkipped { .. } if line.stage == Stage::ToCome => {
                (Stage::Working, String::new())
            }
            EventKind::RunPaused { reason, stopped_by } => {
                let stage = match reason {
                    PauseReason::Parked => Stage::Parked,
                    PauseReason::InDoubt => Stage::InDoubt,
                    PauseReason::Interrupted if stopped_by.is_some_and(StopReason::holds_back) => {
                        Stage::HeldBack
                    }
                    PauseReason::Interrupted => Stage::Interrupted,
                };
                let why = stopped_by.filter(|_| stage == Stage::HeldBack);
                (stage, why.map_or_else(|| line.detail.clone(), |why| why.to_string()))
            }
            EventKind::RunFinished { result } => match result {
                RunResult::Succeeded => (Stage::Succeeded, String::new()),
                RunResult::Failed => (Stage::Failed, line.detail.clone()),
            },
            _ => return None,
        };
        if stage != line.stage {
            line.since = event.at;
        }
        let former = std::mem::replace(&mut line.stage, stage);
        line.detail = detail;
        self.counts[former.index()] -= 1;
        self.counts[stage.index()] += 1;
        if !matches!(event.kind, EventKind::RunPaused { .. } | EventKind::RunFinished { .. }) {
            return None;
        }
        let (target, detail) = (printable(&line.target), printable(&line.detail));
        if matches!(stage, Stage::Failed | Stage::InDoubt) {
            self.failures.push_front((target.clone(), detail.clone()));
            self.failures.truncate(SHOWN);
        }
        let word = stage.paint(&format!("{:<11}", stage.name()), self.style);
        let place = format!("[{}/{}]", self.done(), self.total);
        Some(format!("{place} {word} {target}  {detail}").trim_end().to_owned())
    }

    /// How many targets have come to an end.
    pub fn done(&self) -> usize {
        let open = Stage::ALL.iter().zip(self.counts).filter(|(stage, _)| stage.is_open());
        let open: usize = open.map(|(_, number)| number).sum();
        self.settled() + self.runs.len() - open - self.counts[Stage::ToCome.index()]
    }

    /// How many targets are settled without any event.
    fn settled(&self) -> usize {
        self.settled.iter().sum()
    }

    /// How many targets have not begun yet.
    fn to_come(&self) -> usize {
        let unexpected = self.total.saturating_sub(self.settled() + self.runs.len());
        unexpected + self.counts[Stage::ToCome.index()]
    }
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::Succeeded,
        Self::Failed,
        Self::InDoubt,
        Self::Parked,
        Self::HeldBack,
        Self::Interrupted,
        Self::Waiting,
        Self::Working,
        Self::ToCome,
    ];

    /// Whether something is being done for its runs.
    fn is_open(self) -> bool {
        matches!(self, Self::Working | Self::Waiting)
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|stage| *stage == self).unwrap_or_default()
    }

    fn name(self) -> &'static str {
        match self {
            Self::ToCome => "to come",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::HeldBack => "held back",
            Self::Interrupted => "interrupted",
            Self::InDoubt => "in doubt",
            Self::Failed => "failed",
            Self::Succeeded => "issued",
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::run::{ErrorKind, Observation, RunHeader, StepError, testing};
    use crate::types::StepId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(second: i64, kind: EventKind) -> Event {
        Event { sequence: 1, at: at(second), kind }
    }

    fn step() -> StepId {
        StepId::parse("issued").unwrap()
    }

    fn header(steps: usize) -> RunHeader {
        testing::header(vec![step(); steps])
    }

    /// A thousand targets: a hundred unchanged, and of the rest every tenth fails.
    fn thousand() -> LiveView {
        let mut view = LiveView::new(Style::new(false), 1000, at(0));
        for _ in 0..100 {
            view.settle(RecapResult::Unchanged);
        }
        for number in 0..400_i64 {
            let run = RunId::from_random(u64::try_from(number).unwrap());
            view.expect(&run, &format!("t{number:03}.example.com"), at(0));
            let observation =
                Observation { summary: "not issued yet".to_owned(), ..Observation::default() };
            let next_look = at(number + 30);
            view.event(
                &run,
                &event(number, EventKind::StepWaiting { step: step(), observation, next_look }),
            );
            if number % 10 == 9 {
                let error =
                    StepError::new(ErrorKind::Refused, "rejected by the CA \u{1b}[2J".repeat(9));
                view.event(&run, &event(500, EventKind::StepFailed { step: step(), error }));
                let result = RunResult::Failed;
                let line =
                    view.event(&run, &event(500, EventKind::RunFinished { result })).unwrap();
                assert!(
                    line.contains("failed") && line.contains(&format!("t{number:03}.example.com"))
                );
            } else if number % 2 == 0 {
                let result = RunResult::Succeeded;
                view.event(&run, &event(500, EventKind::RunFinished { result }));
            }
        }
        view
    }

    #[test]
    fn a_thousand_targets_fit_into_a_screenful_of_any_width() {
        let mut view = thousand();
        for width in [80, 200] {
            let gauges = Gauges {
                requests: 4000,
                budgets: vec!["regfish: 212 of 500 left in 60s".to_owned()],
                standstill: Some("the API is down since 12 s; all runs wait".to_owned()),
                ..Gauges::default()
            };
            let frame = view.frame(&gauges, at(600), width);
            assert!(frame.len() <= 17, "{frame:#?}");
            assert_eq!(frame[3], "at  issued 160");
            assert!(frame.iter().all(|line| line.chars().count() <= width), "{frame:#?}");
            assert!(frame[0].ends_with(" 340/1000"), "{}", frame[0]);
            assert_eq!(frame[1], "200 issued  40 failed  160 waiting  100 unchanged  500 to come");
            assert!(frame[2].starts_with("10m · about"), "{}", frame[2]);
            assert!(frame.iter().all(|line| !line.contains('\u{1b}')), "{frame:#?}");
        }
    }

    #[test]
    fn what_is_locked_or_left_to_a_person_is_not_called_unchanged() {
        use RecapResult as R;
        let mut view = LiveView::new(Style::new(false), 9, at(0));
        for result in [R::Unchanged, R::Locked, R::Failed, R::Locked, R::InDoubt, R::Superseded] {
            view.settle(result);
        }
        let [failed, dismissed] = [1, 2].map(RunId::from_random);
        for run in [&failed, &dismissed] {
            view.expect(run, "www.example.com", at(0));
        }
        view.event(&failed, &event(1, EventKind::RunFinished { result: RunResult::Failed }));
        view.dismiss(&dismissed, R::Locked);
        let frame = view.frame(&Gauges::default(), at(2), 90);
        let totals = "2 failed  1 in doubt  1 unchanged  3 locked  1 superseded  1 to come";
        assert_eq!((frame[1].as_str(), view.done()), (totals, 8), "{frame:#?}");
    }

    #[test]
    fn the_longest_waits_and_the_newest_failures_come_first() {
        let frame = thousand().frame(&Gauges::default(), at(600), 100);
        let below = |title: &str| {
            let index = frame.iter().position(|line| line == title).unwrap();
            frame[index + 1].clone()
        };
        assert!(below("newest failures").starts_with("  t399.example.com"), "{frame:#?}");
        let longest = below("longest waits");
        assert!(longest.starts_with("  t001.example.com"), "{frame:#?}");
        assert!(
            longest.contains("issued: not issued yet") && longest.ends_with("9m 59s"),
            "{longest}"
        );
    }

    #[test]
    fn where_a_line_is_short_the_reason_is_left_and_not_the_request() {
        let mut view = LiveView::new(Style::new(false), 1, at(0));
        let run = RunId::from_random(1);
        view.expect(&run, "www.example.com", at(0));
        let message = "POST /tls/certificate: the server failed (503): `try again later`";
        let error = StepError::new(ErrorKind::Refused, message);
        view.event(&run, &event(1, EventKind::StepFailed { step: step(), error }));
        let finished = EventKind::RunFinished { result: RunResult::Failed };
        view.event(&run, &event(2, finished));
        let mut frame = |width| view.frame(&Gauges::default(), at(3), width).join("\n");
        let narrow = frame(79);
        assert!(narrow.contains("issued: the server failed (503)"), "{narrow}");
        assert!(frame(200).contains(message), "{}", frame(200));
    }

    #[test]
    fn a_run_that_may_not_order_is_held_back_and_one_that_is_dismissed_is_not_open() {
        let mut view = LiveView::new(Style::new(false), 3, at(0));
        let [held, stopped, dismissed] = [1, 2, 3].map(RunId::from_random);
        for (run, target) in [(&held, "a"), (&stopped, "b"), (&dismissed, "c")] {
            view.expect(run, target, at(0));
        }
        view.dismiss(&dismissed, RecapResult::Locked);
        let paused = |by| {
            let (reason, stopped_by) = (PauseReason::Interrupted, Some(by));
            event(1, EventKind::RunPaused { reason, stopped_by })
        };
        let line = view.event(&held, &paused(StopReason::OrderLimit)).unwrap();
        assert_eq!(line, "[2/3] held back   a  it would order beyond `--max-orders`");
        let line = view.event(&stopped, &paused(StopReason::Signal)).unwrap();
        assert_eq!(line, "[3/3] interrupted b");
    }

    #[test]
    fn how_long_it_takes_is_guessed_from_the_steps_before_any_target_is_done() {
        let mut view = LiveView::new(Style::new(false), 110, at(0));
        let passed = || EventKind::StepSkipped { step: step() };
        for number in 0..100 {
            let run = RunId::from_random(number);
            view.expect(&run, &format!("t{number:02}.example.com"), at(0));
            view.event(&run, &event(0, EventKind::RunStarted(header(4))));
            if number < 40 {
                view.event(&run, &event(30, passed()));
            }
        }
        for _ in 0..10 {
            view.settle(RecapResult::Unchanged);
        }
        let frame = |view: &mut LiveView, now| view.frame(&Gauges::default(), at(now), 80);
        assert!(!frame(&mut view, 3)[2].contains("left"), "too early");
        // Ten targets' worth of a hundred in 60 seconds.
        assert!(frame(&mut view, 60)[2].contains("about 9m left"), "{:#?}", frame(&mut view, 60));
        let bar = frame(&mut view, 60)[0].clone();
        assert_eq!((bar.matches('━').count(), bar.matches('╌').count()), (6, 5), "{bar}");
        for number in 0..100 {
            let finished = EventKind::RunFinished { result: RunResult::Succeeded };
            view.event(&RunId::from_random(number), &event(90, finished));
        }
        let end = frame(&mut view, 100);
        assert!(end[0].ends_with("━ 110/110") && !end[2].contains("left"), "{end:#?}");
    }

    #[test]
    fn a_full_budget_lengthens_the_time_left_and_a_pause_hides_it_and_counts_for_nothing() {
        let mut view = LiveView::new(Style::new(false), 100, at(0));
        for number in 0..100 {
            let run = RunId::from_random(number);
            view.expect(&run, "www.example.com", at(0));
            if number < 50 {
                let finished = EventKind::RunFinished { result: RunResult::Succeeded };
                view.event(&run, &event(20, finished));
            }
        }
        let pace =
            |gauges: &Gauges, view: &mut LiveView, now| view.frame(gauges, at(now), 120)[2].clone();
        let free = Gauges::default();
        assert!(pace(&free, &mut view, 20).contains("about 20s left"));
        // Five hundred requests went at once, and as many are to come: sixty seconds for them.
        let paces = vec![RequestPace { sent: 500, left: 0, per_second: 500.0 / 60.0 }];
        let full = Gauges { paces, ..Gauges::default() };
        assert!(pace(&full, &mut view, 20).contains("about 1m left"));
        let halted = Gauges { halted: true, ..Gauges::default() };
        assert!(!pace(&halted, &mut view, 20).contains("left"));
        assert!(!pace(&halted, &mut view, 600).contains("left"));
        assert!(pace(&free, &mut view, 620).contains("about 20s left"));
    }

    #[test]
    fn a_run_whose_wave_has_not_begun_is_to_come_and_not_at_work() {
        let mut view = LiveView::new(Style::new(false), 3, at(0));
        for number in 0..3 {
            let run = RunId::from_random(number);
            view.expect(&run, "www.example.com", at(0));
            view.event(&run, &event(0, EventKind::RunStarted(header(4))));
        }
        let parameters = crate::run::Values::from(serde_json::Map::new());
        let started =
            EventKind::StepStarted { step: step(), attempt: 1, parameters, deadline: None };
        view.event(&RunId::from_random(0), &event(1, started));
        let frame = view.frame(&Gauges::default(), at(2), 80);
        assert_eq!(frame[1], "1 working  2 to come", "{frame:#?}");
        assert_eq!(view.done(), 0);
    }

    #[test]
    fn without_a_terminal_a_line_says_who_waits_longest_and_for_what() {
        let mut view = thousand();
        assert_eq!(
            view.standing(&Gauges::default(), at(600)),
            "[340/1000] 160 waiting, 500 to come; longest t001.example.com, for 9m 59s, at issued: \
             not issued yet"
        );
        let standstill = Some("paused: a test".to_owned());
        let gauges = Gauges { standstill, ..Gauges::default() };
        assert!(view.standing(&gauges, at(600)).ends_with("not issued yet; paused: a test"));
        // Hostile texts stay in their line.
        let observation = "\u{1b}[2J\n".repeat(400);
        let observation = Observation { summary: observation, ..Observation::default() };
        let waiting = EventKind::StepWaiting { step: step(), observation, next_look: at(700) };
        let run = RunId::from_random(401);
        view.expect(&run, "\u{1b}www.example.com", at(0));
        view.event(&run, &event(0, waiting));
        let line = view.standing(&Gauges::default(), at(600));
        assert!(!line.contains(['\u{1b}', '\n']) && line.chars().count() < 300);
        assert!(line.contains("www.example.com, for 10m, at issued: "), "{line}");
    }

    #[test]
    fn runs_that_nobody_expects_are_ignored() {
        let mut view = LiveView::new(Style::new(false), 1, at(0));
        let finished = event(1, EventKind::RunFinished { result: RunResult::Succeeded });
        assert_eq!(view.event(&RunId::from_random(7), &finished), None);
        assert_eq!(view.done(), 0);
    }
}
