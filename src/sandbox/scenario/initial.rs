//! What a scenario begins with: `organizations:`, `products:`, `records:` and `orders:`.

use std::time::Duration;

use super::reading::{at_top, boolean, domain, domains, duration, exclude, in_range, items};
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::suggest::{list, nearest};
use crate::sandbox::initial::{
    InitialOrder, InitialOrganization, InitialRecord, InitialState, Usable,
};
use crate::sandbox::world::{PRODUCTS, Product, RecordKind, ValidationLevel};
use crate::types::printable;

pub(super) const ORGANIZATION_KEYS: [&str; 7] =
    ["id", "name", "country_code", "city", "usable", "usable_after", "usable_for"];
pub(super) const RECORD_KEYS: [&str; 6] = ["name", "type", "data", "annotation", "auto", "active"];
pub(super) const ORDER_KEYS: [&str; 8] = [
    "id",
    "common_name",
    "dns_names",
    "product",
    "validity_days",
    "organization",
    "ordered",
    "state",
];

/// The words of `state`, and what they mean.
pub(super) const STATES: [(&str, InitialState, &str); 5] = [
    ("staged", InitialState::Staged, "it waits for an organization"),
    ("pending", InitialState::Pending, "it waits for its validation"),
    ("issued", InitialState::Issued, "it was issued on the day of its order"),
    ("cancelled", InitialState::Cancelled, "it was cancelled"),
    ("rejected", InitialState::Rejected, "the CA rejected it"),
];

pub(super) fn organizations(
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<InitialOrganization>> {
    let items = items(fields, "organizations", decoder)?;
    Some(items.iter().filter_map(|item| organization(item, decoder)).collect())
}

fn organization(node: &Node, decoder: &mut Decoder<'_>) -> Option<InitialOrganization> {
    let fields = decoder.fields(node, at_top(node), "an organization", &ORGANIZATION_KEYS)?;
    decoder.require(&fields, "name", "for example `name: Example GmbH`");
    exclude(&fields, "usable", "usable_after", decoder);
    exclude(&fields, "usable", "usable_for", decoder);
    exclude(&fields, "usable_after", "usable_for", decoder);
    let usable = boolean(&fields, "usable", decoder).map(Usable::Always);
    let after = duration(&fields, "usable_after", decoder).map(Usable::After);
    let until = duration(&fields, "usable_for", decoder).map(Usable::For);
    let name = decoder.text(&fields, "name")?;
    if name.value.trim().is_empty() {
        decoder.push(
            Diagnostic::error("bad-name", format!("{} is empty", fields.name_of("name")))
                .at(name.span, "an organization is found by its name"),
        );
    }
    Some(InitialOrganization {
        id: public_id(&fields, "hdl_", decoder),
        country_code: country_code(&fields, decoder).unwrap_or_else(|| "DE".to_owned()),
        city: text(&fields, "city", decoder).unwrap_or_else(|| "Berlin".to_owned()),
        usable: usable.or(after).or(until).unwrap_or(Usable::Always(true)),
        name: name.value,
    })
}

fn country_code(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    let text = decoder.text(fields, "country_code")?;
    let is_code = text.value.len() == 2 && text.value.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_code {
        decoder.push(
            Diagnostic::error("bad-name", format!("{} is none", fields.name_of("country_code")))
                .at(text.span, "two capital letters, such as `DE`"),
        );
    }
    Some(text.value)
}

/// The `id`: a prefix and 13 capitals and digits.
fn public_id(fields: &Fields<'_>, prefix: &str, decoder: &mut Decoder<'_>) -> Option<String> {
    let text = decoder.text(fields, "id")?;
    let is_id = text.value.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 13
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    if !is_id {
        decoder.push(
            Diagnostic::error("bad-name", format!("{} is not the vendor's", fields.name_of("id")))
                .at(
                    text.span,
                    format!("`{prefix}` and 13 capitals and digits").replace("`` and ", ""),
                )
                .help("leave `id` out for an invented one"),
        );
    }
    Some(text.value)
}

fn text(fields: &Fields<'_>, name: &str, decoder: &mut Decoder<'_>) -> Option<String> {
    decoder.text(fields, name).map(|text| text.value)
}

pub(super) fn products(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<String>> {
    let items = items(fields, "products", decoder)?;
    let what = "an item of `products`";
    let product = |item: &Node, decoder: &mut Decoder<'_>| {
        let text = decoder.text_of(item, what)?;
        known_product(&text, decoder).map(|product| product.sku.to_owned())
    };
    Some(items.iter().filter_map(|item| product(item, decoder)).collect())
}

fn known_product(text: &Located<String>, decoder: &mut Decoder<'_>) -> Option<&'static Product> {
    let found = Product::find(&text.value);
    if found.is_none() {
        let skus = PRODUCTS.iter().map(|product| product.sku);
        let shown = printable(&text.value);
        let diagnostic =
            Diagnostic::error("wrong-word", format!("the sandbox has no product `{shown}`"))
                .at(text.span, format!("expected one of {}", list(skus.clone())));
        decoder.push(match nearest(&text.value, skus) {
            Some(near) => diagnostic.suggest(text.span, near, format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }
    found
}

pub(super) fn records(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<InitialRecord> {
    let items = items(fields, "records", decoder).unwrap_or_default();
    items.iter().filter_map(|item| record(item, decoder)).collect()
}

fn record(node: &Node, decoder: &mut Decoder<'_>) -> Option<InitialRecord> {
    let fields = decoder.fields(node, at_top(node), "a record", &RECORD_KEYS)?;
    decoder.require(&fields, "name", "for example `name: _dnsauth.example.com`");
    decoder.require(&fields, "type", "for example `type: CNAME`");
    decoder.require(&fields, "data", "what the record says, for example `data: other.example.`");
    let (annotation, data) = (text(&fields, "annotation", decoder), text(&fields, "data", decoder));
    let (auto, active) = (boolean(&fields, "auto", decoder), boolean(&fields, "active", decoder));
    let kind = decoder.word(&fields, "type", &RecordKind::ALL);
    Some(InitialRecord {
        name: domain(&fields, "name", decoder)?,
        kind: kind?.as_str().to_owned(),
        data: data?,
        annotation,
        auto: auto.unwrap_or(false),
        active: active.unwrap_or(true),
    })
}

pub(super) fn orders(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<InitialOrder> {
    let items = items(fields, "orders", decoder).unwrap_or_default();
    items.iter().filter_map(|item| order(item, decoder)).collect()
}

fn order(node: &Node, decoder: &mut Decoder<'_>) -> Option<InitialOrder> {
    let fields = decoder.fields(node, at_top(node), "an order", &ORDER_KEYS)?;
    decoder.require(&fields, "common_name", "for example `common_name: www.example.com`");
    let sku = decoder.text(&fields, "product");
    let product = match &sku {
        Some(sku) => known_product(sku, decoder)?,
        None => Product::find(DEFAULT_PRODUCT)?,
    };
    let words = STATES.map(|(word, state, _)| (word, state));
    let state = decoder.word(&fields, "state", &words).unwrap_or_default();
    if let (InitialState::Staged, ValidationLevel::Domain, Some((_, node))) =
        (state, product.level, fields.get("state"))
    {
        decoder.push(
            Diagnostic::error(
                "wrong-word",
                format!("an order of `{}` is never staged", product.sku),
            )
            .at(node.span, "only products that need an organization wait for one"),
        );
    }
    Some(InitialOrder {
        id: public_id(&fields, "", decoder),
        dns_names: domains(&fields, "dns_names", decoder).unwrap_or_default(),
        product: product.sku.to_owned(),
        validity_days: validity_days(&fields, decoder),
        organization: text(&fields, "organization", decoder),
        ordered: duration(&fields, "ordered", decoder).unwrap_or(Duration::ZERO),
        state,
        common_name: domain(&fields, "common_name", decoder)?,
    })
}

/// What an order of earlier days was for, unless it says so.
pub(super) const DEFAULT_PRODUCT: &str = "RapidSSL";

fn validity_days(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<i64> {
    let days = decoder.integer(fields, "validity_days")?;
    in_range(&days, &fields.name_of("validity_days"), 1, LONGEST_TERM, decoder)
}

/// The longest term on sale (contract A.4).
pub(super) const LONGEST_TERM: i64 = 199;
