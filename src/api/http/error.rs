//! `ApiError`: what is known when a request did not bring what was asked for.
//!
//! Two questions decide everything after it, and both are answered by pure functions: may the
//! server have acted ([`ApiError::effect`]), and can a later attempt succeed ([`ApiError::retry`])?
//! Only together they allow a repetition: an order that may have been placed is never sent again
//! just because a retry could succeed (contract A.4, A.13).

use std::time::Duration;

use serde::Serialize;

use super::Method;

/// A request that brought no usable answer. Its texts never contain the API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The request's method.
    pub method: Method,
    /// The request's path, without its query.
    pub path: String,
    /// The status of the answer, when there was one.
    pub status: Option<u16>,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
    /// What happened.
    pub kind: ErrorKind,
}

/// What happened to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// It was not fit to be sent.
    NotSent {
        /// The rule that it breaks.
        reason: String,
    },
    /// It waited for its turn and did not get it. Nothing was sent.
    Held {
        /// What it waited for.
        reason: String,
    },
    /// No connection: refused, unreachable, no address, no TLS. Nothing was sent.
    Connect {
        /// Where to.
        url: String,
        /// The cause.
        reason: String,
    },
    /// No whole answer in time.
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke after the request was sent.
    Interrupted {
        /// The cause.
        reason: String,
    },
    /// The answer is larger than what is read.
    TooLarge {
        /// How many bytes are read.
        limit: usize,
    },
    /// The server points elsewhere; the key is not taken there.
    Redirect {
        /// Where to.
        location: Option<String>,
    },
    /// The key is missing, wrong or withdrawn (401).
    Unauthorized {
        /// The server's words.
        message: Option<String>,
    },
    /// The key is known, but may not do this (403).
    Forbidden {
        /// The server's words.
        message: Option<String>,
    },
    /// There is no such thing, or not for this key (404).
    NotFound {
        /// The server's words.
        message: Option<String>,
    },
    /// The download is not ready yet (409, contract A.10).
    NotReady {
        /// The server's words.
        message: Option<String>,
    },
    /// Too many requests (429).
    RateLimited {
        /// The server's words.
        message: Option<String>,
    },
    /// A clear no: the answer says that it did not succeed.
    Refused {
        /// The service's own error number.
        code: Option<i64>,
        /// The server's words.
        message: Option<String>,
    },
    /// The server failed (5xx).
    ServerError {
        /// The server's words.
        message: Option<String>,
    },
    /// An answer that does not say what was asked for.
    Unreadable {
        /// What is wrong with it.
        problem: Unread,
        /// How it begins.
        begins: String,
    },
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is a page for people.
    Html,
    /// It is empty, cut off or something else altogether.
    NotJson {
        /// What the parser says.
        reason: String,
    },
    /// It is whole, but something needed is missing or wrong in it.
    Content {
        /// What, naming the field.
        reason: String,
    },
}

/// What is known of the effect of a request on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Certainly none.
    None,
    /// It may have been carried out; look before repeating it.
    Unknown,
}

/// Whether the same request can succeed later. Says nothing about whether repeating it is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// It may succeed.
    Later {
        /// The wait that the server asked for.
        after: Option<Duration>,
    },
}

impl ErrorKind {
    /// A fixed word for each kind, for records and for `retry.on` in a plan.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotSent { .. } => "not_sent",
            Self::Held { .. } => "held",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::TooLarge { .. } => "too_large",
            Self::Redirect { .. } => "redirect",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::NotReady { .. } => "not_ready",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::ServerError { .. } => "server_error",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl ApiError {
    /// What is known of the request's effect. A request that only reads has none.
    pub fn effect(&self) -> Effect {
        if self.method.only_reads() {
            return Effect::None;
        }
        match &self.kind {
            ErrorKind::NotSent { .. }
            | ErrorKind::Held { .. }
            | ErrorKind::Connect { .. }
            | ErrorKind::Unauthorized { .. }
            | ErrorKind::Forbidden { .. }
            | ErrorKind::NotFound { .. }
            | ErrorKind::NotReady { .. }
            | ErrorKind::RateLimited { .. } => Effect::None,
            // 408 and 425 ask for another attempt; what became of this one they do not say.
            ErrorKind::Refused { .. } => match self.status {
                Some(408 | 425) => Effect::Unknown,
                _ => Effect::None,
            },
            // 302 and 303 are also given after the work is done, 304 and 300 make no sense here.
            ErrorKind::Redirect { .. } => match self.status {
                Some(301 | 307 | 308) => Effect::None,
                _ => Effect::Unknown,
            },
            ErrorKind::Timeout { .. }
            | ErrorKind::Interrupted { .. }
            | ErrorKind::TooLarge { .. }
            | ErrorKind::ServerError { .. }
            | ErrorKind::Unreadable { .. } => Effect::Unknown,
        }
    }

    /// Whether the same request can succeed later.
    pub fn retry(&self) -> Retry {
        let later = Retry::Later { after: self.retry_after };
        match &self.kind {
            ErrorKind::Held { .. }
            | ErrorKind::Connect { .. }
            | ErrorKind::Timeout { .. }
            | ErrorKind::Interrupted { .. }
            | ErrorKind::NotReady { .. }
            | ErrorKind::RateLimited { .. }
            | ErrorKind::ServerError { .. } => later,
            // 408 and 425: the server itself asks for another attempt.
            ErrorKind::Refused { .. } => match self.status {
                Some(408 | 425) => later,
                _ => Retry::Never,
            },
            // A gateway in trouble; other content would come again just the same.
            ErrorKind::Unreadable { problem: Unread::Html | Unread::NotJson { .. }, .. } => {
                match self.status {
                    Some(200..300 | 408 | 425) => later,
                    _ => Retry::Never,
                }
            }
            ErrorKind::NotSent { .. }
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Redirect { .. }
            | ErrorKind::Unauthorized { .. }
            | ErrorKind::Forbidden { .. }
            | ErrorKind::NotFound { .. }
            | ErrorKind::Unreadable { .. } => Retry::Never,
        }
    }

    /// The service's own error number, when it refused with one.
    pub fn code(&self) -> Option<i64> {
        match self.kind {
            ErrorKind::Refused { code, .. } => code,
            _ => None,
        }
    }
}
