//! `tls.check_served`: whether a server shows the certificate that it should.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::outside::{imitated, marked};
use super::{ActionCall, Outside, Result, fail, parameters, success, within_the_folder};
use crate::pki::{Certificate, Chain, Fingerprint};
use crate::run::{ErrorKind, Observation, Outcome};
use crate::tls::{TlsError, served};
use crate::types::{Timestamp, printable, shorten};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    host: String,
    port: u16,
    server_name: Option<String>,
    sha256: Option<String>,
    certificate_file: Option<String>,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    sha256: String,
    valid_until: Timestamp,
    /// How many certificates came along, the leaf included.
    certificates: usize,
}

pub(super) async fn check_served(
    outside: Option<&dyn Outside>,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let expected = expected(call, &wanted)?;
    let place = wanted.place();
    if let Some(shown) = imitated(outside, |outside| outside.certificates(call, &expected))? {
        let shown = shown.map_err(|reason| TlsError::Connect { address: place.clone(), reason });
        let outcome = judged(&place, &expected, shown);
        return outcome.map(marked).map_err(|outcome| Box::new(marked(*outcome)));
    }
    judged(&place, &expected, served(&wanted.host, wanted.port, wanted.name()).await)
}

impl Parameters {
    /// The name that the server is asked for.
    fn name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.host)
    }

    fn place(&self) -> String {
        match self.host == self.name() {
            true => format!("{}:{}", self.host, self.port),
            false => format!("{} at {}:{}", self.name(), self.host, self.port),
        }
    }
}

/// What it means that a server shows these certificates, or none.
fn judged(
    place: &str,
    expected: &Fingerprint,
    shown: std::result::Result<Vec<Vec<u8>>, TlsError>,
) -> Result<Outcome> {
    let shown = match shown {
        Ok(shown) => shown,
        Err(error @ TlsError::Name { .. }) => return fail(ErrorKind::Value, error.to_string()),
        // A server that is being restarted is not there for a moment.
        Err(error) => return Ok(not_yet(error.to_string())),
    };
    let leaf = shown.first().map(Vec::as_slice).unwrap_or_default();
    let (found, certificate) = (Fingerprint::of(leaf), Certificate::from_der(leaf));
    if found != *expected {
        let what = match &certificate {
            Ok(certificate) => described(certificate),
            Err(error) => format!("something that is no certificate ({error})"),
        };
        return Ok(not_yet(format!("{place} serves {what}, not the one with SHA-256 {expected}")));
    }
    let certificate =
        certificate.or_else(|error| fail(ErrorKind::Unreadable, error.to_string()))?;
    Ok(success(&Output {
        summary: format!("{place} serves it, with {} certificates in all", shown.len()),
        sha256: found.to_string(),
        valid_until: certificate.not_after,
        certificates: shown.len(),
    }))
}

fn expected(call: &ActionCall, wanted: &Parameters) -> Result<Fingerprint> {
    match (&wanted.sha256, &wanted.certificate_file) {
        (Some(text), None) => {
            Fingerprint::parse(text).or_else(|error| fail(ErrorKind::Value, error.to_string()))
        }
        (None, Some(file)) => {
            // A download says where its files are with their whole paths.
            let path = within_the_folder(call, file)?;
            let shown = path.display();
            let text = std::fs::read(&path).or_else(|error| {
                fail(ErrorKind::File, format!("cannot read `{shown}`: {error}"))
            })?;
            let chain = Chain::from_pem(&text)
                .or_else(|error| fail(ErrorKind::File, format!("`{shown}`: {error}")))?;
            Ok(chain.leaf().sha256)
        }
        _ => fail(ErrorKind::Value, "give either `sha256` or `certificate_file`"),
    }
}

fn described(certificate: &Certificate) -> String {
    let names = match certificate.names.is_empty() {
        true => certificate.subject.clone(),
        false => certificate.names.join(", "),
    };
    format!(
        "a certificate for {} with SHA-256 {}, valid until {}",
        shorten(&printable(&names), 120),
        certificate.sha256,
        certificate.not_after.strftime("%Y-%m-%d")
    )
}

fn not_yet(summary: String) -> Outcome {
    Outcome::NotYet { observation: Observation { summary, seen: Map::new() } }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
