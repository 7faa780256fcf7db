//! `regfish.wait_dns_records` and `regfish.wait_issued`: one look at a certificate, and what it
//! means for whoever waits.
//!
//! `action_required` decides alone whether somebody has to act: reason and address can be stale or
//! missing, and it can come back at any look (contract A.6, A.11).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{certificate_id, give_up};
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::http::ErrorKind as ApiErrorKind;
use crate::api::regfish::{Certificate, CertificateStatus, RegfishClient};
use crate::run::{ErrorKind, Observation, Outcome, ParkReason, WaitsFor};
use crate::types::{CertificateId, Timestamp};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: String,
}

#[derive(Debug, Serialize)]
struct ValidationOutput<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    method: Option<&'a String>,
    dns_records: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct IssuedOutput<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    contract_valid_until: Option<Timestamp>,
    serial_number: Option<&'a String>,
}

pub(in crate::action) async fn wait_dns_records(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let id = certificate_id(&parameters::<Parameters>(call)?.certificate_id)?;
    let certificate = observe(client, &id).await?;
    let validation = &certificate.validation;
    // Without records there is nothing to put when it is issued already, because an earlier proof
    // still counts (contract A.7), or when the proof goes by e-mail.
    let settled = certificate.status == CertificateStatus::Issued
        || (validation.method.as_deref() == Some("email") && !validation.email_targets.is_empty());
    if validation.records.is_empty() && !settled {
        return Ok(not_yet(&certificate, "no validation record yet"));
    }
    Ok(success(&ValidationOutput {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        method: validation.method.as_ref(),
        dns_records: dns_records(&certificate),
    }))
}

pub(in crate::action) async fn wait_issued(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let id = certificate_id(&parameters::<Parameters>(call)?.certificate_id)?;
    let certificate = observe(client, &id).await?;
    if certificate.status != CertificateStatus::Issued {
        return Ok(not_yet(&certificate, "not issued yet"));
    }
    if !certificate.pem_available {
        return Ok(not_yet(&certificate, "issued, but not downloadable yet"));
    }
    Ok(success(&IssuedOutput {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        valid_from: certificate.valid_from,
        valid_until: certificate.valid_until,
        contract_valid_until: certificate.contract_valid_until,
        serial_number: certificate.serial_number.as_ref(),
    }))
}

/// Reads a certificate that is expected to live. Ends the action when it is gone, has ended, or
/// waits for a person.
async fn observe(client: &RegfishClient, id: &CertificateId) -> Result<Certificate> {
    let certificate = read(client, id).await?;
    if certificate.action_required {
        return Err(Box::new(Outcome::Parked { reason: action_required(&certificate) }));
    }
    Ok(certificate)
}

/// Reads a certificate. Ends the action when it is gone or has ended.
pub(super) async fn read(client: &RegfishClient, id: &CertificateId) -> Result<Certificate> {
    let certificate = match client.get_certificate(id).await {
        Ok(certificate) => certificate,
        // Another key or an outage can look like this too; ordering anew would be a guess.
        Err(error) if matches!(error.kind, ApiErrorKind::NotFound { .. }) => {
            let message = format!("certificate `{id}` is not there (404) for this API key");
            return fail(ErrorKind::NotFound, message);
        }
        Err(error) => return Err(give_up(error)),
    };
    if certificate.id != *id {
        let message =
            format!("asked for certificate `{id}`, the answer is about `{}`", certificate.id);
        return fail(ErrorKind::Unreadable, message);
    }
    match &certificate.status {
        CertificateStatus::Pending
        | CertificateStatus::Issued
        // A word that we do not know may well be a state on the way (contract A.6, A.15).
        | CertificateStatus::Unknown(_) => Ok(certificate),
        CertificateStatus::Expired
        | CertificateStatus::Cancelled
        | CertificateStatus::Rejected
        | CertificateStatus::Revoked => {
            let because =
                certificate.pending_message.as_ref().map(|text| format!(": {text}"));
            let message = format!(
                "certificate `{id}` is {}{}",
                certificate.status.as_str(),
                because.unwrap_or_default()
            );
            fail(ErrorKind::CertificateEnded, message)
        }
    }
}

/// Why an order waits for a person, in the vendor's words where there are any.
pub(super) fn action_required(certificate: &Certificate) -> ParkReason {
    ParkReason {
        waits_for: WaitsFor::Person,
        code: certificate.pending_reason.clone().unwrap_or_else(|| "action_required".to_owned()),
        message: certificate
            .pending_message
            .clone()
            .unwrap_or_else(|| "the order has to be completed".to_owned()),
        completion_url: certificate.completion_url.clone(),
    }
}

fn not_yet(certificate: &Certificate, what: &str) -> Outcome {
    let mut state = certificate.status.as_str().to_owned();
    for word in [&certificate.order_state, &certificate.pending_reason].into_iter().flatten() {
        if !state.eq_ignore_ascii_case(word) {
            state.push_str(", ");
            state.push_str(word);
        }
    }
    let mut seen = Map::new();
    if !certificate.validation.records.is_empty() {
        seen.insert("dns_records".to_owned(), Value::Array(dns_records(certificate)));
    }
    Outcome::NotYet { observation: Observation { summary: format!("{what} ({state})"), seen } }
}

fn dns_records(certificate: &Certificate) -> Vec<Value> {
    let records = certificate.validation.records.iter();
    records
        .map(|record| json!({ "name": record.name, "type": record.kind, "value": record.value }))
        .collect()
}
