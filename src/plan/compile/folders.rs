//! Folders within one plan: two steps that fill one, and a step that reads one without waiting for the
//! step that fills it.
//!
//! Only what is certain is told: two folders are the same when they are written alike, and of a step
//! that may be skipped nothing is said. A folder that no step fills may be filled by another plan.

use std::collections::HashMap;

use super::relations::place;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::suggest::is_slip;
use crate::plan::certificate_origin::source_of;
use crate::plan::model::{Plan, Step, Template};
use crate::plan::raw::RawPlan;
use crate::plan::signature::find;
use crate::types::StepMap;

/// The parameters that name a folder which a download or an export filled.
const READERS: [(&str, &str); 3] = [
    ("x509.export", "from"),
    ("command.run", "certificate_directory"),
    ("tls.check_served", "certificate_file"),
];

/// Reports every folder that two steps fill: the second one takes the place of the first.
pub(super) fn check_twice(raw: &RawPlan<'_>, steps: &StepMap<Step>, decoder: &mut Decoder<'_>) {
    let mut taken: HashMap<String, &Step> = HashMap::new();
    for (step, folder) in steps.values().filter_map(|step| Some((step, filled_by(step)?))) {
        let Some(first) = taken.get(&folder).filter(|first| first.when == step.when) else {
            taken.entry(folder).or_insert(step);
            continue;
        };
        let reads_it = read_by(step).is_some_and(|(_, read)| read == folder)
            || source_of(step, "from", "directory") == Some(first.id.as_str());
        if reads_it {
            continue; // That it writes where it reads says more.
        }
        let message =
            format!("the steps `{}` and `{}` put their files into one folder", first.id, step.id);
        decoder.push(
            Diagnostic::error("folder-twice", message)
                .at(
                    place(raw, &step.id, Some("directory")),
                    format!("this set of files takes the place of the one of `{}`", first.id),
                )
                .also(place(raw, &first.id, Some("directory")), "filled here")
                .help("a folder holds one set of files at a time: give one of the two another `directory`"),
        );
    }
}

/// Warns of every folder that is read without waiting for the step which fills it, and of one that was
/// probably meant to be another.
pub(super) fn warn(raw: &RawPlan<'_>, plan: &Plan, decoder: &mut Decoder<'_>) {
    let Ok(graph) = plan.graph() else { return };
    let filled: Vec<(&Step, String)> =
        plan.steps.values().filter_map(|step| Some((step, filled_by(step)?))).collect();
    for step in plan.steps.values().filter(|step| !step.finally) {
        let Some((parameter, folder)) = read_by(step) else { continue };
        let span = place(raw, &step.id, Some(parameter));
        let mut fillers = filled.iter().filter(|(_, other)| *other == folder).peekable();
        if fillers.peek().is_none() {
            let Some((filler, _)) =
                filled.iter().find(|(_, other)| is_slip(&folder, [other.as_str()]))
            else {
                continue;
            };
            decoder.push(
                Diagnostic::warning("folder-unfilled", "no step fills this folder")
                    .at(span, format!("`{}` fills one of nearly the same name", filler.id))
                    .also(place(raw, &filler.id, Some("directory")), "this is filled")
                    .help(format!("read it as `{{{{ steps.{}.directory }}}}`", filler.id)),
            );
            continue;
        }
        // Who reads the folder before it is filled anew wants the former certificate.
        let settled = |filler: &Step| {
            graph.ancestors(&step.id).contains(&filler.id)
                || graph.ancestors(&filler.id).contains(&step.id)
                || filler.finally
        };
        let Some((filler, _)) = fillers.find(|(filler, _)| !settled(filler)) else { continue };
        decoder.push(
            Diagnostic::warning(
                "not-waited-for",
                format!("step `{}` reads a folder while `{}` may fill it", step.id, filler.id),
            )
            .at(span, format!("`{}` does not wait for `{}`", step.id, filler.id))
            .also(place(raw, &filler.id, Some("directory")), "the folder is filled here")
            .help(format!("read it as `{{{{ steps.{}.directory }}}}`: then it waits", filler.id))
            .help(format!(
                "or say which comes first: `needs: [{}]` in step `{}`",
                filler.id, step.id
            )),
        );
    }
}

/// The folder that a step fills, as it is written.
fn filled_by(step: &Step) -> Option<String> {
    written(step.with.get(find(&step.uses)?.installs?)?)
}

/// The folder that a step reads, as it is written, and the parameter that names it.
fn read_by(step: &Step) -> Option<(&'static str, String)> {
    let (_, parameter) = READERS.iter().find(|(uses, _)| *uses == step.uses)?;
    let text = written(step.with.get(*parameter)?)?;
    let folder = match *parameter {
        "certificate_file" => text.rsplit_once('/')?.0.to_owned(),
        _ => text,
    };
    Some((parameter, folder))
}

/// A path as it is written, without needless blanks in its templates and a slash at its end.
fn written(template: &Template) -> Option<String> {
    let text = match template {
        Template::Literal(value) => value.as_str()?.to_owned(),
        Template::Expression(code) => format!("{{{{{}}}}}", code.trim()),
        Template::Text(text) => text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace("{{ ", "{{")
            .replace(" }}", "}}"),
        Template::List(_) | Template::Map(_) => return None,
    };
    let text = text.strip_prefix("./").unwrap_or(&text);
    Some(text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty())
}
