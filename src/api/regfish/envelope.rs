//! Judging an answer of the regfish API: the content, or what went wrong. Pure.
//!
//! The flag `success` decides, not the HTTP status: a refusal can arrive with 200, and a success
//! can carry a text in `error` (contract A.0). The status only names the kind of a failure.

use serde_json::Value;

use super::wire::WireEnvelope;
use crate::api::http::{ApiError, ErrorKind, RawAnswer, Unread};

/// How much of a server's message is kept.
const MESSAGE_LIMIT: usize = 400;

/// The content of a successful answer; `Null` when it has none (contract A.0).
pub(super) fn read(answer: &RawAnswer) -> Result<Value, ApiError> {
    let envelope = parse(answer);
    let said = || match &envelope {
        Ok(envelope) => message(answer, envelope),
        Err(_) => plain_text(answer),
    };
    match answer.status {
        401 => return Err(answer.error(ErrorKind::Unauthorized { message: said() })),
        403 => return Err(answer.error(ErrorKind::Forbidden { message: said() })),
        429 => return Err(answer.error(ErrorKind::RateLimited { message: said() })),
        500.. => return Err(answer.error(ErrorKind::ServerError { message: said() })),
        // A page or a bare text comes from something that does not know the path at all, such as a
        // wrong base URL; taking it for "no such certificate" would be a costly mistake.
        404 if envelope.is_ok() || answer.body.trim_ascii().is_empty() => {
            return Err(answer.error(ErrorKind::NotFound { message: said() }));
        }
        _ => {}
    }
    let envelope = envelope.map_err(|problem| unreadable(answer, problem))?;
    match envelope.success {
        Some(true) => Ok(envelope.response),
        // The server's own failure in the clothes of an answer.
        Some(false) if envelope.code.is_some_and(|code| (500..600).contains(&code)) => {
            Err(answer.error(ErrorKind::ServerError { message: message(answer, &envelope) }))
        }
        Some(false) => {
            let message = message(answer, &envelope);
            Err(answer.error(ErrorKind::Refused { code: envelope.code, message }))
        }
        None => Err(content(answer, "the flag `success` is missing")),
    }
}

/// The raw bytes of a successful download; refusals come in the envelope (contract A.10).
pub(super) fn read_pem(answer: RawAnswer) -> Result<Vec<u8>, ApiError> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    let count = |mark: &[u8]| memchr::memmem::find_iter(&answer.body, mark).count();
    if answer.is_success() && !answer.body.trim_ascii_start().starts_with(b"{") {
        if answer.is_html() {
            return Err(unreadable(&answer, Unread::Html));
        }
        return match (count(BEGIN), count(END)) {
            // What a gateway in trouble gives; the next one may hold everything.
            (0, _) if answer.body.trim_ascii().is_empty() => {
                let reason = "nothing was in it".to_owned();
                Err(unreadable(&answer, Unread::NotJson { reason }))
            }
            (0, _) => Err(content(&answer, "no PEM certificate is in it")),
            (begins, ends) if begins != ends => Err(content(&answer, "the PEM text is cut off")),
            _ => Ok(answer.body),
        };
    }
    // 409 also comes when the certificate says that its PEM is available (contract A.10).
    if answer.status == 409 {
        let message = match parse(&answer) {
            Ok(envelope) => message(&answer, &envelope),
            Err(_) => plain_text(&answer),
        };
        return Err(answer.error(ErrorKind::NotReady { message }));
    }
    read(&answer)?;
    Err(content(&answer, "no PEM certificate is in it"))
}

/// An error for an answer whose content is not what was asked for; `reason` names the field.
pub(super) fn content(answer: &RawAnswer, reason: &str) -> ApiError {
    let reason = answer.call.public_text(reason, MESSAGE_LIMIT);
    unreadable(answer, Unread::Content { reason })
}

fn unreadable(answer: &RawAnswer, problem: Unread) -> ApiError {
    answer.error(ErrorKind::Unreadable { problem, begins: answer.beginning() })
}

fn parse(answer: &RawAnswer) -> Result<WireEnvelope, Unread> {
    // Through a value, so that a list or a bare number is told apart from a text that was cut.
    let value: Value = match serde_json::from_slice(&answer.body) {
        Ok(value) => value,
        Err(_) if answer.is_html() => return Err(Unread::Html),
        Err(_) if answer.body.trim_ascii().is_empty() => {
            return Err(Unread::NotJson { reason: "nothing was in it".to_owned() });
        }
        Err(error) if error.is_eof() => {
            return Err(Unread::NotJson { reason: "the JSON text is cut off".to_owned() });
        }
        Err(_) => return Err(Unread::NotJson { reason: "it is not JSON".to_owned() }),
    };
    if !value.is_object() {
        return Err(Unread::Content { reason: "it is not a JSON object".to_owned() });
    }
    serde_json::from_value(value)
        .map_err(|_| Unread::Content { reason: "it is not the usual envelope".to_owned() })
}

/// The server's words: `error` and `message` usually say the same (contract A.0).
fn message(answer: &RawAnswer, envelope: &WireEnvelope) -> Option<String> {
    let text = match (&envelope.error, &envelope.message) {
        (Some(error), Some(message)) if error != message => &format!("{error} ({message})"),
        (Some(text), _) | (None, Some(text)) => text,
        (None, None) => return None,
    };
    Some(answer.call.public_text(text, MESSAGE_LIMIT))
}

/// What a body without an envelope says, for errors whose status says enough.
fn plain_text(answer: &RawAnswer) -> Option<String> {
    let begins = answer.beginning();
    (!begins.is_empty()).then_some(begins)
}
