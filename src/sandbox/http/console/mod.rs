//! The Console: pages for a person who completes an order or wants to see what is there
//! (contract A.5).
//!
//! Plain HTML without scripts and without anything from elsewhere. Every page says that this is a
//! sandbox.

mod completion;
mod html;
mod overview;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use super::{Access, Moment, Now};
use crate::sandbox::shared::Shared;

/// All pages.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(home))
        .route("/my", get(home))
        .route("/my/certs", get(overview::orders))
        .route("/my/certs/{id}/complete", get(completion::show).post(completion::complete))
        .route("/my/organizations", get(overview::organizations))
        .route("/my/zones", get(overview::zones))
        .route("/my/requests", get(overview::requests))
}

async fn home() -> Redirect {
    Redirect::to("/my/certs")
}
