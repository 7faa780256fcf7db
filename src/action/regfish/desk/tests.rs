//! One list for all: while it waits for its turn, and when lists do not help.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::api::budget::{Budget, BudgetSettings, Windows};
use crate::api::http::script::{Reply, Script};
use crate::api::http::{Connection, Gate as _, Turn, Urgency, Verdict};
use crate::types::VirtualClock;

/// Enough who wait that a list is worth it.
const IDS: [&str; 3] = ["AAAAAAAAAAAA1", "AAAAAAAAAAAA2", "AAAAAAAAAAAA3"];

const MINUTE: Duration = Duration::from_secs(60);

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::starting_at("2026-03-01T12:00:00Z".parse().unwrap()))
}

/// A list of these certificates, all pending.
fn list(ids: &[&str]) -> Reply {
    let certificate =
        |id: &&str| json!({ "id": id, "status": "pending", "common_name": "a.example" });
    let certificates: Vec<_> = ids.iter().map(certificate).collect();
    Reply::json(200, &json!({ "success": true, "response": certificates }).to_string())
}

/// Begins to wait for each of the certificates; returns who is going to be told.
fn wait_for(desk: &CertificateDesk, ids: &[&str]) -> Vec<oneshot::Receiver<Busy>> {
    let waiting = Waiting {
        uses: "regfish.wait_issued".to_owned(),
        parameters: Arc::default(),
        every: MINUTE,
        until: None,
    };
    let wait = |id: &&str| desk.wait(&waiting, CertificateId::parse(id).unwrap(), false);
    ids.iter().filter_map(wait).collect()
}

async fn all_woken(waits: Vec<oneshot::Receiver<Busy>>) {
    join_all(waits).await.into_iter().for_each(|mark| drop(mark.unwrap()));
}

#[tokio::test]
async fn a_virtual_clock_moves_on_while_the_list_waits_for_the_request_budget() {
    let clock = clock();
    let start = clock.now();
    let windows = Windows::parse("1/60s").unwrap();
    let settings = BudgetSettings { windows, ..BudgetSettings::default() };
    let budget = Budget::new(settings, clock.clone(), Arc::new(|| 0.5));
    let (Turn::Go(pass) | Turn::Probe(pass)) = budget.pass(Urgency::Order).await.unwrap();
    pass.report(Verdict::Answered);

    let script = Script::start(vec![list(&[])]).await;
    let gate = Arc::new(budget);
    let connection = Connection { clock: clock.clone(), gate, ..script.connection() };
    let desk = CertificateDesk::new(RegfishClient::new(connection).unwrap(), clock.clone());
    let waits = wait_for(&desk, &IDS);
    assert_eq!(waits.len(), 1, "from the third on there is a list for all");
    all_woken(waits).await;
    assert_eq!(script.lines(), ["GET /tls/certificate"]);
    assert!(clock.now().duration_since(start).as_secs() >= 60);
}

#[tokio::test]
async fn when_lists_keep_failing_everybody_looks_singly_for_a_while() {
    let clock = clock();
    let broken = || Reply::json(500, r#"{"success": false, "message": "out of order"}"#);
    let script = Script::start(vec![broken(), broken(), broken(), list(&[])]).await;
    let connection = Connection { clock: clock.clone(), ..script.connection() };
    let desk = CertificateDesk::new(RegfishClient::new(connection).unwrap(), clock.clone());
    all_woken(wait_for(&desk, &IDS)).await;
    assert_eq!(script.lines().len(), 3, "a list that fails is tried again first");
    assert!(wait_for(&desk, &IDS).is_empty(), "now each looks at its own certificate");
    clock.advance_to(later(clock.now(), LISTS_PAUSE));
    let waits = wait_for(&desk, &IDS);
    assert!(!waits.is_empty(), "after the pause lists are tried again");
    all_woken(waits).await;
    assert_eq!(script.lines().len(), 4);
}

#[tokio::test]
async fn who_is_called_back_does_not_wait_for_the_list_that_somebody_else_asks_for() {
    let clock = clock();
    let script = Script::start(vec![]).await;
    let connection = Connection { clock: clock.clone(), ..script.connection() };
    let desk = CertificateDesk::new(RegfishClient::new(connection).unwrap(), clock.clone());
    let asking = desk.0.asking.lock().await;
    let work = Work::begin(clock, None);
    let asked = work.within(MINUTE, desk.asked_now());
    let (asked, ()) = tokio::join!(asked, async { work.release() });
    let error = asked.unwrap().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Held { .. }), "{error}");
    assert!(work.was_turned_away());
    drop(asking);
    assert!(script.lines().is_empty(), "nothing was sent");
}
