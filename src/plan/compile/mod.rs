//! The compiler: from what was written (`RawPlan`) to what can be run ([`Plan`]).
//!
//! Names are resolved, types are checked, references become edges, cycles are found. It reports
//! everything it finds and never stops at the first mistake; the plan that it returns is good only
//! when nothing was an error.

mod comparison;
mod connection;
mod constant;
mod defaults;
mod doubts;
mod expression;
mod finally;
mod folders;
mod foreign_template;
mod formats;
mod guards;
mod headers;
mod hollow;
pub(super) mod input;
mod names;
mod nulls;
mod policy;
mod reference;
mod relations;
mod rules;
pub(super) mod source;
mod step;
mod unguarded;
pub(super) mod value;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use defaults::Defaults;
use indexmap::IndexMap;
use reference::Checker;

use super::OnFailure;
use super::model::{Input, Plan, Step};
use super::raw::{RawPlan, RawStep};
use super::schedule::ValidityLimit;
use super::signature::{self, Signature};
use super::template::{Parsed, parse};
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Kind;
use crate::document::source::Span;
use crate::document::suggest;
use crate::graph::StepGraph;
use crate::types::{StepId, StepMap, printable};

/// The parameter that names parts of an answer, and the output field that has them.
const CAPTURES: &str = "captures";

/// What the compiler knows of the other steps while it checks one.
struct Known<'p> {
    inputs: &'p IndexMap<String, Input>,
    steps: &'p [StepInfo],
    by_id: HashMap<&'p str, &'p StepInfo>,
}

impl<'p> Known<'p> {
    fn new(inputs: &'p IndexMap<String, Input>, steps: &'p [StepInfo]) -> Self {
        let by_id = steps.iter().map(|info| (info.id.as_str(), info)).collect();
        Self { inputs, steps, by_id }
    }

    fn step(&self, id: &str) -> Option<&'p StepInfo> {
        self.by_id.get(id).copied()
    }
}

/// What references need to know about a step.
struct StepInfo {
    id: StepId,
    span: Span,
    signature: Option<&'static Signature>,
    /// Its condition without needless white space, and where that stands.
    when: Option<Located<String>>,
    on_failure: OnFailure,
    /// Whether it runs at the end, whatever happened before.
    finally: bool,
    /// The names under which it keeps parts of an answer, when they are written out.
    captures: Option<Vec<String>>,
}

/// Compiles a decoded plan. With a `limit`, a longer validity is a doubt.
pub(super) fn compile(
    raw: &RawPlan<'_>,
    limit: Option<&ValidityLimit>,
    decoder: &mut Decoder<'_>,
) -> Plan {
    let (inputs, faulty) = input::compile_inputs(&raw.inputs, decoder);
    let infos: Vec<StepInfo> = raw.steps.iter().map(|step| step_info(step, decoder)).collect();
    let known = Known::new(&inputs, &infos);
    let mut used_inputs = BTreeSet::new();
    let mut constants = 0;
    let mut defaults = Defaults::new(&inputs, &faulty, &raw.inputs);
    let mut steps = StepMap::default();
    for (raw, info) in raw.steps.iter().zip(&infos) {
        let (step, misfit) =
            step::compile_step(raw, info, &known, (&mut used_inputs, &mut constants), decoder);
        if let Some(misfit) = misfit {
            defaults.check(raw, &step, &misfit, decoder);
        }
        steps.insert(step.id.clone(), step);
    }
    unguarded::gather(decoder);
    check_orders(raw, &infos, decoder);
    formats::check_formats(raw, &infos, decoder);
    folders::check_twice(raw, &steps, decoder);
    names::check_requests(raw, &steps, decoder);
    names::check_downloads(raw, &steps, decoder);
    relations::check_keys(raw, &steps, decoder);
    relations::check_waits(raw, &steps, decoder);
    finally::check_orders(raw, &infos, decoder);
    check_cycle(&steps, &infos, decoder);
    let needed: BTreeSet<&str> =
        infos.iter().filter_map(|info| info.signature?.connection).collect();
    let connections = connection::compile_connections(raw.connections, &needed, decoder);
    let (name, description) = (raw.name.clone(), raw.description.clone());
    let plan = Plan { name, description, inputs, connections, steps };
    if !decoder.diagnostics.has_errors() {
        doubts::warn(raw, &plan, &infos, &used_inputs, limit, decoder);
    }
    plan
}

fn step_info(raw: &RawStep<'_>, decoder: &mut Decoder<'_>) -> StepInfo {
    let found = raw.uses.as_ref().and_then(|uses| {
        let found = signature::find(&uses.value);
        if found.is_none() {
            decoder.push(unknown_action(uses));
        }
        found
    });
    let when = raw.when.and_then(|node| {
        let condition = step::condition_text(node)?;
        // Braces around it are reported; they are no part of it.
        let condition = match parse(condition.strip_prefix('$').unwrap_or(&condition)) {
            Ok(Parsed::Expression { inside, .. }) => inside,
            _ => condition,
        };
        let value = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        // A step that always runs is never skipped.
        (value != "true").then_some(Located { value, span: node.span })
    });
    StepInfo {
        id: raw.id.value.clone(),
        span: raw.id.span,
        signature: found,
        when,
        on_failure: raw.on_failure,
        finally: raw.finally,
        captures: found.filter(|signature| signature.output_field(CAPTURES).is_some()).and_then(
            |_| {
                let entries = raw.with.map_or(&[][..], |(_, entries)| entries);
                match entries
                    .iter()
                    .find(|(key, _)| key.name == CAPTURES)
                    .map(|(_, node)| &node.kind)
                {
                    Some(Kind::Map(names)) => {
                        Some(names.iter().map(|(key, _)| key.name.clone()).collect())
                    }
                    Some(_) => None,
                    None => Some(Vec::new()),
                }
            },
        ),
    }
}

fn unknown_action(uses: &Located<String>) -> Diagnostic {
    let names = || signature::signatures().iter().map(|signature| signature.name);
    let diagnostic = Diagnostic::error(
        "unknown-action",
        format!("there is no action `{}`", printable(&uses.value)),
    )
    .at(uses.span, "unknown action");
    match signature::nearest_action(&uses.value) {
        Some(near) => diagnostic.suggest(uses.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("actions: {}", suggest::list(names()))),
    }
}

fn check_orders(raw: &RawPlan<'_>, infos: &[StepInfo], decoder: &mut Decoder<'_>) {
    let mut orders = raw.steps.iter().zip(infos).filter_map(|(step, info)| {
        // A run owns one certificate id.
        info.signature.filter(|signature| signature.obtains_certificate())?;
        step.uses.as_ref().map(|uses| uses.span)
    });
    let Some(first) = orders.next() else { return };
    for again in orders {
        decoder.push(
            Diagnostic::error("two-orders", "a plan orders one certificate, not two")
                .at(again, "a second order")
                .also(first, "the first order")
                .help("write a plan for one certificate and run it for many targets"),
        );
    }
}

fn check_cycle(steps: &StepMap<Step>, infos: &[StepInfo], decoder: &mut Decoder<'_>) {
    let Err(cycle) = StepGraph::new(steps.values().map(|step| (&step.id, &step.needs))) else {
        return;
    };
    let spans: BTreeMap<&StepId, Span> = infos.iter().map(|info| (&info.id, info.span)).collect();
    let span_of = |id: &StepId| spans.get(id).copied().unwrap_or_default();
    let mut path = cycle.path.clone();
    // Begin with the step that comes first in the file.
    if let Some(first) = (0..path.len()).min_by_key(|index| span_of(&path[*index])) {
        path.rotate_left(first);
    }
    let shown: Vec<String> = path.iter().chain(path.first()).map(|id| format!("`{id}`")).collect();
    let mut diagnostic =
        Diagnostic::error("cycle", format!("the steps need one another: {}", shown.join(" → ")));
    for (index, id) in path.iter().enumerate() {
        let remark = format!("needs `{}`", path[(index + 1) % path.len()]);
        diagnostic = match index {
            0 => diagnostic.at(span_of(id), remark),
            _ => diagnostic.also(span_of(id), remark),
        };
    }
    decoder.push(diagnostic.help(
        "a step needs every step that its templates read and every step under its `needs`; one of \
         these must go",
    ));
}
