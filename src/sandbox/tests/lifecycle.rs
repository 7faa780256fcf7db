//! What becomes of an order after it was issued, and what else may become of it.

use super::*;

const DAY: u64 = 86_400;

impl Stage {
    async fn get(&self, certificate: &Value) -> Value {
        self.ok("GET", &Self::path(certificate), Value::Null).await
    }

    /// An order that was proved and issued.
    async fn issue(&self, key: &KeyPair, sku: &str, names: &[&str]) -> Value {
        let mut body = order(key, sku, names);
        body["org_id"] = json!(USABLE);
        let made = self.ok("POST", "/tls/certificate", body).await;
        self.put_validation_records(&made).await;
        self.pass(600);
        let issued = self.get(&made).await;
        assert_eq!(issued["status"], "issued", "{issued}");
        issued
    }

    async fn pem(&self, certificate: &Value) -> String {
        let path = format!("{}/download/pem", Self::path(certificate));
        let mut response = self.send("GET", &path, None).await.unwrap();
        if response.status() == 409 {
            response = self.send("GET", &path, None).await.unwrap();
        }
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn clear_records(&self, zone: &str) {
        let records = self.ok("GET", &format!("/dns/{zone}/rr"), Value::Null).await;
        for record in records.as_array().unwrap().iter().filter(|one| one["auto"] == false) {
            self.ok_or_gone(record).await;
        }
    }

    async fn ok_or_gone(&self, record: &Value) {
        self.call("DELETE", &format!("/dns/rr/{}", record["id"]), Value::Null).await;
    }
}

fn id(certificate: &Value) -> String {
    certificate["id"].as_str().unwrap().to_owned()
}

fn leaf_key(pem: &str) -> Vec<u8> {
    let block = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
    block.parse_x509().unwrap().public_key().raw.to_vec()
}

async fn exact() -> Stage {
    Stage::start(|options| options.behaviour.begin = CertificateBegin::AtIssuance).await
}

#[tokio::test]
async fn a_reissue_keeps_the_id_and_serves_the_old_certificate_until_the_new_one_is_there() {
    let stage = exact().await;
    let (old_key, new_key) = (key(), key());
    let names = ["www.example.com", "api.example.com"];
    let issued = stage.issue(&old_key, "RapidSSL", &names).await;
    assert_eq!(
        (&issued["valid_from"], &issued["valid_until"]),
        (&json!("2026-11-20T00:00:00Z"), &json!("2027-06-06T23:59:59Z"))
    );
    assert_eq!(issued["contract_valid_until"], "2027-11-19T23:59:59Z");
    assert_eq!(issued["order_cancellation_mode"], "revoke_issued");
    stage.pass(100 * DAY);

    let reissue = format!("{}/reissue", Stage::path(&issued));
    let wish = |key: &KeyPair, names: &[&str]| json!({ "csr": csr(key, names), "dcv_method": "dns-cname-token", "dns_names": names[1..] });
    let (status, refused) =
        stage.call("POST", &reissue, wish(&new_key, &["www.example.com", "x.example.com"])).await;
    assert_eq!((status, &refused["error"]), (400, &json!("dns_names must be those of the order")));
    let begun = stage.ok("POST", &reissue, wish(&new_key, &names)).await;
    assert_eq!(
        (&begun["id"], &begun["status"], &begun["reissue"]["status"]),
        (&issued["id"], &json!("issued"), &json!("pending"))
    );
    assert_eq!(begun["certificate_pem_available"], true);
    assert!(begun.get("validation").is_none() && begun["reissue"]["id"].is_u64());
    let (status, twice) = stage.call("POST", &reissue, wish(&new_key, &names)).await;
    assert_eq!((status, &twice["error"]), (400, &json!("a reissue is already in progress")));
    assert_eq!(leaf_key(&stage.pem(&issued).await), old_key.subject_public_key_info());

    stage.clear_records("example.com").await;
    stage.put_validation_records(&begun["reissue"]).await;
    stage.pass(60);
    let done = stage.get(&issued).await;
    assert_eq!((&done["reissue"]["status"], &done["id"]), (&json!("issued"), &issued["id"]));
    assert_ne!(done["serial_number"], issued["serial_number"]);
    assert_eq!(done["valid_until"], "2027-09-14T23:59:59Z");
    assert_eq!(done["contract_valid_until"], issued["contract_valid_until"]);
    assert_eq!(leaf_key(&stage.pem(&issued).await), new_key.subject_public_key_info());
    assert_eq!(stage.controls().orders().len(), 1);
}

#[tokio::test]
async fn a_failed_reissue_leaves_the_parent_as_it_was() {
    let stage = exact().await;
    let issued = stage.issue(&key(), "RapidSSL", &["example.com"]).await;
    let reissue = format!("{}/reissue", Stage::path(&issued));
    let wish = json!({ "csr": csr(&key(), &["example.com"]), "dcv_method": "dns-cname-token" });
    stage.ok("POST", &reissue, wish.clone()).await;
    stage.controls().end_reissue(&id(&issued), ReissueOutcome::Failed).await.unwrap();
    let after = stage.get(&issued).await;
    assert_eq!(
        (&after["status"], &after["reissue"]["status"]),
        (&json!("issued"), &json!("failed"))
    );
    assert_eq!(after["serial_number"], issued["serial_number"]);
    stage.ok("POST", &reissue, wish).await;
}

#[tokio::test]
async fn a_renewal_has_an_id_of_its_own_and_shows_its_bonus_once_issued() {
    let stage = exact().await;
    let mut body = order(&key(), "RapidSSL", &["example.com"]);
    body["validity_days"] = json!(90);
    let source = stage.ok("POST", "/tls/certificate", body.clone()).await;
    body["renewal_of_certificate_id"] = source["id"].clone();
    let (status, early) = stage.call("POST", "/tls/certificate", body.clone()).await;
    assert_eq!((status, &early["error"]), (400, &json!("the certificate cannot be renewed")));
    stage.put_validation_records(&source).await;
    stage.pass(80 * DAY);
    assert_eq!(stage.get(&source).await["renewal_supported"], true);

    let renewal = stage.ok("POST", "/tls/certificate", body).await;
    assert_ne!(renewal["id"], source["id"]);
    assert_eq!(renewal["renewal_bonus_days"], Value::Null);
    stage.clear_records("example.com").await;
    stage.put_validation_records(&renewal).await;
    stage.pass(60);
    let issued = stage.get(&renewal).await;
    assert_eq!((&issued["validity_days"], &issued["renewal_bonus_days"]), (&json!(90), &json!(10)));
    assert_eq!(issued["valid_until"], "2027-05-18T23:59:59Z");
    assert_eq!(stage.get(&source).await["status"], "issued");
    stage.pass(11 * DAY);
    let expired = stage.get(&source).await;
    assert_eq!(
        (&expired["status"], &expired["order_state"]),
        (&json!("expired"), &json!("EXPIRED"))
    );
    stage.pem(&source).await;
}

#[tokio::test]
async fn every_end_has_its_status_and_unknown_may_pass() {
    let stage = exact().await;
    let issued = stage.issue(&key(), "RapidSSL", &["example.com"]).await;
    let controls = stage.controls();
    for (end, status) in [
        (OrderEnd::Cancelled, "cancelled"),
        (OrderEnd::OrderCancelled, "order_cancelled"),
        (OrderEnd::Rejected, "rejected"),
        (OrderEnd::Unknown, "unknown"),
    ] {
        controls.end_order(&id(&issued), end).await.unwrap();
        assert_eq!(stage.get(&issued).await["status"], status);
    }
    controls.revive_order(&id(&issued)).await.unwrap();
    controls.ask_revocation(&id(&issued), RevocationScope::Certificate).await.unwrap();
    let asked = stage.get(&issued).await;
    assert_eq!(
        (&asked["status"], &asked["revocation_pending_scope"]),
        (&json!("issued"), &json!("certificate"))
    );
    controls.grant_revocation(&id(&issued)).await.unwrap();
    let revoked = stage.get(&issued).await;
    assert_eq!(
        (&revoked["status"], &revoked["revocation_scope"]),
        (&json!("revoked"), &json!("certificate"))
    );
    assert_eq!(revoked["reissue_supported"], true);
}

#[tokio::test]
async fn a_domain_that_was_proved_for_ov_needs_no_record_again_for_half_a_year() {
    let stage = exact().await;
    stage.issue(&key(), "SecureSite", &["www.example.com"]).await;
    stage.clear_records("example.com").await;
    let ov = async |stage: &Stage| {
        let mut body = order(&key(), "SecureSite", &["shop.example.com"]);
        body["org_id"] = json!(USABLE);
        stage.ok("POST", "/tls/certificate", body).await
    };
    let second = ov(&stage).await;
    assert_eq!(second["action_required"], false);
    assert!(second.get("validation").is_none(), "{second}");
    stage.pass(300);
    assert_eq!(stage.get(&second).await["status"], "issued");
    // DV proves anew each time.
    let dv = stage.order("RapidSSL", &["example.com"]).await;
    assert_eq!(dv["validation"]["dns_records"].as_array().unwrap().len(), 1);
    // A reused proof does not prolong itself.
    stage.pass(199 * DAY);
    assert!(ov(&stage).await["validation"].is_object());
}

#[tokio::test]
async fn a_validated_organization_is_replaced_instead_of_changed_and_its_check_expires() {
    let stage = Stage::start(|options| {
        options.timing.organization_check = Duration::from_secs(3_600);
    })
    .await;
    let path = format!("/tls/organization/{USABLE}");
    let (status, refused) = stage.call("PATCH", &path, json!({ "city": "Bonn" })).await;
    assert_eq!((status, &refused["success"]), (400, &json!(false)));
    let wish = json!({ "city": "Bonn", "edit_mode": "create_replacement" });
    let new = stage.ok("PATCH", &path, wish).await;
    assert_ne!(new["id"], USABLE);
    assert_eq!((&new["city"], &new["organization"]), (&json!("Bonn"), &json!("Example GmbH")));
    assert_eq!((&new["status"], &new["usable_for_ordering"]), (&json!("pending"), &json!(false)));
    let old = stage.ok("GET", &path, Value::Null).await;
    assert_eq!((&old["city"], &old["usable_for_ordering"]), (&json!("Berlin"), &json!(false)));
    let new_path = format!("/tls/organization/{}", new["id"].as_str().unwrap());
    stage.ok("PATCH", &new_path, json!({ "phone": "+49 228 0" })).await;
    for (seconds, status) in [(3_600, "ready"), (397 * DAY, "expired")] {
        stage.pass(seconds);
        assert_eq!(stage.ok("GET", &new_path, Value::Null).await["status"], status);
    }
    let nobody = stage.call("PATCH", "/tls/organization/hdl_NOPE", json!({ "city": "X" })).await;
    assert_eq!((nobody.0, &nobody.1["message"]), (404, &json!("organization not found")));
}

#[tokio::test]
async fn caa_records_that_name_another_ca_keep_a_proved_order_pending() {
    let stage = exact().await;
    let name = DomainName::parse("example.com").unwrap();
    let caa = stage.controls().add_foreign_record(&name, "CAA", "0 issue \"pki.test\"").await;
    let certificate = stage.order("RapidSSL", &["www.example.com"]).await;
    stage.put_validation_records(&certificate).await;
    stage.pass(3_600);
    let waiting = stage.get(&certificate).await;
    assert_eq!(
        (&waiting["status"], &waiting["order_state"]),
        (&json!("pending"), &json!("PENDING"))
    );
    let own = json!({ "type": "CAA", "name": "example.com.", "data": "0 issue \"digicert.com\"" });
    stage.ok("POST", "/dns/rr", own).await;
    stage.pass(60);
    assert_eq!(stage.get(&certificate).await["status"], "issued");
    assert!(caa.is_ok());
}

#[tokio::test]
async fn an_order_can_fall_back_to_waiting_for_an_organization() {
    let stage = exact().await;
    let staged = stage.order("SecureSite", &["example.com"]).await;
    assert!(stage.controls().stage_again(&id(&staged)).await.is_err());
    let complete = format!("{}/complete", Stage::path(&staged));
    stage.ok("POST", &complete, json!({ "org_id": USABLE })).await;
    stage.controls().stage_again(&id(&staged)).await.unwrap();
    let again = stage.get(&staged).await;
    assert_eq!(
        (&again["action_required"], &again["organization_id"]),
        (&json!(true), &json!(USABLE))
    );
    stage.ok("POST", &complete, json!({ "org_id": USABLE })).await;
}
