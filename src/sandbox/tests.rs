//! The sandbox from outside: a raw HTTP client, a raw DNS client, a virtual clock.

mod console;
mod control;
mod digicert;
mod lagging;
mod lifecycle;
mod restart;
mod scale;
mod switches;
mod unknowns;

use std::time::Duration;

use hickory_net::proto::op::ResponseCode;
use hickory_net::proto::rr::RecordType;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use x509_parser::pem::Pem;

use super::dns::{Transport, query};
use super::*;
use crate::types::{Clock, DomainName, Timestamp, VirtualClock};

const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";

/// A sandbox with a virtual clock, and a client that holds the right key.
struct Stage {
    sandbox: Sandbox,
    clock: VirtualClock,
    client: reqwest::Client,
    key: String,
}

impl Stage {
    async fn start(adjust: impl FnOnce(&mut SandboxOptions)) -> Self {
        let clock = VirtualClock::starting_at("2026-11-20T10:00:00Z".parse().unwrap());
        let mut options = SandboxOptions::embedded(std::sync::Arc::new(clock.clone()));
        adjust(&mut options);
        let sandbox = Sandbox::start(options).await.unwrap();
        Self {
            sandbox,
            clock,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            key: "sandbox.key".to_owned(),
        }
    }

    fn controls(&self) -> Controls {
        self.sandbox.controls()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance_to(self.clock.now() + Duration::from_secs(seconds));
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{path}", self.sandbox.base_url());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, url).header("x-api-key", &self.key);
        match body {
            Some(body) => request.body(body),
            None => request,
        }
        .send()
        .await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = (!body.is_null()).then(|| body.to_string());
        let response = self.send(method, path, body).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The response of a call that must succeed.
    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
        answer["response"].clone()
    }

    async fn order(&self, sku: &str, names: &[&str]) -> Value {
        self.ok("POST", "/tls/certificate", order(&key(), sku, names)).await
    }

    async fn put_validation_records(&self, certificate: &Value) {
        for record in certificate["validation"]["dns_records"].as_array().unwrap() {
            let body = json!({
                "type": record["type"], "name": record["name"], "data": record["value"], "ttl": 60,
            });
            self.ok("POST", "/dns/rr", body).await;
        }
    }

    fn path(certificate: &Value) -> String {
        format!("/tls/certificate/{}", certificate["id"].as_str().unwrap())
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn csr(key: &KeyPair, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, &names[0]);
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn order(key: &KeyPair, sku: &str, names: &[&str]) -> Value {
    json!({
        "sku": sku,
        "common_name": names[0],
        "dns_names": names[1..],
        "csr": csr(key, names),
        "dcv_method": "dns-cname-token",
        "validity_days": 199,
    })
}

/// An organization with all nine fields.
fn organization(name: &str) -> Value {
    json!({
        "organization": name, "first_name": "Erika", "last_name": "Mustermann",
        "address": "Domplatz 1", "postal_code": "50667", "city": "Köln", "country_code": "DE",
        "phone": "+49 221 0", "email": "tls@example.com",
    })
}

#[tokio::test]
async fn the_staged_ov_recipe_leads_to_a_certificate_for_the_key() {
    let stage = Stage::start(|_| {}).await;
    let products = stage.ok("GET", "/tls/products", Value::Null).await;
    assert_eq!(products.as_array().unwrap().len(), 7);
    let key = key();
    let body = order(&key, "securesite", &["www.example.com", "api.example.com"]);
    let staged = stage.ok("POST", "/tls/certificate", body).await;
    assert_eq!(staged["product"], "SecureSite");
    assert_eq!(staged["action_required"], true);
    assert_eq!(staged["order_state"], "ACTION_REQUIRED");
    assert_eq!(staged["pending_reason"], "organization_required");
    assert!(staged.get("validation").is_none());
    let path = Stage::path(&staged);
    let url = staged["completion_url"].as_str().unwrap();
    assert!(url.starts_with(&stage.sandbox.base_url()) && url.ends_with("/complete"), "{url}");

    let complete = format!("{path}/complete");
    let completed = stage.ok("POST", &complete, json!({ "org_id": USABLE })).await;
    assert_eq!(completed["id"], staged["id"]);
    assert_eq!(completed["action_required"], false);
    assert_eq!(completed["organization"]["name"], "Example GmbH");
    assert!(completed.get("validation").is_none());
    let (status, again) = stage.call("POST", &complete, json!({ "org_id": USABLE })).await;
    assert_eq!((status, &again["success"]), (400, &json!(false)));

    stage.pass(20);
    let waiting = stage.ok("GET", &path, Value::Null).await;
    assert_eq!(waiting["order_state"], "PENDING_APPROVAL");
    let records = waiting["validation"]["dns_records"].as_array().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["name"], "_dnsauth.example.com");
    assert!(records[0]["value"].as_str().unwrap().ends_with(".dcv.digicert.com."));

    stage.pass(3600);
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "pending");
    stage.put_validation_records(&waiting).await;
    stage.pass(301);
    let issued = stage.ok("GET", &path, Value::Null).await;
    assert_eq!((&issued["status"], &issued["order_state"]), (&json!("issued"), &json!("ISSUED")));
    assert_eq!(issued["certificate_pem_available"], true);

    let download = format!("{path}/download/pem");
    let (status, early) = stage.call("GET", &download, Value::Null).await;
    assert_eq!((status, &early["success"]), (409, &json!(false)));
    let response = stage.send("GET", &download, None).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-pem-file");
    let chain = response.text().await.unwrap();
    let blocks: Vec<Pem> = Pem::iter_from_buffer(chain.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(blocks.len(), 2);
    let leaf = blocks[0].parse_x509().unwrap();
    assert_eq!(leaf.public_key().raw, key.subject_public_key_info());
    let zip = stage.send("GET", &format!("{path}/download/zip"), None).await.unwrap();
    assert_eq!(zip.headers()["content-type"], "application/zip");
    let (leaf, rest) = (blocks[0].label.as_str(), zip.bytes().await.unwrap());
    assert!(leaf == "CERTIFICATE" && rest.starts_with(b"PK"));

    let snapshot = &stage.controls().orders()[0];
    assert_eq!((snapshot.status.as_str(), &snapshot.chain_pem), ("issued", &Some(chain)));
    stage.sandbox.stop().await;
}

#[tokio::test]
async fn a_dv_order_is_issued_only_after_the_ca_saw_the_record_in_the_dns() {
    let stage = Stage::start(|_| {}).await;
    let certificate = stage.order("RapidSSL", &["www.example.com", "www.example.org"]).await;
    assert_eq!(certificate["pending_reason"], "validation_pending");
    assert_eq!(certificate["validation"]["dns_records"].as_array().unwrap().len(), 2);
    let path = Stage::path(&certificate);
    stage.pass(60);
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "pending");
    stage.put_validation_records(&certificate).await;
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "pending");
    stage.pass(60);
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "issued");
    let all = stage.ok("GET", "/tls/certificate", Value::Null).await;
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn email_orders_are_issued_when_somebody_answers_the_mail() {
    let stage = Stage::start(|_| {}).await;
    let mut body = order(&key(), "RapidSSL", &["example.com"]);
    body["dcv_method"] = json!("email");
    let (status, _) = stage.call("POST", "/tls/certificate", body.clone()).await;
    assert_eq!(status, 400);
    body["dcv_emails"] = json!(["hostmaster@example.com"]);
    let certificate = stage.ok("POST", "/tls/certificate", body).await;
    assert_eq!(
        certificate["validation"],
        json!({ "method": "email", "email_targets": ["hostmaster@example.com"] })
    );
    stage.pass(601);
    let certificate = stage.ok("GET", &Stage::path(&certificate), Value::Null).await;
    assert_eq!(certificate["status"], "issued");
}

#[tokio::test]
async fn errors_have_the_documented_shape_and_every_answer_the_recorded_headers() {
    let mut stage = Stage::start(|_| {}).await;
    let response = stage.send("GET", "/tls/products", None).await.unwrap();
    assert_eq!(response.headers()["ratelimit-policy"], "500; w=60");
    assert_eq!(response.headers()["server"], "regfish");
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert!(!response.headers().contains_key("x-request-id"));

    let no = Value::Null;
    for (method, path, body, status) in [
        ("GET", "/tls/certificate/NOPE", &no, 404),
        ("GET", "/tls/organization/NOPE", &no, 404),
        ("GET", "/dns/rr/1", &no, 404),
        ("GET", "/dns/rr/x", &no, 404),
        ("GET", "/dns/www.example.com/rr", &no, 404),
        ("GET", "/nothing", &no, 404),
        ("PUT", "/tls/certificate", &no, 404),
        ("POST", "/tls/certificate", &json!([1]), 400),
        ("POST", "/tls/certificate", &json!({}), 400),
        ("POST", "/tls/certificate", &json!({ "sku": 7 }), 400),
        ("POST", "/tls/organization", &json!({ "organization": "X" }), 400),
        ("POST", "/dns/rr", &json!({ "type": "X", "name": "a.b", "data": "c" }), 400),
        ("POST", "/dns/rr", &json!({ "type": "A", "name": "www", "data": "192.0.2.1" }), 400),
    ] {
        let (found, answer) = stage.call(method, path, body.clone()).await;
        assert_eq!((found, &answer["success"]), (status, &json!(false)), "{method} {path}");
        assert_eq!(answer["message"], answer["error"], "{method} {path}");
        assert!(answer.get("code").is_none());
    }
    let mut wrong = order(&key(), "RapidSSL", &["example.com"]);
    wrong["csr"] = json!("no csr");
    let (status, answer) = stage.call("POST", "/tls/certificate", wrong).await;
    assert_eq!((status, &answer["error"]), (400, &json!("csr is not a PEM certificate request")));
    let long = stage.send("POST", "/dns/rr", Some("x".repeat((1 << 20) + 1))).await.unwrap();
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);

    stage.key = "wrong".to_owned();
    let (status, answer) = stage.call("GET", "/tls/products", Value::Null).await;
    assert_eq!((status, &answer["message"]), (401, &json!("unauthorized")));
}

#[tokio::test]
async fn records_can_be_put_found_changed_and_deleted() {
    let stage = Stage::start(|options| {
        options.unmanaged = vec![DomainName::parse("foreign.example").unwrap()];
        options.unmanaged_answer = UnmanagedAnswer::SuccessFalse;
        options.behaviour.auto_records = false;
    })
    .await;
    let body = json!({ "type": "TXT", "name": "X.Example.com.", "data": "hello", "ttl": 300 });
    let made = stage.ok("POST", "/dns/rr", body.clone()).await;
    assert_eq!((&made["name"], &made["ttl"]), (&json!("x.example.com."), &json!(300)));
    assert!(made.get("annotation").is_none());
    let (status, twice) = stage.call("POST", "/dns/rr", body).await;
    assert_eq!((status, &twice["code"]), (417, &json!(15_003)));
    assert!(twice.get("message").is_none());

    let path = format!("/dns/rr/{}", made["id"]);
    let change = json!({ "type": "TXT", "name": "y", "data": "bye", "annotation": "mine" });
    let changed = stage.ok("PATCH", &path, change).await;
    assert_eq!((&changed["id"], &changed["name"]), (&made["id"], &json!("y.example.com.")));
    assert_eq!(stage.ok("GET", &path, Value::Null).await["annotation"], "mine");
    let listed = stage.ok("GET", "/dns/example.com/rr", Value::Null).await;
    assert_eq!(listed, json!([changed]));
    let zones = stage.ok("GET", "/dns/zones", Value::Null).await;
    assert_eq!(zones[0]["domain"], "example.com");
    let zone = stage.ok("GET", "/dns/zones/example.com", Value::Null).await;
    assert_eq!(zone["counts"]["by_type"], json!({ "TXT": 1 }));

    let (status, deleted) = stage.call("DELETE", &path, Value::Null).await;
    assert_eq!((status, &deleted["success"]), (200, &json!(true)));
    assert!(deleted["error"].is_string() && deleted.get("response").is_none());
    assert_eq!(stage.call("DELETE", &path, Value::Null).await.0, 404);

    let (status, foreign) = stage.call("GET", "/dns/foreign.example/rr", Value::Null).await;
    assert_eq!((status, &foreign["code"]), (200, &json!(15_001)));
}

#[tokio::test]
async fn the_dns_server_answers_for_the_records_over_udp_and_tcp() {
    let stage = Stage::start(|_| {}).await;
    let server = stage.sandbox.dns_address();
    for (name, kind, data) in [
        ("_dnsauth.example.com", "CNAME", "abc.dcv.digicert.com"),
        ("www.example.com", "CNAME", "host.example.org."),
        ("host.example.org", "A", "192.0.2.7"),
        ("*.example.org", "TXT", "wild"),
        ("example.com", "CAA", "0 issue \"digicert.com\""),
        ("big.example.com", "TXT", &"x".repeat(2000)),
    ] {
        let name = DomainName::parse(name).unwrap();
        stage.controls().add_foreign_record(&name, kind, data).await.unwrap();
    }
    for (name, kind, code, texts) in [
        (
            "_DnsAuth.Example.com",
            RecordType::CNAME,
            ResponseCode::NoError,
            &["abc.dcv.digicert.com."][..],
        ),
        (
            "www.example.com",
            RecordType::A,
            ResponseCode::NoError,
            &["host.example.org.", "192.0.2.7"],
        ),
        ("any.example.org", RecordType::TXT, ResponseCode::NoError, &["wild"]),
        ("example.com", RecordType::CAA, ResponseCode::NoError, &["0 issue \"digicert.com\""]),
        ("example.com", RecordType::NS, ResponseCode::NoError, &["ns1.certplan-sandbox.test."]),
        ("ns1.certplan-sandbox.test", RecordType::A, ResponseCode::NoError, &["127.0.0.1"]),
        ("host.example.org", RecordType::AAAA, ResponseCode::NoError, &[]),
        ("none.example.com", RecordType::A, ResponseCode::NXDomain, &[]),
        ("com", RecordType::SOA, ResponseCode::Refused, &[]),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let response = query(server, name, kind, transport).await.unwrap();
            let found: Vec<String> =
                response.answers.iter().map(|record| record.data.to_string()).collect();
            assert_eq!(
                (response.metadata.response_code, &found[..]),
                (code, &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..]),
                "{name}"
            );
            assert_eq!(response.metadata.authoritative, code != ResponseCode::Refused, "{name}");
            let negative = texts.is_empty() && code != ResponseCode::Refused;
            let has_soa =
                response.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
            assert_eq!(has_soa, negative, "{name}");
        }
    }
    let cut = query(server, "big.example.com", RecordType::TXT, Transport::Udp).await.unwrap();
    assert!(cut.metadata.truncation);
    let whole = query(server, "big.example.com", RecordType::TXT, Transport::Tcp).await.unwrap();
    assert_eq!(whole.answers.len(), 1);
}

#[tokio::test]
async fn an_answer_can_get_lost_before_or_after_the_order_was_made() {
    let post = |nth, action| Fault::at("POST", "/tls/certificate", nth, action);
    let stage = Stage::start(|options| {
        options.faults = vec![
            post(1, FaultAction::DropBeforeCommit),
            post(2, FaultAction::DropAfterCommit),
            post(3, FaultAction::refusal(503, "busy")),
            post(4, FaultAction::Html),
        ];
    })
    .await;
    let body = order(&key(), "RapidSSL", &["example.com"]).to_string();
    for orders in [0, 1] {
        let lost = stage.send("POST", "/tls/certificate", Some(body.clone())).await;
        assert!(lost.unwrap_err().is_request());
        let listed = stage.ok("GET", "/tls/certificate", Value::Null).await;
        assert_eq!(listed.as_array().unwrap().len(), orders);
    }
    let busy = stage.send("POST", "/tls/certificate", Some(body.clone())).await.unwrap();
    assert_eq!(busy.status(), 503);
    let proxy = stage.send("POST", "/tls/certificate", Some(body.clone())).await.unwrap();
    assert_eq!(
        (proxy.status().as_u16(), &proxy.headers()["content-type"]),
        (502, &"text/html".parse().unwrap())
    );
    let fine = stage.send("POST", "/tls/certificate", Some(body)).await.unwrap();
    assert_eq!(fine.status(), 200);
    let statuses: Vec<Option<u16>> = stage
        .controls()
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [None, None, Some(503), Some(502), Some(200)]);
}

#[tokio::test]
async fn a_restarted_sandbox_finds_its_orders_records_and_root_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sandbox.json");
    let keep = |options: &mut SandboxOptions| options.state_file = Some(file.clone());
    assert_eq!(peek_latest_time(&file).unwrap(), None);

    let first = Stage::start(keep).await;
    let root = first.sandbox.root_pem();
    let certificate = first.order("RapidSSL", &["example.com"]).await;
    first.pass(120);
    first.put_validation_records(&certificate).await;
    let put_at = first.clock.now();
    let taken = Sandbox::start({
        let mut options = SandboxOptions::standalone();
        keep(&mut options);
        options
    });
    assert!(taken.await.unwrap_err().to_string().contains("in use by another sandbox"));
    // Dropped without a farewell, as when the program is interrupted.
    drop(first);

    assert_eq!(peek_latest_time(&file).unwrap(), Some(put_at));
    let second = Stage::start(keep).await;
    assert_eq!(second.sandbox.root_pem(), root);
    assert_eq!(second.controls().latest_time(), Some(put_at));
    second.clock.advance_to(put_at + Duration::from_secs(59));
    let path = Stage::path(&certificate);
    let again = second.ok("GET", &path, Value::Null).await;
    assert_eq!(
        (&again["status"], &again["validation"]),
        (&json!("pending"), &certificate["validation"])
    );
    second.pass(1);
    assert_eq!(second.ok("GET", &path, Value::Null).await["status"], "issued");
    second.sandbox.stop().await;
    assert_eq!(peek_latest_time(&file).unwrap(), Some(put_at + Duration::from_secs(60)));
}

#[tokio::test]
async fn people_and_accidents_can_be_played() {
    let stage = Stage::start(|_| {}).await;
    let id = |certificate: &Value| certificate["id"].as_str().unwrap().to_owned();

    let ov = stage.order("SSLWebServer", &["example.com"]).await;
    stage.controls().complete_in_console(&id(&ov), USABLE).await.unwrap();
    assert!(stage.controls().complete_in_console(&id(&ov), USABLE).await.is_err());
    let completed = stage.ok("GET", &Stage::path(&ov), Value::Null).await;
    assert_eq!(completed["organization_id"], USABLE);
    stage.controls().reject(&id(&ov)).await.unwrap();
    assert_eq!(stage.ok("GET", &Stage::path(&ov), Value::Null).await["status"], "rejected");

    let dv = stage.order("RapidSSL", &["example.com"]).await;
    stage.controls().rotate_tokens(&id(&dv)).await.unwrap();
    let rotated = stage.ok("GET", &Stage::path(&dv), Value::Null).await;
    assert_ne!(rotated["validation"], dv["validation"]);
    stage.controls().cancel(&id(&dv)).await.unwrap();
    assert_eq!(stage.ok("GET", &Stage::path(&dv), Value::Null).await["status"], "cancelled");
    stage.controls().forget_order(&id(&dv)).await.unwrap();
    assert_eq!(stage.call("GET", &Stage::path(&dv), Value::Null).await.0, 404);

    stage.controls().add_fault(Fault::at("GET", "/tls/products", 1, FaultAction::Html));
    assert_eq!(stage.send("GET", "/tls/products", None).await.unwrap().status(), 502);
}

#[tokio::test]
async fn a_person_completes_an_order_on_the_console_page() {
    let stage = Stage::start(|_| {}).await;
    let staged = stage.order("SecureSite", &["example.com"]).await;
    let url = staged["completion_url"].as_str().unwrap();
    let page = |response: reqwest::Response| async move {
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, shown) = page(reqwest::get(url).await.unwrap()).await;
    assert_eq!(status, 200);
    assert!(shown.contains("<option value=\"hdl_7K9QW3M2ZT8HJ\">Example GmbH (ready)"), "{shown}");
    assert!(shown.contains("disabled>Example Holding AG (pending)"), "{shown}");

    let choose = |id: &str| stage.client.post(url).body(format!("org_id={id}")).send();
    let (status, refused) = page(choose("hdl_4NXR6VP2CD9WB").await.unwrap()).await;
    assert_eq!(status, 400);
    assert!(refused.contains("Refused: organization is not usable for ordering"), "{refused}");
    assert_eq!(page(choose(USABLE).await.unwrap()).await.0, 200);
    let completed = stage.ok("GET", &Stage::path(&staged), Value::Null).await;
    assert_eq!(completed["action_required"], false);
}

#[tokio::test]
async fn a_made_organization_can_be_ordered_with() {
    let stage = Stage::start(|_| {}).await;
    let mut wish = organization("Müller & Söhne KG");
    wish["city"] = json!("");
    let (status, refused) = stage.call("POST", "/tls/organization", wish.clone()).await;
    assert_eq!((status, &refused["error"]), (400, &json!("city is required")));
    wish["city"] = json!("Köln");
    let made = stage.ok("POST", "/tls/organization", wish).await;
    assert_eq!((&made["status"], &made["usable_for_ordering"]), (&json!("ready"), &json!(true)));
    let listed = stage.ok("GET", "/tls/organization", Value::Null).await;
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let mut body = order(&key(), "SecureSite", &["example.com"]);
    body["org_id"] = made["id"].clone();
    let certificate = stage.ok("POST", "/tls/certificate", body).await;
    assert_eq!(certificate["action_required"], false);
    assert!(certificate["validation"].is_object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_requests_at_once_neither_block_each_other_nor_lose_an_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sandbox.json");
    let stage = Stage::start(|options| options.state_file = Some(file.clone())).await;
    let names: Vec<String> = (0..20).map(|index| format!("host{index}.example")).collect();
    let orders = names.iter().map(async |name| stage.order("RapidSSL", &[name]).await);
    let made = futures_util::future::join_all(orders).await;
    futures_util::future::join_all(made.iter().map(|made| stage.put_validation_records(made)))
        .await;
    stage.pass(60);
    let listed = stage.ok("GET", "/tls/certificate", Value::Null).await;
    let issued = listed.as_array().unwrap().iter().filter(|one| one["status"] == "issued");
    assert_eq!(issued.count(), 20);
    drop(stage);
    let again = Stage::start(|options| options.state_file = Some(file.clone())).await;
    assert_eq!(again.controls().orders().len(), 20);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let mut options = SandboxOptions::standalone();
    options.listen = "0.0.0.0:0".parse().unwrap();
    let error = Sandbox::start(options).await.unwrap_err();
    assert_eq!(error.to_string(), "the sandbox listens on loopback only, not on `0.0.0.0:0`");
}

#[tokio::test]
async fn a_second_sandbox_at_the_same_address_says_that_it_is_taken() {
    let first = Stage::start(|_| {}).await;
    let mut options = SandboxOptions::standalone();
    let address = first.sandbox.base_url().replace("http://", "");
    options.listen = address.parse().unwrap();
    let error = Sandbox::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the sandbox cannot listen on `{address}`: ")), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn the_times_of_the_log_are_the_virtual_ones() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = Stage::start(|_| {}).await;
        stage.ok("GET", "/tls/products", Value::Null).await;
        let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let logged = LoggedRequest {
            method: "GET".to_owned(),
            path: "/tls/products".to_owned(),
            status: Some(200),
            at,
        };
        assert_eq!(stage.controls().requests(), [logged]);
    });
}
