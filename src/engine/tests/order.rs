//! The order: sent once, asked after when its answer is lost.

use std::time::Duration;

use super::*;
use crate::run::Candidate;

fn sent() -> Scene {
    let mut scene = Scene::new(plan(ORDER));
    assert_eq!(
        scene.call("order"),
        Some(Call::Prepare { earlier: None, destinations: Vec::new() })
    );
    scene.finish("order", Outcome::Prepared { intent: intent() });
    assert_eq!(scene.call("order"), Some(Call::Send(intent())));
    scene
}

fn lost() -> Scene {
    let mut scene = sent();
    scene.finish("order", Outcome::Unknown { error: error() });
    assert_eq!(scene.state("order"), "unknown");
    scene.wait(Duration::from_secs(2));
    assert_eq!(scene.call("order"), Some(Call::Reconcile(intent())));
    scene
}

fn candidate() -> Candidate {
    let certificate_id = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
    Candidate { certificate_id, description: String::new() }
}

#[test]
fn an_answered_order_binds_its_certificate() {
    let mut scene = sent();
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    assert_eq!(scene.engine.state().certificate_id, CertificateId::parse("AAAAAAAAAAAA1").ok());
    assert_eq!(scene.state("issued"), "started");
    scene.assert_replays();
}

#[test]
fn after_a_crash_in_flight_the_order_is_asked_after_and_not_sent() {
    let mut scene = sent();
    scene.crash_and_resume();
    assert_eq!(scene.call("order"), Some(Call::Reconcile(intent())));
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Adopted));
    assert_eq!(scene.state("order"), "succeeded");
    scene.assert_replays();
}

#[test]
fn a_crash_before_the_intent_was_recorded_prepares_again() {
    let mut scene = Scene::new(plan(ORDER));
    scene.crash_and_resume();
    assert_eq!(
        scene.call("order"),
        Some(Call::Prepare { earlier: None, destinations: Vec::new() })
    );
}

#[test]
fn nothing_found_must_hold_for_the_settling_delay_before_anything_is_sent_again() {
    let mut scene = lost();
    scene.finish("order", Outcome::NothingFound);
    assert_eq!(scene.call("order"), None);
    scene.wait(Duration::from_secs(59));
    assert_eq!(scene.call("order"), None);
    scene.wait(Duration::from_secs(1));
    assert_eq!(scene.call("order"), Some(Call::Reconcile(intent())));
    scene.finish("order", Outcome::NothingFound);
    assert_eq!(scene.state("order"), "retrying");
    scene.wait(Duration::from_secs(60));
    // The next attempt looks for the lost order once more before it sends its own.
    assert_eq!(
        scene.call("order"),
        Some(Call::Prepare { earlier: Some(intent()), destinations: Vec::new() })
    );
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Adopted));
    assert_eq!(scene.state("order"), "succeeded");
    scene.assert_replays();
}

#[test]
fn a_crash_while_asking_starts_asking_over() {
    let mut scene = lost();
    scene.finish("order", Outcome::NothingFound);
    scene.crash_and_resume();
    assert_eq!(scene.call("order"), Some(Call::Reconcile(intent())));
    scene.finish("order", Outcome::NothingFound);
    assert_eq!(scene.state("order"), "unknown");
}

#[test]
fn several_candidates_stop_the_run_until_a_person_decides() {
    let mut scene = lost();
    let candidates = vec![candidate(), candidate()];
    scene.finish("order", Outcome::InDoubt { message: "two".to_owned(), candidates });
    assert_eq!((scene.state("order"), scene.phase()), ("in doubt", "in doubt"));
    assert!(scene.due().is_empty());
    scene.crash_and_resume();
    assert_eq!(scene.call("order"), Some(Call::Reconcile(intent())));
    scene.assert_replays();
}

#[test]
fn a_list_that_fails_again_and_again_leaves_the_order_in_doubt() {
    let mut scene = lost();
    let mut looks = 0;
    while scene.phase() == "running" {
        scene.finish("order", passing());
        looks += 1;
        scene.wait(Duration::from_secs(600));
    }
    assert_eq!((looks, scene.phase()), (6, "in doubt"));
    scene.assert_replays();
}

#[test]
fn a_refused_order_fails_and_is_prepared_anew_on_resume() {
    let mut scene = sent();
    scene.finish("order", final_failure());
    assert_eq!(scene.phase(), "failed");
    scene.crash_and_resume();
    assert_eq!(
        scene.call("order"),
        Some(Call::Prepare { earlier: None, destinations: Vec::new() })
    );
}

#[test]
fn an_order_that_got_nowhere_is_sent_again_only_through_a_new_intent() {
    let mut scene = sent();
    scene.finish("order", passing());
    assert_eq!(scene.state("order"), "retrying");
    scene.wait(Duration::from_secs(60));
    // It should not have come to anything, but looking costs nothing.
    assert_eq!(
        scene.call("order"),
        Some(Call::Prepare { earlier: Some(intent()), destinations: Vec::new() })
    );
}

#[test]
fn a_second_certificate_is_never_bound() {
    let mut scene = sent();
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    let mut events = scene.events.clone();
    for event in &mut events {
        if let EventKind::StepSucceeded { .. } = event.kind {
            event.kind = EventKind::CertificateBound {
                step: id("order"),
                certificate_id: CertificateId::parse("BBBBBBBBBBBB2").unwrap(),
                binding: BindingKind::Ordered,
            };
            break;
        }
    }
    let error = RunState::fold(&events).unwrap_err();
    assert!(error.to_string().contains("to a run that owns `AAAAAAAAAAAA1`"), "{error}");
}

fn in_doubt() -> Scene {
    in_doubt_between(Vec::new())
}

fn in_doubt_between(candidates: Vec<Candidate>) -> Scene {
    let mut scene = lost();
    scene.finish("order", Outcome::InDoubt { message: "two".to_owned(), candidates });
    scene
}

#[test]
fn a_person_can_say_which_certificate_it_is() {
    let mut scene = in_doubt();
    let certificate = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
    let command = scene.engine.adoption(certificate.clone()).unwrap();
    assert_eq!(command.call, Call::Adopt(intent(), certificate));
    let outcome = ordered("AAAAAAAAAAAA1", BindingKind::Adopted);
    let decided = scene.engine.adopted(&id("order"), outcome, "test", scene.now).unwrap();
    scene.record(decided);
    assert_eq!((scene.state("order"), scene.phase()), ("succeeded", "interrupted"));
    scene.crash_and_resume();
    assert_eq!(scene.state("issued"), "started");
    scene.assert_replays();
}

#[test]
fn a_person_can_say_that_nothing_was_ordered() {
    let candidate = Candidate {
        certificate_id: CertificateId::parse("AAAAAAAAAAAA1").unwrap(),
        description: "RapidSSL".to_owned(),
    };
    let mut scene = in_doubt_between(vec![candidate]);
    let decided = scene.engine.disowned("test").unwrap();
    scene.record(decided);
    assert!(scene.due().is_empty());
    scene.crash_and_resume();
    // It is looked for once more: people err. What was shown is somebody else's.
    let Intent::Order(lost) = intent() else { panic!() };
    let shown = CertificateId::parse("AAAAAAAAAAAA1").unwrap();
    let earlier = OrderIntent { known_certificate_ids: [shown].into(), ..lost };
    let earlier = Some(Intent::Order(earlier));
    assert_eq!(scene.call("order"), Some(Call::Prepare { earlier, destinations: Vec::new() }));
    // It counts as not sent all the same.
    assert!(!scene.engine.state().may_have_ordered());
    scene.assert_replays();
}

#[test]
fn where_nothing_is_in_doubt_there_is_nothing_to_settle() {
    let mut scene = sent();
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    assert!(scene.engine.disowned("test").is_none());
    assert!(scene.engine.adoption(CertificateId::parse("AAAAAAAAAAAA1").unwrap()).is_none());
}
