//! `regfish.complete_order`: binds an organization to a staged order, under the same id.
//!
//! A person may do the same thing in the Console at any moment, and what a repeated call does is not
//! known (contract A.5). So every attempt looks first, and looks again after any error. Where the
//! plan leaves the choice to a person, it only looks.

use serde::{Deserialize, Serialize};

use super::desk::CertificateDesk;
use super::watch::{action_required, read};
use super::{api_failure, certificate_id, organization_id};
use crate::action::{ActionCall, Result, parameters, success};
use crate::api::http::{ErrorKind as ApiErrorKind, Retry as ApiRetry};
use crate::api::regfish::{Certificate, RegfishClient};
use crate::run::{ErrorKind, Outcome, ParkReason, Retry, StepError};
use crate::types::CertificateId;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: String,
    org_id: Option<String>,
    fallback: Option<Fallback>,
}

/// Who completes the order instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fallback {
    /// A person in the Console; the API is never asked to.
    Console,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    action_required: bool,
    organization_id: Option<&'a str>,
}

pub(in crate::action) async fn complete(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let id = certificate_id(&wanted.certificate_id)?;
    let organization = wanted.org_id.as_deref().map(organization_id).transpose()?;
    // What the answer to the order said a moment ago need not be asked again. Only once: whatever
    // goes wrong from here on is followed by a look.
    let before = match desk.and_then(|desk| desk.take_noted(&id)) {
        Some(noted) => noted,
        None => read(client, &id).await?,
    };
    if !before.action_required {
        return Ok(completed(&before));
    }
    let (Some(organization), None) = (organization, wanted.fallback) else {
        return Ok(Outcome::Parked { reason: action_required(&before) });
    };
    let error = match client.complete_certificate(&id, &organization).await {
        Ok(certificate) if certificate.id == id && !certificate.action_required => {
            return Ok(completed(&certificate));
        }
        // Still staged, or about another certificate: what counts is what the certificate shows.
        Ok(_) => None,
        Err(error) => Some(error),
    };
    let after = read(client, &id).await?;
    if !after.action_required {
        return Ok(completed(&after));
    }
    let Some(error) = error else {
        let message =
            format!("certificate `{id}` still asks for an organization after one was bound");
        return Ok(Outcome::Failed {
            error: StepError::new(ErrorKind::Conflict, message),
            retry: Retry::Later { after: None },
        });
    };
    match error.kind {
        // The server understood and does not want this organization: a person has to choose.
        ApiErrorKind::Refused { .. } | ApiErrorKind::NotFound { .. }
            if error.retry() == ApiRetry::Never =>
        {
            let reason = action_required(&after);
            let message = format!("{}; {error}", reason.message);
            Ok(Outcome::Parked { reason: ParkReason { message, ..reason } })
        }
        _ => Ok(api_failure(&error)),
    }
}

fn completed(certificate: &Certificate) -> Outcome {
    success(&Output {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        action_required: certificate.action_required,
        organization_id: certificate.organization_id.as_ref().map(|id| id.as_str()),
    })
}
