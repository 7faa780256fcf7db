//! `Scope`: what targets with the same file, plan and groups have in common.
//!
//! Most targets differ in their names only, so that what they share is checked once.

use serde_json::Value;

use super::quick::QuickMap;
use crate::document::decode::Located;
use crate::document::node::{Key, Node};
use crate::document::source::Span;
use crate::plan::literal::InputChecker;
use crate::plan::{Plan, Template};
use crate::types::GroupName;

/// The inputs of a plan in its order, each with the value that a target has when it says nothing:
/// that of a group, of the inventory, or the plan's default.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) values: Vec<(String, Option<Value>)>,
}

/// Two groups that say different things about one input.
#[derive(Debug, Clone)]
pub(super) struct Contradiction {
    /// The place of the input in the plan.
    pub(super) input: usize,
    pub(super) first: Said,
    pub(super) second: Said,
}

/// A group that says something, and where.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) group: GroupName,
    pub(super) file: usize,
    pub(super) span: Span,
}

/// A plan, prepared for many targets.
pub(super) struct PreparedPlan<'p> {
    pub(super) plan: &'p Plan,
    pub(super) checkers: Vec<InputChecker<'p>>,
    /// The place of each input.
    pub(super) places: QuickMap<&'p str, usize>,
    /// The inputs that become the common name of an order.
    pub(super) common_names: Vec<usize>,
    /// The inputs that become names of an order, the common name included.
    pub(super) names: Vec<usize>,
}

impl<'p> PreparedPlan<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let places = plan.inputs.keys().enumerate().map(|(index, name)| (name.as_str(), index));
        let places: QuickMap<&str, usize> = places.collect();
        let common_names = passed_to(plan, &["common_name"], &places);
        let names = passed_to(plan, &["common_name", "dns_names"], &places);
        let checkers = plan.inputs.values().map(InputChecker::new).collect();
        Self { plan, checkers, places, common_names, names }
    }

    pub(super) fn input_name(&self, index: usize) -> &'p str {
        self.plan.inputs.get_index(index).map_or("", |(name, _)| name.as_str())
    }
}

/// The inputs that are passed on as they are to these parameters of any step.
fn passed_to(plan: &Plan, parameters: &[&str], places: &QuickMap<&str, usize>) -> Vec<usize> {
    let mut inputs = Vec::new();
    for step in plan.steps.values() {
        for parameter in parameters {
            if let Some(template) = step.with.get(*parameter) {
                collect(template, places, &mut inputs);
            }
        }
    }
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

fn collect(template: &Template, places: &QuickMap<&str, usize>, inputs: &mut Vec<usize>) {
    match template {
        Template::Expression(inside) => {
            let name = inside.trim().strip_prefix("inputs.");
            inputs.extend(name.and_then(|name| places.get(name)));
        }
        Template::List(items) => items.iter().for_each(|item| collect(item, places, inputs)),
        Template::Literal(_) | Template::Text(_) | Template::Map(_) => {}
    }
}

/// The value that is given for `name`, if any.
pub(super) fn given<'n>(inputs: &'n [(Key, Node)], name: &str) -> Option<&'n (Key, Node)> {
    inputs.iter().find(|(key, _)| key.name == name)
}

/// The names of groups without their places.
pub(super) fn names(groups: &[Located<GroupName>]) -> Vec<GroupName> {
    groups.iter().map(|group| group.value.clone()).collect()
}
