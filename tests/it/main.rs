//! The one integration-test binary: the program as a whole, and the order of its rooms.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod aimed_kills;
mod authoring;
mod bad_disk;
mod bad_input;
mod batches;
mod cancelling;
mod cleanup;
mod deploy;
mod digicert;
mod doubt;
mod end_to_end;
mod event_schema;
mod every_fault;
mod failure_matrix;
mod forgotten;
mod golden;
mod graph;
mod harness;
mod interruption;
mod inventory_manual;
mod many_targets;
mod outage;
mod pause;
mod preview;
mod readme;
mod recovery;
mod renewing;
mod request_budget;
mod sandbox_manual;
mod scene;
mod settling;
mod taking_up;
mod tidy;
mod trials;
mod vendor;
