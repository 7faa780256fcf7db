//! `decide`: what is to be done about one target today.
//!
//! The rule behind all others: whoever has ordered for this target, or may have, is asked first. A
//! new order is only decided on when nothing is open and nothing that was issued is still good.

mod words;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::drift::{Change, changes};
use super::due::DuePolicy;
use super::in_place::InPlace;
use super::issued::Issued;
use crate::engine::asked_anew;
use crate::plan::{Plan, Signature, Step, find_signature};
use crate::run::{PauseReason, RunPhase, RunResult, RunState, StepState};
use crate::types::{CertificateId, RunId, Timestamp};

/// A run that the target has had, under the same plan and in the same world.
#[derive(Debug, Clone, Copy)]
pub struct PastRun<'a> {
    /// Its id.
    pub id: &'a RunId,
    /// What its events say.
    pub state: &'a RunState,
    /// The plan that it follows.
    pub plan: &'a Plan,
    /// Whether files are gone that it has put on disk.
    pub files_are_gone: bool,
    /// The older certificate that is in place of the one that it has brought.
    pub in_place: Option<&'a InPlace>,
}

/// What is asked for today.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The plan as it is now.
    pub plan: &'a Plan,
    /// The digest of its text.
    pub digest: &'a str,
    /// The target.
    pub target: &'a str,
    /// Its inputs, defaults included.
    pub inputs: &'a Map<String, Value>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Decision {
    /// A new run.
    Start {
        /// Why.
        reason: StartReason,
    },
    /// An earlier run goes on.
    Resume {
        /// The run.
        run: RunId,
        /// Where it stands.
        phase: RunPhase,
        /// Whether it has ordered, or may have: then it orders nothing any more.
        has_ordered: bool,
        /// The inputs that have another value by now than those it began with, and goes on with.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        changed_inputs: Vec<String>,
    },
    /// Nothing: what is there is still good.
    Keep {
        /// The run that brought it.
        run: RunId,
        /// The certificate.
        certificate_id: Option<CertificateId>,
        /// Until when it is valid: what is in place, when that is an older one.
        valid_until: Timestamp,
        /// From when on it is due.
        due_at: Timestamp,
        /// The older one that somebody has put back into its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        in_place: Option<InPlace>,
        /// What is asked for differently, and is left until somebody says so.
        drift: Vec<Change>,
    },
    /// Nothing that a program may decide: a person has to look.
    Ask {
        /// The run that it is about.
        run: RunId,
        /// What is wrong, and how a person can settle it.
        problem: String,
        /// What settles it.
        #[serde(skip)]
        remedy: Remedy,
    },
}

/// What settles what a program may not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A new order may be. Where it is not, nobody is sent to buy one.
    NewOrder,
    /// The answer to an order that was sent: until it is there, the run is in doubt.
    Answer,
    /// Whatever a person finds right.
    Person,
}

/// Why a new run starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StartReason {
    /// There was none, or none that has ordered anything.
    First,
    /// The plan orders nothing, so that nothing is kept.
    NothingKept,
    /// What is there ends soon, or has ended.
    Due {
        /// The run that brought it.
        former: RunId,
        /// When it ends.
        valid_until: Timestamp,
        /// Whether that is over.
        expired: bool,
        /// How long before its end it became due, in whole seconds.
        lead_seconds: u64,
        /// Where the run stands that brought it, when it never came to a good end.
        #[serde(skip_serializing_if = "Option::is_none")]
        unfinished: Option<RunPhase>,
    },
    /// A person has said that this target is to be ordered anew.
    Again {
        /// The run that has ordered for it before.
        former: RunId,
        /// The runs whose orders are still under way, and stay so beside the new one.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        open: Vec<RunId>,
    },
    /// Another certificate is asked for.
    Drift {
        /// The run that brought the former one.
        former: RunId,
        /// In what it differs.
        changes: Vec<Change>,
    },
}

/// Decides about one target. `past` are its runs, the newest first.
///
/// With `apply_drift`, a certificate that differs from what is asked for is replaced.
pub fn decide(
    past: &[PastRun<'_>],
    wanted: &Wanted<'_>,
    policy: &DuePolicy,
    apply_drift: bool,
    now: Timestamp,
) -> Decision {
    // The newest run that counts: it has ordered, or it can still go on to do what is asked for.
    let of_its_order = |run| after_order(run, wanted, policy, apply_drift, now);
    for (index, run) in past.iter().enumerate() {
        if run.state.may_have_ordered() {
            return of_its_order(run);
        }
        if let Some(goes_on) = without_order(run, wanted) {
            // An older run may have got meanwhile what this one was begun for.
            let mut older = past.iter().skip(index + 1);
            let older = older.find(|older| older.state.may_have_ordered());
            let news = older.filter(|older| older.state.updated_at >= run.state.started_at);
            return match news.map(of_its_order) {
                Some(got @ (Decision::Keep { .. } | Decision::Resume { .. })) => got,
                _ => goes_on,
            };
        }
    }
    let obtains = |uses: &str| find_signature(uses).is_some_and(Signature::obtains_certificate);
    let orders = wanted.plan.steps.values().any(|step| obtains(&step.uses));
    let reason =
        if orders || past.is_empty() { StartReason::First } else { StartReason::NothingKept };
    Decision::Start { reason }
}

/// What is to be done about a target for which a person wants a new order, whatever there is. None
/// when nothing was ordered for it yet: then it is a target like any other.
///
/// `damaged` is a run that cannot be read, and may have ordered after all that can be.
pub fn order_anew(past: &[PastRun<'_>], damaged: Option<&RunId>) -> Option<Decision> {
    let ordered = past.iter().find(|run| run.state.may_have_ordered()).map(|run| run.id);
    let former = damaged.or(ordered)?;
    if let Some(open) = past.iter().find(|run| run.state.unanswered().is_some()) {
        let run = open.id.clone();
        let problem = format!(
            "what became of the order of run {run} is not known; `certplan resume {run}` asks, and \
             then it can be ordered anew"
        );
        return Some(Decision::Ask { run, problem, remedy: Remedy::Answer });
    }
    let open = past.iter().filter(|run| run.state.has_open_order()).map(|run| run.id);
    let open = damaged.into_iter().chain(open).cloned().collect();
    Some(Decision::Start { reason: StartReason::Again { former: former.clone(), open } })
}

/// A run that has ordered nothing goes on only when it still is what is asked for; otherwise it is
/// in nobody's way (a later `resume` of it would notice).
///
/// One that failed before it came to its order tries again what failed, and nothing piles up. So
/// does one whose order was refused: it looks at the product and the organization anew before it
/// orders, since what it had found may be what was wrong; where it cannot do that, a new run does.
/// So does one whose plan orders nothing: its answers are old.
fn without_order(run: &PastRun<'_>, wanted: &Wanted<'_>) -> Option<Decision> {
    let header = &run.state.header;
    let same = header.plan.digest == wanted.digest && header.inputs == *wanted.inputs;
    match run.state.phase {
        RunPhase::Running | RunPhase::Paused(_) | RunPhase::Finished(RunResult::Failed)
            if same
                && (run.state.phase != FAILED
                    || failed_before_its_order(run)
                    || asked_anew(run.plan, run.state).is_some()) =>
        {
            Some(Decision::Resume {
                run: run.id.clone(),
                phase: run.state.phase,
                has_ordered: false,
                changed_inputs: Vec::new(),
            })
        }
        _ => None,
    }
}

const FAILED: RunPhase = RunPhase::Finished(RunResult::Failed);

/// Whether a run failed at what comes before its order, and has one to come to.
fn failed_before_its_order(run: &PastRun<'_>) -> bool {
    let obtains =
        |step: &Step| find_signature(&step.uses).is_some_and(Signature::obtains_certificate);
    let mut orders = run.plan.steps.values().filter(|step| obtains(step)).peekable();
    let has_begun = |step: &Step| {
        let record = run.state.steps.get(&step.id);
        !record.is_some_and(|record| {
            matches!(record.state, StepState::Pending | StepState::Blocked { .. })
        })
    };
    orders.peek().is_some() && !orders.any(has_begun)
}

fn after_order(
    run: &PastRun<'_>,
    wanted: &Wanted<'_>,
    policy: &DuePolicy,
    apply_drift: bool,
    now: Timestamp,
) -> Decision {
    let id = run.id.clone();
    if run.state.phase == RunPhase::Cancelled {
        let problem = format!(
            "run {id} was cancelled, and what it ordered stays as it is at the vendor; with \
             `--again=TARGET` a new certificate is ordered for this target"
        );
        return Decision::Ask { run: id, problem, remedy: Remedy::NewOrder };
    }
    let issued = Issued::of(run.state);
    let unfinished = match run.state.phase {
        RunPhase::Finished(RunResult::Succeeded) => None,
        phase => Some(phase),
    };
    let is_due = |issued: &Issued| now >= policy.due_at(issued.valid_from, issued.valid_until);
    if let Some(phase) = unfinished
        && !(may_be_left(run.state) && issued.as_ref().is_some_and(is_due))
    {
        let changed_inputs = changed_inputs(run.state, wanted);
        return Decision::Resume { run: id, phase, has_ordered: true, changed_inputs };
    }
    let Some(issued) = issued else {
        let problem = format!(
            "run {id} has ordered and put no certificate on disk; `certplan show {id}` tells what \
             it did"
        );
        return Decision::Ask { run: id, problem, remedy: Remedy::Person };
    };
    let (from, valid_until) = (issued.valid_from, issued.valid_until);
    let due_at = policy.due_at(from, valid_until);
    if now >= due_at {
        let lead_seconds = policy.lead(from, valid_until).as_secs();
        let expired = now >= valid_until;
        let reason =
            StartReason::Due { former: id, valid_until, expired, lead_seconds, unfinished };
        return Decision::Start { reason };
    }
    let header = &run.state.header;
    let unchanged = header.plan.digest == wanted.digest && header.inputs == *wanted.inputs;
    let drift = if unchanged {
        Vec::new()
    } else {
        let then = (run.plan, &header.inputs);
        changes(then, (wanted.plan, wanted.inputs), wanted.target, now)
    };
    if !drift.is_empty() && apply_drift {
        return Decision::Start { reason: StartReason::Drift { former: id, changes: drift } };
    }
    if run.files_are_gone {
        let problem = format!(
            "the files of run {id} are gone, and its certificate is still good; put them back, or \
             reissue it under its id, which costs nothing (`plans/reissue.yaml`)"
        );
        return Decision::Ask { run: id, problem, remedy: Remedy::Person };
    }
    let certificate_id = issued.certificate_id;
    let Some(in_place) = run.in_place else {
        return Decision::Keep {
            run: id,
            certificate_id,
            valid_until,
            due_at,
            in_place: None,
            drift,
        };
    };
    // A good certificate is there; another one need not be paid for.
    let (valid_until, due_at) =
        (in_place.valid_until, policy.due_at(in_place.valid_from, in_place.valid_until));
    if now >= due_at {
        let ends = if now >= valid_until { "has ended" } else { "ends" };
        let problem = format!("what is in place {ends} on {}: {in_place}", words::day(valid_until));
        return Decision::Ask { run: id, problem, remedy: Remedy::Person };
    }
    let in_place = Some(in_place.clone());
    Decision::Keep { run: id, certificate_id: None, valid_until, due_at, in_place, drift }
}

/// Whether a new order may follow although the run did not come to a good end: its own order is
/// settled, and it stands still in a way that it can stand for ever. What was only interrupted goes
/// on first, and so does everything of which the outcome is open.
fn may_be_left(state: &RunState) -> bool {
    let stands = matches!(
        state.phase,
        RunPhase::Finished(RunResult::Failed) | RunPhase::Paused(PauseReason::Parked)
    );
    stands && state.unanswered().is_none()
}

/// The inputs whose values are not those that the run began with.
fn changed_inputs(state: &RunState, wanted: &Wanted<'_>) -> Vec<String> {
    let then = &state.header.inputs;
    let names: BTreeSet<&String> = then.keys().chain(wanted.inputs.keys()).collect();
    let changed = |name: &&String| then.get(*name) != wanted.inputs.get(*name);
    names.into_iter().filter(changed).cloned().collect()
}

#[cfg(test)]
mod tests;
