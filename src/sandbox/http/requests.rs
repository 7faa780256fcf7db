//! Reading what is asked for: orders and reissues (contract A.4, A.8).
//!
//! The CSR's signature is verified here, before the world is locked: that is the slow part.

use std::collections::BTreeSet;

use super::body::{Fields, domain_name};
use crate::sandbox::csr::CheckedCsr;
use crate::sandbox::world::{Dcv, NewOrder, NewReissue, Refusal};
use crate::types::DomainName;

pub(super) fn read_order(body: &[u8]) -> Result<NewOrder, Refusal> {
    let fields = Fields::read(body)?;
    let sku = fields.text("sku")?;
    let common_name = domain_name("common_name", &fields.text("common_name")?)?;
    let dns_names = read_names(&fields)?;
    let (csr, csr_names) = read_csr(&fields)?;
    Ok(NewOrder {
        id: None,
        sku,
        common_name,
        dns_names,
        csr,
        csr_names,
        dcv: read_dcv(&fields)?,
        validity_days: fields.integer("validity_days")?,
        org_id: fields.optional_id("org_id")?,
        renewal_of: fields.optional_text("renewal_of_certificate_id")?.filter(|id| !id.is_empty()),
    })
}

pub(super) fn read_reissue(body: &[u8]) -> Result<NewReissue, Refusal> {
    let fields = Fields::read(body)?;
    let common_name = fields
        .optional_text("common_name")?
        .filter(|name| !name.is_empty())
        .map(|name| domain_name("common_name", &name))
        .transpose()?;
    let dns_names = read_names(&fields)?;
    let (csr, csr_names) = read_csr(&fields)?;
    Ok(NewReissue {
        csr,
        csr_names,
        dcv: read_dcv(&fields)?,
        common_name,
        dns_names: fields.has("dns_names").then_some(dns_names),
        comments: fields.optional_text("comments")?,
        validity_days: fields.integer("validity_days")?,
    })
}

fn read_names(fields: &Fields) -> Result<Vec<DomainName>, Refusal> {
    fields.texts("dns_names")?.iter().map(|name| domain_name("dns_names", name)).collect()
}

fn read_csr(fields: &Fields) -> Result<(String, BTreeSet<String>), Refusal> {
    let csr = fields.text("csr")?;
    let names =
        CheckedCsr::from_pem(&csr).map_err(|error| Refusal::invalid(error.to_string()))?.names;
    Ok((csr, names))
}

fn read_dcv(fields: &Fields) -> Result<Dcv, Refusal> {
    match fields.text("dcv_method")?.as_str() {
        "dns-cname-token" => Ok(Dcv::DnsCnameToken),
        "email" => {
            let addresses = fields.texts("dcv_emails")?;
            if addresses.is_empty() {
                return Err(Refusal::invalid("dcv_emails is required for dcv_method email"));
            }
            Ok(Dcv::Email(addresses))
        }
        _ => Err(Refusal::invalid("dcv_method must be dns-cname-token or email")),
    }
}
