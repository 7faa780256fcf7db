//! The HTTP side: routes, the key, and what happens around each request.
//!
//! Handlers translate between JSON and the world and decide nothing. One file for each resource;
//! the wire types are this module's own.

mod answer;
mod body;
mod certificate;
mod certificates;
mod console;
mod digicert;
mod dns;
mod form;
mod organization_id;
mod organizations;
mod products;
mod requests;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::connection::Line;
use super::fault::FaultAction;
use super::happening::Happening;
use super::observed::LoggedRequest;
use super::shared::{Shared, Vendor};
use crate::types::{Secret, Timestamp};
use answer::Answer;

/// Larger bodies are refused; a CSR with many names has a few kilobytes.
const LARGEST_BODY: usize = 1 << 20;

/// The longest pause that the published limit asks for.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("60");

/// The time of a request: read once, so that all of it happens at the same moment.
#[derive(Debug, Clone, Copy)]
struct Moment(Timestamp);

/// What every handler is given: the shared world and the time of its request.
type Access = State<Arc<Shared>>;
type Now = Extension<Moment>;

/// All routes (contract A.1), and what surrounds them.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/tls/products", get(products::list))
        .route("/tls/organization", get(organizations::list).post(organizations::create))
        .route("/tls/organization/{id}", get(organizations::show).patch(organizations::change))
        .route("/tls/certificate", get(certificates::list).post(certificates::create))
        .route("/tls/certificate/{id}", get(certificates::show))
        .route("/tls/certificate/{id}/complete", post(certificates::complete))
        .route("/tls/certificate/{id}/reissue", post(certificates::reissue))
        .route("/tls/certificate/{id}/download/{format}", get(certificates::download))
        .route("/dns/zones", get(dns::zones))
        .route("/dns/zones/{domain}", get(dns::zone))
        .route("/dns/{domain}/rr", get(dns::records))
        .route("/dns/rr", post(dns::create).patch(dns::update_by_name))
        .route("/dns/rr/{rrid}", get(dns::record).patch(dns::update).delete(dns::delete))
        .merge(console::routes())
        .merge(digicert::routes())
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

    let mut turn = shared.turn().await;
    let by_program = Door::of(&path) != Door::Console;
    let fault = shared.strike(&method, &path, body.as_deref().unwrap_or_default(), by_program);
    if let Some(FaultAction::Delay(time)) = fault {
        // The others go on meanwhile.
        drop(turn);
        shared.pass(time).await;
        turn = shared.turn().await;
    }
    let now = shared.now();
    let happening = happening_at(fault.as_ref(), &method, &path);
    if let Some((happening, Occasion::Before)) = happening {
        shared.catch_up(now).await;
        shared.happen_at(happening, &path, now);
    }
    let mut response = match (&fault, body) {
        (Some(FaultAction::Answer(canned)), _) => answer::canned(canned),
        (Some(FaultAction::Html), _) => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            answer::raw(502, "text/html", page)
        }
        (Some(FaultAction::DropBeforeCommit), _) => StatusCode::NO_CONTENT.into_response(),
        (_, Err(_)) => {
            Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "request body too large").into_response()
        }
        (_, Ok(body)) => match refuse(&shared, &path, &parts.headers, now) {
            None => {
                shared.catch_up(now).await;
                let mut request = Request::from_parts(parts, Body::from(body));
                request.extensions_mut().insert(Moment(now));
                next.run(request).await
            }
            Some(refusal) => refusal,
        },
    };
    if let Some((happening, Occasion::After)) = happening {
        shared.happen_at(happening, &path, now);
    }
    if let Some(FaultAction::Hide(hiding)) = &fault {
        shared.hide_subject(*hiding, &path, now);
    }
    let envelope = shared.read_world(|world| world.rules.behaviour.envelope);
    response = answer::put_into_envelope(response, envelope);
    let version = shared.version();
    drop(turn);
    if let Err(error) = shared.save(version).await {
        tracing::error!(%error, "the sandbox's world was not saved");
        let failed = Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "internal server error");
        response = answer::put_into_envelope(failed.into_response(), envelope);
    }

    let is_cut =
        matches!(fault, Some(FaultAction::DropBeforeCommit | FaultAction::DropAfterCommit));
    if is_cut {
        line.cut();
    }
    let is_whole = !is_cut && !matches!(fault, Some(FaultAction::CutAnswer | FaultAction::Stall));
    match &fault {
        Some(FaultAction::Instead(canned)) => response = answer::canned(canned),
        Some(FaultAction::CutAnswer) => response = answer::half(response).await,
        _ => {}
    }
    if Door::of(&path) == Door::Regfish {
        add_headers(&mut response);
    }
    let status = is_whole.then(|| response.status().as_u16());
    shared.log(LoggedRequest { method, path, status, at: now });
    if fault == Some(FaultAction::Stall) {
        // Ends when whoever asked hangs up.
        std::future::pending::<()>().await;
    }
    response
}

/// When something happens that a request is the occasion of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Before,
    /// The request makes the order that it happens to.
    After,
}

fn happening_at<'fault>(
    fault: Option<&'fault FaultAction>,
    method: &str,
    path: &str,
) -> Option<(&'fault Happening, Occasion)> {
    let Some(FaultAction::Happen(happening)) = fault else { return None };
    let makes_an_order = method == "POST" && path.split('?').next() == Some("/tls/certificate");
    // What befalls the world as a whole needs no order, and the order may depend on it.
    let is_after = makes_an_order && happening.kind.befalls_an_order();
    Some((happening, if is_after { Occasion::After } else { Occasion::Before }))
}

/// Who a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Regfish,
    DigiCert,
    /// A person, who has no key (contract A.6).
    Console,
}

impl Door {
    fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        if path == "/" || path == "/my" || path.starts_with("/my/") {
            Self::Console
        } else if path.starts_with(digicert::PREFIX) {
            Self::DigiCert
        } else {
            Self::Regfish
        }
    }
}

/// Checks the key and counts the request; an answer when it may not go on.
fn refuse(shared: &Shared, path: &str, headers: &HeaderMap, now: Timestamp) -> Option<Response> {
    let holds = |name, key: &Secret| {
        headers.get(name).map(|given| given.as_bytes()) == Some(key.reveal().as_bytes())
    };
    match Door::of(path) {
        Door::Console => None,
        Door::Regfish if !holds("x-api-key", &shared.api_key) => {
            Some(Answer::error(StatusCode::UNAUTHORIZED, "unauthorized").into_response())
        }
        Door::Regfish if !shared.admit(Vendor::Regfish, now) => {
            // What an excess looks like is not published (contract A.14).
            let text = "too many requests";
            let mut response = Answer::error(StatusCode::TOO_MANY_REQUESTS, text).into_response();
            if shared.read_world(|world| world.rules.behaviour.retry_after) {
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Some(response)
        }
        Door::DigiCert if !holds("x-dc-devkey", &shared.digicert_key) => {
            Some(digicert::no_access())
        }
        Door::DigiCert if !shared.admit(Vendor::DigiCert, now) => {
            Some(digicert::too_many_requests())
        }
        Door::Regfish | Door::DigiCert => None,
    }
}

/// The headers of the recorded answers (contract A.0); there is no request id among them.
fn add_headers(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("regfish"));
    headers.insert("ratelimit-policy", HeaderValue::from_static("500; w=60"));
}
