//! `DigicertClient`: what DigiCert is asked.

use super::answer;
use super::convert::order_validation;
use super::model::OrderValidation;
use crate::api::http::{ApiError, Connection, ConnectionError, HttpClient, Method, Request};
use crate::types::DigicertOrderId;

/// Asks DigiCert how orders stand. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct DigicertClient {
    http: HttpClient,
}

impl DigicertClient {
    /// Prepares a client; touches no network. Fails for a key that fits into no header.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        Ok(Self { http: HttpClient::new(connection)? })
    }

    /// How the validation of an order stands (contract B.1). With `risk`, also how each domain's
    /// risk check stands; DV orders show that always.
    ///
    /// Fails when there is no such order for this key, and when the answer is about another one.
    pub async fn order_validation(
        &self,
        order: &DigicertOrderId,
        risk: bool,
    ) -> Result<OrderValidation, ApiError> {
        let segments = ["order", "certificate", order.as_str(), "validation"];
        let mut request = Request::new(Method::Get, &segments);
        if risk {
            request.query.push(("include_risk_check".to_owned(), "true".to_owned()));
        }
        let raw = self.http.send(&request).await?;
        let wire = answer::read(&raw)?;
        order_validation(order, wire).map_err(|error| answer::content(&raw, &error.to_string()))
    }
}
