//! `Gaps`: what targets leave out, a plan or an input, told once for all that leave out the same.
//!
//! A table of a thousand rows that lacks one column has one mistake, not a thousand.

use indexmap::IndexMap;

use super::model::PlanPath;
use super::raw::{Format, InventoryFile};
use super::scope::PreparedPlan;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::types::{TargetName, printable};

/// A sentence names so many targets.
const MOST_NAMED: usize = 4;

type Names<'f> = Vec<&'f Located<TargetName>>;

/// What was left out so far, by file.
#[derive(Default)]
pub(super) struct Gaps<'f> {
    plans: IndexMap<usize, Names<'f>>,
    inputs: IndexMap<(usize, PlanPath, usize), Names<'f>>,
}

impl<'f> Gaps<'f> {
    /// Notes that nothing says which plan gets a target.
    pub(super) fn plan(&mut self, file: usize, target: &'f Located<TargetName>) {
        self.plans.entry(file).or_default().push(target);
    }

    /// Notes that a target has no value for an input of its plan, given by its place there.
    pub(super) fn input(
        &mut self,
        file: usize,
        plan: &PlanPath,
        input: usize,
        target: &'f Located<TargetName>,
    ) {
        self.inputs.entry((file, plan.clone(), input)).or_default().push(target);
    }

    /// The files that have targets without a plan, with these targets.
    pub(super) fn without_plan(&self) -> impl Iterator<Item = (usize, &Names<'f>)> {
        self.plans.iter().map(|(file, names)| (*file, names))
    }

    /// The inputs that targets have no value for: file, plan, place of the input, targets.
    pub(super) fn without_input(
        &self,
    ) -> impl Iterator<Item = (usize, &PlanPath, usize, &Names<'f>)> {
        self.inputs.iter().map(|((file, plan, input), names)| (*file, plan, *input, names))
    }
}

/// Says which targets have no plan.
pub(super) fn no_plan(targets: &Names<'_>, file: &InventoryFile, decoder: &mut Decoder<'_>) {
    let [first, rest @ ..] = targets.as_slice() else { return };
    let message = match rest {
        [] => format!("the target `{}` has no plan", first.value),
        _ => format!("{} targets have no plan", targets.len()),
    };
    let remark = match rest {
        [] => "nothing says how to get it",
        _ => "nothing says how to get this one",
    };
    let diagnostic = Diagnostic::error("no-plan", message).at(first.span, remark);
    let in_the_file = match file.format {
        Format::Yaml => ", or in the inventory with `plan: dv.yaml`",
        Format::Table => ", or in a column `plan`",
        Format::List => "; a list of domains has no place for it",
    };
    decoder.push(
        named(diagnostic, targets, decoder)
            .help(format!("name the plan on the command line{in_the_file}")),
    );
}

/// Says which targets have no value for an input.
pub(super) fn no_input(
    input: usize,
    targets: &Names<'_>,
    prepared: &PreparedPlan<'_>,
    file: &InventoryFile,
    decoder: &mut Decoder<'_>,
) {
    let [first, rest @ ..] = targets.as_slice() else { return };
    let name = prepared.input_name(input);
    let message = match rest {
        [] => format!("the target `{}` does not say its `{name}`", first.value),
        _ => format!("{} targets do not say their `{name}`", targets.len()),
    };
    let diagnostic = Diagnostic::error("missing-input", message);
    if prepared.common_names.contains(&input) {
        let diagnostic = diagnostic
            .at(first.span, "this is no domain name that could stand in for it")
            .help(format!("add `{name}` to its inputs, or name the target by its domain"))
            .help("an inventory never leaves this to the default of the plan");
        decoder.push(named(diagnostic, targets, decoder));
        return;
    }
    let plan = printable(&prepared.plan.name);
    let mut diagnostic = diagnostic.at(first.span, format!("the plan `{plan}` needs it"));
    let column = file.columns.iter().find(|column| column.name == name);
    if let Some(column) = column {
        let remark = match rest {
            [] => "its cell in this column is empty",
            _ => "their cells in this column are empty",
        };
        diagnostic = diagnostic.also(column.span, remark);
    }
    let diagnostic = named(diagnostic, targets, decoder).help(meaning(prepared.plan, name));
    decoder.push(diagnostic.help(match (file.format, column) {
        (Format::Yaml, _) => {
            "give it to the target, to one of its groups, or under `defaults`".to_owned()
        }
        (Format::Table, Some(_)) => {
            "fill in the cell; a group of the target can say it as well".to_owned()
        }
        (Format::Table, None) => {
            format!("add a column `{name}`; a group of the target can say it as well")
        }
        (Format::List, _) => {
            format!("a list has domains only; `{name}` needs an inventory in YAML or CSV")
        }
    }));
}

/// What an input is for, as the plan says it.
fn meaning(plan: &Plan, name: &str) -> String {
    let Some(input) = plan.inputs.get(name) else { return format!("`{name}`") };
    let meaning = input.description.as_deref();
    let meaning = meaning.map(|text| format!(": {}", printable(text))).unwrap_or_default();
    format!("`{name}` ({}){meaning}", input.value_type)
}

/// Adds where several targets are, the first of them by name.
fn named(diagnostic: Diagnostic, targets: &Names<'_>, decoder: &Decoder<'_>) -> Diagnostic {
    if targets.len() < 2 {
        return diagnostic;
    }
    let line = |target: &Located<TargetName>| decoder.file.position(target.span.start).line;
    let told = targets.iter().take(MOST_NAMED);
    let mut told: Vec<String> =
        told.map(|target| format!("`{}` (line {})", target.value, line(target))).collect();
    match targets.len().saturating_sub(MOST_NAMED) {
        0 => {}
        more => told.push(format!("{more} more")),
    }
    let last = told.pop().unwrap_or_default();
    diagnostic.help(format!("they are {} and {last}", told.join(", ")))
}
