//! The product catalog on the wire (contract A.2).

use axum::extract::State;
use serde::Serialize;

use super::Access;
use super::answer::Answer;
use crate::sandbox::world::{Behaviour, Product, ProductTypes, ValidationLevel};

#[derive(Debug, Serialize)]
struct ProductBody {
    sku: &'static str,
    name: &'static str,
    r#type: String,
    ca: &'static str,
    recommended: bool,
    /// Absent in older answers, and so is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_required: Option<bool>,
}

/// GET `/tls/products`.
pub(super) async fn list(State(shared): Access) -> Answer {
    let products: Vec<ProductBody> = shared.read_world(|world| {
        let behaviour = &world.rules.behaviour;
        world.rules.products().map(|product| body(product, behaviour)).collect()
    });
    Answer::ok(&products)
}

fn body(product: &Product, behaviour: &Behaviour) -> ProductBody {
    let (level, organization_required) = match product.level {
        ValidationLevel::Domain => ("dv", false),
        ValidationLevel::Organization => ("ov", true),
    };
    ProductBody {
        sku: product.sku,
        name: product.name,
        r#type: match behaviour.product_types {
            ProductTypes::Mixed => product.spelled_type.to_owned(),
            ProductTypes::Upper => product.spelled_type.to_uppercase(),
            ProductTypes::Lower => product.spelled_type.to_lowercase(),
        },
        ca: "digicert",
        recommended: product.recommended,
        validation_level: behaviour.levels.then_some(level),
        organization_required: behaviour.levels.then_some(organization_required),
    }
}
