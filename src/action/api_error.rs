//! How the errors of an API become outcomes.

use crate::api::http::{self, ApiError};
use crate::run::{ErrorKind, Outcome, Retry, StepError};

/// The outcome of a call that brought an error and can have changed nothing that matters.
pub(super) fn api_failure(error: &ApiError) -> Outcome {
    let retry = match error.retry() {
        http::Retry::Never => Retry::Never,
        http::Retry::Later { after } => Retry::Later { after },
    };
    Outcome::Failed { error: step_error(error), retry }
}

/// For `map_err`: ends the action with [`api_failure`].
pub(super) fn give_up(error: ApiError) -> Box<Outcome> {
    Box::new(api_failure(&error))
}

pub(super) fn step_error(error: &ApiError) -> StepError {
    let kind = match &error.kind {
        http::ErrorKind::NotSent { .. } => ErrorKind::Value,
        http::ErrorKind::Held { .. }
        | http::ErrorKind::Connect { .. }
        | http::ErrorKind::Timeout { .. }
        | http::ErrorKind::Interrupted { .. } => ErrorKind::Unreachable,
        http::ErrorKind::Unauthorized { .. } | http::ErrorKind::Forbidden { .. } => {
            ErrorKind::Unauthorized
        }
        http::ErrorKind::NotFound { .. } => ErrorKind::NotFound,
        http::ErrorKind::RateLimited { .. } => ErrorKind::RateLimited,
        http::ErrorKind::NotReady { .. } | http::ErrorKind::Refused { .. } => ErrorKind::Refused,
        http::ErrorKind::ServerError { .. } => ErrorKind::Server,
        http::ErrorKind::TooLarge { .. }
        | http::ErrorKind::Redirect { .. }
        | http::ErrorKind::Unreadable { .. } => ErrorKind::Unreadable,
    };
    StepError::new(kind, error.to_string())
}
