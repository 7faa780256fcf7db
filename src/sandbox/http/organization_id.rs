//! `OrganizationId`: the id of an organization on the wire, a text or, as before 2026-03-30, a
//! number (contract A.3).

use serde::{Serialize, Serializer};

use crate::sandbox::world::{Behaviour, Organization, OrganizationIds};

/// An id as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrganizationId<'world> {
    Text(&'world str),
    Number(u32),
}

/// Where an id is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Organization,
    Certificate,
}

impl<'world> OrganizationId<'world> {
    pub(super) fn of(
        organization: &'world Organization,
        behaviour: &Behaviour,
        place: Place,
    ) -> Self {
        match (behaviour.organization_ids, place) {
            (OrganizationIds::Numbers, _)
            | (OrganizationIds::NumbersInCertificates, Place::Certificate) => {
                Self::Number(organization.number())
            }
            (OrganizationIds::Public | OrganizationIds::NumbersInCertificates, _) => {
                Self::Text(&organization.id)
            }
        }
    }
}

impl Serialize for OrganizationId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u32(*number),
        }
    }
}
