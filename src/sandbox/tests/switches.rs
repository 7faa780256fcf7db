//! What the contract leaves open, one way and the other.

use super::*;

#[tokio::test]
async fn answers_come_in_either_envelope() {
    for (envelope, code, message) in
        [(Envelope::Coded, true, false), (Envelope::Worded, false, true)]
    {
        let stage = Stage::start(|options| options.behaviour.envelope = envelope).await;
        let (_, good) = stage.call("GET", "/tls/products", Value::Null).await;
        assert_eq!((good["response"].is_array(), good.get("code").is_some()), (true, code));
        let (_, bad) = stage.call("GET", "/tls/certificate/NOPE", Value::Null).await;
        assert_eq!((bad.get("code").is_some(), bad.get("message").is_some()), (code, message));
        assert_eq!(
            (&bad["success"], &bad["error"]),
            (&json!(false), &json!("certificate not found"))
        );
    }
}

#[tokio::test]
async fn the_bundle_may_never_exist_and_hints_may_linger_or_be_missing() {
    let stage = Stage::start(|options| {
        options.behaviour.zip = ZipAnswer::NotFound;
        options.behaviour.stale_hints = true;
        options.behaviour.dots = TrailingDots::Both;
        options.behaviour.contract = ContractTerm::Certificate;
        options.behaviour.renewals = false;
        options.downloads_refused = 0;
    })
    .await;
    let certificate = stage.order("RapidSSL", &["example.com"]).await;
    assert_eq!(certificate["validation"]["dns_records"][0]["name"], "_dnsauth.example.com.");
    stage.put_validation_records(&certificate).await;
    stage.pass(60);
    let path = Stage::path(&certificate);
    let issued = stage.ok("GET", &path, Value::Null).await;
    assert_eq!(
        (&issued["status"], &issued["pending_reason"]),
        (&json!("issued"), &json!("validation_pending"))
    );
    assert_eq!(issued["contract_valid_until"], issued["valid_until"]);
    assert_eq!(issued["renewal_supported"], false);
    assert_eq!(stage.call("GET", &format!("{path}/download/zip"), Value::Null).await.0, 404);
    let pem = stage.send("GET", &format!("{path}/download/pem"), None).await.unwrap();
    assert_eq!(pem.status(), 200);

    let bare = Stage::start(|options| options.behaviour.reasons = false).await;
    let staged = bare.order("SecureSite", &["example.com"]).await;
    assert_eq!(
        (&staged["action_required"], &staged["pending_reason"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn system_records_are_listed_and_cannot_be_touched() {
    let stage = Stage::start(|_| {}).await;
    let listed = stage.ok("GET", "/dns/example.com/rr", Value::Null).await;
    assert_eq!((&listed[0]["type"], &listed[0]["auto"]), (&json!("NS"), &json!(true)));
    let name = DomainName::parse("www.example.com").unwrap();
    let own = stage.controls().add_foreign_record(&name, "A", "192.0.2.1").await.unwrap();
    stage.controls().mark_record(own, true, true).await.unwrap();
    for id in [listed[0]["id"].as_u64().unwrap(), own] {
        let path = format!("/dns/rr/{id}");
        assert_eq!(stage.call("DELETE", &path, Value::Null).await.0, 400);
        let change = json!({ "type": "A", "name": "www", "data": "192.0.2.2" });
        assert_eq!(stage.call("PATCH", &path, change).await.0, 400);
    }
    stage.controls().mark_record(own, false, false).await.unwrap();
    let server = stage.sandbox.dns_address();
    let hidden = query(server, "www.example.com", RecordType::A, Transport::Udp).await.unwrap();
    assert!(hidden.answers.is_empty());
}

#[tokio::test]
async fn lists_of_a_zone_can_fail_now_and_then_and_limits_can_be_switched_on() {
    let stage = Stage::start(|options| {
        options.behaviour.zone_list_failures = 3;
        options.rate_limits.regfish =
            vec![RateLimit { requests: 8, window: Duration::from_secs(60) }];
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..9 {
        statuses.push(stage.call("GET", "/dns/example.com/rr", Value::Null).await.0);
    }
    assert_eq!(statuses, [200, 200, 500, 200, 200, 500, 200, 200, 429]);
    stage.pass(60);
    assert_eq!(stage.call("GET", "/tls/products", Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_seed_gives_the_same_ids_and_tokens_again() {
    let first = async |seed| {
        let stage = Stage::start(|options| options.seed = seed).await;
        let made = stage.order("RapidSSL", &["example.com"]).await;
        (made["id"].clone(), made["validation"].clone())
    };
    assert_eq!(first(Some(7)).await, first(Some(7)).await);
    assert_ne!(first(Some(7)).await, first(Some(8)).await);
}

#[tokio::test]
async fn beyond_loopback_it_listens_only_when_told_to() {
    let mut options = SandboxOptions::standalone();
    options.listen = "0.0.0.0:0".parse().unwrap();
    options.beyond_loopback = true;
    let sandbox = Sandbox::start(options).await.unwrap();
    assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
    sandbox.stop().await;
}

#[tokio::test]
async fn mail_can_be_answered_by_hand() {
    let stage = Stage::start(|_| {}).await;
    let mut body = order(&key(), "RapidSSL", &["example.com"]);
    body["dcv_method"] = json!("email");
    body["dcv_emails"] = json!(["admin@example.com"]);
    let certificate = stage.ok("POST", "/tls/certificate", body).await;
    let id = certificate["id"].as_str().unwrap();
    stage.controls().answer_mail(id).await.unwrap();
    assert!(stage.controls().answer_mail(id).await.is_err());
    let issued = stage.ok("GET", &Stage::path(&certificate), Value::Null).await;
    assert_eq!(issued["status"], "issued");
}
