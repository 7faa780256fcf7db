//! `regfish.create_order`: the one call that costs money, in phases.
//!
//! *Prepare* notes every certificate id that is there before. *Send* orders, once. When the answer
//! is lost, *reconcile* lists again: what is new, belongs to no other run and fits what was ordered
//! is the order that was lost (contract A.13, rows 1 and 2). What could be it and does not fit fully
//! is for a person to judge. Nothing in here orders twice.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::download::read_key;
use super::watch::read;
use super::{api_failure, give_up, organization_id, step_error};
use crate::action::{ActionCall, Result, fail, output_map, parameters};
use crate::api::http::Effect;
use crate::api::regfish::{Certificate, CertificateList, DcvMethod, OrderRequest, RegfishClient};
use crate::pki::CertificateRequest;
use crate::run::{
    BindingKind, BoundCertificate, Call, Candidate, ErrorKind, Intent, Outcome, Retry, StepError,
};
use crate::types::{CertificateId, DomainName};

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
    validity_days: Option<i64>,
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
}

pub(in crate::action) async fn order(client: &RegfishClient, call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    match &call.call {
        Call::Prepare { earlier } => prepare(client, call, &wanted, earlier.as_ref()).await,
        Call::Send(intent) => send(client, &wanted, intent).await,
        Call::Reconcile(intent) => reconcile(client, call, intent).await,
        Call::Adopt(intent, certificate) => adopt(client, call, intent, certificate).await,
        Call::Perform => fail(ErrorKind::Internal, "an order is never just performed"),
    }
}

async fn prepare(
    client: &RegfishClient,
    call: &ActionCall,
    wanted: &Parameters,
    earlier: Option<&Intent>,
) -> Result<Outcome> {
    // Everything that can be wrong is found before money is spent.
    let csr = CertificateRequest::from_pem(&wanted.csr)
        .or_else(|error| fail(ErrorKind::Value, format!("the certificate request: {error}")))?;
    let names = names(wanted);
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
    order_request(wanted)?;
    let listed = client.list_certificates().await.map_err(give_up)?;
    if let Some(intent) = earlier {
        // The list may have lagged behind when the earlier attempt was given up.
        match identify(client, &listed, intent, call).await? {
            Outcome::NothingFound => {}
            found => return Ok(found),
        }
    }
    Ok(Outcome::Prepared {
        intent: Intent::Order {
            public_key_sha256: csr.public_key_sha256().to_string(),
            sku: wanted.sku.clone(),
            common_name: wanted.common_name.clone(),
            names,
            organization_id: wanted.org_id.clone(),
            validity_days: wanted.validity_days,
            known_certificate_ids: listed
                .certificates
                .into_iter()
                .map(|certificate| certificate.id)
                .collect(),
        },
    })
}

/// A certificate without its key is worth nothing, so the key is looked at once more before the
/// order. A request that came from elsewhere has its key elsewhere.
async fn key_is_there(call: &ActionCall, fingerprint: &str) -> Result<()> {
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

async fn send(client: &RegfishClient, wanted: &Parameters, intent: &Intent) -> Result<Outcome> {
    let Intent::Order { known_certificate_ids, .. } = intent;
    let request = order_request(wanted)?;
    match client.create_certificate(&request).await {
        Ok(certificate) if known_certificate_ids.contains(&certificate.id) => {
            let message = format!(
                "the answer names certificate `{}`, which was there before",
                certificate.id
            );
            Ok(Outcome::Unknown { error: StepError::new(ErrorKind::Unreadable, message) })
        }
        Ok(certificate) => bound(&certificate, BindingKind::Ordered),
        Err(error) => match error.effect() {
            Effect::None => Ok(api_failure(&error)),
            Effect::Unknown => Ok(Outcome::Unknown { error: step_error(&error) }),
        },
    }
}

async fn reconcile(client: &RegfishClient, call: &ActionCall, intent: &Intent) -> Result<Outcome> {
    let listed = client.list_certificates().await.map_err(give_up)?;
    identify(client, &listed, intent, call).await
}

/// A person says which certificate it is. The person may err, so it must be possible.
async fn adopt(
    client: &RegfishClient,
    call: &ActionCall,
    intent: &Intent,
    id: &CertificateId,
) -> Result<Outcome> {
    if call.owned_by_others.contains(id) {
        return fail(ErrorKind::Conflict, format!("certificate `{id}` belongs to another run"));
    }
    let Intent::Order { known_certificate_ids, sku, names, .. } = intent;
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
    bound(&certificate, BindingKind::Adopted)
}

/// What the list says of an order whose answer was lost.
///
/// "Nothing found" leads to a second order, so it is said only when the list can be trusted and
/// shows nothing that could be the first one.
async fn identify(
    client: &RegfishClient,
    listed: &CertificateList,
    intent: &Intent,
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
            Fit::Yes => fitting.push(certificate.clone()),
            // The list may leave fields out that the certificate itself shows (contract A.6).
            Fit::Unclear => {
                let certificate = client.get_certificate(id).await.map_err(give_up)?;
                match fit(&certificate, intent) {
                    Fit::No => {}
                    Fit::Yes => fitting.push(certificate),
                    Fit::Unclear => unclear.push(certificate),
                }
            }
        }
    }
    if let ([certificate], []) = (fitting.as_slice(), unclear.as_slice()) {
        return bound(certificate, BindingKind::Adopted);
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
    let candidates = fitting.iter().chain(&unclear).map(candidate).collect();
    Ok(Outcome::InDoubt { message: message.trim().to_owned(), candidates })
}

/// A list that lacks what was there before is of another account, or not whole: it proves nothing.
fn trustworthy(listed: &CertificateList, intent: &Intent) -> Result<()> {
    let distrust = |message: String| {
        let error = StepError::new(ErrorKind::Unreadable, message);
        Err(Box::new(Outcome::Failed { error, retry: Retry::Later { after: None } }))
    };
    if !listed.explicit {
        return distrust("the answer holds no list of certificates".to_owned());
    }
    let Intent::Order { known_certificate_ids, .. } = intent;
    let shown: BTreeSet<&CertificateId> =
        listed.certificates.iter().map(|certificate| &certificate.id).collect();
    let missing: Vec<&CertificateId> =
        known_certificate_ids.iter().filter(|id| !shown.contains(id)).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => distrust(format!(
            "the list lacks {} of the certificates that were there before the order, such as \
             `{first}`; is the key of another account?",
            missing.len()
        )),
    }
}

fn known(intent: &Intent, id: &CertificateId) -> bool {
    let Intent::Order { known_certificate_ids, .. } = intent;
    known_certificate_ids.contains(id)
}

/// Whether a certificate can have come from an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// All that was ordered is there, and nothing speaks against it.
    Yes,
    /// It could be, but something is missing or written in another way.
    Unclear,
    /// It is for another name.
    No,
}

fn fit(certificate: &Certificate, intent: &Intent) -> Fit {
    let Intent::Order { sku, common_name, names, organization_id, validity_days, .. } = intent;
    let name = |text: &String| DomainName::parse(text).ok();
    let first = certificate.common_name.as_ref().and_then(name);
    let mut found: BTreeSet<DomainName> = certificate.dns_names.iter().filter_map(name).collect();
    found.extend(first.clone());
    match &first {
        Some(first) if first != common_name => return Fit::No,
        None if !found.is_empty() && found.is_disjoint(names) => return Fit::No,
        _ => {}
    }
    let product = certificate.product.as_ref();
    let organization = certificate.organization_id.as_ref();
    let all_fit = first.is_some()
        && found == *names
        && product.is_none_or(|product| product.eq_ignore_ascii_case(sku))
        && match (organization_id, organization) {
            (Some(wanted), Some(found)) => wanted == found.as_str(),
            _ => true,
        }
        && match (validity_days, certificate.validity_days) {
            (Some(wanted), Some(found)) => *wanted == i64::from(found),
            _ => true,
        };
    if all_fit { Fit::Yes } else { Fit::Unclear }
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

fn bound(certificate: &Certificate, binding: BindingKind) -> Result<Outcome> {
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
    })?;
    let certificate_id = certificate.id.clone();
    Ok(Outcome::Succeeded {
        output,
        certificate: Some(BoundCertificate { certificate_id, binding }),
    })
}

fn order_request(wanted: &Parameters) -> Result<OrderRequest> {
    let Some(dcv_method) = DcvMethod::from_word(&wanted.dcv_method) else {
        return fail(ErrorKind::Value, format!("`{}` is no validation method", wanted.dcv_method));
    };
    let validity_days = wanted
        .validity_days
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
        dcv_emails: wanted.dcv_emails.clone().unwrap_or_default(),
        org_id: wanted.org_id.as_deref().map(organization_id).transpose()?,
        renewal_of: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::regfish::{CertificateStatus, Validation};

    fn id(text: &str) -> CertificateId {
        CertificateId::parse(text).unwrap()
    }

    fn names(texts: &[&str]) -> BTreeSet<DomainName> {
        texts.iter().map(|text| DomainName::parse(text).unwrap()).collect()
    }

    fn intent() -> Intent {
        Intent::Order {
            public_key_sha256: String::new(),
            sku: "RapidSSL".to_owned(),
            common_name: DomainName::parse("www.example.com").unwrap(),
            names: names(&["www.example.com", "example.com"]),
            organization_id: None,
            validity_days: Some(199),
            known_certificate_ids: BTreeSet::from([id("OLD")]),
        }
    }

    fn certificate() -> Certificate {
        Certificate {
            id: id("NEW"),
            status: CertificateStatus::Pending,
            order_state: None,
            common_name: Some("www.example.com".to_owned()),
            dns_names: vec!["example.com".to_owned()],
            product: Some("RapidSSL".to_owned()),
            action_required: false,
            pending_reason: None,
            pending_message: None,
            completion_url: None,
            organization_id: None,
            validation: Validation::default(),
            validity_days: Some(199),
            valid_from: None,
            valid_until: None,
            contract_valid_until: None,
            serial_number: None,
            pem_available: false,
            renewal_supported: None,
            reissue_supported: None,
        }
    }

    #[test]
    fn only_another_name_speaks_against_a_certificate_everything_else_leaves_doubt() {
        type Change = fn(&mut Certificate);
        let cases: [(&str, Change, Fit); 11] = [
            ("as ordered", |_| {}, Fit::Yes),
            ("product in another case", |c| c.product = Some("RAPIDSSL".into()), Fit::Yes),
            ("no product", |c| c.product = None, Fit::Yes),
            ("product in words", |c| c.product = Some("Rapid SSL".into()), Fit::Unclear),
            ("no further names", |c| c.dns_names.clear(), Fit::Unclear),
            ("one name more", |c| c.dns_names.push("api.example.com".into()), Fit::Unclear),
            ("no common name", |c| c.common_name = None, Fit::Unclear),
            ("another term", |c| c.validity_days = Some(90), Fit::Unclear),
            ("another name", |c| c.common_name = Some("api.example.com".into()), Fit::No),
            (
                "no common name, other names",
                |c| {
                    c.common_name = None;
                    c.dns_names = vec!["shop.example.org".into()];
                },
                Fit::No,
            ),
            (
                "no names at all",
                |c| {
                    c.common_name = None;
                    c.dns_names.clear();
                },
                Fit::Unclear,
            ),
        ];
        for (case, change, expected) in cases {
            let mut certificate = certificate();
            change(&mut certificate);
            assert_eq!(fit(&certificate, &intent()), expected, "{case}");
        }
    }

    #[test]
    fn a_list_that_lacks_what_was_there_before_proves_nothing() {
        let list = |ids: &[&str], explicit| CertificateList {
            certificates: ids
                .iter()
                .map(|text| Certificate { id: id(text), ..certificate() })
                .collect(),
            unreadable: Vec::new(),
            explicit,
        };
        assert!(trustworthy(&list(&["OLD", "NEW"], true), &intent()).is_ok());
        for untrue in [list(&["NEW"], true), list(&[], true), list(&["OLD"], false)] {
            let outcome = *trustworthy(&untrue, &intent()).unwrap_err();
            let later = Retry::Later { after: None };
            assert!(matches!(&outcome, Outcome::Failed { retry, .. } if *retry == later));
        }
    }
}
