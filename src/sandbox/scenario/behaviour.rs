//! `behaviour:` of a scenario, and the same switches on the command line: how the vendor behaves
//! where the contract leaves it open.

use super::reading::{at_top, boolean, in_range};
use super::switches::{Change, SWITCHES, Switch, Values, Word};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::suggest::{list, nearest};
use crate::sandbox::world::{Behaviour, CertificateBegin};
use crate::types::{printable, shorten};

/// A longer word is not what a vendor says.
pub(super) const LONGEST_TEXT: usize = 100;

/// Reads `behaviour:`; what it does not say is as usual.
pub(super) fn behaviour(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Behaviour> {
    let (_, node) = fields.get("behaviour")?;
    let keys: Vec<&str> = SWITCHES.iter().map(|switch| switch.key).collect();
    let mut behaviour = Behaviour::default();
    if fields.get("start").is_some() {
        // A world with a time of its own does not look at the machine's.
        behaviour.begin = CertificateBegin::AtIssuance;
    }
    let fields = decoder.fields(node, at_top(node), "`behaviour`", &keys)?;
    for switch in SWITCHES {
        decode(switch, &fields, decoder, &mut behaviour);
    }
    Some(behaviour)
}

fn decode(
    switch: &Switch,
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
    behaviour: &mut Behaviour,
) {
    match &switch.values {
        Values::Words(words) => {
            let words: Vec<(&str, Change)> =
                words.iter().map(|(word, set, _)| (*word, *set)).collect();
            if let Some(set) = decoder.word(fields, switch.key, &words) {
                set(behaviour);
            }
        }
        Values::Flag(set) => {
            if let Some(on) = boolean(fields, switch.key, decoder) {
                set(behaviour, on);
            }
        }
        Values::Count(least, most, set) => {
            let number = decoder.integer(fields, switch.key);
            let what = fields.name_of(switch.key);
            let number = number
                .and_then(|number| {
                    in_range(&number, &what, (*least).into(), (*most).into(), decoder)
                })
                .and_then(|number| u32::try_from(number).ok());
            if let Some(number) = number {
                set(behaviour, number);
            }
        }
        Values::Text(set) => {
            let Some(text) = decoder.text(fields, switch.key) else { return };
            if is_text(&text.value) {
                return set(behaviour, text.value);
            }
            let what = fields.name_of(switch.key);
            decoder.push(
                Diagnostic::error("out-of-range", format!("{what} is no word of a vendor"))
                    .at(text.span, format!("expected 1 to {LONGEST_TEXT} printable characters")),
            );
        }
    }
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT && printable(text) == text
}

/// Why a switch cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// There is no value.
    #[error("`{0}` is not written as KEY=VALUE")]
    Shape(String),
    /// There is no such switch.
    #[error("there is no switch `{key}`; {hint}")]
    Unknown {
        /// What was asked for.
        key: String,
        /// What may have been meant.
        hint: String,
    },
    /// The value does not fit.
    #[error("`{key}` cannot be `{value}`: expected {expected}")]
    Value {
        /// The switch.
        key: &'static str,
        /// What was asked for.
        value: String,
        /// What it takes.
        expected: String,
    },
}

/// Sets a switch that is written as on a command line, `KEY=VALUE`.
pub fn set_switch(behaviour: &mut Behaviour, text: &str) -> Result<(), SwitchError> {
    let shown = |text: &str| shorten(&printable(text), 60);
    let (key, value) = text.split_once('=').ok_or_else(|| SwitchError::Shape(shown(text)))?;
    let known = || SWITCHES.iter().map(|switch| switch.key);
    let switch = SWITCHES.iter().find(|switch| switch.key == key).ok_or_else(|| {
        let hint = match nearest(key, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("switches: {}", list(known())),
        };
        SwitchError::Unknown { key: shown(key), hint }
    })?;
    set(switch, value, behaviour).map_err(|expected| SwitchError::Value {
        key: switch.key,
        value: shown(value),
        expected,
    })
}

fn set(switch: &Switch, value: &str, behaviour: &mut Behaviour) -> Result<(), String> {
    match &switch.values {
        Values::Words(words) => {
            let found = words.iter().find(|(word, _, _)| *word == value);
            let (_, set, _) = found.ok_or_else(|| list(words.iter().map(name)))?;
            set(behaviour);
        }
        Values::Flag(set) => {
            set(behaviour, value.parse().map_err(|_| "`true` or `false`".to_owned())?);
        }
        Values::Count(least, most, set) => {
            let number = value.parse().ok().filter(|number| (least..=most).contains(&number));
            set(behaviour, number.ok_or_else(|| format!("a number from {least} to {most}"))?);
        }
        Values::Text(set) => {
            if !is_text(value) {
                return Err(format!("1 to {LONGEST_TEXT} printable characters"));
            }
            set(behaviour, value.to_owned());
        }
    }
    Ok(())
}

fn name(word: &Word) -> &'static str {
    word.0
}
