//! The plan language: from a YAML file to a [`Plan`] that can be run, or to every mistake in it.

mod model;
mod policy;
mod signature;
mod value_type;

pub use model::{Connection, Input, OnFailure, Plan, SecretSource, Share, Step, Template};
pub use policy::{OnTimeout, PollPolicy, RetryPolicy};
pub use signature::{Repeat, Signature, find as find_signature, signatures};
pub use value_type::{Field, Mismatch, Presence, ValueType, describe};
