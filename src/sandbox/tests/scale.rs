//! Many open orders: what they cost.

use std::time::Instant;

use super::*;

/// Resident memory in megabytes; only Linux tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1_024)
}

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

#[tokio::test]
#[ignore = "a measurement; takes a minute without optimization"]
async fn ten_thousand_open_orders_fit_into_200_megabytes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world");
    let before = resident().unwrap_or_default();
    let stage = Stage::start(|options| options.state_file = Some(file.clone())).await;
    let begin = Instant::now();
    fill(&stage, 10_000).await;
    let filled = begin.elapsed();
    let after = resident().unwrap_or_default();

    stage.pass(60);
    let begin = Instant::now();
    stage.ok("GET", "/tls/products", Value::Null).await;
    let looked = begin.elapsed();
    let begin = Instant::now();
    stage.ok("GET", "/tls/products", Value::Null).await;
    let quiet = begin.elapsed();
    let begin = Instant::now();
    let list = stage.send("GET", "/tls/certificate", None).await.unwrap().bytes().await.unwrap();
    let listed = begin.elapsed();
    let journal = std::fs::metadata(&file).unwrap().len() >> 20;
    drop(stage);
    let begin = Instant::now();
    let stage = Stage::start(|options| options.state_file = Some(file.clone())).await;
    let restarted = begin.elapsed();
    let compact = std::fs::metadata(&file).unwrap().len() >> 20;
    let at_the_end = resident().unwrap_or_default();
    let summary = format!(
        "filled in {filled:?}; memory {before} -> {after} -> {at_the_end} MB; first look at all \
         {looked:?}; quiet request {quiet:?}; list of {} MB {listed:?}; journal {journal} MB, \
         {compact} MB after a restart in {restarted:?}",
        list.len() >> 20
    );
    std::io::Write::write_all(&mut std::io::stderr(), format!("{summary}\n").as_bytes()).unwrap();
    assert_eq!(stage.controls().orders().len(), 10_000);
    assert!(after < 200, "{summary}");
}
