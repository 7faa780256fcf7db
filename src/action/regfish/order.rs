//! `regfish.create_order`: the one call that costs money, in phases.
//!
//! *Prepare* notes every certificate id that is there before. *Send* orders, once. When the answer
//! is lost, *reconcile* lists again: what is new, belongs to no other run and fits what was ordered
//! is the order that was lost (contract A.13, rows 1 and 2). What could be it and does not fit fully
//! is for a person to judge. Nothing in here orders twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::desk::CertificateDesk;
use super::download::read_key;
use super::recognition::{Fit, fit, known, trustworthy};
use super::snapshot::Snapshot;
use super::watch::{read, read_any};
use super::{api_failure, certificate_id, give_up, organization_id, step_error, validity};
use crate::action::{ActionCall, Result, fail, output_map, parameters};
use crate::api::http::{Effect, ErrorKind as ApiErrorKind};
use crate::api::regfish::{
    Certificate, CertificateList, CertificateStatus, DcvMethod, OrderRequest, RegfishClient,
};
use crate::pki::{CertificateRequest, Chain};
use crate::plan::{NameFault, name_fault};
use crate::run::{
    BindingKind, BoundCertificate, Call, Candidate, ErrorKind, Intent, OrderIntent, Outcome,
    StepError,
};
use crate::types::{CertificateId, DomainName, Timestamp};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    sku: String,
    common_name: DomainName,
    dns_names: Vec<DomainName>,
    csr: String,
    dcv_method: String,
    dcv_emails: Option<Vec<String>>,
    org_id: Option<String>,
    renewal_of: Option<String>,
    validity_days: Option<i64>,
    validity_policy: validity::Policy,
    validity_schedule: Option<Vec<validity::Limit>>,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    certificate_id: &'a CertificateId,
    status: &'a str,
    order_state: Option<&'a String>,
    action_required: bool,
    pending_reason: Option<&'a String>,
    pending_message: Option<&'a String>,
    completion_url: Option<&'a String>,
    organization_id: Option<&'a str>,
    product: Option<&'a String>,
    validity_days: Option<i64>,
    validity_clamped_from: Option<i64>,
    renewal_of: Option<&'a CertificateId>,
}

/// `desk` is there when the run is one of a batch.
pub(in crate::action) async fn order(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    now: Timestamp,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    match &call.call {
        Call::Prepare { earlier: None, .. } => {
            prepare(client, desk, now, call, &wanted, None).await
        }
        Call::Prepare { earlier: Some(Intent::Order(earlier)), .. } => {
            prepare(client, desk, now, call, &wanted, Some(earlier)).await
        }
        Call::Send(Intent::Order(intent)) => send(client, desk, &wanted, intent).await,
        Call::Reconcile(Intent::Order(intent)) => {
            let listed = list_now(client, desk).await?;
            identify(client, &listed.list, &wanted, intent, call).await
        }
        Call::Adopt(Intent::Order(intent), certificate) => {
            adopt(client, call, &wanted, intent, certificate).await
        }
        _ => fail(ErrorKind::Internal, "an order is prepared, sent and asked after, nothing else"),
    }
}

async fn prepare(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    now: Timestamp,
    call: &ActionCall,
    wanted: &Parameters,
    earlier: Option<&OrderIntent>,
) -> Result<Outcome> {
    // Everything that can be wrong is found before money is spent.
    let csr = CertificateRequest::from_pem(&wanted.csr)
        .or_else(|error| fail(ErrorKind::Value, format!("the certificate request: {error}")))?;
    let names = names(wanted);
    for name in &names {
        if let Some(NameFault::Never(reason)) = name_fault(name) {
            let message = format!("no certificate can be had for `{name}`: {reason}");
            return fail(ErrorKind::Value, message);
        }
    }
    let in_csr: BTreeSet<DomainName> = csr.names().iter().cloned().collect();
    if in_csr != names {
        let message = format!(
            "the certificate request is for {}, the order for {}",
            join(&in_csr),
            join(&names)
        );
        return fail(ErrorKind::Value, message);
    }
    key_is_there(call, &csr.public_key_sha256().to_string()).await?;
    let validity_days =
        validity::days(wanted.validity_days, wanted.validity_policy, schedule(wanted), now)?;
    order_request(wanted, validity_days)?;
    let renewal_of = renewed(client, wanted).await?;
    let listed = match (desk, earlier) {
        (Some(desk), None) => desk.before_order().await.map_err(give_up)?,
        _ => list_now(client, desk).await?,
    };
    if let Some(intent) = earlier {
        // The list may have lagged behind when the earlier attempt was given up.
        match identify(client, &listed.list, wanted, intent, call).await? {
            Outcome::NothingFound => {}
            found => return Ok(found),
        }
    }
    let known_certificate_ids = listed.to_remember(&wanted.common_name, &names);
    Ok(Outcome::Prepared {
        intent: Intent::Order(OrderIntent {
            public_key_sha256: csr.public_key_sha256().to_string(),
            sku: wanted.sku.clone(),
            common_name: wanted.common_name.clone(),
            names,
            organization_id: wanted.org_id.clone(),
            validity_days,
            renewal_of,
            known_certificate_ids,
        }),
    })
}

/// A certificate without its key is worth nothing, so the key is looked at once more before the
/// order. A request that came from elsewhere has its key elsewhere.
pub(super) async fn key_is_there(call: &ActionCall, fingerprint: &str) -> Result<()> {
    let Some((_, path)) = call.keys.iter().find(|(known, _)| known == fingerprint) else {
        return Ok(());
    };
    let key = read_key(path).await?;
    if key.public_key_sha256().to_string() != fingerprint {
        let message = format!("the key in `{}` is not that of the request", path.display());
        return fail(ErrorKind::File, message);
    }
    Ok(())
}

async fn send(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    wanted: &Parameters,
    intent: &OrderIntent,
) -> Result<Outcome> {
    // The term as it was recorded: midnight may lie between.
    let request = order_request(wanted, intent.validity_days)?;
    match client.create_certificate(&request).await {
        Ok(certificate) if intent.known_certificate_ids.contains(&certificate.id) => {
            let message = format!(
                "the answer names certificate `{}`, which was there before",
                certificate.id
            );
            Ok(Outcome::Unknown { error: StepError::new(ErrorKind::Unreadable, message) })
        }
        Ok(certificate) => {
            if let Some(desk) = desk.filter(|_| certificate.action_required) {
                desk.note(&certificate);
            }
            bound(&certificate, BindingKind::Ordered, wanted, intent)
        }
        Err(error) => match error.effect() {
            Effect::None => Ok(api_failure(&error)),
            Effect::Unknown => Ok(Outcome::Unknown { error: step_error(&error) }),
        },
    }
}

/// The certificate that is renewed, if one is; it must be there and take a renewal.
async fn renewed(client: &RegfishClient, wanted: &Parameters) -> Result<Option<CertificateId>> {
    let Some(former) = wanted.renewal_of.as_deref().map(certificate_id).transpose()? else {
        return Ok(None);
    };
    let certificate = read_any(client, &former).await?;
    if certificate.renewal_supported == Some(false) {
        let message = format!("certificate `{former}` cannot be renewed (`renewal_supported`)");
        return fail(ErrorKind::Conflict, message);
    }
    Ok(Some(former))
}

fn schedule(wanted: &Parameters) -> Option<&[validity::Limit]> {
    wanted.validity_schedule.as_deref()
}

/// A list that is asked for now: an older one does not show what became of an order.
async fn list_now(client: &RegfishClient, desk: Option<&CertificateDesk>) -> Result<Arc<Snapshot>> {
    match desk {
        Some(desk) => desk.asked_now().await.map_err(give_up),
        None => {
            let list = client.list_certificates().await.map_err(give_up)?;
            Ok(Arc::new(Snapshot::new(Timestamp::MIN, list)))
        }
    }
}

/// A person says which certificate it is. The person may err, so it must be possible.
async fn adopt(
    client: &RegfishClient,
    call: &ActionCall,
    wanted: &Parameters,
    intent: &OrderIntent,
    id: &CertificateId,
) -> Result<Outcome> {
    if call.owned_by_others.contains(id) {
        return fail(ErrorKind::Conflict, format!("certificate `{id}` belongs to another run"));
    }
    let OrderIntent { known_certificate_ids, sku, names, .. } = intent;
    if known_certificate_ids.contains(id) {
        let message = format!("certificate `{id}` was there before this run ordered");
        return fail(ErrorKind::Conflict, message);
    }
    let certificate = read(client, id).await?;
    if fit(&certificate, intent) == Fit::No {
        let message = format!(
            "certificate `{id}` is {}; this run ordered {sku} for {}",
            candidate(&certificate).description,
            join(names)
        );
        return fail(ErrorKind::Conflict, message);
    }
    has_our_key(client, &certificate, intent).await?;
    bound(&certificate, BindingKind::Adopted, wanted, intent)
}

/// A certificate that is issued shows whose key it is for. The person may have two of them before
/// their eyes that differ in nothing else, and what is adopted cannot be taken back.
async fn has_our_key(
    client: &RegfishClient,
    certificate: &Certificate,
    intent: &OrderIntent,
) -> Result<()> {
    if certificate.status != CertificateStatus::Issued {
        return Ok(());
    }
    let pem = match client.download_pem(&certificate.id).await {
        Ok(pem) => pem,
        // For a while after issuance (contract A.10).
        Err(error) if matches!(error.kind, ApiErrorKind::NotReady { .. }) => {
            let message = format!(
                "certificate `{}` is issued and cannot be downloaded yet: for whose key it is \
                 shows in a minute",
                certificate.id
            );
            return fail(ErrorKind::Refused, message);
        }
        Err(error) => return Err(give_up(error)),
    };
    let chain = Chain::from_pem(&pem)
        .or_else(|error| fail(ErrorKind::Proof, format!("what was downloaded: {error}")))?;
    let found = chain.leaf().public_key_sha256.to_string();
    if found == intent.public_key_sha256 {
        return Ok(());
    }
    let message = format!(
        "certificate `{}` is for another key than that of this run: it is not its order",
        certificate.id
    );
    fail(ErrorKind::Conflict, message)
}

/// What the list says of an order whose answer was lost.
///
/// "Nothing found" leads to a second order, so it is said only when the list can be trusted and
/// shows nothing that could be the first one.
async fn identify(
    client: &RegfishClient,
    listed: &CertificateList,
    wanted: &Parameters,
    intent: &OrderIntent,
    call: &ActionCall,
) -> Result<Outcome> {
    trustworthy(listed, intent)?;
    let (mut fitting, mut unclear) = (Vec::new(), Vec::new());
    for certificate in &listed.certificates {
        let id = &certificate.id;
        if known(intent, id) || call.owned_by_others.contains(id) {
            continue;
        }
        match fit(certificate, intent) {
            Fit::No => {}
            Fit::Yes => fitting.push(Arc::clone(certificate)),
            // The list may leave fields out that the certificate itself shows (contract A.6).
            Fit::Unclear => {
                let certificate = Arc::new(client.get_certificate(id).await.map_err(give_up)?);
                match fit(&certificate, intent) {
                    Fit::No => {}
                    Fit::Yes => fitting.push(certificate),
                    Fit::Unclear => unclear.push(certificate),
                }
            }
        }
    }
    if let ([certificate], []) = (fitting.as_slice(), unclear.as_slice()) {
        return bound(certificate, BindingKind::Adopted, wanted, intent);
    }
    if fitting.is_empty() && unclear.is_empty() && listed.unreadable.is_empty() {
        return Ok(Outcome::NothingFound);
    }
    let mut message = match (fitting.len(), unclear.len()) {
        (0, 0) => String::new(),
        (0, _) => "a new certificate could be the order, but does not fit it fully".to_owned(),
        _ => format!("{} new certificates could be the order", fitting.len() + unclear.len()),
    };
    if let Some(first) = listed.unreadable.first() {
        let unreadable = listed.unreadable.len();
        message =
            format!("{message} {unreadable} of the listed certificates cannot be read: {first}");
    }
    let candidates = fitting.iter().chain(&unclear).map(|one| candidate(one)).collect();
    Ok(Outcome::InDoubt { message: message.trim().to_owned(), candidates })
}

fn candidate(certificate: &Certificate) -> Candidate {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    Candidate {
        certificate_id: certificate.id.clone(),
        description: format!(
            "{} for {}, status {}, {} days",
            text(&certificate.product),
            text(&certificate.common_name),
            certificate.status.as_str(),
            certificate.validity_days.map_or_else(|| "unknown".to_owned(), |days| days.to_string()),
        ),
    }
}

fn bound(
    certificate: &Certificate,
    binding: BindingKind,
    wanted: &Parameters,
    intent: &OrderIntent,
) -> Result<Outcome> {
    let output = output_map(&Output {
        certificate_id: &certificate.id,
        status: certificate.status.as_str(),
        order_state: certificate.order_state.as_ref(),
        action_required: certificate.action_required,
        pending_reason: certificate.pending_reason.as_ref(),
        pending_message: certificate.pending_message.as_ref(),
        completion_url: certificate.completion_url.as_ref(),
        organization_id: certificate.organization_id.as_ref().map(|id| id.as_str()),
        product: certificate.product.as_ref(),
        validity_days: intent.validity_days,
        validity_clamped_from: wanted
            .validity_days
            .filter(|days| intent.validity_days.is_some_and(|sent| sent < *days)),
        renewal_of: intent.renewal_of.as_ref(),
    })?;
    let certificate_id = certificate.id.clone();
    Ok(Outcome::Succeeded {
        output,
        certificate: Some(BoundCertificate { certificate_id, binding }),
    })
}

fn order_request(wanted: &Parameters, validity_days: Option<i64>) -> Result<OrderRequest> {
    let Some(dcv_method) = DcvMethod::from_word(&wanted.dcv_method) else {
        return fail(ErrorKind::Value, format!("`{}` is no validation method", wanted.dcv_method));
    };
    let dcv_emails = wanted.dcv_emails.clone().unwrap_or_default();
    if dcv_method == DcvMethod::Email && dcv_emails.is_empty() {
        return fail(ErrorKind::Value, "`dcv_method` is `email`, and `dcv_emails` names nobody");
    }
    let validity_days = validity_days
        .map(u32::try_from)
        .transpose()
        .or_else(|_| fail(ErrorKind::Value, "`validity_days` is out of range"))?;
    Ok(OrderRequest {
        sku: wanted.sku.clone(),
        common_name: wanted.common_name.clone(),
        // The examples of the vendor never repeat the common name (contract A.4).
        dns_names: wanted
            .dns_names
            .iter()
            .filter(|name| **name != wanted.common_name)
            .cloned()
            .collect(),
        csr: wanted.csr.clone(),
        dcv_method,
        dcv_emails,
        org_id: wanted.org_id.as_deref().map(organization_id).transpose()?,
        renewal_of: wanted.renewal_of.as_deref().map(certificate_id).transpose()?,
        validity_days,
    })
}

fn names(wanted: &Parameters) -> BTreeSet<DomainName> {
    wanted.dns_names.iter().chain([&wanted.common_name]).cloned().collect()
}

fn join(names: &BTreeSet<DomainName>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
