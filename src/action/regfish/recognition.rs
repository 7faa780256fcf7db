//! `Fit`: whether a certificate can be what became of an order whose answer was lost.
//!
//! Pure judgement; who asks the server and who decides is `order`.

use std::collections::BTreeSet;

use crate::action::Result;
use crate::api::regfish::{Certificate, CertificateList};
use crate::run::{ErrorKind, OrderIntent, Outcome, Retry, StepError};
use crate::types::{CertificateId, DomainName};

/// A list that lacks what was there before is of another account, or not whole: it proves nothing.
pub(super) fn trustworthy(listed: &CertificateList, intent: &OrderIntent) -> Result<()> {
    let distrust = |message: String| {
        let error = StepError::new(ErrorKind::Unreadable, message);
        Err(Box::new(Outcome::Failed { error, retry: Retry::Later { after: None } }))
    };
    if !listed.explicit {
        return distrust("the answer holds no list of certificates".to_owned());
    }
    let known_certificate_ids = &intent.known_certificate_ids;
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

/// Whether the certificate was there before the order.
pub(super) fn known(intent: &OrderIntent, id: &CertificateId) -> bool {
    intent.known_certificate_ids.contains(id)
}

/// Whether a certificate can have come from an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// All that was ordered is there, and nothing speaks against it.
    Yes,
    /// It could be, but something is missing or written in another way.
    Unclear,
    /// It is for another name.
    No,
}

/// What the certificate's fields say. Only another name speaks against it for certain: to order a
/// second time is worse than to ask a person.
pub(super) fn fit(certificate: &Certificate, intent: &OrderIntent) -> Fit {
    let OrderIntent { sku, common_name, names, organization_id, validity_days, .. } = intent;
    if !may_be(certificate, common_name, names) {
        return Fit::No;
    }
    let (first, found) = names_of(certificate);
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

/// Whether nothing says that a certificate is for other names.
pub(super) fn may_be(
    certificate: &Certificate,
    common_name: &DomainName,
    names: &BTreeSet<DomainName>,
) -> bool {
    match names_of(certificate) {
        (Some(first), _) => first == *common_name,
        (None, found) => found.is_empty() || !found.is_disjoint(names),
    }
}

fn names_of(certificate: &Certificate) -> (Option<DomainName>, BTreeSet<DomainName>) {
    let name = |text: &String| DomainName::parse(text).ok();
    let first = certificate.common_name.as_ref().and_then(name);
    let mut found: BTreeSet<DomainName> = certificate.dns_names.iter().filter_map(name).collect();
    found.extend(first.clone());
    (first, found)
}

/// A certificate that fits the intent of the tests below.
#[cfg(test)]
pub(super) fn sample() -> Certificate {
    Certificate {
        id: CertificateId::parse("NEW").unwrap(),
        status: crate::api::regfish::CertificateStatus::Pending,
        order_state: None,
        common_name: Some("www.example.com".to_owned()),
        dns_names: vec!["example.com".to_owned()],
        product: Some("RapidSSL".to_owned()),
        action_required: false,
        pending_reason: None,
        pending_message: None,
        completion_url: None,
        organization_id: None,
        validation: crate::api::regfish::Validation::default(),
        reissue: None,
        renewal_bonus_days: None,
        contract_valid_from: None,
        revocation_scope: None,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn id(text: &str) -> CertificateId {
        CertificateId::parse(text).unwrap()
    }

    fn names(texts: &[&str]) -> BTreeSet<DomainName> {
        texts.iter().map(|text| DomainName::parse(text).unwrap()).collect()
    }

    fn intent() -> OrderIntent {
        OrderIntent {
            public_key_sha256: String::new(),
            sku: "RapidSSL".to_owned(),
            common_name: DomainName::parse("www.example.com").unwrap(),
            names: names(&["www.example.com", "example.com"]),
            organization_id: None,
            validity_days: Some(199),
            renewal_of: None,
            known_certificate_ids: BTreeSet::from([id("OLD")]),
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
            let mut certificate = sample();
            change(&mut certificate);
            assert_eq!(fit(&certificate, &intent()), expected, "{case}");
        }
    }

    #[test]
    fn a_list_that_lacks_what_was_there_before_proves_nothing() {
        let list = |ids: &[&str], explicit| CertificateList {
            certificates: ids
                .iter()
                .map(|text| Arc::new(Certificate { id: id(text), ..sample() }))
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
