//! `RegfishClient`: the calls of the TLS API. Every method sends exactly one request.
//!
//! It knows no plan and no run, decides nothing, and repeats nothing.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::convert::{FromWire, wire_order, wire_reissue};
use super::envelope;
use super::known::{KnownItems, plain_list};
use super::model::{
    Certificate, CertificateList, Listing, NewOrganization, OrderRequest, Organization,
    OrganizationChange, Product, ReissueRequest,
};
use super::wire::WireCompletion;
use crate::api::http::{
    ApiError, Connection, ConnectionError, ErrorKind, HttpClient, LIST_LIMIT, Method, RawAnswer,
    Request, Urgency,
};
use crate::types::{CertificateId, OrganizationId};

/// The regfish API over one connection. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct RegfishClient {
    http: HttpClient,
}

impl RegfishClient {
    /// Prepares a client; touches no network.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        Ok(Self { http: HttpClient::new(connection)? })
    }

    /// Lists what can be ordered (contract A.2).
    pub async fn list_products(&self) -> Result<Listing<Product>, ApiError> {
        self.list(&["tls", "products"]).await
    }

    /// Lists the organizations that orders can be bound to (contract A.3).
    pub async fn list_organizations(&self) -> Result<Listing<Organization>, ApiError> {
        self.list(&["tls", "organization"]).await
    }

    /// Makes an organization (contract A.3). Not idempotent: a repetition may make a second one, so
    /// when the error's effect is unknown, look into the list first.
    pub async fn create_organization(
        &self,
        organization: &NewOrganization,
    ) -> Result<Organization, ApiError> {
        let request = Request::new(Method::Post, &["tls", "organization"]);
        self.object(&with_json(request, organization)?).await
    }

    /// Changes an organization; the answer may be about another id (contract A.3).
    pub async fn change_organization(
        &self,
        id: &OrganizationId,
        change: &OrganizationChange,
    ) -> Result<Organization, ApiError> {
        let request = Request::new(Method::Patch, &["tls", "organization", id.as_str()]);
        self.object(&with_json(request, change)?).await
    }

    /// Lists all certificates that the key can see (contract A.6).
    pub async fn list_certificates(&self) -> Result<CertificateList, ApiError> {
        self.list_certificates_again(&mut KnownItems::default(), Urgency::Read).await
    }

    /// The same for whoever lists again and again, and keeps what is `known` in between; as urgent
    /// as what waits for it.
    pub async fn list_certificates_again(
        &self,
        known: &mut KnownItems<Certificate>,
        urgency: Urgency,
    ) -> Result<CertificateList, ApiError> {
        let answer = self.list_answer(&["tls", "certificate"], urgency).await?;
        if let Some(certificates) = known.read(&answer) {
            return Ok(CertificateList { certificates, unreadable: vec![], explicit: true });
        }
        let Listing { items, unreadable, explicit } = listing(&answer)?;
        let certificates = items.into_iter().map(Arc::new).collect();
        Ok(CertificateList { certificates, unreadable, explicit })
    }

    /// Reads one certificate (contract A.6).
    pub async fn get_certificate(&self, id: &CertificateId) -> Result<Certificate, ApiError> {
        self.object(&Request::new(Method::Get, &["tls", "certificate", id.as_str()])).await
    }

    /// Orders a certificate (contract A.4). Costs money, and a repetition may cost it again: when
    /// the error's effect is unknown, look into the list before anything else (contract A.13).
    pub async fn create_certificate(&self, order: &OrderRequest) -> Result<Certificate, ApiError> {
        let request = Request::new(Method::Post, &["tls", "certificate"]);
        let request = request.with_urgency(Urgency::Order);
        self.object(&with_json(request, &wire_order(order))?).await
    }

    /// Binds an organization to a staged order and submits it (contract A.5).
    ///
    /// After any error read the certificate first: a person may have completed it meanwhile.
    pub async fn complete_certificate(
        &self,
        id: &CertificateId,
        organization: &OrganizationId,
    ) -> Result<Certificate, ApiError> {
        let segments = ["tls", "certificate", id.as_str(), "complete"];
        let body = WireCompletion { org_id: organization.as_str() };
        let request = Request::new(Method::Post, &segments).with_urgency(Urgency::Order);
        self.object(&with_json(request, &body)?).await
    }

    /// Asks for another certificate of the same order, for another key (contract A.8). What a
    /// second request does while one runs is not known: after any error read the certificate first.
    pub async fn reissue_certificate(
        &self,
        id: &CertificateId,
        wanted: &ReissueRequest,
    ) -> Result<Certificate, ApiError> {
        let segments = ["tls", "certificate", id.as_str(), "reissue"];
        let request = Request::new(Method::Post, &segments);
        self.object(&with_json(request, &wire_reissue(wanted))?).await
    }

    /// Downloads the chain, leaf first (contract A.10).
    ///
    /// [`ErrorKind::NotReady`] is normal for a while after the certificate was issued.
    pub async fn download_pem(&self, id: &CertificateId) -> Result<Vec<u8>, ApiError> {
        let segments = ["tls", "certificate", id.as_str(), "download", "pem"];
        let request = Request::new(Method::Get, &segments).accepting_raw();
        envelope::read_pem(self.http.send(&request).await?)
    }

    /// One object that the answer must hold.
    pub(super) async fn object<T: FromWire>(&self, request: &Request) -> Result<T, ApiError> {
        let (answer, content) = self.call(request).await?;
        T::from_value(content).map_err(|error| envelope::content(&answer, &error.to_string()))
    }

    /// A list of which single items may be unreadable.
    pub(super) async fn list<T: FromWire>(
        &self,
        segments: &[&str],
    ) -> Result<Listing<T>, ApiError> {
        let answer = self.list_answer(segments, Urgency::Read).await?;
        match plain_list(&answer) {
            Some(items) => Ok(Listing { items, unreadable: vec![], explicit: true }),
            None => listing(&answer),
        }
    }

    async fn list_answer(
        &self,
        segments: &[&str],
        urgency: Urgency,
    ) -> Result<RawAnswer, ApiError> {
        let request = Request::new(Method::Get, segments).with_limit(LIST_LIMIT);
        let request = request.with_urgency(urgency);
        self.http.send(&request).await
    }

    /// The content of a successful answer.
    pub(super) async fn call(&self, request: &Request) -> Result<(RawAnswer, Value), ApiError> {
        let answer = self.http.send(request).await?;
        let content = envelope::read(&answer)?;
        Ok((answer, content))
    }
}

/// The list in an answer, item by item: what cannot be read is told of, and the rest is there.
fn listing<T: FromWire>(answer: &RawAnswer) -> Result<Listing<T>, ApiError> {
    let content = envelope::read(answer)?;
    let explicit = content.is_array();
    let values = match content {
        Value::Array(values) => values,
        // An empty list can be written as null, or left out (contract A.0).
        Value::Null => Vec::new(),
        _ => return Err(envelope::content(answer, "`response` is not a list")),
    };
    let mut listing =
        Listing { items: Vec::with_capacity(values.len()), unreadable: vec![], explicit };
    for (index, value) in values.into_iter().enumerate() {
        match T::from_value(value) {
            Ok(item) => listing.items.push(item),
            Err(error) => {
                let text = format!("{} {}: {error}", T::WHAT, index + 1);
                listing.unreadable.push(answer.call.public_text(&text, 200));
            }
        }
    }
    Ok(listing)
}

/// `request` with `body`; that our own types become JSON fails only by a mistake in them.
pub(super) fn with_json(request: Request, body: &impl Serialize) -> Result<Request, ApiError> {
    match serde_json::to_value(body) {
        Ok(value) => Ok(request.with_body(value)),
        Err(error) => Err(ApiError {
            method: request.method,
            path: request.path,
            status: None,
            retry_after: None,
            kind: ErrorKind::NotSent { reason: error.to_string() },
        }),
    }
}
