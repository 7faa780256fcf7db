//! The first lines of a preview: what a reviewer wants to know within twenty seconds.

use std::collections::BTreeSet;
use std::path::Path;

use crate::action::preview::{Fact, Term};
use crate::engine::Prospect;
use crate::plan::{OnFailure, Step, placeholder};
use crate::report::preview::{Count, ORDERS, REQUESTS, RequestCount, Row, WARNING};

/// A fact, and what it hangs on.
pub(super) struct Foreseen<'a> {
    pub(super) step: &'a Step,
    pub(super) prospect: &'a Prospect,
    pub(super) fact: Fact,
    pub(super) term: Option<Term>,
}

impl Foreseen<'_> {
    /// The condition, when it decides and nobody knows how.
    fn condition(&self) -> String {
        match (self.prospect, &self.step.when) {
            (Prospect::Perhaps, Some(when)) => format!(", if {when}"),
            _ => String::new(),
        }
    }

    fn happens(&self) -> bool {
        matches!(self.prospect, Prospect::Runs | Prospect::Perhaps | Prospect::Answered(_))
    }
}

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum World<'a> {
    /// The API at this address.
    Real(&'a str),
    /// The embedded sandbox.
    Sandbox,
    /// The plan talks to nobody.
    Nobody,
}

/// The rows, in the order of what matters most.
pub(super) fn summary(
    foreseen: &[Foreseen<'_>],
    failing: &[&Step],
    orders: Count,
    requests: RequestCount,
    world: World<'_>,
    keys: &Path,
) -> Vec<Row> {
    let mut rows = vec![row(ORDERS, order_count(orders, world))];
    rows.extend(failing.iter().map(|step| row(WARNING, warning(step, orders))));
    match world {
        World::Real(endpoint) => rows.push(row("from", endpoint.to_owned())),
        World::Sandbox => rows.push(row("from", "the embedded sandbox, no real CA".to_owned())),
        World::Nobody => {}
    }
    for seen in foreseen.iter().filter(|seen| seen.happens()) {
        rows.extend(fact_rows(seen, foreseen, keys));
    }
    // In the order in which people ask, whatever the order of the steps.
    let place = |row: &Row| ORDER_OF_ROWS.iter().position(|name| *name == row.name);
    rows.sort_by_key(|row| place(row).unwrap_or(ORDER_OF_ROWS.len()));
    rows.push(row(REQUESTS, request_count(requests, elsewhere(foreseen))));
    rows
}

const ORDER_OF_ROWS: [&str; 11] = [
    ORDERS,
    WARNING,
    "from",
    "reissue of",
    "product",
    "names",
    "term",
    "organization",
    "DNS records",
    "files",
    "key",
];

fn row(name: &str, text: String) -> Row {
    Row { name: name.to_owned(), text }
}

fn order_count(orders: Count, world: World<'_>) -> String {
    let text = order_count_for_money(orders);
    match world {
        World::Sandbox => text.replace("paid", "not paid: the sandbox takes no money"),
        World::Real(_) | World::Nobody => text,
    }
}

fn order_count_for_money(orders: Count) -> String {
    match (orders.at_least, orders.at_most) {
        (_, 0) => "none; nothing is bought".to_owned(),
        (1, 1) => "1 order, paid".to_owned(),
        (least, most) if least == most => format!("{most} orders, paid"),
        (0, 1) => "1 order at most, paid".to_owned(),
        (least, most) => format!("{least} to {most} orders, paid"),
    }
}

/// Money that is spent before something fails for certain is what a preview is for.
fn warning(failing: &Step, orders: Count) -> String {
    let mut text = format!("step `{}` would fail", failing.id);
    if failing.on_failure == OnFailure::Continue {
        text.push_str("; the plan goes on without it");
    } else if orders.at_most > 0 {
        text.push_str(", and the order would be placed all the same: it does not need that step");
    }
    text
}

/// How many steps send a request of their own to any server; each is listed with its step.
fn elsewhere(foreseen: &[Foreseen<'_>]) -> usize {
    foreseen.iter().filter(|seen| seen.happens() && seen.step.uses == "http.request").count()
}

/// The requests to the API are counted. What a server does at any other request, only it knows.
fn request_count(requests: RequestCount, elsewhere: usize) -> String {
    let writes = requests.at_least_writes;
    let mut text = format!(
        "at least {}, {writes} of them {}; waiting steps look again",
        requests.at_least,
        if writes == 1 { "changes something" } else { "change something" }
    );
    match elsewhere {
        0 => {}
        1 => text.push_str("; those of one `http.request` step come on top"),
        many => text.push_str(&format!("; those of {many} `http.request` steps come on top")),
    }
    if requests.sent > 0 {
        text.push_str(&format!("; {} sent for this preview", requests.sent));
    }
    text
}

fn fact_rows(seen: &Foreseen<'_>, all: &[Foreseen<'_>], keys: &Path) -> Vec<Row> {
    let condition = seen.condition();
    match &seen.fact {
        Fact::Product { sku, requirements } => {
            let mut text = answered(seen, "sku").unwrap_or_else(|| sku.clone());
            if !requirements.is_empty() {
                text.push_str(&format!(" ({})", requirements.join(", ")));
            }
            vec![row("product", format!("{text}{condition}"))]
        }
        Fact::Organization { wanted, may_be_made } => {
            let found = answered(seen, "name").zip(answered(seen, "id"));
            let text = found.map_or_else(|| wanted.clone(), |(name, id)| format!("{name} ({id})"));
            let made = if *may_be_made { ", made when there is none" } else { "" };
            vec![row("organization", format!("{text}{made}{condition}"))]
        }
        Fact::Reissue { certificate } => {
            let text = format!("{certificate}, within its contract{condition}");
            vec![row("reissue of", text)]
        }
        Fact::Key { kind, former: Some(file) } => {
            vec![row("key", format!("{kind}, used again, from {file}{condition}"))]
        }
        Fact::Key { kind, former: None } => {
            let folder = keys.join(placeholder("run.id"));
            let file = folder.join(format!("{}.key.pem", seen.step.id));
            vec![row("key", format!("{kind}, new, in {}{condition}", file.display()))]
        }
        Fact::Order { sku, names, days, organization, validation } => {
            let mut rows = vec![row("names", format!("{}{condition}", names.join(", ")))];
            let term = days.as_ref().map_or_else(
                || "the longest that the product has".to_owned(),
                |days| format!("{days} days"),
            );
            match &seen.term {
                None => rows.push(row("term", term)),
                Some(Term { days, from }) => {
                    rows.push(row("term", format!("{days} days, clamped from {from}")));
                }
            }
            if !all.iter().any(|seen| matches!(seen.fact, Fact::Product { .. })) {
                rows.push(row("product", sku.clone()));
            }
            rows.extend(
                organization.iter().map(|id| row("organization", format!("{id}, with the order"))),
            );
            if validation == "email" {
                rows.push(row("DNS records", "none: the names are proved by e-mail".to_owned()));
            }
            rows
        }
        Fact::Completion { organization } => {
            let text = match organization {
                Some(organization) => format!("{organization} is bound after ordering{condition}"),
                None => format!("a person binds one in the Console after ordering{condition}"),
            };
            vec![row("organization", text)]
        }
        Fact::Records { records, from, ttl } => records_rows(records.as_deref(), from, ttl, all)
            .into_iter()
            .map(|text| row("DNS records", format!("{text}{condition}")))
            .collect(),
        Fact::Deed(_) => Vec::new(),
        Fact::Files { directory, .. } => {
            let files = "{cert,chain,fullchain,privkey}.pem";
            let directory = directory.trim_end_matches('/');
            vec![row("files", format!("{directory}/{files}{condition}"))]
        }
    }
}

/// A field of the answer, when the step was asked.
fn answered(seen: &Foreseen<'_>, field: &str) -> Option<String> {
    match seen.prospect {
        Prospect::Answered(output) => Some(output.get(field)?.as_str()?.to_owned()),
        _ => None,
    }
}

/// An example is enough: the names themselves are listed above.
const MOST_PLACES: usize = 3;

fn records_rows(
    records: Option<&[crate::action::preview::PlannedRecord]>,
    from: &str,
    ttl: &str,
    all: &[Foreseen<'_>],
) -> Vec<String> {
    if let Some(records) = records {
        return records
            .iter()
            .map(|record| format!("{} {} → {}, TTL {ttl}", record.name, record.kind, record.value))
            .collect();
    }
    let names = all.iter().find_map(|seen| match &seen.fact {
        Fact::Order { names, validation, .. } if validation == "dns-cname-token" => Some(names),
        _ => None,
    });
    let mut texts = vec![format!("{from}, TTL {ttl}")];
    // Where they go is the vendor's to say; what its documents say of it is said as such
    // (contract A.7).
    if let Some(names) = names {
        let bases: Vec<&str> =
            names.iter().map(|name| name.strip_prefix("*.").unwrap_or(name)).collect();
        let bases: BTreeSet<String> = bases.iter().map(|base| format!("_dnsauth.{base}")).collect();
        let more = bases.len().saturating_sub(MOST_PLACES);
        let mut shown = bases.into_iter().take(MOST_PLACES).collect::<Vec<_>>().join(", ");
        if more > 0 {
            shown.push_str(&format!(" and {more} more"));
        }
        texts.push(format!("as documented: CNAME at {shown}, or at a parent of it"));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_other_servers_come_on_top() {
        let requests = RequestCount { at_least: 1, at_least_writes: 0, sent: 0 };
        assert!(!request_count(requests, 0).contains("http.request"));
        assert_eq!(
            request_count(requests, 2),
            "at least 1, 0 of them change something; waiting steps look again; those of 2 \
             `http.request` steps come on top"
        );
    }
}
