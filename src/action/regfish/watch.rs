//! `regfish.wait_dns_records` and `regfish.wait_issued`: one look at a certificate, and what it
//! means for whoever waits.
//!
//! `action_required` decides alone whether somebody has to act: reason and address can be stale or
//! missing, and it can come back at any look (contract A.6, A.11).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::desk::{CertificateDesk, View};
use super::reissue::normal_serial;
use super::{certificate_id, give_up};
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::http::{ApiError, ErrorKind as ApiErrorKind};
use crate::api::regfish::{Certificate, CertificateStatus, RegfishClient, Reissue, ReissuePhase};
use crate::pki::Chain;
use crate::run::{ErrorKind, Observation, Outcome, ParkReason, Retry, WaitsFor};
use crate::types::{CertificateId, Timestamp};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedParameters {
    certificate_id: String,
    public_key_sha256: Option<String>,
    former_serial_number: Option<String>,
}

#[derive(Debug, Serialize)]
struct ValidationOutput<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    method: Option<&'a String>,
    dns_records: Vec<Value>,
    email_targets: &'a [String],
}

#[derive(Debug, Serialize)]
struct IssuedOutput<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    contract_valid_until: Option<Timestamp>,
    serial_number: Option<String>,
}

pub(in crate::action) async fn wait_dns_records(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    call: &ActionCall,
) -> Result<Outcome> {
    let id = certificate_id(&parameters::<Parameters>(call)?.certificate_id)?;
    // Records are put into public zones, so they are taken from the certificate itself.
    let enough = |listed: &Certificate| {
        listed.validation.records.is_empty() && listed.status == CertificateStatus::Pending
    };
    let certificate = observe(client, desk, &id, enough).await?;
    let validation = &certificate.validation;
    // Without records there is nothing to put when it is issued already, because an earlier proof
    // still counts (contract A.7), or when the proof goes by e-mail.
    let settled = (certificate.status == CertificateStatus::Issued && !is_reissued(&certificate))
        || (validation.method.as_deref() == Some("email") && !validation.email_targets.is_empty());
    if validation.records.is_empty() && !settled {
        return Ok(not_yet(&certificate, "no validation record yet"));
    }
    Ok(success(&ValidationOutput {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        method: validation.method.as_ref(),
        dns_records: dns_records(&certificate),
        email_targets: &validation.email_targets,
    }))
}

pub(in crate::action) async fn wait_issued(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: IssuedParameters = parameters(call)?;
    let id = certificate_id(&wanted.certificate_id)?;
    let is_new = wanted.public_key_sha256.is_some() || wanted.former_serial_number.is_some();
    // What is downloaded next is proved, so the list's word for it is enough.
    let enough = |listed: &Certificate| match listed.status {
        _ if is_new || listed.reissue.is_some() => false,
        CertificateStatus::Pending => true,
        CertificateStatus::Issued => listed.pem_available && listed.valid_until.is_some(),
        _ => false,
    };
    let certificate = observe(client, desk, &id, enough).await?;
    if is_new && let Some(reissue) = &certificate.reissue {
        failed_reissue(&id, reissue)?;
    }
    if is_reissued(&certificate) {
        return Ok(not_yet(&certificate, "not reissued yet"));
    }
    if certificate.status != CertificateStatus::Issued {
        return Ok(not_yet(&certificate, "not issued yet"));
    }
    if !certificate.pem_available {
        return Ok(not_yet(&certificate, "issued, but not downloadable yet"));
    }
    if is_new {
        return expect_new(client, &certificate, &wanted).await;
    }
    Ok(success(&IssuedOutput {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        valid_from: certificate.valid_from,
        valid_until: certificate.valid_until,
        contract_valid_until: certificate.contract_valid_until,
        serial_number: certificate.serial_number.clone(),
    }))
}

/// While a reissue runs, and for a while after it, the former certificate is served, with the same
/// status and perhaps with the same end (contract A.9). Only what is downloaded tells them apart.
async fn expect_new(
    client: &RegfishClient,
    certificate: &Certificate,
    wanted: &IssuedParameters,
) -> Result<Outcome> {
    let pem = match client.download_pem(&certificate.id).await {
        Ok(pem) => pem,
        Err(error) if matches!(error.kind, ApiErrorKind::NotReady { .. }) => {
            return Ok(not_yet(certificate, "issued, but not downloadable yet"));
        }
        Err(error) => return Err(give_up(error)),
    };
    let chain = Chain::from_pem(&pem)
        .or_else(|error| fail(ErrorKind::Proof, format!("what was downloaded: {error}")))?;
    let leaf = chain.leaf();
    let of_key = |key: &String| leaf.public_key_sha256.to_string().eq_ignore_ascii_case(key);
    let is_former = |serial: &String| normal_serial(&leaf.serial) == normal_serial(serial);
    if !wanted.public_key_sha256.as_ref().is_none_or(of_key)
        || wanted.former_serial_number.as_ref().is_some_and(is_former)
    {
        return Ok(not_yet(certificate, "another certificate is still served"));
    }
    Ok(success(&IssuedOutput {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        valid_from: Some(leaf.not_before),
        valid_until: Some(leaf.not_after),
        contract_valid_until: certificate.contract_valid_until,
        serial_number: Some(leaf.serial.clone()),
    }))
}

fn failed_reissue(id: &CertificateId, reissue: &Reissue) -> Result<()> {
    if reissue.phase() != ReissuePhase::Failed {
        return Ok(());
    }
    let message = format!(
        "the reissue of certificate `{id}` is {}; the former certificate stays as it is",
        reissue.status
    );
    fail(ErrorKind::CertificateEnded, message)
}

fn is_reissued(certificate: &Certificate) -> bool {
    certificate.reissue.as_ref().is_some_and(|reissue| reissue.phase() == ReissuePhase::Running)
}

/// Reads a certificate that is expected to live. Ends the action when it is gone, has ended, or
/// waits for a person.
///
/// A list that the certificate was looked up in is believed only where it is `enough`.
async fn observe(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    id: &CertificateId,
    enough: impl Fn(&Certificate) -> bool,
) -> Result<Certificate> {
    let certificate = match desk {
        None => read_any(client, id).await?,
        Some(desk) => match desk.view(id).await {
            Ok(View::Listed(listed)) if !listed.action_required && enough(&listed) => listed,
            Ok(View::Listed(_)) => judge(id, desk.confirm(id).await)?,
            Ok(View::Read(certificate)) => judge(id, Ok(certificate))?,
            Err(error) => judge(id, Err(error))?,
        },
    };
    // A revoked certificate can be on its way to another one (contract A.8).
    let certificate = if is_reissued(&certificate) { certificate } else { alive(certificate)? };
    if certificate.action_required {
        return Err(Box::new(Outcome::Parked { reason: action_required(&certificate) }));
    }
    Ok(certificate)
}

/// Reads a certificate, in whatever state it is. Ends the action when it is gone.
pub(super) async fn read_any(client: &RegfishClient, id: &CertificateId) -> Result<Certificate> {
    judge(id, client.get_certificate(id).await)
}

fn judge(
    id: &CertificateId,
    answer: std::result::Result<Certificate, ApiError>,
) -> Result<Certificate> {
    let certificate = match answer {
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
    Ok(certificate)
}

/// Reads a certificate. Ends the action when it is gone or has ended.
pub(super) async fn read(client: &RegfishClient, id: &CertificateId) -> Result<Certificate> {
    alive(read_any(client, id).await?)
}

/// The certificate, unless it has ended.
fn alive(certificate: Certificate) -> Result<Certificate> {
    let id = &certificate.id;
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

/// What became of the order, where `outcome` is that something is not there which is waited for on its
/// behalf: an order that has ended, or that waits for a person, ends the wait with its own reason.
///
/// An order that cannot be asked after changes nothing.
pub(in crate::action) async fn or_its_end(
    client: &RegfishClient,
    id: &CertificateId,
    outcome: Result<Outcome>,
) -> Result<Outcome> {
    let waits = |outcome: &Outcome| {
        matches!(outcome, Outcome::NotYet { .. })
            || matches!(outcome, Outcome::Failed { retry: Retry::Later { .. }, .. })
    };
    if !waits(outcome.as_ref().unwrap_or_else(|outcome| outcome)) {
        return outcome;
    }
    match observe(client, None, id, |_| false).await {
        Ok(certificate) => match &certificate.reissue {
            Some(reissue) => failed_reissue(id, reissue).and(outcome),
            None => outcome,
        },
        Err(end) => match *end {
            Outcome::Parked { .. } => Err(end),
            Outcome::Failed { ref error, .. }
                if matches!(error.kind, ErrorKind::CertificateEnded | ErrorKind::NotFound) =>
            {
                Err(end)
            }
            _ => outcome,
        },
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
    if let Some(reissue) = certificate.reissue.as_ref().filter(|_| is_reissued(certificate)) {
        state.push_str(", reissue ");
        state.push_str(&reissue.status);
    }
    if certificate.status == CertificateStatus::Pending
        && !certificate.validation.email_targets.is_empty()
    {
        state.push_str("; the CA has written to ");
        state.push_str(&certificate.validation.email_targets.join(", "));
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
