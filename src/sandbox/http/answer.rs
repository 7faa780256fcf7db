//! `Answer`: the envelopes of the API, good news and bad (contract A.0).

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::world::{Refusal, UnmanagedAnswer, World};

/// An answer in an envelope.
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
}

/// The content types of answers without an envelope.
pub(super) const PEM: &str = "application/x-pem-file";
pub(super) const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    /// Success with a response.
    pub(super) fn ok(response: &impl Serialize) -> Self {
        match serde_json::to_value(response) {
            Ok(response) => Self {
                status: StatusCode::OK,
                body: json!({ "success": true, "code": 0, "response": response }),
            },
            Err(error) => {
                tracing::error!(%error, "an answer of the sandbox is no JSON");
                Self::error(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
            }
        }
    }

    /// Success whose only news stands in `error`, as recorded for DELETE (contract A.0).
    pub(super) fn good_news(text: &str) -> Self {
        Self { status: StatusCode::OK, body: json!({ "success": true, "code": 0, "error": text }) }
    }

    /// An error in the documented shape: the same text twice and no code (contract A.0).
    pub(super) fn error(status: StatusCode, text: &str) -> Self {
        Self { status, body: json!({ "success": false, "message": text, "error": text }) }
    }

    /// An error in the recorded shape: a code and no message (contract A.0).
    fn coded(status: StatusCode, code: u32, text: &str) -> Self {
        Self { status, body: json!({ "success": false, "error": text, "code": code }) }
    }

    /// What a refusal looks like on the wire.
    pub(super) fn refusal(refusal: &Refusal, world: &World) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Invalid(_) => Self::error(StatusCode::BAD_REQUEST, &text),
            Refusal::NotFound(_) => Self::error(StatusCode::NOT_FOUND, &text),
            Refusal::NotReady(_) => Self::error(StatusCode::CONFLICT, &text),
            Refusal::RecordExists => Self::coded(StatusCode::EXPECTATION_FAILED, 15_003, &text),
            Refusal::UnmanagedZone => match world.rules.zones.unmanaged_answer {
                UnmanagedAnswer::NotFound => Self::error(StatusCode::NOT_FOUND, &text),
                UnmanagedAnswer::SuccessFalse => Self::coded(StatusCode::OK, 15_001, &text),
            },
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let text = self.body.to_string();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let tag = format!("W/\"{:x}-{:x}\"", text.len(), hasher.finish());
        let mut response = raw(self.status.as_u16(), "application/json; charset=utf-8", &text);
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// An answer without an envelope.
pub(super) fn raw(status: u16, content_type: &str, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}
