//! What can be wrong between targets, groups, files and plans, in words.

use std::path::Path;

use super::model::{PlanPath, Target};
use super::quick::QuickMap;
use super::scope::Said;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::node::Key;
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::Plan;
use crate::types::{DomainName, GroupName, TargetName, printable, shorten};

/// A place in one of the files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    file: usize,
    span: Span,
}

impl Place {
    pub(super) fn new(file: usize, span: Span) -> Self {
        Self { file, span }
    }
}

/// Adds a second place, in the same file or in another.
pub(super) fn also(
    diagnostic: Diagnostic,
    here: usize,
    place: Place,
    text: impl Into<String>,
    found: &[Diagnostics],
) -> Diagnostic {
    match found.get(place.file) {
        Some(other) if place.file != here => {
            diagnostic.also_in(other.shown_file(), place.span, text)
        }
        _ => diagnostic.also(place.span, text),
    }
}

pub(super) fn duplicate_group(
    name: &Located<GroupName>,
    file: usize,
    first: Place,
    found: &mut [Diagnostics],
) {
    let diagnostic =
        Diagnostic::error("duplicate-group", format!("two groups are called `{}`", name.value))
            .at(name.span, "this name is taken")
            .help("a group is defined in one place; all files can use it");
    let diagnostic = also(diagnostic, file, first, "by this group", found);
    found[file].push(diagnostic);
}

pub(super) fn duplicate_target(
    name: &Located<TargetName>,
    file: usize,
    first: Place,
    found: &mut [Diagnostics],
) {
    let diagnostic = Diagnostic::error(
        "duplicate-target",
        format!("the target `{}` is given twice", name.value),
    )
    .at(name.span, "given again here")
    .help("keep one of the two: a target is one certificate, ordered once");
    let diagnostic = also(diagnostic, file, first, "first given here", found);
    found[file].push(diagnostic);
}

/// `--limit NAME` could mean either.
pub(super) fn name_taken(
    name: &Located<TargetName>,
    file: usize,
    group: Place,
    found: &mut [Diagnostics],
) {
    let diagnostic = Diagnostic::error(
        "name-taken",
        format!("a target and a group are called `{}`", name.value),
    )
    .at(name.span, "the target")
    .help("give one of the two another name, so that `--limit` can tell them apart");
    let diagnostic = also(diagnostic, file, group, "the group", found);
    found[file].push(diagnostic);
}

pub(super) fn contradiction(
    input: &str,
    target: &Located<TargetName>,
    file: usize,
    first: &Said,
    second: &Said,
    found: &mut [Diagnostics],
) {
    let diagnostic = Diagnostic::error(
        "contradiction",
        format!("the groups of target `{}` disagree about `{input}`", target.value),
    )
    .at(target.span, format!("it is in `{}` and in `{}`", first.group, second.group))
    .help(format!("say `{input}` at the target itself, or take it out of one of the groups"));
    let mut diagnostic = diagnostic;
    for said in [first, second] {
        let place = Place::new(said.file, said.span);
        diagnostic = also(diagnostic, file, place, format!("said by `{}`", said.group), found);
    }
    found[file].push(diagnostic);
}

pub(super) fn unknown_group(
    group: &Located<GroupName>,
    mut known: Vec<&str>,
    several_files: bool,
    decoder: &mut Decoder<'_>,
) {
    known.sort_unstable();
    let diagnostic =
        Diagnostic::error("unknown-group", format!("there is no group `{}`", group.value))
            .at(group.span, "unknown group");
    decoder.push(match nearest(group.value.as_str(), known.iter().copied()) {
        Some(near) => diagnostic.suggest(group.span, near, format!("did you mean `{near}`?")),
        None if !known.is_empty() => diagnostic.help(format!("groups: {}", list(known))),
        None if several_files => diagnostic.help("no file defines any, under `groups:`"),
        None => diagnostic.help(
            "define it under `groups:`; several files are one inventory when each is named with \
             `--inventory`",
        ),
    });
}

pub(super) fn unknown_plan(
    written: &Located<String>,
    path: &PlanPath,
    reason: &str,
    meant: Option<&Path>,
    others: &[String],
    decoder: &mut Decoder<'_>,
) {
    let shown = shorten(&printable(&path.to_string()), 200);
    let diagnostic =
        Diagnostic::error("unknown-plan", format!("the plan `{shown}` cannot be used"))
            .at(written.span, printable(reason));
    if let Some(meant) = meant {
        let meant = printable(&meant.display().to_string());
        decoder.push(decoder.suggest_near(diagnostic, written.span, &meant));
        return;
    }
    let near = nearest(&path.to_string(), others.iter().map(String::as_str));
    let diagnostic = match near {
        Some(near) => diagnostic.help(format!("another plan of this inventory is `{near}`")),
        None => diagnostic,
    };
    decoder.push(diagnostic.help("the path of a plan is relative to the file that names it"));
}

/// The columns of a table that are no inputs.
const COLUMNS: [&str; 3] = ["target", "plan", "groups"];

/// An input that none of `plans` has; as a column it may be meant for something else.
pub(super) fn unknown_input(
    key: &Key,
    plans: &[&Plan],
    is_column: bool,
    decoder: &mut Decoder<'_>,
) {
    let name = shorten(&printable(&key.name), 60);
    let message = match plans {
        [plan] => format!("the plan `{}` has no input `{name}`", printable(&plan.name)),
        _ => format!("none of the plans of these targets has an input `{name}`"),
    };
    let diagnostic = Diagnostic::error("unknown-input", message).at(key.span, "unknown input");
    let known = || plans.iter().flat_map(|plan| plan.inputs.keys()).map(String::as_str);
    let columns: &[&str] = if is_column { &COLUMNS } else { &[] };
    if let Some(near) = nearest(&key.name, known().chain(columns.iter().copied())) {
        decoder.push(diagnostic.suggest(key.span, near, format!("did you mean `{near}`?")));
        return;
    }
    let diagnostic = diagnostic.help(match known().next() {
        Some(_) => format!("inputs: {}", list(known())),
        None => "it has no inputs at all".to_owned(),
    });
    decoder.push(match is_column {
        true => diagnostic.help(format!("columns beside inputs: {}", list(COLUMNS))),
        false => diagnostic,
    });
}

pub(super) fn unused_group(group: &Located<GroupName>, decoder: &mut Decoder<'_>) {
    decoder.push(
        Diagnostic::warning("unused-group", format!("no target is in the group `{}`", group.value))
            .at(group.span, "nobody uses it")
            .help(format!("a target joins it with `groups: [{}]`", group.value)),
    );
}

/// Two targets whose certificates would hold the same names: one of them is paid for nothing.
pub(super) fn same_names(targets: &[Target], found: &mut [Diagnostics]) {
    let mut seen: QuickMap<&[DomainName], &Target> =
        QuickMap::with_capacity_and_hasher(targets.len(), Default::default());
    for target in targets.iter().filter(|target| !target.names.is_empty()) {
        let Some(first) = seen.get(target.names.as_slice()) else {
            seen.insert(&target.names, target);
            continue;
        };
        let (file, span) = target.place;
        let names = list(target.names.iter().map(DomainName::as_str));
        let diagnostic = Diagnostic::error(
            "same-names",
            format!("the targets `{}` and `{}` order the same names", first.name, target.name),
        )
        .at(span, format!("this one orders {names}"))
        .help("leave one of the two out: one certificate is enough, and each is paid for");
        let place = Place::new(first.place.0, first.place.1);
        let diagnostic = also(diagnostic, file, place, "and so does this one", found);
        found[file].push(diagnostic);
    }
}
