//! Outputs that can be null, and stand where null is none: in a text, as a parameter that must be
//! given, as an item of a list.
//!
//! Such a step fails, and often behind the order. Whoever asks for the value does not get told: with a
//! `default`, in the same template, in the `when` of the step, in an `assert` before it.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Kind, Node};
use crate::document::source::Span;
use crate::plan::Plan;
use crate::plan::model::{Step, Template};
use crate::plan::raw::RawPlan;
use crate::plan::scan::{Follows, Path, Scan, Segment, blocks, scan_expression, scan_text};
use crate::plan::signature::find;
use crate::plan::template::{Parsed, parse};
use crate::plan::value_type::{Field, Presence, ValueType};
use crate::types::printable;

/// Warns of every value that can be null where nobody asks whether it is.
pub(super) fn warn(raw: &RawPlan<'_>, plan: &Plan, decoder: &mut Decoder<'_>) {
    let Ok(graph) = plan.graph() else { return };
    for raw in &raw.steps {
        let Some(step) = plan.steps.get(&raw.id.value) else { continue };
        let (Some(signature), Some((_, entries))) = (find(&step.uses), &raw.with) else { continue };
        let mut uses = Vec::new();
        for (key, node) in *entries {
            if let Some(field) = signature.parameter(&key.name) {
                let must_be_given = field.presence == Presence::Required;
                collect(node, &field.value_type, must_be_given, decoder, &mut uses);
            }
        }
        uses.retain(|found| may_be_null(plan, &found.path));
        if uses.is_empty() {
            continue;
        }
        let mut asked: BTreeSet<String> =
            step.when.iter().flat_map(|when| paths(&scan_expression(when))).collect();
        let before = graph.ancestors(&step.id).into_iter().filter_map(|id| plan.steps.get(&id));
        for check in before.filter(|step| step.uses == "assert") {
            read_by(check, &mut asked);
        }
        for found in uses.iter().filter(|found| !asked.contains(&shown(&found.path))) {
            decoder.push(told(found));
        }
    }
}

/// A place where null is none, and the path that stands there.
struct Use {
    path: Path,
    /// The path as it is written.
    written: String,
    span: Span,
    in_text: bool,
}

/// The paths that stand alone in a value where null is none.
fn collect(
    node: &Node,
    value_type: &ValueType,
    must_be_given: bool,
    decoder: &Decoder<'_>,
    uses: &mut Vec<Use>,
) {
    match (&node.kind, value_type) {
        (_, ValueType::Secret | ValueType::Expression(_)) => {}
        (Kind::String(text), _) => match parse(text) {
            Ok(Parsed::Expression { inside, offset, mut code })
                if must_be_given && code.is_path =>
            {
                let span = node.inside(offset..offset + inside.len(), decoder.file);
                uses.extend(code.scan.paths.pop().map(|path| Use {
                    path,
                    written: inside,
                    span,
                    in_text: false,
                }));
            }
            Ok(Parsed::Text { code }) if code.scan.statements.is_empty() => {
                in_text(node, text, &code.scan, decoder, uses);
            }
            _ => {}
        },
        (Kind::Seq(items), ValueType::List(item)) => {
            items.iter().for_each(|node| collect(node, item, true, decoder, uses));
        }
        (Kind::Seq(items), ValueType::Command) => {
            let word = ValueType::String;
            items.iter().for_each(|node| collect(node, &word, true, decoder, uses));
        }
        (Kind::Seq(items), _) => {
            items.iter().for_each(|node| collect(node, &ValueType::Any, false, decoder, uses));
        }
        (Kind::Map(entries), _) => {
            for (key, node) in entries {
                let (value_type, must_be_given) = part(value_type, &key.name);
                collect(node, value_type, must_be_given, decoder, uses);
            }
        }
        _ => {}
    }
}

/// The type of a part of a map, and whether null is none there.
fn part<'t>(around: &'t ValueType, name: &str) -> (&'t ValueType, bool) {
    match around {
        ValueType::MapOf(item) => (item, true),
        ValueType::Record(fields) => {
            let field = fields.iter().find(|field| field.name == name);
            field.map_or((&ValueType::Any, false), |field| {
                (&field.value_type, field.presence == Presence::Required)
            })
        }
        _ => (&ValueType::Any, false),
    }
}

/// The blocks of a text that are a path and nothing else; not those that another block asks about.
fn in_text(node: &Node, text: &str, scan: &Scan, decoder: &Decoder<'_>, uses: &mut Vec<Use>) {
    let alone = |block: Range<usize>| {
        let written = &text[block.clone()];
        let inside = written.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let path = scan_expression(inside).paths.pop()?;
        let start = block.start + written.find(inside)?;
        (path.range == (0..inside.len())).then_some((path, start..start + inside.len()))
    };
    let found: Vec<(Path, Range<usize>)> = blocks(text).into_iter().filter_map(alone).collect();
    let read = paths(scan);
    for (path, range) in &found {
        let this = shown(path);
        let times = found.iter().filter(|(path, _)| shown(path) == this).count();
        if read.iter().filter(|path| **path == this).count() == times {
            let span = node.inside(range.clone(), decoder.file);
            uses.push(Use {
                path: path.clone(),
                written: text[range.clone()].to_owned(),
                span,
                in_text: true,
            });
        }
    }
}

/// The warning, with what mends it.
fn told(found: &Use) -> Diagnostic {
    let path = printable(&found.written);
    let (remark, other) = match found.in_text {
        true => ("a text cannot hold null: the step would fail", "default('…')"),
        false => ("null is no value here: the step would fail", "default(…)"),
    };
    Diagnostic::warning("may-be-null", format!("`{path}` can be null"))
        .at(found.span, remark)
        .help(format!("give a value for that case: `{path} | {other}`"))
        .help(format!("or let the step run only when there is one: `when: {path} is not none`"))
}

fn paths(scan: &Scan) -> Vec<String> {
    scan.paths.iter().map(shown).collect()
}

/// A path without the numbers of items: who asks for one asks for all.
fn shown(path: &Path) -> String {
    let name = |segment: &Segment| match segment {
        Segment::Name(word) => Some(word.text.clone()),
        Segment::Index(_) => None,
    };
    path.segments.iter().filter_map(name).collect::<Vec<_>>().join(".")
}

/// Whether a step that succeeded may leave this null.
fn may_be_null(plan: &Plan, path: &Path) -> bool {
    let name = |index: usize| path.name(index).map(|word| word.text.as_str());
    let (Some("steps"), Some(id), Some(field), Follows::Other) =
        (name(0), name(1), name(2), path.follows)
    else {
        return false;
    };
    let signature = plan.steps.get(id).and_then(|step| find(&step.uses));
    let Some(field) = signature.and_then(|signature| signature.output_field(field)) else {
        return false;
    };
    last(field, &path.segments[3..]).is_some_and(|field| field.presence == Presence::Optional)
}

/// The field at the end of a path; none when it ends in an item.
fn last<'f>(field: &'f Field, rest: &[Segment]) -> Option<&'f Field> {
    let (mut field, mut value_type) = (Some(field), &field.value_type);
    for segment in rest {
        (field, value_type) = match (value_type, segment) {
            (ValueType::List(item), Segment::Index(_)) => (None, item.as_ref()),
            (ValueType::Record(fields), Segment::Name(word)) => {
                let found = fields.iter().find(|field| field.name == word.text)?;
                (Some(found), &found.value_type)
            }
            _ => return None,
        };
    }
    field
}

/// Everything that the parameters of a step read.
fn read_by(step: &Step, found: &mut BTreeSet<String>) {
    let mut open: Vec<&Template> = step.with.values().collect();
    while let Some(template) = open.pop() {
        match template {
            Template::Literal(_) => {}
            Template::Expression(code) => found.extend(paths(&scan_expression(code))),
            Template::Text(text) => found.extend(paths(&scan_text(text))),
            Template::List(items) => open.extend(items),
            Template::Map(entries) => open.extend(entries.values()),
        }
    }
}
