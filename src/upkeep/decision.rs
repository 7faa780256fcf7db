//! `decide`: what is to be done about one target today.
//!
//! The rule behind all others: whoever has ordered for this target, or may have, is asked first. A
//! new order is only decided on when nothing is open and nothing that was issued is still good.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::drift::{Change, changes};
use super::due::DuePolicy;
use super::in_place::InPlace;
use super::issued::Issued;
use crate::plan::Plan;
use crate::run::{PauseReason, RunPhase, RunResult, RunState};
use crate::types::{CertificateId, RunId, Timestamp, format_duration};

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
    },
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
    /// Another certificate is asked for.
    Drift {
        /// The run that brought the former one.
        former: RunId,
        /// In what it differs.
        changes: Vec<Change>,
    },
}

impl fmt::Display for StartReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => formatter.write_str("no certificate was ordered yet"),
            Self::NothingKept => formatter.write_str("the plan orders nothing, so it runs anew"),
            Self::Due { former, valid_until, expired, lead_seconds, unfinished } => {
                let end = day(*valid_until);
                if *expired {
                    write!(formatter, "expired on {end}")?;
                } else {
                    let lead = format_duration(std::time::Duration::from_secs(*lead_seconds));
                    write!(formatter, "due: ends on {end}, replaced {lead} before")?;
                }
                match unfinished {
                    Some(phase) => write!(
                        formatter,
                        "; run {former} has brought it, is {} and is not gone on with",
                        phase.name()
                    ),
                    None => Ok(()),
                }
            }
            Self::Drift { changes, .. } => formatter.write_str(&list(changes)),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { reason } => reason.fmt(formatter),
            Self::Resume { run, phase, changed_inputs, .. } => {
                write!(formatter, "run {run} is {}", phase.name())?;
                if changed_inputs.is_empty() {
                    return Ok(());
                }
                let names: Vec<String> =
                    changed_inputs.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    formatter,
                    "; it began with other inputs ({}) and goes on with those: put them back, or \
                     order anew with `certplan run --again`",
                    names.join(", ")
                )
            }
            Self::Keep { valid_until, due_at, drift, in_place, .. } => {
                let (end, due) = (day(*valid_until), day(*due_at));
                write!(formatter, "valid until {end}, due on {due}")?;
                if let Some(in_place) = in_place {
                    write!(formatter, "; {in_place}")?;
                }
                if drift.is_empty() { Ok(()) } else { write!(formatter, "; {}", list(drift)) }
            }
            Self::Ask { problem, .. } => formatter.write_str(problem),
        }
    }
}

fn list(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
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
    for run in past {
        if run.state.may_have_ordered() {
            return after_order(run, wanted, policy, apply_drift, now);
        }
        if let Some(decision) = without_order(run, wanted) {
            return decision;
        }
    }
    let buys = ["regfish.create_order", "regfish.reissue"];
    let orders = wanted.plan.steps.values().any(|step| buys.contains(&step.uses.as_str()));
    let reason =
        if orders || past.is_empty() { StartReason::First } else { StartReason::NothingKept };
    Decision::Start { reason }
}

/// A run that has ordered nothing goes on only when it still is what is asked for; otherwise it is
/// in nobody's way (a later `resume` of it would notice).
fn without_order(run: &PastRun<'_>, wanted: &Wanted<'_>) -> Option<Decision> {
    let header = &run.state.header;
    let same = header.plan.digest == wanted.digest && header.inputs == *wanted.inputs;
    match run.state.phase {
        RunPhase::Running | RunPhase::Paused(_) if same => Some(Decision::Resume {
            run: run.id.clone(),
            phase: run.state.phase,
            has_ordered: false,
            changed_inputs: Vec::new(),
        }),
        _ => None,
    }
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
            "run {id} was cancelled, and what it ordered stays as it is at the vendor; `certplan run \
             --again` orders anew for this target"
        );
        return Decision::Ask { run: id, problem };
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
        return Decision::Ask { run: id, problem };
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
        let problem = format!("the files of run {id} are gone, and its certificate is still good");
        return Decision::Ask { run: id, problem };
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
        let problem = format!("what is in place {ends} on {}: {in_place}", day(valid_until));
        return Decision::Ask { run: id, problem };
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
mod tests {
    use super::*;
    use crate::document::SourceFile;
    use crate::plan::parse_plan;
    use crate::run::{BindingKind, Event, EventKind, Intent, PlanReference, RunHeader};
    use crate::types::{DomainName, StepId};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    const DAY: i64 = 86_400;

    fn plan() -> Plan {
        let text = "certplan: 1\nname: x\ninputs: { sku: { type: string } }\nsteps:\n  \
            - { id: order, uses: regfish.create_order, with: { sku: '{{ inputs.sku }}', \
                common_name: a.example.com, csr: '{{ run.id }}' } }\n";
        let file = SourceFile::new("plan.yaml", text);
        parse_plan(&file).map_err(|wrong| wrong.render(false)).unwrap().0
    }

    fn inputs(sku: &str) -> Map<String, Value> {
        json!({ "sku": sku }).as_object().unwrap().clone()
    }

    /// A run that started at the epoch and did this.
    fn run(digest: &str, kinds: Vec<EventKind>) -> RunState {
        let header = RunHeader {
            plan: PlanReference {
                name: "x".to_owned(),
                file: "plan.yaml".to_owned(),
                digest: digest.to_owned(),
            },
            target: "a".to_owned(),
            inputs: inputs("A"),
            steps: vec![order()],
            endpoints: BTreeMap::new(),
            sandbox: false,
            directory: "/".to_owned(),
            semantics: 1,
            program: "test".to_owned(),
            earlier_runs: Vec::new(),
            orders_known: None,
        };
        let kinds = std::iter::once(EventKind::RunStarted(header)).chain(kinds);
        let events: Vec<Event> = kinds
            .zip(1..)
            .map(|(kind, sequence)| Event { sequence, at: Timestamp::UNIX_EPOCH, kind })
            .collect();
        RunState::fold(&events).unwrap()
    }

    fn order() -> StepId {
        StepId::parse("order").unwrap()
    }

    fn started() -> EventKind {
        EventKind::StepStarted {
            step: order(),
            attempt: 1,
            parameters: crate::run::Values::default(),
            deadline: None,
        }
    }

    fn sent() -> EventKind {
        let name = DomainName::parse("a.example.com").unwrap();
        EventKind::IntentRecorded {
            step: order(),
            intent: Intent::Order(crate::run::OrderIntent {
                public_key_sha256: String::new(),
                sku: "A".to_owned(),
                common_name: name,
                names: BTreeSet::new(),
                organization_id: None,
                validity_days: None,
                renewal_of: None,
                known_certificate_ids: BTreeSet::new(),
            }),
        }
    }

    fn bound() -> EventKind {
        EventKind::CertificateBound {
            step: order(),
            certificate_id: CertificateId::parse("ABCDEFGHJK234").unwrap(),
            binding: BindingKind::Adopted,
        }
    }

    /// A certificate of ninety days, from the epoch on.
    fn issued() -> Vec<EventKind> {
        let output = json!({
            "fullchain_file": "f", "names": ["a.example.com"],
            "valid_from": "1970-01-01T00:00:00Z", "valid_until": "1970-04-01T00:00:00Z",
        });
        let output = output.as_object().unwrap().clone().into();
        let result = RunResult::Succeeded;
        let done = EventKind::StepSucceeded { step: order(), output };
        vec![started(), sent(), bound(), done, EventKind::RunFinished { result }]
    }

    fn decided(past: &[&RunState], sku: &str, apply_drift: bool, day: i64) -> String {
        let (plan, inputs) = (plan(), inputs(sku));
        let ids: Vec<RunId> = (1..).map(RunId::from_random).take(past.len()).collect();
        let past: Vec<PastRun<'_>> = past
            .iter()
            .zip(&ids)
            .map(|(state, id)| PastRun {
                id,
                state,
                plan: &plan,
                files_are_gone: false,
                in_place: None,
            })
            .collect();
        let wanted = Wanted { plan: &plan, digest: "d", target: "a", inputs: &inputs };
        let now = Timestamp::from_second(day * DAY).unwrap();
        let decision = decide(&past, &wanted, &DuePolicy::default(), apply_drift, now);
        let what = match &decision {
            Decision::Start { .. } => "start",
            Decision::Resume { .. } => "resume",
            Decision::Keep { .. } => "keep",
            Decision::Ask { .. } => "ask",
        };
        let text = decision.to_string();
        let text = ids.iter().fold(text, |text, id| text.replace(id.as_str(), "RUN"));
        format!("{what}: {text}")
    }

    #[test]
    fn a_new_target_is_ordered() {
        assert_eq!(decided(&[], "A", false, 0), "start: no certificate was ordered yet");
    }

    #[test]
    fn what_is_issued_and_good_is_kept_until_it_is_due() {
        let run = run("d", issued());
        let keep = "keep: valid until 1970-04-01, due on 1970-03-02";
        assert_eq!(decided(&[&run], "A", false, 1), keep);
        assert_eq!(
            decided(&[&run], "A", false, 61),
            "start: due: ends on 1970-04-01, replaced 29d 16h before"
        );
        assert_eq!(decided(&[&run], "A", false, 90), "start: expired on 1970-04-01");
    }

    #[test]
    fn what_was_put_back_is_told_and_never_a_reason_to_order() {
        let (run, plan, inputs) = (run("d", issued()), plan(), inputs("A"));
        let id = RunId::from_random(1);
        let at = |day: i64| Timestamp::from_second(day * DAY).unwrap();
        let back = InPlace {
            directory: "/certs".to_owned(),
            set: "old".to_owned(),
            valid_from: Some(at(-50)),
            valid_until: at(40),
            newer_set: "new".to_owned(),
            newer_valid_until: at(90),
        };
        let told = |day: i64| {
            let past = PastRun {
                id: &id,
                state: &run,
                plan: &plan,
                files_are_gone: false,
                in_place: Some(&back),
            };
            let wanted = Wanted { plan: &plan, digest: "d", target: "a", inputs: &inputs };
            decide(&[past], &wanted, &DuePolicy::default(), false, at(day))
        };
        let beside = "set old is in place, and the newer set new, valid until 1970-04-01, lies \
                      beside it: `certplan rollback /certs --to new` makes it current again";
        let Decision::Keep { certificate_id: None, .. } = told(1) else { panic!("{:?}", told(1)) };
        assert_eq!(
            told(1).to_string(),
            format!("valid until 1970-02-10, due on 1970-01-11; {beside}")
        );
        for (day, ends) in [(11, "ends"), (41, "has ended")] {
            let Decision::Ask { problem, .. } = told(day) else { panic!("{:?}", told(day)) };
            assert_eq!(problem, format!("what is in place {ends} on 1970-02-10: {beside}"));
        }
        // The newer one is due, too: it is no help any more.
        assert!(matches!(told(61), Decision::Start { reason: StartReason::Due { .. } }));
    }

    #[test]
    fn what_is_open_goes_on_and_is_never_ordered_anew() {
        let failed = EventKind::RunFinished { result: RunResult::Failed };
        let in_doubt = EventKind::RunPaused { reason: PauseReason::InDoubt };
        for (end, text) in [
            (Some(failed), "resume: run RUN is failed"),
            (Some(in_doubt), "resume: run RUN is in doubt"),
            (None, "resume: run RUN is running"),
        ] {
            let kinds = [started(), sent(), bound()].into_iter().chain(end).collect();
            // Not even with other inputs, and long after everything would be due.
            let other = "; it began with other inputs (`sku`) and goes on with those: put them \
                         back, or order anew with `certplan run --again`";
            let past = run("other", kinds);
            assert_eq!(decided(&[&past], "B", true, 1000), format!("{text}{other}"));
            assert_eq!(decided(&[&past], "A", true, 1000), text);
        }
    }

    #[test]
    fn a_run_that_never_came_to_a_good_end_is_left_when_its_certificate_is_due() {
        let ending = |end: EventKind| {
            let mut kinds = issued();
            kinds.pop();
            kinds.push(end);
            run("d", kinds)
        };
        let failed = ending(EventKind::RunFinished { result: RunResult::Failed });
        assert_eq!(decided(&[&failed], "A", false, 59), "resume: run RUN is failed");
        assert_eq!(
            decided(&[&failed], "A", false, 61),
            "start: due: ends on 1970-04-01, replaced 29d 16h before; run RUN has brought it, is \
             failed and is not gone on with"
        );
        assert_eq!(
            decided(&[&failed], "A", false, 90),
            "start: expired on 1970-04-01; run RUN has brought it, is failed and is not gone on with"
        );
        let parked = ending(EventKind::RunPaused { reason: PauseReason::Parked });
        assert!(decided(&[&parked], "A", false, 61).starts_with("start: due"));
        // What goes on by itself goes on first.
        let interrupted = ending(EventKind::RunPaused { reason: PauseReason::Interrupted });
        assert_eq!(decided(&[&interrupted], "A", false, 61), "resume: run RUN is interrupted");
        // Once a new run has ordered, that is the one that counts.
        let mut newer = vec![started(), sent()];
        newer.push(EventKind::RunPaused { reason: PauseReason::InDoubt });
        let newer = run("d", newer);
        assert_eq!(decided(&[&newer, &failed], "A", false, 1000), "resume: run RUN is in doubt");
    }

    #[test]
    fn a_run_that_has_ordered_nothing_goes_on_only_when_it_is_what_is_asked_for() {
        let parked = || EventKind::RunPaused { reason: PauseReason::Parked };
        let same = run("d", vec![started(), parked()]);
        assert_eq!(decided(&[&same], "A", false, 0), "resume: run RUN is parked");
        let first = "start: no certificate was ordered yet";
        assert_eq!(decided(&[&same], "B", false, 0), first);
        assert_eq!(decided(&[&run("other", vec![parked()])], "A", false, 0), first);
        let failed = run("d", vec![EventKind::RunFinished { result: RunResult::Failed }]);
        assert_eq!(decided(&[&failed], "A", false, 0), first);
        let kept = "keep: valid until 1970-04-01, due on 1970-03-02";
        assert_eq!(decided(&[&failed, &run("d", issued())], "A", false, 0), kept);
    }

    #[test]
    fn a_cancelled_order_is_left_to_a_person_and_a_cancelled_run_without_one_is_forgotten() {
        let cancelled = || EventKind::RunCancelled { reason: None, program: "test".to_owned() };
        let with_order = run("d", vec![started(), sent(), bound(), cancelled()]);
        let told = decided(&[&with_order], "A", true, 1000);
        assert!(
            told.starts_with("ask: run RUN was cancelled, and what it ordered stays"),
            "{told}"
        );
        let without = run("d", vec![started(), cancelled()]);
        assert_eq!(decided(&[&without], "A", false, 0), "start: no certificate was ordered yet");
    }

    #[test]
    fn another_certificate_is_asked_for_and_waits_for_a_word() {
        let run = run("other", issued());
        assert_eq!(
            decided(&[&run], "B", false, 1),
            "keep: valid until 1970-04-01, due on 1970-03-02; product: `A` is now `B`"
        );
        assert_eq!(decided(&[&run], "B", true, 1), "start: product: `A` is now `B`");
        assert_eq!(
            decided(&[&run], "a", true, 1),
            "keep: valid until 1970-04-01, due on 1970-03-02"
        );
    }
}
