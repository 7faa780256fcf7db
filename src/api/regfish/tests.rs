//! The samples through the whole client, and a table of answers and what they amount to.

mod answers;
mod certificates;
mod records;

/// The text of a sample: an answer as the API writes it, kept so that others can be held to it too.
macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/api/regfish/samples/",
            $name,
            ".json"
        ))
    };
}
use sample;

use super::*;
use crate::api::http::script::{Reply, Script};

/// A client of a server that gives one answer.
async fn client_of(replies: Vec<Reply>) -> (RegfishClient, Script) {
    let script = Script::start(replies).await;
    (RegfishClient::new(script.connection()).unwrap(), script)
}
