//! The regfish API: ordering and following certificates, and the DNS records that prove control.
//!
//! `wire` is how the API writes things, `model` is what the rest of the program knows, `convert`
//! leads from one to the other, and `envelope` judges answers. The facts about the API and their
//! evidence are collected in the contract; comments cite its sections, as in (contract A.6).

mod client;
mod convert;
mod envelope;
mod known;
mod model;
#[cfg(test)]
mod tests;
mod wire;
mod zones;

pub use client::RegfishClient;
pub use convert::normal_host;
pub use known::KnownItems;
pub use model::{
    Certificate, CertificateList, CertificateStatus, CreateRecord, DcvMethod, DnsRecord, EditMode,
    Listing, NewOrganization, NewRecord, OrderRequest, Organization, OrganizationChange, Product,
    Reissue, ReissuePhase, ReissueRequest, Validation, ValidationRecord, Zone, ZoneName,
};
