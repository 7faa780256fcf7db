//! The TLS calls: what is sent, and what becomes of each sample.

use serde_json::json;

use super::*;
use crate::api::http::{Effect, Retry};
use crate::types::{CertificateId, DomainName, OrganizationId};

fn id(text: &str) -> CertificateId {
    CertificateId::parse(text).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn record(value: &str) -> ValidationRecord {
    ValidationRecord {
        name: "_dnsauth.example.com".to_owned(),
        kind: "CNAME".to_owned(),
        value: value.to_owned(),
    }
}

fn order() -> OrderRequest {
    OrderRequest {
        sku: "RapidSSL".to_owned(),
        common_name: name("www.example.com"),
        dns_names: vec![],
        csr: "-----BEGIN CERTIFICATE REQUEST-----\n…\n".to_owned(),
        dcv_method: DcvMethod::DnsCnameToken,
        dcv_emails: vec![],
        org_id: None,
        renewal_of: None,
        validity_days: None,
    }
}

/// The certificate that a body is read as.
async fn certificate(body: &str) -> Certificate {
    let (client, _script) = client_of(vec![Reply::json(200, body)]).await;
    client.get_certificate(&id("A")).await.unwrap()
}

#[tokio::test]
async fn a_small_order_leaves_out_what_is_not_asked_for() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("order_dv"))]).await;
    let certificate = client.create_certificate(&order()).await.unwrap();
    assert_eq!(script.lines(), ["POST /tls/certificate"]);
    assert_eq!(
        script.body(0),
        json!({
            "sku": "RapidSSL",
            "common_name": "www.example.com",
            "csr": "-----BEGIN CERTIFICATE REQUEST-----\n…\n",
            "dcv_method": "dns-cname-token",
        })
    );
    assert_eq!(certificate.id, id("ABCDEFGHJKM23"));
    assert_eq!(certificate.status, CertificateStatus::Pending);
    assert!(!certificate.action_required && !certificate.pem_available);
    assert_eq!(certificate.validation.method.as_deref(), Some("dns-cname-token"));
    assert_eq!(certificate.validation.records, [record("0123456789abcdef.dcv.digicert.com")]);
}

#[tokio::test]
async fn a_full_order_carries_everything_and_each_name_once() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("order_ov_staged"))]).await;
    let order = OrderRequest {
        dns_names: ["api.example.com", "www.example.com", "API.example.com."].map(name).to_vec(),
        dcv_method: DcvMethod::Email,
        dcv_emails: vec!["admin@example.com".to_owned()],
        org_id: Some(OrganizationId::parse("hdl_7K9QW3M2ZT8HJ").unwrap()),
        renewal_of: Some(id("ABCDEFGHJKM23")),
        validity_days: Some(199),
        ..order()
    };
    let certificate = client.create_certificate(&order).await.unwrap();
    assert_eq!(
        script.body(0),
        json!({
            "sku": "RapidSSL",
            "common_name": "www.example.com",
            "dns_names": ["api.example.com"],
            "csr": order.csr,
            "dcv_method": "email",
            "dcv_emails": ["admin@example.com"],
            "org_id": "hdl_7K9QW3M2ZT8HJ",
            "renewal_of_certificate_id": "ABCDEFGHJKM23",
            "validity_days": 199,
        })
    );
    assert!(certificate.action_required);
    assert_eq!(
        certificate.completion_url.as_deref(),
        Some("https://dash.regfish.com/my/certs/7K9QW3M2ZT8HJ/complete")
    );
    assert_eq!(
        (&certificate.organization_id, &certificate.validation),
        (&None, &Validation::default())
    );
}

#[tokio::test]
async fn an_order_whose_answer_has_no_usable_id_may_have_been_placed() {
    for body in [
        r#"{"success":true,"code":0}"#,
        r#"{"success":true,"response":{"status":"pending"}}"#,
        r#"{"success":true,"response":{"id":"../x"}}"#,
        r#"{"success":true,"response":[]}"#,
    ] {
        let (client, _script) = client_of(vec![Reply::json(200, body)]).await;
        let error = client.create_certificate(&order()).await.unwrap_err();
        assert_eq!(error.kind.name(), "unreadable");
        assert_eq!((error.effect(), error.retry()), (Effect::Unknown, Retry::Never), "{error}");
    }
}

#[tokio::test]
async fn an_unusable_id_is_named_with_its_field() {
    let body = r#"{"success":true,"response":{"id":"../x"}}"#;
    let (client, _script) = client_of(vec![Reply::json(200, body)]).await;
    assert_eq!(
        client.get_certificate(&id("A")).await.unwrap_err().to_string(),
        "GET /tls/certificate/A answered with something unusable: `id` is unusable: `../x` is not \
         a certificate id: only letters, digits, `_` and `-` are allowed (status 200, begins with \
         `{\"success\":true,\"response\":{\"id\":\"../x\"}}`)"
    );
}

#[tokio::test]
async fn an_issued_certificate_keeps_its_lingering_fields() {
    let certificate = certificate(sample!("issued_lingering_url")).await;
    assert_eq!(certificate.status, CertificateStatus::Issued);
    assert!(!certificate.action_required && certificate.completion_url.is_some());
    assert_eq!(certificate.pending_reason.as_deref(), Some("validation_pending"));
    assert_eq!(certificate.organization_id.unwrap().as_str(), "hdl_7K9QW3M2ZT8HJ");
    assert_eq!(certificate.valid_until.unwrap().to_string(), "2026-10-15T23:59:59Z");
    assert_eq!(certificate.contract_valid_until.unwrap().to_string(), "2027-03-30T23:59:59Z");
    assert_eq!(certificate.validity_days, Some(199));
    assert!(certificate.pem_available);
    assert_eq!(
        (certificate.renewal_supported, certificate.reissue_supported),
        (Some(true), Some(true))
    );
}

#[tokio::test]
async fn records_of_order_and_reissue_are_one_set() {
    let certificate = certificate(sample!("reissue_running")).await;
    assert_eq!(
        certificate.validation.records,
        [record("new.dcv.digicert.com")],
        "a name bears one record, and the order's has had its time"
    );
    let reissue = certificate.reissue.unwrap();
    assert_eq!((reissue.id.as_deref(), reissue.phase()), (Some("42"), ReissuePhase::Running));
}

#[tokio::test]
async fn the_records_of_an_order_and_of_its_reissue_are_shown_together() {
    let body = |status: &str| {
        json!({"success": true, "response": {
            "id": "A", "status": "issued", "certificate_pem_available": true,
            "validation": { "method": "email", "dns_records": [
                { "name": "_dnsauth.example.com.", "type": "CNAME", "value": "one.dcv.digicert.com." },
            ], "email_targets": ["admin@example.com"] },
            "reissue": { "status": status, "validation": { "dns_records": [
                { "name": "_dnsauth.example.org", "type": "CNAME", "value": "two.dcv.digicert.com" },
                { "name": "_dnsauth.example.com", "type": "CNAME", "value": "ONE.dcv.digicert.com" },
            ], "email_targets": ["admin@example.com", "admin@example.org"] } },
        }})
        .to_string()
    };
    let shown = certificate(&body("processing")).await.validation;
    let names: Vec<&str> = shown.records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["_dnsauth.example.com", "_dnsauth.example.org"]);
    assert_eq!(shown.email_targets, ["admin@example.com", "admin@example.org"]);
    assert_eq!(shown.method.as_deref(), Some("email"));
    // What a reissue wanted that came to nothing is wanted no more.
    assert_eq!(certificate(&body("rejected")).await.validation.records.len(), 1);
}

#[tokio::test]
async fn a_reissue_sends_no_names_unless_they_are_given() {
    let answer = || Reply::json(200, sample!("reissue_running"));
    let (client, script) = client_of(vec![answer(), answer()]).await;
    let wanted = ReissueRequest {
        csr: "CSR".to_owned(),
        dcv_method: DcvMethod::DnsCnameToken,
        common_name: None,
        dns_names: None,
        comments: None,
    };
    let certificate = client.reissue_certificate(&id("ABCDEFGHJKM23"), &wanted).await.unwrap();
    assert_eq!(certificate.reissue.unwrap().status, "pending");
    let full = ReissueRequest {
        common_name: Some(name("www.example.com")),
        dns_names: Some(vec![name("www.example.com"), name("example.com")]),
        comments: Some("key rotation".to_owned()),
        ..wanted
    };
    let _ = client.reissue_certificate(&id("ABCDEFGHJKM23"), &full).await.unwrap();
    assert_eq!(script.lines(), ["POST /tls/certificate/ABCDEFGHJKM23/reissue"; 2]);
    assert_eq!(script.body(0), json!({"csr": "CSR", "dcv_method": "dns-cname-token"}));
    assert_eq!(
        script.body(1),
        json!({
            "csr": "CSR",
            "dcv_method": "dns-cname-token",
            "common_name": "www.example.com",
            "dns_names": ["example.com"],
            "comments": "key rotation",
        })
    );
}

#[tokio::test]
async fn an_organization_is_made_with_all_nine_fields_and_changed_with_those_given() {
    let body = json!({"success": true, "code": 0, "response": {
        "id": "hdl_7K9QW3M2ZT8HJ", "organization": "Example GmbH", "status": "Pending",
        "usable_for_ordering": false, "address": "Beispielweg 1", "country_code": "de",
    }})
    .to_string();
    let answer = || Reply::json(200, &body);
    let (client, script) = client_of(vec![answer(), answer()]).await;
    let wish = NewOrganization {
        organization: "Example GmbH".to_owned(),
        first_name: "Erika".to_owned(),
        last_name: "Mustermann".to_owned(),
        address: "Beispielweg 1".to_owned(),
        postal_code: "12345".to_owned(),
        city: "Berlin".to_owned(),
        country_code: "DE".to_owned(),
        phone: "+49 30 000000".to_owned(),
        email: "certificates@example.com".to_owned(),
    };
    let made = client.create_organization(&wish).await.unwrap();
    assert!(!made.is_usable());
    assert_eq!(made.country_code.as_deref(), Some("DE"));
    let change = OrganizationChange {
        city: Some("Hamburg".to_owned()),
        edit_mode: Some(EditMode::CreateReplacement),
        ..OrganizationChange::default()
    };
    let _ = client.change_organization(&made.id, &change).await.unwrap();
    assert_eq!(
        script.lines(),
        ["POST /tls/organization", "PATCH /tls/organization/hdl_7K9QW3M2ZT8HJ"]
    );
    assert_eq!(script.body(0).as_object().unwrap().len(), 9);
    assert_eq!(script.body(1), json!({"city": "Hamburg", "edit_mode": "create_replacement"}));
}

#[tokio::test]
async fn one_odd_item_does_not_lose_the_others_of_the_list() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("list_odd_item"))]).await;
    let list = client.list_certificates().await.unwrap();
    assert_eq!(script.lines(), ["GET /tls/certificate"]);
    let [first, last] = list.certificates.as_slice() else { panic!("{list:?}") };
    assert_eq!((&first.id, &first.status), (&id("7K9QW3M2ZT8HJ"), &CertificateStatus::Cancelled));
    assert_eq!((&last.id, &last.status), (&id("ABCDEFGHJKM23"), &CertificateStatus::Issued));
    assert_eq!(last.organization_id.as_ref().unwrap().as_str(), "4711");
    assert_eq!((last.validity_days, last.valid_until), (Some(30), None));
    assert!(last.pem_available && last.validation == Validation::default());
    assert_eq!(
        list.unreadable,
        [
            "certificate 2: `id` is missing",
            "certificate 3: `id` is unusable: `../dns/rr` is not a certificate id: only letters, \
             digits, `_` and `-` are allowed",
            "certificate 4: it is no certificate",
        ]
    );
}

#[tokio::test]
async fn an_empty_list_can_be_written_in_three_ways() {
    for body in [
        r#"{"success":true,"response":[]}"#,
        r#"{"success":true,"response":null}"#,
        r#"{"success":true,"code":0}"#,
    ] {
        let (client, _script) = client_of(vec![Reply::json(200, body)]).await;
        assert_eq!(client.list_certificates().await.unwrap().certificates, []);
    }
}

#[tokio::test]
async fn products_keep_their_spelling_and_older_catalogs_their_level() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("products"))]).await;
    let list = client.list_products().await.unwrap();
    assert_eq!(script.lines(), ["GET /tls/products"]);
    let level = |product: &Product| {
        (
            product.sku.clone(),
            product.validation_level.clone().unwrap(),
            product.organization_required,
        )
    };
    assert_eq!(
        list.items.iter().map(level).collect::<Vec<_>>(),
        [
            ("RapidSSL".to_owned(), "dv".to_owned(), None),
            ("SecureSite".to_owned(), "ov".to_owned(), Some(true))
        ]
    );
    assert_eq!(list.unreadable, ["product 3: `sku` is missing"]);
}

#[tokio::test]
async fn an_organization_is_usable_only_when_the_api_says_so() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("organizations"))]).await;
    let list = client.list_organizations().await.unwrap();
    assert_eq!(script.lines(), ["GET /tls/organization"]);
    let short = |it: &Organization| (it.id.to_string(), it.name.clone().unwrap(), it.is_usable());
    assert_eq!(
        list.items.iter().map(short).collect::<Vec<_>>(),
        [
            ("hdl_7K9QW3M2ZT8HJ".to_owned(), "Example GmbH".to_owned(), true),
            ("4711".to_owned(), "Old Example AG".to_owned(), false)
        ]
    );
}

#[tokio::test]
async fn completing_sends_the_organization_and_nothing_else() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("issued_lingering_url"))]).await;
    let organization = OrganizationId::parse("hdl_7K9QW3M2ZT8HJ").unwrap();
    let certificate = client.complete_certificate(&id("7K9QW3M2ZT8HJ"), &organization).await;
    assert_eq!(certificate.unwrap().organization_id, Some(organization));
    assert_eq!(script.lines(), ["POST /tls/certificate/7K9QW3M2ZT8HJ/complete"]);
    assert_eq!(script.body(0), json!({"org_id": "hdl_7K9QW3M2ZT8HJ"}));
}

#[tokio::test]
async fn a_download_that_is_not_ready_says_so_before_it_succeeds() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let ready = Reply::answer(200, "Content-Type: application/x-pem-file\r\n", pem);
    let early = Reply::json(409, sample!("error_documented"));
    let (client, script) = client_of(vec![early, ready]).await;
    let error = client.download_pem(&id("A1")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /tls/certificate/A1/download/pem is not ready yet (409): `invalid csr`"
    );
    assert_eq!(client.download_pem(&id("A1")).await.unwrap(), pem.as_bytes());
    assert_eq!(script.lines(), ["GET /tls/certificate/A1/download/pem"; 2]);
}

#[test]
fn every_status_word_is_accepted() {
    use CertificateStatus::*;
    for (word, status) in [
        ("pending", Pending),
        ("Issued", Issued),
        ("expired", Expired),
        ("cancelled", Cancelled),
        ("order_cancelled", Cancelled),
        ("canceled", Cancelled),
        ("rejected", Rejected),
        ("certificate_revoked", Revoked),
        ("revoked", Revoked),
        ("unknown", Unknown("unknown".to_owned())),
        ("on_hold", Unknown("on_hold".to_owned())),
    ] {
        assert_eq!(CertificateStatus::from_word(word), status);
    }
    let unknown = CertificateStatus::from_word("on_hold");
    assert_eq!(serde_json::to_value(unknown).unwrap(), json!("on_hold"));
}

#[tokio::test]
async fn only_a_link_that_is_safe_to_open_is_kept() {
    for (url, kept) in [
        ("https://dash.regfish.com/my/certs/A/complete?x=1#y", true),
        ("http://127.0.0.1:8080/complete/A", true),
        ("http://dash.regfish.com/complete/A", false),
        ("javascript:alert(1)", false),
        ("https://dash.regfish.com@evil.example/", false),
        ("https://dash.regfish.com/\u{1b}]8;;", false),
        ("https://dash.regfish.com/a\nb", false),
        ("https://dash.regfish.com/a b", false),
        ("complete", false),
    ] {
        let body = json!({"success": true, "response": {"id": "A", "completion_url": url}});
        let certificate = certificate(&body.to_string()).await;
        assert_eq!(certificate.completion_url, kept.then(|| url.to_owned()), "{url}");
    }
}

#[tokio::test]
async fn half_a_validation_record_is_left_out() {
    let body = json!({"success": true, "response": {"id": "A", "validation": {"dns_records": [
        {"name": "_dnsauth.example.com", "type": "CNAME"},
        {"name": "not a name", "type": "CNAME", "value": "a.dcv.digicert.com"},
        {"name": "_dnsauth.example.com", "type": "txt", "value": "Token.With.Dot."},
        null,
    ]}}});
    let certificate = certificate(&body.to_string()).await;
    let token = ValidationRecord { kind: "TXT".to_owned(), ..record("Token.With.Dot.") };
    assert_eq!(certificate.validation.records, [token]);
}

#[tokio::test]
async fn an_order_is_sent_once_even_when_the_connection_breaks() {
    let dv = Reply::json(200, sample!("order_dv"));
    let (client, script) = client_of(vec![Reply::Close, dv]).await;
    let error = client.create_certificate(&order()).await.unwrap_err();
    assert_eq!((error.kind.name(), error.effect()), ("interrupted", Effect::Unknown));
    assert_eq!(script.lines(), ["POST /tls/certificate"]);
}
