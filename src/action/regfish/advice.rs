//! `regfish.advise_renewal`: which of the ways to a newer certificate is right, why, and what it
//! costs.
//!
//! A reissue is free while the order's contract runs; a renewal is a paid order that is linked to
//! the former one; where neither is possible, a plain new order is left (contract A.4, A.8, A.15).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::certificate_id;
use super::watch::read_any;
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::regfish::{Certificate, CertificateStatus, RegfishClient, ReissuePhase};
use crate::run::{ErrorKind, Outcome};
use crate::types::{CertificateId, Timestamp, parse_duration};

/// A contract that outlasts the certificate by less brings no newer certificate (contract A.15).
const WORTH_A_REISSUE: Duration = Duration::from_secs(86_400);

const DAY_SECONDS: i64 = 86_400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    certificate_id: String,
    lead: String,
    require: Option<NextStep>,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    summary: String,
    certificate_id: &'a CertificateId,
    next_step: NextStep,
    cost: Cost,
    reason: String,
    valid_until: Option<Timestamp>,
    days_left: Option<i64>,
    contract_valid_until: Option<Timestamp>,
    serial_number: Option<&'a String>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NextStep {
    /// Nothing yet.
    Keep,
    /// Something is under way already.
    Wait,
    /// Another certificate of the same order.
    Reissue,
    /// An order that follows the former one.
    Renewal,
    /// An order of its own.
    Order,
}

impl NextStep {
    fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Wait => "wait",
            Self::Reissue => "reissue",
            Self::Renewal => "renewal",
            Self::Order => "order",
        }
    }
}

/// What it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Cost {
    /// Nothing is done.
    Nothing,
    /// Nothing more: the contract covers it.
    InContract,
    /// A term is bought.
    Paid,
}

impl Cost {
    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing to pay",
            Self::InContract => "in the contract",
            Self::Paid => "a new term is paid",
        }
    }
}

pub(in crate::action) async fn advise(
    client: &RegfishClient,
    now: Timestamp,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let id = certificate_id(&wanted.certificate_id)?;
    let lead = parse_duration(&wanted.lead)
        .or_else(|error| fail(ErrorKind::Value, format!("`lead`: {error}")))?;
    let certificate = read_any(client, &id).await?;
    let (next_step, cost, reason) = advice(&certificate, lead, now)?;
    if let Some(required) = wanted.require.filter(|required| *required != next_step) {
        let message = format!(
            "certificate `{id}` wants `{}`, the plan is made for `{}`: {reason}",
            next_step.as_str(),
            required.as_str()
        );
        return fail(ErrorKind::Conflict, message);
    }
    Ok(success(&Output {
        summary: format!("{}, {}: {reason}", next_step.as_str(), cost.words()),
        certificate_id: &certificate.id,
        next_step,
        cost,
        reason,
        valid_until: certificate.valid_until,
        days_left: certificate.valid_until.map(|end| days(now, end)),
        contract_valid_until: certificate.contract_valid_until,
        serial_number: certificate.serial_number.as_ref(),
    }))
}

/// What is to be done about a certificate at `now`, `lead` before its end.
fn advice(
    certificate: &Certificate,
    lead: Duration,
    now: Timestamp,
) -> Result<(NextStep, Cost, String)> {
    let wait = |reason: &str| Ok((NextStep::Wait, Cost::Nothing, reason.to_owned()));
    let running = |reissue: &crate::api::regfish::Reissue| reissue.phase() == ReissuePhase::Running;
    if certificate.reissue.as_ref().is_some_and(running) {
        return wait("a reissue of it is under way");
    }
    match &certificate.status {
        CertificateStatus::Pending => return wait("its order is not issued yet"),
        CertificateStatus::Unknown(word) => {
            return wait(&format!("the vendor calls its state `{word}`, which may pass"));
        }
        CertificateStatus::Cancelled | CertificateStatus::Rejected => {
            let reason = format!("it is {}, and so is its order", certificate.status);
            return Ok((NextStep::Order, Cost::Paid, reason));
        }
        CertificateStatus::Revoked => return Ok(after_revocation(certificate, now)),
        CertificateStatus::Issued | CertificateStatus::Expired => {}
    }
    let Some(end) = certificate.valid_until else {
        let message = format!("the API does not say how long `{}` is valid", certificate.id);
        return fail(ErrorKind::Unreadable, message);
    };
    if later(now, lead) < end {
        let reason = format!("it is valid for {} more days", days(now, end));
        return Ok((NextStep::Keep, Cost::Nothing, reason));
    }
    let expired = certificate.status == CertificateStatus::Expired || end <= now;
    let ends = if expired {
        "it has expired".to_owned()
    } else {
        format!("it is valid for {} more days", days(now, end))
    };
    let contract = certificate.contract_valid_until;
    let outlasts = |until: Timestamp| until > now && later(end, WORTH_A_REISSUE) < until;
    let contract_says = match contract {
        Some(until) if outlasts(until) => format!("its contract runs until {}", day(until)),
        Some(until) => format!("its contract ends with it ({})", day(until)),
        None => "the API shows no contract that would outlast it".to_owned(),
    };
    if contract.is_some_and(outlasts) && !expired && certificate.reissue_supported != Some(false) {
        return Ok((NextStep::Reissue, Cost::InContract, format!("{ends}, and {contract_says}")));
    }
    let no_reissue = if contract.is_some_and(outlasts) {
        format!("{ends}; {contract_says}, but it cannot be reissued")
    } else {
        format!("{ends}, and {contract_says}")
    };
    // Unknown counts as no: the vendor's own client does the same (contract A.4).
    Ok(if certificate.renewal_supported == Some(true) {
        (NextStep::Renewal, Cost::Paid, no_reissue)
    } else {
        (NextStep::Order, Cost::Paid, format!("{no_reissue}; the vendor offers no renewal of it"))
    })
}

/// A revocation can leave the order alive (contract A.8, A.11).
fn after_revocation(certificate: &Certificate, now: Timestamp) -> (NextStep, Cost, String) {
    let alive = certificate.revocation_scope.as_deref() != Some("order")
        && certificate.reissue_supported == Some(true)
        && certificate.contract_valid_until.is_none_or(|until| until > now);
    if alive {
        let reason = "it is revoked, and its order is alive".to_owned();
        return (NextStep::Reissue, Cost::InContract, reason);
    }
    (NextStep::Order, Cost::Paid, "it is revoked, and its order cannot be reissued".to_owned())
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Whole days from `now` to `end`; negative when the end is past.
fn days(now: Timestamp, end: Timestamp) -> i64 {
    (end.as_second() - now.as_second()).div_euclid(DAY_SECONDS)
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::regfish::recognition::sample;
    use crate::api::regfish::Reissue;

    const LEAD: Duration = Duration::from_secs(30 * 86_400);

    fn word(now: &str, change: fn(&mut Certificate)) -> String {
        let mut certificate = sample();
        certificate.status = CertificateStatus::Issued;
        certificate.valid_until = "2027-01-31T00:00:00Z".parse().ok();
        certificate.contract_valid_until = "2027-06-30T00:00:00Z".parse().ok();
        certificate.renewal_supported = Some(true);
        certificate.reissue_supported = Some(true);
        change(&mut certificate);
        match advice(&certificate, LEAD, now.parse().unwrap()) {
            Ok((step, cost, reason)) => format!("{} {cost:?}: {reason}", step.as_str()),
            Err(outcome) => format!("{outcome:?}"),
        }
    }

    #[test]
    fn the_cheapest_way_that_is_possible_is_advised_with_its_reason() {
        let (early, due, late) =
            ("2026-12-01T00:00:00Z", "2027-01-11T00:00:00Z", "2027-02-01T00:00:00Z");
        type Case = (&'static str, fn(&mut Certificate), &'static str);
        let cases: [Case; 14] = [
            (early, |_| {}, "keep Nothing: it is valid for 61 more days"),
            (
                due,
                |_| {},
                "reissue InContract: it is valid for 20 more days, and its contract runs until \
                 2027-06-30",
            ),
            (
                due,
                |c| c.reissue_supported = Some(false),
                "renewal Paid: it is valid for 20 more days; its contract runs until 2027-06-30, \
                 but it cannot be reissued",
            ),
            (
                due,
                |c| c.contract_valid_until = "2027-01-31T12:00:00Z".parse().ok(),
                "renewal Paid: it is valid for 20 more days, and its contract ends with it \
                 (2027-01-31)",
            ),
            (
                due,
                |c| {
                    c.contract_valid_until = None;
                    c.renewal_supported = None;
                },
                "order Paid: it is valid for 20 more days, and the API shows no contract that \
                 would outlast it; the vendor offers no renewal of it",
            ),
            (due, |c| c.reissue_supported = None, "reissue InContract"),
            (late, |_| {}, "renewal Paid: it has expired"),
            (late, |c| c.status = CertificateStatus::Expired, "renewal Paid: it has expired"),
            (due, |c| c.status = CertificateStatus::Pending, "wait Nothing"),
            (due, |c| c.status = CertificateStatus::Rejected, "order Paid: it is rejected"),
            (
                due,
                |c| c.status = CertificateStatus::Revoked,
                "reissue InContract: it is revoked, and its order is alive",
            ),
            (
                due,
                |c| {
                    c.status = CertificateStatus::Revoked;
                    c.revocation_scope = Some("order".to_owned());
                },
                "order Paid: it is revoked",
            ),
            (
                due,
                |c| {
                    let (id, requested_at) = (None, None);
                    c.reissue = Some(Reissue { id, status: "processing".into(), requested_at });
                },
                "wait Nothing: a reissue of it is under way",
            ),
            (due, |c| c.valid_until = None, "Failed"),
        ];
        for (now, change, expected) in cases {
            let found = word(now, change);
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }
}
