//! Whether a CA may issue for a name: its CAA records, upwards to the top (RFC 8659).

use hickory_net::proto::rr::rdata::CAA;
use hickory_net::proto::rr::{RData, RecordType};

use super::exchange::{absolute, plain, text};
use super::resolver::is_elsewhere;
use super::{LookupError, Resolver};
use crate::types::DomainName;

/// Property tags that a CA understands; a critical one beside these forbids to issue.
const UNDERSTOOD: [&str; 6] =
    ["issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"];

/// What the CAA records say of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Whether the CA may issue.
    pub allowed: bool,
    /// The name whose records decide; none when there are no records up to the top.
    pub decided_at: Option<String>,
    /// Those records, as they would stand in a zone file.
    pub records: Vec<String>,
}

/// Looks whether a CA that goes by one of `issuers` may issue for `name`.
///
/// The closest name upwards that has any CAA record decides alone. CNAMEs are followed by the
/// resolver. An answer that cannot be had is an error: the CA would refuse, too.
pub async fn look(
    name: &DomainName,
    issuers: &[&str],
    resolver: &Resolver,
) -> Result<Permission, LookupError> {
    let mut candidate = absolute(name.without_wildcard())?;
    while candidate.num_labels() > 0 {
        let answer = resolver.ask(&candidate, RecordType::CAA).await?;
        // A name server in place of a resolver knows nothing above its zones.
        if is_elsewhere(&answer) {
            break;
        }
        let records: Vec<&CAA> = answer
            .records
            .iter()
            .filter_map(|record| match &record.data {
                RData::CAA(caa) => Some(caa),
                _ => None,
            })
            .collect();
        if !records.is_empty() {
            return Ok(Permission {
                allowed: allow(&records, issuers, name.is_wildcard()),
                decided_at: Some(plain(&candidate)),
                records: records.into_iter().map(shown).collect(),
            });
        }
        candidate = candidate.base_name();
    }
    Ok(Permission { allowed: true, decided_at: None, records: Vec::new() })
}

fn allow(records: &[&CAA], issuers: &[&str], wildcard: bool) -> bool {
    let is = |record: &CAA, tag: &str| record.tag.eq_ignore_ascii_case(tag);
    let strange = |record: &CAA| UNDERSTOOD.iter().all(|tag| !is(record, tag));
    if records.iter().any(|record| record.issuer_critical && strange(record)) {
        return false;
    }
    let tag = match wildcard && records.iter().any(|record| is(record, "issuewild")) {
        true => "issuewild",
        false => "issue",
    };
    let mut rules = records.iter().filter(|record| is(record, tag)).peekable();
    rules.peek().is_none()
        || rules.any(|record| {
            let value = String::from_utf8_lossy(&record.value).to_ascii_lowercase();
            let issuer = value.split(';').next().unwrap_or_default();
            issuers.contains(&issuer.trim().trim_end_matches('.'))
        })
}

fn shown(record: &CAA) -> String {
    let flags = if record.issuer_critical { 128 } else { 0 };
    text(&format!("{flags} {} \"{}\"", record.tag, String::from_utf8_lossy(&record.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGICERT: [&str; 2] = ["digicert.com", "www.digicert.com"];

    fn record(tag: &str, value: &str, critical: bool) -> CAA {
        let mut caa = CAA::new_issue(critical, None, Vec::new());
        caa.tag = tag.to_owned();
        caa.value = value.as_bytes().to_vec();
        caa
    }

    #[test]
    fn a_set_without_the_ca_forbids_and_wildcards_have_rules_of_their_own() {
        let own = record("issue", "DigiCert.com; account=1", false);
        let other = record("issue", "pki.test", false);
        let nobody = record("issue", ";", false);
        let own_wild = record("IssueWild", "digicert.com", false);
        let no_wild = record("issuewild", ";", false);
        let strange = record("tbs", "x", false);
        let critical = record("tbs", "x", true);
        let report = record("iodef", "mailto:a@b.example", true);
        for (records, plain, wild) in [
            (vec![&own], true, true),
            (vec![&other, &own], true, true),
            (vec![&other], false, false),
            (vec![&nobody], false, false),
            (vec![&other, &own_wild], false, true),
            (vec![&own_wild], true, true),
            (vec![&own, &no_wild], true, false),
            (vec![&strange, &report], true, true),
            (vec![&own, &critical], false, false),
        ] {
            let found = (allow(&records, &DIGICERT, false), allow(&records, &DIGICERT, true));
            assert_eq!(found, (plain, wild), "{records:?}");
        }
    }
}
