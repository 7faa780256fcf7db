//! The defaults of inputs, held against what the steps make of them: a default that a step must refuse
//! lets every run fail that does not say otherwise.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::rules::{is_block, place};
use crate::document::decode::{Decoder, with_article};
use crate::document::diagnostic::Diagnostic;
use crate::document::source::Span;
use crate::plan::foreseen::{Reason, Refusal, RuledStep};
use crate::plan::model::{Input, Step};
use crate::plan::raw::{RawInput, RawStep};
use crate::plan::render::Context;

/// So many parameters of a plan are evaluated; the rest is found out when it is previewed, so that no
/// plan takes long to check.
const MOST: usize = 500;

/// What the inputs of a plan are when nobody says anything.
pub(super) struct Defaults<'r> {
    context: Context,
    /// Where they are written.
    spans: HashMap<&'r str, Span>,
    /// How many parameters may still be evaluated.
    left: usize,
}

impl<'r> Defaults<'r> {
    /// The defaults of all inputs but those with a mistake in their declaration.
    pub(super) fn new(
        inputs: &IndexMap<String, Input>,
        faulty: &BTreeSet<String>,
        raw: &'r [RawInput<'_>],
    ) -> Self {
        let inputs = inputs.iter().filter(|(name, _)| !faulty.contains(*name));
        let values =
            inputs.filter_map(|(name, input)| Some((name.clone(), input.default.clone()?)));
        let values: Map<String, Value> = values.collect();
        let root = [("inputs".to_owned(), Value::Object(values))];
        let place = |input: &RawInput<'_>| {
            let node = input.default?;
            // What is written of a list or a map has no extent that could be shown.
            Some(if is_block(node) { input.name.span } else { node.span })
        };
        let spans = raw.iter().filter_map(|it| Some((it.name.name.as_str(), place(it)?)));
        let context = Context::of(root.into_iter().collect());
        Self { context, spans: spans.collect(), left: MOST }
    }

    /// Reports what a step refuses of the defaults. What is wrong with the parameters that `misfit` was
    /// reported.
    pub(super) fn check(
        &mut self,
        raw: &RawStep<'_>,
        step: &Step,
        misfit: &BTreeSet<String>,
        decoder: &mut Decoder<'_>,
    ) {
        if self.spans.is_empty() || decoder.diagnostics.is_full() {
            return;
        }
        let Some(ruled) = RuledStep::of(step, misfit) else { return };
        let Some(left) = self.left.checked_sub(ruled.work()) else { return };
        self.left = left;
        for refusal in ruled.refusals(&self.context) {
            decoder.push(self.told(raw, &refusal));
        }
    }

    fn told(&self, raw: &RawStep<'_>, refusal: &Refusal) -> Diagnostic {
        let whole = place(raw, std::slice::from_ref(&refusal.parameter));
        let at = whole.value.map_or(whole.name, |node| node.span);
        let diagnostic = match &refusal.reason {
            Reason::Misfits(mismatch) => {
                let expected = with_article(&mismatch.expected);
                let found = with_article(&mismatch.found);
                let reason = mismatch.reason.as_ref().map(|it| format!(": {it}"));
                Diagnostic::error("wrong-type", format!("`{}` needs {expected}", mismatch.at))
                    .at(at, format!("by default, this is {found}{}", reason.unwrap_or_default()))
            }
            Reason::Fails(reason) => {
                let message = format!("`{}` has no value by default", refusal.parameter);
                Diagnostic::error("template-fails", message).at(at, reason.clone())
            }
            Reason::Breaks(breach) => {
                let diagnostic = match breach.is_doubt {
                    true => Diagnostic::warning(breach.code, breach.message.clone()),
                    false => Diagnostic::error(breach.code, breach.message.clone()),
                };
                let part = place(raw, &breach.at).value;
                let at = part.map_or(at, |node| node.span);
                let diagnostic = diagnostic.at(at, breach.remark.clone());
                breach.help.iter().cloned().fold(diagnostic, Diagnostic::help)
            }
        };
        let defaults =
            refusal.inputs.iter().filter_map(|name| Some((name, self.spans.get(name.as_str())?)));
        defaults.fold(diagnostic, |diagnostic, (name, span)| {
            diagnostic.also(*span, format!("the default of `{name}`"))
        })
    }
}
