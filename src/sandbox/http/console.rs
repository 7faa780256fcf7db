//! The Console's page on which a person completes a staged order (contract A.5).
//!
//! It does the same as the API's `/complete`, on the same certificate id. Plain HTML, no script.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use axum::response::Response;

use super::answer::{self, HTML};
use super::{Access, Moment, Now};
use crate::sandbox::world::{Order, Refusal, Stage, World};
use crate::types::Timestamp;

/// GET `/my/certs/{id}/complete`.
pub(super) async fn page(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
) -> Response {
    shared.read_world(|world| show(world, &id, now, None))
}

/// POST `/my/certs/{id}/complete`, from the form on the page.
pub(super) async fn complete(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let organization_id = form_value(&body, "org_id").unwrap_or_default();
    shared.change_world(|world, random| {
        let refusal = world.complete_order(&id, &organization_id, now, random).err();
        show(world, &id, now, refusal.as_ref())
    })
}

fn show(world: &World, id: &str, now: Timestamp, refusal: Option<&Refusal>) -> Response {
    let (status, content) = match world.order(id) {
        Ok(order) => {
            (if refusal.is_some() { 400 } else { 200 }, order_page(world, order, now, refusal))
        }
        Err(missing) => (404, format!("<p>{}</p>", escape(&missing.to_string()))),
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>certplan sandbox</title></head><body>\n\
         <p><strong>certplan sandbox: this is not regfish, and no real CA.</strong></p>\n\
         {content}\n</body></html>\n"
    );
    let mut response = answer::raw(status, HTML, &page);
    let policy = HeaderValue::from_static("default-src 'none'; form-action 'self'");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn order_page(world: &World, order: &Order, now: Timestamp, refusal: Option<&Refusal>) -> String {
    let names: Vec<String> = order.names().into_iter().map(|name| escape(name.as_str())).collect();
    let mut page = format!(
        "<h1>Order {}</h1>\n<p>{} for {}</p>\n<p>Status: {}, {}</p>\n",
        escape(&order.id),
        escape(&order.sku),
        names.join(", "),
        order.stage(now).status(),
        order.order_state(now, &world.rules.timing),
    );
    if let Some(refusal) = refusal {
        page.push_str(&format!("<p>Refused: {}</p>\n", escape(&refusal.to_string())));
    }
    if order.stage(now) == Stage::Staged {
        page.push_str("<form method=\"post\"><label>Organization <select name=\"org_id\">\n");
        for organization in world.organizations() {
            page.push_str(&format!(
                "<option value=\"{}\"{}>{} ({})</option>\n",
                escape(&organization.id),
                if organization.usable { "" } else { " disabled" },
                escape(&organization.details.organization),
                organization.status(),
            ));
        }
        page.push_str("</select></label> <button>Complete the order</button></form>");
    } else {
        page.push_str("<p>There is nothing to choose for this order.</p>");
    }
    page
}

/// A value of an url-encoded form. Organization ids hold nothing that would be encoded.
fn form_value(body: &[u8], name: &str) -> Option<String> {
    std::str::from_utf8(body)
        .ok()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
