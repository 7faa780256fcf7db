//! The product catalog on the wire (contract A.2).

use axum::extract::State;
use serde::Serialize;

use super::Access;
use super::answer::Answer;
use crate::sandbox::world::{Product, ValidationLevel};

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

/// GET `/tls/products`.
pub(super) async fn list(State(shared): Access) -> Answer {
    let on_sale: Vec<&Product> = shared.read_world(|world| world.rules.products().collect());
    let products: Vec<ProductBody> = on_sale
        .into_iter()
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
