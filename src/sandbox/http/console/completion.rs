//! The page on which a person completes a staged order: with an organization that is there, or
//! with a new one. It does the same as the API's `/complete`, on the same certificate id.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::html::{Html, page};
use super::{Access, Moment, Now};
use crate::sandbox::http::form::Form;
use crate::sandbox::world::{NewOrganization, Order, Random, Refusal, Stage, World};
use crate::types::Timestamp;

/// GET `/my/certs/{id}/complete`.
pub(super) async fn show(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
) -> Response {
    shared.read_world(|world| order_page(world, &id, now, None))
}

/// POST `/my/certs/{id}/complete`, from one of the forms on the page.
pub(super) async fn complete(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let form = Form::read(&body);
    shared.change_world(|world, random| match act(world, &id, &form, now, random) {
        // The address is that of the page, so that reloading it sends nothing again.
        Ok(()) => Redirect::to(&format!("/my/certs/{id}/complete")).into_response(),
        Err(refusal) => order_page(world, &id, now, Some(&refusal)),
    })
}

fn act(
    world: &mut World,
    id: &str,
    form: &Form,
    now: Timestamp,
    random: Random<'_>,
) -> Result<(), Refusal> {
    world.order(id)?;
    if form.get("org_id").is_empty() {
        let mut details = NewOrganization::default();
        for (name, value) in details.fields_mut() {
            form.get(name).clone_into(value);
        }
        details.country_code.make_ascii_uppercase();
        let made_id = world.create_organization(details, now, random)?.id.clone();
        let timing = &world.rules.timing;
        if !world.organization(&made_id).is_some_and(|made| made.is_usable(now, timing)) {
            // It is checked first; the order waits until somebody comes back to this page.
            return Ok(());
        }
        return world.complete_order(id, &made_id, now, random).map(drop);
    }
    world.complete_order(id, form.get("org_id"), now, random).map(drop)
}

fn order_page(world: &World, id: &str, now: Timestamp, refusal: Option<&Refusal>) -> Response {
    let order = match world.order(id) {
        Ok(order) => order,
        Err(missing) => {
            let text = Html::text(&missing.to_string());
            return page(404, "No such order", &Html::element("p", &text));
        }
    };
    let mut content = Html::default();
    if let Some(refusal) = refusal {
        content.push(&Html::markup("<div class=\"note\">Refused: "));
        content.push(&Html::text(&refusal.to_string()));
        content.push(&Html::markup("</div>\n"));
    }
    content.push(&facts(world, order, now));
    if order.stage(now) == Stage::Staged {
        content.push(&choose(world, now));
        content.push(&create(world.rules.behaviour.partial_organizations));
    } else {
        let text = "Nothing is left to choose for this order.";
        content.push(&Html::element("p", &Html::markup(text)));
    }
    content.push(&records(world, order, now));
    let status = if refusal.is_some() { 400 } else { 200 };
    page(status, &format!("Order {}", order.id), &content)
}

fn facts(world: &World, order: &Order, now: Timestamp) -> Html {
    let names = order.names().into_iter().map(|name| Html::text(name.as_str()));
    let organization = order.organization_id.as_deref().and_then(|id| world.organization(id));
    let time = |at: Option<Timestamp>| at.map_or_else(|| Html::text("-"), time);
    let issued = order.issued.as_ref();
    let state = [
        Html::badge(order.stage(now).status()),
        Html::badge(order.order_state(now, &world.rules.timing)),
    ];
    Html::facts(&[
        ("Product", Html::text(&order.sku)),
        ("Names", Html::join(names, "<br>")),
        ("State", Html::join(state, " ")),
        ("Organization", Html::text(organization.map_or("-", |one| &one.details.organization))),
        ("Ordered", time(Some(order.created_at))),
        ("Valid from", time(issued.map(|issued| issued.valid_from))),
        ("Valid until", time(issued.map(|issued| issued.valid_until))),
        ("Contract until", time(order.contract_until())),
    ])
}

fn choose(world: &World, now: Timestamp) -> Html {
    let timing = &world.rules.timing;
    let options: Vec<(String, String, bool)> = world
        .organizations()
        .filter(|organization| organization.replaced_by.is_none())
        .map(|organization| {
            let name = &organization.details.organization;
            let shown = format!("{name} ({})", organization.status(now, timing));
            (organization.id.clone(), shown, organization.is_usable(now, timing))
        })
        .collect();
    let mut form = Html::markup(
        "<form class=\"card\" method=\"post\"><h2>Complete with an organization</h2>\n",
    );
    form.push(&Html::choice("org_id", &options));
    form.push(&Html::markup("<button>Complete the order</button></form>\n"));
    form
}

fn create(partial: bool) -> Html {
    let mut form = Html::markup(
        "<form class=\"card\" method=\"post\"><h2>Or with a new organization</h2>\n\
         <div class=\"fields\">\n",
    );
    let country = "required minlength=\"2\" maxlength=\"2\" placeholder=\"DE\"";
    for (name, label, more) in [
        ("organization", "Organization", "required"),
        ("first_name", "First name", "required"),
        ("last_name", "Last name", "required"),
        ("address", "Address", "required"),
        ("postal_code", "Postal code", "required"),
        ("city", "City", "required"),
        ("country_code", "Country", country),
        ("phone", "Phone", "required"),
        ("email", "E-mail", "type=\"email\" required"),
    ] {
        let is_open = partial && !matches!(name, "organization" | "country_code");
        let more = if is_open { more.trim_end_matches("required") } else { more };
        form.push(&Html::field(name, label, more));
    }
    form.push(&Html::markup("</div><button>Create it and complete the order</button></form>\n"));
    form
}

/// What must stand in the DNS, which the Console only shows and never writes.
fn records(world: &World, order: &Order, now: Timestamp) -> Html {
    let open = order.open_submission().filter(|(one, _)| one.validation_since <= now);
    let Some((submission, _)) = open else { return Html::default() };
    let mut part = Html::element("h2", &Html::markup("Validation"));
    let rows = submission.tokens.iter().map(|token| {
        let state = if token.proved_at.is_some() { "validated" } else { "pending" };
        let managed = world.rules.zones.zone_of(&token.base_domain).is_some();
        vec![
            Html::element("code", &Html::text(&token.record_name())),
            Html::element("code", &Html::text(&token.record_value())),
            Html::badge(state),
            Html::text(if managed { "here" } else { "elsewhere" }),
        ]
    });
    part.push(&Html::table(&["CNAME at", "Value", "State", "Zone"], rows));
    part
}

pub(super) fn time(at: Timestamp) -> Html {
    Html::text(&at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
