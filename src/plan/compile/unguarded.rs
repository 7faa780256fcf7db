//! Reads of a step that may have no output: where one is allowed, and what is said of one that is not.
//!
//! They are gathered by the step: whoever lets a step fail without harm hears of it once, and not once
//! for each place that reads it.

use super::StepInfo;
use super::reference::Checker;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Label};
use crate::document::source::Span;
use crate::plan::OnFailure;
use crate::plan::expression::conditions::{conjuncts, held_in_expression, held_in_text};
use crate::plan::scan::{Follows, Path};
use crate::plan::template::Code;

/// The code of a read that may find nothing.
const UNGUARDED: &str = "unguarded";

/// So many places that read a step are shown.
const SHOWN: usize = 3;

impl Checker<'_, '_, '_> {
    /// A field of a step that may have no output may be read only
    ///
    /// - with `| default(…)` directly behind it, or to ask whether it `is defined`, or
    /// - where it is known that the step has an output: in the branch of an `if` that asks whether
    ///   `steps.ID` or a field of it is defined, or in a step whose `when` asks that, or
    /// - when the step may be skipped but not fail: where its own `when` is known to hold, by the
    ///   branch of an `if` or by the `when` of the step that reads.
    pub(super) fn guard(&mut self, path: &Path, info: &StepInfo, code: &Code, span: Span) {
        let may_fail = info.on_failure == OnFailure::Continue || self.reads_back(info);
        let is_question = matches!(path.follows, Follows::Default | Follows::DefinedTest);
        if is_question || (info.when.is_none() && !may_fail) {
            return;
        }
        let held = self.held(code, path.range.start);
        let holds = |when: &Located<String>| {
            let needed = conjuncts(&when.value);
            !needed.is_empty() && needed.iter().all(|part| held.contains(part))
        };
        let skipped = info.when.as_ref().filter(|when| !holds(when));
        let may_be_missing = skipped.is_some() || may_fail;
        if !may_be_missing || held.iter().any(|it| asks_for(it, info.id.as_str())) {
            return;
        }
        let Some(field) = path.name(2) else { return };
        let read = format!("steps.{}.{}", info.id, field.text);
        let diagnostic = self.unguarded(info, skipped, &read, span);
        self.decoder.push(diagnostic);
    }

    /// The mistake; `skipped` is the condition that decides whether the step runs.
    fn unguarded(
        &self,
        info: &StepInfo,
        skipped: Option<&Located<String>>,
        read: &str,
        span: Span,
    ) -> Diagnostic {
        let continues = info.on_failure == OnFailure::Continue;
        let reads_back = self.reads_back(info);
        let (why, remark, place) = match skipped {
            _ if reads_back => (
                "may not have come to its end",
                "what stands under `finally` runs whatever became of this step",
                info.span,
            ),
            Some(when) => ("may be skipped", "the step is skipped when this is false", when.span),
            None => (
                "may fail",
                "the plan goes on without this step (`on_failure: continue`)",
                info.span,
            ),
        };
        let message = format!("step `{}` {why}; then `{read}` does not exist", info.id);
        let diagnostic = Diagnostic::error(UNGUARDED, message)
            .at(span, "read without a guard")
            .also(place, remark)
            .help(format!("give a value for that case: `{read} | default(…)`"));
        let diagnostic = match skipped {
            _ if reads_back => diagnostic
                .help(format!("or let this step run only if it did: `when: {read} is defined`")),
            Some(when) if !continues => diagnostic
                .help(format!("or let this step run only then, too: `when: {}`", when.value)),
            _ => diagnostic,
        };
        diagnostic.help(format!("or ask: `… if {read} is defined else …`"))
    }

    /// What is known to hold where the code is read at `start`.
    fn held(&self, code: &Code, start: usize) -> Vec<String> {
        let held = match code.is_text {
            true => held_in_text(&code.text),
            false => held_in_expression(&code.text),
        };
        let here = held.into_iter().filter(|held| held.start == start);
        let mut conditions: Vec<String> = here.flat_map(|held| held.conditions).collect();
        if let (Some(when), false) = (&self.own.when, self.in_when) {
            conditions.extend(conjuncts(&when.value));
        }
        conditions
    }
}

/// Whether a condition is that a step has an output: `steps.ID is defined`, or a field of it.
fn asks_for(condition: &str, step: &str) -> bool {
    let asked = condition.strip_suffix(" is defined").and_then(|path| path.strip_prefix("steps."));
    asked.and_then(|path| path.split(['.', '[']).next()) == Some(step)
}

/// Makes one mistake of all those about one step.
pub(super) fn gather(decoder: &mut Decoder<'_>) {
    let mut groups: Vec<(Label, Vec<Diagnostic>)> = Vec::new();
    for item in decoder.diagnostics.take(UNGUARDED) {
        let Some(cause) = item.secondary.first().cloned() else {
            decoder.push(item);
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, items)) => items.push(item),
            None => groups.push((cause, vec![item])),
        }
    }
    for (cause, items) in groups {
        if items.len() == 1 {
            items.into_iter().for_each(|item| decoder.push(item));
        } else {
            let diagnostic = of_all(&cause, &items);
            decoder.push(diagnostic);
        }
    }
}

fn of_all(cause: &Label, items: &[Diagnostic]) -> Diagnostic {
    // All begin alike: which step, and why it may be missing.
    let step = items[0].message.split(';').next().unwrap_or_default();
    let message = format!("{step}; then {} values that are read do not exist", items.len());
    let places: Vec<Span> =
        items.iter().filter_map(|item| Some(item.primary.as_ref()?.span)).collect();
    let mut diagnostic = Diagnostic::error(UNGUARDED, message);
    for (index, place) in places.iter().take(SHOWN).enumerate() {
        diagnostic = match index {
            0 => diagnostic.at(*place, "read without a guard"),
            _ => diagnostic.also(*place, "and here"),
        };
    }
    diagnostic = diagnostic.also(cause.span, cause.text.clone());
    match places.len().saturating_sub(SHOWN) {
        0 => {}
        1 => diagnostic = diagnostic.help("one more place reads it"),
        more => diagnostic = diagnostic.help(format!("{more} more places read it")),
    }
    if cause.text.contains("on_failure") {
        diagnostic = diagnostic.help(
            "leave `on_failure: continue` out, so that what reads the step waits for its success",
        );
    }
    diagnostic.help.extend(items[0].help.iter().cloned());
    diagnostic
}
