//! Answers that fit, do not fit yet, echo secrets, lead elsewhere, or never come.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::request;
use crate::action::testing::{call, failure, not_yet, output};
use crate::run::{ErrorKind, Outcome, Retry};
use crate::types::Timestamp;

/// A server that answers each request with the next text; with nothing it hangs up. Gives what
/// arrived.
async fn server(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/x?secret=1", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut arrived = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 8192];
            let length = stream.read(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let token = text.lines().find_map(|line| line.strip_prefix("x-token: "));
            let body = answer.replace("TOKEN", token.unwrap_or_default());
            stream.write_all(body.as_bytes()).await.unwrap();
            arrived.push(text);
        }
        arrived
    });
    (url, task)
}

const JSON: &str = "HTTP/1.1 200 OK\r\nx-seen: TOKEN\r\ncontent-length: 33\r\nconnection: close\r\n\r\n\
                    {\"state\": \"ready\", \"id\": 4711   }";

async fn ask(url: &str, mut parameters: Value) -> crate::action::Result<Outcome> {
    parameters["url"] = json!(url);
    let folder = tempfile::tempdir().unwrap();
    request(None, Timestamp::UNIX_EPOCH, &call("http.request", folder.path(), parameters)).await
}

#[tokio::test]
async fn an_answer_is_looked_at_and_what_is_wanted_of_it_is_kept() {
    let (url, arrived) = server(vec![JSON]).await;
    let parameters = json!({
        "method": "PUT", "json": { "a": 1 }, "headers": { "x-own": "yes" },
        "until": "json.state == 'ready'", "fail_if": "status >= 500",
        "captures": { "id": "json.id", "length": "headers['content-length']" },
    });
    let found = output(ask(&url, parameters).await);
    assert_eq!(found["captures"], json!({ "id": 4711, "length": "33" }));
    assert!(!found["summary"].as_str().unwrap().contains("secret"), "{found:?}");
    let arrived = arrived.await.unwrap().remove(0);
    assert!(arrived.starts_with("PUT /x?secret=1 HTTP/1.1\r\n"), "{arrived}");
    assert!(arrived.contains("x-own: yes\r\n") && arrived.ends_with("{\"a\":1}"), "{arrived}");
}

#[tokio::test]
async fn a_secret_is_sent_and_never_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "hunter2-hunter2\n").unwrap();
    let (url, arrived) = server(vec![JSON]).await;
    let parameters = json!({
        "secret_headers": { "x-token": { "file": path } },
        "captures": { "echo": "headers['x-seen']" },
    });
    let found = output(ask(&url, parameters).await);
    assert_eq!(found["captures"]["echo"], "***");
    assert!(arrived.await.unwrap()[0].contains("x-token: hunter2-hunter2\r\n"));
}

#[tokio::test]
async fn what_is_not_there_yet_is_asked_for_again_and_what_failed_is_not() {
    let (url, _) = server(vec![JSON, JSON, JSON]).await;
    let waits = not_yet(ask(&url, json!({ "until": "json.state == 'done'" })).await);
    assert_eq!(waits, "not yet `json.state == 'done'`; status 200");
    let waits = not_yet(ask(&url, json!({ "until": "json.deep.er == 1" })).await);
    assert!(waits.ends_with("; status 200"), "{waits}");
    let (error, retry) = failure(ask(&url, json!({ "fail_if": "json.id == 4711" })).await);
    assert_eq!(error.message, "`fail_if: json.id == 4711` holds; status 200");
    assert_eq!(retry, Retry::Never);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_statuses_have_their_meaning() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let down = "HTTP/1.1 503 No\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n";
    let (url, _) = server(vec![moved, moved, down, down]).await;
    let (error, retry) = failure(ask(&url, json!({})).await);
    assert!(error.message.ends_with("answered 302"), "{error}");
    assert_eq!((error.kind, retry), (ErrorKind::Refused, Retry::Never));
    assert_eq!(output(ask(&url, json!({ "expect_status": [302] })).await)["status"], 302);
    let after = Some(std::time::Duration::from_secs(7));
    let (error, retry) = failure(ask(&url, json!({})).await);
    assert_eq!((error.kind, retry), (ErrorKind::Server, Retry::Later { after }));
    // A POST may have been carried out.
    assert_eq!(failure(ask(&url, json!({ "method": "POST" })).await).1, Retry::Never);
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_open_whether_a_post_arrived() {
    let (url, _) = server(vec!["", "", "HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"]).await;
    let (error, retry) = failure(ask(&url, json!({ "method": "POST" })).await);
    assert!(error.message.ends_with("whether the request was carried out is not known"), "{error}");
    assert_eq!(retry, Retry::Never);
    let declared = json!({ "method": "POST", "repeat": "safe" });
    assert_eq!(failure(ask(&url, declared).await).1, Retry::Later { after: None });
    let (error, _) = failure(ask("http://example.com/", json!({})).await);
    assert!(error.message.contains("plain http goes to this machine only"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let (url, _) = server(vec![JSON]).await;
    let (error, _) = failure(ask(&url, json!({ "limit": 32 })).await);
    assert!(error.message.ends_with("is longer than 32 bytes"), "{error}");
}
