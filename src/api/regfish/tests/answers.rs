//! Which answer amounts to which error, with which effect, and whether it is worth repeating.

use std::time::Duration;

use super::*;
use crate::api::http::script::KEY;
use crate::api::http::{ApiError, Call, Effect, ErrorKind, Method, RawAnswer, Request, Retry};
use crate::api::regfish::envelope::{read, read_pem};
use crate::types::Secret;

fn answer(method: Method, status: u16, body: &str) -> RawAnswer {
    let request = Request::new(method, &["tls", "certificate"]);
    RawAnswer {
        call: Call::new(&request, &Secret::new(KEY.to_owned())),
        status,
        content_type: None,
        retry_after: None,
        body: body.as_bytes().to_vec(),
    }
}

fn error(status: u16, body: &str) -> ApiError {
    read(&answer(Method::Post, status, body)).unwrap_err()
}

const HTML: &str = "<!doctype html><h1>Bad Gateway</h1>";
const OK: &str = r#"{"success":true,"code":0,"response":{"id":"A"}}"#;
const NO: &str = r#"{"success":false,"code":12,"error":"no"}"#;

#[test]
fn every_answer_has_a_kind_an_effect_and_a_retry() {
    const LATER: Retry = Retry::Later { after: None };
    const NONE: Effect = Effect::None;
    const UNKNOWN: Effect = Effect::Unknown;
    let documented = sample!("error_documented");
    for (status, body, kind, effect, retry) in [
        (400, documented, "refused", NONE, Retry::Never),
        (400, NO, "refused", NONE, Retry::Never),
        (402, NO, "refused", NONE, Retry::Never),
        (409, NO, "refused", NONE, Retry::Never),
        (422, NO, "refused", NONE, Retry::Never),
        (408, NO, "refused", UNKNOWN, LATER),
        (200, NO, "refused", NONE, Retry::Never),
        (200, sample!("error_zone_not_found"), "refused", NONE, Retry::Never),
        (417, sample!("error_record_exists"), "refused", NONE, Retry::Never),
        (401, documented, "unauthorized", NONE, Retry::Never),
        (401, HTML, "unauthorized", NONE, Retry::Never),
        (403, documented, "forbidden", NONE, Retry::Never),
        (403, HTML, "forbidden", NONE, Retry::Never),
        (404, documented, "not_found", NONE, Retry::Never),
        (404, "", "not_found", NONE, Retry::Never),
        (404, HTML, "unreadable", UNKNOWN, Retry::Never),
        (404, "404 page not found", "unreadable", UNKNOWN, Retry::Never),
        (429, documented, "rate_limited", NONE, LATER),
        (429, HTML, "rate_limited", NONE, LATER),
        (500, documented, "server_error", UNKNOWN, LATER),
        (500, OK, "server_error", UNKNOWN, LATER),
        (502, HTML, "server_error", UNKNOWN, LATER),
        (503, "", "server_error", UNKNOWN, LATER),
        (200, r#"{"success":false,"code":500,"error":"x"}"#, "server_error", UNKNOWN, LATER),
        (200, HTML, "unreadable", UNKNOWN, LATER),
        (200, "", "unreadable", UNKNOWN, LATER),
        (200, r#"{"success":true,"respo"#, "unreadable", UNKNOWN, LATER),
        (200, r#"{"response":{"id":"A"}}"#, "unreadable", UNKNOWN, Retry::Never),
        (200, r#"{"success":null}"#, "unreadable", UNKNOWN, Retry::Never),
        (200, "[]", "unreadable", UNKNOWN, Retry::Never),
        (400, HTML, "unreadable", UNKNOWN, Retry::Never),
        (408, HTML, "unreadable", UNKNOWN, LATER),
        (400, r#"{"message":"x"}"#, "unreadable", UNKNOWN, Retry::Never),
    ] {
        let error = error(status, body);
        assert_eq!(
            (error.kind.name(), error.effect(), error.retry()),
            (kind, effect, retry),
            "{status} {body}: {error}"
        );
        assert_eq!(error.status, Some(status));
    }
}

#[test]
fn success_is_decided_by_the_flag_alone() {
    for (status, body) in [(200, OK), (201, OK), (409, OK), (200, sample!("record_deleted"))] {
        assert!(read(&answer(Method::Post, status, body)).is_ok(), "{status} {body}");
    }
}

#[test]
fn reading_never_has_an_effect() {
    for (status, body) in [(500, ""), (200, HTML), (200, NO)] {
        let error = read(&answer(Method::Get, status, body)).unwrap_err();
        assert_eq!(error.effect(), Effect::None);
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_passed_on() {
    for status in [429, 503] {
        let after = Some(Duration::from_secs(7));
        let answer = RawAnswer { retry_after: after, ..answer(Method::Get, status, "") };
        assert_eq!(read(&answer).unwrap_err().retry(), Retry::Later { after });
    }
}

#[test]
fn errors_read_as_one_line() {
    for (status, body, line) in [
        (
            400,
            sample!("error_documented"),
            "POST /tls/certificate was refused (400): `invalid csr`",
        ),
        (
            417,
            sample!("error_record_exists"),
            "POST /tls/certificate was refused (417, code 15003): `Resource record already exists.`",
        ),
        (
            400,
            r#"{"success":false,"error":"a","message":"b"}"#,
            "POST /tls/certificate was refused (400): `a (b)`",
        ),
        (400, r#"{"success":false}"#, "POST /tls/certificate was refused (400)"),
        (
            401,
            r#"{"success":false,"error":"Unauthorized\n\u001b[2J"}"#,
            "POST /tls/certificate: the API key was refused (401): `Unauthorized\u{fffd}\u{fffd}[2J`",
        ),
        (403, "", "POST /tls/certificate: the API key may not do this (403)"),
        (404, "", "POST /tls/certificate found nothing (404)"),
        (429, "", "POST /tls/certificate: too many requests (429)"),
        (
            502,
            HTML,
            "POST /tls/certificate: the server failed (502): \
             `<!doctype html><h1>Bad Gateway</h1>`",
        ),
        (
            200,
            HTML,
            "POST /tls/certificate answered with HTML, not JSON (status 200, begins with \
             `<!doctype html><h1>Bad Gateway</h1>`)",
        ),
        (
            200,
            r#"{"success":true,"#,
            "POST /tls/certificate answered with something unreadable: the JSON text is cut off \
             (status 200, begins with `{\"success\":true,`)",
        ),
        (
            200,
            "",
            "POST /tls/certificate answered with something unreadable: nothing was in it \
             (status 200, empty)",
        ),
        (
            200,
            "{}",
            "POST /tls/certificate answered with something unusable: the flag `success` is \
             missing (status 200, begins with `{}`)",
        ),
    ] {
        assert_eq!(error(status, body).to_string(), line);
    }
}

#[test]
fn a_key_that_the_server_echoes_is_masked() {
    let long = format!("{}{KEY}", "x".repeat(390));
    for (status, body) in [
        (401, format!(r#"{{"success":false,"error":"bad key {KEY}"}}"#)),
        (400, format!(r#"{{"success":false,"message":"{long}"}}"#)),
        (502, format!("<p>{KEY}</p>")),
        (200, format!("{{\"x\":\"{KEY}\"")),
        (200, format!("{}{KEY}", "x".repeat(50))),
        (404, format!("no {KEY}")),
    ] {
        let error = error(status, &body);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&KEY[..8]), "{shown}");
    }
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[test]
fn a_download_is_raw_when_it_succeeds_and_an_envelope_when_it_does_not() {
    let get = |status, body: &str| read_pem(answer(Method::Get, status, body));
    assert_eq!(get(200, PEM).unwrap(), PEM.as_bytes());
    let twice = format!("{PEM}{PEM}");
    assert_eq!(get(200, &twice).unwrap(), twice.as_bytes());
    for (status, body, kind) in [
        (409, NO, "not_ready"),
        (409, "", "not_ready"),
        (404, NO, "not_found"),
        (401, NO, "unauthorized"),
        (200, NO, "refused"),
        (200, OK, "unreadable"),
        (200, HTML, "unreadable"),
        (200, "", "unreadable"),
        (200, &PEM[..40], "unreadable"),
        (200, &format!("{PEM}{}", &PEM[..40]), "unreadable"),
        (500, PEM, "server_error"),
    ] {
        let error = get(status, body).unwrap_err();
        assert_eq!(error.kind.name(), kind, "{status} {body}: {error}");
    }
    // What is empty may be whole the next time, like the page of a gateway.
    for passing in ["", HTML] {
        assert_eq!(get(200, passing).unwrap_err().retry(), Retry::Later { after: None });
    }
    let not_ready = get(409, NO).unwrap_err();
    assert_eq!(not_ready.kind, ErrorKind::NotReady { message: Some("no".to_owned()) });
    assert_eq!(not_ready.retry(), Retry::Later { after: None });
}
