//! The actions of the regfish API.

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
pub(super) mod validity;
pub(super) mod watch;

use super::api_error::{api_failure, give_up, step_error};
use super::{Result, fail};
use crate::run::ErrorKind;
use crate::types::{CertificateId, OrganizationId};

fn certificate_id(text: &str) -> Result<CertificateId> {
    CertificateId::parse(text).or_else(|error| fail(ErrorKind::Value, error.to_string()))
}

fn organization_id(text: &str) -> Result<OrganizationId> {
    OrganizationId::parse(text).or_else(|error| fail(ErrorKind::Value, error.to_string()))
}
