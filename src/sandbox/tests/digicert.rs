//! The CA's own API: the validation status while an order goes on.

use super::*;

impl Stage {
    async fn ca(&self, path: &str, key: &str) -> (u16, Value) {
        let url = format!("{}/services/v2/order/certificate/{path}", self.sandbox.base_url());
        let response = self.client.get(url).header("X-DC-DEVKEY", key).send().await.unwrap();
        assert!(!response.headers().contains_key("ratelimit-policy"));
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn number(&self) -> u64 {
        self.controls().orders()[0].digicert_order_id.unwrap()
    }
}

const KEY: &str = "sandbox.digicert.key";

#[tokio::test]
async fn the_checks_of_an_ov_order_finish_one_by_one_and_its_domains_are_approved() {
    let stage = Stage::start(|_| {}).await;
    let mut body = order(&key(), "SecureSite", &["www.example.com", "example.org"]);
    body["org_id"] = json!(USABLE);
    let certificate = stage.ok("POST", "/tls/certificate", body).await;
    let path = format!("{}/validation?include_risk_check=true", stage.number());
    let (status, begun) = stage.ca(&path, KEY).await;
    assert_eq!(status, 200);
    assert_eq!(begun["order_id"], stage.number().to_string());
    assert_eq!(
        (&begun["order_status"], &begun["order_name_scope"], &begun["order_dcv_method"]),
        (&json!("pending"), &json!("base_domain"), &json!("dns-cname-token"))
    );
    assert_eq!(begun["organization_name"], "Example GmbH");
    let organization = &begun["organization_validations"][0];
    assert_eq!((&organization["type"], &organization["status"]), (&json!("ov"), &json!("pending")));
    assert_eq!(organization["verified_contacts"][0]["last_name"], "Mustermann");
    let names = begun["dns_name_validations"].as_array().unwrap();
    assert_eq!(names.len(), 2);
    assert_eq!(
        (&names[0]["status"], &names[0]["risk_status"]),
        (&json!("unapproved"), &json!("pass"))
    );
    assert!(names[0].get("method").is_none() && names[0]["domain_id"].is_string());

    let first = &certificate["validation"]["dns_records"][0];
    let record = json!({ "type": "CNAME", "name": first["name"], "data": first["value"] });
    stage.ok("POST", "/dns/rr", record).await;
    stage
        .controls()
        .hold_check(certificate["id"].as_str().unwrap(), Check::RequestAuthenticity)
        .await
        .unwrap();
    stage.pass(130);
    let (_, half) = stage.ca(&format!("{}/validation", stage.number()), KEY).await;
    let details = &half["organization_validations"][0]["verification_details"];
    assert_eq!(details.as_object().unwrap().len(), 5);
    assert_eq!(
        [
            &details["organization_type"],
            &details["organization_status"],
            &details["address_verification"]
        ],
        ["complete", "complete", "pending"]
    );
    let states: Vec<_> = half["dns_name_validations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["base_domain"].as_str().unwrap(), one["status"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("example.com", "approved"), ("example.org", "unapproved")]);
    assert!(half["dns_name_validations"][0].get("risk_status").is_none());

    let second = &certificate["validation"]["dns_records"][1];
    let record = json!({ "type": "CNAME", "name": second["name"], "data": second["value"] });
    stage.ok("POST", "/dns/rr", record).await;
    stage.pass(3_600);
    let id = certificate["id"].as_str().unwrap();
    assert_eq!(
        stage.ok("GET", &Stage::path(&certificate), Value::Null).await["order_state"],
        "PENDING_APPROVAL"
    );
    stage.controls().assess(id, Risk::UnderReview).await.unwrap();
    stage.controls().finish_check(id, Check::RequestAuthenticity).await.unwrap();
    let (_, reviewed) = stage.ca(&path, KEY).await;
    assert_eq!(reviewed["organization_validations"][0]["status"], "active");
    assert!(reviewed["organization_validations"][0]["validated_until"].is_string());
    assert_eq!(reviewed["dns_name_validations"][0]["risk_status"], "under_review");
    assert_eq!(reviewed["order_status"], "pending");
    stage.controls().assess(id, Risk::Pass).await.unwrap();
    let (_, info) = stage.ca(&stage.number().to_string(), KEY).await;
    assert_eq!((&info["id"], &info["status"]), (&json!(stage.number()), &json!("issued")));
    assert_eq!(info["certificate"]["valid_from"], "2026-11-20");
}

#[tokio::test]
async fn a_dv_order_shows_no_organization_and_always_its_risk() {
    let stage = Stage::start(|_| {}).await;
    stage.order("RapidSSL", &["example.com"]).await;
    let (_, body) = stage.ca(&format!("{}/validation", stage.number()), KEY).await;
    assert!(
        body.get("organization_validations").is_none() && body.get("organization_id").is_none()
    );
    let name = &body["dns_name_validations"][0];
    assert_eq!(
        *name,
        json!({
            "status": "unapproved", "dns_names": ["example.com"], "base_domain": "example.com",
            "method": "dns-cname-token", "name_scope": "example.com", "risk_status": "pass",
        })
    );
}

#[tokio::test]
async fn its_errors_have_their_own_shape_and_a_staged_order_is_not_there() {
    let stage = Stage::start(|options| options.rate_limits = RateLimits::published()).await;
    stage.order("SecureSite", &["example.com"]).await;
    assert_eq!(stage.controls().orders()[0].digicert_order_id, None);
    for (path, key, status, code) in [
        ("1/validation", KEY, 404, "not_found|order"),
        ("x", KEY, 404, "not_found|order"),
        ("1/nothing", KEY, 404, "not_found|route"),
        ("1", "wrong", 403, "access_denied|missing_permission"),
    ] {
        let (found, body) = stage.ca(path, key).await;
        assert_eq!((found, &body["errors"][0]["code"]), (status, &json!(code)), "{path}");
    }
    for _ in 3..100 {
        stage.ca("1", KEY).await;
    }
    let (status, body) = stage.ca("1", KEY).await;
    assert_eq!((status, &body["errors"][0]["code"]), (429, &json!("request_limit_exceeded")));
    stage.pass(5);
    assert_eq!(stage.ca("1", KEY).await.0, 404);
}
