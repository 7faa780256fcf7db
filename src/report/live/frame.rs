//! The screenful: what of a [`LiveView`] is shown, and how long the rest will take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Gauges, Line, LiveView, SHOWN, Stage};
use crate::report::recap::RecapResult;
use crate::report::style::Style;
use crate::report::wording::between;
use crate::types::{Timestamp, format_duration, printable, shorten};

/// Of less than this, in time and in work done, nothing can be guessed.
const PACE_TIME: Duration = Duration::from_secs(5);
const PACE_SHARE: f64 = 0.02;

impl LiveView {
    /// The screen: lines of `width` columns at most.
    pub fn frame(&mut self, gauges: &Gauges, now: Timestamp, width: usize) -> Vec<String> {
        self.mind_the_halt(gauges.halted, now);
        let width = width.max(40);
        let mut lines = vec![self.bar(width), self.totals(width), self.pace(gauges, now, width)];
        lines.extend(self.steps(width));
        lines.extend(gauges.standstill.iter().map(|why| self.style.bad(&shorten(why, width))));
        if !self.failures.is_empty() {
            lines.push(self.style.faint("newest failures"));
            let failures = self.failures.iter();
            lines.extend(failures.map(|(target, why)| self.row(target, why, "", width)));
        }
        let mut waits: Vec<&Line> =
            self.runs.values().filter(|line| line.stage == Stage::Waiting).collect();
        waits.sort_by(|one, other| (one.since, &one.target).cmp(&(other.since, &other.target)));
        if !waits.is_empty() {
            lines.push(self.style.faint("longest waits"));
        }
        lines.extend(waits.iter().take(SHOWN).map(|line| {
            let since = between(line.since, now);
            self.row(&printable(&line.target), &printable(&line.detail), &since, width)
        }));
        lines
    }

    /// What cannot go on says nothing of the pace at which it goes on later.
    fn mind_the_halt(&mut self, halted: bool, now: Timestamp) {
        match (self.halted_since, halted) {
            (None, true) => self.halted_since = Some(now),
            (Some(since), false) => {
                self.halted += Duration::try_from(now.duration_since(since)).unwrap_or_default();
                self.halted_since = None;
            }
            _ => {}
        }
    }

    fn bar(&self, width: usize) -> String {
        let (done, total) = (self.done(), self.total.max(1));
        let numbers = format!(" {done}/{}", self.total);
        let room = width.saturating_sub(numbers.chars().count()).min(60);
        let columns = |share: f64| {
            (0..room).filter(|column| share > 0.0 && share * count(room) > count(*column)).count()
        };
        let whole = columns(count(done.min(total)) / count(total)).min(room);
        let begun = columns((count(done) + self.under_way()) / count(total)).clamp(whole, room);
        let style = self.style;
        let (full, half) = ("━".repeat(whole), "╌".repeat(begun - whole));
        let rest = "─".repeat(room - begun);
        format!("{}{}{}{numbers}", style.good(&full), style.good(&half), style.faint(&rest))
    }

    /// What the open runs have behind them, in targets: a run that has passed half of its steps is
    /// half a target.
    fn under_way(&self) -> f64 {
        let open = |line: &&Line| line.stage.is_open();
        let share = |line: &Line| match line.steps {
            Some(steps) => count(line.passed.min(steps)) / count(steps.max(1)),
            None => 0.0,
        };
        self.runs.values().filter(open).map(share).sum()
    }

    fn totals(&self, width: usize) -> String {
        let mut parts = Vec::new();
        // What was settled before, or was driven, counts together where it came to the same.
        let mut settled: Vec<_> = RecapResult::ALL.into_iter().zip(self.settled).collect();
        for (stage, number) in Stage::ALL.iter().zip(self.counts) {
            let same = settled.iter_mut().find(|(result, _)| result.name() == stage.name());
            let number = number + same.map_or(0, |(_, number)| std::mem::take(number));
            if number > 0 && *stage != Stage::ToCome {
                let text = format!("{number} {}", stage.name());
                parts.push((text.clone(), stage.paint(&text, self.style)));
            }
        }
        for (result, number) in settled.into_iter().filter(|(_, number)| *number > 0) {
            let text = format!("{number} {}", result.name());
            parts.push((text.clone(), result.paint(&text, self.style)));
        }
        let to_come = self.to_come();
        if to_come > 0 {
            let text = format!("{to_come} to come");
            parts.push((text.clone(), self.style.faint(&text)));
        }
        fitting(&parts, "  ", width)
    }

    /// At which steps the open runs are, the most crowded first.
    fn steps(&self, width: usize) -> Option<String> {
        let mut crowds: BTreeMap<&str, usize> = BTreeMap::new();
        for line in self.runs.values() {
            if line.stage.is_open() {
                let step = line.detail.split(':').next().unwrap_or_default();
                *crowds.entry(step).or_default() += 1;
            }
        }
        crowds.remove("");
        let mut crowds: Vec<(&str, usize)> = crowds.into_iter().collect();
        crowds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let parts: Vec<(String, String)> = crowds
            .into_iter()
            .map(|(step, count)| format!("{step} {count}"))
            .map(|text| (text.clone(), self.style.faint(&text)))
            .collect();
        let room = width.saturating_sub(4);
        (!parts.is_empty()).then(|| format!("at  {}", fitting(&parts, "  ", room)))
    }

    fn pace(&self, gauges: &Gauges, now: Timestamp, width: usize) -> String {
        let elapsed = Duration::try_from(now.duration_since(self.began_at)).unwrap_or_default();
        let mut parts = vec![between(self.began_at, now)];
        parts.extend(
            self.time_left(gauges, now).map(|left| format!("about {} left", format_duration(left))),
        );
        let requests = u32::try_from(gauges.requests).unwrap_or(u32::MAX);
        let rate = f64::from(requests) / elapsed.as_secs_f64().max(1.0);
        let word = if requests == 1 { "request" } else { "requests" };
        parts.push(format!("{requests} {word}, {rate:.0}/s"));
        parts.extend(gauges.budgets.iter().cloned());
        let parts: Vec<(String, String)> =
            parts.into_iter().map(|part| (part.clone(), self.style.faint(&part))).collect();
        fitting(&parts, " · ", width)
    }

    /// A guess from the steps that were passed since the begin; none while there is too little to
    /// guess from. Targets that were settled before tell nothing of the pace.
    fn time_left(&self, gauges: &Gauges, now: Timestamp) -> Option<Duration> {
        if gauges.halted {
            return None;
        }
        let took = Duration::try_from(now.duration_since(self.began_at)).ok()?;
        let took = took.saturating_sub(self.halted);
        let all = count(self.total.saturating_sub(self.settled()));
        let behind = count(self.done().saturating_sub(self.settled())) + self.under_way();
        if took < PACE_TIME || behind < all * PACE_SHARE || behind >= all {
            return None;
        }
        let to_come = (all - behind) / behind;
        // A full budget slows down what began fast.
        let by_budget = gauges.paces.iter().map(|pace| {
            let requests = whole(pace.sent) * to_come - whole(pace.left);
            requests.max(0.0) / pace.per_second
        });
        let seconds = by_budget.fold(took.as_secs_f64() * to_come, f64::max);
        let left = Duration::try_from_secs_f64(seconds).ok()?;
        Some(Duration::from_secs(left.as_secs().max(1)))
    }

    fn row(&self, target: &str, detail: &str, right: &str, width: usize) -> String {
        let name_room = (width / 3).clamp(16, 40);
        let used = 2 + name_room + 2 + right.chars().count() + 2;
        let room = width.saturating_sub(used).max(10);
        let whole = detail.chars().count() <= room;
        let detail = if whole { detail.to_owned() } else { without_request(detail) };
        let (name, detail) = (shorten(target, name_room), shorten(&detail, room));
        let line = format!("  {name:name_room$}  {detail:room$}  {right}");
        line.trim_end().to_owned()
    }
}

impl Stage {
    pub(super) fn paint(self, text: &str, style: Style) -> String {
        match self {
            Self::Succeeded => style.good(text),
            Self::Failed | Self::InDoubt => style.bad(text),
            Self::Parked | Self::HeldBack | Self::Interrupted | Self::Waiting => {
                style.waiting(text)
            }
            Self::Working => text.to_owned(),
            Self::ToCome => style.faint(text),
        }
    }
}

/// `step: the reason` of `step: POST /path: the reason`: where there is little room, the reason is
/// what people need.
fn without_request(detail: &str) -> String {
    let reason = || {
        let (step, rest) = detail.split_once(": ")?;
        let (request, reason) = rest.split_once(": ")?;
        let (method, path) = request.split_once(' ')?;
        let is_request = path.starts_with('/') && method.chars().all(|c| c.is_ascii_uppercase());
        is_request.then(|| format!("{step}: {reason}"))
    };
    reason().unwrap_or_else(|| detail.to_owned())
}

/// A number to reckon with. That it is not exact above four thousand million is no loss here.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// As many parts as fit into a line, painted.
fn fitting(parts: &[(String, String)], between: &str, width: usize) -> String {
    let (mut line, mut used) = (String::new(), 0);
    for (plain, painted) in parts {
        let gap = if line.is_empty() { "" } else { between };
        let wide = gap.chars().count() + plain.chars().count();
        if used + wide > width {
            break;
        }
        line.push_str(gap);
        line.push_str(painted);
        used += wide;
    }
    line
}
