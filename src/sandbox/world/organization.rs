//! Organizations: who an OV certificate is made out to (contract A.3).

use serde::{Deserialize, Serialize};

use super::{Random, Refusal, Touch, World};

/// An organization as the vendor keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Organization {
    /// `hdl_` and 13 characters.
    pub(crate) id: String,
    /// Checked and good for orders.
    pub(crate) usable: bool,
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

impl Organization {
    /// `ready` when it may be used. The other words are not published; `pending` stands for them.
    pub(crate) fn status(&self) -> &'static str {
        if self.usable { "ready" } else { "pending" }
    }
}

/// The two organizations of a new world: one to order with, one that cannot be used.
pub(super) fn first_organizations() -> [Organization; 2] {
    let organization = |id: &str, name: &str, city: &str, usable| Organization {
        id: id.to_owned(),
        usable,
        details: NewOrganization {
            organization: name.to_owned(),
            first_name: "Erika".to_owned(),
            last_name: "Mustermann".to_owned(),
            address: "Beispielweg 1".to_owned(),
            postal_code: "12345".to_owned(),
            city: city.to_owned(),
            country_code: "DE".to_owned(),
            phone: "+49 30 000000".to_owned(),
            email: "certificates@example.com".to_owned(),
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

    /// Makes an organization. Asking twice makes two (contract A.3: not idempotent).
    ///
    /// It is usable at once: how long the real check takes, and what it is called meanwhile, is
    /// not published.
    pub(crate) fn create_organization(
        &mut self,
        details: NewOrganization,
        random: Random<'_>,
    ) -> Result<&Organization, Refusal> {
        if details.organization.trim().is_empty() {
            return Err(Refusal::invalid("organization is required"));
        }
        let code = details.country_code.as_bytes();
        if code.len() != 2 || !code.iter().all(u8::is_ascii_uppercase) {
            return Err(Refusal::invalid("country_code must be two capital letters"));
        }
        let id = loop {
            let id = format!("hdl_{}", super::order::public_id(random()));
            if !self.organizations.contains_key(&id) {
                break id;
            }
        };
        self.touched.insert(Touch::Organization(id.clone()));
        let organization = Organization { id: id.clone(), usable: true, details };
        Ok(self.organizations.entry(id).or_insert(organization))
    }
}
