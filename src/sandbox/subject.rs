//! Which order a request is about, as far as the request itself tells.

use serde_json::Value;

use super::world::World;
use crate::types::DomainName;

/// The certificate id of the order that the path names, if there is such an order.
pub(super) fn order_of(world: &World, path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["tls", "certificate", id, ..] | ["my", "certs", id, ..] => {
            world.order(id).ok().map(|order| order.id.clone())
        }
        ["services", "v2", "order", "certificate", number, ..] => {
            world.provider_order(number.parse().ok()?).map(|order| order.id.clone())
        }
        _ => None,
    }
}

/// Whether a request is about an order with this common name, or about its DNS record.
pub(super) fn is_about(world: &World, target: &DomainName, path: &str, body: &[u8]) -> bool {
    if let Some(id) = order_of(world, path) {
        return world.order(&id).is_ok_and(|order| order.common_name == *target);
    }
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let base_domain = world.rules.zones.base_domain(target.without_wildcard());
    let is_its_record = |name: &str| {
        DomainName::parse(name).is_ok_and(|name| name.as_str() == format!("_dnsauth.{base_domain}"))
    };
    match segments.as_slice() {
        ["tls", "certificate"] => text_field(body, "common_name")
            .is_some_and(|name| DomainName::parse(&name).is_ok_and(|name| name == *target)),
        ["dns", "rr"] => text_field(body, "name").is_some_and(|name| is_its_record(&name)),
        ["dns", "rr", id] => id
            .parse()
            .ok()
            .and_then(|id| world.record(id).ok())
            .is_some_and(|(_, record)| is_its_record(&record.name)),
        ["dns", domain, "rr"] => *domain == base_domain,
        _ => false,
    }
}

fn text_field(body: &[u8], name: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(name)?.as_str().map(str::to_owned)
}
