//! The order itself, as far as it is needed (contract B.2).

use serde_json::{Value, json};

use super::validation::bound;
use super::{order_status, with_offset};
use crate::sandbox::world::{Dcv, Order, Product, World, stable_number};
use crate::types::Timestamp;

/// The whole answer; here ids are numbers (contract B.1).
pub(super) fn body(order: &Order, world: &World, now: Timestamp) -> Value {
    let number = order.provider_order.unwrap_or_default();
    let status = order_status(order, now);
    let product = Product::find(&order.sku);
    let mut certificate = json!({
        // The CA numbers certificates apart from orders.
        "id": number + 1,
        "common_name": order.common_name,
        "dns_names": order.names(),
        "csr": order.csr,
        "date_created": with_offset(order.created_at),
        "signature_hash": "sha256",
    });
    if let Some(issued) = &order.issued {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        certificate["serial_number"] = issued.serial_number.clone().into();
        certificate["valid_from"] = day(issued.valid_from).into();
        certificate["valid_till"] = day(issued.valid_until).into();
        certificate["days_remaining"] =
            ((issued.valid_until.as_second() - now.as_second()) / 86_400).into();
    }
    let mut body = json!({
        "id": number,
        "certificate": certificate,
        "status": status,
        "is_renewal": order.renewal_of.is_some(),
        "date_created": with_offset(order.created_at),
        "product": {
            "name_id": order.sku.to_ascii_lowercase(),
            "name": product.map_or(order.sku.as_str(), |product| product.name),
            "type": "ssl_certificate",
        },
        "dcv_method": match order.dcv {
            Dcv::DnsCnameToken => "dns-cname-token",
            Dcv::Email(_) => "email",
        },
        "disable_renewal_notifications": true,
        "allow_duplicates": false,
        "requests": [{
            "id": number + 2,
            "date": with_offset(order.submission.as_ref().map_or(now, |submission| submission.at)),
            "type": if order.open_submission().is_some() && order.issued.is_some() {
                "reissue"
            } else {
                "new_request"
            },
            "status": "approved",
        }],
    });
    if let Some(contract) = order.contract {
        body["order_valid_till"] = contract.until.strftime("%Y-%m-%d").to_string().into();
    }
    if let Some(organization) = bound(order, world) {
        let details = &organization.details;
        body["organization"] = json!({
            "id": stable_number(&organization.id),
            "name": details.organization,
            "display_name": details.organization,
            "is_active": organization.is_usable(now, &world.rules.timing),
            "city": details.city,
            "country": details.country_code.to_ascii_lowercase(),
        });
    }
    body
}
