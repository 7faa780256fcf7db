//! The actions of the regfish API, and how its errors become outcomes.

pub(super) mod advice;
pub(super) mod completion;
pub(super) mod desk;
pub(super) mod download;
pub(super) mod former;
pub(super) mod order;
pub(super) mod organization;
pub(super) mod product;
mod recognition;
pub(super) mod records;
pub(super) mod reissue;
mod snapshot;
mod validity;
pub(super) mod watch;

use super::{Result, fail};
use crate::api::http::{self, ApiError};
use crate::run::{ErrorKind, Outcome, Retry, StepError};
use crate::types::{CertificateId, OrganizationId};

/// The outcome of a call that brought an error and can have changed nothing that matters.
fn api_failure(error: &ApiError) -> Outcome {
    let retry = match error.retry() {
        http::Retry::Never => Retry::Never,
        http::Retry::Later { after } => Retry::Later { after },
    };
    Outcome::Failed { error: step_error(error), retry }
}

/// For `map_err`: ends the action with [`api_failure`].
fn give_up(error: ApiError) -> Box<Outcome> {
    Box::new(api_failure(&error))
}

fn step_error(error: &ApiError) -> StepError {
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

fn certificate_id(text: &str) -> Result<CertificateId> {
    CertificateId::parse(text).or_else(|error| fail(ErrorKind::Value, error.to_string()))
}

fn organization_id(text: &str) -> Result<OrganizationId> {
    OrganizationId::parse(text).or_else(|error| fail(ErrorKind::Value, error.to_string()))
}
