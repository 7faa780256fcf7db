//! `Actions`: finds the action that a call names and performs it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::{ActionCall, Performer, Result, fail, regfish, x509};
use crate::api::regfish::RegfishClient;
use crate::run::{Call, ErrorKind, Outcome};
use crate::types::Clock;

/// All actions, with what they share.
#[derive(Clone)]
pub struct Actions {
    /// The client of the connection `regfish`, when the plan needs it.
    pub regfish: Option<RegfishClient>,
    /// Time, for what a certificate's dates are compared with.
    pub clock: Arc<dyn Clock>,
    /// Where private keys and requests are kept, a folder for each run.
    pub key_directory: PathBuf,
}

impl Actions {
    fn regfish(&self) -> Result<&RegfishClient> {
        match &self.regfish {
            Some(client) => Ok(client),
            None => fail(ErrorKind::Internal, "the connection `regfish` was not made"),
        }
    }

    async fn dispatch(&self, call: &ActionCall) -> Result<Outcome> {
        // What must not be sent twice is sent in phases; everything else is just performed.
        match call.uses.as_str() {
            "regfish.create_order" => {
                return regfish::order::order(self.regfish()?, self.clock.now(), call).await;
            }
            "regfish.reissue" => return regfish::reissue::reissue(self.regfish()?, call).await,
            "regfish.resolve_organization" => {
                return regfish::organization::resolve(self.regfish()?, call).await;
            }
            _ => {}
        }
        if call.call != Call::Perform {
            let message = format!("`{}` cannot be called in phases", call.uses);
            return fail(ErrorKind::Internal, message);
        }
        match call.uses.as_str() {
            "regfish.list_products" => regfish::product::find(self.regfish()?, call).await,
            "regfish.complete_order" => regfish::completion::complete(self.regfish()?, call).await,
            "regfish.wait_dns_records" => {
                regfish::watch::wait_dns_records(self.regfish()?, call).await
            }
            "regfish.put_records" => regfish::records::put(self.regfish()?, call).await,
            "regfish.delete_records" => regfish::records::delete(self.regfish()?, call).await,
            "regfish.find_certificate" => regfish::former::find(self.regfish()?, call).await,
            "regfish.advise_renewal" => {
                regfish::advice::advise(self.regfish()?, self.clock.now(), call).await
            }
            "regfish.wait_issued" => regfish::watch::wait_issued(self.regfish()?, call).await,
            "regfish.download" => {
                regfish::download::download(self.regfish()?, self.clock.now(), call).await
            }
            "x509.create_csr" => x509::create_csr(&self.key_directory, call).await,
            unknown => fail(ErrorKind::Internal, format!("the action `{unknown}` does not exist")),
        }
    }
}

impl Performer for Actions {
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move { self.dispatch(&call).await.unwrap_or_else(|outcome| *outcome) })
    }
}
