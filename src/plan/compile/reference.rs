//! `Checker`: what the code in one step refers to, whether that exists, and of which type it is.
//!
//! References become edges. A field that may not be there when the plan runs (its step can be
//! skipped, or can fail without stopping the plan) may be read only behind a guard; the rule is
//! [`Checker::guard`], in a file of its own.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{CAPTURES, Known, StepInfo};
use crate::document::decode::{Decoder, with_article};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::source::Span;
use crate::document::suggest::{list, nearest};
use crate::plan::scan::{Follows, Path, Segment, Word};
use crate::plan::shape::Shape;
use crate::plan::template::Code;
use crate::plan::value_type::ValueType;
use crate::types::StepId;

/// What templates can see.
pub(super) const ROOTS: [&str; 4] = ["inputs", "target", "steps", "run"];

/// Checks the code of one step and collects what it needs.
pub(super) struct Checker<'c, 'd, 'f> {
    pub(super) known: &'c Known<'c>,
    /// The step whose code is checked.
    pub(super) own: &'c StepInfo,
    pub(super) decoder: &'d mut Decoder<'f>,
    pub(super) needs: BTreeSet<StepId>,
    pub(super) used_inputs: &'c mut BTreeSet<String>,
    /// How many templates that read nothing were rendered.
    pub(super) constants: &'c mut usize,
    /// Whether it is the step's own `when` that is checked.
    pub(super) in_when: bool,
}

/// What a path of a template reads.
pub(super) struct Reading {
    /// Where the path begins in the template.
    pub(super) start: usize,
    /// How many names and indices it has.
    pub(super) segments: usize,
    pub(super) shape: Shape,
}

/// Where a piece of code stands: in the string of `node`, from `offset` on.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    pub(super) node: &'n Node,
    pub(super) offset: usize,
}

impl Checker<'_, '_, '_> {
    /// Checks the references and words of `code`, which stands in `node` from `offset` on. What its
    /// paths read, in order; not those that are wrong or known only when the plan runs.
    pub(super) fn code(&mut self, node: &Node, code: &Code, offset: usize) -> Vec<Reading> {
        let place = Place { node, offset };
        self.words(&code.scan, place);
        self.unknown_roots(code, place);
        let mut reading = Vec::new();
        for path in &code.scan.paths {
            if path.name(0).is_some_and(|root| ROOTS.contains(&root.text.as_str())) {
                let found = self.path(path, code, place);
                if let Some(found) = found {
                    self.comparisons(path, &found, &code.scan, place);
                    reading.push(Reading {
                        start: path.range.start,
                        segments: path.segments.len(),
                        shape: Shape::of(&found),
                    });
                }
            }
        }
        reading
    }

    pub(super) fn span(&self, place: Place<'_>, range: &Range<usize>) -> Span {
        let range = place.offset + range.start..place.offset + range.end;
        place.node.inside(range, self.decoder.file)
    }

    /// The type of a path whose root is visible; none when it is wrong or not known before the run.
    fn path(&mut self, path: &Path, code: &Code, place: Place<'_>) -> Option<ValueType> {
        let span = self.span(place, &path.range);
        let root = path.name(0)?;
        let (value_type, used) = match root.text.as_str() {
            "target" => (self.target(path, place)?, 1),
            "run" => (self.run_field(path, span)?, 2),
            "inputs" => (self.input(path, span, place)?, 2),
            _ => (self.step_field(path, code, span, place)?, 3),
        };
        let (value_type, rest) = self.descend(value_type, path, used, span, place)?;
        match path.follows {
            Follows::Call => {
                let name = path.segments.last().and_then(|segment| match segment {
                    Segment::Name(word) => Some(word.text.as_str()),
                    Segment::Index(_) => None,
                });
                self.decoder.push(
                    Diagnostic::error("template-call", "values have no functions to call")
                        .at(span, "called here")
                        .help(format!("use a filter, such as `… | {}`", name.unwrap_or("upper"))),
                );
                None
            }
            _ => rest.then_some(value_type),
        }
    }

    /// The name of the target. What other tools keep in it are inputs here.
    fn target(&mut self, path: &Path, place: Place<'_>) -> Option<ValueType> {
        let Some(field) = path.name(1).filter(|_| path.follows != Follows::Call) else {
            return Some(ValueType::String);
        };
        let whole = self.span(place, &path.range);
        let diagnostic = Diagnostic::error("unknown-field", "`target` has no fields")
            .at(self.span(place, &field.range), "`target` is the name of the target, a text");
        let input = self.known.inputs.contains_key(&field.text);
        self.decoder.push(match field.text.as_str() {
            _ if input => {
                self.used_inputs.insert(field.text.clone());
                let better = format!("inputs.{}", field.text);
                let advice = format!("did you mean `{better}`?");
                diagnostic.suggest(whole, better, advice)
            }
            "name" | "id" => diagnostic.suggest(whole, "target", "did you mean `target`?"),
            _ => diagnostic.help("what a target says beside its name are inputs: `inputs.NAME`"),
        });
        None
    }

    fn run_field(&mut self, path: &Path, span: Span) -> Option<ValueType> {
        if path.name(1).is_some_and(|name| name.text == "id") {
            return Some(ValueType::String);
        }
        self.decoder.push(
            Diagnostic::error("unknown-field", "`run` is read by its field")
                .at(span, "the only field is `run.id`"),
        );
        None
    }

    fn input(&mut self, path: &Path, span: Span, place: Place<'_>) -> Option<ValueType> {
        let Some(name) = path.name(1) else {
            self.dynamic("inputs", "inputs.NAME", span);
            return None;
        };
        if let Some(input) = self.known.inputs.get(&name.text) {
            self.used_inputs.insert(name.text.clone());
            return Some(input.value_type.clone());
        }
        let span = self.span(place, &name.range);
        let names: Vec<&str> = self.known.inputs.keys().map(String::as_str).collect();
        self.unknown("input", "the plan has no input", name, span, &names);
        None
    }

    fn step_field(
        &mut self,
        path: &Path,
        code: &Code,
        span: Span,
        place: Place<'_>,
    ) -> Option<ValueType> {
        let Some(step) = path.name(1) else {
            self.dynamic("steps", "steps.ID.FIELD", span);
            return None;
        };
        let known = self.known;
        let Some(info) = known.step(&step.text) else {
            let span = self.span(place, &step.range);
            let names: Vec<&str> = known
                .steps
                .iter()
                .filter(|info| self.own.finally || !info.finally)
                .map(|info| info.id.as_str())
                .filter(|id| *id != self.own.id.as_str())
                .collect();
            self.unknown("step", "the plan has no step", step, span, &names);
            return None;
        };
        if info.id == self.own.id {
            self.decoder.push(
                Diagnostic::error("self-reference", format!("step `{}` reads itself", info.id))
                    .at(span, "its output exists only after it has run")
                    .also(info.span, "in this step"),
            );
            return None;
        }
        if !self.may_read(info, span) {
            return None;
        }
        self.needs.insert(info.id.clone());
        let signature = info.signature?;
        // Whether a step has run is asked of it as a whole.
        if path.segments.len() == 2 && path.follows == Follows::DefinedTest {
            return None;
        }
        let Some(field) = path.name(2) else {
            let fields = signature.output.iter().map(|field| field.name.as_str());
            self.decoder.push(
                Diagnostic::error("no-field", format!("`steps.{}` is read by its fields", info.id))
                    .at(span, "which field?")
                    .help(format!("`{}` returns {}", signature.name, list(fields))),
            );
            return None;
        };
        let Some(found) = signature.output_field(&field.text) else {
            let span = self.span(place, &field.range);
            let names: Vec<&str> =
                signature.output.iter().map(|field| field.name.as_str()).collect();
            let context = format!("`{}` returns no field", signature.name);
            self.unknown("field", &context, field, span, &names);
            return None;
        };
        if let (CAPTURES, Some(names), Some(name)) =
            (field.text.as_str(), &info.captures, path.name(3))
            && !names.contains(&name.text)
            && path.follows != Follows::Call
        {
            let span = self.span(place, &name.range);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let context = format!("step `{}` captures no", info.id);
            self.unknown("capture", &context, name, span, &names);
            return None;
        }
        self.guard(path, info, code, span);
        Some(found.value_type.clone())
    }

    /// Follows a path from the segment number `from` on. False when the type ends in the unknown.
    fn descend(
        &mut self,
        mut value_type: ValueType,
        path: &Path,
        from: usize,
        span: Span,
        place: Place<'_>,
    ) -> Option<(ValueType, bool)> {
        for segment in path.segments.iter().skip(from) {
            value_type = match (value_type, segment) {
                (ValueType::Any | ValueType::Map, _) => return Some((ValueType::Any, false)),
                (ValueType::List(item), Segment::Index(_)) => *item,
                (ValueType::Record(fields), Segment::Name(name)) => {
                    match fields.iter().find(|field| field.name == name.text) {
                        Some(field) => field.value_type.clone(),
                        None => {
                            let names: Vec<&str> =
                                fields.iter().map(|field| field.name.as_str()).collect();
                            let span = self.span(place, &name.range);
                            self.unknown("field", "there is no field", name, span, &names);
                            return None;
                        }
                    }
                }
                (found @ ValueType::List(_), Segment::Name(name)) => {
                    // `steps.x.records.count()` is reported as a call.
                    if path.follows == Follows::Call {
                        return Some((ValueType::Any, false));
                    }
                    self.decoder.push(
                        Diagnostic::error(
                            "unknown-field",
                            format!(
                                "{} has no field `{}`",
                                with_article(&found.to_string()),
                                name.text
                            ),
                        )
                        .at(span, "in this path")
                        .help(
                            "one item is `…[0]`; a field of all items is `… | map(attribute='…')`",
                        ),
                    );
                    return None;
                }
                (found, segment) => {
                    if path.follows == Follows::Call {
                        return Some((ValueType::Any, false));
                    }
                    let part = match segment {
                        Segment::Name(name) => format!("field `{}`", name.text),
                        Segment::Index(_) => "items".to_owned(),
                    };
                    self.decoder.push(
                        Diagnostic::error(
                            "unknown-field",
                            format!("{} has no {part}", with_article(&found.to_string())),
                        )
                        .at(span, "in this path"),
                    );
                    return None;
                }
            };
        }
        Some((value_type, true))
    }

    fn dynamic(&mut self, root: &str, form: &str, span: Span) {
        self.decoder.push(
            Diagnostic::error("dynamic-lookup", format!("`{root}` is only read by name"))
                .at(span, format!("write `{form}`"))
                .help("a name that is computed cannot be checked before the plan runs"),
        );
    }

    fn unknown(&mut self, kind: &str, context: &str, word: &Word, span: Span, names: &[&str]) {
        let code = match kind {
            "input" => "unknown-input",
            "step" => "unknown-step",
            _ => "unknown-field",
        };
        let diagnostic = Diagnostic::error(code, format!("{context} `{}`", word.text))
            .at(span, format!("unknown {kind}"));
        if self.decoder.diagnostics.is_full() {
            self.decoder.push(diagnostic);
            return;
        }
        let near = nearest(&word.text, names.iter().copied());
        let diagnostic = match near.or_else(|| only_longer(&word.text, names)) {
            // `inputs.common-name`: no other name mends that.
            _ if self.decoder.file.text()[span.end..].starts_with('-') => {
                self.with_minus(diagnostic, span, names)
            }
            Some(near) => diagnostic.suggest(span, near, format!("did you mean `{near}`?")),
            None => diagnostic,
        };
        let all = list(names.iter().copied());
        self.decoder.push(match names {
            [] => diagnostic.help(format!("there is no other {kind}")),
            _ => diagnostic.help(format!("{kind}s: {all}")),
        });
    }

    /// A name that is written with `-`, which no name has.
    fn with_minus(&self, diagnostic: Diagnostic, span: Span, names: &[&str]) -> Diagnostic {
        let rest = &self.decoder.file.text()[span.start..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || ['_', '-'].contains(&c);
        let written = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let better = written.trim_end_matches('-').replace('-', "_");
        let whole = Span::new(span.start, span.start + written.trim_end_matches('-').len());
        let diagnostic =
            diagnostic.help("the `-` behind it is read as a minus; names are written with `_`");
        // The declaration itself may have the `-`; that is reported there.
        if names.iter().any(|name| name.replace('-', "_") == better) {
            let advice = format!("did you mean `{better}`?");
            return diagnostic.suggest(whole, better, advice);
        }
        diagnostic
    }
}

/// The only name that has `word` for its begin or end, as `certificate_id` has `id`.
fn only_longer<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let holds = |name: &&&str| {
        let rest = name.strip_suffix(word).map(|rest| rest.ends_with('_'));
        rest.or_else(|| Some(name.strip_prefix(word)?.starts_with('_'))).unwrap_or(false)
    };
    let mut longer = names.iter().filter(holds);
    longer.next().filter(|_| longer.next().is_none()).copied()
}
