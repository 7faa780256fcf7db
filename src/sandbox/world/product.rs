//! The product catalog (contract A.2). It never changes.

/// A certificate product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Product {
    /// The catalog's spelling; orders are matched without regard to case.
    pub(crate) sku: &'static str,
    pub(crate) name: &'static str,
    /// As the vendor spells it: both `OV` and `ov` occur (contract A.2, A.15).
    pub(crate) spelled_type: &'static str,
    pub(crate) level: ValidationLevel,
    pub(crate) recommended: bool,
    /// May hold names such as `*.example.com`.
    pub(crate) wildcard: bool,
}

/// How much the CA checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValidationLevel {
    Domain,
    Organization,
}

const fn product(
    sku: &'static str,
    name: &'static str,
    spelled_type: &'static str,
    level: ValidationLevel,
    recommended: bool,
    wildcard: bool,
) -> Product {
    Product { sku, name, spelled_type, level, recommended, wildcard }
}

/// The whole catalog; the skus are the documented ones (contract A.2).
pub(crate) const PRODUCTS: [Product; 7] = {
    use ValidationLevel::{Domain, Organization};
    [
        product("RapidSSL", "RapidSSL", "dv", Domain, true, false),
        product("RapidSSLWildcard", "RapidSSL Wildcard", "dv", Domain, false, true),
        product("QuickSSLPremium", "QuickSSL Premium", "DV", Domain, false, false),
        product("SSL123", "SSL123", "dv", Domain, false, false),
        product("TrueBusinessID", "True BusinessID", "ov", Organization, false, true),
        product("SecureSite", "Secure Site", "OV", Organization, true, true),
        product("SSLWebServer", "SSL Web Server", "ov", Organization, false, true),
    ]
};

impl Product {
    /// The product of that sku, in any case.
    pub(crate) fn find(sku: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.sku.eq_ignore_ascii_case(sku))
    }
}
