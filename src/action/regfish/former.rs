//! `regfish.find_certificate`: the certificate that is there already, by its id or by its names.
//!
//! It is what a reissue or a renewal goes out from. Where several could be meant, none is guessed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::watch::read_any;
use super::{certificate_id, give_up};
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::regfish::{Certificate, CertificateStatus, RegfishClient};
use crate::run::{ErrorKind, Outcome};
use crate::types::{CertificateId, DomainName, Timestamp};

/// Certificates of one name set whose ends lie this close together were made side by side, such as
/// one for each kind of key; neither follows the other.
const SIDE_BY_SIDE_SECONDS: i64 = 86_400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: Option<String>,
    common_name: Option<DomainName>,
    dns_names: Vec<DomainName>,
    product: Option<String>,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    certificate_id: &'a CertificateId,
    common_name: &'a str,
    dns_names: &'a [String],
    product: Option<&'a String>,
    status: &'a str,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    contract_valid_until: Option<Timestamp>,
    serial_number: Option<&'a String>,
    organization_id: Option<&'a str>,
    renewal_supported: Option<bool>,
    reissue_supported: Option<bool>,
}

pub(in crate::action) async fn find(client: &RegfishClient, call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let given = wanted.certificate_id.as_deref().filter(|id| !id.trim().is_empty());
    if let Some(id) = given {
        return found(&read_any(client, &certificate_id(id.trim())?).await?);
    }
    let Some(common_name) = &wanted.common_name else {
        return fail(ErrorKind::Value, "give `certificate_id` or `common_name`");
    };
    let names: BTreeSet<&str> =
        wanted.dns_names.iter().chain([common_name]).map(DomainName::as_str).collect();
    let listed = client.list_certificates().await.map_err(give_up)?;
    if let Some(first) = listed.unreadable.first() {
        tracing::warn!(first, count = listed.unreadable.len(), "certificates cannot be read");
    }
    let latest = latest(&listed.certificates, &names, wanted.product.as_deref())?;
    // Fields can be missing in a list (contract A.6).
    found(&read_any(client, &latest.id).await?)
}

/// The certificate of exactly these names that is valid longest.
fn latest<'a>(
    certificates: &'a [Arc<Certificate>],
    names: &BTreeSet<&str>,
    product: Option<&str>,
) -> Result<&'a Certificate> {
    let there = |certificate: &&Certificate| {
        matches!(certificate.status, CertificateStatus::Issued | CertificateStatus::Expired)
    };
    let of_product = |certificate: &&Certificate| {
        product.is_none_or(|wanted| {
            certificate.product.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(wanted))
        })
    };
    let of_names = |certificate: &&Certificate| names_of(certificate) == *names;
    let mut fitting: Vec<&Certificate> = certificates
        .iter()
        .map(Arc::as_ref)
        .filter(there)
        .filter(of_product)
        .filter(of_names)
        .collect();
    fitting.sort_by_key(|certificate| std::cmp::Reverse(certificate.valid_until));
    let wanted = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match fitting.as_slice() {
        [] => {
            let message = format!("no certificate was issued for exactly {}", wanted());
            fail(ErrorKind::NotFound, message)
        }
        [first, second, ..] if are_side_by_side(first, second) => {
            let ids: Vec<String> = fitting
                .iter()
                .take_while(|other| are_side_by_side(first, other))
                .map(|one| {
                    format!("`{}` ({})", one.id, one.product.as_deref().unwrap_or("unknown"))
                })
                .collect();
            let message = format!(
                "{} certificates for {} end at about the same time; name one by its id: {}",
                ids.len(),
                wanted(),
                ids.join(", ")
            );
            fail(ErrorKind::Conflict, message)
        }
        [first, ..] => Ok(first),
    }
}

fn names_of(certificate: &Certificate) -> BTreeSet<&str> {
    certificate.common_name.iter().chain(&certificate.dns_names).map(String::as_str).collect()
}

fn are_side_by_side(first: &Certificate, second: &Certificate) -> bool {
    match (first.valid_until, second.valid_until) {
        (Some(first), Some(second)) => {
            (first.as_second() - second.as_second()).abs() < SIDE_BY_SIDE_SECONDS
        }
        (None, None) => true,
        _ => false,
    }
}

fn found(certificate: &Certificate) -> Result<Outcome> {
    let id = &certificate.id;
    let Some(common_name) = &certificate.common_name else {
        let message = format!("the API does not say for which name `{id}` is");
        return fail(ErrorKind::Unreadable, message);
    };
    Ok(success(&Output {
        certificate_id: id,
        common_name,
        dns_names: &certificate.dns_names,
        product: certificate.product.as_ref(),
        status: certificate.status.as_str(),
        valid_from: certificate.valid_from,
        valid_until: certificate.valid_until,
        contract_valid_until: certificate.contract_valid_until,
        serial_number: certificate.serial_number.as_ref(),
        organization_id: certificate.organization_id.as_ref().map(|id| id.as_str()),
        renewal_supported: certificate.renewal_supported,
        reissue_supported: certificate.reissue_supported,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::regfish::recognition::sample;

    fn one(id: &str, until: &str, change: fn(&mut Certificate)) -> Arc<Certificate> {
        let mut certificate = sample();
        certificate.id = CertificateId::parse(id).unwrap();
        certificate.status = CertificateStatus::Issued;
        certificate.valid_until = until.parse().ok();
        change(&mut certificate);
        Arc::new(certificate)
    }

    fn pick(certificates: &[Arc<Certificate>], product: Option<&str>) -> String {
        let names = BTreeSet::from(["example.com", "www.example.com"]);
        match latest(certificates, &names, product) {
            Ok(certificate) => certificate.id.to_string(),
            Err(outcome) => match *outcome {
                Outcome::Failed { error, .. } => error.message,
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn of_several_the_one_that_is_valid_longest_is_meant() {
        let (early, late) = ("2027-01-01T00:00:00Z", "2027-06-01T00:00:00Z");
        let list = [
            one("OLD", early, |_| {}),
            one("NEW", late, |_| {}),
            one("PENDING", late, |c| c.status = CertificateStatus::Pending),
            one("OTHER", late, |c| c.dns_names.push("api.example.com".to_owned())),
        ];
        assert_eq!(pick(&list, None), "NEW");
        assert_eq!(pick(&list[..1], None), "OLD");
        assert!(pick(&list[2..], None).starts_with("no certificate was issued for exactly"));
    }

    #[test]
    fn certificates_that_were_made_side_by_side_are_not_guessed_between() {
        let list = [
            one("RSA", "2027-06-01T00:00:00Z", |_| {}),
            one("ECDSA", "2027-06-01T08:00:00Z", |c| c.product = Some("SSL123".to_owned())),
            one("OLD", "2027-01-01T00:00:00Z", |_| {}),
        ];
        let message = pick(&list, None);
        assert!(message.contains("`RSA`") && message.contains("`ECDSA`"), "{message}");
        assert!(!message.contains("`OLD`"), "{message}");
        assert_eq!(pick(&list, Some("ssl123")), "ECDSA");
    }
}
