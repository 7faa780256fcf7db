//! The CA's question whether it may issue: CAA records, from the name up to the top (RFC 8659).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hickory_net::proto::rr::rdata::CAA;
use hickory_net::proto::rr::{RData, RecordType};

use super::lookup::{LookupError, ask};
use crate::sandbox::world::suffixes;

/// The names by which DigiCert and its brands go in CAA records.
const OWN_NAMES: [&str; 7] = [
    "digicert.com",
    "www.digicert.com",
    "digicert.ne.jp",
    "geotrust.com",
    "rapidssl.com",
    "symantec.com",
    "thawte.com",
];

/// The first of these names whose CAA records forbid the CA to issue.
pub(crate) async fn forbidding_name(
    servers: &[SocketAddr],
    names: &[String],
) -> Result<Option<String>, LookupError> {
    let mut known: BTreeMap<&str, Vec<CAA>> = BTreeMap::new();
    for name in names {
        let (host, wildcard) = match name.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (name.as_str(), false),
        };
        for candidate in suffixes(host) {
            let records = match known.get(candidate) {
                Some(records) => records,
                None => {
                    let records = records_at(servers, candidate).await?;
                    known.entry(candidate).or_insert(records)
                }
            };
            // The closest set counts, whatever it says.
            if !records.is_empty() {
                if !allow(records, wildcard) {
                    return Ok(Some(name.clone()));
                }
                break;
            }
        }
    }
    Ok(None)
}

/// What all name servers together say: each may be the one that is asked.
async fn records_at(servers: &[SocketAddr], name: &str) -> Result<Vec<CAA>, LookupError> {
    let mut records = Vec::new();
    for server in servers {
        let response = ask(*server, name, RecordType::CAA).await?;
        records.extend(response.answers.iter().filter_map(|record| match &record.data {
            RData::CAA(caa) => Some(caa.clone()),
            _ => None,
        }));
    }
    Ok(records)
}

fn allow(records: &[CAA], wildcard: bool) -> bool {
    let tagged = |tag: &str| -> Vec<&CAA> {
        records.iter().filter(|record| record.tag.eq_ignore_ascii_case(tag)).collect()
    };
    let understood = ["issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"];
    let strange = |record: &CAA| !understood.contains(&record.tag.to_ascii_lowercase().as_str());
    if records.iter().any(|record| record.issuer_critical && strange(record)) {
        return false;
    }
    let wild = tagged("issuewild");
    let rules = if wildcard && !wild.is_empty() { wild } else { tagged("issue") };
    rules.is_empty()
        || rules.iter().any(|record| {
            let value = String::from_utf8_lossy(&record.value).to_ascii_lowercase();
            let issuer = value.split(';').next().unwrap_or_default();
            OWN_NAMES.contains(&issuer.trim().trim_end_matches('.'))
        })
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use hickory_net::proto::rr::Name;

    use super::*;

    fn issue(wild: bool, name: Option<&str>) -> CAA {
        let name = name.map(|name| Name::from_str(name).unwrap());
        if wild {
            CAA::new_issuewild(false, name, Vec::new())
        } else {
            CAA::new_issue(false, name, Vec::new())
        }
    }

    #[test]
    fn a_set_without_the_ca_forbids_and_wildcards_have_rules_of_their_own() {
        let (own, other, nobody) = (
            issue(false, Some("DigiCert.com")),
            issue(false, Some("pki.test")),
            issue(false, None),
        );
        let own_wild = issue(true, Some("digicert.com"));
        for (records, plain, wild) in [
            (vec![], true, true),
            (vec![own.clone()], true, true),
            (vec![other.clone(), own.clone()], true, true),
            (vec![other.clone()], false, false),
            (vec![nobody.clone()], false, false),
            (vec![other, own_wild.clone()], false, true),
            (vec![own_wild], true, true),
            (vec![own, issue(true, None)], true, false),
        ] {
            assert_eq!(
                (allow(&records, false), allow(&records, true)),
                (plain, wild),
                "{records:?}"
            );
        }
    }
}
