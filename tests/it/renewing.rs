//! Renewals and reissues under kills and faults: what they send, they send once.

use certplan::run::{BindingKind, EventKind, RunPhase, RunResult, RunState};
use certplan::sandbox::{CannedAnswer, ContractTerm, Fault, FaultAction};

use crate::harness::{API_KEY, Gate, Moment, Project, Running, World, finish, impatient_plan};
use crate::interruption::side_by_side;
use crate::scene::{Crash, Scene, describe, shipped_text};

const SUCCEEDED: RunPhase = RunPhase::Finished(RunResult::Succeeded);

const ORDER: &str = "/tls/certificate";

/// Requests of a run that are aimed at; what comes after them is polled for.
const MOST_REQUESTS: u32 = 14;

/// A certificate that is there, and that can be renewed; then a run of the plan that renews it.
async fn to_renew() -> Scene {
    let scene = Scene::with(&shipped_text("dv.yaml"), |options| {
        options.behaviour.contract = ContractTerm::Certificate;
    })
    .await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    let former = scene.order().id;
    scene.then("renewal.yaml").input("certificate_id", &former).input("lead", "400d")
}

async fn to_reissue() -> Scene {
    let scene = Scene::of("dv.yaml").await;
    let state = scene.begin().await;
    scene.expect_issued(&state);
    scene.then("reissue.yaml").input("lead", "400d")
}

fn reissues_sent(scene: &Scene) -> usize {
    let id = scene.orders()[0].id.clone();
    scene.requested("POST", &format!("{ORDER}/{id}/reissue"))
}

#[track_caller]
fn expect_done(state: &RunState, case: &str) {
    assert_eq!(state.phase, SUCCEEDED, "{case}:\n{}", describe(state));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_renewal_is_ordered_once_wherever_the_program_dies() {
    let whole = to_renew().await;
    let state = whole.begin().await;
    expect_done(&state, "without a crash");
    let events = whole.events().await.len();
    assert!(events > 15, "{events}");
    for (number, crash) in
        (1..events).flat_map(|kept| [Crash::Before(kept), Crash::After(kept)]).enumerate()
    {
        let scene = whole.afresh(u64::try_from(number).unwrap());
        let before = scene.orders().len();
        assert!(scene.start(crash).await.is_err());
        let state = scene.resume().await;
        expect_done(&state, &format!("crash {number}"));
        assert_eq!(scene.orders().len(), before + 1, "{number}:\n{}", describe(&state));
        assert_eq!((scene.orders_sent(), scene.keys().len()), (1, 1), "{number}");
    }
}

/// Answers that leave open whether it was done, and answers that do not.
fn faults() -> Vec<(FaultAction, bool)> {
    let json = "application/json";
    let instead = |code, body: &str| FaultAction::Instead(CannedAnswer::text(code, json, body));
    let answer =
        |code, kind: &str, body: &str| FaultAction::Answer(CannedAnswer::text(code, kind, body));
    vec![
        (FaultAction::DropAfterCommit, true),
        (FaultAction::CutAnswer, true),
        (instead(500, "{}"), true),
        (instead(200, ""), true),
        (instead(200, r#"{"success":true,"code":0}"#), true),
        (FaultAction::DropBeforeCommit, false),
        (FaultAction::Html, false),
        (answer(200, "text/html", "<html>Please log in</html>"), false),
        (answer(200, json, "{\"success\":true,\"response\":{\"id\":\"7K9"), false),
        (FaultAction::refusal(200, "not today"), false),
        (FaultAction::refusal(500, "internal server error"), false),
        (FaultAction::refusal(408, "request timeout"), false),
        (FaultAction::refusal(429, "too many requests"), false),
        (FaultAction::refusal(401, "unauthorized"), false),
    ]
}

/// Begins the run with the fault at one of its requests, and takes it up again once if it stands
/// still then. None when it has fewer requests.
async fn driven_through(scene: &Scene, position: u32, action: &FaultAction) -> Option<RunState> {
    scene.sandbox().controls().add_fault(Fault::at("*", "/", position, action.clone()));
    let state = scene.begin().await;
    if scene.requests().len() < position as usize {
        return None;
    }
    Some(if state.phase == SUCCEEDED { state } else { scene.resume().await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_ordered_once_whatever_the_server_answers_to_any_request() {
    let cases = faults().into_iter().map(|(action, is_done)| async move {
        let whole = to_renew().await;
        for position in 1..=MOST_REQUESTS {
            let scene = whole.afresh(u64::from(position));
            let before = scene.orders().len();
            let Some(state) = driven_through(&scene, position, &action).await else { break };
            let case = format!("{action:?} at request {position}");
            expect_done(&state, &case);
            assert_eq!(scene.orders().len(), before + 1, "{case}");
            let at_the_order = |request: &certplan::sandbox::LoggedRequest| {
                request.method == "POST" && request.path == ORDER
            };
            let aimed = scene.requests().get(position as usize - 1).is_some_and(at_the_order);
            let again = usize::from(aimed && !is_done);
            assert_eq!(scene.orders_sent(), 1 + again, "{case}");
        }
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reissue_is_asked_for_once_whatever_the_server_answers_to_any_request() {
    let cases = faults().into_iter().map(|(action, is_done)| async move {
        let whole = to_reissue().await;
        for position in 1..=MOST_REQUESTS {
            let scene = whole.afresh(u64::from(position));
            let before = scene.order().chain_pem;
            let Some(state) = driven_through(&scene, position, &action).await else { break };
            let case = format!("{action:?} at request {position}");
            expect_done(&state, &case);
            assert_ne!(scene.order().chain_pem, before, "{case}");
            let at_the_reissue = |request: &certplan::sandbox::LoggedRequest| {
                request.method == "POST" && request.path.ends_with("/reissue")
            };
            let aimed = scene.requests().get(position as usize - 1).is_some_and(at_the_reissue);
            let again = usize::from(aimed && !is_done);
            assert_eq!((reissues_sent(&scene), scene.orders_sent()), (1 + again, 0), "{case}");
        }
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_adopted_and_not_taken_for_the_former_one() {
    let scene = to_renew().await;
    let former = scene.orders()[0].id.clone();
    scene.sandbox().controls().add_fault(Fault::at("POST", ORDER, 1, FaultAction::DropAfterCommit));
    let state = scene.begin().await;
    expect_done(&state, "lost");
    assert_eq!((scene.orders().len(), scene.orders_sent()), (2, 1));
    assert_ne!(state.certificate_id.unwrap().as_str(), former);
    let adopted = |event: certplan::run::Event| {
        matches!(event.kind, EventKind::CertificateBound { binding: BindingKind::Adopted, .. })
    };
    assert!(scene.events().await.into_iter().any(adopted));
}

/// A shipped plan with the shortest pauses that a plan may have.
fn quick(plan: &str) -> String {
    shipped_text(plan).replace("{ timeout:", "{ every: 1s, timeout:")
}

/// Kills the real program at the request that matters, and takes the run up again.
fn killed(plan: &str, request: &str, moment: Moment) {
    let case = format!("{plan} {moment:?}");
    let world = World::with(|options| {
        options.clock = std::sync::Arc::new(certplan::types::SystemClock);
        options.timing.looks[0].every = std::time::Duration::from_millis(5);
        if plan == "renewal.yaml" {
            options.behaviour.contract = ContractTerm::Certificate;
        }
    });
    let project = Project::new();
    project.write("dv.yaml", impatient_plan("dv.yaml"));
    project.write("plan.yaml", quick(plan));
    let first = project.run_for(&world.base_url(), &["run", "dv.yaml"]).expect_code(0);
    let former = first.value("certificate");
    let sent_before = world.requests().len();
    let gate = Gate::holding_at(moment, &world.base_url(), request);
    let arguments =
        ["run", "plan.yaml", "-i", &format!("certificate_id={former}"), "-i", "lead=400d"];
    let running = Running::start(project.command_for(gate.base_url(), &arguments));
    gate.wait_until_held();
    running.kill();
    let runs = project.runs();
    let stopped = runs.iter().find(|run| run["phase"] == "stopped").unwrap();
    let setting = format!("connections.regfish.base_url={}", world.base_url());
    let arguments = ["resume", stopped["id"].as_str().unwrap(), "--set", &setting];
    let mut command = project.command_for(&world.base_url(), &arguments);
    command.env("CERTPLAN_SETTLING_DELAY", "1s");
    let resumed = finish(command).expect_code(0);
    let sent = world.requests().split_off(sent_before);
    let line = |one: &certplan::sandbox::LoggedRequest| format!("{} {} ", one.method, one.path);
    let posted = sent.iter().filter(|one| line(one).contains(request)).count();
    assert_eq!(posted, 1, "{case}");
    let orders = if plan == "renewal.yaml" { 2 } else { 1 };
    assert_eq!(world.orders().len(), orders, "{case}");
    assert_eq!(resumed.value("certificate") == former, plan == "reissue.yaml", "{case}");
    // A certificate that a later run has taken over is nothing odd.
    let _ = project.run(&["doctor"]).expect_code(0).expect_data("2 of 2 runs are whole");
    project.expect_nowhere(API_KEY);
}

#[test]
fn a_program_that_is_killed_while_it_renews_or_reissues_is_gone_on_with_and_sends_nothing_twice() {
    let moments = ["before it arrives", "before the answer", "amid the answer"];
    for (plan, request) in
        [("renewal.yaml", "POST /tls/certificate "), ("reissue.yaml", "/reissue ")]
    {
        side_by_side(&moments, |word| {
            let moment = match word {
                "before it arrives" => Moment::BeforeItArrives,
                "before the answer" => Moment::BeforeTheAnswer,
                _ => Moment::AmidTheAnswer,
            };
            killed(plan, request, moment);
        });
    }
}

/// The run of a plan that replaces the certificate of `before` and uses its key again.
fn with_its_key(before: &Scene, state: &RunState, plan: &str) -> Scene {
    let key = Scene::field(state, "certificate", "key_file");
    let former = Scene::field(state, "certificate", "certificate_id");
    before
        .then(plan)
        .input("certificate_id", former.as_str().unwrap())
        .input("lead", "400d")
        .input("reuse_key", key.as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_former_certificate_of_a_key_that_is_used_again_is_never_taken_for_the_new_one() {
    for serial_numbers in [true, false] {
        let before = Scene::with(&shipped_text("dv.yaml"), |options| {
            options.behaviour.serial_numbers = serial_numbers;
        })
        .await;
        let first = before.begin().await;
        before.expect_issued(&first);
        let scene = with_its_key(&before, &first, "reissue.yaml");
        let state = scene.begin().await;
        expect_done(&state, &format!("serial numbers: {serial_numbers}"));
        let serial = |state: &RunState| Scene::field(state, "certificate", "serial_number");
        assert_ne!(serial(&state), serial(&first), "serial numbers: {serial_numbers}");
        assert!(!Scene::field(&state, "reissue", "former_serial_number").is_null());
        assert_eq!(Scene::field(&state, "key", "reused_key"), true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_renewal_uses_the_former_key_again_when_it_is_asked_to() {
    let before = Scene::with(&shipped_text("dv.yaml"), |options| {
        options.behaviour.contract = ContractTerm::Certificate;
    })
    .await;
    let first = before.begin().await;
    before.expect_issued(&first);
    let scene = with_its_key(&before, &first, "renewal.yaml");
    let state = scene.begin().await;
    expect_done(&state, "a renewal");
    let public_key = |state: &RunState| Scene::field(state, "key", "public_key_sha256");
    assert_eq!(public_key(&state), public_key(&first));
    let id = |state: &RunState| Scene::field(state, "certificate", "certificate_id");
    assert_ne!(id(&state), id(&first));
}
