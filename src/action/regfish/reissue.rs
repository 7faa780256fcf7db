//! `regfish.reissue`: another certificate of an order that is there, for another key.
//!
//! It keeps the id, and costs nothing while the order's contract runs (contract A.8). What a second
//! request does while one is under way is not known, so it is sent in phases like an order: what the
//! certificate showed before is recorded, and after a lost answer the certificate is asked what
//! became of it (contract A.13, row 4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::order::key_is_there;
use super::watch::read_any;
use super::{api_failure, certificate_id, give_up, step_error};
use crate::action::{ActionCall, Result, fail, output_map, parameters};
use crate::api::http::{Effect, ErrorKind as ApiErrorKind};
use crate::api::regfish::{
    Certificate, CertificateStatus, DcvMethod, RegfishClient, Reissue, ReissuePhase, ReissueRequest,
};
use crate::pki::{CertificateRequest, Chain};
use crate::run::{
    BindingKind, BoundCertificate, Call, ErrorKind, Intent, KnownReissue, Outcome, ReissueIntent,
    StepError,
};
use crate::types::{CertificateId, DomainName, Timestamp};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: String,
    csr: String,
    dcv_method: String,
    comments: Option<String>,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    reissue_id: Option<&'a String>,
    reissue_status: Option<&'a String>,
    requested_at: Option<Timestamp>,
    public_key_sha256: &'a str,
    former_serial_number: Option<&'a String>,
    contract_valid_until: Option<Timestamp>,
}

pub(in crate::action) async fn reissue(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    match &call.call {
        Call::Prepare { earlier: None, .. } => prepare(client, call, &wanted, None).await,
        Call::Prepare { earlier: Some(Intent::Reissue(earlier)), .. } => {
            prepare(client, call, &wanted, Some(earlier)).await
        }
        Call::Send(Intent::Reissue(intent)) => send(client, &wanted, intent).await,
        Call::Reconcile(Intent::Reissue(intent)) => {
            identify(&read_any(client, &intent.certificate_id).await?, intent)
        }
        Call::Adopt(Intent::Reissue(intent), id) => adopt(client, intent, id).await,
        _ => fail(ErrorKind::Internal, "a reissue is prepared, sent and asked after, nothing else"),
    }
}

async fn prepare(
    client: &RegfishClient,
    call: &ActionCall,
    wanted: &Parameters,
    earlier: Option<&ReissueIntent>,
) -> Result<Outcome> {
    let id = certificate_id(&wanted.certificate_id)?;
    let csr = CertificateRequest::from_pem(&wanted.csr)
        .or_else(|error| fail(ErrorKind::Value, format!("the certificate request: {error}")))?;
    let fingerprint = csr.public_key_sha256().to_string();
    key_is_there(call, &fingerprint).await?;
    request(wanted)?;
    let certificate = read_any(client, &id).await?;
    if let Some(intent) = earlier.filter(|intent| intent.certificate_id == id) {
        match identify(&certificate, intent)? {
            Outcome::NothingFound => {}
            found => return Ok(found),
        }
    }
    let names = names(&certificate)?;
    let in_csr: BTreeSet<DomainName> = csr.names().iter().cloned().collect();
    if in_csr != names {
        // A reissue for other names is refused, or becomes a paid change (contract A.8).
        let message = format!(
            "the certificate request is for {}, certificate `{id}` for {}; a reissue keeps all names",
            join(&in_csr),
            join(&names)
        );
        return fail(ErrorKind::Value, message);
    }
    possible(&certificate)?;
    Ok(Outcome::Prepared {
        intent: Intent::Reissue(ReissueIntent {
            certificate_id: id,
            public_key_sha256: fingerprint,
            names,
            former_serial_number: former_serial_number(client, &certificate).await?,
            known_reissue: certificate.reissue.as_ref().map(known),
        }),
    })
}

/// Whether the certificate can be reissued now, as far as it says so (contract A.6, A.8).
fn possible(certificate: &Certificate) -> Result<()> {
    let id = &certificate.id;
    let revoked = certificate.status == CertificateStatus::Revoked;
    let order_is_dead = revoked && certificate.revocation_scope.as_deref() == Some("order");
    if certificate.status != CertificateStatus::Issued && (!revoked || order_is_dead) {
        let message = format!(
            "certificate `{id}` is {}; only an issued certificate, or one that was revoked without \
             its order, can be reissued",
            certificate.status
        );
        return fail(ErrorKind::Conflict, message);
    }
    if certificate.reissue_supported == Some(false) {
        let message = format!("certificate `{id}` cannot be reissued (`reissue_supported`)");
        return fail(ErrorKind::Conflict, message);
    }
    if let Some(running) =
        certificate.reissue.as_ref().filter(|reissue| reissue.phase() == ReissuePhase::Running)
    {
        let message = format!(
            "another reissue of certificate `{id}` is under way: {}, {}; wait for its end, or have \
             it cancelled",
            running.id.as_deref().unwrap_or("without a number"),
            running.status
        );
        return fail(ErrorKind::Conflict, message);
    }
    Ok(())
}

/// The number by which the former certificate is told from the new one: where the former key is used
/// again, there is nothing else.
///
/// Where the API does not say it (contract A.6: optional), the certificate itself does. Of one that
/// cannot be had it stays unknown: what is not served cannot be taken for the new one.
async fn former_serial_number(
    client: &RegfishClient,
    certificate: &Certificate,
) -> Result<Option<String>> {
    if let Some(number) = &certificate.serial_number {
        return Ok(Some(number.clone()));
    }
    let id = &certificate.id;
    let pem = match client.download_pem(id).await {
        Ok(pem) => pem,
        Err(error)
            if matches!(
                error.kind,
                ApiErrorKind::NotReady { .. } | ApiErrorKind::NotFound { .. }
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(give_up(error)),
    };
    let chain = Chain::from_pem(&pem)
        .or_else(|error| fail(ErrorKind::Proof, format!("what `{id}` serves: {error}")))?;
    Ok(Some(chain.leaf().serial.clone()))
}

async fn send(
    client: &RegfishClient,
    wanted: &Parameters,
    intent: &ReissueIntent,
) -> Result<Outcome> {
    let id = &intent.certificate_id;
    let certificate = match client.reissue_certificate(id, &request(wanted)?).await {
        Ok(certificate) => certificate,
        Err(error) => {
            return match error.effect() {
                Effect::None => Ok(api_failure(&error)),
                Effect::Unknown => Ok(Outcome::Unknown { error: step_error(&error) }),
            };
        }
    };
    let unclear = |message: String| {
        Ok(Outcome::Unknown { error: StepError::new(ErrorKind::Unreadable, message) })
    };
    if certificate.id != *id {
        return unclear(format!("the answer is about certificate `{}`", certificate.id));
    }
    // Taken for good only when the answer shows it; otherwise the certificate is asked.
    match identify(&certificate, intent)? {
        Outcome::NothingFound => unclear("the answer shows no new reissue".to_owned()),
        found => Ok(found),
    }
}

/// A person says that the reissue came to be; the certificate must show one.
async fn adopt(
    client: &RegfishClient,
    intent: &ReissueIntent,
    id: &CertificateId,
) -> Result<Outcome> {
    if *id != intent.certificate_id {
        let message =
            format!("this run reissues certificate `{}`, not `{id}`", intent.certificate_id);
        return fail(ErrorKind::Conflict, message);
    }
    match identify(&read_any(client, id).await?, intent)? {
        Outcome::NothingFound => {
            fail(ErrorKind::Conflict, format!("certificate `{id}` shows no new reissue"))
        }
        found => Ok(found),
    }
}

/// What the certificate says of a reissue that was sent: a reissue that was not there before, or a
/// certificate with another number. Whose key it has is proved after the download.
fn identify(certificate: &Certificate, intent: &ReissueIntent) -> Result<Outcome> {
    let new_reissue = match (&certificate.reissue, &intent.known_reissue) {
        (Some(shown), Some(before)) => known(shown) != *before,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let served = certificate.serial_number.as_deref().map(normal_serial);
    let former = intent.former_serial_number.as_deref().map(normal_serial);
    let new_certificate = former.is_some() && served.is_some() && served != former;
    if !new_reissue && !new_certificate {
        return Ok(Outcome::NothingFound);
    }
    let reissue = certificate.reissue.as_ref();
    let output = output_map(&Output {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        reissue_id: reissue.and_then(|reissue| reissue.id.as_ref()),
        reissue_status: reissue.map(|reissue| &reissue.status),
        requested_at: reissue.and_then(|reissue| reissue.requested_at),
        public_key_sha256: &intent.public_key_sha256,
        former_serial_number: intent.former_serial_number.as_ref(),
        contract_valid_until: certificate.contract_valid_until,
    })?;
    let certificate_id = certificate.id.clone();
    Ok(Outcome::Succeeded {
        output,
        certificate: Some(BoundCertificate { certificate_id, binding: BindingKind::Reissued }),
    })
}

/// Serial numbers are written with and without colons, in either case, with leading zeros or not.
pub(super) fn normal_serial(serial: &str) -> String {
    let digits: String =
        serial.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect();
    digits.trim_start_matches('0').to_owned()
}

fn known(reissue: &Reissue) -> KnownReissue {
    KnownReissue { id: reissue.id.clone(), requested_at: reissue.requested_at }
}

fn request(wanted: &Parameters) -> Result<ReissueRequest> {
    let Some(dcv_method) = DcvMethod::from_word(&wanted.dcv_method) else {
        return fail(ErrorKind::Value, format!("`{}` is no validation method", wanted.dcv_method));
    };
    Ok(ReissueRequest {
        csr: wanted.csr.clone(),
        dcv_method,
        // The names are the order's in any case, and must be exactly those when they are sent.
        common_name: None,
        dns_names: None,
        comments: wanted.comments.clone(),
    })
}

fn names(certificate: &Certificate) -> Result<BTreeSet<DomainName>> {
    let names = certificate.common_name.iter().chain(&certificate.dns_names);
    let names: BTreeSet<DomainName> = names
        .map(|name| DomainName::parse(name))
        .collect::<std::result::Result<_, _>>()
        .or_else(|error| {
            fail(ErrorKind::Unreadable, format!("the names of `{}`: {error}", certificate.id))
        })?;
    Ok(names)
}

fn join(names: &BTreeSet<DomainName>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_the_same_however_it_is_written() {
        assert_eq!(normal_serial("00:0A:ff"), normal_serial("aFF"));
        assert_ne!(normal_serial("0aff"), normal_serial("aff0"));
    }
}
