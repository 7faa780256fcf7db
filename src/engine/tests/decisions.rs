//! Starting, skipping, blocking, waiting, parking, ending.

use std::time::Duration;

use serde_json::json;

use super::*;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const WAITING: &str = "
  - id: issued
    uses: regfish.wait_issued
    with: { certificate_id: A }
    poll: { every: 30s, timeout: 10m }
";

fn product() -> Outcome {
    succeeded(json!({ "sku": "SecureSite" }))
}

#[test]
fn steps_that_need_nothing_start_together_and_the_others_wait() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X } }
  - { id: b, uses: regfish.list_products, with: { sku: X } }
  - { id: c, uses: regfish.list_products, with: { sku: '{{ steps.a.sku }}' }, needs: [b] }
",
    ));
    assert_eq!(
        [scene.state("a"), scene.state("b"), scene.state("c")],
        ["started", "started", "pending"]
    );
    scene.finish("a", product());
    assert_eq!(scene.state("c"), "pending");
    scene.finish("b", product());
    assert_eq!(scene.state("c"), "started");
    let command = scene.due().pop().unwrap();
    assert_eq!(command.parameters["sku"], json!("SecureSite"));
    scene.finish("c", product());
    assert_eq!(scene.phase(), "succeeded");
    scene.assert_replays();
}

#[test]
fn a_false_condition_skips_a_step_and_its_dependents_go_on() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X } }
  - { id: b, uses: regfish.list_products, with: { sku: X }, when: steps.a.sku == 'other' }
  - { id: c, uses: regfish.list_products, with: { sku: \"{{ steps.b.sku | default('none') }}\" } }
",
    ));
    scene.finish("a", product());
    assert_eq!(scene.state("b"), "skipped");
    assert_eq!(scene.due().pop().unwrap().parameters["sku"], json!("none"));
}

#[test]
fn a_failure_blocks_its_dependents_and_nothing_else() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X } }
  - { id: b, uses: regfish.list_products, with: { sku: X }, needs: [a] }
  - { id: c, uses: regfish.list_products, with: { sku: X }, needs: [b] }
  - { id: free, uses: regfish.list_products, with: { sku: X } }
",
    ));
    scene.finish("a", final_failure());
    assert_eq!([scene.state("b"), scene.state("c")], ["blocked", "blocked"]);
    assert_eq!(scene.phase(), "running");
    scene.finish("free", product());
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!(
        [scene.state("a"), scene.state("b"), scene.state("free")],
        ["started", "pending", "succeeded"]
    );
    scene.assert_replays();
}

#[test]
fn a_step_that_may_fail_does_not_block() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X }, on_failure: continue }
  - { id: b, uses: regfish.list_products, with: { sku: X }, needs: [a] }
",
    ));
    scene.finish("a", final_failure());
    scene.finish("b", product());
    assert_eq!(scene.phase(), "succeeded");
}

#[test]
fn a_step_that_others_went_on_without_is_done_late_only_with_all_that_came_after_it() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X }, on_failure: continue }
  - { id: b, uses: regfish.list_products, with: { sku: X }, needs: [a] }
  - { id: leaf, uses: regfish.list_products, with: { sku: X }, needs: [b], on_failure: continue }
  - { id: c, uses: regfish.list_products, with: { sku: X }, needs: [b] }
",
    ));
    let states = |scene: &Scene| ["a", "b", "leaf", "c"].map(|step| scene.state(step));
    scene.finish("a", final_failure());
    scene.finish("b", product());
    scene.finish("leaf", final_failure());
    // Stopped on its way: it goes on.
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["failed", "succeeded", "started", "started"]);
    scene.finish("leaf", final_failure());
    scene.finish("c", final_failure());
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!(states(&scene), ["started", "pending", "pending", "pending"]);
    scene.assert_replays();
}

#[test]
fn a_passing_failure_is_tried_again_with_growing_pauses_until_the_attempts_are_used_up() {
    let mut scene = Scene::new(plan(
        "
  - id: a
    uses: regfish.list_products
    with: { sku: X }
    retry: { attempts: 3, backoff: 2s, max_delay: 1m }
",
    ));
    let mut pauses = Vec::new();
    for _ in 0..2 {
        scene.finish("a", passing());
        assert_eq!(scene.state("a"), "retrying");
        assert!(scene.due().is_empty());
        let retry = scene.engine.next_retry().unwrap();
        pauses.push(retry.duration_since(scene.now).as_secs());
        scene.wait(Duration::from_secs(u64::try_from(*pauses.last().unwrap()).unwrap()));
        assert_eq!(scene.state("a"), "started");
    }
    assert_eq!(pauses, [2, 4]);
    scene.finish("a", passing());
    assert_eq!(scene.phase(), "failed");
    scene.assert_replays();
}

#[test]
fn a_plan_can_say_which_failures_are_tried_again() {
    for (on, state) in [("unreachable", "retrying"), ("rate_limited", "failed")] {
        let mut scene = Scene::new(plan(&format!(
            "  - {{ id: a, uses: regfish.list_products, with: {{ sku: X }}, retry: {{ on: [{on}] }} }}\n"
        )));
        scene.finish("a", passing());
        assert_eq!(scene.state("a"), state, "{on}");
    }
}

#[test]
fn a_value_that_turns_out_wrong_fails_the_step_and_names_parameter_and_value() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.list_products, with: { sku: X } }
  - { id: b, uses: x509.create_csr, with: { common_name: '{{ steps.a.sku }}' } }
",
    ));
    scene.finish("a", succeeded(json!({ "sku": "no domain" })));
    assert_eq!(scene.state("b"), "failed");
    let Some(EventKind::StepFailed { error, .. }) = scene
        .events
        .iter()
        .rev()
        .map(|event| event.kind.clone())
        .find(|kind| kind.name() == "step_failed")
    else {
        panic!("no failure")
    };
    assert!(
        error.message.contains("common_name") && error.message.contains("no domain"),
        "{error}"
    );
}

#[test]
fn a_look_that_shows_nothing_new_is_not_recorded() {
    let mut scene = Scene::new(plan(WAITING));
    scene.finish("issued", not_yet("pending"));
    let recorded = scene.events.len();
    for _ in 0..5 {
        assert!(scene.due().is_empty());
        scene.wait(Duration::from_secs(30));
        assert_eq!(scene.call("issued"), Some(Call::Perform));
        scene.finish("issued", not_yet("pending"));
    }
    assert_eq!(scene.events.len(), recorded);
    scene.wait(Duration::from_secs(30));
    scene.finish("issued", not_yet("approving"));
    assert_eq!(scene.events.len(), recorded + 1);
    scene.assert_replays();
}

#[test]
fn the_end_of_a_polls_time_parks_and_resume_waits_anew() {
    let mut scene = Scene::new(plan(WAITING));
    scene.wait(minutes(11));
    scene.finish("issued", not_yet("pending"));
    assert_eq!((scene.state("issued"), scene.phase()), ("parked", "parked"));
    scene.crash_and_resume();
    assert_eq!(scene.state("issued"), "started");
    scene.finish("issued", not_yet("pending"));
    assert_eq!(scene.state("issued"), "waiting");
    scene.assert_replays();
}

#[test]
fn who_asks_another_server_does_not_wait_for_the_ca() {
    let other = WAITING
        .replace("regfish.wait_issued", "http.request")
        .replace("certificate_id: A", "url: 'http://127.0.0.1/', until: status == 200");
    for (steps, expected) in
        [(WAITING.to_owned(), WaitsFor::CertificateAuthority), (other, WaitsFor::Outside)]
    {
        let mut scene = Scene::new(plan(&steps));
        scene.wait(minutes(11));
        scene.finish("issued", not_yet("pending"));
        match &scene.engine.state().steps[&id("issued")].state {
            crate::run::StepState::Parked { reason } => assert_eq!(reason.waits_for, expected),
            state => panic!("{state:?}"),
        }
        scene.assert_replays();
    }
}

#[test]
fn a_crash_does_not_lengthen_a_wait_and_who_resumes_a_parked_one_gets_all_of_it() {
    let mut scene = Scene::new(plan(ORDER));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    let deadline = |scene: &Scene| match &scene.engine.state().steps[&id("issued")].state {
        crate::run::StepState::Parked { .. } => None,
        state => state.attempt().unwrap().deadline,
    };
    let first = deadline(&scene);
    scene.wait(minutes(1));
    scene.crash_and_resume();
    assert_eq!(deadline(&scene), first, "before its first look");
    scene.finish("issued", not_yet("pending"));
    scene.wait(minutes(3));
    scene.crash_and_resume();
    assert_eq!(deadline(&scene), first, "while it waited");
    scene.finish("issued", passing());
    scene.crash_and_resume();
    assert_eq!(deadline(&scene), first, "while the API was down");
    // However late the program comes back, it looks once before it gives up.
    scene.wait(minutes(60));
    scene.crash_and_resume();
    assert_eq!(scene.call("issued"), Some(Call::Perform));
    scene.finish("issued", not_yet("pending"));
    assert_eq!((scene.state("issued"), scene.phase()), ("parked", "parked"));
    scene.crash_and_resume();
    assert_eq!(deadline(&scene), scene.now.checked_add(jiff::SignedDuration::from_mins(10)).ok());
    scene.assert_replays();
}

#[test]
fn a_waiting_step_outlasts_an_api_that_is_down_and_parks_when_its_time_is_over() {
    let mut scene = Scene::new(plan(WAITING));
    let mut looks = 0;
    while scene.phase() == "running" {
        scene.finish("issued", passing());
        looks += 1;
        if let Some(retry) = scene.engine.next_retry() {
            let pause = Duration::try_from(retry.duration_since(scene.now)).unwrap();
            scene.wait(pause);
        }
    }
    assert_eq!(scene.phase(), "parked");
    assert!((4..20).contains(&looks), "{looks} looks");
    scene.assert_replays();
}

#[test]
fn parking_stops_one_branch_and_the_run_parks_when_the_rest_is_done() {
    let mut scene = Scene::new(plan(
        "
  - { id: a, uses: regfish.wait_issued, with: { certificate_id: A } }
  - { id: b, uses: regfish.list_products, with: { sku: X } }
",
    ));
    scene.finish("a", parked());
    assert_eq!(scene.phase(), "running");
    scene.finish("b", product());
    assert_eq!(scene.phase(), "parked");
    scene.crash_and_resume();
    assert_eq!([scene.state("a"), scene.state("b")], ["started", "succeeded"]);
}

#[test]
fn an_outcome_that_nobody_asked_for_is_an_error_and_changes_nothing() {
    let mut scene = Scene::new(plan(ORDER));
    let before = scene.engine.state().clone();
    let error = scene.engine.finished(&id("issued"), parked(), scene.now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "step `issued`, which is pending, cannot take the outcome `parked`"
    );
    assert_eq!(scene.engine.state(), &before);
}

#[test]
fn a_clock_that_was_set_back_does_not_turn_a_runs_history_round() {
    let mut scene = Scene::new(plan(WAITING));
    scene.now = Timestamp::from_second(1_000_000_000).unwrap();
    scene.finish("issued", parked());
    assert!(scene.events.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn a_run_of_other_rules_is_refused() {
    let scene = Scene::new(plan(ORDER));
    let mut events = scene.events.clone();
    let EventKind::RunStarted(header) = &mut events[0].kind else { panic!("no start") };
    header.semantics = 99;
    let plan = Arc::clone(&scene.engine.plan);
    let settings = EngineSettings::default();
    let error = Engine::load(RunId::from_random(1), plan, &events, settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the run follows rules 99 of the engine; this program has rules 1"
    );
}

#[test]
fn what_may_not_be_done_twice_waits_for_a_person_after_a_crash() {
    let mut scene = Scene::new(plan(
        "
  - { id: post, uses: http.request, with: { url: 'https://x.test/', method: POST } }
  - { id: get, uses: http.request, with: { url: 'https://x.test/' } }
  - { id: run, uses: command.run, with: { argv: [deploy] } }
  - { id: safe, uses: command.run, with: { argv: [reload], repeat: safe } }
",
    ));
    scene.crash_and_resume();
    let states = ["post", "get", "run", "safe"].map(|step| scene.state(step));
    assert_eq!(states, ["parked", "started", "parked", "started"]);
    let done = || succeeded(json!({ "summary": "", "status": 200, "captures": {} }));
    scene.finish("get", done());
    scene.finish("safe", done());
    assert_eq!(scene.phase(), "parked");
    // To resume it once more is to say that it may be done again.
    scene.crash_and_resume();
    assert_eq!([scene.state("post"), scene.state("run")], ["started", "started"]);
    scene.assert_replays();
}

#[test]
fn a_post_whose_time_was_over_is_not_sent_again() {
    let mut scene = Scene::new(plan(
        "
  - id: post
    uses: http.request
    with: { url: 'https://x.test/', method: POST }
    retry: { attempts: 5 }
",
    ));
    let error = StepError::new(ErrorKind::Timeout, "no outcome after 2m");
    scene.finish("post", Outcome::Failed { error, retry: Retry::Later { after: None } });
    assert_eq!(scene.state("post"), "failed");
}

const PROPAGATING: &str = "
  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - id: propagated
    uses: dns.wait_propagated
    needs: [order]
    with: { records: [] }
    poll: { every: 4m, timeout: 10m }
";

#[test]
fn an_order_is_asked_after_when_patience_ends_or_waiting_begins_again_and_not_before() {
    let mut scene = Scene::new(plan(PROPAGATING));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    let asked = |scene: &Scene| {
        let command = scene.due().pop().unwrap();
        assert_eq!(command.step, id("propagated"));
        command.order.map(|order| order.to_string())
    };
    let order = Some("AAAAAAAAAAAA1".to_owned());
    for _ in 0..3 {
        assert_eq!(asked(&scene), None);
        scene.finish("propagated", not_yet("ns1 lags"));
        scene.wait(minutes(4));
    }
    assert_eq!(asked(&scene), order);
    scene.finish("propagated", not_yet("ns1 lags"));
    assert_eq!(scene.state("propagated"), "parked");
    scene.crash_and_resume();
    assert_eq!(asked(&scene), order);
    scene.finish("propagated", not_yet("ns1 lags"));
    scene.wait(minutes(4));
    assert_eq!(asked(&scene), None);
}
