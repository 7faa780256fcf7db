//! The samples through the whole client, and a table of answers and what they amount to.

use serde_json::json;

use super::*;
use crate::api::http::script::{KEY, Reply, Script};
use crate::api::http::{ApiError, BaseUrl, Connection, ErrorKind, Retry};
use crate::types::{DigicertOrderId, Secret};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/api/digicert/samples/",
            $name,
            ".json"
        ))
    };
}

fn order() -> DigicertOrderId {
    DigicertOrderId::parse("123456789").unwrap()
}

async fn ask(reply: Reply) -> (Result<OrderValidation, ApiError>, Script) {
    let script = Script::start(vec![reply]).await;
    let url = BaseUrl::parse(&format!("{}/services/v2", script.url)).unwrap();
    let connection = Connection::digicert(url, Secret::new(KEY.to_owned()));
    let result = DigicertClient::new(connection).unwrap().order_validation(&order(), true).await;
    (result, script)
}

async fn told(status: u16, body: &str) -> Result<OrderValidation, ApiError> {
    ask(Reply::json(status, body)).await.0
}

#[tokio::test]
async fn the_key_travels_in_the_header_of_digicert_and_the_risk_is_asked_for() {
    let (result, script) = ask(Reply::json(200, sample!("ov_pending"))).await;
    result.unwrap();
    assert_eq!(
        script.lines(),
        ["GET /services/v2/order/certificate/123456789/validation?include_risk_check=true"]
    );
    let head = script.requests()[0].to_lowercase();
    assert!(head.contains(&format!("x-dc-devkey: {KEY}").to_lowercase()), "{head}");
    assert!(!head.contains("x-api-key"));
}

#[tokio::test]
async fn every_documented_field_arrives_under_its_own_name() {
    let read = told(200, sample!("ov_pending")).await.unwrap();
    let sample: serde_json::Value = serde_json::from_str(sample!("ov_pending")).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), sample);
}

#[tokio::test]
async fn unknown_words_and_fields_are_survived_and_odd_entries_are_not_lost() {
    let body = json!({
        "order_id": 123_456_789,
        "order_status": "Quarantined\u{1b}[31m",
        "approval_scope": "base_domain",
        "organization_validations": null,
        "dns_name_validations": [
            "what?", { "status": "APPROVED", "dns_names": "example.com", "new": {} }, {},
        ],
    });
    let read = told(200, &body.to_string()).await.unwrap();
    assert_eq!(read.order_status.unwrap(), "quarantined\u{fffd}[31m");
    let states: Vec<_> =
        read.dns_name_validations.iter().map(|name| name.status.as_deref()).collect();
    assert_eq!(states, [None, Some("approved"), None]);
    assert_eq!(read.dns_name_validations[1].dns_names, ["example.com"]);
    assert!(read.organization_validations.is_empty());
}

#[tokio::test]
async fn an_answer_about_another_order_or_about_nothing_is_refused() {
    for (body, reason) in [
        (sample!("dv_issued"), "it is about order `123456790`"),
        ("{}", "neither `order_status` nor `dns_name_validations` is in it"),
        (r#"{"order_id":"123456789"}"#, "neither `order_status` nor"),
        ("[]", "it is not a JSON object"),
    ] {
        let error = told(200, body).await.unwrap_err();
        assert_eq!((error.kind.name(), error.retry()), ("unreadable", Retry::Never), "{body}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    let names = vec![json!({ "status": "approved" }); 1001];
    let error = told(200, &json!({ "dns_name_validations": names }).to_string()).await;
    assert!(error.unwrap_err().to_string().contains("1001 entries, more than 1000"));
}

#[tokio::test]
async fn every_error_has_a_kind_and_says_whether_it_passes() {
    const LATER: Retry = Retry::Later { after: None };
    let access = r#"{"errors":[{"code":"access_denied","message":"No."}]}"#;
    for (status, body, kind, retry) in [
        (401, access, "unauthorized", Retry::Never),
        (403, access, "forbidden", Retry::Never),
        (403, "<html>", "forbidden", Retry::Never),
        (404, sample!("error_no_order"), "not_found", Retry::Never),
        (404, "<html>", "unreadable", Retry::Never),
        (404, "", "unreadable", Retry::Never),
        (404, r#"{"message":"no route"}"#, "unreadable", Retry::Never),
        (429, sample!("error_limit"), "rate_limited", LATER),
        (429, "", "rate_limited", LATER),
        (500, "<html>", "server_error", LATER),
        (503, r#"{"errors":[]}"#, "server_error", LATER),
        (400, r#"{"errors":[{"code":"bad_request_format"}]}"#, "refused", Retry::Never),
        (400, r#"{"errors":{"code":"old","message":"Old shape."}}"#, "refused", Retry::Never),
        (200, access, "refused", Retry::Never),
        (200, "<html>", "unreadable", LATER),
        (200, "", "unreadable", LATER),
        (200, r#"{"order_id"#, "unreadable", LATER),
    ] {
        let error = told(status, body).await.unwrap_err();
        assert_eq!((error.kind.name(), error.retry()), (kind, retry), "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn an_error_repeats_the_words_of_digicert_with_their_code() {
    let path = "GET /order/certificate/123456789/validation";
    for (status, body, text) in [
        (404, sample!("error_no_order"), "The order does not exist. (not_found|order)"),
        (400, r#"{"errors":{"code":"old","message":"Old shape."}}"#, "Old shape. (old)"),
        (400, r#"{"errors":{"a":{"message":"x"},"b":{"code":"y"}}}"#, "x; y"),
        (400, r#"{"errors":["bare"]}"#, "bare"),
    ] {
        let error = told(status, body).await.unwrap_err().to_string();
        assert!(error.starts_with(path) && error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_the_server_echoes_is_masked() {
    let body = format!(r#"{{"errors":[{{"code":"x","message":"bad key {KEY}"}}]}}"#);
    let error = told(403, &body).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Forbidden { .. }));
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
}
