//! Validation names: which targets have to wait for one another, told before anything is ordered.
//!
//! The CA proves names by a CNAME at `_dnsauth` below their base domain (contract A.7), and two open
//! orders want different records at one such name (contract A.15). So the runs take turns.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use super::model::{PlanPath, Target};
use super::quick::QuickMap;
use super::report::{Place, also};
use super::resolve::{KnownPlan, Plans};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::suggest::list;
use crate::plan::{Plan, Template};
use crate::types::DomainName;

/// The code of the warning that targets take turns.
pub const SHARED_VALIDATION_NAME: &str = "shared-validation-name";

/// A suggestion names so many domains; more than that nobody copies.
const MOST_SUGGESTED: usize = 10;

/// The names at which a certificate's names are proved by DNS, sorted.
pub(super) fn validation_names(names: &[DomainName]) -> BTreeSet<String> {
    names.iter().map(|name| at(base_domain(name))).collect()
}

fn at(base_domain: &str) -> String {
    format!("_dnsauth.{base_domain}")
}

fn base_domain(name: &DomainName) -> &str {
    let name = name.without_wildcard();
    psl::domain_str(name).unwrap_or(name)
}

/// Whether the orders of a plan are proved by DNS records, as far as can be known before it runs.
fn proves_by_dns(plan: &Plan) -> bool {
    let is_email = |template: &Template| *template == Template::Literal("email".into());
    plan.steps
        .values()
        .filter(|step| step.uses == "regfish.create_order")
        .any(|step| !step.with.get("dcv_method").is_some_and(is_email))
}

/// Warns of targets that share a validation name: once for each name, at the second target.
pub(super) fn warn(targets: &[Target], plans: &Plans, found: &mut [Diagnostics]) {
    let by_dns: QuickMap<&PlanPath, bool> = plans
        .known
        .iter()
        .map(|(path, plan)| match plan {
            KnownPlan::Ready(plan) => (path, proves_by_dns(plan)),
            KnownPlan::Refused { .. } => (path, false),
        })
        .collect();
    let mut order: Vec<&str> = Vec::new();
    // Almost all stand alone: those take no list.
    let mut sharing: QuickMap<&str, (&Target, Vec<&Target>)> =
        QuickMap::with_capacity_and_hasher(targets.len(), Default::default());
    let waits =
        |target: &&Target| target.plan.as_ref().is_some_and(|plan| by_dns.get(plan) == Some(&true));
    for target in targets.iter().filter(waits) {
        for domain in target.names.iter().map(base_domain) {
            match sharing.entry(domain) {
                Entry::Vacant(place) => {
                    place.insert((target, Vec::new()));
                }
                Entry::Occupied(mut place) => {
                    let (first, others) = place.get_mut();
                    let last = others.last().unwrap_or(first);
                    if std::ptr::eq(*last, target) {
                        continue;
                    }
                    others.push(target);
                    if others.len() == 1 {
                        order.push(domain);
                    }
                }
            }
        }
    }
    for domain in order {
        if let Some((first, others)) = sharing.get(domain)
            && let [second, rest @ ..] = others.as_slice()
        {
            push(&at(domain), first, second, rest, found);
        }
    }
}

fn push(name: &str, first: &Target, second: &Target, rest: &[&Target], found: &mut [Diagnostics]) {
    let count = 2 + rest.len();
    let (file, span) = second.place;
    let remark = match rest.len() {
        0 => format!("and `{}`: whichever is there first goes first", first.name),
        more => format!(
            "and `{}` and {more} more: whichever is there first goes first, each of the others when \
             the one before is issued",
            first.name
        ),
    };
    let diagnostic = Diagnostic::warning(
        SHARED_VALIDATION_NAME,
        format!("{count} targets prove their names at `{name}` and take turns"),
    )
    .at(span, remark);
    let place = Place::new(first.place.0, first.place.1);
    let diagnostic = also(diagnostic, file, place, "wants the same name", found);
    let targets = || [first, second].into_iter().chain(rest.iter().copied());
    let names: BTreeSet<&str> =
        targets().flat_map(|target| &target.names).map(DomainName::as_str).collect();
    let help = if names.len() <= MOST_SUGGESTED {
        let common_name = first.names.first().map(DomainName::as_str).unwrap_or_default();
        let others = names.iter().filter(|name| **name != common_name).map(|name| {
            match name.starts_with('*') {
                true => format!("\"{name}\""),
                false => (*name).to_owned(),
            }
        });
        let others: Vec<String> = others.collect();
        format!(
            "one certificate can hold all these names: `{common_name}` with `dns_names: [{}]`",
            others.join(", ")
        )
    } else {
        let shown = list(targets().map(|target| target.name.as_str()).take(MOST_SUGGESTED));
        format!("one certificate with several `dns_names` needs no turns; among them: {shown}")
    };
    found[file].push(diagnostic.help(help));
}
