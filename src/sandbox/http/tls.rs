//! The TLS endpoints: products, organizations, certificates (contract A.2 to A.10).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::{self, Answer};
use super::body::{Fields, domain_name};
use super::certificate::CertificateBody;
use super::{Access, Moment, Now};
use crate::sandbox::csr::CheckedCsr;
use crate::sandbox::shared::Shared;
use crate::sandbox::world::{
    Dcv, NewOrder, NewOrganization, Organization, PRODUCTS, Refusal, ValidationLevel, World,
};
use crate::types::Timestamp;

#[derive(Debug, Serialize)]
struct ProductBody {
    sku: &'static str,
    name: &'static str,
    r#type: &'static str,
    ca: &'static str,
    recommended: bool,
    validation_level: &'static str,
    organization_required: bool,
}

#[derive(Debug, Serialize)]
struct OrganizationBody {
    id: String,
    organization: String,
    status: &'static str,
    usable_for_ordering: bool,
    first_name: String,
    last_name: String,
    address: String,
    postal_code: String,
    city: String,
    country_code: String,
    phone: String,
    email: String,
}

impl From<&Organization> for OrganizationBody {
    fn from(organization: &Organization) -> Self {
        let details = organization.details.clone();
        Self {
            id: organization.id.clone(),
            organization: details.organization,
            status: organization.status(),
            usable_for_ordering: organization.usable,
            first_name: details.first_name,
            last_name: details.last_name,
            address: details.address,
            postal_code: details.postal_code,
            city: details.city,
            country_code: details.country_code,
            phone: details.phone,
            email: details.email,
        }
    }
}

/// GET `/tls/products` (contract A.2).
pub(super) async fn products() -> Answer {
    let products: Vec<ProductBody> = PRODUCTS
        .iter()
        .map(|product| ProductBody {
            sku: product.sku,
            name: product.name,
            r#type: product.spelled_type,
            ca: "digicert",
            recommended: product.recommended,
            validation_level: match product.level {
                ValidationLevel::Domain => "dv",
                ValidationLevel::Organization => "ov",
            },
            organization_required: product.level == ValidationLevel::Organization,
        })
        .collect();
    Answer::ok(&products)
}

/// GET `/tls/organization` (contract A.3).
pub(super) async fn organizations(State(shared): Access) -> Answer {
    let organizations: Vec<OrganizationBody> =
        shared.read_world(|world| world.organizations().map(Into::into).collect());
    Answer::ok(&organizations)
}

/// GET `/tls/organization/{id}` (contract A.1: inferred).
pub(super) async fn organization(State(shared): Access, Path(id): Path<String>) -> Answer {
    shared.read_world(|world| match world.organization(&id) {
        Some(organization) => Answer::ok(&OrganizationBody::from(organization)),
        None => Answer::error(StatusCode::NOT_FOUND, "organization not found"),
    })
}

/// POST `/tls/organization` (contract A.3).
pub(super) async fn create_organization(State(shared): Access, body: Bytes) -> Answer {
    shared.change_world(|world, random| {
        let made = read_organization(&body)
            .and_then(|wish| world.create_organization(wish, random))
            .map(OrganizationBody::from);
        match made {
            Ok(organization) => Answer::ok(&organization),
            Err(refusal) => Answer::refusal(&refusal, world),
        }
    })
}

/// GET `/tls/certificate`: all of them, without pages (contract A.6).
pub(super) async fn certificates(State(shared): Access, Extension(Moment(now)): Now) -> Answer {
    shared.read_world(|world| {
        let bodies: Vec<CertificateBody> = world
            .orders()
            .map(|order| CertificateBody::of(order, world, &shared.base_url, now))
            .collect();
        Answer::ok(&bodies)
    })
}

/// GET `/tls/certificate/{id}` (contract A.6).
pub(super) async fn certificate(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
) -> Answer {
    shared.read_world(|world| resource(&shared, world, Ok(&id), now))
}

/// POST `/tls/certificate` (contract A.4).
pub(super) async fn create_certificate(
    State(shared): Access,
    Extension(Moment(now)): Now,
    body: Bytes,
) -> Answer {
    // The CSR is verified before the world is locked: that is the slow part.
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
    let organization_id = Fields::read(&body).and_then(|fields| fields.text("org_id"));
    shared.change_world(|world, random| {
        let done = organization_id
            .and_then(|wish| world.complete_order(&id, &wish, now, random).map(|_| id.as_str()));
        resource(&shared, world, done.as_deref(), now)
    })
}

/// GET `/tls/certificate/{id}/download/{format}`: raw PEM, or an envelope (contract A.10).
pub(super) async fn download(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path((id, format)): Path<(String, String)>,
) -> Response {
    shared.change_world(|world, _| {
        let chain = match format.as_str() {
            "pem" => world.download(&id, now),
            // Other formats may never exist, `zip` included (contract A.10).
            _ => world
                .order(&id)
                .and_then(|_| Err(Refusal::NotFound("format not available".to_owned()))),
        };
        match chain {
            Ok(chain) => answer::raw(StatusCode::OK.as_u16(), answer::PEM, &chain),
            Err(refusal) => Answer::refusal(&refusal, world).into_response(),
        }
    })
}

fn resource(shared: &Shared, world: &World, id: Result<&str, &Refusal>, now: Timestamp) -> Answer {
    match id.map_err(Clone::clone).and_then(|id| world.order(id)) {
        Ok(order) => Answer::ok(&CertificateBody::of(order, world, &shared.base_url, now)),
        Err(refusal) => Answer::refusal(&refusal, world),
    }
}

fn read_organization(body: &[u8]) -> Result<NewOrganization, Refusal> {
    let fields = Fields::read(body)?;
    let text = |name| fields.optional_text(name).map(Option::unwrap_or_default);
    Ok(NewOrganization {
        organization: text("organization")?,
        first_name: text("first_name")?,
        last_name: text("last_name")?,
        address: text("address")?,
        postal_code: text("postal_code")?,
        city: text("city")?,
        country_code: text("country_code")?,
        phone: text("phone")?,
        email: text("email")?,
    })
}

fn read_order(body: &[u8]) -> Result<NewOrder, Refusal> {
    let fields = Fields::read(body)?;
    let sku = fields.text("sku")?;
    let common_name = domain_name("common_name", &fields.text("common_name")?)?;
    let dns_names = fields
        .texts("dns_names")?
        .iter()
        .map(|name| domain_name("dns_names", name))
        .collect::<Result<_, _>>()?;
    let csr = fields.text("csr")?;
    let dcv = match fields.text("dcv_method")?.as_str() {
        "dns-cname-token" => Dcv::DnsCnameToken,
        "email" => {
            let addresses = fields.texts("dcv_emails")?;
            if addresses.is_empty() {
                return Err(Refusal::invalid("dcv_emails is required for dcv_method email"));
            }
            Dcv::Email(addresses)
        }
        _ => return Err(Refusal::invalid("dcv_method must be dns-cname-token or email")),
    };
    let csr_names =
        CheckedCsr::from_pem(&csr).map_err(|error| Refusal::invalid(error.to_string()))?.names;
    Ok(NewOrder {
        sku,
        common_name,
        dns_names,
        csr,
        csr_names,
        dcv,
        validity_days: fields.integer("validity_days")?,
        org_id: fields.optional_text("org_id")?,
        renewal_of: fields.optional_text("renewal_of_certificate_id")?,
    })
}
