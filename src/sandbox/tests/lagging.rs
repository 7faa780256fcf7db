//! Several name servers of one zone, some of which know less than others.

use super::*;

#[tokio::test]
async fn a_lagging_name_server_shows_what_was_and_the_ca_waits_for_it() {
    let lag = Duration::from_secs(90);
    let stage = Stage::start(|options| options.name_server_lags = vec![Duration::ZERO, lag]).await;
    let servers = stage.sandbox.name_servers();
    assert_eq!(servers.len(), 2);
    assert_eq!(servers[0].port(), servers[1].port());
    assert_ne!(servers[0].ip(), servers[1].ip());
    let texts = async |index: usize, name: &str, kind| -> Vec<String> {
        let response = query(servers[index], name, kind, Transport::Udp).await.unwrap();
        response.answers.iter().map(|record| record.data.to_string()).collect()
    };
    let names = texts(0, "example.com", RecordType::NS).await;
    assert_eq!(names, ["ns1.certplan-sandbox.test.", "ns2.certplan-sandbox.test."]);
    assert_eq!(texts(0, &names[1], RecordType::A).await, [servers[1].ip().to_string()]);

    let certificate = stage.order("RapidSSL", &["example.com"]).await;
    stage.put_validation_records(&certificate).await;
    let name = "_dnsauth.example.com";
    let counts = async || {
        let [fast, slow] =
            [texts(0, name, RecordType::CNAME).await, texts(1, name, RecordType::CNAME).await];
        (fast.len(), slow.len())
    };
    assert_eq!(counts().await, (1, 0));
    stage.pass(89);
    assert_eq!(counts().await, (1, 0));
    let path = Stage::path(&certificate);
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "pending");
    stage.pass(1);
    assert_eq!(counts().await, (1, 1));
    // The looks were at 60 and 120 seconds, although nobody asked before 600.
    stage.pass(510);
    stage.ok("GET", &path, Value::Null).await;
    let (_, log) = (texts(1, name, RecordType::CNAME).await, stage.controls().orders());
    assert_eq!(log[0].status, "issued");
    assert_eq!(log[0].issued_at.unwrap(), log[0].created_at + Duration::from_secs(120));
    stage.controls().set_lags(vec![lag]).await.unwrap();
    assert_eq!(counts().await, (1, 1));
}
