//! `digicert.order_validation`: one look at how DigiCert's validation of an order stands.

mod blocking;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::blocking::{Blocking, blocking};
use super::api_error::give_up;
use super::{ActionCall, Result, fail, parameters, success};
use crate::api::digicert::{DigicertClient, OrderValidation};
use crate::api::http::ErrorKind as ApiErrorKind;
use crate::run::{ErrorKind, Observation, Outcome, ParkReason, WaitsFor};
use crate::types::{DigicertOrderId, shorten};

/// How much of what blocks is said in one line.
const SUMMARY_LIMIT: usize = 600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    order_id: String,
    include_risk_check: bool,
    until: Until,
}

/// When the step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Until {
    /// DigiCert has answered.
    Answered,
    /// Nothing of the validation blocks the order any more.
    Approved,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    approved: bool,
    summary: String,
    blocking: Vec<&'a str>,
    #[serde(flatten)]
    validation: &'a OrderValidation,
}

pub(in crate::action) async fn order_validation(
    client: &DigicertClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let order = DigicertOrderId::parse(wanted.order_id.trim())
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
    let validation = match client.order_validation(&order, wanted.include_risk_check).await {
        Ok(validation) => validation,
        // An order that is only staged at regfish does not exist here yet (contract C).
        Err(error) if matches!(error.kind, ApiErrorKind::NotFound { .. }) => {
            let message = format!("DigiCert has no order `{order}` (404) for this API key");
            return fail(ErrorKind::NotFound, message);
        }
        Err(error) => return Err(give_up(error)),
    };
    outcome(&validation, wanted.until)
}

fn outcome(validation: &OrderValidation, until: Until) -> Result<Outcome> {
    let blocking = blocking(validation);
    let summary = summary(validation, &blocking);
    if until == Until::Answered || blocking.is_empty() {
        return Ok(success(&Output {
            approved: blocking.is_empty(),
            summary,
            blocking: blocking.iter().map(|one| one.words.as_str()).collect(),
            validation,
        }));
    }
    if blocking.iter().any(|one| one.ended) {
        return fail(ErrorKind::CertificateEnded, summary);
    }
    if blocking.iter().any(|one| one.needs_a_person) {
        return Ok(Outcome::Parked {
            reason: ParkReason {
                waits_for: WaitsFor::Person,
                code: "digicert_validation".to_owned(),
                message: summary,
                completion_url: None,
            },
        });
    }
    Ok(Outcome::NotYet { observation: Observation { summary, ..Observation::default() } })
}

/// All of it in one line; an equal line is recorded once, however often one looks.
fn summary(validation: &OrderValidation, blocking: &[Blocking]) -> String {
    let order = &validation.order_id;
    let status = validation.order_status.as_deref().unwrap_or("of unknown status");
    if blocking.is_empty() {
        return match status {
            "issued" => format!("order {order} is issued"),
            _ => format!("order {order} ({status}): nothing of its validation blocks it"),
        };
    }
    let words: Vec<&str> = blocking.iter().map(|one| one.words.as_str()).collect();
    shorten(&format!("order {order} ({status}): {}", words.join("; ")), SUMMARY_LIMIT)
}
