//! The one integration-test binary: the program as a whole, and the order of its rooms.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod authoring;
mod tidy;
