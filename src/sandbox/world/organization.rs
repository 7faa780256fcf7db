//! Organizations: who an OV certificate is made out to (contract A.3).

use serde::{Deserialize, Serialize};

use super::timing::later;
use super::{OrganizationIds, Random, Refusal, Timing, Touch, World, stable_number};
use crate::types::Timestamp;

/// An organization as the vendor keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Organization {
    /// `hdl_` and 13 characters.
    pub(crate) id: String,
    /// Good for orders, once it is checked and while the check counts.
    pub(crate) usable: bool,
    /// When the check is done; none when that was before the world began.
    #[serde(default)]
    pub(crate) checked_at: Option<Timestamp>,
    /// The organization that took its place.
    #[serde(default)]
    pub(crate) replaced_by: Option<String>,
    pub(crate) details: NewOrganization,
}

/// What a person says about an organization; the nine fields of contract A.3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewOrganization {
    pub(crate) organization: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) address: String,
    pub(crate) postal_code: String,
    pub(crate) city: String,
    pub(crate) country_code: String,
    pub(crate) phone: String,
    pub(crate) email: String,
}

impl NewOrganization {
    /// Somebody who does not exist.
    pub(crate) fn example() -> Self {
        Self {
            organization: "Example GmbH".to_owned(),
            first_name: "Erika".to_owned(),
            last_name: "Mustermann".to_owned(),
            address: "Beispielweg 1".to_owned(),
            postal_code: "12345".to_owned(),
            city: "Berlin".to_owned(),
            country_code: "DE".to_owned(),
            phone: "+49 30 000000".to_owned(),
            email: "certificates@example.com".to_owned(),
        }
    }

    /// All fields with their names on the wire.
    pub(crate) fn fields_mut(&mut self) -> [(&'static str, &mut String); 9] {
        [
            ("organization", &mut self.organization),
            ("first_name", &mut self.first_name),
            ("last_name", &mut self.last_name),
            ("address", &mut self.address),
            ("postal_code", &mut self.postal_code),
            ("city", &mut self.city),
            ("country_code", &mut self.country_code),
            ("phone", &mut self.phone),
            ("email", &mut self.email),
        ]
    }
}

impl Organization {
    /// The number that stood for it before ids were texts (contract A.3).
    pub(crate) fn number(&self) -> u32 {
        stable_number(&self.id) >> 1
    }

    /// True when an OV order can be made out to it at `now`.
    pub(crate) fn is_usable(&self, now: Timestamp, timing: &Timing) -> bool {
        self.usable
            && self.replaced_by.is_none()
            && self
                .checked_at
                .is_none_or(|at| at <= now && now < later(at, timing.organization_lifetime))
    }

    /// `ready` when it may be used. The other words are not published; these stand for them.
    pub(crate) fn status(&self, now: Timestamp, timing: &Timing) -> &'static str {
        if self.is_usable(now, timing) {
            "ready"
        } else if self.replaced_by.is_some() {
            "replaced"
        } else if self.usable && self.checked_at.is_some_and(|at| at <= now) {
            "expired"
        } else {
            "pending"
        }
    }
}

/// The two organizations of a new world: one to order with, one that cannot be used.
fn first_organizations() -> [Organization; 2] {
    let organization = |id: &str, name: &str, city: &str, usable| Organization {
        id: id.to_owned(),
        usable,
        checked_at: None,
        replaced_by: None,
        details: NewOrganization {
            organization: name.to_owned(),
            city: city.to_owned(),
            ..NewOrganization::example()
        },
    };
    [
        organization("hdl_7K9QW3M2ZT8HJ", "Example GmbH", "Berlin", true),
        organization("hdl_4NXR6VP2CD9WB", "Example Holding AG", "Hamburg", false),
    ]
}

impl World {
    /// All organizations, oldest first.
    pub(crate) fn organizations(&self) -> impl Iterator<Item = &Organization> {
        self.organizations.values()
    }

    /// The organization of that id.
    pub(crate) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id)
    }

    /// The id of the organization that is meant, which may be named by its number.
    pub(crate) fn organization_id(&self, id: String) -> String {
        if self.rules.behaviour.organization_ids != OrganizationIds::Numbers {
            return id;
        }
        let meant = self.organizations().find(|one| one.number().to_string() == id);
        meant.map(|one| one.id.clone()).unwrap_or(id)
    }

    /// Makes an organization. Asking twice makes two (contract A.3: not idempotent).
    ///
    /// How long the real check takes, and what it is called meanwhile, is not published.
    pub(crate) fn create_organization(
        &mut self,
        details: NewOrganization,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<&Organization, Refusal> {
        self.check_details(&details)?;
        if self.rules.behaviour.known_organizations
            && let Some(known) = self.known_organization(&details)
        {
            return self.organization(&known).ok_or_else(no_such_organization);
        }
        let id = loop {
            let id = format!("hdl_{}", super::order::public_id(random()));
            if !self.organizations.contains_key(&id) {
                break id;
            }
        };
        let checked_at = Some(later(now, self.rules.timing.organization_check));
        self.put_organization(Organization {
            id,
            usable: true,
            checked_at,
            replaced_by: None,
            details,
        })
    }

    /// Changes an organization (contract A.3). One that is checked is not changed in place: a
    /// replacement with a new id takes over, and must be checked again.
    pub(crate) fn change_organization(
        &mut self,
        id: &str,
        details: NewOrganization,
        create_replacement: bool,
        now: Timestamp,
        random: Random<'_>,
    ) -> Result<&Organization, Refusal> {
        let organization = self.organization(id).ok_or_else(no_such_organization)?;
        if organization.replaced_by.is_some() {
            return Err(Refusal::invalid("the organization has been replaced"));
        }
        self.check_details(&details)?;
        if create_replacement && self.rules.behaviour.replaced_in_place {
            let checked_at = Some(later(now, self.rules.timing.organization_check));
            let changed =
                Organization { details, checked_at, usable: true, ..organization.clone() };
            return self.put_organization(changed);
        }
        if create_replacement {
            let new_id = self.create_organization(details, now, random)?.id.clone();
            let mut old = self.organization(id).ok_or_else(no_such_organization)?.clone();
            old.replaced_by = Some(new_id.clone());
            self.put_organization(old)?;
            return self.organization(&new_id).ok_or_else(no_such_organization);
        }
        if organization.is_usable(now, &self.rules.timing) {
            return Err(Refusal::invalid(
                "a validated organization can only be changed with edit_mode create_replacement",
            ));
        }
        let changed = Organization { details, ..organization.clone() };
        self.put_organization(changed)
    }

    /// The check of an organization is passed at `now`, or does not count any more.
    pub(crate) fn judge_organization(
        &mut self,
        id: &str,
        usable: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut organization = self.organization(id).ok_or_else(no_such_organization)?.clone();
        organization.usable = usable;
        organization.checked_at = usable.then_some(now);
        self.put_organization(organization).map(drop)
    }

    /// The same for the organization of that id or name, or for all of them.
    pub(crate) fn judge_organizations(
        &mut self,
        which: Option<&str>,
        usable: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let ids = match which {
            Some(which) => vec![self.organization_called(which)?.id.clone()],
            None => self.organizations.keys().cloned().collect(),
        };
        ids.iter().try_for_each(|id| self.judge_organization(id, usable, now))
    }

    /// The id of the organization that a person chooses: the one of that id or name, or the first
    /// that can be used.
    pub(crate) fn chosen_organization(
        &self,
        which: Option<&str>,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let timing = &self.rules.timing;
        let chosen = match which {
            Some(which) => self.organization_called(which)?,
            None => self
                .organizations()
                .find(|organization| organization.is_usable(now, timing))
                .ok_or_else(|| Refusal::invalid("no organization can be used"))?,
        };
        Ok(chosen.id.clone())
    }

    /// An organization that is there already, by name, address and country.
    fn known_organization(&self, wish: &NewOrganization) -> Option<String> {
        let facts = |one: &NewOrganization| {
            [&one.organization, &one.address, &one.postal_code, &one.country_code]
                .map(|text| text.trim().to_lowercase())
        };
        let known = self
            .organizations()
            .find(|one| one.replaced_by.is_none() && facts(&one.details) == facts(wish));
        known.map(|one| one.id.clone())
    }

    /// Which fields are needed is not published; all nine were seen (contract A.3).
    fn check_details(&self, details: &NewOrganization) -> Result<(), Refusal> {
        let partial = self.rules.behaviour.partial_organizations;
        for (name, value) in details.clone().fields_mut() {
            let is_needed = name == "organization" || !partial;
            if is_needed && value.trim().is_empty() {
                return Err(Refusal::invalid(format!("{name} is required")));
            }
        }
        let code = details.country_code.as_bytes();
        if code.len() != 2 || !code.iter().all(u8::is_ascii_uppercase) {
            return Err(Refusal::invalid("country_code must be two capital letters"));
        }
        Ok(())
    }

    fn organization_called(&self, which: &str) -> Result<&Organization, Refusal> {
        let named = |organization: &&Organization| organization.details.organization == which;
        self.organization(which)
            .or_else(|| self.organizations().find(named))
            .ok_or_else(no_such_organization)
    }

    /// Puts the two well-known organizations into a new world.
    pub(crate) fn add_first_organizations(&mut self) {
        for organization in first_organizations() {
            self.touched.insert(Touch::Organization(organization.id.clone()));
            self.organizations.insert(organization.id.clone(), organization);
        }
    }

    /// Puts an organization into a new world.
    pub(crate) fn add_organization(&mut self, organization: Organization) -> Result<(), Refusal> {
        if self.organizations.contains_key(&organization.id) {
            return Err(Refusal::invalid(format!("{} exists twice", organization.id)));
        }
        self.put_organization(organization).map(drop)
    }

    fn put_organization(&mut self, organization: Organization) -> Result<&Organization, Refusal> {
        let id = organization.id.clone();
        self.touched.insert(Touch::Organization(id.clone()));
        self.organizations.insert(id.clone(), organization);
        self.organization(&id).ok_or_else(no_such_organization)
    }
}

fn no_such_organization() -> Refusal {
    Refusal::NotFound("organization not found".to_owned())
}
