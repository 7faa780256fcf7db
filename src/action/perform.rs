//! `Actions`: finds the action that a call names and performs it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::installation::settle_in;
pub use super::regfish::desk::CertificateDesk;
use super::{
    ActionCall, Outside, Performer, Result, Waiting, assert, command, digicert, dns, export, fail,
    files, regfish, tls, web, x509,
};
use crate::api::digicert::DigicertClient;
use crate::api::regfish::RegfishClient;
use crate::dns::Resolver;
use crate::run::{Call, ErrorKind, Outcome};
use crate::types::{Busy, CertificateId, Clock, Secret};

/// All actions, with what they share.
#[derive(Clone)]
pub struct Actions {
    /// The client of the connection `regfish`, when the plan needs it.
    pub regfish: Option<RegfishClient>,
    /// The client of the connection `digicert`, when the plan needs it.
    pub digicert: Option<DigicertClient>,
    /// Who is asked where a zone is kept, whatever a plan says; without one the plan decides, and
    /// then the machine.
    pub resolver: Option<Resolver>,
    /// Who stands for programs and other servers in an imitated world; without one they are real.
    pub outside: Option<Arc<dyn Outside>>,
    /// Time, for what a certificate's dates are compared with.
    pub clock: Arc<dyn Clock>,
    /// Where private keys and requests are kept, a folder for each run.
    pub key_directory: PathBuf,
    /// In an imitated world: the passphrase of every file that has one, so that no real one is
    /// needed or read.
    pub passphrase: Option<Secret>,
    /// What the runs of a batch ask together; see [`Actions::in_batch`].
    pub desk: Option<CertificateDesk>,
}

impl Actions {
    /// The same actions for runs that are driven together: they share what they ask.
    #[must_use]
    pub fn in_batch(self) -> Self {
        let desk = self
            .regfish
            .as_ref()
            .map(|client| CertificateDesk::new(client.clone(), Arc::clone(&self.clock)));
        Self { desk, ..self }
    }

    fn regfish(&self) -> Result<&RegfishClient> {
        match &self.regfish {
            Some(client) => Ok(client),
            None => fail(ErrorKind::Internal, "the connection `regfish` was not made"),
        }
    }

    fn digicert(&self) -> Result<&DigicertClient> {
        match &self.digicert {
            Some(client) => Ok(client),
            None => fail(ErrorKind::Internal, "the connection `digicert` was not made"),
        }
    }

    async fn dispatch(&self, call: &ActionCall) -> Result<Outcome> {
        let desk = self.desk.as_ref();
        if let ("regfish.create_order" | "regfish.reissue", Call::Prepare { destinations, .. }) =
            (call.uses.as_str(), &call.call)
        {
            settle_in(self.passphrase.as_ref(), call, destinations).await?;
        }
        // What must not be sent twice is sent in phases; everything else is just performed.
        match call.uses.as_str() {
            "regfish.create_order" => {
                return regfish::order::order(self.regfish()?, desk, self.clock.now(), call).await;
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
        let outcome = self.perform_once(call).await;
        match (&self.regfish, &call.order) {
            (Some(client), Some(id)) => regfish::watch::or_its_end(client, id, outcome).await,
            _ => outcome,
        }
    }

    async fn perform_once(&self, call: &ActionCall) -> Result<Outcome> {
        let (desk, outside) = (self.desk.as_ref(), self.outside.as_deref());
        match call.uses.as_str() {
            "regfish.list_products" => regfish::product::find(self.regfish()?, call).await,
            "regfish.complete_order" => {
                regfish::completion::complete(self.regfish()?, desk, call).await
            }
            "regfish.wait_dns_records" => {
                regfish::watch::wait_dns_records(self.regfish()?, desk, call).await
            }
            "regfish.put_records" => {
                regfish::records::put(self.regfish()?, desk.is_some(), call).await
            }
            "regfish.delete_records" => regfish::records::delete(self.regfish()?, call).await,
            "regfish.find_certificate" => regfish::former::find(self.regfish()?, call).await,
            "regfish.advise_renewal" => {
                regfish::advice::advise(self.regfish()?, self.clock.now(), call).await
            }
            "regfish.wait_issued" => regfish::watch::wait_issued(self.regfish()?, desk, call).await,
            "regfish.download" => {
                let passphrase = self.passphrase.as_ref();
                regfish::download::download(
                    self.regfish()?,
                    desk,
                    passphrase,
                    self.clock.now(),
                    call,
                )
                .await
            }
            "digicert.order_validation" => digicert::order_validation(self.digicert()?, call).await,
            "dns.preflight" => dns::preflight(self.resolver.as_ref(), call).await,
            "dns.wait_propagated" => dns::wait_propagated(self.resolver.as_ref(), call).await,
            "http.request" => web::request(outside, self.clock.now(), call).await,
            "command.run" => command::run(outside, call).await,
            "tls.check_served" => tls::check_served(outside, call).await,
            "files.rollback" => files::rollback(self.clock.now(), call).await,
            "assert" => assert::assert(call),
            "x509.export" => export::export(self.passphrase.as_ref(), self.clock.now(), call).await,
            "x509.create_csr" => x509::create_csr(&self.key_directory, call).await,
            unknown => fail(ErrorKind::Internal, format!("the action `{unknown}` does not exist")),
        }
    }
}

/// Whether a step waits for the first certificate of an order, not for one that replaces another.
fn is_first(waiting: &Waiting) -> bool {
    ["public_key_sha256", "former_serial_number"]
        .iter()
        .all(|name| waiting.parameters.get(*name).is_none_or(serde_json::Value::is_null))
}

impl Performer for Actions {
    fn perform(&self, call: ActionCall) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move { self.dispatch(&call).await.unwrap_or_else(|outcome| *outcome) })
    }

    fn wait(&self, waiting: &Waiting) -> Option<oneshot::Receiver<Busy>> {
        let wants_records = match waiting.uses.as_str() {
            "regfish.wait_dns_records" => true,
            // A list does not tell a new certificate from the former one.
            "regfish.wait_issued" if is_first(waiting) => false,
            _ => return None,
        };
        let id = waiting.parameters.get("certificate_id")?.as_str()?;
        self.desk.as_ref()?.wait(waiting, CertificateId::parse(id).ok()?, wants_records)
    }
}
