//! The organization endpoints (contract A.3).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;

use super::answer::Answer;
use super::body::Fields;
use super::organization_id::{OrganizationId, Place};
use super::{Access, Moment, Now};
use crate::sandbox::world::{NewOrganization, Organization, Refusal, World};
use crate::types::Timestamp;

#[derive(Debug, Serialize)]
struct OrganizationBody<'world> {
    id: OrganizationId<'world>,
    organization: &'world str,
    status: &'static str,
    usable_for_ordering: bool,
    first_name: &'world str,
    last_name: &'world str,
    address: &'world str,
    postal_code: &'world str,
    city: &'world str,
    country_code: &'world str,
    phone: &'world str,
    email: &'world str,
}

impl<'world> OrganizationBody<'world> {
    fn of(organization: &'world Organization, world: &World, now: Timestamp) -> Self {
        let details = &organization.details;
        let timing = &world.rules.timing;
        Self {
            id: OrganizationId::of(organization, &world.rules.behaviour, Place::Organization),
            organization: &details.organization,
            status: organization.status(now, timing),
            usable_for_ordering: organization.is_usable(now, timing),
            first_name: &details.first_name,
            last_name: &details.last_name,
            address: &details.address,
            postal_code: &details.postal_code,
            city: &details.city,
            country_code: &details.country_code,
            phone: &details.phone,
            email: &details.email,
        }
    }
}

/// GET `/tls/organization`.
pub(super) async fn list(State(shared): Access, Extension(Moment(now)): Now) -> Answer {
    shared.read_world(|world| {
        let organizations = world.organizations();
        let bodies: Vec<_> =
            organizations.map(|one| OrganizationBody::of(one, world, now)).collect();
        Answer::ok(&bodies)
    })
}

/// GET `/tls/organization/{id}` (contract A.1: inferred).
pub(super) async fn show(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
) -> Answer {
    shared.read_world(|world| answer(world, Ok(world.organization_id(id)), now))
}

/// POST `/tls/organization`.
pub(super) async fn create(
    State(shared): Access,
    Extension(Moment(now)): Now,
    body: Bytes,
) -> Answer {
    shared.change_world(|world, random| {
        let made = Fields::read(&body)
            .and_then(|fields| fill(&fields, NewOrganization::default()))
            .and_then(|wish| world.create_organization(wish, now, random))
            .map(|made| made.id.clone());
        answer(world, made, now)
    })
}

/// PATCH `/tls/organization/{id}`: absent fields stay as they are.
pub(super) async fn change(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    shared.change_world(|world, random| {
        let id = world.organization_id(id);
        let changed = Fields::read(&body).and_then(|fields| {
            let replace = match fields.optional_text("edit_mode")?.as_deref() {
                None | Some("") => false,
                Some("create_replacement") => true,
                Some(_) => return Err(Refusal::invalid("edit_mode must be create_replacement")),
            };
            let old = world.organization(&id).map(|one| one.details.clone());
            let details = fill(&fields, old.unwrap_or_default())?;
            let changed = world.change_organization(&id, details, replace, now, random)?;
            Ok(changed.id.clone())
        });
        answer(world, changed, now)
    })
}

fn answer(world: &World, id: Result<String, Refusal>, now: Timestamp) -> Answer {
    match id.as_deref().map(|id| world.organization(id)) {
        Ok(Some(organization)) => Answer::ok(&OrganizationBody::of(organization, world, now)),
        Ok(None) => Answer::error(StatusCode::NOT_FOUND, "organization not found"),
        Err(refusal) => Answer::refusal(refusal, world),
    }
}

fn fill(fields: &Fields, mut details: NewOrganization) -> Result<NewOrganization, Refusal> {
    for (name, value) in details.fields_mut() {
        if let Some(text) = fields.optional_text(name)? {
            *value = text;
        }
    }
    Ok(details)
}
