//! `regfish.list_products`: the product that a plan names, as the catalog knows it.

use serde::{Deserialize, Serialize};

use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::regfish::{Product, RegfishClient};
use crate::run::{ErrorKind, Outcome};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    sku: String,
    require: Option<Requirements>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    validation_level: Option<String>,
    organization_required: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Output {
    sku: String,
    name: Option<String>,
    validation_level: Option<String>,
    organization_required: Option<bool>,
    ca: Option<String>,
}

pub(in crate::action) async fn find(client: &RegfishClient, call: &ActionCall) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let catalog = client.list_products().await.map_err(super::give_up)?.items;
    // The catalog's case differs between places; orders want its own spelling (contract A.2).
    let Some(product) =
        catalog.iter().find(|product| product.sku.eq_ignore_ascii_case(&wanted.sku))
    else {
        let known: Vec<String> =
            catalog.iter().map(|product| format!("`{}`", product.sku)).collect();
        let message =
            format!("there is no product `{}`; there are {}", wanted.sku, known.join(", "));
        return fail(ErrorKind::NotFound, message);
    };
    let (level, organization) = (product.validation_level.clone(), organization_required(product));
    if let Some(requirements) = &wanted.require {
        let sku = &product.sku;
        if let Some(required) = &requirements.validation_level
            && level.as_ref() != Some(required)
        {
            let found = level.as_deref().unwrap_or("unknown");
            let message = format!(
                "product `{sku}` has validation level `{found}`, the plan needs `{required}`"
            );
            return fail(ErrorKind::Conflict, message);
        }
        if let Some(required) = requirements.organization_required
            && organization != Some(required)
        {
            let (found, needs) = match organization {
                Some(true) => ("needs an organization", "one that needs none"),
                Some(false) => ("needs no organization", "one that needs one"),
                None => ("does not say whether it needs an organization", "one that says so"),
            };
            let message = format!("product `{sku}` {found}, the plan needs {needs}");
            return fail(ErrorKind::Conflict, message);
        }
    }
    Ok(success(&Output {
        sku: product.sku.clone(),
        name: product.name.clone(),
        validation_level: level,
        organization_required: organization,
        ca: product.ca.clone(),
    }))
}

/// Older catalogs do not say it; the level does (contract A.2).
fn organization_required(product: &Product) -> Option<bool> {
    product.organization_required.or_else(|| match product.validation_level.as_deref()? {
        "dv" => Some(false),
        "ov" | "ev" => Some(true),
        _ => None,
    })
}
