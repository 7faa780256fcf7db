//! Folders that several targets would put their files into.
//!
//! A folder of certificate files belongs to one target, and the second run would be refused when it
//! comes to its order; here it is told before anything is sent. What depends on an answer is left to
//! the run.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::model::{PlanPath, Target};
use super::quick::{QuickMap, QuickSet};
use super::report::{Place, also};
use super::resolve::{KnownPlan, Plans};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::{
    Context, Partly, Plan, Step, Template, condition_partly, find_signature, render_partly,
};
use crate::types::{printable, shorten};

/// No folder in a message is longer, in characters.
const SHOWN: usize = 120;

/// Reports every target that would write where another one does, at the later one.
pub(super) fn check(targets: &[Target], plans: &Plans, found: &mut [Diagnostics]) {
    let ready = plans.known.iter().filter_map(|(path, plan)| match plan {
        KnownPlan::Ready(plan) => Some((path, Folder::of(plan))),
        KnownPlan::Refused { .. } => None,
    });
    let folders: QuickMap<&PlanPath, Vec<Folder<'_>>> = ready.collect();
    let mut owners: QuickMap<String, (&Target, bool)> =
        QuickMap::with_capacity_and_hasher(targets.len(), Default::default());
    let mut told: QuickSet<String> = QuickSet::default();
    for target in targets {
        let Some(folders) = target.plan.as_ref().and_then(|plan| folders.get(plan)) else {
            continue;
        };
        for folder in folders {
            let Some((path, certain)) = folder.of_target(target) else { continue };
            match owners.get(&path) {
                Some((owner, _)) if std::ptr::eq(*owner, target) => {}
                Some((owner, of_owner)) => {
                    // Of a thousand targets in one folder, one is enough to see it.
                    if told.insert(path.clone()) {
                        report(&path, owner, target, certain && *of_owner, found);
                    }
                }
                None => _ = owners.insert(path, (target, certain)),
            }
        }
    }
}

fn report(path: &str, first: &Target, second: &Target, certain: bool, found: &mut [Diagnostics]) {
    let shown = shorten(&printable(path), SHOWN);
    let message = match certain {
        true => format!("two targets would put their files into `{shown}`"),
        false => format!("two targets may come to put their files into `{shown}`"),
    };
    let diagnostic = match certain {
        true => Diagnostic::error("shared-folder", message),
        false => Diagnostic::warning("shared-folder", message),
    };
    let (file, span) = second.place;
    let diagnostic = diagnostic.at(span, "this folder is taken: it belongs to one target").help(
        "let the plan's `directory` hold something that each target has for itself, such as \
               `{{ target }}`",
    );
    let place = Place::new(first.place.0, first.place.1);
    let diagnostic = also(diagnostic, file, place, "by this one", found);
    found[file].push(diagnostic);
}

/// The folder that a step of a plan puts files into.
struct Folder<'p> {
    step: &'p Step,
    template: &'p Template,
    /// Its parts, when it is made of texts and inputs alone: nearly every one is, and needs no
    /// interpreter for each of many thousand targets.
    parts: Option<Vec<Part>>,
}

enum Part {
    Text(String),
    /// An input, by its place in the plan.
    Input(usize),
    /// The same without a leading `*.`.
    Base(usize),
    Target,
}

impl<'p> Folder<'p> {
    fn of(plan: &'p Plan) -> Vec<Self> {
        let folder = |step: &'p Step| {
            let template = step.with.get(find_signature(&step.uses)?.installs?)?;
            let parts = match template {
                Template::Literal(Value::String(text)) => Some(vec![Part::Text(text.clone())]),
                Template::Expression(code) => Part::of_code(code, plan).map(|part| vec![part]),
                Template::Text(text) => parts(text, plan),
                _ => None,
            };
            Some(Self { step, template, parts })
        };
        plan.steps.values().filter_map(folder).collect()
    }

    /// The folder of a target, without detours, and whether the step that fills it runs for certain.
    fn of_target(&self, target: &Target) -> Option<(String, bool)> {
        let (text, certain) = match (&self.parts, &self.step.when) {
            (Some(parts), None) => (joined(parts, target)?, true),
            _ => {
                let context = Context::before_run(&target.inputs(), target.name.as_str(), []);
                let holds = self.step.when.as_ref().map(|when| condition_partly(when, &context));
                let certain = match holds {
                    None | Some(Ok(Some(true))) => true,
                    Some(Ok(None)) => false,
                    // It is skipped, or its mistake is told when it runs.
                    Some(Ok(Some(false)) | Err(_)) => return None,
                };
                match render_partly(self.template, &context) {
                    Ok(Partly::Known(Value::String(text))) => (text, certain),
                    _ => return None,
                }
            }
        };
        Some((without_detours(text), certain))
    }
}

/// The path as it is compared: `a//./b/` is `a/b`.
fn without_detours(path: String) -> String {
    let starts_here = path.starts_with("./") || path == ".";
    if !starts_here && !path.contains("//") && !path.contains("/.") && !path.ends_with('/') {
        return path;
    }
    let detour = |part: &Component<'_>| matches!(part, Component::CurDir);
    let kept: PathBuf = Path::new(&path).components().filter(|part| !detour(part)).collect();
    kept.to_str().map_or(path, str::to_owned)
}

fn joined(parts: &[Part], target: &Target) -> Option<String> {
    let text = |place: &usize| target.value(*place)?.as_str();
    let mut joined = String::new();
    for part in parts {
        joined.push_str(match part {
            Part::Text(text) => text,
            Part::Input(place) => text(place)?,
            Part::Base(place) => {
                let name = text(place)?;
                name.strip_prefix("*.").unwrap_or(name)
            }
            Part::Target => target.name.as_str(),
        });
    }
    Some(joined)
}

/// The parts of a text with templates; none when it holds anything but plain names.
fn parts(text: &str, plan: &Plan) -> Option<Vec<Part>> {
    if text.contains("{%") || text.contains("{#") {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (code, behind) = after.split_once("}}")?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(Part::of_code(code, plan)?);
        rest = behind;
    }
    parts.push(Part::Text(rest.to_owned()));
    Some(parts)
}

impl Part {
    fn of_code(code: &str, plan: &Plan) -> Option<Self> {
        let words: Vec<&str> = code.split_whitespace().collect();
        let input = |word: &str| plan.inputs.get_index_of(word.strip_prefix("inputs.")?);
        match words.as_slice() {
            ["target"] => Some(Self::Target),
            [word] => Some(Self::Input(input(word)?)),
            [word, "|", "wildcard_base"] => Some(Self::Base(input(word)?)),
            _ => None,
        }
    }
}
