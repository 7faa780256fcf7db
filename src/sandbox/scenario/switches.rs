//! The switches of `behaviour:` as a table: their keys, the values they take, and what these mean.
//! The decoder, the schema and the command line go by it, and the manual is held to it.

use crate::sandbox::world::{
    Behaviour, CertificateBegin, ContractTerm, DnsNames, Envelope, LONGEST_VALIDITY_DAYS,
    OrganizationIds, ProductTypes, SameRecord, SecondCname, SeveralMatches, TTL_RANGE,
    TrailingDots, UnusableOrganization, ValidationReuse, ZipAnswer,
};

/// Something that the published documents leave open.
pub(super) struct Switch {
    pub(super) key: &'static str,
    /// What it is about: a lowercase fragment.
    pub(super) meaning: &'static str,
    pub(super) values: Values,
}

/// What a switch can be set to. The first word, and the opposite of what a flag is for, are usual.
pub(super) enum Values {
    /// One of these.
    Words(&'static [Word]),
    /// `true` or `false`.
    Flag(fn(&mut Behaviour, bool)),
    /// A number from one to another.
    Count(u32, u32, fn(&mut Behaviour, u32)),
    /// Any word.
    Text(fn(&mut Behaviour, String)),
}

/// A word, what it does and what it means: a lowercase fragment.
pub(super) type Word = (&'static str, Change, &'static str);

/// Sets a switch to one of its words.
pub(super) type Change = fn(&mut Behaviour);

/// Nobody looks more often.
const MOST_LOOKS: u32 = super::reading::MOST_COUNTED;

const fn switch(key: &'static str, meaning: &'static str, values: Values) -> Switch {
    Switch { key, meaning, values }
}

use Values::{Count, Flag, Text, Words};

/// All switches, in the order in which the manual tells of them.
pub(super) const SWITCHES: &[Switch] = &[
    switch(
        "envelope",
        "the envelope of answers",
        Words(&[
            ("as_seen", |b| b.envelope = Envelope::AsSeen, "each as it was seen"),
            ("coded", |b| b.envelope = Envelope::Coded, "a code always, a message never"),
            (
                "worded",
                |b| b.envelope = Envelope::Worded,
                "a message with every refusal, a code never",
            ),
        ]),
    ),
    switch(
        "retry_after",
        "a refusal for too many requests says when to come again",
        Flag(|b, on| b.retry_after = on),
    ),
    switch(
        "product_types",
        "how the catalog spells the type of a product",
        Words(&[
            ("mixed", |b| b.product_types = ProductTypes::Mixed, "some as `OV`, some as `ov`"),
            ("upper", |b| b.product_types = ProductTypes::Upper, "as `OV`"),
            ("lower", |b| b.product_types = ProductTypes::Lower, "as `ov`"),
        ]),
    ),
    switch(
        "levels",
        "the catalog says `validation_level` and `organization_required`",
        Flag(|b, on| b.levels = on),
    ),
    switch(
        "organization_ids",
        "the shape of organization ids",
        Words(&[
            (
                "public",
                |b| b.organization_ids = OrganizationIds::Public,
                "`hdl_` and 13 characters",
            ),
            (
                "numbers_in_certificates",
                |b| b.organization_ids = OrganizationIds::NumbersInCertificates,
                "numbers in certificates, as older ones have them",
            ),
            ("numbers", |b| b.organization_ids = OrganizationIds::Numbers, "numbers everywhere"),
        ]),
    ),
    switch(
        "partial_organizations",
        "an organization can be made without all nine fields",
        Flag(|b, on| b.partial_organizations = on),
    ),
    switch(
        "known_organizations",
        "making an organization that is there already gives that one",
        Flag(|b, on| b.known_organizations = on),
    ),
    switch(
        "replaced_in_place",
        "a replaced organization keeps its id, and is checked again",
        Flag(|b, on| b.replaced_in_place = on),
    ),
    switch(
        "unusable_organization",
        "what an order for an organization that cannot be used comes to",
        Words(&[
            (
                "staged",
                |b| b.unusable_organization = UnusableOrganization::Staged,
                "a staged order",
            ),
            ("refused", |b| b.unusable_organization = UnusableOrganization::Refused, "400"),
        ]),
    ),
    switch(
        "default_validity_days",
        "the term of an order that asks for none",
        Count(1, LONGEST_VALIDITY_DAYS as u32, |b, days| {
            b.default_validity_days = u16::try_from(days).unwrap_or(LONGEST_VALIDITY_DAYS);
        }),
    ),
    switch(
        "dns_names",
        "what `dns_names` of a certificate shows",
        Words(&[
            ("as_ordered", |b| b.dns_names = DnsNames::AsOrdered, "what was ordered"),
            (
                "with_common_name",
                |b| b.dns_names = DnsNames::WithCommonName,
                "the common name, too",
            ),
            (
                "without_common_name",
                |b| b.dns_names = DnsNames::WithoutCommonName,
                "never the common name",
            ),
        ]),
    ),
    switch(
        "validation_after_looks",
        "so many looks at a certificate do not show its `validation`",
        Count(0, MOST_LOOKS, |b, looks| b.validation_after_looks = looks),
    ),
    switch(
        "reuse",
        "what shows of a validation that an earlier order still covers",
        Words(&[
            ("absent", |b| b.reuse = ValidationReuse::Absent, "no `validation` at all"),
            ("empty", |b| b.reuse = ValidationReuse::Empty, "a `validation` without records"),
            ("never", |b| b.reuse = ValidationReuse::Never, "each order is validated anew"),
        ]),
    ),
    switch(
        "dots",
        "which trailing dots the validation records show",
        Words(&[
            ("value", |b| b.dots = TrailingDots::Value, "only the value"),
            ("both", |b| b.dots = TrailingDots::Both, "name and value"),
            ("neither", |b| b.dots = TrailingDots::Neither, "neither name nor value"),
        ]),
    ),
    switch("mixed_case", "validation records come in mixed case", Flag(|b, on| b.mixed_case = on)),
    switch("reasons", "a staged order names its `pending_reason`", Flag(|b, on| b.reasons = on)),
    switch(
        "stale_hints",
        "`completion_url` and `pending_reason` linger after they ceased to matter",
        Flag(|b, on| b.stale_hints = on),
    ),
    switch(
        "pending_reason",
        "the `pending_reason` of whatever is under way, instead of the known ones",
        Text(|b, text| b.pending_reason = Some(text)),
    ),
    switch(
        "pending_state",
        "the `order_state` of whatever is under way, instead of the known ones",
        Text(|b, text| b.pending_state = Some(text)),
    ),
    switch(
        "revoked_status",
        "the status of a revoked certificate",
        Text(|b, text| b.revoked_status = text),
    ),
    switch(
        "completes_again",
        "completing an order again, with the same organization, succeeds and changes nothing",
        Flag(|b, on| b.completes_again = on),
    ),
    switch(
        "replaces_reissues",
        "a reissue takes the place of the one that is under way",
        Flag(|b, on| b.replaces_reissues = on),
    ),
    switch("renews_once", "a certificate is renewed once only", Flag(|b, on| b.renews_once = on)),
    switch(
        "contract",
        "how long an order lasts",
        Words(&[
            (
                "one_year",
                |b| b.contract = ContractTerm::OneYear,
                "a year: several certificates, by reissue",
            ),
            (
                "certificate",
                |b| b.contract = ContractTerm::Certificate,
                "as long as its certificate",
            ),
        ]),
    ),
    switch("renewals", "issued certificates can be renewed", Flag(|b, on| b.renewals = on)),
    switch(
        "begin",
        "when certificates begin to be valid",
        Words(&[
            (
                "no_later_than_machine",
                |b| b.begin = CertificateBegin::NoLaterThanMachine,
                "no later than the machine's clock says, so that other programs accept them",
            ),
            (
                "at_issuance",
                |b| b.begin = CertificateBegin::AtIssuance,
                "on the day of their issuance",
            ),
        ]),
    ),
    switch(
        "honest_downloads",
        "`certificate_pem_available` waits for the download, too; each look counts as a refused one",
        Flag(|b, on| b.honest_downloads = on),
    ),
    switch(
        "serial_numbers",
        "an issued certificate shows its `serial_number`",
        Flag(|b, on| b.serial_numbers = on),
    ),
    switch(
        "zip",
        "how a download of the zip is answered",
        Words(&[
            ("served", |b| b.zip = ZipAnswer::Served, "the bundle"),
            ("not_found", |b| b.zip = ZipAnswer::NotFound, "404"),
            ("not_ready", |b| b.zip = ZipAnswer::NotReady, "409"),
        ]),
    ),
    switch(
        "forbids_unknown",
        "an unknown certificate is answered with 403 instead of 404",
        Flag(|b, on| b.forbids_unknown = on),
    ),
    switch("newest_first", "the list begins with the newest", Flag(|b, on| b.newest_first = on)),
    switch("lists_staged", "the list shows staged orders", Flag(|b, on| b.lists_staged = on)),
    switch(
        "lists_ended",
        "the list shows what was cancelled, rejected or revoked, or has expired",
        Flag(|b, on| b.lists_ended = on),
    ),
    switch(
        "list_details",
        "the list shows `validation`, `organization` and `reissue` of each",
        Flag(|b, on| b.list_details = on),
    ),
    switch(
        "second_cname",
        "what becomes of a second CNAME with another target",
        Words(&[
            (
                "exists",
                |b| b.second_cname = SecondCname::Exists,
                "417 with code 15003, as for the same record",
            ),
            ("refused", |b| b.second_cname = SecondCname::Refused, "400"),
            ("made", |b| b.second_cname = SecondCname::Made, "it is made, beside the first"),
        ]),
    ),
    switch(
        "same_record",
        "what counts as a record that exists",
        Words(&[
            ("data", |b| b.same_record = SameRecord::Data, "name, type and data"),
            (
                "everything",
                |b| b.same_record = SameRecord::Everything,
                "TTL and annotation, too: one that differs there is made",
            ),
        ]),
    ),
    switch(
        "several_matches",
        "which record a change by name means when there are several",
        Words(&[
            ("oldest", |b| b.several_matches = SeveralMatches::Oldest, "the oldest"),
            ("newest", |b| b.several_matches = SeveralMatches::Newest, "the newest"),
            ("refused", |b| b.several_matches = SeveralMatches::Refused, "none: 400"),
        ]),
    ),
    switch(
        "relative_data",
        "data without a trailing dot is completed with the name of the zone",
        Flag(|b, on| b.relative_data = on),
    ),
    switch(
        "default_ttl",
        "the TTL of a record that asks for none",
        Count(*TTL_RANGE.start(), *TTL_RANGE.end(), |b, ttl| b.default_ttl = ttl),
    ),
    switch(
        "auto_records",
        "zones show records that the vendor keeps itself, such as NS",
        Flag(|b, on| b.auto_records = on),
    ),
    switch(
        "zone_list_failures",
        "every so many lists of a zone's records are answered with 500; 0 is never",
        Count(0, MOST_LOOKS, |b, every| b.zone_list_failures = every),
    ),
];
