//! The products that the vendor documents (contract A.2). The catalog decides, and may hold others by
//! now: what is said from this list is a doubt.

use crate::document::suggest::nearest;

/// Every documented product.
pub const PRODUCTS: [&str; 7] = [
    "RapidSSL",
    WILDCARD,
    "QuickSSLPremium",
    "SSL123",
    "TrueBusinessID",
    "SecureSite",
    "SSLWebServer",
];

/// The one that is made for names such as `*.example.com`.
const WILDCARD: &str = "RapidSSLWildcard";

/// A product as it is documented, whatever the case in which it is written.
pub fn documented_product(sku: &str) -> Option<&'static str> {
    PRODUCTS.into_iter().find(|product| product.eq_ignore_ascii_case(sku))
}

/// The documented product that was probably meant.
pub fn nearest_product(sku: &str) -> Option<&'static str> {
    nearest(sku, PRODUCTS)
}

/// Whether a documented product is sold for single names (contract A.4, inferred).
pub fn is_for_single_names(sku: &str) -> bool {
    documented_product(sku).is_some_and(|product| product != WILDCARD)
}

/// How the CA checks who orders a documented product; none of one that is not documented.
pub(super) fn validation_level(sku: &str) -> Option<&'static str> {
    Some(match documented_product(sku)? {
        "RapidSSL" | WILDCARD | "QuickSSLPremium" | "SSL123" => "dv",
        _ => "ov",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_a_product_does_not_matter_and_a_slip_is_recognised() {
        assert_eq!(documented_product("rapidssl"), Some("RapidSSL"));
        assert_eq!(
            (documented_product("RapidSLL"), nearest_product("RapidSLL")),
            (None, Some("RapidSSL"))
        );
        assert_eq!(nearest_product("SomethingElse"), None);
    }

    #[test]
    fn of_a_product_that_is_not_documented_nobody_knows_what_it_holds() {
        assert!(is_for_single_names("SSL123") && !is_for_single_names("rapidsslwildcard"));
        assert!(!is_for_single_names("SecureSiteMultiDomain"));
    }
}
