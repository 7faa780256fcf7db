//! Many open orders: what they cost.

use super::*;

async fn fill(stage: &Stage, count: usize) {
    let key = key();
    for index in 0..count {
        let name = format!("www.customer{index}.example");
        let body = order(&key, "RapidSSL", &[&name, &format!("customer{index}.example")]);
        stage.ok("POST", "/tls/certificate", body).await;
    }
}

#[tokio::test]
async fn open_orders_cost_nothing_while_nothing_is_due() {
    let stage = Stage::start(|options| options.timing.looks = Timing::quick().looks).await;
    fill(&stage, 50).await;
    stage.pass(2);
    stage.ok("GET", "/tls/products", Value::Null).await;
    // All of them were looked at in vain; nobody looks again before a record is put.
    stage.pass(86_400);
    stage.ok("GET", "/tls/products", Value::Null).await;
    let listed = stage.ok("GET", "/tls/certificate", Value::Null).await;
    assert_eq!(listed.as_array().unwrap().len(), 50);
    stage.put_validation_records(&listed[7]).await;
    stage.pass(1);
    let issued = stage.ok("GET", "/tls/certificate", Value::Null).await;
    let issued = issued.as_array().unwrap().iter().filter(|one| one["status"] == "issued");
    assert_eq!(issued.count(), 1);
}
