//! Reads of a step that may have no output, gathered by the step: whoever lets a step fail without
//! harm hears of it once, and not once for each place that reads it.

use super::reference::UNGUARDED;
use crate::document::decode::Decoder;
use crate::document::diagnostic::{Diagnostic, Label};
use crate::document::source::Span;

/// So many places that read a step are shown.
const SHOWN: usize = 3;

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
