//! The rules of `finally`: steps that run at the end, whatever became of the others.
//!
//! They come after all other steps, so nothing before can wait for them or read them, and they need
//! nobody's permission. What they read may never have come to be, so they must ask for it.

use serde_json::Value;

use super::{Checker, StepInfo};
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::source::Span;
use crate::plan::raw::{RawPlan, RawStep};
use crate::plan::signature::Signature;

/// `needs` across the border between `steps` and `finally`.
pub(super) fn misplaced_need(raw: &RawStep<'_>, need: &StepInfo, at: Span) -> Diagnostic {
    let (step, need) = (&raw.id.value, (&need.id, need.span));
    if raw.finally {
        let message = format!("step `{step}` stands under `finally` and needs `{}`", need.0);
        return Diagnostic::error("finally-needs", message)
            .at(at, "it comes after all steps anyway, whatever became of them")
            .also(need.1, "this is one of `steps`")
            .help("leave this out");
    }
    let message = format!("step `{step}` needs `{}`, which runs at the end", need.0);
    Diagnostic::error("finally-needs", message)
        .at(at, "nothing can wait for the end")
        .also(need.1, "this stands under `finally`")
        .help("move one of them to the other list")
}

/// What is bought or made anew whatever happened is there once too often.
pub(super) fn check_orders(raw: &RawPlan<'_>, infos: &[StepInfo], decoder: &mut Decoder<'_>) {
    for (step, info) in raw.steps.iter().zip(infos).filter(|(_, info)| info.finally) {
        let (Some(uses), Some(signature)) = (&step.uses, info.signature) else { continue };
        if let Some(reason) = lasting_effect(step, signature) {
            decoder.push(
                Diagnostic::error(
                    "finally-orders",
                    format!("`{}` cannot be a last step", uses.value),
                )
                .at(uses.span, format!("it {reason}, and would run whatever happened before"))
                .help("move the step to `steps`"),
            );
        }
    }
}

/// What the step leaves at the vendor that nothing takes back.
fn lasting_effect(step: &RawStep<'_>, signature: &Signature) -> Option<&'static str> {
    let written = step.with.into_iter().flat_map(|(_, entries)| entries);
    let parameters = written.map(|(key, _)| (key.name.clone(), Value::Null)).collect();
    if signature.costs_money() {
        Some("costs money")
    } else if signature.obtains_certificate() {
        Some("has a certificate issued")
    } else if signature.is_sent_in_phases(&parameters) {
        Some("makes something at the vendor that cannot be deleted")
    } else {
        None
    }
}

impl Checker<'_, '_, '_> {
    /// Whether the step may read `info` at all: nothing reads what runs at the end.
    pub(super) fn may_read(&mut self, info: &StepInfo, span: Span) -> bool {
        if self.own.finally || !info.finally {
            return true;
        }
        self.decoder.push(
            Diagnostic::error(
                "finally-needs",
                format!("step `{}` reads `{}`, which runs at the end", self.own.id, info.id),
            )
            .at(span, "its output does not exist yet")
            .also(info.span, "this stands under `finally`")
            .help("move one of them to the other list"),
        );
        false
    }

    /// Whether a step under `finally` reads one of `steps`, which may not have come to its turn.
    pub(super) fn reads_back(&self, info: &StepInfo) -> bool {
        self.own.finally && !info.finally
    }
}
