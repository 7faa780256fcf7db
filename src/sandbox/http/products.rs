//! The product catalog on the wire (contract A.2).

use serde::Serialize;

use super::answer::Answer;
use crate::sandbox::world::{PRODUCTS, ValidationLevel};

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
pub(super) async fn list() -> Answer {
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
