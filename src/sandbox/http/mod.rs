//! The HTTP side: routes, the key, and what happens around each request.
//!
//! Handlers translate between JSON and the world and decide nothing. One file for each resource;
//! the wire types are this module's own.

mod answer;
mod body;
mod certificate;
mod console;
mod dns;
mod tls;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::connection::Line;
use super::fault::FaultAction;
use super::observed::LoggedRequest;
use super::shared::Shared;
use crate::types::Timestamp;
use answer::Answer;

/// Larger bodies are refused; a CSR with many names has a few kilobytes.
const LARGEST_BODY: usize = 1 << 20;

/// The time of a request: read once, so that all of it happens at the same moment.
#[derive(Debug, Clone, Copy)]
struct Moment(Timestamp);

/// What every handler is given: the shared world and the time of its request.
type Access = State<Arc<Shared>>;
type Now = Extension<Moment>;

/// All routes (contract A.1), and what surrounds them.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/tls/products", get(tls::products))
        .route("/tls/organization", get(tls::organizations).post(tls::create_organization))
        .route("/tls/organization/{id}", get(tls::organization))
        .route("/tls/certificate", get(tls::certificates).post(tls::create_certificate))
        .route("/tls/certificate/{id}", get(tls::certificate))
        .route("/tls/certificate/{id}/complete", post(tls::complete))
        .route("/tls/certificate/{id}/download/{format}", get(tls::download))
        .route("/dns/zones", get(dns::zones))
        .route("/dns/zones/{domain}", get(dns::zone))
        .route("/dns/{domain}/rr", get(dns::records))
        .route("/dns/rr", post(dns::create).patch(dns::update_by_name))
        .route("/dns/rr/{rrid}", get(dns::record).patch(dns::update).delete(dns::delete))
        .route("/my/certs/{id}/complete", get(console::page).post(console::complete))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(&shared), around))
        .with_state(shared)
}

async fn nothing_here() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "not found")
}

/// What happens around each request: faults, the key, what came due, the saving, the log.
async fn around(
    State(shared): Access,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    // Read before it is this request's turn: a slow sender must not hold up the others.
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await;

    let turn = shared.turn().await;
    let now = shared.now();
    let fault = shared.strike(&method, &path);
    let mut response = match (&fault, body) {
        (Some(FaultAction::Status { code, body, content_type }), _) => {
            answer::raw(*code, content_type, body)
        }
        (Some(FaultAction::Html), _) => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            answer::raw(502, "text/html", page)
        }
        (Some(FaultAction::DropBeforeCommit), _) => StatusCode::NO_CONTENT.into_response(),
        (Some(FaultAction::DropAfterCommit) | None, Err(_)) => {
            Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "request body too large").into_response()
        }
        (Some(FaultAction::DropAfterCommit) | None, Ok(body)) => {
            // The page in the Console is for a person, who has no key (contract A.6).
            let is_page = path.starts_with("/my/");
            let key = parts.headers.get("x-api-key").map(|key| key.as_bytes());
            if is_page || key == Some(shared.api_key.reveal().as_bytes()) {
                shared.catch_up(now).await;
                let mut request = Request::from_parts(parts, Body::from(body));
                request.extensions_mut().insert(Moment(now));
                next.run(request).await
            } else {
                Answer::error(StatusCode::UNAUTHORIZED, "unauthorized").into_response()
            }
        }
    };
    let version = shared.version();
    drop(turn);
    if let Err(error) = shared.save(version).await {
        tracing::error!(%error, "the sandbox's world was not saved");
        response = Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
            .into_response();
    }

    let is_cut =
        matches!(fault, Some(FaultAction::DropBeforeCommit | FaultAction::DropAfterCommit));
    if is_cut {
        line.cut();
    }
    let status = (!is_cut).then(|| response.status().as_u16());
    shared.log(LoggedRequest { method, path, status, at: now });
    add_headers(&mut response);
    response
}

/// The headers of the recorded answers (contract A.0); there is no request id among them.
fn add_headers(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::SERVER, header::HeaderValue::from_static("regfish"));
    headers.insert("ratelimit-policy", header::HeaderValue::from_static("500; w=60"));
}
