//! Comparisons whose result no input and no answer changes: `inputs.flag == 'true'` is false for
//! every boolean, and a step with that condition is skipped without a word.

use super::reference::{Checker, Place};
use crate::document::decode::with_article;
use crate::document::diagnostic::Diagnostic;
use crate::document::suggest::{list, nearest};
use crate::plan::scan::{Comparison, Constant, Path, Scan};
use crate::plan::value_type::ValueType;
use crate::types::{printable, shorten};

impl Checker<'_, '_, '_> {
    /// Reports what `path`, a value of the type `found`, is compared with in vain.
    pub(super) fn comparisons(
        &mut self,
        path: &Path,
        found: &ValueType,
        scan: &Scan,
        place: Place<'_>,
    ) {
        for comparison in scan.comparisons.iter().filter(|other| other.path == path.range) {
            let Some(mistake) = mistake(found, comparison) else { continue };
            let (at, of) =
                (self.span(place, &comparison.range), self.span(place, &comparison.path));
            let read = shorten(&printable(self.decoder.file.slice(of)), 60);
            let written = shorten(&printable(self.decoder.file.slice(at)), 60);
            let always = match comparison.operator.as_str() {
                "==" => "this is never true",
                "!=" => "this is always true",
                "in" => "it is never this one",
                _ => "these have no order",
            };
            let message = format!("`{read}` is {}, never `{written}`", with_article(&mistake.is));
            let diagnostic = Diagnostic::error("never-equal", message).at(at, always);
            self.decoder.push(match mistake.mend {
                Mend::Write(text) => {
                    let advice = format!("did you mean `{text}`?");
                    diagnostic.suggest(at, text, advice)
                }
                Mend::Say(help) => diagnostic.help(help),
            });
        }
    }
}

/// Why a comparison has no sense.
struct Mistake {
    /// What the value is.
    is: String,
    mend: Mend,
}

enum Mend {
    /// Write this instead.
    Write(String),
    Say(String),
}

fn mistake(found: &ValueType, comparison: &Comparison) -> Option<Mistake> {
    let mend = match (found, &comparison.constant) {
        (ValueType::Boolean, Constant::Text(text)) => match text.to_lowercase().as_str() {
            word @ ("true" | "false") => Mend::Write(word.to_owned()),
            _ => Mend::Say("it is `true` or `false`, and needs no comparison".to_owned()),
        },
        (ValueType::Integer { .. }, Constant::Text(text)) => {
            match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
                true => Mend::Write(text.clone()),
                false => Mend::Say("compare it with a number, without quotes".to_owned()),
            }
        }
        (ValueType::Enum(words), Constant::Text(text)) if !words.contains(text) => {
            // A word that is only compared by its place in the alphabet need not be one of them.
            if matches!(comparison.operator.as_str(), "<" | ">" | "<=" | ">=") {
                return None;
            }
            match nearest(text, words.iter().map(String::as_str)) {
                Some(near) => Mend::Write(format!("'{near}'")),
                None => {
                    let words = list(words.iter().map(String::as_str));
                    Mend::Say(format!("the values there are: {words}"))
                }
            }
        }
        (text, Constant::Number | Constant::Boolean) if text.is_text() => match text {
            ValueType::Enum(words) => {
                let words = list(words.iter().map(String::as_str));
                Mend::Say(format!("the values there are: {words}"))
            }
            _ => Mend::Say("compare it with a text, in quotes".to_owned()),
        },
        (ValueType::List(_), Constant::Text(_)) => {
            Mend::Say("whether it holds an item is asked with `'…' in …`".to_owned())
        }
        (ValueType::List(_), Constant::Number) => {
            Mend::Say("how many items it has is `… | length`".to_owned())
        }
        _ => return None,
    };
    Some(Mistake { is: found.to_string(), mend })
}
