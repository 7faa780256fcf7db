//! Transitions that a customer causes through the API: order, renew, complete, download.

use std::collections::{BTreeMap, BTreeSet};

use super::order::public_id;
use super::timing::later;
use super::{
    Dcv, Order, Product, Random, Refusal, Risk, Rules, Stage, Submission, Token,
    UnusableOrganization, ValidationLevel, ValidationReuse, World,
};
use crate::types::{DomainName, Timestamp};

/// An order as it was asked for, its CSR read and its signature verified (contract A.4).
#[derive(Debug, Clone)]
pub(crate) struct NewOrder {
    /// Only an order of earlier days brings one; all others get the next.
    pub(crate) id: Option<String>,
    pub(crate) sku: String,
    pub(crate) common_name: DomainName,
    pub(crate) dns_names: Vec<DomainName>,
    pub(crate) csr: String,
    /// The names in the CSR, lower-case.
    pub(crate) csr_names: BTreeSet<String>,
    pub(crate) dcv: Dcv,
    pub(crate) validity_days: Option<i64>,
    pub(crate) org_id: Option<String>,
    pub(crate) renewal_of: Option<String>,
}

/// The longest term on sale (contract A.4: the documented maximum).
pub(crate) const LONGEST_VALIDITY_DAYS: u16 = 199;

/// More names than this no real product takes, and an answer must stay readable.
const MOST_NAMES: usize = 250;

impl World {
    /// Makes an order. Asking twice makes two (contract A.4: not idempotent).
    ///
    /// An OV order without a usable organization is staged: nothing goes to the CA yet.
    pub(crate) fn create_order(
        &mut self,
        wish: NewOrder,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<&Order, Refusal> {
        let product =
            self.rules.product(&wish.sku).ok_or_else(|| Refusal::invalid("unknown sku"))?;
        let default_days = self.rules.behaviour.default_validity_days;
        let validity_days = check_validity(wish.validity_days, default_days)?;
        let mut seen = BTreeSet::new();
        let mut dns_names = wish.dns_names;
        dns_names.retain(|name| seen.insert(name.clone()));
        if dns_names.len() > MOST_NAMES {
            return Err(Refusal::invalid(format!("more than {MOST_NAMES} dns_names")));
        }
        check_names(product, &wish.common_name, &dns_names, &wish.csr_names)?;
        if let Some(id) = &wish.renewal_of {
            self.check_renewal(id, now)?;
        }

        let organization_needed = product.level == ValidationLevel::Organization;
        let org_id = wish.org_id.map(|id| self.organization_id(id));
        let mut organization_usable = false;
        if let (true, Some(id)) = (organization_needed, &org_id) {
            // What becomes of an unknown id is not published; an unusable one stages the order.
            let organization =
                self.organization(id).ok_or_else(|| Refusal::invalid("organization not found"))?;
            organization_usable = organization.is_usable(now, &self.rules.timing);
            let refused = self.rules.behaviour.unusable_organization;
            if !organization_usable && refused == UnusableOrganization::Refused {
                return Err(Refusal::invalid("organization is not usable for ordering"));
            }
        }

        let id = match wish.id {
            Some(id) if self.orders.contains_key(&id) => {
                return Err(Refusal::invalid(format!("{id} exists twice")));
            }
            Some(id) => id,
            None => self.unused_order_id(random),
        };
        let mut order = Order {
            id: id.clone(),
            created_at: now,
            sku: product.sku.to_owned(),
            common_name: wish.common_name,
            dns_names,
            csr: wish.csr,
            dcv: wish.dcv,
            validity_days,
            renewal_of: wish.renewal_of,
            organization_id: org_id.filter(|_| organization_needed),
            submission: None,
            provider_order: None,
            end: None,
            issued: None,
            contract: None,
            renewal_bonus_days: None,
            reissue: None,
            revocation: None,
            downloads_refused: 0,
            looks: 0,
        };
        if !organization_needed || organization_usable {
            // The validation is usually in the same answer (contract A.4).
            let since = later(now, self.rules.timing.direct_validation_after);
            order.provider_order = Some(self.unused_provider_order(random));
            order.submission = Some(self.submit(&order, now, since, random));
        }
        self.add_order(order);
        self.order(&id)
    }

    /// Binds an organization to a staged order and sends it to the CA (contract A.5).
    ///
    /// The program and the person in the Console both end here; the second of them is refused.
    pub(crate) fn complete_order(
        &mut self,
        id: &str,
        organization_id: &str,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<&Order, Refusal> {
        let order = self.order(id)?;
        let again = self.rules.behaviour.completes_again
            && order.submission.is_some()
            && order.organization_id.as_deref() == Some(organization_id);
        if again {
            return self.order(id);
        }
        if order.stage(now) != Stage::Staged {
            return Err(Refusal::invalid("the order requires no completion"));
        }
        let organization = self
            .organization(organization_id)
            .ok_or_else(|| Refusal::invalid("organization not found"))?;
        if !organization.is_usable(now, &self.rules.timing) {
            return Err(Refusal::invalid("organization is not usable for ordering"));
        }
        let since = later(now, self.rules.timing.validation_after);
        let submission = self.submit(order, now, since, random);
        let number = self.unused_provider_order(random);
        self.change_order(id, |order| {
            order.organization_id = Some(organization_id.to_owned());
            order.provider_order = Some(number);
            order.submission = Some(submission);
        })
    }

    /// The chain in PEM, or why not yet. The first downloads are refused although the order says
    /// `issued` (contract A.10, A.15).
    pub(crate) fn download(&mut self, id: &str, now: Timestamp) -> Result<String, Refusal> {
        let order = self.order(id)?;
        let Some(issued) = &order.issued else {
            return Err(Refusal::NotReady("certificate is not ready for download".to_owned()));
        };
        let chain = issued.chain_pem.clone();
        if self.refuses_download(order, now) {
            self.change_order(id, |order| order.downloads_refused += 1)?;
            return Err(Refusal::NotReady("certificate bundle is not ready yet".to_owned()));
        }
        Ok(chain)
    }

    /// True when the order says `issued` and the next download is refused all the same.
    pub(crate) fn refuses_download(&self, order: &Order, now: Timestamp) -> bool {
        order.downloads_refused < self.rules.downloads_refused && order.stage(now) == Stage::Issued
    }

    /// Somebody looked at an order, which counts as far as the behaviour counts looks.
    pub(crate) fn note_look(&mut self, id: &str, now: Timestamp) {
        let behaviour = &self.rules.behaviour;
        let Ok(order) = self.order(id) else { return };
        let is_counted = order.looks < behaviour.validation_after_looks
            && matches!(order.stage(now), Stage::Validating | Stage::Vetting);
        let is_download = behaviour.honest_downloads && self.refuses_download(order, now);
        if let (true, Some(order)) = (is_counted || is_download, self.orders.get_mut(id)) {
            order.looks += u32::from(is_counted);
            order.downloads_refused += u32::from(is_download);
            self.touch_order(id);
        }
    }

    /// True when the list shows an order (contract E.1).
    pub(crate) fn lists(&self, order: &Order, now: Timestamp) -> bool {
        let Rules { timing, behaviour, .. } = &self.rules;
        let is_shown = match order.stage(now) {
            Stage::Staged => behaviour.lists_staged,
            Stage::Expired | Stage::Revoked(_) | Stage::Ended(_) => behaviour.lists_ended,
            Stage::Submitted | Stage::Validating | Stage::Vetting | Stage::Issued => true,
        };
        is_shown && later(order.created_at, timing.listed_after) <= now
    }

    /// Sends an order, or a reissue of it, to the CA.
    pub(super) fn submit(
        &self,
        order: &Order,
        now: Timestamp,
        validation_since: Timestamp,
        random: Random<'_>,
    ) -> Submission {
        let is_ov = Product::find(&order.sku)
            .is_some_and(|product| product.level == ValidationLevel::Organization);
        let reuse = is_ov && self.rules.behaviour.reuse != ValidationReuse::Never;
        // One for each base domain, however many names it holds (contract A.7).
        let tokens: Vec<Token> = order
            .names()
            .into_iter()
            .map(|name| self.rules.zones.base_domain(name.without_wildcard()).to_owned())
            .collect::<BTreeSet<String>>()
            .into_iter()
            .map(|base_domain| {
                let reused = reuse && self.is_approved(&base_domain, now);
                let proved_at = reused.then_some(now);
                Token { value: token_value(random), base_domain, proved_at, reused }
            })
            .collect();
        let proved = tokens.iter().all(|token| token.reused);
        Submission {
            at: now,
            validation_since,
            tokens,
            proved_at: proved.then_some(now),
            vetted: is_ov,
            checks: BTreeMap::new(),
            risk: Risk::default(),
            assessed_at: None,
            caa_refused_at: None,
            looked_at: None,
            parked: false,
        }
    }

    fn check_renewal(&self, id: &str, now: Timestamp) -> Result<(), Refusal> {
        let source = self
            .order(id)
            .map_err(|_| Refusal::invalid("renewal_of_certificate_id: certificate not found"))?;
        let renewed = || self.orders().any(|order| order.renewal_of.as_deref() == Some(id));
        if self.rules.behaviour.renews_once && renewed() {
            return Err(Refusal::invalid("the certificate has been renewed"));
        }
        if self.can_be_renewed(source, now) {
            return Ok(());
        }
        Err(Refusal::invalid("the certificate cannot be renewed"))
    }

    /// What `renewal_supported` says.
    pub(crate) fn can_be_renewed(&self, order: &Order, now: Timestamp) -> bool {
        self.rules.behaviour.renewals && matches!(order.stage(now), Stage::Issued | Stage::Expired)
    }

    fn unused_order_id(&self, random: Random<'_>) -> String {
        loop {
            let id = public_id(random());
            if self.order(&id).is_err() {
                return id;
            }
        }
    }

    fn unused_provider_order(&self, random: Random<'_>) -> u64 {
        loop {
            // Nine digits, as the CA's numbers have today.
            let number = u64::try_from(random() % 900_000_000).unwrap_or_default() + 100_000_000;
            if self.provider_order(number).is_none() {
                return number;
            }
        }
    }
}

pub(super) fn token_value(random: Random<'_>) -> String {
    format!("{:032x}", random())
}

fn check_validity(wish: Option<i64>, default_days: u16) -> Result<u16, Refusal> {
    match wish {
        None => Ok(default_days),
        Some(days) => u16::try_from(days)
            .ok()
            .filter(|days| (1..=LONGEST_VALIDITY_DAYS).contains(days))
            .ok_or_else(|| {
                Refusal::invalid(format!("validity_days must be 1 to {LONGEST_VALIDITY_DAYS}"))
            }),
    }
}

fn check_names(
    product: &Product,
    common_name: &DomainName,
    dns_names: &[DomainName],
    csr_names: &BTreeSet<String>,
) -> Result<(), Refusal> {
    let names: Vec<&DomainName> = std::iter::once(common_name).chain(dns_names).collect();
    if !product.wildcard && names.iter().any(|name| name.is_wildcard()) {
        return Err(Refusal::invalid(format!("{} cannot hold wildcard names", product.sku)));
    }
    check_csr_names(&names, csr_names)
}

/// The CSR holds what is ordered, all of it and nothing else.
pub(super) fn check_csr_names(
    names: &[&DomainName],
    csr_names: &BTreeSet<String>,
) -> Result<(), Refusal> {
    let ordered: BTreeSet<&str> = names.iter().map(|name| name.as_str()).collect();
    if let Some(name) = ordered.iter().find(|name| !csr_names.contains(**name)) {
        return Err(Refusal::invalid(format!("csr does not hold the ordered name {name}")));
    }
    if let Some(name) = csr_names.iter().find(|name| !ordered.contains(name.as_str())) {
        return Err(Refusal::invalid(format!("csr holds {name}, which is not ordered")));
    }
    Ok(())
}
