//! A world that moves on while an order waits.

use std::time::Duration;

use serde_json::json;

use super::*;

const RECORDS: &str = "
  - { id: order, uses: regfish.create_order, with: { sku: X, common_name: www.example.com, csr: '{{ target }}' } }
  - id: validation
    uses: regfish.wait_dns_records
    with: { certificate_id: '{{ steps.order.certificate_id }}' }
  - id: record
    uses: regfish.put_records
    with: { records: '{{ steps.validation.dns_records }}' }
  - id: issued
    uses: regfish.wait_issued
    needs: [record]
    with: { certificate_id: '{{ steps.order.certificate_id }}' }
    poll: { every: 1h, timeout: 60d }
";

fn records(token: &str) -> Value {
    json!([{ "name": "_dnsauth.example.com", "type": "CNAME", "value": token }])
}

fn put(scene: &mut Scene, token: &str) {
    scene.finish(
        "validation",
        succeeded(json!({
            "certificate_id": "AAAAAAAAAAAA1", "status": "pending", "dns_records": records(token),
        })),
    );
    scene.finish("record", succeeded(json!({ "records": [] })));
}

fn waiting() -> Scene {
    let mut scene = Scene::new(plan(RECORDS));
    scene.finish("order", Outcome::Prepared { intent: intent() });
    scene.finish("order", ordered("AAAAAAAAAAAA1", BindingKind::Ordered));
    put(&mut scene, "first");
    scene.finish("issued", seeing("pending", json!({ "dns_records": records("first") })));
    assert_eq!(scene.state("issued"), "waiting");
    scene.wait(Duration::from_secs(3600));
    scene
}

#[test]
fn other_validation_records_than_were_put_reopen_the_steps_that_put_them() {
    let mut scene = waiting();
    scene.finish("issued", seeing("pending", json!({ "dns_records": records("second") })));
    assert_eq!(
        ["order", "validation", "record", "issued"].map(|step| scene.state(step)),
        ["succeeded", "started", "pending", "pending"]
    );
    put(&mut scene, "second");
    scene.finish("issued", seeing("pending", json!({ "dns_records": records("second") })));
    assert_eq!(scene.state("issued"), "waiting");
    scene.assert_replays();
}

#[test]
fn the_same_records_in_another_order_of_keys_are_the_same() {
    let mut scene = waiting();
    let same = json!([{ "value": "first", "type": "CNAME", "name": "_dnsauth.example.com" }]);
    scene.finish("issued", seeing("pending", json!({ "dns_records": same })));
    assert_eq!(scene.state("issued"), "waiting");
}

#[test]
fn records_that_are_no_longer_shown_say_nothing() {
    let mut scene = waiting();
    scene.finish("issued", seeing("pending", json!({})));
    assert_eq!(scene.state("record"), "succeeded");
}

#[test]
fn records_that_change_again_and_again_end_the_run() {
    let mut scene = waiting();
    for round in 0..20 {
        if scene.phase() != "running" {
            break;
        }
        let token = format!("token{round}");
        scene.finish("issued", seeing("pending", json!({ "dns_records": records(&token) })));
        if scene.state("validation") == "started" {
            put(&mut scene, &token);
        }
    }
    assert_eq!((scene.state("issued"), scene.phase()), ("failed", "failed"));
    scene.assert_replays();
}
