//! What is there when a new world begins: organizations, records, orders of earlier days.
//!
//! Whoever orders had a key; here one is made and thrown away, so nobody can use such a
//! certificate. Everything goes through the world's own transitions.

use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::ca::{Ca, CaError};
use super::csr::CheckedCsr;
use super::world::{
    Dcv, Due, DueWork, NewOrder, NewOrganization, NewRecord, OrderEnd, Organization, Random,
    RecordKind, Refusal, Stage, World, public_id,
};
use crate::types::{DomainName, Timestamp};

/// An organization of a new world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialOrganization {
    /// `hdl_` and 13 characters; invented unless given.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Two capital letters.
    pub country_code: String,
    /// Its town.
    pub city: String,
    /// Whether orders can be made out to it.
    pub usable: Usable,
}

/// When an organization can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// From the start on, or never.
    Always(bool),
    /// Once its check is done, so long after the start.
    After(Duration),
    /// Until its check does not count any more, so long after the start.
    For(Duration),
}

/// A record of a new world; not made by the customer's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialRecord {
    /// Its name, fully qualified.
    pub name: DomainName,
    /// Its type, such as `CNAME`.
    pub kind: String,
    /// What it says.
    pub data: String,
    /// A remark.
    pub annotation: Option<String>,
    /// Kept by the vendor itself.
    pub auto: bool,
    /// Served.
    pub active: bool,
}

/// An order that was placed before the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialOrder {
    /// 13 capitals and digits; invented unless given.
    pub id: Option<String>,
    /// The common name.
    pub common_name: DomainName,
    /// Further names.
    pub dns_names: Vec<DomainName>,
    /// The sku.
    pub product: String,
    /// The term; the longest unless given.
    pub validity_days: Option<i64>,
    /// Id or name of the organization, for products that need one; the first usable one unless
    /// given.
    pub organization: Option<String>,
    /// How long before the start it was placed.
    pub ordered: Duration,
    /// Where it stands.
    pub state: InitialState,
}

/// Where an order of earlier days stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InitialState {
    /// It waits for an organization.
    Staged,
    /// It waits for its validation.
    Pending,
    /// It was issued on the day of its order.
    #[default]
    Issued,
    /// It was cancelled.
    Cancelled,
    /// The CA rejected it.
    Rejected,
}

/// Why a new world cannot begin as it was meant to.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {reason}")]
pub(crate) struct InitialError {
    /// Which of the things that were asked for.
    pub(super) place: InitialPlace,
    /// Its kind and name.
    pub(super) subject: String,
    /// Why it cannot be.
    pub(super) reason: String,
}

/// Something that a world begins with, by its number in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InitialPlace {
    Organization(usize),
    Record(usize),
    Order(usize),
}

/// What a new world begins with.
pub(super) struct Initial<'options> {
    pub(super) organizations: Option<&'options [InitialOrganization]>,
    pub(super) records: &'options [InitialRecord],
    pub(super) orders: &'options [InitialOrder],
}

impl Initial<'_> {
    /// Puts everything into the world. Fails with the first thing that cannot be in it.
    pub(super) fn furnish(
        &self,
        world: &mut World,
        ca: &Ca,
        start: Timestamp,
        random: Random<'_>,
    ) -> Result<(), InitialError> {
        match self.furnish_all(world, ca, start, random).into_iter().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Puts everything into the world that can be in it, and says of each of the others why not.
    pub(super) fn furnish_all(
        &self,
        world: &mut World,
        ca: &Ca,
        start: Timestamp,
        random: Random<'_>,
    ) -> Vec<InitialError> {
        let mut errors = Vec::new();
        match self.organizations {
            None => world.add_first_organizations(),
            Some(organizations) => {
                for (number, wish) in organizations.iter().enumerate() {
                    let made = organization(wish, world, start, random);
                    if let Err(refusal) = world.add_organization(made) {
                        let place = InitialPlace::Organization(number);
                        errors.push(wrong(place, &wish.name, &refusal));
                    }
                }
            }
        }
        for (number, wish) in self.records.iter().enumerate() {
            if let Err(refusal) = add_record(wish, world, start, random) {
                let reason = match refusal {
                    Refusal::UnmanagedZone => "its zone is not in this account".to_owned(),
                    other => other.to_string(),
                };
                errors.push(wrong(InitialPlace::Record(number), wish.name.as_str(), &reason));
            }
        }
        for (number, wish) in self.orders.iter().enumerate() {
            if let Err(reason) = add_order(wish, world, ca, start, random) {
                errors.push(wrong(InitialPlace::Order(number), wish.common_name.as_str(), &reason));
            }
        }
        world.note_time(start);
        errors
    }
}

fn wrong(place: InitialPlace, name: &str, reason: &impl ToString) -> InitialError {
    let what = match place {
        InitialPlace::Organization(_) => "organization",
        InitialPlace::Record(_) => "record",
        InitialPlace::Order(_) => "order",
    };
    InitialError { place, subject: format!("{what} `{name}`"), reason: reason.to_string() }
}

fn organization(
    wish: &InitialOrganization,
    world: &World,
    start: Timestamp,
    random: Random<'_>,
) -> Organization {
    let lifetime = world.rules.timing.organization_lifetime;
    let after = |by| start.checked_add(by).unwrap_or(Timestamp::MAX);
    let (usable, checked_at) = match wish.usable {
        Usable::Always(usable) => (usable, None),
        Usable::After(by) => (true, Some(after(by))),
        Usable::For(by) => (true, after(by).checked_sub(lifetime).ok()),
    };
    Organization {
        id: wish.id.clone().unwrap_or_else(|| format!("hdl_{}", public_id(random()))),
        usable,
        checked_at,
        replaced_by: None,
        details: NewOrganization {
            organization: wish.name.clone(),
            country_code: wish.country_code.clone(),
            city: wish.city.clone(),
            ..NewOrganization::example()
        },
    }
}

fn add_record(
    wish: &InitialRecord,
    world: &mut World,
    start: Timestamp,
    random: Random<'_>,
) -> Result<(), Refusal> {
    let kind = RecordKind::parse(&wish.kind)
        .ok_or_else(|| Refusal::invalid(format!("`{}` is no record type", wish.kind)))?;
    let record = NewRecord {
        name: wish.name.clone(),
        kind,
        data: wish.data.clone(),
        ttl: None,
        priority: (kind == RecordKind::MX).then_some(10),
        annotation: wish.annotation.clone(),
    };
    let id = world.create_record(record, start, random)?.id;
    world.mark_record(id, wish.auto, wish.active, start)
}

/// Why an order of earlier days cannot be.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("it cannot be {0}")]
    State(&'static str),
}

fn add_order(
    wish: &InitialOrder,
    world: &mut World,
    ca: &Ca,
    start: Timestamp,
    random: Random<'_>,
) -> Result<(), OrderError> {
    let at = start.checked_sub(wish.ordered).unwrap_or(Timestamp::MIN);
    let order = new_order(wish, world, at)?;
    let id = world.create_order(order, at, random)?.id.clone();
    let is_staged = world.order(&id)?.stage(at) == Stage::Staged;
    match wish.state {
        InitialState::Staged if !is_staged => {
            Err(OrderError::State("staged: the product needs no organization"))
        }
        InitialState::Pending | InitialState::Issued if is_staged => {
            Err(OrderError::State("at the CA: its organization cannot be used"))
        }
        InitialState::Staged | InitialState::Pending => Ok(()),
        InitialState::Issued => {
            world.prove_everything(&id, at)?;
            let due = Due { order_id: id, at, work: DueWork::Issue };
            let request = world
                .issue_request(&due)
                .ok_or(OrderError::State("issued: nothing is known about it"))?;
            let issued = ca.issue(&request, at, at, random())?;
            world.record_issued(&due, issued);
            Ok(())
        }
        InitialState::Cancelled => Ok(world.end_order(&id, OrderEnd::Cancelled, at)?),
        InitialState::Rejected => Ok(world.end_order(&id, OrderEnd::Rejected, at)?),
    }
}

fn new_order(wish: &InitialOrder, world: &World, at: Timestamp) -> Result<NewOrder, OrderError> {
    let names = std::iter::once(&wish.common_name).chain(&wish.dns_names);
    let names: Vec<String> = names.map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).map_err(CaError::from)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, wish.common_name.as_str());
    let key = KeyPair::generate().map_err(CaError::from)?;
    let request = params.serialize_request(&key).map_err(CaError::from)?;
    let csr = request.pem().map_err(CaError::from)?;
    let csr_names = CheckedCsr::from_pem(&csr).map_err(CaError::from)?.names;
    let org_id = match (&wish.organization, wish.state) {
        (None, InitialState::Staged) => None,
        (None, _) => world.chosen_organization(None, at).ok(),
        (Some(which), _) => Some(world.chosen_organization(Some(which), at)?),
    };
    Ok(NewOrder {
        id: wish.id.clone(),
        sku: wish.product.clone(),
        common_name: wish.common_name.clone(),
        dns_names: wish.dns_names.clone(),
        csr,
        csr_names,
        dcv: Dcv::DnsCnameToken,
        validity_days: wish.validity_days,
        org_id,
        renewal_of: None,
    })
}
