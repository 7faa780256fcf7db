//! `dns.preflight` and `dns.wait_propagated`: what the world's DNS says before an order and after a
//! record was put.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{ActionCall, Result, fail, parameters, success};
use crate::dns::conflict::{self, Standing};
use crate::dns::propagation::{self, Propagation, Seen};
use crate::dns::{LookupError, Resolver, Zone, caa};
use crate::run::{ErrorKind, Observation, Outcome, Retry, StepError};
use crate::types::{DomainName, shorten};

/// The label of validation records (contract B.6).
const VALIDATION_LABEL: &str = "_dnsauth";

/// Where the CA's validation records point to (contract B.6).
const VALIDATION_TARGET: &str = ".dcv.digicert.com";

/// More is not read on one line.
const LONGEST_SUMMARY: usize = 400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitParameters {
    records: Vec<Record>,
    resolver: Option<String>,
    silent_servers: SilentServers,
}

#[derive(Debug, Deserialize)]
struct Record {
    name: String,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SilentServers {
    Wait,
    Ignore,
}

#[derive(Debug, Serialize)]
struct WaitOutput {
    summary: String,
    zones: BTreeSet<String>,
    name_servers: BTreeSet<String>,
    silent: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreflightParameters {
    common_name: DomainName,
    dns_names: Vec<DomainName>,
    issuers: Vec<String>,
    resolver: Option<String>,
}

#[derive(Debug, Serialize)]
struct PreflightOutput {
    summary: String,
    zones: BTreeSet<String>,
    existing: Vec<Existing>,
}

#[derive(Debug, Serialize)]
struct Existing {
    name: String,
    value: String,
}

pub(super) async fn wait_propagated(
    chosen: Option<&Resolver>,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: WaitParameters = parameters(call)?;
    let resolver = resolver(chosen, wanted.resolver.as_deref())?;
    let mut output = WaitOutput {
        summary: String::new(),
        zones: BTreeSet::new(),
        name_servers: BTreeSet::new(),
        silent: Vec::new(),
    };
    let mut missing = Vec::new();
    for record in &wanted.records {
        let found =
            propagation::look(&record.name, &record.value, &resolver).await.or_else(look_failed)?;
        missing.extend(lagging(&found, wanted.silent_servers).into_iter().map(|text| {
            match wanted.records.as_slice() {
                [_] => text,
                _ => format!("{}: {text}", record.name.trim_end_matches('.')),
            }
        }));
        output.zones.insert(found.zone);
        for sighting in found.name_servers {
            output.silent.extend(sighting.silent);
            output.name_servers.insert(sighting.name_server);
        }
    }
    if !missing.is_empty() {
        let summary = shorten(&missing.join("; "), LONGEST_SUMMARY);
        let observation = Observation { summary, seen: Map::new() };
        return Ok(Outcome::NotYet { observation });
    }
    output.silent.sort();
    output.silent.dedup();
    output.summary = match (wanted.records.len(), output.name_servers.len()) {
        (0, _) => "no record is needed".to_owned(),
        (_, 1) => format!("seen at {}", joined(&output.name_servers)),
        (_, count) => format!("seen at all {count} name servers of {}", joined(&output.zones)),
    };
    Ok(success(&output))
}

/// Who does not show the record, in words. Where nobody answers, nothing is ignored.
fn lagging(found: &Propagation, silent_servers: SilentServers) -> Vec<String> {
    let answered = found.name_servers.iter().any(|one| !matches!(one.seen, Seen::Silent { .. }));
    let counts = |seen: &Seen| {
        !(matches!(seen, Seen::Silent { .. })
            && silent_servers == SilentServers::Ignore
            && answered)
    };
    found.lagging().filter(|one| counts(&one.seen)).map(ToString::to_string).collect()
}

pub(super) async fn preflight(chosen: Option<&Resolver>, call: &ActionCall) -> Result<Outcome> {
    let wanted: PreflightParameters = parameters(call)?;
    let resolver = resolver(chosen, wanted.resolver.as_deref())?;
    let issuers: Vec<String> =
        wanted.issuers.iter().map(|issuer| issuer.trim().to_ascii_lowercase()).collect();
    let issuers: Vec<&str> = issuers.iter().map(String::as_str).collect();
    let names: BTreeSet<&DomainName> =
        [&wanted.common_name].into_iter().chain(&wanted.dns_names).collect();
    let (mut problems, mut zones) = (Vec::new(), BTreeSet::new());
    for name in &names {
        zones.insert(Zone::of(name.without_wildcard(), &resolver).await.or_else(look_failed)?.name);
        let found = caa::look(name, &issuers, &resolver).await.or_else(look_failed)?;
        if let (false, Some(at)) = (found.allowed, found.decided_at) {
            problems.push(format!(
                "CAA records at `{at}` do not let the CA issue for `{name}` ({})",
                found.records.join(", ")
            ));
        }
    }
    let mut existing = Vec::new();
    for name in validation_names(&names) {
        match conflict::look(&name, &resolver).await.or_else(look_failed)? {
            Standing::Free => {}
            // Of an earlier order, perhaps; whose it is, the step that puts records finds out.
            Standing::Cname { target } if target.ends_with(VALIDATION_TARGET) => {
                existing.push(Existing { name, value: target });
            }
            Standing::Cname { target } => {
                problems.push(format!("`{name}` is a CNAME to `{target}` already"));
            }
            Standing::Other { kind, value } => problems.push(format!(
                "`{name}` has a record of type {kind} (`{value}`), and a CNAME must stand alone"
            )),
        }
    }
    if !problems.is_empty() {
        return fail(ErrorKind::Conflict, problems.join("; "));
    }
    let summary =
        format!("nothing in DNS is in the way of a certificate for {}", counted(names.len()));
    Ok(success(&PreflightOutput { summary, zones, existing }))
}

fn counted(names: usize) -> String {
    if names == 1 { "this name".to_owned() } else { format!("these {names} names") }
}

/// Where validation records will stand: at the base domain of each name (contract A.7, B.6).
fn validation_names(names: &BTreeSet<&DomainName>) -> BTreeSet<String> {
    let bases = names.iter().map(|name| {
        let name = name.without_wildcard();
        psl::domain_str(name).unwrap_or(name)
    });
    bases.map(|base| format!("{VALIDATION_LABEL}.{base}")).collect()
}

fn resolver(chosen: Option<&Resolver>, wanted: Option<&str>) -> Result<Resolver> {
    let found = match (chosen, wanted) {
        (Some(resolver), _) => Ok(resolver.clone()),
        (None, Some(address)) => Resolver::parse(address),
        (None, None) => Resolver::system(),
    };
    found.or_else(|error| fail(ErrorKind::Value, error.to_string()))
}

/// Whatever DNS does not answer may be answered later: a zone may just be moving.
fn look_failed<T>(error: LookupError) -> Result<T> {
    let kind = match error {
        LookupError::Name { .. } => return fail(ErrorKind::Value, error.to_string()),
        LookupError::Resolver { .. } => ErrorKind::Unreachable,
        LookupError::NoZone { .. } | LookupError::NoAddress { .. } => ErrorKind::NotFound,
    };
    let error = StepError::new(kind, error.to_string());
    Err(Box::new(Outcome::Failed { error, retry: Retry::Later { after: None } }))
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "dns_tests.rs"]
mod tests;
