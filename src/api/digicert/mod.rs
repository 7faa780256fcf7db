//! DigiCert's own API, as far as it tells how an order stands (contract B).
//!
//! Another service than regfish: no envelope, its own key, its own order numbers. `wire` is how it
//! writes things, `model` what the rest of the program knows, and `answer` judges what came back.
//! It only reads; nothing in here can order or change anything.

mod answer;
mod client;
mod convert;
mod model;
#[cfg(test)]
mod tests;
mod wire;

pub use client::DigicertClient;
pub use model::{DnsNameValidation, OrderValidation, OrganizationValidation, VerifiedContact};
