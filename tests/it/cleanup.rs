//! Validation records after their time: which go, which stay, and what a run does that needs one
//! once more.

use certplan::run::{EventKind, ReopenReason, RunPhase, RunResult};
use certplan::sandbox::{CannedAnswer, Fault, FaultAction};
use serde_json::{Value, json};

use crate::harness::{COMMON_NAME, Project, World};
use crate::scene::{Scene, describe, shipped_text};

const NAME: &str = "_dnsauth.example.com";
const DELETE: [&str; 3] = ["gc", "--delete", "--yes"];

/// A plan that leaves its record in place; `issued` is told how long to wait.
fn plan(issued: &str) -> String {
    let text = shipped_text("dv.yaml").replace("every: 15s", "every: 1s");
    let text = text.split("  - id: clean_up").next().unwrap();
    let text = text.split("  # The proof has done its work.").next().unwrap();
    let wait = "    poll: { timeout: 1d }\n";
    assert!(text.contains(wait));
    let text = text.replace(wait, &format!("    {issued}\n"));
    format!("{}\n    poll: {{ every: 1s, timeout: 1m }}\n", text.trim_end())
}

fn finishing() -> String {
    plan("poll: { every: 1s, timeout: 1m }")
}

fn parking() -> String {
    plan("timeout: 1s\n    poll: { every: 1s, timeout: 1s }")
}

/// A project whose run has come to its end; with the run's id.
fn done(world: &World) -> (Project, String) {
    let project = Project::new();
    project.write("plan.yaml", finishing());
    let run = project.run_for(&world.base_url(), &["run", "plan.yaml"]).expect_code(0).value("run");
    (project, run)
}

/// A project whose run waits for the CA with its record in place; with the run's id.
fn waiting(world: &World, name: &str) -> (Project, String) {
    let project = Project::new();
    project.write("plan.yaml", parking());
    let input = format!("common_name={name}");
    let arguments = ["run", "plan.yaml", "--input", &input];
    let run = project.run_for(&world.base_url(), &arguments).expect_code(4).value("run");
    (project, run)
}

/// The records of ours that `gc` tells of, as name and standing.
fn found(project: &Project, world: &World) -> Vec<(String, String)> {
    let result = project.run_for(&world.base_url(), &["gc", "--output", "json"]).expect_code(0);
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let records = result.json()["records"].as_array().unwrap().clone();
    records.iter().map(|record| (text(record, "name"), text(record, "standing"))).collect()
}

fn deletions(world: &World) -> usize {
    let requests = world.requests();
    requests
        .iter()
        .filter(|request| request.method == "DELETE" && request.path.starts_with("/dns/rr/"))
        .count()
}

fn pair(name: &str, standing: &str) -> (String, String) {
    (name.to_owned(), standing.to_owned())
}

#[test]
fn a_record_whose_run_is_over_is_shown_and_goes_when_it_is_asked_for() {
    let world = World::live();
    let (project, run) = done(&world);
    world.add_foreign_record("_dnsauth.shop.example.com", "CNAME", "x.dcv.digicert.com");

    let shown = project.run_for(&world.base_url(), &["gc"]).expect_code(0);
    let shown = shown.expect_data(NAME).expect_data(&run).expect_data("its run has succeeded");
    assert!(!shown.stdout.contains("shop"), "{shown}");
    let _ = shown.expect_data(COMMON_NAME).expect_talk("`certplan gc --delete`");
    let refused = project.run_for(&world.base_url(), &["gc", "--delete"]).expect_code(2);
    let _ = refused.expect_talk("not confirmed").expect_talk("`--yes`");
    assert_eq!(deletions(&world), 0);

    let deleted = project.run_for(&world.base_url(), &DELETE).expect_code(0);
    let _ = deleted.expect_talk(&format!("{NAME} CNAME")).expect_talk("deleted");
    assert_eq!(deletions(&world), 1);
    let again = project.run_for(&world.base_url(), &DELETE).expect_code(0).expect_no_data();
    let _ = again.expect_talk("nothing is left over");
    assert_eq!(deletions(&world), 1);
    project.expect_nowhere(crate::harness::API_KEY);
}

#[test]
fn a_run_that_is_parked_keeps_its_record_until_it_is_given_up() {
    let world = World::new();
    let (project, run) = waiting(&world, COMMON_NAME);
    assert_eq!(found(&project, &world), [pair(NAME, "needed")]);
    let kept = project.run_for(&world.base_url(), &DELETE).expect_code(0).expect_no_data();
    let _ = kept.expect_talk("1 record of ours may still be needed");
    let _ = project.run_for(&world.base_url(), &["gc", "--delete", "--unknown", "--yes"]);
    assert_eq!(deletions(&world), 0);
    // Its order stays open at the vendor, and the person who gave it up has meant it.
    let _ = project.run(&["cancel", &run, "--yes"]).expect_code(0);
    assert_eq!(found(&project, &world), [pair(NAME, "left_over")]);
    let _ = project.run_for(&world.base_url(), &DELETE).expect_code(0);
    assert_eq!(deletions(&world), 1);
}

#[test]
fn what_another_state_folder_made_is_told_apart_and_goes_only_by_a_word_of_its_own() {
    let world = World::live();
    let (_, other) = done(&world);
    // The second folder has a run of its own, for another name.
    let project = Project::new();
    project.write("plan.yaml", finishing());
    let arguments = ["run", "plan.yaml", "--input", "common_name=www.example.org"];
    let _ = project.run_for(&world.base_url(), &arguments).expect_code(0);
    let shown = project.run_for(&world.base_url(), &["gc"]).expect_code(0);
    let _ = shown.expect_data("does not know").expect_data(&other).expect_talk("--unknown");
    let _ = project.run_for(&world.base_url(), &DELETE).expect_code(0);
    assert_eq!(found(&project, &world), [pair(NAME, "unknown_run")]);
    let all = ["gc", "--delete", "--unknown", "--yes"];
    let _ = project.run_for(&world.base_url(), &all).expect_code(0).expect_talk("deleted");
    assert_eq!(found(&project, &world), []);
}

#[test]
fn what_an_open_order_asks_for_stays_whoever_follows_it() {
    let world = World::new();
    let (_other, _) = waiting(&world, COMMON_NAME);
    let (project, _) = waiting(&world, "www.example.org");
    assert_eq!(
        found(&project, &world),
        [pair(NAME, "needed"), pair("_dnsauth.example.org", "needed")]
    );
    let order = world.orders().into_iter().find(|order| order.common_name == COMMON_NAME).unwrap();
    let listed = project.run_for(&world.base_url(), &["gc", "--output", "json"]).json();
    let reason = format!("the open order {} asks for it", order.id);
    assert_eq!(listed["records"][0]["reason"], reason);
    let _ = project.run_for(&world.base_url(), &["gc", "--delete", "--unknown", "--yes"]);
    assert_eq!(deletions(&world), 0);
}

/// The number of the only record of ours.
fn record_id(project: &Project, world: &World) -> i64 {
    let listed = project.run_for(&world.base_url(), &["gc", "--output", "json"]).json();
    listed["records"][0]["record_id"].as_i64().unwrap()
}

#[test]
fn a_record_that_was_changed_since_it_was_found_is_left_alone() {
    let world = World::live();
    let (project, run) = done(&world);
    let id = record_id(&project, &world);
    let changed = json!({ "success": true, "code": 0, "response": {
        "id": id, "name": format!("{NAME}."), "type": "CNAME", "data": "mine.example.net.",
        "ttl": 300, "auto": false, "active": true,
        "annotation": format!("managed by certplan; run {run}"),
    } });
    let answer = CannedAnswer::text(200, "application/json", &changed.to_string());
    let path = format!("/dns/rr/{id}");
    world.add_fault(Fault::at("GET", &path, 1, FaultAction::Instead(answer)));
    let kept = project.run_for(&world.base_url(), &DELETE).expect_code(3);
    let _ = kept.expect_talk("left alone: somebody changed it meanwhile");
    assert_eq!(deletions(&world), 0);
}

#[test]
fn what_cannot_be_read_or_deleted_is_said_and_is_no_success() {
    let world = World::live();
    let (project, _) = done(&world);
    let gone = FaultAction::refusal(500, "internal server error");
    let id = record_id(&project, &world);
    world.add_fault(Fault::at("DELETE", &format!("/dns/rr/{id}"), 1, gone.clone()));
    let failed = project.run_for(&world.base_url(), &DELETE).expect_code(3);
    let _ = failed.expect_talk("not deleted:");
    // Without the list of orders nobody knows what is asked for.
    world.add_fault(Fault::at("GET", "/tls/certificate", 1, gone.clone()));
    let failed = project.run_for(&world.base_url(), &DELETE).expect_code(3);
    let _ = failed.expect_talk("not looked at:").expect_talk("the orders cannot be listed");
    world.add_fault(Fault::at("GET", "/dns/zones", 1, gone));
    let failed = project.run_for(&world.base_url(), &DELETE).expect_code(3);
    let _ = failed.expect_talk("the zones cannot be listed");
    assert_eq!(found(&project, &world), [pair(NAME, "left_over")]);
    let keyless = project.run(&["gc"]).expect_code(2);
    let _ = keyless.expect_talk("REGFISH_API_KEY");
}

#[test]
fn the_embedded_sandbox_is_cleaned_up_only_when_it_is_named() {
    let project = Project::new();
    let _ = project.run(&["gc"]).expect_code(2).expect_talk("there are no runs");
    project.write("plan.yaml", finishing());
    let _ = project.run(&["run", "plan.yaml", "--sandbox"]).expect_code(0);
    let _ = project.run(&["gc"]).expect_code(0).expect_no_data().expect_talk("gc --sandbox");
    let _ = project.run(&["gc", "--sandbox"]).expect_code(0).expect_data(NAME);
    let _ = project.run(&["gc", "--sandbox", "--delete", "--yes"]).expect_code(0);
    let again = project.run(&["gc", "--sandbox"]).expect_code(0).expect_no_data();
    let _ = again.expect_talk("nothing is left over");
}

#[tokio::test]
async fn a_failed_run_deletes_its_record_and_puts_it_again_when_it_is_resumed() {
    let text = shipped_text("dv.yaml");
    let text = text.split("  - id: clean_up").next().unwrap();
    let text = text.split("  # The proof has done its work.").next().unwrap();
    let finally = "\nfinally:\n  - id: clean_up\n    uses: regfish.delete_records\n    \
                   when: steps.record.records is defined\n    \
                   with: { records: \"{{ steps.record.records }}\" }\n";
    let scene = Scene::with(&format!("{}{finally}", text.trim_end()), |_| {}).await;
    scene
        .begin_and_crash_at(|event| {
            matches!(event, EventKind::StepStarted { step, .. } if step.as_str() == "issued")
        })
        .await;
    let path = format!("/tls/certificate/{}", scene.order().id);
    let refusal = FaultAction::refusal(403, "no");
    scene.sandbox().controls().add_fault(Fault::at("GET", &path, 1, refusal));
    let records = async || {
        let zone = scene.client().list_records("example.com").await.unwrap().unwrap();
        zone.into_iter().filter(|record| record.name == NAME).count()
    };
    let state = scene.resume().await;
    assert_eq!(state.phase, RunPhase::Finished(RunResult::Failed), "{}", describe(&state));
    assert_eq!(records().await, 0);
    let state = scene.resume().await;
    scene.expect_issued(&state);
    assert_eq!((scene.orders_sent(), records().await), (1, 0));
    let undone = scene.events().await.into_iter().any(|event| {
        matches!(event.kind, EventKind::StepReopened { step, reason: ReopenReason::Undone { .. } }
            if step.as_str() == "record")
    });
    assert!(undone, "{}", describe(&state));
}
