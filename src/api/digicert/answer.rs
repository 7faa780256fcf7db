//! Judging an answer of DigiCert's API: the content, or what went wrong. Pure.
//!
//! There is no envelope: the status decides, and errors come as `errors` with a code and a message
//! each (contract B.3). An old form has an object in place of the list; it is read, too.

use serde_json::Value;

use super::wire::WireOrderValidation;
use crate::api::http::{ApiError, ErrorKind, RawAnswer, Unread};

/// How much of a server's message is kept.
const MESSAGE_LIMIT: usize = 400;

/// More errors than this in one answer say nothing more.
const MOST_ERRORS: usize = 5;

/// The content of a successful answer.
pub(super) fn read(answer: &RawAnswer) -> Result<WireOrderValidation, ApiError> {
    let body = parse(answer);
    let errors = body.as_ref().ok().and_then(|body| errors(answer, body));
    let message = || errors.clone().or_else(|| plain_text(answer));
    match answer.status {
        401 => return Err(answer.error(ErrorKind::Unauthorized { message: message() })),
        403 => return Err(answer.error(ErrorKind::Forbidden { message: message() })),
        429 => return Err(answer.error(ErrorKind::RateLimited { message: message() })),
        500.. => return Err(answer.error(ErrorKind::ServerError { message: message() })),
        // Anything else than its own error comes from something that does not know the path, such
        // as a wrong base URL; it says nothing about the order.
        404 if errors.is_some() => {
            return Err(answer.error(ErrorKind::NotFound { message: errors }));
        }
        _ => {}
    }
    let body = body.map_err(|problem| unreadable(answer, problem))?;
    if errors.is_some() {
        return Err(answer.error(ErrorKind::Refused { code: None, message: errors }));
    }
    if !answer.is_success() {
        return Err(content(answer, "neither an order nor `errors` is in it"));
    }
    serde_json::from_value(body).map_err(|_| content(answer, "it is no validation status"))
}

/// An error for an answer whose content is not what was asked for; `reason` names the field.
pub(super) fn content(answer: &RawAnswer, reason: &str) -> ApiError {
    let reason = answer.call.public_text(reason, MESSAGE_LIMIT);
    unreadable(answer, Unread::Content { reason })
}

fn unreadable(answer: &RawAnswer, problem: Unread) -> ApiError {
    answer.error(ErrorKind::Unreadable { problem, begins: answer.beginning() })
}

fn parse(answer: &RawAnswer) -> Result<Value, Unread> {
    let not_json = |reason: &str| Unread::NotJson { reason: reason.to_owned() };
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(body)) => Ok(Value::Object(body)),
        Ok(_) => Err(Unread::Content { reason: "it is not a JSON object".to_owned() }),
        Err(_) if answer.is_html() => Err(Unread::Html),
        Err(_) if answer.body.trim_ascii().is_empty() => Err(not_json("nothing was in it")),
        Err(error) if error.is_eof() => Err(not_json("the JSON text is cut off")),
        Err(_) => Err(not_json("it is not JSON")),
    }
}

/// What `errors` says: `message (code)` each; nothing when there are none.
fn errors(answer: &RawAnswer, body: &Value) -> Option<String> {
    let all: Vec<&Value> = match body.get("errors")? {
        Value::Array(errors) => errors.iter().collect(),
        Value::Object(one) if one.is_empty() => Vec::new(),
        Value::Object(one) if one.values().all(Value::is_object) => one.values().collect(),
        Value::Null => Vec::new(),
        other => vec![other],
    };
    let texts: Vec<String> = all.into_iter().take(MOST_ERRORS).map(error_text).collect();
    (!texts.is_empty()).then(|| answer.call.public_text(&texts.join("; "), MESSAGE_LIMIT))
}

fn error_text(error: &Value) -> String {
    let text = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("message"), text("code")) {
        (Some(message), Some(code)) => format!("{message} ({code})"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => error.as_str().map_or_else(|| error.to_string(), str::to_owned),
    }
}

/// What a body in no known shape says, for errors whose status says enough.
fn plain_text(answer: &RawAnswer) -> Option<String> {
    let begins = answer.beginning();
    (!begins.is_empty()).then_some(begins)
}
