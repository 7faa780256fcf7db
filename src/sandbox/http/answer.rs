//! `Answer`: the envelopes of the API, good news and bad (contract A.0).
//!
//! Handlers say what happened; in which of the seen envelopes that is told is decided once, around
//! all of them.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::sandbox::fault::CannedAnswer;
use crate::sandbox::world::{Envelope, Refusal, UnmanagedAnswer, World};

/// An answer that is not in its envelope yet.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: StatusCode,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// Success; the response as JSON.
    Success(Bytes),
    /// Success whose only news stands in `error`, as recorded for DELETE (contract A.0).
    GoodNews(String),
    /// A refusal, with the code if one was recorded.
    Refusal { text: String, code: Option<u32> },
}

/// The content types of answers without an envelope.
pub(super) const PEM: &str = "application/x-pem-file";
pub(super) const ZIP: &str = "application/zip";
pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    /// Success with a response.
    pub(super) fn ok(response: &impl Serialize) -> Self {
        match serde_json::to_vec(response) {
            Ok(json) => Self { status: StatusCode::OK, content: Content::Success(json.into()) },
            Err(error) => {
                tracing::error!(%error, "an answer of the sandbox is no JSON");
                Self::error(StatusCode::INTERNAL_SERVER_ERROR, "internal server error")
            }
        }
    }

    /// Success whose only news stands in `error`.
    pub(super) fn good_news(text: &str) -> Self {
        Self { status: StatusCode::OK, content: Content::GoodNews(text.to_owned()) }
    }

    /// A refusal of which no code is known.
    pub(super) fn error(status: StatusCode, text: &str) -> Self {
        Self { status, content: Content::Refusal { text: text.to_owned(), code: None } }
    }

    fn coded(status: StatusCode, code: u32, text: &str) -> Self {
        Self { status, content: Content::Refusal { text: text.to_owned(), code: Some(code) } }
    }

    /// What a refusal looks like on the wire.
    pub(super) fn refusal(refusal: &Refusal, world: &World) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Invalid(_) => Self::error(StatusCode::BAD_REQUEST, &text),
            Refusal::NotFound(_) => Self::error(StatusCode::NOT_FOUND, &text),
            Refusal::UnknownCertificate if world.rules.behaviour.forbids_unknown => {
                Self::error(StatusCode::FORBIDDEN, "forbidden")
            }
            Refusal::UnknownCertificate => Self::error(StatusCode::NOT_FOUND, &text),
            Refusal::NotReady(_) => Self::error(StatusCode::CONFLICT, &text),
            Refusal::RecordExists => Self::coded(StatusCode::EXPECTATION_FAILED, 15_003, &text),
            Refusal::UnmanagedZone => match world.rules.zones.unmanaged_answer {
                UnmanagedAnswer::NotFound => Self::error(StatusCode::NOT_FOUND, &text),
                UnmanagedAnswer::SuccessFalse => Self::coded(StatusCode::OK, 15_001, &text),
            },
        }
    }

    fn body(&self, envelope: Envelope) -> Vec<u8> {
        let has_code = envelope != Envelope::Worded;
        match &self.content {
            Content::Success(response) => {
                let code = if has_code { r#""code":0,"# } else { "" };
                let begin = format!(r#"{{"success":true,{code}"response":"#);
                [begin.as_bytes(), response, b"}"].concat()
            }
            Content::GoodNews(text) => {
                let mut body = json!({ "success": true, "error": text });
                if has_code {
                    body["code"] = 0.into();
                }
                body.to_string().into_bytes()
            }
            Content::Refusal { text, code } => {
                // The general codes are not published; the status stands for them.
                let code = match envelope {
                    Envelope::AsSeen => *code,
                    Envelope::Coded => Some(code.unwrap_or_else(|| self.status.as_u16().into())),
                    Envelope::Worded => None,
                };
                let body = match code {
                    Some(code) => json!({ "success": false, "error": text, "code": code }),
                    None => json!({ "success": false, "message": text, "error": text }),
                };
                body.to_string().into_bytes()
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts the answer that a handler gave into its envelope; other responses stay as they are.
pub(super) fn put_into_envelope(mut response: Response, envelope: Envelope) -> Response {
    let Some(answer) = response.extensions_mut().remove::<Answer>() else { return response };
    let body = answer.body(envelope);
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("W/\"{:x}-{:x}\"", body.len(), hasher.finish());
    let headers = std::mem::take(response.headers_mut());
    let mut response = raw(answer.status.as_u16(), JSON, body);
    response.headers_mut().extend(headers);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An answer that was written down beforehand; headers that are none are left out.
pub(super) fn canned(canned: &CannedAnswer) -> Response {
    let mut response = raw(canned.status, &canned.content_type, canned.body.clone());
    if canned.content_type.is_empty() {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    for (name, value) in &canned.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The first half of an answer that promised to be whole.
pub(super) async fn half(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
    let pieces = [Ok(whole.slice(..whole.len() / 2)), Err(broken)];
    Response::from_parts(parts, Body::from_stream(futures_util::stream::iter(pieces)))
}

/// An answer without an envelope.
pub(super) fn raw(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response
}
