//! The control port, at the edges that its manual does not show.

use super::*;

struct Panel {
    stage: Stage,
    url: String,
}

impl Panel {
    async fn start() -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let stage = Stage::start(|options| options.control_listen = Some(listen)).await;
        let url = stage.sandbox.control_url().unwrap().to_owned();
        Self { stage, url }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.stage.client.request(method, format!("{}{path}", self.url));
        let response = request.body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

#[tokio::test]
async fn the_order_at_digicert_shows_on_the_control_port_only() {
    let panel = Panel::start().await;
    let order = panel.stage.order("RapidSSL", &["a.example"]).await;
    let (_, shown) =
        panel.ask("GET", &format!("/orders/{}", order["id"].as_str().unwrap()), "").await;
    let number = shown["digicert_order_id"].as_u64().unwrap();
    assert!(!order.to_string().contains(&number.to_string()));
    assert_eq!(panel.ask("GET", "/orders/none", "").await.0, 404);
}

#[tokio::test]
async fn mistakes_are_told_with_their_place() {
    let panel = Panel::start().await;
    let (status, answer) =
        panel.ask("POST", "/faults", r#"{"call": "GET /tls/products", "do": "explod"}"#).await;
    assert_eq!(status, 400);
    let text = answer["error"].as_str().unwrap();
    assert!(text.contains("`do` cannot be `explod`") && text.contains("body:1:"), "{text}");
    // What is suggested for JSON is JSON.
    let slip = r#"{"call": "GET /tls/products", "doo": "html"}"#;
    let (_, answer) = panel.ask("POST", "/faults", slip).await;
    let text = answer["error"].as_str().unwrap();
    assert!(text.contains(r#"{"call": "GET /tls/products", "do": "html"}"#), "{text}");
    for (path, body) in [
        ("/clock", "{}"),
        ("/clock", r#"{"advance":"soon"}"#),
        ("/clock", "x"),
        ("/happenings", ""),
    ] {
        assert_eq!(panel.ask("POST", path, body).await.0, 400, "{path} {body}");
    }
    let past = r#"{"set":"2020-01-01T00:00:00Z"}"#;
    assert_eq!(panel.ask("POST", "/clock", past).await.0, 400);
    assert_eq!(panel.ask("GET", "/nothing", "").await.0, 404);
}

#[tokio::test]
async fn what_the_world_refuses_is_a_conflict() {
    let panel = Panel::start().await;
    let order = panel.stage.order("RapidSSL", &["a.example"]).await;
    let path = format!("/orders/{}/happenings", order["id"].as_str().unwrap());
    let (status, answer) = panel.ask("POST", &path, r#"{"do": "complete"}"#).await;
    assert_eq!(status, 409);
    assert_eq!(answer["happenings"][0]["refused"], "the order requires no completion");
    assert_eq!(panel.ask("POST", &path, r#"{"do": "cancel"}"#).await.0, 200);
    let (_, shown) = panel.ask("GET", "/orders", "").await;
    assert_eq!(shown["orders"][0]["status"], "cancelled");
    assert_eq!(panel.ask("POST", "/orders/none/happenings", r#"{"do": "cancel"}"#).await.0, 409);
}

#[tokio::test]
async fn time_passes_when_it_is_told_to_and_what_came_due_is_done() {
    let panel = Panel::start().await;
    let order = panel.stage.order("RapidSSL", &["a.example"]).await;
    panel.stage.put_validation_records(&order).await;
    let (status, clock) = panel.ask("POST", "/clock", r#"{"advance":"1h"}"#).await;
    assert_eq!((status, &clock["now"]), (200, &json!("2026-11-20T11:00:00Z")));
    let (_, shown) = panel.ask("GET", "/orders", "").await;
    assert_eq!(shown["orders"][0]["status"], "issued");
}

#[tokio::test]
async fn a_web_page_gets_nothing() {
    let panel = Panel::start().await;
    let request = panel.stage.client.post(format!("{}/reset", panel.url));
    let response = request.header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
}

#[tokio::test]
async fn a_reset_leaves_nothing_of_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world");
    let listen = "127.0.0.1:0".parse().unwrap();
    let stage = Stage::start(|options| {
        options.control_listen = Some(listen);
        options.state_file = Some(file.clone());
    })
    .await;
    stage.order("RapidSSL", &["a.example"]).await;
    stage.controls().add_fault(Fault::at("GET", "/", 1, FaultAction::Html));
    stage.controls().reset().await.unwrap();
    assert!(stage.controls().orders().is_empty() && stage.controls().faults().is_empty());
    assert!(stage.controls().requests().is_empty());
    stage.order("RapidSSL", &["b.example"]).await;
    drop(stage);
    let again = Stage::start(|options| options.state_file = Some(file.clone())).await;
    let names: Vec<String> =
        again.controls().orders().into_iter().map(|order| order.common_name).collect();
    assert_eq!(names, ["b.example"]);
}

#[tokio::test]
async fn what_has_happened_cannot_happen_again() {
    let panel = Panel::start().await;
    let order = panel.stage.order("RapidSSL", &["a.example"]).await;
    let path = format!("/orders/{}/happenings", order["id"].as_str().unwrap());
    for deed in ["reject", "cancel", "lose"] {
        let body = format!(r#"{{"do": "{deed}"}}"#);
        assert_eq!(panel.ask("POST", &path, &body).await.0, 200, "{deed}");
        let (status, answer) = panel.ask("POST", &path, &body).await;
        assert_eq!(status, 409, "{deed}");
        assert!(answer.to_string().contains("ended in this way already"), "{answer}");
    }
}
