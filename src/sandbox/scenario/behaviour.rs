//! `behaviour:` of a scenario: the switches for what the contract leaves open.

use super::reading::{at_top, boolean, count};
use crate::document::decode::{Decoder, Fields};
use crate::sandbox::world::{
    Behaviour, CertificateBegin, ContractTerm, Envelope, TrailingDots, ValidationReuse, ZipAnswer,
};

/// A word, its value and what it means: a lowercase fragment.
type Word<T> = (&'static str, T, &'static str);

pub(super) const ENVELOPES: [Word<Envelope>; 3] = [
    ("as_seen", Envelope::AsSeen, "each as it was seen"),
    ("coded", Envelope::Coded, "a code always, a message never"),
    ("worded", Envelope::Worded, "a message with every refusal, a code never"),
];

pub(super) const ZIP_ANSWERS: [Word<ZipAnswer>; 3] = [
    ("served", ZipAnswer::Served, "the bundle"),
    ("not_found", ZipAnswer::NotFound, "404"),
    ("not_ready", ZipAnswer::NotReady, "409"),
];

pub(super) const REUSES: [Word<ValidationReuse>; 3] = [
    ("absent", ValidationReuse::Absent, "no `validation` at all"),
    ("empty", ValidationReuse::Empty, "a `validation` without records"),
    ("never", ValidationReuse::Never, "each order is validated anew"),
];

pub(super) const CONTRACTS: [Word<ContractTerm>; 2] = [
    ("one_year", ContractTerm::OneYear, "a year: several certificates, by reissue"),
    ("certificate", ContractTerm::Certificate, "as long as its certificate"),
];

pub(super) const DOTS: [Word<TrailingDots>; 3] = [
    ("value", TrailingDots::Value, "only the value"),
    ("both", TrailingDots::Both, "name and value"),
    ("neither", TrailingDots::Neither, "neither name nor value"),
];

pub(super) const BEGINS: [Word<CertificateBegin>; 2] = [
    (
        "no_later_than_machine",
        CertificateBegin::NoLaterThanMachine,
        "no later than the machine's clock says, so that other programs accept them",
    ),
    ("at_issuance", CertificateBegin::AtIssuance, "on the day of their issuance"),
];

/// A boolean switch.
pub(super) type Flag = (&'static str, fn(&mut Behaviour) -> &mut bool, &'static str);

pub(super) const FLAGS: [Flag; 4] = [
    ("renewals", |behaviour| &mut behaviour.renewals, "issued certificates can be renewed"),
    ("reasons", |behaviour| &mut behaviour.reasons, "a staged order names its `pending_reason`"),
    (
        "stale_hints",
        |behaviour| &mut behaviour.stale_hints,
        "`completion_url` and `pending_reason` linger after they ceased to matter",
    ),
    (
        "auto_records",
        |behaviour| &mut behaviour.auto_records,
        "zones show records that the vendor keeps itself, such as NS",
    ),
];

/// The keys that hold words, and the one that holds a number.
const OTHER_KEYS: [&str; 7] =
    ["envelope", "zip", "reuse", "contract", "dots", "begin", "zone_list_failures"];

pub(super) fn behaviour(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Behaviour> {
    let (_, node) = fields.get("behaviour")?;
    let keys: Vec<&str> =
        OTHER_KEYS.into_iter().chain(FLAGS.iter().map(|(key, _, _)| *key)).collect();
    let fields = decoder.fields(node, at_top(node), "`behaviour`", &keys)?;
    let mut behaviour = Behaviour::default();
    word(&mut behaviour.envelope, "envelope", &ENVELOPES, &fields, decoder);
    word(&mut behaviour.zip, "zip", &ZIP_ANSWERS, &fields, decoder);
    word(&mut behaviour.reuse, "reuse", &REUSES, &fields, decoder);
    word(&mut behaviour.contract, "contract", &CONTRACTS, &fields, decoder);
    word(&mut behaviour.dots, "dots", &DOTS, &fields, decoder);
    word(&mut behaviour.begin, "begin", &BEGINS, &fields, decoder);
    for (key, flag, _) in FLAGS {
        if let Some(value) = boolean(&fields, key, decoder) {
            *flag(&mut behaviour) = value;
        }
    }
    if let Some(every) = count(&fields, "zone_list_failures", 0, decoder) {
        behaviour.zone_list_failures = every;
    }
    Some(behaviour)
}

fn word<T: Copy>(
    part: &mut T,
    key: &str,
    words: &[Word<T>],
    fields: &Fields<'_>,
    decoder: &mut Decoder<'_>,
) {
    let words: Vec<(&str, T)> = words.iter().map(|(word, value, _)| (*word, *value)).collect();
    if let Some(value) = decoder.word(fields, key, &words) {
        *part = value;
    }
}
