//! `explanation`: a run in words: where it stands, whose turn it is, what comes next, and which
//! decisions were taken by which rule.

use super::remains::remains;
use super::result::in_place;
use super::wording::{between, cancelled, moment, park_reason};
use crate::run::{
    BindingKind, Event, EventKind, Intent, PauseReason, PutBack, ReopenReason, RunPhase, RunResult,
    RunState, StepState, WaitsFor,
};
use crate::types::{RunId, StepId, Timestamp};

/// The heading of what is told about where a run stands.
pub const STANDING: &str = "Where it stands";

/// The explanation as paragraphs, each a heading and its sentences.
///
/// `now` tells how long something has lasted; `is_worked_on` whether a program works on it.
pub fn explanation(
    run: &RunId,
    state: &RunState,
    events: &[Event],
    is_worked_on: bool,
    now: Timestamp,
) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("What it is", what_it_is(run, state)),
        (STANDING, standing(state, is_worked_on, now)),
        ("What comes next", next(run, state, is_worked_on)),
        ("What was decided, and why", decisions(events)),
    ]
}

fn what_it_is(run: &RunId, state: &RunState) -> Vec<String> {
    let header = &state.header;
    let mut lines = vec![format!(
        "Run {run} follows the plan {} ({}) for {}, since {}.",
        header.plan.name,
        header.plan.file,
        header.target,
        moment(state.started_at)
    )];
    lines.push(match &state.certificate_id {
        Some(id) => {
            format!("It owns certificate {id}; whatever happens, it goes on under this id.")
        }
        None if state.may_have_ordered() => {
            "It has sent an order, and does not know yet which certificate that became.".to_owned()
        }
        None => "It has ordered nothing yet.".to_owned(),
    });
    if header.sandbox {
        lines.push("The embedded sandbox stands in for the real world.".to_owned());
    }
    lines
}

fn standing(state: &RunState, is_worked_on: bool, now: Timestamp) -> Vec<String> {
    let mut lines = vec![match state.phase {
        RunPhase::Running if is_worked_on && !state.has_begun() => {
            "Its turn in its batch has not come yet: nothing of it has begun.".to_owned()
        }
        RunPhase::Running if is_worked_on => "A program works on it now.".to_owned(),
        RunPhase::Running => {
            format!("It was stopped without a word, at {} or later.", moment(state.updated_at))
        }
        RunPhase::Paused(PauseReason::Parked) => {
            let since = state.parked().map_or(state.updated_at, |parked| parked.since);
            format!("It is parked since {}.", moment(since))
        }
        RunPhase::Paused(PauseReason::InDoubt) => {
            format!("It is in doubt since {}.", moment(state.updated_at))
        }
        RunPhase::Paused(PauseReason::Interrupted) => {
            let at = moment(state.updated_at);
            match state.stopped_by {
                Some(why) if why.holds_back() => format!("It was held back at {at}: {why}."),
                Some(why) => format!("It was interrupted at {at}: {why}."),
                None => format!("It was interrupted at {at}."),
            }
        }
        RunPhase::Finished(RunResult::Succeeded) => {
            format!("It succeeded at {}.", moment(state.updated_at))
        }
        RunPhase::Finished(RunResult::Failed) => {
            format!("It failed at {}.", moment(state.updated_at))
        }
        RunPhase::Cancelled => {
            format!("A person cancelled it at {}.", moment(state.updated_at))
        }
    }];
    for (step, record) in &state.steps {
        let parked = record.history.parked.as_ref().map(|parked| parked.since);
        let parked = parked.filter(|_| matches!(record.state, StepState::Parked { .. }));
        let since = parked
            .or(record.changed_at)
            .filter(|at| *at <= now)
            .map(|at| format!(", for {}", between(at, now)))
            .unwrap_or_default();
        lines.extend(step_standing(step, &record.state, &since));
    }
    lines.extend(PutBack::of(state).map(|back| format!("In place is {}.", in_place(&back))));
    lines
}

fn step_standing(step: &StepId, state: &StepState, since: &str) -> Vec<String> {
    match state {
        StepState::Pending | StepState::Succeeded { .. } | StepState::Skipped => Vec::new(),
        StepState::Started(_) => vec![format!("`{step}` was under way{since}.")],
        StepState::Sent { .. } => {
            vec![format!("`{step}` was about to send the order, or had just sent it{since}.")]
        }
        StepState::Waiting { observation, .. } => {
            vec![format!("`{step}` waits{since}. Last seen: {}.", observation.summary)]
        }
        StepState::Retrying { error, .. } => {
            vec![format!("`{step}` is to be tried again{since}: {error}.")]
        }
        StepState::Unknown { error, .. } => vec![format!(
            "`{step}` sent the order{since}, and nobody knows yet whether it arrived: {error}."
        )],
        StepState::Failed { error } => vec![format!("`{step}` failed{since}: {error}.")],
        StepState::Parked { reason } => {
            let mut lines = vec![format!("`{step}` {}{since}.", park_reason(reason))];
            lines
                .extend(reason.completion_url.iter().map(|url| format!("The place for it: {url}")));
            lines
        }
        StepState::InDoubt { message, candidates, .. } => {
            let mut lines = vec![format!("`{step}` is in doubt{since}: {message}.")];
            lines.extend(candidates.iter().map(|candidate| {
                format!("It could be {}: {}.", candidate.certificate_id, candidate.description)
            }));
            lines
        }
        StepState::Blocked { by } => {
            vec![format!("`{step}` cannot start, because it needs `{by}`, which is not done.")]
        }
    }
}

fn next(run: &RunId, state: &RunState, is_worked_on: bool) -> Vec<String> {
    let resume = format!("`certplan resume {run}`");
    match state.phase {
        RunPhase::Running if is_worked_on => vec![due(state)],
        RunPhase::Running | RunPhase::Paused(PauseReason::Interrupted) => {
            vec![format!("{resume} goes on. {}", safety(state))]
        }
        RunPhase::Finished(RunResult::Succeeded) => vec!["Nothing; it is done.".to_owned()],
        RunPhase::Finished(RunResult::Failed) => vec![format!(
            "When the cause is put right, {resume} tries again what failed, with what came after \
             it{}. {}",
            if PutBack::of(state).is_some() {
                ", and puts the new certificate in place first"
            } else {
                ""
            },
            safety(state)
        )],
        RunPhase::Cancelled => {
            let mut lines = vec!["Nothing; it is not gone on with.".to_owned()];
            lines.extend(remains(state));
            lines
        }
        RunPhase::Paused(PauseReason::InDoubt) => vec![
            "A person decides; nothing is ordered again before.".to_owned(),
            format!(
                "`certplan adopt {run} --certificate-id ID` takes an order over that is ours, \
                 `certplan adopt {run} --none` says that none arrived; {resume} asks the API again."
            ),
        ],
        RunPhase::Paused(PauseReason::Parked) => {
            let waits_for = |who: WaitsFor| {
                state.steps.values().any(|record| {
                    matches!(&record.state, StepState::Parked { reason } if reason.waits_for == who)
                })
            };
            let who = if waits_for(WaitsFor::Person) {
                "A person acts first"
            } else if waits_for(WaitsFor::CertificateAuthority) {
                "The CA acts first"
            } else {
                "What it waits for comes first"
            };
            vec![format!("{who}; then {resume} looks again and goes on. {}", safety(state))]
        }
    }
}

/// What a person wants to hear before resuming.
fn safety(state: &RunState) -> &'static str {
    if state.certificate_id.is_some() {
        "Nothing is ordered again."
    } else if state.may_have_ordered() {
        "It asks the API first what became of the order; it does not just order again."
    } else {
        "Nothing was ordered so far."
    }
}

fn due(state: &RunState) -> String {
    let times = state.steps.values().filter_map(|record| match &record.state {
        StepState::Waiting { next_look, .. } => Some(*next_look),
        StepState::Retrying { retry_at, .. } => Some(*retry_at),
        StepState::Unknown { look_at, .. } => Some(*look_at),
        _ => None,
    });
    match times.max() {
        Some(at) => format!("It looks again by itself, at {} or soon after.", moment(at)),
        None => "It goes on by itself.".to_owned(),
    }
}

/// The events in which the engine had a choice, with the rule that it followed.
fn decisions(events: &[Event]) -> Vec<String> {
    // What comes again and again would hide the rest.
    let mut told: Vec<(String, Timestamp, usize)> = Vec::new();
    for event in events {
        let Some(text) = decision(&event.kind) else { continue };
        match told.last_mut() {
            Some((last, _, times)) if *last == text => *times += 1,
            _ => told.push((text, event.at, 1)),
        }
    }
    let line = |(text, at, times): (String, Timestamp, usize)| match times {
        1 => format!("{}  {text}", moment(at)),
        _ => format!("{}  {text} This came {times} times in a row.", moment(at)),
    };
    let mut lines: Vec<String> = told.into_iter().map(line).collect();
    if lines.is_empty() {
        lines.push("Nothing; everything went its straight way.".to_owned());
    }
    lines
}

fn decision(kind: &EventKind) -> Option<String> {
    let text = match kind {
        EventKind::StepSkipped { step } => {
            format!("`{step}` was left out: its condition is false.")
        }
        EventKind::IntentRecorded { step, intent: Intent::Order(_) } => format!(
            "`{step}` wrote down what it was about to order and which certificates there were, \
             because an order cannot be repeated safely."
        ),
        EventKind::IntentRecorded { step, intent: Intent::Reissue(_) } => format!(
            "`{step}` wrote down which certificate it was about to have reissued and what that \
             showed before, because a reissue cannot be repeated safely."
        ),
        EventKind::IntentRecorded { step, intent: Intent::Organization(_) } => format!(
            "`{step}` wrote down which organization it was about to make and which there were, \
             because asking twice could make two."
        ),
        EventKind::IntentSettled { step } => {
            format!("`{step}` found that what it sent is there.")
        }
        EventKind::IntentWithdrawn { step } => {
            format!("`{step}` was refused for certain, so nothing came of that order.")
        }
        EventKind::AttemptFailed { step, error, .. } => {
            format!("`{step}` is tried again, because the reason may pass: {error}.")
        }
        EventKind::OutcomeUnknown { step, error, looks_without_finding: 0, .. } => format!(
            "`{step}` is asked after instead of sent again, because its answer was lost: {error}."
        ),
        EventKind::OutcomeUnknown { step, .. } => {
            format!("`{step}` is asked after once more, because the list may lag behind the order.")
        }
        EventKind::CertificateBound { certificate_id, binding: BindingKind::Ordered, .. } => {
            format!("The order became certificate {certificate_id}.")
        }
        EventKind::CertificateBound { certificate_id, binding: BindingKind::Reissued, .. } => {
            format!("Certificate {certificate_id} is issued anew, under its id.")
        }
        EventKind::CertificateBound { certificate_id, binding: BindingKind::Adopted, .. } => {
            format!(
                "Certificate {certificate_id} was taken over: it is new, no other run owns it, and \
                 it fits the order. The proof is its key, after the download."
            )
        }
        EventKind::StepParked { step, reason } => {
            format!("`{step}` was parked, because it {}.", park_reason(reason))
        }
        EventKind::StepInDoubt { step, message, .. } => {
            format!("`{step}` was left to a person, because {message}.")
        }
        EventKind::StepReopened { step, reason: ReopenReason::Changed { origin, .. } } => {
            format!("`{step}` is done again, because what `{origin}` found has changed.")
        }
        EventKind::StepReopened { step, reason: ReopenReason::Undone { by } } => {
            format!("`{step}` is done again, because `{by}` had taken back what it needs.")
        }
        EventKind::StepReopened { step, reason: ReopenReason::Retried { origin } } => {
            format!(
                "`{step}` is done again, because it came after `{origin}`, which had failed and was \
                 tried again."
            )
        }
        EventKind::StepReopened { step, reason: ReopenReason::NothingOrdered } => {
            format!("`{step}` may order anew, because a person said that nothing arrived.")
        }
        EventKind::PlanReplaced { plan, .. } => {
            format!("What had not begun follows {} as it was then.", plan.file)
        }
        EventKind::RunCancelled { reason, .. } => {
            format!("A person ended the run: {}.", cancelled(reason.as_deref()))
        }
        EventKind::RunResumed { program } => format!("{program} took the run up again."),
        EventKind::RunPaused { stopped_by: Some(why), .. } => {
            let what = if why.holds_back() { "held back" } else { "stopped" };
            format!("The run was {what}: {why}.")
        }
        EventKind::RunStarted(_)
        | EventKind::StepReopened { reason: ReopenReason::Resumed, .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepWaiting { .. }
        | EventKind::StepSucceeded { .. }
        | EventKind::StepFailed { .. }
        | EventKind::StepBlocked { .. }
        | EventKind::RunPaused { .. }
        | EventKind::RunFinished { .. } => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_again_and_again_is_told_once() {
        let resumed = |second| Event {
            sequence: 2,
            at: Timestamp::from_second(second).unwrap(),
            kind: EventKind::RunResumed { program: "certplan".to_owned() },
        };
        let lines = decisions(&[resumed(0), resumed(60), resumed(120)]);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.starts_with("1970-01-01 00:00:00 UTC"), "{line}");
        assert!(line.ends_with("took the run up again. This came 3 times in a row."), "{line}");
        assert_eq!(decisions(&[]).len(), 1);
    }
}
