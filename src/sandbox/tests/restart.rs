//! What a scenario says holds over a restart: nothing of it is repeated, and nothing forgotten.

use super::*;

const SCENARIO: &str = "certplan_scenario: 1
faults:
  - { call: GET /tls/products, nth: 2, do: { answer: { status: 503 } } }
happenings:
  - { after: 1h, since: order, do: cancel }
  - { after: 2h, do: { put_record: { name: x.example.com, type: TXT, data: put } } }
";

async fn stage(file: &std::path::Path, scenario: &str, start: &str) -> Stage {
    let clock = VirtualClock::starting_at(start.parse().unwrap());
    let file = file.to_owned();
    let scenario =
        Scenario::parse(&crate::document::SourceFile::new("scenario.yaml", scenario)).unwrap();
    let mut options = scenario.options(std::sync::Arc::new(clock.clone()));
    options.state_file = Some(file);
    let sandbox = Sandbox::start(options).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Stage { sandbox, clock, client, key: "sandbox.key".to_owned() }
}

async fn products(stage: &Stage) -> u16 {
    stage.call("GET", "/tls/products", Value::Null).await.0
}

fn happened(stage: &Stage) -> Vec<String> {
    stage.controls().happenings().into_iter().map(|note| note.what).collect()
}

#[tokio::test]
async fn a_restart_neither_repeats_what_is_over_nor_forgets_what_is_to_come() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let first = stage(&file, SCENARIO, "2026-11-20T10:00:00Z").await;
    let order = first.order("RapidSSL", &["example.com"]).await;
    assert_eq!(products(&first).await, 200);
    first.sandbox.stop().await;

    // The second call of the world is the first of this process.
    let second = stage(&file, SCENARIO, "2026-11-20T10:30:00Z").await;
    assert_eq!(products(&second).await, 503);
    second.pass(31 * 60);
    let cancelled = second.ok("GET", &Stage::path(&order), Value::Null).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(happened(&second), ["cancel"]);
    second.sandbox.stop().await;

    // Two hours count from the first start, and what is over stays so.
    let third = stage(&file, SCENARIO, "2026-11-20T12:00:01Z").await;
    assert_eq!(products(&third).await, 200);
    assert_eq!(happened(&third), ["put_record"]);
    third.sandbox.stop().await;
    let fourth = stage(&file, SCENARIO, "2026-11-20T13:00:00Z").await;
    assert_eq!(products(&fourth).await, 200);
    assert!(happened(&fourth).is_empty());
    fourth.sandbox.stop().await;
}

#[tokio::test]
async fn rules_that_were_not_in_force_for_a_while_go_on_where_they_stood() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let first = stage(&file, SCENARIO, "2026-11-20T10:00:00Z").await;
    let order = first.order("RapidSSL", &["example.com"]).await;
    assert_eq!(products(&first).await, 200);
    first.sandbox.stop().await;
    let other = stage(&file, "certplan_scenario: 1\n", "2026-11-20T15:00:00Z").await;
    let foreign = other.order("RapidSSL", &["example.org"]).await;
    assert_eq!((products(&other).await, products(&other).await), (200, 200));
    assert!(happened(&other).is_empty());
    other.sandbox.stop().await;

    let again = stage(&file, SCENARIO, "2026-11-20T16:00:00Z").await;
    assert_eq!(products(&again).await, 503);
    let late = again.ok("GET", &Stage::path(&order), Value::Null).await;
    assert_eq!(late["status"], "cancelled");
    // The order of the other scenario was never this one's.
    let untouched = again.ok("GET", &Stage::path(&foreign), Value::Null).await;
    assert_eq!(untouched["status"], "pending");
    again.sandbox.stop().await;
}
