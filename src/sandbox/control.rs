//! The control port: what can be seen and done besides the imitated API, as JSON over HTTP.
//!
//! It has a listener of its own, so that no program can take it for a part of the API. It speaks the
//! words of scenarios: a fault or a happening is read exactly as it would be in a file. It has no
//! key: whoever reaches the port may do everything, which is why it stays on loopback.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::controls::Controls;
use super::fault::Fault;
use super::observed::{LoggedHappening, LoggedRequest};
use super::scenario::{decode_fault, decode_happening};
use super::server::SandboxError;
use super::shared::Shared;
use crate::document::decode::Decoder;
use crate::document::node::Node;
use crate::document::{Diagnostics, SourceFile, yaml};
use crate::types::{Timestamp, parse_duration};

/// Larger bodies are refused.
const LARGEST_BODY: usize = 1 << 20;

/// So many requests of the log come at once unless more are asked for.
const USUAL_REQUESTS: usize = 1_000;

type Access = State<Arc<Shared>>;

/// All routes of the control port.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/orders", get(orders))
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/happenings", post(happen_to))
        .route("/organizations", get(organizations))
        .route("/zones", get(zones))
        .route("/requests", get(requests))
        .route("/happenings", get(happenings).post(happen))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/clock", get(clock).post(set_clock))
        .route("/reset", post(reset))
        .fallback(async || {
            no(StatusCode::NOT_FOUND, "there is nothing here; GET / lists what there is")
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::map_request(refuse_browsers))
        .with_state(shared)
}

/// A page of somebody else's in a browser shall not reach the port (DNS rebinding, forms).
async fn refuse_browsers(
    headers: HeaderMap,
    request: axum::extract::Request,
) -> Result<axum::extract::Request, Response> {
    if headers.contains_key(header::ORIGIN) {
        return Err(no(StatusCode::FORBIDDEN, "the control port takes nothing from web pages"));
    }
    Ok(request)
}

fn yes(value: &Value) -> Response {
    axum::Json(value).into_response()
}

fn no(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(json!({ "error": text }))).into_response()
}

fn failed(error: &SandboxError) -> Response {
    let status = match error {
        SandboxError::Refused(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    no(status, &error.to_string())
}

async fn overview(State(shared): Access) -> Response {
    yes(&json!({
        "sandbox": "certplan sandbox - NOT A REAL CA",
        "api": shared.base_url,
        "console": format!("{}/my", shared.base_url),
        "name_servers": shared.name_servers,
        "clock": clock_of(&shared),
        "seed": shared.seed(),
        "random_faults": shared.random_faults().map(|rules| json!({
            "seed": rules.seed,
            "share": rules.share.to_string(),
        })),
        "counts": shared.counts(),
        "paths": [
            "GET /orders", "GET /orders/ID", "POST /orders/ID/happenings", "GET /organizations",
            "GET /zones", "GET /requests?after=N", "GET /happenings", "POST /happenings",
            "GET /faults", "POST /faults", "DELETE /faults", "GET /clock", "POST /clock",
            "POST /reset",
        ],
    }))
}

async fn orders(State(shared): Access) -> Response {
    caught_up(&shared).await;
    let orders: Vec<Value> = shared.snapshots().iter().map(|order| json!(order)).collect();
    yes(&json!({ "orders": orders }))
}

async fn order(State(shared): Access, Path(id): Path<String>) -> Response {
    caught_up(&shared).await;
    match shared.snapshots().iter().find(|order| order.id == id) {
        Some(order) => yes(&json!(order)),
        None => no(StatusCode::NOT_FOUND, "there is no such order"),
    }
}

async fn organizations(State(shared): Access) -> Response {
    caught_up(&shared).await;
    yes(&json!({ "organizations": shared.organization_snapshots() }))
}

async fn zones(State(shared): Access) -> Response {
    caught_up(&shared).await;
    yes(&json!({ "zones": shared.zone_snapshots() }))
}

/// Does what came due, so that what is shown is true now. What cannot be saved is told elsewhere.
async fn caught_up(shared: &Arc<Shared>) {
    if let Err(error) = Controls::new(Arc::clone(shared)).catch_up().await {
        tracing::warn!(%error, "the sandbox's world was not saved");
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    /// The number of the last request that is known already.
    #[serde(default)]
    after: usize,
    limit: Option<usize>,
}

async fn requests(State(shared): Access, Query(page): Query<Page>) -> Response {
    let (first, log) = shared.numbered_log();
    let request = |(number, request): (usize, &LoggedRequest)| {
        json!({
            "number": number,
            "at": request.at,
            "method": request.method,
            "path": request.path,
            "status": request.status,
        })
    };
    let requests: Vec<Value> = (first..)
        .zip(&log)
        .filter(|(number, _)| *number > page.after)
        .take(page.limit.unwrap_or(USUAL_REQUESTS))
        .map(request)
        .collect();
    yes(&json!({ "total": first + log.len() - 1, "requests": requests }))
}

async fn happenings(State(shared): Access) -> Response {
    yes(&json!({ "happenings": notes(&shared.happened()) }))
}

fn notes(happened: &[LoggedHappening]) -> Vec<Value> {
    let note = |note: &LoggedHappening| {
        json!({
            "at": note.at,
            "what": note.what,
            "certificate_id": note.certificate_id,
            "refused": note.refused,
        })
    };
    happened.iter().map(note).collect()
}

async fn happen(State(shared): Access, body: Bytes) -> Response {
    happen_now(&shared, None, &body).await
}

async fn happen_to(State(shared): Access, Path(id): Path<String>, body: Bytes) -> Response {
    happen_now(&shared, Some(&id), &body).await
}

async fn happen_now(shared: &Arc<Shared>, order: Option<&str>, body: &Bytes) -> Response {
    let happening = match read(body, decode_happening) {
        Ok(happening) => happening,
        Err(wrong) => return no(StatusCode::BAD_REQUEST, &wrong),
    };
    match Controls::new(Arc::clone(shared)).happen(&happening, order).await {
        Ok(notes_now) if notes_now.iter().all(|note| note.refused.is_some()) => {
            let status = StatusCode::CONFLICT;
            (status, axum::Json(json!({ "happenings": notes(&notes_now) }))).into_response()
        }
        Ok(notes_now) => yes(&json!({ "happenings": notes(&notes_now) })),
        Err(error) => failed(&error),
    }
}

async fn faults(State(shared): Access) -> Response {
    let fault = |(fault, matched, hit): &(Fault, u32, u32)| {
        json!({
            "call": format!("{} {}", fault.method, fault.path),
            "target": fault.target,
            "nth": fault.nth,
            "every": fault.every,
            "times": (fault.times != u32::MAX).then_some(fault.times),
            "do": fault.action.word(),
            "matched": matched,
            "hit": hit,
        })
    };
    yes(&json!({ "faults": shared.faults().iter().map(fault).collect::<Vec<_>>() }))
}

async fn add_fault(State(shared): Access, body: Bytes) -> Response {
    match read(&body, decode_fault) {
        Ok(fault) => {
            shared.add_fault(fault);
            faults(State(shared)).await
        }
        Err(wrong) => no(StatusCode::BAD_REQUEST, &wrong),
    }
}

async fn clear_faults(State(shared): Access) -> Response {
    shared.clear_faults();
    faults(State(shared)).await
}

fn clock_of(shared: &Shared) -> Value {
    json!({ "now": shared.dns_time(), "virtual": shared.has_virtual_clock() })
}

async fn clock(State(shared): Access) -> Response {
    yes(&clock_of(&shared))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockWish {
    /// A duration such as `3h`.
    advance: Option<String>,
    /// A time, not earlier than now.
    set: Option<Timestamp>,
}

async fn set_clock(State(shared): Access, body: Bytes) -> Response {
    if !shared.has_virtual_clock() {
        let text = "the sandbox runs on the machine's clock; start it with `--virtual-clock`";
        return no(StatusCode::CONFLICT, text);
    }
    let wish: ClockWish = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => return no(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let now = shared.dns_time();
    let by = match (wish.advance, wish.set) {
        (Some(text), None) => parse_duration(&text).map_err(|error| error.to_string()),
        (None, Some(at)) => Duration::try_from(at.duration_since(now))
            .map_err(|_| "time does not run backwards".to_owned()),
        _ => Err("say `advance` or `set`".to_owned()),
    };
    match by {
        Ok(by) => {
            shared.pass(by).await;
            caught_up(&shared).await;
            yes(&clock_of(&shared))
        }
        Err(text) => no(StatusCode::BAD_REQUEST, &text),
    }
}

async fn reset(State(shared): Access) -> Response {
    match Controls::new(shared).reset().await {
        Ok(()) => yes(&json!({ "reset": true })),
        Err(error) => failed(&error),
    }
}

/// Reads a body as a part of a scenario: JSON, or YAML.
fn read<T>(
    body: &Bytes,
    decode: impl FnOnce(&Node, &mut Decoder<'_>) -> Option<T>,
) -> Result<T, String> {
    let wrong = |diagnostics: &Diagnostics| diagnostics.render(false).trim_end().to_owned();
    let file = SourceFile::from_bytes("body", body).map_err(|error| wrong(&error))?;
    let mut diagnostics = Diagnostics::new(&file);
    let root = yaml::parse(&file, &mut diagnostics);
    let mut decoder = Decoder { file: &file, diagnostics: &mut diagnostics };
    match root.and_then(|root| decode(&root, &mut decoder)) {
        Some(value) if !diagnostics.has_errors() => Ok(value),
        _ => Err(wrong(&diagnostics)),
    }
}
