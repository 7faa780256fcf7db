//! The transport against a scripted loopback server, and the two questions every error answers.

use std::time::Duration;

use serde_json::json;

use super::script::{KEY, Reply, Script, connection};
use super::*;
use crate::types::{Timestamp, VirtualClock};

const LATER: Retry = Retry::Later { after: None };

fn post() -> Request {
    Request::new(Method::Post, &["tls", "certificate"]).with_body(json!({"sku": "RapidSSL"}))
}

async fn send_to(script: &Script, request: &Request) -> Result<RawAnswer, ApiError> {
    HttpClient::new(script.connection()).unwrap().send(request).await
}

#[tokio::test]
async fn a_request_carries_key_agent_and_json() {
    let script = Script::start(vec![Reply::json(200, "{}")]).await;
    let answer = send_to(&script, &post()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
    let request = &script.requests()[0];
    assert!(request.starts_with("POST /tls/certificate HTTP/1.1\r\n"), "{request}");
    for header in [
        format!("x-api-key: {KEY}\r\n"),
        format!("user-agent: certplan/{}\r\n", env!("CARGO_PKG_VERSION")),
        "content-type: application/json\r\n".to_owned(),
        "accept: application/json\r\n".to_owned(),
    ] {
        assert!(request.contains(&header), "{header} in {request}");
    }
    assert_eq!(script.body(0), json!({"sku": "RapidSSL"}));
}

#[tokio::test]
async fn a_refused_connection_had_no_effect() {
    // Bound, so that nobody else gets the port, but never listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let error = HttpClient::new(connection(&url)).unwrap().send(&post()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("POST /tls/certificate: cannot connect to `{url}`: connection refused")
    );
    assert_eq!((error.effect(), error.retry()), (Effect::None, LATER));
}

#[tokio::test]
async fn a_tls_failure_had_no_effect() {
    let script = Script::start(vec![Reply::AtOnce(b"HTTP/1.1 400 Bad\r\n\r\n".to_vec())]).await;
    let url = script.url.replace("http:", "https:");
    let error = HttpClient::new(connection(&url)).unwrap().send(&post()).await.unwrap_err();
    assert_eq!((error.kind.name(), error.effect()), ("connect", Effect::None), "{error}");
    assert!(!script.requests()[0].contains(KEY));
}

#[tokio::test]
async fn a_timeout_after_sending_leaves_the_effect_unknown() {
    let script = Script::start(vec![Reply::Hang]).await;
    let mut connection = script.connection();
    connection.timeouts.total = Duration::from_secs(2);
    let error = HttpClient::new(connection).unwrap().send(&post()).await.unwrap_err();
    assert_eq!(error.to_string(), "POST /tls/certificate: no whole answer within 2s");
    assert_eq!((error.effect(), error.retry()), (Effect::Unknown, LATER));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_effect_unknown() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\"".to_vec();
    for reply in [Reply::Close, Reply::Bytes(half), Reply::Bytes(b"HTTP/1.1 20".to_vec())] {
        let script = Script::start(vec![reply]).await;
        let error = send_to(&script, &post()).await.unwrap_err();
        assert_eq!(error.kind.name(), "interrupted", "{error}");
        assert_eq!((error.effect(), error.retry()), (Effect::Unknown, LATER));
        assert_eq!(script.requests().len(), 1, "sent once, never again");
    }
}

#[tokio::test]
async fn reading_has_no_effect_even_when_the_answer_is_lost() {
    let script = Script::start(vec![Reply::Close]).await;
    let error = send_to(&script, &Request::new(Method::Get, &["x"])).await.unwrap_err();
    assert_eq!((error.effect(), error.retry()), (Effect::None, LATER));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
    let announced = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec());
    let body = "x".repeat(2000);
    let endless = Reply::Bytes(format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes());
    for reply in [announced, endless] {
        let script = Script::start(vec![reply]).await;
        let error = send_to(&script, &post().with_limit(1000)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge { limit: 1000 });
        assert_eq!((error.effect(), error.retry()), (Effect::Unknown, Retry::Never));
    }
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_is_read() {
    let script = Script::start(vec![Reply::json(200, &"x".repeat(1000))]).await;
    assert_eq!(send_to(&script, &post().with_limit(1000)).await.unwrap().body.len(), 1000);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays_here() {
    let elsewhere = Script::start(vec![Reply::json(200, "{}")]).await;
    for (status, effect) in
        [(301, Effect::None), (302, Effect::Unknown), (303, Effect::Unknown), (307, Effect::None)]
    {
        let location = format!("Location: {}/?k={KEY}\r\n", elsewhere.url);
        let script = Script::start(vec![Reply::answer(status, &location, "")]).await;
        let error = send_to(&script, &post()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "POST /tls/certificate: a redirect ({status}) to `{}/?k=***` was not followed",
                elsewhere.url
            )
        );
        assert_eq!((error.effect(), error.retry()), (effect, Retry::Never));
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    for (value, seconds) in [("17", 17), ("Sun, 01 Mar 2026 12:01:30 GMT", 90)] {
        let header = format!("Retry-After: {value}\r\n");
        let script = Script::start(vec![Reply::answer(429, &header, "")]).await;
        let mut connection = script.connection();
        connection.clock = Arc::new(VirtualClock::starting_at(now));
        let answer = HttpClient::new(connection).unwrap().send(&post()).await.unwrap();
        assert_eq!(answer.retry_after, Some(Duration::from_secs(seconds)));
        let error = answer.error(ErrorKind::RateLimited { message: None });
        assert_eq!(error.retry(), Retry::Later { after: Some(Duration::from_secs(seconds)) });
    }
}

#[tokio::test]
async fn a_request_that_is_not_fit_to_be_sent_touches_no_network() {
    let script = Script::start(vec![]).await;
    let request = Request::new(Method::Post, &["dns", "..", "rr"]);
    let error = send_to(&script, &request).await.unwrap_err();
    assert_eq!(error.to_string(), "POST /dns/../rr was not sent: `.` or `..` stands in its path");
    assert_eq!((error.effect(), error.retry()), (Effect::None, Retry::Never));
}

#[test]
fn nothing_that_can_be_printed_shows_the_key() {
    let connection = connection("https://api.example.com");
    let client = HttpClient::new(connection.clone()).unwrap();
    let call = Call::new(&post(), &connection.api_key);
    let path = Call::new(&Request::new(Method::Get, &["x", "rf-secret"]), &connection.api_key);
    assert!(!format!("{connection:?} {client:?} {call:?} {path:?}").contains(KEY));
}
