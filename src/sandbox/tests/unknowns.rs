//! What nobody has published: each of the readings that a switch chooses.

use super::*;

/// A sandbox whose switches are set as on the command line.
async fn with(switches: &[&str]) -> Stage {
    Stage::start(|options| {
        for switch in switches {
            set_switch(&mut options.behaviour, switch).unwrap();
        }
    })
    .await
}

async fn issued(stage: &Stage, name: &str) -> Value {
    let certificate = stage.order("RapidSSL", &[name]).await;
    stage.put_validation_records(&certificate).await;
    stage.pass(60);
    let certificate = stage.ok("GET", &Stage::path(&certificate), Value::Null).await;
    assert_eq!(certificate["status"], "issued");
    certificate
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[test]
fn a_switch_that_cannot_be_set_says_what_can() {
    let mut behaviour = Behaviour::default();
    for (text, words) in [
        ("zip", "`zip` is not written as KEY=VALUE"),
        ("zap=served", "there is no switch `zap`; did you mean `zip`?"),
        ("zip=gone", "`zip` cannot be `gone`: expected `served`, `not_found`, `not_ready`"),
        ("levels=no", "`levels` cannot be `no`: expected `true` or `false`"),
        ("default_ttl=59", "`default_ttl` cannot be `59`: expected a number from 60 to 604800"),
        (
            "revoked_status=\u{1b}[2J",
            "`revoked_status` cannot be `\u{fffd}[2J`: expected 1 to 100 printable characters",
        ),
    ] {
        assert_eq!(set_switch(&mut behaviour, text).unwrap_err().to_string(), words);
    }
    assert_eq!(behaviour, Behaviour::default());
    set_switch(&mut behaviour, "default_ttl=60").unwrap();
    assert_eq!(behaviour.default_ttl, 60);
}

#[tokio::test]
async fn the_catalog_can_be_an_old_one() {
    let stage = with(&["levels=false", "product_types=upper"]).await;
    let products = stage.ok("GET", "/tls/products", Value::Null).await;
    for product in products.as_array().unwrap() {
        assert!(matches!(product["type"].as_str(), Some("DV" | "OV")), "{product}");
        assert!(product.get("validation_level").is_none(), "{product}");
        assert!(product.get("organization_required").is_none(), "{product}");
    }
}

#[tokio::test]
async fn organizations_can_have_numbers_in_certificates_or_everywhere() {
    let stage = with(&["organization_ids=numbers"]).await;
    let listed = stage.ok("GET", "/tls/organization", Value::Null).await;
    let number = listed[0]["id"].as_u64().unwrap();
    let staged = stage.order("SecureSite", &["example.com"]).await;
    assert_eq!(staged["organization_id"], Value::Null);
    // Either way of writing it is taken.
    let path = format!("{}/complete", Stage::path(&staged));
    let completed = stage.ok("POST", &path, json!({ "org_id": number.to_string() })).await;
    assert_eq!(completed["organization_id"], number);
    assert_eq!(completed["organization"]["id"], number);
    let mut body = order(&key(), "SecureSite", &["example.org"]);
    body["org_id"] = json!(number);
    assert_eq!(stage.ok("POST", "/tls/certificate", body).await["organization_id"], number);
    let one = stage.ok("GET", &format!("/tls/organization/{number}"), Value::Null).await;
    assert_eq!(one["organization"], "Example GmbH");

    let mixed = with(&["organization_ids=numbers_in_certificates"]).await;
    let listed = mixed.ok("GET", "/tls/organization", Value::Null).await;
    assert_eq!(listed[0]["id"], USABLE);
    let mut body = order(&key(), "SecureSite", &["example.org"]);
    body["org_id"] = json!(USABLE);
    let made = mixed.ok("POST", "/tls/certificate", body).await;
    assert_eq!(made["organization_id"], number);
}

#[tokio::test]
async fn organizations_can_be_recognized_and_replaced_in_place() {
    let stage =
        with(&["known_organizations=true", "replaced_in_place=true", "partial_organizations=true"])
            .await;
    let first = stage.ok("POST", "/tls/organization", organization("Müller KG")).await;
    let again = stage.ok("POST", "/tls/organization", organization(" müller kg")).await;
    assert_eq!(first["id"], again["id"]);
    let few = json!({ "organization": "Few KG", "country_code": "DE" });
    let few = stage.ok("POST", "/tls/organization", few).await;
    assert_ne!(few["id"], first["id"]);
    let path = format!("/tls/organization/{}", first["id"].as_str().unwrap());
    let change = json!({ "city": "Bonn", "edit_mode": "create_replacement" });
    let changed = stage.ok("PATCH", &path, change).await;
    assert_eq!((&changed["id"], &changed["city"]), (&first["id"], &json!("Bonn")));
}

#[tokio::test]
async fn an_order_for_an_unusable_organization_can_be_refused() {
    let stage = with(&["unusable_organization=refused"]).await;
    let mut body = order(&key(), "SecureSite", &["example.org"]);
    body["org_id"] = json!("hdl_4NXR6VP2CD9WB");
    assert_eq!(stage.call("POST", "/tls/certificate", body).await.0, 400);
    assert!(stage.controls().orders().is_empty());
}

#[tokio::test]
async fn names_terms_and_words_of_a_certificate_can_differ() {
    let stage = with(&[
        "default_validity_days=90",
        "dns_names=with_common_name",
        "mixed_case=true",
        "pending_reason=queue_full",
        "pending_state=IN_A_QUEUE",
        "revoked_status=certificate_revoked",
    ])
    .await;
    let mut body = order(&key(), "RapidSSL", &["example.com", "www.example.com"]);
    body.as_object_mut().unwrap().remove("validity_days");
    let made = stage.ok("POST", "/tls/certificate", body).await;
    assert_eq!(made["validity_days"], 90);
    assert_eq!(made["dns_names"], json!(["example.com", "www.example.com"]));
    assert_eq!(made["pending_reason"], "queue_full");
    assert_eq!(made["order_state"], "IN_A_QUEUE");
    let record = &made["validation"]["dns_records"][0];
    let name = record["name"].as_str().unwrap();
    assert!(name != name.to_lowercase() && name.eq_ignore_ascii_case("_dnsauth.example.com"));
    stage.put_validation_records(&made).await;
    stage.pass(60);
    let path = Stage::path(&made);
    assert_eq!(stage.ok("GET", &path, Value::Null).await["order_state"], "ISSUED");
    let id = made["id"].as_str().unwrap();
    stage.controls().ask_revocation(id, RevocationScope::Order).await.unwrap();
    stage.controls().grant_revocation(id).await.unwrap();
    assert_eq!(stage.ok("GET", &path, Value::Null).await["status"], "certificate_revoked");

    let without = with(&["dns_names=without_common_name"]).await;
    let mut body = order(&key(), "RapidSSL", &["example.com", "www.example.com"]);
    body["dns_names"] = json!(["example.com", "www.example.com"]);
    let made = without.ok("POST", "/tls/certificate", body).await;
    assert_eq!(made["dns_names"], json!(["www.example.com"]));
}

#[tokio::test]
async fn the_validation_can_be_absent_from_the_first_looks() {
    let stage = with(&["validation_after_looks=2"]).await;
    let made = stage.order("RapidSSL", &["example.com"]).await;
    let path = Stage::path(&made);
    let listed = stage.ok("GET", "/tls/certificate", Value::Null).await;
    assert!(made.get("validation").is_none() && listed[0].get("validation").is_none());
    let mut shown = Vec::new();
    for _ in 0..4 {
        let found = stage.ok("GET", &path, Value::Null).await;
        shown.push(found.get("validation").is_some());
    }
    assert_eq!(shown, [false, false, true, true]);
}

#[tokio::test]
async fn the_flag_of_a_download_can_tell_the_truth() {
    let stage = with(&["honest_downloads=true"]).await;
    let first = issued(&stage, "example.com").await;
    let path = Stage::path(&first);
    assert_eq!(first["certificate_pem_available"], false);
    let second = stage.ok("GET", &path, Value::Null).await;
    assert_eq!(second["certificate_pem_available"], true);
    let pem = stage.send("GET", &format!("{path}/download/pem"), None).await.unwrap();
    assert_eq!(pem.status(), 200);
}

#[tokio::test]
async fn what_is_asked_for_twice_can_be_taken_otherwise() {
    let stage = with(&["completes_again=true", "replaces_reissues=true", "renews_once=true"]).await;
    let staged = stage.order("SecureSite", &["example.org"]).await;
    let complete = format!("{}/complete", Stage::path(&staged));
    let wish = json!({ "org_id": USABLE });
    let first = stage.ok("POST", &complete, wish.clone()).await;
    let again = stage.ok("POST", &complete, wish).await;
    assert_eq!(first["organization_id"], again["organization_id"]);
    let other = json!({ "org_id": "hdl_4NXR6VP2CD9WB" });
    assert_eq!(stage.call("POST", &complete, other).await.0, 400);

    let source = issued(&stage, "example.com").await;
    let reissue = format!("{}/reissue", Stage::path(&source));
    let body = || json!({ "csr": csr(&key(), &["example.com"]), "dcv_method": "dns-cname-token" });
    let first = stage.ok("POST", &reissue, body()).await;
    let second = stage.ok("POST", &reissue, body()).await;
    assert_ne!(first["reissue"]["id"], second["reissue"]["id"]);

    let mut renewal = order(&key(), "RapidSSL", &["example.com"]);
    renewal["renewal_of_certificate_id"] = source["id"].clone();
    stage.ok("POST", "/tls/certificate", renewal.clone()).await;
    let (status, refused) = stage.call("POST", "/tls/certificate", renewal).await;
    assert_eq!((status, &refused["error"]), (400, &json!("the certificate has been renewed")));
}

#[tokio::test]
async fn the_list_can_lack_orders_and_details_and_be_late() {
    let stage = Stage::start(|options| {
        for switch in
            ["newest_first=true", "lists_staged=false", "lists_ended=false", "list_details=false"]
        {
            set_switch(&mut options.behaviour, switch).unwrap();
        }
        options.timing.listed_after = Duration::from_secs(30);
    })
    .await;
    let first = stage.order("RapidSSL", &["example.com"]).await;
    let second = stage.order("RapidSSL", &["example.org"]).await;
    let ended = stage.order("RapidSSL", &["example.net"]).await;
    stage.controls().cancel(ended["id"].as_str().unwrap()).await.unwrap();
    stage.order("SecureSite", &["staged.example"]).await;
    let early = stage.ok("GET", "/tls/certificate", Value::Null).await;
    assert_eq!(early, json!([]));
    stage.pass(30);
    let listed = stage.ok("GET", "/tls/certificate", Value::Null).await;
    assert_eq!(ids(&listed), [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
    assert!(listed[0].get("validation").is_none());
    // One by one they are all there, and whole.
    let single = stage.ok("GET", &Stage::path(&first), Value::Null).await;
    assert!(single.get("validation").is_some());
    stage.ok("GET", &Stage::path(&ended), Value::Null).await;
}

#[tokio::test]
async fn an_unknown_certificate_can_be_forbidden() {
    let stage = with(&["forbids_unknown=true"]).await;
    assert_eq!(stage.call("GET", "/tls/certificate/NOPE", Value::Null).await.0, 403);
    assert_eq!(stage.call("GET", "/tls/organization/NOPE", Value::Null).await.0, 404);
}

#[tokio::test]
async fn too_many_requests_can_be_told_when_to_come_again() {
    for (retry_after, header) in [("true", Some("60")), ("false", None)] {
        let stage = Stage::start(|options| {
            let switch = format!("retry_after={retry_after}");
            set_switch(&mut options.behaviour, &switch).unwrap();
            let limit = RateLimit { requests: 1, window: Duration::from_secs(60) };
            options.rate_limits.regfish = vec![limit];
        })
        .await;
        stage.ok("GET", "/tls/products", Value::Null).await;
        let refused = stage.send("GET", "/tls/products", None).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let found = refused.headers().get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(found, header);
    }
}

#[tokio::test]
async fn a_second_cname_and_a_repeated_record_are_taken_as_the_switches_say() {
    let cname = |data: &str| json!({ "type": "CNAME", "name": "a.example.com.", "data": data });
    for (switch, status, code) in [
        ("second_cname=exists", 417, json!(15003)),
        ("second_cname=refused", 400, Value::Null),
        ("second_cname=made", 200, json!(0)),
    ] {
        let stage = with(&[switch]).await;
        stage.ok("POST", "/dns/rr", cname("x.example.")).await;
        let (found, answer) = stage.call("POST", "/dns/rr", cname("y.example.")).await;
        assert_eq!((found, &answer["code"]), (status, &code), "{switch}: {answer}");
        // The same record is refused whatever the switch says.
        assert_eq!(stage.call("POST", "/dns/rr", cname("x.example.")).await.0, 417);
    }
    let text =
        |ttl: u32| json!({ "type": "TXT", "name": "t.example.com.", "data": "x", "ttl": ttl });
    for (switch, status) in [("same_record=data", 417), ("same_record=everything", 200)] {
        let stage = with(&[switch]).await;
        stage.ok("POST", "/dns/rr", text(60)).await;
        assert_eq!(stage.call("POST", "/dns/rr", text(300)).await.0, status, "{switch}");
        assert_eq!(stage.call("POST", "/dns/rr", text(60)).await.0, 417, "{switch}");
    }
}

#[tokio::test]
async fn a_change_by_name_chooses_among_several_records() {
    for (switch, changed) in [
        ("several_matches=oldest", Some(0)),
        ("several_matches=newest", Some(1)),
        ("several_matches=refused", None),
    ] {
        let stage = with(&[switch]).await;
        let text = |data: &str| json!({ "type": "TXT", "name": "t.example.com.", "data": data });
        let mut made = Vec::new();
        for data in ["one", "two"] {
            made.push(stage.ok("POST", "/dns/rr", text(data)).await["id"].clone());
        }
        let (status, answer) = stage.call("PATCH", "/dns/rr", text("three")).await;
        match changed {
            Some(place) => assert_eq!(answer["response"]["id"], made[place], "{switch}"),
            None => assert_eq!(status, 400, "{switch}"),
        }
    }
}

#[tokio::test]
async fn data_without_a_dot_and_records_without_a_ttl_are_completed() {
    let stage = with(&["relative_data=true", "default_ttl=300"]).await;
    let record = json!({ "type": "CNAME", "name": "a.example.com.", "data": "target" });
    let made = stage.ok("POST", "/dns/rr", record).await;
    assert_eq!((&made["data"], &made["ttl"]), (&json!("target.example.com."), &json!(300)));
    let whole = json!({ "type": "CNAME", "name": "b.example.com.", "data": "target.example.org." });
    assert_eq!(stage.ok("POST", "/dns/rr", whole).await["data"], "target.example.org.");
}
