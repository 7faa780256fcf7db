//! What is decided about a target with a given past.

use super::*;
use crate::document::SourceFile;
use crate::plan::parse_plan;
use crate::run::{BindingKind, EventKind, Intent, RunHeader, testing};
use crate::types::{DomainName, StepId};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

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
    let mut header = RunHeader { inputs: inputs("A"), ..testing::header([order()]) };
    digest.clone_into(&mut header.plan.digest);
    testing::run(header, kinds)
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
    assert_eq!(told(1).to_string(), format!("valid until 1970-02-10, due on 1970-01-11; {beside}"));
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
    let in_doubt = EventKind::RunPaused { reason: PauseReason::InDoubt, stopped_by: None };
    for (end, text) in [
        (Some(failed), "resume: run RUN is failed"),
        (Some(in_doubt), "resume: run RUN is in doubt"),
        (None, "resume: run RUN is running"),
    ] {
        let kinds = [started(), sent(), bound()].into_iter().chain(end).collect();
        // Not even with other inputs, and long after everything would be due.
        let other = "; it began with other inputs (`sku`) and goes on with those: put them \
                     back, or order anew with `--again=TARGET`";
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
    let parked = ending(EventKind::RunPaused { reason: PauseReason::Parked, stopped_by: None });
    assert!(decided(&[&parked], "A", false, 61).starts_with("start: due"));
    // What goes on by itself goes on first.
    let interrupted =
        ending(EventKind::RunPaused { reason: PauseReason::Interrupted, stopped_by: None });
    assert_eq!(decided(&[&interrupted], "A", false, 61), "resume: run RUN is interrupted");
    // Once a new run has ordered, that is the one that counts.
    let mut newer = vec![started(), sent()];
    newer.push(EventKind::RunPaused { reason: PauseReason::InDoubt, stopped_by: None });
    let newer = run("d", newer);
    assert_eq!(decided(&[&newer, &failed], "A", false, 1000), "resume: run RUN is in doubt");
}

#[test]
fn a_run_that_has_ordered_nothing_goes_on_only_when_it_is_what_is_asked_for() {
    let parked = || EventKind::RunPaused { reason: PauseReason::Parked, stopped_by: None };
    let same = run("d", vec![started(), parked()]);
    assert_eq!(decided(&[&same], "A", false, 0), "resume: run RUN is parked");
    let first = "start: no certificate was ordered yet";
    assert_eq!(decided(&[&same], "B", false, 0), first);
    assert_eq!(decided(&[&run("other", vec![parked()])], "A", false, 0), first);
    let failure = || EventKind::RunFinished { result: RunResult::Failed };
    let failed = run("d", vec![failure()]);
    assert_eq!(decided(&[&failed], "A", false, 0), "resume: run RUN is failed");
    assert_eq!(decided(&[&failed], "B", false, 0), first);
    // An order that was refused may have been refused for what the run had found out: it looks anew.
    let error = crate::run::StepError::new(crate::run::ErrorKind::Refused, "no");
    let withdrawn = EventKind::IntentWithdrawn { step: order() };
    let refused = EventKind::StepFailed { step: order(), error };
    let refused = run("d", vec![started(), sent(), withdrawn, refused, failure()]);
    assert_eq!(decided(&[&refused], "A", false, 0), "resume: run RUN is failed");
    assert_eq!(decided(&[&refused], "B", false, 0), first);
    let unanswered = run("d", vec![started(), sent(), failure()]);
    let told = decided(&[&unanswered], "B", false, 0);
    assert!(told.starts_with("resume: run RUN is failed; it began with other inputs"), "{told}");
    let kept = "keep: valid until 1970-04-01, due on 1970-03-02";
    assert_eq!(decided(&[&failed, &run("d", issued())], "A", false, 0), kept);
}

#[test]
fn an_older_run_that_has_got_the_certificate_meanwhile_counts_more_than_a_newer_one_without_order()
{
    let newer = run(
        "d",
        vec![started(), EventKind::RunPaused { reason: PauseReason::Parked, stopped_by: None }],
    );
    let older = run("d", issued());
    let kept = "keep: valid until 1970-04-01, due on 1970-03-02";
    assert_eq!(decided(&[&newer, &older], "A", false, 1), kept);
    // What is due is what the newer one was begun for.
    assert_eq!(decided(&[&newer, &older], "A", false, 61), "resume: run RUN is parked");
    // It was weighed when the newer one was begun all the same.
    let later = RunState { started_at: older.updated_at + HOUR, ..newer };
    assert_eq!(decided(&[&later, &older], "A", false, 1), "resume: run RUN is parked");
}

#[test]
fn a_cancelled_order_is_left_to_a_person_and_a_cancelled_run_without_one_is_forgotten() {
    let cancelled = || EventKind::RunCancelled { reason: None, program: "test".to_owned() };
    let with_order = run("d", vec![started(), sent(), bound(), cancelled()]);
    let told = decided(&[&with_order], "A", true, 1000);
    assert!(told.starts_with("ask: run RUN was cancelled, and what it ordered stays"), "{told}");
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
    assert_eq!(decided(&[&run], "a", true, 1), "keep: valid until 1970-04-01, due on 1970-03-02");
}

#[test]
fn who_wants_a_new_order_gets_one_where_nothing_is_open_and_something_was_ordered() {
    let anew = |past: &[&RunState]| {
        let plan = plan();
        let ids: Vec<RunId> = (1..).map(RunId::from_random).take(past.len()).collect();
        let past = past.iter().zip(&ids).map(|(state, id)| PastRun {
            id,
            state,
            plan: &plan,
            files_are_gone: false,
            in_place: None,
        });
        order_anew(&past.collect::<Vec<_>>(), None)
    };
    let former = RunId::from_random(1);
    let start = Some(Decision::Start { reason: StartReason::Again { former, open: Vec::new() } });
    let failed = EventKind::RunFinished { result: RunResult::Failed };
    let output = crate::run::Values::default();
    let ordered = EventKind::StepSucceeded { step: order(), output };
    let lost = vec![started(), sent(), bound(), ordered.clone(), failed];
    assert_eq!(anew(&[&run("other", lost)]), start);
    assert_eq!(anew(&[&run("d", issued())]), start);
    assert_eq!(anew(&[&run("d", vec![started()])]), None);
    assert_eq!(anew(&[]), None);
    // What is under way already is named: it stays there beside the new one.
    let open = run("d", vec![started(), sent(), bound(), ordered]);
    let beside = anew(&[&run("d", issued()), &open]).unwrap();
    let under_way = format!("; the order of run {} is still under way", RunId::from_random(2));
    assert!(beside.to_string().ends_with(&under_way), "{beside}");
    let open = anew(&[&run("d", issued()), &run("d", vec![started(), sent()])]);
    let Some(Decision::Ask { run, problem, remedy: Remedy::Answer }) = open else {
        panic!("{open:?}")
    };
    assert_eq!(run, RunId::from_random(2));
    assert!(problem.contains("what became of the order of run"), "{problem}");
}

#[test]
fn who_wants_a_new_order_beside_a_run_that_cannot_be_read_hears_of_it() {
    let (damaged, plan) = (RunId::from_random(7), plan());
    let again = |open: Vec<RunId>| {
        Some(Decision::Start { reason: StartReason::Again { former: damaged.clone(), open } })
    };
    assert_eq!(order_anew(&[], Some(&damaged)), again(vec![damaged.clone()]));
    let id = RunId::from_random(1);
    let anew = |state: &RunState| {
        let past = PastRun { id: &id, state, plan: &plan, files_are_gone: false, in_place: None };
        order_anew(&[past], Some(&damaged))
    };
    let output = crate::run::Values::default();
    let ordered = EventKind::StepSucceeded { step: order(), output };
    let open = run("d", vec![started(), sent(), bound(), ordered]);
    assert_eq!(anew(&open), again(vec![damaged.clone(), id.clone()]));
    // What may still turn out to be the order comes first, whatever else is there.
    let unanswered = anew(&run("d", vec![started(), sent()]));
    assert!(matches!(unanswered, Some(Decision::Ask { remedy: Remedy::Answer, .. })));
}
