//! The certificate endpoints: order, complete, reissue, watch, download (contract A.4 to A.10).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::answer::{self, Answer};
use super::body::Fields;
use super::certificate::CertificateBody;
use super::requests::{read_order, read_reissue};
use super::{Access, Moment, Now};
use crate::sandbox::shared::Shared;
use crate::sandbox::world::{Refusal, World, ZipAnswer};
use crate::sandbox::zip::{Entry, archive};
use crate::types::Timestamp;

/// GET `/tls/certificate`: all of them, without pages (contract A.6).
pub(super) async fn list(State(shared): Access, Extension(Moment(now)): Now) -> Answer {
    let hidden = shared.hidden_from_list(now);
    shared.read_world(|world| {
        let behaviour = &world.rules.behaviour;
        let shown = world
            .orders()
            .filter(|order| !hidden.contains(&order.id) && world.lists(order, now))
            .map(|order| {
                let body = CertificateBody::of(order, world, &shared.base_url, now);
                if behaviour.list_details { body } else { body.without_details() }
            });
        let mut bodies: Vec<CertificateBody<'_>> = shown.collect();
        if behaviour.newest_first {
            bodies.reverse();
        }
        Answer::ok(&bodies)
    })
}

/// GET `/tls/certificate/{id}` (contract A.6).
pub(super) async fn show(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
) -> Answer {
    let answer = shared.read_world(|world| resource(&shared, world, Ok(&id), now));
    shared.change_world(|world, _| world.note_look(&id, now));
    answer
}

/// POST `/tls/certificate` (contract A.4).
pub(super) async fn create(
    State(shared): Access,
    Extension(Moment(now)): Now,
    body: Bytes,
) -> Answer {
    let wish = read_order(&body);
    shared.change_world(|world, random| {
        let id = wish
            .and_then(|wish| world.create_order(wish, now, random))
            .map(|order| order.id.clone());
        resource(&shared, world, id.as_deref(), now)
    })
}

/// POST `/tls/certificate/{id}/complete` (contract A.5).
pub(super) async fn complete(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let organization_id = Fields::read(&body).and_then(|fields| {
        fields.optional_id("org_id")?.ok_or_else(|| Refusal::invalid("org_id is required"))
    });
    shared.change_world(|world, random| {
        let done = organization_id.and_then(|wish| {
            let wish = world.organization_id(wish);
            world.complete_order(&id, &wish, now, random).map(|_| id.as_str())
        });
        resource(&shared, world, done.as_deref(), now)
    })
}

/// POST `/tls/certificate/{id}/reissue` (contract A.8).
pub(super) async fn reissue(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let wish = read_reissue(&body);
    shared.change_world(|world, random| {
        let done =
            wish.and_then(|wish| world.reissue_order(&id, wish, now, random).map(|_| id.as_str()));
        resource(&shared, world, done.as_deref(), now)
    })
}

/// GET `/tls/certificate/{id}/download/{format}`: raw, or an envelope (contract A.10).
pub(super) async fn download(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path((id, format)): Path<(String, String)>,
) -> Response {
    shared.change_world(|world, _| {
        let content = match format.as_str() {
            "pem" => world.download(&id, now).map(|chain| (answer::PEM, chain.into_bytes())),
            "zip" => bundle(world, &id, now).map(|bytes| (answer::ZIP, bytes)),
            // Others are not published.
            _ => world.order(&id).and_then(|_| Err(no_such_format())),
        };
        match content {
            Ok((content_type, bytes)) => answer::raw(200, content_type, bytes),
            Err(refusal) => Answer::refusal(&refusal, world).into_response(),
        }
    })
}

/// The same certificates as separate files, if there is such a bundle at all (contract A.10).
fn bundle(world: &mut World, id: &str, now: Timestamp) -> Result<Vec<u8>, Refusal> {
    world.order(id)?;
    match world.rules.behaviour.zip {
        ZipAnswer::NotFound => return Err(no_such_format()),
        ZipAnswer::NotReady => {
            return Err(Refusal::NotReady("certificate bundle is not ready yet".to_owned()));
        }
        ZipAnswer::Served => {}
    }
    let chain = world.download(id, now)?;
    let name = world.order(id)?.common_name.as_str().replace("*.", "wildcard.");
    let end = chain.find("-----END CERTIFICATE-----\n").map_or(chain.len(), |at| at + 26);
    let (leaf, issuers) = chain.split_at(end);
    let entry = |suffix: &str, content| Entry { name: format!("{name}{suffix}"), content };
    archive(&[
        entry(".crt", leaf.as_bytes()),
        entry(".ca-bundle.crt", issuers.as_bytes()),
        entry(".fullchain.pem", chain.as_bytes()),
    ])
    .ok_or_else(no_such_format)
}

fn no_such_format() -> Refusal {
    Refusal::NotFound("format not available".to_owned())
}

fn resource(shared: &Shared, world: &World, id: Result<&str, &Refusal>, now: Timestamp) -> Answer {
    match id.map_err(Clone::clone).and_then(|id| world.order(id)) {
        Ok(order) => Answer::ok(&CertificateBody::of(order, world, &shared.base_url, now)),
        Err(refusal) => Answer::refusal(&refusal, world),
    }
}
