//! The CA's own API, as far as it tells how an order stands (contract B.1 to B.5).
//!
//! No envelope, other ids, another key. The real vendor's customers have neither key nor order
//! number; the sandbox tells the number through its controls only.

mod order;
mod validation;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, response::IntoResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, JSON};
use super::{Access, Moment, Now};
use crate::sandbox::shared::Shared;
use crate::sandbox::world::{Order, OrderEnd, RevocationScope, Stage, World};
use crate::types::Timestamp;

/// Under which all of it lies.
pub(super) const PREFIX: &str = "/services/v2/";

/// All routes of this API.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/services/v2/order/certificate/{order_id}", get(show))
        .route("/services/v2/order/certificate/{order_id}/validation", get(status))
        .route("/services/v2/{*rest}", get(no_route).fallback(no_route))
}

#[derive(Debug, Deserialize)]
struct Wishes {
    include_risk_check: Option<String>,
}

/// GET `/order/certificate/{order_id}/validation` (contract B.1).
async fn status(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(order_id): Path<String>,
    Query(wishes): Query<Wishes>,
) -> Response {
    let with_risk = wishes.include_risk_check.as_deref() == Some("true");
    shared.read_world(|world| match find(world, &order_id) {
        Some(order) => ok(&validation::body(order, world, now, with_risk)),
        None => no_order(),
    })
}

/// GET `/order/certificate/{order_id}` (contract B.2).
async fn show(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(order_id): Path<String>,
) -> Response {
    shared.read_world(|world| match find(world, &order_id) {
        Some(order) => ok(&order::body(order, world, now)),
        None => no_order(),
    })
}

async fn no_route() -> Response {
    error(StatusCode::NOT_FOUND, "not_found|route", "The requested route does not exist.")
}

fn find<'world>(world: &'world World, order_id: &str) -> Option<&'world Order> {
    world.provider_order(order_id.parse().ok()?)
}

/// The order's status in the CA's words (contract B.5).
fn order_status(order: &Order, now: Timestamp) -> &'static str {
    match order.stage(now) {
        Stage::Staged | Stage::Submitted | Stage::Validating | Stage::Vetting => "pending",
        Stage::Issued => match order.open_submission() {
            Some(_) => "reissue_pending",
            None => "issued",
        },
        Stage::Expired => "expired",
        Stage::Revoked(RevocationScope::Certificate | RevocationScope::Order) => "revoked",
        Stage::Ended(OrderEnd::Cancelled | OrderEnd::OrderCancelled) => "canceled",
        Stage::Ended(OrderEnd::Rejected) => "rejected",
        // It is the reseller who does not know.
        Stage::Ended(OrderEnd::Unknown) => "processing",
    }
}

fn ok(body: &Value) -> Response {
    answer::raw(StatusCode::OK.as_u16(), JSON, body.to_string())
}

fn no_order() -> Response {
    error(StatusCode::NOT_FOUND, "not_found|order", "The order does not exist.")
}

/// A missing or wrong key.
pub(super) fn no_access() -> Response {
    let text = "The API key is missing or has no permission for this.";
    error(StatusCode::FORBIDDEN, "access_denied|missing_permission", text)
}

/// Over one of the limits (contract B.4).
pub(super) fn too_many_requests() -> Response {
    let text = "Service unavailable, please limit request volume.";
    error(StatusCode::TOO_MANY_REQUESTS, "request_limit_exceeded", text)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    answer::raw(status.as_u16(), JSON, body.to_string()).into_response()
}

/// Times of this API carry an offset instead of a `Z` (contract B.1).
fn with_offset(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
