//! `certplan doctor --api`: the runs beside the certificates that the account has.
//!
//! It only reads. What it finds is for a person: a certificate that no run knows can be an order
//! that was forgotten, or somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::connections::Settings;
use super::console::Console;
use super::doctor::Finding;
use super::error::CliError;
use super::gc::accounts;
use super::gc_account::within_patience;
use super::same_names::{Ordered, ordered_by};
use super::state_directory::StateDirectory;
use crate::api::regfish::{Certificate, CertificateStatus};
use crate::run::RunState;
use crate::store::{LostOrder, RunSummary, SqliteStore, Store};
use crate::types::{CertificateId, DomainName, RunId};

/// What the account is compared with.
struct Known {
    owners: BTreeMap<CertificateId, RunId>,
    /// The names of all orders of real runs, and of those that were forgotten.
    names: BTreeSet<BTreeSet<DomainName>>,
}

pub(super) async fn compare(
    state: &StateDirectory,
    store: &SqliteStore,
    settings: &Settings,
    console: &Console,
) -> Result<Vec<Finding>, CliError> {
    let folded = store.fold_runs().await?;
    let known = Known::of(&folded, store.lost_orders().await?);
    let (accounts, unread) = accounts(state, store, settings, console).await?;
    let mut findings: Vec<Finding> =
        unread.into_iter().map(|line| Finding::Bad(format!("not compared: {line}"))).collect();
    if accounts.is_empty() && findings.is_empty() {
        let text = "no run has used the API; nothing to compare with".to_owned();
        return Ok(vec![Finding::Odd(text)]);
    }
    let mut all_listed = findings.is_empty();
    let mut listed: BTreeMap<CertificateId, Arc<Certificate>> = BTreeMap::new();
    for account in &accounts {
        match within_patience(account.client.list_certificates()).await {
            Ok(list) => {
                all_listed &= list.explicit && list.unreadable.is_empty();
                let unreadable = list.unreadable.into_iter();
                findings.extend(unreadable.map(|line| {
                    Finding::Bad(format!("{}: a certificate cannot be read: {line}", account.place))
                }));
                // Two keys or two addresses can lead to one account.
                listed.extend(list.certificates.into_iter().map(|one| (one.id.clone(), one)));
            }
            Err(error) => {
                all_listed = false;
                let place = &account.place;
                findings.push(Finding::Bad(format!("{place}: cannot be compared: {error}")));
            }
        }
    }
    let mut differences = known.strangers(&listed);
    // A certificate may be in the list that could not be read.
    if all_listed {
        differences.extend(known.missing(&listed));
    }
    if differences.is_empty() && all_listed {
        let text = format!(
            "the account has every certificate of the runs ({}), and none for their names that no \
             run knows",
            known.owners.len()
        );
        differences.push(Finding::Good(text));
    }
    findings.extend(differences);
    Ok(findings)
}

impl Known {
    fn of(
        folded: &[(RunSummary, Result<RunState, crate::store::StoreError>)],
        lost: Vec<LostOrder>,
    ) -> Self {
        let mut known = Self { owners: BTreeMap::new(), names: BTreeSet::new() };
        for (run, state) in folded.iter().filter(|(run, _)| !run.sandbox) {
            known.owners.extend(run.certificate_id.clone().map(|id| (id, run.id.clone())));
            let ordered = state.iter().flat_map(ordered_by);
            known.names.extend(ordered.map(|Ordered { names, .. }| names));
        }
        let lost = lost.iter().filter(|lost| lost.place == "real");
        let names = lost.map(|lost| {
            lost.names.split(", ").filter_map(|name| DomainName::parse(name).ok()).collect()
        });
        known.names.extend(names);
        known
    }

    /// Certificates that are open or good, for names that a run has ordered for, and of no run.
    fn strangers(&self, listed: &BTreeMap<CertificateId, Arc<Certificate>>) -> Vec<Finding> {
        let lives = |one: &&Certificate| {
            matches!(
                one.status,
                CertificateStatus::Pending
                    | CertificateStatus::Issued
                    | CertificateStatus::Unknown(_)
            )
        };
        let strange = |one: &&Certificate| {
            !self.owners.contains_key(&one.id) && self.names.contains(&names_of(one))
        };
        let finding = |one: &Certificate| {
            Finding::Odd(format!(
                "certificate {} ({}, {}) is for {}, and no run here has ordered it",
                one.id,
                one.product.as_deref().unwrap_or("unknown product"),
                one.status.as_str(),
                names_of(one).iter().map(DomainName::as_str).collect::<Vec<_>>().join(", "),
            ))
        };
        listed.values().map(Arc::as_ref).filter(lives).filter(strange).map(finding).collect()
    }

    /// Certificates of runs that the account does not show.
    fn missing(&self, listed: &BTreeMap<CertificateId, Arc<Certificate>>) -> Vec<Finding> {
        let owners = self.owners.iter().filter(|(id, _)| !listed.contains_key(*id));
        let finding = |(id, run): (&CertificateId, &RunId)| {
            Finding::Bad(format!(
                "run {run}: its certificate {id} is not in the account; is the key of another one?"
            ))
        };
        owners.map(finding).collect()
    }
}

fn names_of(certificate: &Certificate) -> BTreeSet<DomainName> {
    let names = certificate.common_name.iter().chain(&certificate.dns_names);
    names.filter_map(|name| DomainName::parse(name).ok()).collect()
}
