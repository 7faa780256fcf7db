//! How an `ApiError` reads: one line, with method, path, status and the server's words.
//!
//! The texts inside were made fit to be shown when the error was made; nothing is added here that
//! came from outside. No advice: hints belong to the command line.

use std::fmt;

use super::{ApiError, ErrorKind, Unread};
use crate::types::format_duration;

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)?;
        let status = self.status.unwrap_or_default();
        let message = match &self.kind {
            ErrorKind::NotSent { reason } => return write!(formatter, " was not sent: {reason}"),
            ErrorKind::Held { reason } => {
                return write!(formatter, " was not sent: it waited in vain; {reason}");
            }
            ErrorKind::Connect { url, reason } => {
                return write!(formatter, ": cannot connect to `{url}`: {reason}");
            }
            ErrorKind::Timeout { after } => {
                return write!(formatter, ": no whole answer within {}", format_duration(*after));
            }
            ErrorKind::Interrupted { reason } => {
                return write!(formatter, ": the connection broke before the answer: {reason}");
            }
            ErrorKind::TooLarge { limit } => {
                return write!(formatter, ": the answer is larger than {limit} bytes");
            }
            ErrorKind::Redirect { location } => {
                let place = location.as_deref().unwrap_or("an unnamed place");
                return write!(formatter, ": a redirect ({status}) to `{place}` was not followed");
            }
            ErrorKind::Unreadable { problem, begins } => {
                match problem {
                    Unread::Html => formatter.write_str(" answered with HTML, not JSON")?,
                    Unread::NotJson { reason } => {
                        write!(formatter, " answered with something unreadable: {reason}")?;
                    }
                    Unread::Content { reason } => {
                        write!(formatter, " answered with something unusable: {reason}")?;
                    }
                }
                return if begins.is_empty() {
                    write!(formatter, " (status {status}, empty)")
                } else {
                    write!(formatter, " (status {status}, begins with `{begins}`)")
                };
            }
            ErrorKind::Unauthorized { message } => {
                write!(formatter, ": the API key was refused ({status})")?;
                message
            }
            ErrorKind::Forbidden { message } => {
                write!(formatter, ": the API key may not do this ({status})")?;
                message
            }
            ErrorKind::NotFound { message } => {
                write!(formatter, " found nothing ({status})")?;
                message
            }
            ErrorKind::NotReady { message } => {
                write!(formatter, " is not ready yet ({status})")?;
                message
            }
            ErrorKind::RateLimited { message } => {
                write!(formatter, ": too many requests ({status})")?;
                message
            }
            ErrorKind::Refused { code: None | Some(0), message } => {
                write!(formatter, " was refused ({status})")?;
                message
            }
            ErrorKind::Refused { code: Some(code), message } => {
                write!(formatter, " was refused ({status}, code {code})")?;
                message
            }
            ErrorKind::ServerError { message } => {
                write!(formatter, ": the server failed ({status})")?;
                message
            }
        };
        match message {
            Some(message) => write!(formatter, ": `{message}`"),
            None => Ok(()),
        }
    }
}
