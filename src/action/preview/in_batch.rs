//! How many requests a step costs a run that is one of many.
//!
//! Fewer than alone: what is there before an order, who is issued and who waits for a person comes
//! from lists that all runs of a batch share, and a record is put without a look at its zone.
//! `tests/it/batches.rs` counts what really arrives.

use serde_json::Value;

use super::PartlyKnown;
use super::requests::leaves_it_to_a_person;
use crate::plan::Partly;

/// About how many requests a step sends of its own when all goes well, the lists of all certificates
/// aside. Steps with `share: batch` send theirs once for all runs that ask the same.
pub fn requests_in_batch(uses: &str, parameters: &PartlyKnown) -> u32 {
    let has = |name: &str| parameters.contains_key(name);
    match uses {
        "regfish.list_products"
        | "regfish.resolve_organization"
        | "regfish.find_certificate"
        | "regfish.advise_renewal"
        | "regfish.wait_dns_records"
        | "regfish.download" => 1,
        // The certificate that is renewed is looked at first.
        "regfish.create_order" => 1 + u32::from(has("renewal_of")),
        "regfish.complete_order" => u32::from(!leaves_it_to_a_person(parameters)),
        "regfish.put_records" => records(parameters),
        "regfish.delete_records" => 1 + records(parameters),
        "regfish.reissue" => 2,
        // The list tells that it is issued; only the certificate itself tells that it is another.
        "regfish.wait_issued" => u32::from(has("public_key_sha256") || has("former_serial_number")),
        _ => 0,
    }
}

/// As many as are known, and one as long as nothing is.
fn records(parameters: &PartlyKnown) -> u32 {
    match parameters.get("records").map(Partly::shown) {
        Some(Value::Array(records)) => u32::try_from(records.len()).unwrap_or(u32::MAX),
        _ => 1,
    }
}
