//! `zones:` of a scenario.

use super::reading::{at_top, boolean, domains};
use crate::document::decode::{Decoder, Fields};
use crate::sandbox::options::SandboxOptions;
use crate::sandbox::world::UnmanagedAnswer;
use crate::types::DomainName;

pub(super) const KEYS: [&str; 4] = ["any", "managed", "unmanaged", "unmanaged_answer"];

/// The words of `unmanaged_answer`, and what they mean.
pub(super) const ANSWERS: [(&str, UnmanagedAnswer, &str); 2] = [
    ("not_found", UnmanagedAnswer::NotFound, "404, as the vendor's own client expects"),
    ("success_false", UnmanagedAnswer::SuccessFalse, "200 with `success: false` and code 15001"),
];

/// Which zones there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Zones {
    any: Option<bool>,
    managed: Vec<DomainName>,
    unmanaged: Vec<DomainName>,
    answer: Option<UnmanagedAnswer>,
}

impl Zones {
    pub(super) fn apply(&self, options: &mut SandboxOptions) {
        options.any_zone = self.any.unwrap_or(options.any_zone);
        options.zones.extend(self.managed.iter().cloned());
        options.unmanaged.extend(self.unmanaged.iter().cloned());
        options.unmanaged_answer = self.answer.unwrap_or(options.unmanaged_answer);
    }
}

pub(super) fn zones(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Zones> {
    let (_, node) = fields.get("zones")?;
    let fields = decoder.fields(node, at_top(node), "`zones`", &KEYS)?;
    let words = ANSWERS.map(|(word, answer, _)| (word, answer));
    Some(Zones {
        any: boolean(&fields, "any", decoder),
        managed: domains(&fields, "managed", decoder).unwrap_or_default(),
        unmanaged: domains(&fields, "unmanaged", decoder).unwrap_or_default(),
        answer: decoder.word(&fields, "unmanaged_answer", &words),
    })
}
