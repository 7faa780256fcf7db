//! The files that a test file names: its plan, and scenarios that stand in files of their own.

use crate::document::SourceFile;
use crate::document::decode::{Decoder, Fields, Located};
use crate::document::diagnostic::Diagnostic;
use crate::document::source::Span;
use crate::plan::{Plan, parse_plan};
use crate::sandbox::Scenario;
use crate::trial::Folder;
use crate::types::printable;

/// The plan that is tested: the one that is named, or the one whose name the file bears.
pub(super) fn decode_plan(
    fields: &Fields<'_>,
    start: Span,
    folder: &dyn Folder,
    decoder: &mut Decoder<'_>,
) -> Option<(Plan, SourceFile)> {
    let named = match fields.get("plan") {
        Some(_) => Some(decoder.text(fields, "plan")?),
        None => None,
    };
    let Located { value: path, span } = match named {
        Some(named) => named,
        None => match plan_beside(decoder.file.name()) {
            Some(value) => Located { value, span: start },
            None => {
                decoder.push(
                    Diagnostic::error("missing-key", "the test file has no `plan`")
                        .at(start, "`plan` is missing here")
                        .help(
                            "name the plan, for example `plan: dv.yaml`, or call the file \
                             `dv.test.yaml`",
                        ),
                );
                return None;
            }
        },
    };
    let shown = printable(&path);
    let refuse = |message: String| Diagnostic::error("no-plan", message);
    let source = match folder.read(&path) {
        Ok(source) => source,
        Err(reason) => {
            decoder.push(
                refuse(format!("the plan `{shown}` cannot be read: {reason}"))
                    .at(span, "this file is to test it"),
            );
            return None;
        }
    };
    match parse_plan(&source) {
        Ok((plan, _)) => Some((plan, source)),
        Err(wrong) => {
            let mistakes = wrong.count(crate::document::Severity::Error);
            let first = wrong.entries().next();
            let place = first.map(|entry| format!("line {}: {}", entry.line, entry.message));
            let plural = if mistakes == 1 { "mistake" } else { "mistakes" };
            let diagnostic =
                refuse(format!("the plan `{shown}` cannot be run: {mistakes} {plural}"))
                    .at(span, place.unwrap_or_default());
            decoder.push(diagnostic.help("`certplan check` shows them all, with their places"));
            None
        }
    }
}

/// `dv.yaml` for `plans/dv.test.yaml`.
fn plan_beside(name: &str) -> Option<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    ["yaml", "yml"].iter().find_map(|ending| {
        let stem = name.strip_suffix(&format!(".test.{ending}"))?;
        (!stem.is_empty()).then(|| format!("{stem}.{ending}"))
    })
}

/// A scenario as it stands in the file, or in a file of its own.
pub(super) fn decode_scenario(
    fields: &Fields<'_>,
    folder: &dyn Folder,
    decoder: &mut Decoder<'_>,
) -> Option<Scenario> {
    let (_, node) = fields.get("scenario")?;
    let Some(path) = node.as_str() else { return Scenario::decode(node, decoder) };
    let scenario = folder.read(path).and_then(|source| {
        Scenario::parse(&source).map_err(|wrong| {
            let first = wrong.entries().next();
            first.map_or_else(String::new, |at| format!("line {}: {}", at.line, at.message))
        })
    });
    scenario
        .map_err(|reason| {
            let shown = printable(path);
            decoder.push(
                Diagnostic::error(
                    "no-scenario",
                    format!("the scenario `{shown}` cannot be used: {reason}"),
                )
                .at(node.span, "this file")
                .help("write the scenario here, or name its file relative to this one"),
            );
        })
        .ok()
}
