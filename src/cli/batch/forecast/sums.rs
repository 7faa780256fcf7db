//! The sums of a forecast: what is bought altogether, who takes turns, and what a person should know
//! before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::super::super::inventory_files::LoadedInventory;
use super::super::choice::{Choice, Choices};
use super::{Foreseen, MOST_NAMES};
use crate::inventory::Target;
use crate::report::preview::{Count, Row, WARNING};
use crate::types::RunId;
use crate::upkeep::Decision;

/// Targets that wait for one another.
#[derive(Serialize)]
pub(super) struct Turn {
    pub(super) validation_name: String,
    pub(super) targets: Vec<String>,
}

/// The sums of a forecast.
pub(super) struct Sums {
    pub(super) orders: Count,
    pub(super) products: BTreeMap<String, u32>,
    pub(super) requests: u32,
    pub(super) turns: Vec<Turn>,
    pub(super) failing: usize,
    /// How many of these because of what was answered.
    pub(super) failing_by_answer: usize,
    /// How many requests were sent to know that.
    pub(super) sent: u32,
    /// How many would be ordered anew if somebody said so.
    pub(super) drifted: usize,
    /// For how many somebody has said so.
    pub(super) ordered_anew: usize,
}

impl Sums {
    pub(super) fn of(foreseen: &[Foreseen<'_>], loaded: &LoadedInventory) -> Self {
        let mut sums = Self {
            orders: Count { at_least: 0, at_most: 0 },
            products: BTreeMap::new(),
            requests: 0,
            turns: turns(foreseen, loaded),
            failing: 0,
            failing_by_answer: 0,
            sent: 0,
            drifted: 0,
            ordered_anew: 0,
        };
        let mut shared: BTreeSet<&String> = BTreeSet::new();
        for Foreseen { choice, effort } in foreseen {
            for order in &effort.orders {
                sums.orders.at_most += 1;
                sums.orders.at_least += u32::from(order.certain);
                *sums.products.entry(order.product.clone()).or_default() += 1;
            }
            sums.requests = sums.requests.saturating_add(effort.requests);
            shared.extend(&effort.shared);
            sums.failing += usize::from(effort.fails.is_some());
            sums.failing_by_answer += usize::from(effort.fails_by_answer);
            let drifted =
                matches!(&choice.decision, Decision::Keep { drift, .. } if !drift.is_empty());
            sums.drifted += usize::from(drifted);
            sums.ordered_anew += usize::from(choice.order_anew().is_some());
        }
        let shared = u32::try_from(shared.len()).unwrap_or(u32::MAX);
        sums.requests = sums.requests.saturating_add(shared);
        sums
    }

    pub(super) fn rows(
        &self,
        endpoint: Option<&str>,
        sandbox: bool,
        warnings: &[String],
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut push = |name: &str, text: String| rows.push(Row { name: name.to_owned(), text });
        push("orders", self.orders_text(sandbox));
        let asks = if sandbox { "" } else { "; `run` asks first" };
        match self.ordered_anew {
            0 => {}
            1 => push("anew", format!("for 1 target that has ordered before{asks}")),
            some => push("anew", format!("for {some} targets that have ordered before{asks}")),
        }
        warnings.iter().for_each(|warning| push(WARNING, warning.clone()));
        match endpoint {
            _ if sandbox => push("from", "the embedded sandbox, no real CA".to_owned()),
            Some(endpoint) => push("from", endpoint.to_owned()),
            None => {}
        }
        push(
            "requests",
            match self.requests {
                0 => "none".to_owned(),
                some => format!("about {some}, and a list of all certificates now and then"),
            },
        );
        match self.sent {
            0 => {}
            1 => push("asked", "1 request was sent to see what is there".to_owned()),
            some => push("asked", format!("{some} requests were sent to see what is there")),
        }
        for turn in self.turns.iter().take(MOST_TURNS) {
            push("turns", turn.text());
        }
        match self.turns.len().saturating_sub(MOST_TURNS) {
            0 => {}
            more => push("turns", format!("and at {more} more validation names")),
        }
        if self.drifted > 0 {
            push(
                "hint",
                format!(
                    "{} not what is asked for now; `--apply-drift` orders anew",
                    match self.drifted {
                        1 => "1 certificate is".to_owned(),
                        some => format!("{some} certificates are"),
                    }
                ),
            );
        }
        rows
    }

    fn orders_text(&self, sandbox: bool) -> String {
        let Count { at_least, at_most } = self.orders;
        let paid = if sandbox { "not paid, the sandbox takes no money" } else { "paid" };
        let number = match (at_least, at_most) {
            (_, 0) => return "none; nothing is bought".to_owned(),
            (least, most) if least == most => most.to_string(),
            (0, most) => format!("at most {most}"),
            (least, most) => format!("{least} to {most}"),
        };
        let products: Vec<String> =
            self.products.iter().map(|(product, count)| format!("{count} {product}")).collect();
        format!("{number}: {}; {paid}", products.join(", "))
    }
}

/// So many validation names are listed.
const MOST_TURNS: usize = 5;

impl Turn {
    fn text(&self) -> String {
        let mut shown: Vec<&str> =
            self.targets.iter().take(MOST_NAMES).map(String::as_str).collect();
        let more = format!("{} more", self.targets.len().saturating_sub(MOST_NAMES));
        if self.targets.len() > MOST_NAMES {
            shown.push(&more);
        }
        format!(
            "{} targets take turns at `{}` ({}); one certificate for all of them needs none",
            self.targets.len(),
            self.validation_name,
            shown.join(", ")
        )
    }
}

/// Which of the targets that would be worked on share a name at which they are proved.
fn turns(foreseen: &[Foreseen<'_>], loaded: &LoadedInventory) -> Vec<Turn> {
    let known: HashMap<&str, &Target> =
        loaded.inventory.targets.iter().map(|target| (target.name.as_str(), target)).collect();
    let mut order: Vec<String> = Vec::new();
    let mut sharing: HashMap<String, Vec<String>> = HashMap::new();
    for Foreseen { choice, effort } in foreseen {
        let waits = choice.is_work() && effort.by_dns && effort.fails.is_none();
        let Some(target) = known.get(choice.target.as_str()).filter(|_| waits) else { continue };
        for name in target.validation_names() {
            let others = sharing.entry(name.clone()).or_default();
            others.push(choice.target.clone());
            if others.len() == 2 {
                order.push(name);
            }
        }
    }
    let turn = |name: String| {
        let targets = sharing.remove(&name)?;
        Some(Turn { validation_name: name, targets })
    };
    order.into_iter().filter_map(turn).collect()
}

/// So many targets beside whose orders others would be placed are named.
const MOST_BESIDE: usize = 5;

/// Beside which orders that are still under way others would be placed, because a person said so.
pub(super) fn beside_what_is_under_way(choices: &Choices) -> Vec<String> {
    let open = choices.choices.iter().filter_map(|choice| Some((choice, choice.order_anew()?)));
    let open: Vec<_> = open.filter(|(_, open)| !open.is_empty()).collect();
    let warning = |(choice, open): &(&Choice, &[RunId])| {
        let runs: Vec<&str> = open.iter().map(RunId::as_str).collect();
        format!(
            "for `{}` the order of run {} is still under way, and stays so beside the new one",
            choice.target,
            runs.join(", run ")
        )
    };
    let mut warnings: Vec<String> = open.iter().take(MOST_BESIDE).map(warning).collect();
    match open.len().saturating_sub(MOST_BESIDE) {
        0 => {}
        more => warnings.push(format!("and so for {more} more targets")),
    }
    warnings
}
